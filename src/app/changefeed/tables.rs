//! The tables of a changefeed.

use crate::app::layout::{PageError, loading};
use crate::fns::data::FeedDetail;
use crate::fns::watch::get_tables;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Body of the tables tab.
#[component]
pub(super) fn Body(detail: StoredValue<FeedDetail>) -> impl IntoView {
    let search = use_location().search;
    let name = detail.with_value(|detail| (detail.row.namespace.clone(), detail.row.id.clone()));
    let tables = Resource::new_blocking(
        move || (name.clone(), search.get()),
        |((namespace, id), query)| get_tables(namespace, id, query),
    );
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match tables.await {
                    Ok(html) => view! { <div inner_html=html></div> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}
