//! Server processes.

#[cfg(feature = "ssr")]
pub(crate) mod made;

use crate::app::layout::{Crumb, ErrorNote, PageError, PageHead, loading};
use crate::app::ui::copy::CopyButton;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::captures::{DrainCapture, ResignOwner, get_capture, list_captures};
use crate::fns::data::CaptureView;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

/// The page of all.
#[component]
pub(crate) fn Captures() -> impl IntoView {
    let captures = Resource::new_blocking(|| (), |()| list_captures());
    view! {
        <PageHead title="Captures"/>
        <p class="-mt-3 mb-4 text-sm text-ink-2">"A capture is one server process. The owner leads and writes the checkpoints."</p>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match captures.await {
                    Ok(captures) => view! { <div inner_html=captures.table></div> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// The page of one. `?confirm=resign` and `?confirm=drain` ask before they do it.
#[component]
pub(crate) fn Capture() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        let id = params.with(|params| params.get_str("id").unwrap_or_default().to_owned());
        let word = |name| query.with(|query| query.get_str(name).unwrap_or_default().to_owned());
        (id, word("confirm"), word("done"))
    });
    let view = Resource::new_blocking(
        move || asked.get(),
        |(id, confirm, done)| get_capture(id, confirm, done),
    );
    // Kept beyond the page's renewal, so that a refusal stays to be read.
    let (resign, drain) = (
        ServerAction::<ResignOwner>::new(),
        ServerAction::<DrainCapture>::new(),
    );
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => view! { <One view resign drain/> }.into_any(),
                    Err(error) => {
                        view! {
                            <PageHead title="Capture" crumbs=crumbs()/>
                            <PageError error/>
                        }
                            .into_any()
                    }
                }
            })}
        </Transition>
    }
    .into_any()
}

fn crumbs() -> Vec<Crumb> {
    vec![("Captures".to_owned(), "/ui/captures".to_owned())]
}

#[component]
fn One(
    view: CaptureView,
    resign: ServerAction<ResignOwner>,
    drain: ServerAction<DrainCapture>,
) -> impl IntoView {
    let CaptureView {
        id,
        address,
        confirm,
        why_not,
        facts,
    } = view;
    let (resigned, drained) = (resign.value(), drain.value());
    let refused = move || {
        let error = resigned
            .get()
            .and_then(Result::err)
            .or_else(|| drained.get().and_then(Result::err))?;
        Some(view! { <div class="mb-4 max-w-2xl"><ErrorNote error/></div> })
    };
    let (shown_id, copied_id) = (id.clone(), id.clone());
    let form = match confirm.as_str() {
        "resign" => view! {
            <ActionForm action=resign>
                <input type="hidden" name="id" value=id/>
                <Confirm name="Resign owner" why_not/>
            </ActionForm>
        }
        .into_any(),
        "drain" => view! {
            <ActionForm action=drain>
                <input type="hidden" name="id" value=id/>
                <Confirm name="Drain this capture" why_not/>
            </ActionForm>
        }
        .into_any(),
        _ => ().into_any(),
    };
    view! {
        <PageHead title=address crumbs=crumbs()>
            <span class="flex min-w-0 items-center gap-1">
                <code class="text-xs wrap-anywhere text-ink-2">{shown_id}</code>
                <CopyButton text=copied_id what="capture id"/>
            </span>
        </PageHead>
        {refused}
        <div inner_html=facts></div>
        {form}
    }
    .into_any()
}

/// The button that does it. It stays reachable when it is off, so that its reason can be read.
#[component]
fn Confirm(name: &'static str, why_not: String) -> impl IntoView {
    let off = !why_not.is_empty();
    view! {
        <p id="why-not" class="mb-3 max-w-2xl text-sm font-medium text-failed">{why_not}</p>
        <div class="flex flex-wrap gap-2">
            <a class="btn btn-primary" href="?">
                "Leave it as it is"
            </a>
            <button
                class="btn btn-danger"
                type="submit"
                aria-disabled=off.then_some("true")
                aria-describedby="why-not"
                on:click=move |ev| {
                    if off {
                        ev.prevent_default();
                    }
                }
            >
                {name}
            </button>
        </div>
    }
    .into_any()
}

/// Whether a capture leads.
#[component]
pub(crate) fn Role(owner: bool) -> impl IntoView {
    if owner {
        view! {
            <span class="badge badge-finished">
                <Icon glyph=Glyph::Flag/>
                "owner"
            </span>
        }
        .into_any()
    } else {
        view! { <span class="text-ink-2">"follower"</span> }.into_any()
    }
}
