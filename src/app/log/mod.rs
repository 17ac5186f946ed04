//! The server's log: its level, and its lines as they come.

mod level;
#[cfg(feature = "ssr")]
pub(crate) mod lines;
#[cfg(feature = "ssr")]
pub(crate) mod page;
mod tail;

use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::log::level::LevelForm;
use crate::app::log::tail::{CopyLines, Newer, Tailed};
use crate::app::ui::typing::{Fields, Typing};
use crate::fns::error::ConsoleError;
use crate::fns::log::{LogPage, SetLogLevel, get_log_level, read_log};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The page.
#[component]
pub(crate) fn Log() -> impl IntoView {
    let set = ServerAction::<SetLogLevel>::new();
    let level = Resource::new_blocking(move || set.version().get(), |_| get_log_level());
    view! {
        <PageHead title="Logs"/>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match level.await {
                    Ok(level) => view! { <LevelForm set level/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
        <Lines/>
    }
    .into_any()
}

/// A page of the log, and the query it is for.
type Read = (Result<LogPage, ConsoleError>, String);

/// The newest lines, and those that come.
#[component]
fn Lines() -> impl IntoView {
    let search = use_location().search;
    let page = Resource::new_blocking(
        move || search.get(),
        |query| async move { (read_log(query.clone()).await, query) },
    );
    // Made once: a form that is made anew forgets where somebody types.
    view! {
        <Transition fallback=loading>
            {Suspend::new(async move {
                match page.await {
                    (Ok(first), _) => view! { <Tail first page/> }.into_any(),
                    (Err(error), _) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn Tail(first: LogPage, page: Resource<Read>) -> impl IntoView {
    let typing = Typing::new("/ui/logs");
    let fields = RwSignal::new(Fields::new(first.fields.clone()));
    let shown = RwSignal::new(first);
    let error = RwSignal::new(None::<ConsoleError>);
    let tailed = Tailed::new();
    Effect::new(move |ran: Option<()>| {
        let (Some(()), Some((page, query))) = (ran, page.get()) else {
            return;
        };
        match page {
            Ok(page) => {
                if typing.takes(&query) {
                    fields.update(|fields| fields.renew(page.fields.clone()));
                }
                shown.set(page);
                error.set(None);
            }
            Err(refused) => error.set(Some(refused)),
        }
    });
    tailed.follow(move || shown.with(|page| (page.stream.clone(), page.next)));
    let wraps = move || shown.with(|page| page.wraps);
    view! {
        <section class="mt-6" aria-labelledby="lines-heading">
            <h2 id="lines-heading" class="mb-2 text-lg">
                "Lines"
            </h2>
            <form
                node_ref=typing.form()
                method="get"
                action="/ui/logs"
                on:submit=move |ev| typing.submitted(&ev)
                on:input=move |ev| typing.changed(&ev)
                inner_html=move || fields.with(Fields::html)
            ></form>
            {move || error.get().map(|error| view! { <ErrorNote error/> })}
            <div class="mt-3 mb-2 flex flex-wrap items-center gap-3">
                <a
                    class="chip"
                    href=move || shown.with(|page| page.wrap_address.clone())
                    aria-current=move || wraps().then_some("true")
                >
                    "Wrap long lines"
                </a>
                <a
                    class="link text-sm"
                    href=move || shown.with(|page| page.download.clone())
                    rel="external"
                    download="tidegate.log"
                >
                    "Download"
                </a>
                <CopyLines tailed/>
                <Newer tailed/>
            </div>
            <div
                node_ref=tailed.node()
                class=move || if wraps() { "log-lines wraps" } else { "log-lines" }
                tabindex="0"
                role="region"
                aria-label="Log lines"
                on:scroll=move |_| tailed.scrolled()
                inner_html=move || shown.with(|page| page.lines.clone())
            ></div>
        </section>
    }
    .into_any()
}
