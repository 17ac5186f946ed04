//! The playgrounds. The browser's part is the same for all: what is typed goes into the address, and the server's answer
//! to the address takes the place of the last one.

#[cfg(feature = "ssr")]
pub(crate) mod events;
mod frame;
#[cfg(feature = "ssr")]
pub(crate) mod rules;

use crate::app::layout::PageHead;
use crate::app::playground::frame::Playground;
use crate::fns::playground::Place;
use leptos::prelude::*;

/// Table rules.
#[component]
pub(crate) fn Rules() -> impl IntoView {
    page(Place::Filter)
}

/// Event filters.
#[component]
pub(crate) fn Events() -> impl IntoView {
    page(Place::Expression)
}

const fn title(place: Place) -> &'static str {
    match place {
        Place::Filter => "Table rules",
        Place::Expression => "Event filters",
    }
}

fn page(place: Place) -> AnyView {
    let links = [Place::Filter, Place::Expression].map(|other| {
        view! {
            <li>
                <a class="chip" href=other.address() aria-current=(other == place).then_some("true")>
                    {title(other)}
                </a>
            </li>
        }
    });
    view! {
        <PageHead title=title(place)>
            <nav aria-label="Playgrounds">
                <ul class="flex gap-1.5">{links}</ul>
            </nav>
        </PageHead>
        <Playground place/>
    }
    .into_any()
}
