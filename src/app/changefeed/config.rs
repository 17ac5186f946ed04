//! The configuration, its history and what is different between two versions. All but the text to copy is made by the
//! server.

use crate::app::layout::{PageError, loading};
use crate::app::ui::copy::CodeBlock;
use crate::fns::data::FeedDetail;
use crate::fns::history::{ConfigView, get_config};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Body of the config tab.
#[component]
pub(super) fn Body(detail: StoredValue<FeedDetail>) -> impl IntoView {
    let search = use_location().search;
    let config = Resource::new_blocking(
        move || search.get(),
        move |query| {
            let (namespace, id) =
                detail.with_value(|detail| (detail.row.namespace.clone(), detail.row.id.clone()));
            get_config(namespace, id, query)
        },
    );
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match config.await {
                    Ok(view) => view! { <Shown view/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn Shown(view: ConfigView) -> impl IntoView {
    let ConfigView {
        head,
        code,
        what,
        rest,
    } = view;
    view! {
        <div inner_html=head></div>
        {(!code.is_empty()).then(|| view! { <CodeBlock code what/> })}
        <div inner_html=rest></div>
    }
    .into_any()
}
