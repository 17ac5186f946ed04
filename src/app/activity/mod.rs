//! Who changed what, newest first: of the server, and as a part of each changefeed.

#[cfg(feature = "ssr")]
pub(crate) mod made;

use crate::app::layout::{PageError, PageHead, loading};
use crate::fns::activity::get_activity;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The page. Its query filters, and goes back in time.
#[component]
pub(crate) fn Activity() -> impl IntoView {
    view! {
        <PageHead title="Activity"/>
        <p class="-mt-3 mb-4 text-sm text-ink-2">
            "Who changed what, who was refused, and what the engine did by itself. Secrets are masked."
        </p>
        <Entries feed=String::new()/>
    }
    .into_any()
}

/// The entries that the address asks for; of one changefeed, `namespace/id`, if it is named.
#[component]
pub(crate) fn Entries(feed: String) -> impl IntoView {
    let search = use_location().search;
    let page = Resource::new_blocking(
        move || search.get(),
        move |query| get_activity(feed.clone(), query),
    );
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(entries) => view! { <div inner_html=entries></div> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}
