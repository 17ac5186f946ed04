//! The form of a playground and its answer.

use crate::app::layout::{ErrorNote, PageError, loading};
use crate::app::ui::typing::{Fields, Typing};
use crate::fns::error::ConsoleError;
use crate::fns::playground::{Place, TriedOut, try_out};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

type Tried = (Result<TriedOut, ConsoleError>, String);

/// Fields, and what the server makes of them. The address says it all.
#[component]
pub(crate) fn Playground(place: Place) -> impl IntoView {
    let search = use_location().search;
    let tried = Resource::new_blocking(
        move || search.get(),
        move |query| async move { (try_out(place, query.clone()).await, query) },
    );
    // Made once: a form that is made anew forgets where somebody types.
    view! {
        <Transition fallback=loading>
            {Suspend::new(async move {
                match tried.await {
                    (Ok(first), _) => view! { <Form place first tried/> }.into_any(),
                    (Err(error), _) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn Form(place: Place, first: TriedOut, tried: Resource<Tried>) -> impl IntoView {
    let typing = Typing::new(place.address());
    let fields = RwSignal::new(Fields::new(first.fields));
    let summary = RwSignal::new(first.summary);
    let notes = RwSignal::new(first.notes);
    let answer = RwSignal::new(first.answer);
    let error = RwSignal::new(None::<ConsoleError>);
    Effect::new(move |ran: Option<()>| {
        let (Some(_), Some((tried, query))) = (ran, tried.get()) else {
            return;
        };
        match tried {
            Ok(tried) => {
                if typing.takes(&query) {
                    fields.update(|fields| fields.renew(tried.fields));
                }
                summary.set(tried.summary);
                notes.set(tried.notes);
                answer.set(tried.answer);
                error.set(None);
            }
            // What was typed stays.
            Err(refused) => {
                answer.set(String::new());
                error.set(Some(refused));
            }
        }
    });
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
                    inner_html=move || fields.with(Fields::html)
                ></form>
                <div inner_html=notes></div>
            </div>
            <div class="min-w-0">
                {move || error.get().map(|error| view! { <ErrorNote error/> })}
                <div inner_html=answer></div>
            </div>
        </div>
    }
    .into_any()
}
