//! One changefeed: header, actions, tabs. Each tab is a route of its own.

mod actions;
mod api;
mod config;
mod edit;
mod history;
#[cfg(feature = "ssr")]
pub(crate) mod made;
mod remove;
mod summary;
mod tables;

use crate::app::activity::Entries;
use crate::app::changefeed::actions::Actions;
use crate::app::layout::{Crumb, ErrorNote, PageError, PageHead, loading};
use crate::app::live::{Live, use_live};
use crate::app::ui::badge::StateBadge;
use crate::app::ui::feed::{feed_address, feed_name};
use crate::app::ui::made::Made;
use crate::fns::changefeeds::{PauseChangefeed, ResumeChangefeed, get_changefeed};
use crate::fns::data::{FeedDetail, Vitals};
use crate::fns::error::ConsoleError;
use crate::fns::watch::get_trouble;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;

pub(crate) use actions::{ActionButton, no_pause, no_resume};
pub(crate) use edit::Edit;
pub(crate) use remove::Remove;

/// The writes that the header offers. A handle.
#[derive(Copy, Clone)]
struct Writes {
    pause: ServerAction<PauseChangefeed>,
    resume: ServerAction<ResumeChangefeed>,
}

/// Which tab is open.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Tab {
    Summary,
    Tables,
    Config,
    Activity,
    Api,
}

impl Tab {
    const ALL: [(Tab, &str, &str); 5] = [
        (Tab::Summary, "Summary", ""),
        (Tab::Tables, "Tables", "/tables"),
        (Tab::Config, "Config", "/config"),
        (Tab::Activity, "Activity", "/activity"),
        (Tab::Api, "API", "/api"),
    ];
}

/// Summary tab.
#[component]
pub(crate) fn Summary() -> impl IntoView {
    view! { <Page tab=Tab::Summary/> }.into_any()
}

/// Tables tab.
#[component]
pub(crate) fn Tables() -> impl IntoView {
    view! { <Page tab=Tab::Tables/> }.into_any()
}

/// Config tab.
#[component]
pub(crate) fn Config() -> impl IntoView {
    view! { <Page tab=Tab::Config/> }.into_any()
}

/// Activity tab.
#[component]
pub(crate) fn Activity() -> impl IntoView {
    view! { <Page tab=Tab::Activity/> }.into_any()
}

/// API tab.
#[component]
pub(crate) fn Api() -> impl IntoView {
    view! { <Page tab=Tab::Api/> }.into_any()
}

/// Namespace and id in the address.
fn use_feed_id() -> Memo<(String, String)> {
    let params = use_params_map();
    Memo::new(move |_| {
        params.with(|params| {
            let text = |name| params.get_str(name).unwrap_or_default().to_owned();
            (text("namespace"), text("id"))
        })
    })
}

#[component]
fn Page(tab: Tab) -> impl IntoView {
    let id = use_feed_id();
    let live = use_live();
    let writes = Writes {
        pause: ServerAction::new(),
        resume: ServerAction::new(),
    };
    forget_older_errors(writes);
    // Live values follow the writes by themselves; the page is asked for again only when the changefeed has gone.
    let presence = Memo::new(move |before: Option<&Presence>| Presence::next(before, id.get(), live));
    let detail = Resource::new_blocking(
        move || (id.get(), presence.with(|presence| presence.gone)),
        |((namespace, id), _)| get_changefeed(namespace, id),
    );
    view! {
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <Loaded tab detail writes/> }.into_any(),
                    Err(error) => view! { <Missing id error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

/// Whether the changefeed of the page was seen among the live ones, and is there no more. A snapshot may be older than
/// a changefeed that was just made, so one that was never seen is not gone.
#[derive(Clone, PartialEq, Eq)]
struct Presence {
    id: (String, String),
    seen: bool,
    gone: bool,
}

impl Presence {
    fn next(before: Option<&Presence>, id: (String, String), live: Live) -> Presence {
        let here = live.has(&id.0, &id.1);
        let seen = here || before.is_some_and(|before| before.id == id && before.seen);
        Presence {
            id,
            seen,
            gone: seen && !here,
        }
    }
}

/// An error of one action says nothing any more once the other one is asked for.
fn forget_older_errors(writes: Writes) {
    Effect::new(move |_| {
        if writes.pause.pending().get() {
            writes.resume.value().set(None);
        }
    });
    Effect::new(move |_| {
        if writes.resume.pending().get() {
            writes.pause.value().set(None);
        }
    });
}

#[component]
fn Missing(id: Memo<(String, String)>, error: ConsoleError) -> impl IntoView {
    let (namespace, id) = id.get_untracked();
    view! {
        <PageHead title=feed_name(&namespace, &id) crumbs=list_crumb()/>
        <PageError error/>
    }
    .into_any()
}

fn list_crumb() -> Vec<Crumb> {
    vec![("Changefeeds".to_owned(), "/ui/changefeeds".to_owned())]
}

#[component]
fn Loaded(tab: Tab, detail: FeedDetail, writes: Writes) -> impl IntoView {
    let live = use_live();
    let detail = StoredValue::new(detail);
    let vitals = Memo::new(move |_| detail.with_value(|detail| live.vitals(&detail.row)));
    let (namespace, id) = detail.with_value(|detail| (detail.row.namespace.clone(), detail.row.id.clone()));
    let (name, address) = (feed_name(&namespace, &id), feed_address(&namespace, &id));
    let body = match tab {
        Tab::Summary => view! { <summary::Body detail vitals/> }.into_any(),
        Tab::Tables => view! { <tables::Body detail/> }.into_any(),
        Tab::Config => view! { <config::Body detail/> }.into_any(),
        Tab::Activity => view! { <Entries feed=format!("{namespace}/{id}")/> }.into_any(),
        Tab::Api => view! { <api::Body detail/> }.into_any(),
    };
    let (pause, resume) = (writes.pause.value(), writes.resume.value());
    let refused = move || {
        let error = pause
            .get()
            .and_then(Result::err)
            .or_else(|| resume.get().and_then(Result::err))?;
        Some(view! { <div class="mb-4"><ErrorNote error/></div> })
    };
    view! {
        <PageHead title=name crumbs=list_crumb()>
            <StateBadge state=Signal::derive(move || vitals.with(|v| v.state))/>
            <Actions namespace id vitals writes/>
        </PageHead>
        {refused}
        <Trouble detail vitals/>
        <Tabs tab address/>
        {body}
    }
    .into_any()
}

#[component]
fn Tabs(tab: Tab, address: String) -> impl IntoView {
    let links = Tab::ALL
        .map(|(one, name, path)| {
            view! {
                <li>
                    <a
                        href=format!("{address}{path}")
                        aria-current=(one == tab).then_some("page")
                        class="-mb-px flex h-9 items-center border-b-2 border-transparent px-1 text-sm text-ink-2 hover:text-ink aria-[current]:border-accent aria-[current]:font-medium aria-[current]:text-ink"
                    >
                        {name}
                    </a>
                </li>
            }
        });
    view! {
        <nav aria-label="Parts of this changefeed" class="mb-5 border-b border-line">
            <ul class="flex flex-wrap gap-x-5">{links}</ul>
        </nav>
    }
    .into_any()
}

/// Error of the changefeed: cause, code, and what to do, above everything else.
#[component]
fn Trouble(detail: StoredValue<FeedDetail>, vitals: Memo<Vitals>) -> impl IntoView {
    let ask = move || {
        let (namespace, id) =
            detail.with_value(|detail| (detail.row.namespace.clone(), detail.row.id.clone()));
        get_trouble(namespace, id)
    };
    let first = Resource::new_blocking(|| (), move |()| ask());
    let html = RwSignal::new(String::new());
    let problem = Memo::new(move |_| {
        vitals.with(|v| (v.state, v.problem.as_ref().map(|problem| problem.time.clone())))
    });
    Effect::new(move |before: Option<_>| {
        let now = problem.get();
        if before.is_some_and(|before| before != now) {
            spawn_local(async move {
                if let Ok(panel) = ask().await {
                    let _gone = html.try_set(panel);
                }
            });
        }
        now
    });
    view! {
        <Transition>
            {move || Suspend::new(async move {
                // Without an answer the badge says that something is wrong, and the page that nobody answers.
                html.set(first.await.unwrap_or_default());
                view! { <Made html/> }.into_any()
            })}
        </Transition>
    }
    .into_any()
}
