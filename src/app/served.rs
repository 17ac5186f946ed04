//! A page whose HTML the server makes as a whole: the browser only puts it in its place.

use crate::app::layout::{PageError, loading};
use crate::app::topbar::name_local_zone;
use crate::fns::served::{Part, get_served};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The page for the query of the address.
#[component]
pub(crate) fn Served(part: Part) -> impl IntoView {
    let search = use_location().search;
    let served = Resource::new_blocking(move || search.get(), move |query| get_served(part, query));
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match served.await {
                    Ok(html) => {
                        name_local_zone();
                        view! { <div inner_html=html></div> }.into_any()
                    }
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}
