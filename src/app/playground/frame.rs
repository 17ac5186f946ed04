//! The form of a playground and its answer.

use crate::app::layout::{ErrorNote, PageError, loading};
use crate::app::ui::typing::{Fields, Typing};
use crate::fns::playground::{Place, TriedOut, try_out};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Fields, and what the server makes of them. The address says it all.
#[component]
pub(crate) fn Playground(place: Place) -> impl IntoView {
    let search = use_location().search;
    let typing = Typing::new(place.address());
    let fields = StoredValue::new(Fields::default());
    let tried = Resource::new_blocking(
        move || search.get(),
        move |query| async move { (try_out(place, query.clone()).await, query) },
    );
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                let (tried, query) = tried.await;
                let (tried, error) = match tried {
                    Ok(tried) => (tried, None),
                    Err(error) if fields.with_value(Fields::is_empty) => {
                        return view! { <PageError error/> }.into_any();
                    }
                    // What was typed stays.
                    Err(error) => (TriedOut::default(), Some(error)),
                };
                let TriedOut { fields: new, notes, answer, summary } = tried;
                if error.is_none() && typing.takes(&query) {
                    fields.update_value(|fields| fields.renew(new));
                }
                view! {
                    <p role="status" class="sr-only">
                        {summary}
                    </p>
                    <div class="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-2">
                        <div class="min-w-0">
                            <form
                                node_ref=typing.form()
                                method="get"
                                action=place.address()
                                on:submit=move |ev| typing.submitted(&ev)
                                on:input=move |ev| typing.changed(&ev)
                                inner_html=fields.with_value(Fields::html)
                            ></form>
                            <div inner_html=notes></div>
                        </div>
                        <div class="min-w-0">
                            {error.map(|error| view! { <ErrorNote error/> })}
                            <div inner_html=answer></div>
                        </div>
                    </div>
                }
                .into_any()
            })}
        </Transition>
    }
    .into_any()
}
