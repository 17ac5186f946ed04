//! Commands by their names, from every page. The server finds them; the browser chooses one and runs it. Everything here
//! is also a link or a button of some page.

pub(crate) mod keys;
#[cfg(feature = "ssr")]
pub(crate) mod list;
mod page;

use crate::app::live::use_live;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::changefeeds::{pause_changefeed, resume_changefeed};
use crate::fns::palette::find_commands;
use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};

/// Opens a page of the console.
type Go = Box<dyn Fn(&str) + Send + Sync>;

/// What the palette does. A handle: copies mean the same palette.
#[derive(Copy, Clone)]
pub(crate) struct Palette {
    dialog: NodeRef<html::Dialog>,
    keys: NodeRef<html::Dialog>,
    text: RwSignal<String>,
    /// The list that the server made last.
    list: RwSignal<String>,
    /// Number of the last question: older answers are not shown.
    asked: StoredValue<u32>,
    /// What came out of the last command that changed something.
    trouble: RwSignal<String>,
    path: Memo<String>,
    go: StoredValue<Go>,
    said: RwSignal<String>,
}

impl Palette {
    fn new() -> Self {
        let navigate = use_navigate();
        Palette {
            dialog: NodeRef::new(),
            keys: NodeRef::new(),
            text: RwSignal::new(String::new()),
            list: RwSignal::new(String::new()),
            asked: StoredValue::new(0),
            trouble: RwSignal::new(String::new()),
            path: use_location().pathname,
            go: StoredValue::new(Box::new(move |address: &str| {
                navigate(address, NavigateOptions::default());
            })),
            said: use_live().announced(),
        }
    }

    /// Shows the commands.
    pub(crate) fn open(self) {
        self.text.set(String::new());
        self.trouble.set(String::new());
        self.ask();
        page::show(self.dialog);
    }

    /// Shows the keys.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn explain(self) {
        page::show(self.keys);
    }

    /// Opens a page of the console.
    pub(crate) fn go(self, address: &str) {
        self.go.with_value(|go| go(address));
    }

    fn ask(self) {
        let number = self.asked.get_value().wrapping_add(1);
        self.asked.set_value(number);
        let (text, path) = (self.text.get_untracked(), self.path.get_untracked());
        spawn_local(async move {
            let found = find_commands(text, path).await;
            if self.asked.try_get_value() != Some(number) {
                return;
            }
            match found {
                Ok(list) => {
                    self.trouble.set(String::new());
                    self.list.set(list);
                    // The list is put in its place before the next frame.
                    request_animation_frame(|| page::step(0));
                }
                Err(error) => self.trouble.set(error.message),
            }
        });
    }

    /// Pauses or resumes a changefeed, and says what came of it.
    pub(crate) fn change(self, verb: &str, feed: &str) {
        let Some((namespace, id)) = feed.split_once('/') else {
            return;
        };
        let (pauses, namespace, id) = (verb == "pause", namespace.to_owned(), id.to_owned());
        spawn_local(async move {
            let name = id.clone();
            let done = match pauses {
                true => pause_changefeed(namespace, id).await,
                false => resume_changefeed(namespace, id).await,
            };
            match done {
                Ok(()) => {
                    let word = if pauses { "paused" } else { "resumed" };
                    self.said.set(format!("{name} is {word}"));
                    page::close(self.dialog);
                }
                Err(error) => {
                    self.trouble.set(error.message);
                    page::show(self.dialog);
                }
            }
        });
    }

    /// Runs the chosen command, or says that it is off.
    fn run(self, choice: Option<page::Choice>) {
        match choice {
            Some(page::Choice::Go(address)) => {
                page::close(self.dialog);
                self.go(&address);
            }
            Some(page::Choice::Do(verb, feed)) => self.change(&verb, &feed),
            Some(page::Choice::Off(why)) => self.trouble.set(why),
            None => {}
        }
    }

    fn pressed(self, ev: &KeyboardEvent) {
        match ev.key().as_str() {
            "ArrowDown" => page::step(1),
            "ArrowUp" => page::step(-1),
            "Enter" => self.run(page::chosen()),
            _ => return,
        }
        ev.prevent_default();
    }
}

/// The dialogs, the button in the top bar, and the keys.
#[component]
pub(crate) fn Commands() -> impl IntoView {
    let palette = Palette::new();
    keys::listen(palette);
    view! {
        <button
            type="button"
            class="btn scripted !px-2"
            aria-label="Commands"
            aria-haspopup="dialog"
            aria-keyshortcuts="Control+K"
            title="Commands (Ctrl+K)"
            on:click=move |_| palette.open()
        >
            <Icon glyph=Glyph::Search/>
            <kbd class="hidden text-xs text-ink-3 lg:block">"Ctrl K"</kbd>
        </button>
        <dialog node_ref=palette.dialog class="palette" aria-label="Commands" on:click=move |ev: MouseEvent| page::close_outside(&ev)>
            <div class="p-3">
                <input
                    class="input"
                    type="text"
                    role="combobox"
                    aria-label="Command"
                    aria-expanded="true"
                    aria-controls="commands"
                    aria-autocomplete="list"
                    aria-activedescendant="command-0"
                    placeholder="Page, changefeed or action"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    prop:value=move || palette.text.get()
                    on:input=move |ev| {
                        palette.text.set(event_target_value(&ev));
                        palette.ask();
                    }
                    on:keydown=move |ev| palette.pressed(&ev)
                />
                <p role="alert" class="mt-2 text-sm text-failed empty:hidden">
                    {move || palette.trouble.get()}
                </p>
                <div
                    class="mt-2"
                    inner_html=move || palette.list.get()
                    on:click=move |ev: MouseEvent| palette.run(page::clicked(&ev))
                ></div>
            </div>
        </dialog>
        <dialog node_ref=palette.keys class="palette" aria-labelledby="keys-heading" on:click=move |ev: MouseEvent| page::close_outside(&ev)>
            <div class="p-4" inner_html=keys::HELP></div>
        </dialog>
    }
    .into_any()
}
