//! Removing a changefeed: a page of its own, so that it works without JavaScript and has room to explain.

use crate::app::changefeed::{list_crumb, use_feed_id};
use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::ui::feed::{feed_address, feed_name};
use crate::fns::changefeeds::{RemoveChangefeed, get_changefeed};
use crate::fns::data::FeedDetail;
use leptos::form::ActionForm;
use leptos::prelude::*;

/// The page.
#[component]
pub(crate) fn Remove() -> impl IntoView {
    let id = use_feed_id();
    let remove = ServerAction::<RemoveChangefeed>::new();
    let detail = Resource::new_blocking(move || id.get(), |(namespace, id)| get_changefeed(namespace, id));
    let crumbs = move || {
        let (namespace, id) = id.get_untracked();
        let mut crumbs = list_crumb();
        crumbs.push((feed_name(&namespace, &id), feed_address(&namespace, &id)));
        crumbs
    };
    view! {
        <PageHead title="Remove changefeed" crumbs=crumbs()/>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <Confirm detail remove/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Confirm(detail: FeedDetail, remove: ServerAction<RemoveChangefeed>) -> impl IntoView {
    let (namespace, id) = (detail.row.namespace, detail.row.id);
    let download = |format: &str| format!("/ui/changefeeds/export?format={format}&feed={namespace}/{id}");
    let typed = RwSignal::new(String::new());
    let hydrated = RwSignal::new(false);
    Effect::new(move |_| hydrated.set(true));
    let expected = id.clone();
    // Until the page is hydrated the server judges alone.
    let off = move || hydrated.get() && typed.with(|typed| typed.trim() != expected);
    let off_too = off.clone();
    let value = remove.value();
    let refused = move || {
        value
            .get()
            .and_then(Result::err)
            .map(|error| view! { <ErrorNote error/> })
    };
    view! {
        <section class="card max-w-2xl p-5">
            <p class="mb-2">
                "This deletes " <strong class="font-medium wrap-anywhere">{id.clone()}</strong>
                ", its configuration and its checkpoint. It cannot be undone."
            </p>
            <p class="mb-4 text-sm text-ink-2">
                "Data that was already written downstream stays. To stop for a while only, pause it instead."
            </p>
            <p class="mb-4 flex flex-wrap gap-x-4 text-sm">
                "Download its config first:"
                <a class="link" rel="external" href=download("json")>
                    "JSON"
                </a>
                <a class="link" rel="external" href=download("toml")>
                    "TOML"
                </a>
            </p>
            <ActionForm action=remove>
                <input type="hidden" name="namespace" value=namespace.clone()/>
                <input type="hidden" name="id" value=id.clone()/>
                <label class="mb-1 block text-sm font-medium" for="confirm">
                    "Type " <code class="wrap-anywhere">{id.clone()}</code> " to confirm"
                </label>
                <input
                    class="input mb-4"
                    id="confirm"
                    name="confirm"
                    type="text"
                    required
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    on:input=move |ev| typed.set(event_target_value(&ev))
                />
                <div class="flex flex-wrap gap-2">
                    <a class="btn btn-primary" href=feed_address(&namespace, &id)>
                        "Keep it"
                    </a>
                    <button
                        class="btn btn-danger"
                        type="submit"
                        aria-disabled=move || off().then_some("true")
                        on:click=move |ev| {
                            if off_too() {
                                ev.prevent_default();
                            }
                        }
                    >
                        "Remove changefeed"
                    </button>
                </div>
            </ActionForm>
            <div class="mt-4">{refused}</div>
        </section>
    }
    .into_any()
}
