//! The server's log: its level, and its lines as they come.

mod level;
#[cfg(feature = "ssr")]
pub(crate) mod lines;
#[cfg(feature = "ssr")]
pub(crate) mod page;
mod tail;

use crate::app::layout::{PageError, PageHead, loading};
use crate::app::log::level::LevelForm;
use crate::app::log::tail::{CopyLines, Newer, Tailed};
use crate::app::ui::typing::{Fields, Typing};
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

/// The newest lines, and those that come.
#[component]
fn Lines() -> impl IntoView {
    let search = use_location().search;
    let typing = Typing::new("/ui/logs");
    let fields = StoredValue::new(Fields::default());
    let tailed = Tailed::new();
    let page = Resource::new_blocking(
        move || search.get(),
        |query| async move { (read_log(query.clone()).await, query) },
    );
    tailed.follow(move || {
        page.get()
            .and_then(|(page, _)| page.ok())
            .map(|page| (page.stream, page.next))
    });
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                let (page, query) = page.await;
                let page = match page {
                    Ok(page) => page,
                    Err(error) => return view! { <PageError error/> }.into_any(),
                };
                if typing.takes(&query) {
                    fields.update_value(|fields| fields.renew(page.fields.clone()));
                }
                let LogPage { lines, wraps, wrap_address, download, .. } = page;
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
                            inner_html=fields.with_value(Fields::html)
                        ></form>
                        <div class="mt-3 mb-2 flex flex-wrap items-center gap-3">
                            <a class="chip" href=wrap_address aria-current=wraps.then_some("true")>
                                "Wrap long lines"
                            </a>
                            <a class="link text-sm" href=download rel="external" download="tidegate.log">
                                "Download"
                            </a>
                            <CopyLines tailed/>
                            <Newer tailed/>
                        </div>
                        <div
                            node_ref=tailed.node()
                            class=if wraps { "log-lines wraps" } else { "log-lines" }
                            tabindex="0"
                            role="region"
                            aria-label="Log lines"
                            on:scroll=move |_| tailed.scrolled()
                            inner_html=lines
                        ></div>
                    </section>
                }
                .into_any()
            })}
        </Transition>
    }
    .into_any()
}
