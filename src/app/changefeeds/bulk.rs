//! What is about to be done with several changefeeds, and what came of it. The server makes all of it.

use crate::app::layout::{PageError, PageHead, loading};
use crate::fns::changefeeds::get_bulk;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The page.
#[component]
pub(crate) fn Bulk() -> impl IntoView {
    let search = use_location().search;
    let page = Resource::new_blocking(move || search.get(), get_bulk);
    let crumbs = || vec![("Changefeeds".to_owned(), "/ui/changefeeds".to_owned())];
    view! {
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match page.await {
                    Ok((title, html)) => view! {
                        <PageHead title crumbs=crumbs()/>
                        <div inner_html=html></div>
                    }
                    .into_any(),
                    Err(error) => view! {
                        <PageHead title="Several changefeeds" crumbs=crumbs()/>
                        <PageError error/>
                    }
                    .into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}
