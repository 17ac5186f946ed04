//! New lines at the end of the log, as long as its end is in sight: who has scrolled up to read is not moved, and told
//! how many lines wait.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "lines come in the browser only")
)]

use crate::app::format;
use crate::app::ui::copy::clipboard;
use crate::app::ui::icon::{Glyph, Icon};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// Lines on screen, and lines that wait.
const LINES_MAX: usize = 2_000;
/// How near to its end the view still counts as being there, in pixels.
const NEAR_PX: i32 = 24;

/// Lines that wait, oldest first: how many, and their HTML.
type Waiting = Vec<(usize, String)>;

/// The end of the log on screen. A handle: copies mean the same one.
#[derive(Copy, Clone)]
pub(crate) struct Tailed {
    node: NodeRef<html::Div>,
    waiting: StoredValue<Waiting>,
    /// How many lines came since the view left the end.
    newer: RwSignal<usize>,
}

impl Tailed {
    pub(crate) fn new() -> Self {
        Tailed {
            node: NodeRef::new(),
            waiting: StoredValue::new(Waiting::new()),
            newer: RwSignal::new(0),
        }
    }

    /// The node with the lines.
    pub(crate) fn node(self) -> NodeRef<html::Div> {
        self.node
    }

    /// Adds the lines of a stream, another one whenever its address changes. On the server it does nothing.
    pub(crate) fn follow(self, stream: impl Fn() -> (String, u64) + Send + Sync + 'static) {
        #[cfg(target_arch = "wasm32")]
        browser::follow(self, stream);
        #[cfg(not(target_arch = "wasm32"))]
        let _on_the_server_nothing_comes = stream;
    }

    /// The view moved: at the end, what waits is shown.
    pub(crate) fn scrolled(self) {
        if self.newer.get_untracked() > 0 && self.is_at_end() {
            self.catch_up();
        }
    }

    fn is_at_end(self) -> bool {
        self.node
            .get_untracked()
            .is_none_or(|node| node.scroll_height() - node.scroll_top() - node.client_height() <= NEAR_PX)
    }

    /// Takes in lines.
    fn add(self, count: usize, lines: String) {
        let is_at_end = self.newer.get_untracked() == 0 && self.is_at_end();
        self.waiting.update_value(|waiting| {
            waiting.push((count, lines));
            let mut sum: usize = waiting.iter().map(|(count, _)| count).sum();
            while sum > LINES_MAX && waiting.len() > 1 {
                sum -= waiting.remove(0).0;
            }
        });
        if is_at_end {
            self.catch_up();
        } else {
            self.newer.update(|newer| *newer += count);
        }
    }

    /// Shows what waits, and goes to the end.
    fn catch_up(self) {
        let Some(node) = self.node.get_untracked() else {
            return;
        };
        let waiting = self.waiting.try_update_value(std::mem::take).unwrap_or_default();
        for (_, lines) in waiting {
            let _not_html = node.insert_adjacent_html("beforeend", &lines);
        }
        while node.child_element_count() as usize > LINES_MAX {
            let Some(oldest) = node.first_element_child() else {
                break;
            };
            oldest.remove();
        }
        node.set_scroll_top(node.scroll_height());
        self.newer.set(0);
    }
}

/// How many lines wait, and the way to them.
#[component]
pub(crate) fn Newer(tailed: Tailed) -> impl IntoView {
    let newer = tailed.newer;
    view! {
        <button
            type="button"
            class="btn scripted"
            hidden=move || newer.get() == 0
            on:click=move |_| tailed.catch_up()
        >
            <Icon glyph=Glyph::Down/>
            {move || format::count(newer.get(), "new line", "new lines")}
        </button>
    }
    .into_any()
}

/// Copies the lines on screen.
#[component]
pub(crate) fn CopyLines(tailed: Tailed) -> impl IntoView {
    let available = RwSignal::new(true);
    Effect::new(move |_| available.set(clipboard::is_available()));
    let said = RwSignal::new("");
    view! {
        <button
            type="button"
            class="btn scripted"
            hidden=move || !available.get()
            on:click=move |_| {
                let text = tailed.node.get_untracked().map(|node| node.inner_text()).unwrap_or_default();
                spawn_local(async move {
                    said.set(if clipboard::copy(&text).await { "Copied" } else { "" });
                });
            }
        >
            <Icon glyph=Glyph::Copy/>
            "Copy lines"
        </button>
        <span role="status" class="sr-only">
            {move || said.get()}
        </span>
    }
    .into_any()
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::Tailed;
    use crate::app::live::sleep;
    use crate::fns::log::EVENT;
    use futures::StreamExt;
    use futures::future::{AbortHandle, abortable};
    use gloo_net::eventsource::futures::EventSource;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use std::time::Duration;

    /// Pause before a connection that broke is made anew.
    const RETRY: Duration = Duration::from_secs(2);

    pub(super) fn follow(tailed: Tailed, stream: impl Fn() -> (String, u64) + Send + Sync + 'static) {
        let running = StoredValue::new(None::<AbortHandle>);
        let stop = move || running.try_update_value(|running| running.take().inspect(AbortHandle::abort));
        Effect::new(move |_| {
            stop();
            let (stream, after) = stream();
            tailed.waiting.update_value(Vec::clear);
            tailed.newer.set(0);
            // The lines of the page are put into the document first.
            request_animation_frame(move || {
                if let Some(node) = tailed.node.get_untracked() {
                    node.set_scroll_top(node.scroll_height());
                }
                let (reading, handle) = abortable(read(tailed, stream, after));
                let _gone = running.try_set_value(Some(handle));
                spawn_local(async move {
                    let _stopped = reading.await;
                });
            });
        });
        on_cleanup(move || {
            stop();
        });
    }

    /// Reads until it is stopped, again and again from the last line that is there.
    async fn read(tailed: Tailed, stream: String, mut after: u64) {
        let joint = if stream.contains('?') { '&' } else { '?' };
        loop {
            listen(tailed, &format!("{stream}{joint}after={after}"), &mut after).await;
            sleep(RETRY).await;
        }
    }

    /// Takes in lines until the connection breaks.
    async fn listen(tailed: Tailed, stream: &str, after: &mut u64) {
        let Ok(mut source) = EventSource::new(stream) else {
            return;
        };
        let Ok(mut events) = source.subscribe(EVENT) else {
            return;
        };
        while let Some(Ok((_, event))) = events.next().await {
            let text = event.data().as_string();
            let Some((count, lines)) = text.as_deref().and_then(|text| text.split_once('\n')) else {
                return;
            };
            *after = event.last_event_id().parse().unwrap_or(*after);
            tailed.add(count.parse().unwrap_or(1), lines.to_owned());
        }
    }
}
