//! Changing a changefeed: pause, change, resume. The API takes changes of stopped and failed ones only.

use crate::app::changefeed::use_feed_id;
use crate::app::changefeed_new::Page;
use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::ui::badge::StateBadge;
use crate::app::ui::feed::{feed_address, feed_name};
use crate::fns::changefeeds::PauseChangefeed;
use crate::fns::create::{Begin, FormView, get_form};
use crate::fns::data::FeedState;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// The page.
#[component]
pub(crate) fn Edit() -> impl IntoView {
    let id = use_feed_id();
    let query = use_query_map();
    let key = Memo::new(move |_| {
        let word = |name| query.with(|query| query.get_str(name).unwrap_or_default().to_owned());
        (word("draft"), word("version"))
    });
    let pause = ServerAction::<PauseChangefeed>::new();
    let data = Resource::new_blocking(
        move || (id.get(), key.get(), pause.version().get()),
        |((namespace, id), (draft, version), _)| {
            get_form(Begin {
                draft,
                version,
                edit: format!("{namespace}/{id}"),
                ..Begin::default()
            })
        },
    );
    let head = move || {
        let (namespace, id) = id.get();
        let crumbs = vec![
            ("Changefeeds".to_owned(), "/ui/changefeeds".to_owned()),
            (feed_name(&namespace, &id), feed_address(&namespace, &id)),
        ];
        view! { <PageHead title="Edit" crumbs/> }
    };
    view! {
        {head}
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match data.await {
                    Ok(view) => view! { <Loaded view pause/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Loaded(view: FormView, pause: ServerAction<PauseChangefeed>) -> impl IntoView {
    let state = view.state.unwrap_or(FeedState::Removed);
    let is_open = matches!(state, FeedState::Stopped | FeedState::Failed);
    if is_open {
        view! { <Stages state checkpoint=view.checkpoint.clone() is_open/> <Page view/> }.into_any()
    } else {
        view! { <Stages state checkpoint=view.checkpoint is_open/> <PauseFirst edit=view.draft.form.edit state pause/> }.into_any()
    }
}

/// Where one is between pausing and resuming.
#[component]
fn Stages(state: FeedState, checkpoint: String, is_open: bool) -> impl IntoView {
    let stage = |number: &'static str, name: &'static str, current: bool| {
        let class = if current { "font-semibold" } else { "text-ink-3" };
        view! {
            <li class=class aria-current=current.then_some("step")>
                {number} ". " {name}
            </li>
        }
    };
    view! {
        <div class="mb-4 flex flex-wrap items-center gap-x-5 gap-y-2 text-sm">
            <ol class="flex flex-wrap gap-x-5" aria-label="Stages">
                {stage("1", "Pause", !is_open)}
                {stage("2", "Change", is_open)}
                {stage("3", "Resume", false)}
            </ol>
            <StateBadge state/>
            <span class="text-ink-2">{format!("It goes on at {checkpoint}.")}</span>
        </div>
    }
    .into_any()
}

#[component]
fn PauseFirst(edit: String, state: FeedState, pause: ServerAction<PauseChangefeed>) -> impl IntoView {
    let (namespace, id) = edit
        .split_once('/')
        .map_or_else(Default::default, |(namespace, id)| {
            (namespace.to_owned(), id.to_owned())
        });
    let error = pause.value();
    let pending = pause.pending();
    let body = if state == FeedState::Finished {
        view! { <p class="text-sm">"It has reached its target. Resume it with a later one by the API, or create another one like it."</p> }
            .into_any()
    } else {
        view! {
            <p class="mb-3 text-sm">
                "A changefeed takes changes only while it is paused. Nothing is lost: it goes on where it stopped."
            </p>
            <ActionForm action=pause>
                <input type="hidden" name="namespace" value=namespace.clone()/>
                <input type="hidden" name="id" value=id.clone()/>
                <button class="btn btn-primary" type="submit">
                    {move || if pending.get() { "Pausing" } else { "Pause and edit" }}
                </button>
            </ActionForm>
        }
        .into_any()
    };
    view! {
        <section class="card max-w-2xl p-4" aria-label="Pause first">
            {move || error.get().and_then(Result::err).map(|error| view! { <ErrorNote error/> })}
            {body}
        </section>
    }
    .into_any()
}
