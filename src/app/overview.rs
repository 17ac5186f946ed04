//! The first page: one sentence about everything, then what deserves a look.

use crate::app::captures::Role;
use crate::app::facts;
use crate::app::format;
use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::live::{FeedName, use_live};
use crate::app::ui::badge::{StateBadge, glyph};
use crate::app::ui::chart::{Sparkline, WINDOW_MS};
use crate::app::ui::feed::{Lag, feed_address, feed_name};
use crate::app::ui::guarded::{GuardedLink, GuardedSubmit};
use crate::app::ui::icon::Icon;
use crate::fns::captures::list_captures;
use crate::fns::changefeeds::get_overview;
use crate::fns::create::SubmitChangefeed;
use crate::fns::data::{self, Captures, FeedRow, FeedState, StateCounts, Vitals};
use leptos::form::ActionForm;
use leptos::prelude::*;

/// How many changefeeds in trouble are named.
const NAMED_MAX: usize = 5;

/// The page.
#[component]
pub(crate) fn Overview() -> impl IntoView {
    let live = use_live();
    let overview = Resource::new_blocking(move || live.membership(), |_| get_overview());
    let captures = Resource::new_blocking(|| (), |()| list_captures());
    view! {
        <PageHead title="Overview"/>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match (overview.await, captures.await) {
                    (Ok(overview), Ok(captures)) => view! { <Dashboard overview captures/> }.into_any(),
                    (Err(error), _) | (_, Err(error)) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn Dashboard(overview: data::Overview, captures: Captures) -> impl IntoView {
    let data::Overview {
        counts,
        troubles,
        worst,
        upstream_connected,
        recent,
    } = overview;
    let recent = recent.map(|entries| view! { <Recent entries/> });
    if counts.total() == 0 {
        return view! {
            <StartCard upstream_connected/>
            <CaptureCards captures/>
            {recent}
        }
        .into_any();
    }
    let live = use_live();
    let counts = Memo::new(move |_| live.counts(counts));
    view! {
        <Verdict counts troubles/>
        <Counters counts/>
        <div class="grid gap-6 xl:grid-cols-[2fr_1fr]">
            <WorstLag worst/>
            <CaptureCards captures/>
        </div>
        {recent}
    }
    .into_any()
}

/// One sentence that says whether somebody has to do something.
#[component]
fn Verdict(counts: Memo<StateCounts>, troubles: Vec<FeedRow>) -> impl IntoView {
    let live = use_live();
    let sentence = move || counts.with(verdict);
    // The worst state sets the tone.
    let worst = Memo::new(move |_| {
        [FeedState::Failed, FeedState::Warning]
            .into_iter()
            .find(|state| counts.with(|counts| counts.get(*state) > 0))
            .unwrap_or(FeedState::Normal)
    });
    let class = move || match worst.get() {
        FeedState::Failed => "mb-4 rounded-card bg-failed-fill p-4 text-failed",
        FeedState::Warning => "mb-4 rounded-card bg-warning-fill p-4 text-warning",
        _ => "mb-4 rounded-card bg-normal-fill p-4 text-normal",
    };
    let glyph = Signal::derive(move || glyph(worst.get()));
    let troubles = move || {
        let named = live.troubles(&troubles, NAMED_MAX);
        named
            .iter()
            .map(|(name, vitals)| trouble(name, vitals))
            .collect_view()
    };
    view! {
        <section aria-label="Verdict" class=class>
            <p class="flex items-center gap-2 text-lg font-semibold">
                <Icon glyph/>
                {sentence}
            </p>
            <ul class="grid gap-1 pl-6 text-sm">{troubles}</ul>
        </section>
    }
    .into_any()
}

fn verdict(counts: &StateCounts) -> String {
    let all = format::count(counts.total(), "changefeed", "changefeeds");
    match counts.get(FeedState::Failed) + counts.get(FeedState::Warning) {
        0 => healthy_sentence(counts),
        1 => format!("1 of {all} needs attention"),
        bad => format!("{bad} of {all} need attention"),
    }
}

fn healthy_sentence(counts: &StateCounts) -> String {
    let normal = counts.get(FeedState::Normal);
    let healthy = format!("{} healthy", format::count(normal, "changefeed", "changefeeds"));
    match (counts.get(FeedState::Stopped), counts.get(FeedState::Finished)) {
        (0, 0) => healthy,
        (paused, 0) => format!("{healthy}, {paused} paused"),
        (0, finished) => format!("{healthy}, {finished} finished"),
        (paused, finished) => format!("{healthy}, {paused} paused, {finished} finished"),
    }
}

fn trouble((namespace, id): &FeedName, vitals: &Vitals) -> impl IntoView + use<> {
    let what = match vitals.state {
        FeedState::Failed => "failed",
        _ => "is trying again",
    };
    let code = vitals.problem.as_ref().map(|problem| problem.code.clone());
    view! {
        <li class="mt-1">
            <a class="font-medium underline underline-offset-3" href=feed_address(namespace, id)>
                {feed_name(namespace, id)}
            </a>
            " "
            {what}
            " "
            {code.map(|code| view! { <code class="text-xs wrap-anywhere">{code}</code> })}
        </li>
    }
}

#[component]
fn Counters(counts: Memo<StateCounts>) -> impl IntoView {
    let counters = [
        FeedState::Normal,
        FeedState::Warning,
        FeedState::Stopped,
        FeedState::Failed,
        FeedState::Finished,
    ]
    .map(|state| {
        let count = move || counts.with(|counts| counts.get(state));
        view! {
            <li>
                <a
                    class="card flex h-full flex-col gap-1 px-4 py-3 hover:border-control"
                    href=format!("/ui/changefeeds?state={}", state.word())
                >
                    <span class="flex items-center gap-1.5 text-xs font-medium text-ink-2">
                        <Icon glyph=glyph(state)/>
                        {state.word()}
                    </span>
                    <span class="num text-2xl leading-tight font-semibold">{count}</span>
                </a>
            </li>
        }
    });
    view! {
        <ul aria-label="Changefeeds by state" class="mb-6 grid grid-cols-2 gap-2 sm:grid-cols-3 lg:grid-cols-5">
            {counters}
        </ul>
    }
    .into_any()
}

#[component]
fn WorstLag(worst: Vec<FeedRow>) -> impl IntoView {
    // Ranked when the page is made: rows keep their place while values move.
    let none = worst.is_empty();
    let rows = worst
        .into_iter()
        .map(|row| view! { <WorstRow row/> })
        .collect_view();
    view! {
        <section class="min-w-0">
            <h2 class="mb-2 text-sm font-medium">"Largest lag now"</h2>
            <div class="card overflow-x-auto">
                <table class="data-table data-cards" role="table">
                    <caption class="sr-only">"Changefeeds with the largest lag"</caption>
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">"Changefeed"</th>
                            <th scope="col" role="columnheader">"State"</th>
                            <th scope="col" role="columnheader">"Lag, last 5 min"</th>
                            <th scope="col" role="columnheader" class="text-right">
                                "Lag"
                            </th>
                            <th scope="col" role="columnheader" class="text-right">
                                "Rows/s"
                            </th>
                        </tr>
                    </thead>
                    <tbody role="rowgroup">
                        {rows}
                        {none
                            .then(|| {
                                view! {
                                    <tr role="row">
                                        <td role="cell" colspan="5" class="text-ink-2">
                                            "No changefeed is running."
                                        </td>
                                    </tr>
                                }
                            })}
                    </tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn WorstRow(row: FeedRow) -> impl IntoView {
    let live = use_live();
    let (name, address) = (
        feed_name(&row.namespace, &row.id),
        feed_address(&row.namespace, &row.id),
    );
    let row = StoredValue::new(row);
    let vitals = Memo::new(move |_| row.with_value(|row| live.vitals(row)));
    let samples = Signal::derive(move || {
        let points = row.with_value(|row| live.points(row));
        points.iter().map(|p| (p.at_ms, f64::from(p.lag_ms))).collect()
    });
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="!text-sm !text-ink">
                <a class="link wrap-anywhere whitespace-normal" href=address>
                    {name}
                </a>
            </th>
            <td role="cell" data-label="State">
                <StateBadge state=Signal::derive(move || vitals.with(|v| v.state))/>
            </td>
            <td role="cell" data-label="Lag, last 5 min">
                <Sparkline samples window_ms=WINDOW_MS/>
            </td>
            <td role="cell" data-label="Lag" class="text-right">
                <Lag vitals/>
            </td>
            <td role="cell" data-label="Rows/s" class="num text-right">
                {move || format::number(vitals.with(|v| v.rows_per_s))}
            </td>
        </tr>
    }
    .into_any()
}

#[component]
fn CaptureCards(captures: Captures) -> impl IntoView {
    let cards = captures
        .captures
        .into_iter()
        .map(|capture| {
            let about = format!(
                "{}, up for {}, {}, memory {}",
                if capture.is_alive { "Alive" } else { "Stopping" },
                capture.uptime,
                format::count(capture.tables, "table", "tables"),
                capture.memory
            );
            view! {
                <li class="card flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3">
                    <a class="link font-medium" href=format!("/ui/captures/{}", capture.id)>{capture.address}</a>
                    <Role owner=capture.is_owner/>
                    <span class="w-full font-mono text-xs wrap-anywhere text-ink-3">{capture.id}</span>
                    <span class="w-full text-xs text-ink-3">{about}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="min-w-0">
            <h2 class="mb-2 text-sm font-medium">"Captures"</h2>
            <ul class="grid gap-2">{cards}</ul>
        </section>
    }
    .into_any()
}

/// The newest entries of the activity.
#[component]
fn Recent(entries: String) -> impl IntoView {
    view! {
        <section class="mt-6 min-w-0">
            <div class="mb-2 flex items-baseline gap-3">
                <h2 class="text-sm font-medium">"Recent activity"</h2>
                <a class="link py-1 text-sm" href="/ui/activity">
                    "All activity"
                </a>
            </div>
            <div inner_html=entries></div>
        </section>
    }
    .into_any()
}

/// What an empty server shows: three steps to a first changefeed.
#[component]
fn StartCard(
    /// Whether the server reads the upstream's log now.
    upstream_connected: bool,
) -> impl IntoView {
    let (upstream, upstream_help) = upstream_words(upstream_connected);
    let create = ServerAction::<SubmitChangefeed>::new();
    let value = create.value();
    let error = move || {
        value
            .get()
            .and_then(Result::err)
            .map(|error| view! { <ErrorNote error/> })
    };
    let number = "grid size-6 flex-none place-items-center rounded-full bg-accent-fill text-xs font-semibold text-accent";
    view! {
        <section class="card mb-6 p-5">
            <h2 class="mb-1 text-lg">"Start replicating"</h2>
            <p class="mb-4 text-ink-2">"This server has no changefeed yet. Three steps show that everything works."</p>
            <ol class="grid gap-4">
                <li class="flex gap-3">
                    <span class=number>"1"</span>
                    <p class="min-w-0">
                        <strong class="font-medium">{upstream}</strong>
                        <span class="block text-sm text-ink-2">{upstream_help}</span>
                    </p>
                </li>
                <li class="flex gap-3">
                    <span class=number>"2"</span>
                    <div class="min-w-0">
                        <p class="mb-2">
                            <strong class="font-medium">"Create a changefeed that throws everything away."</strong>
                            <span class="block text-sm text-ink-2">
                                "It reads every table and delivers to "<code>"blackhole://"</code>", so nothing can go wrong downstream."
                            </span>
                        </p>
                        <ActionForm action=create>
                            <input type="hidden" name="form[id]" value="first"/>
                            <input type="hidden" name="form[sink_uri]" value="blackhole://"/>
                            <input type="hidden" name="form[ignore_ineligible_table]" value="true"/>
                            <div class="flex flex-wrap gap-2">
                                <GuardedSubmit class="btn btn-primary" why_not=facts::why_not("operator")>
                                    "Create blackhole changefeed"
                                </GuardedSubmit>
                                <GuardedLink class="btn" href="/ui/changefeeds/new" why_not=facts::why_not("operator")>
                                    "Choose a real destination"
                                </GuardedLink>
                            </div>
                        </ActionForm>
                        <div class="mt-3">{error}</div>
                    </div>
                </li>
                <li class="flex gap-3">
                    <span class=number>"3"</span>
                    <p class="min-w-0">
                        <strong class="font-medium">"Watch it move."</strong>
                        <span class="block text-sm text-ink-2">
                            "Its page shows lag and rows per second as they change. Write a row upstream to see it pass."
                        </span>
                    </p>
                </li>
            </ol>
        </section>
    }
    .into_any()
}

/// Whether the upstream is there, and what that means.
fn upstream_words(connected: bool) -> (&'static str, &'static str) {
    if connected {
        (
            "The upstream is connected.",
            "The server checked its settings when it started.",
        )
    } else {
        (
            "The upstream does not answer.",
            "The server tries to reach it again by itself; its log says what is wrong. Nothing moves until then.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_counts_what_needs_attention() {
        use FeedState::{Failed, Finished, Normal, Stopped, Warning};
        let check = |states: &[FeedState], expect: &str| {
            assert_eq!(verdict(&StateCounts::of(states.iter().copied())), expect);
        };
        check(&[Normal], "1 changefeed healthy");
        check(
            &[Normal, Normal, Stopped, Finished],
            "2 changefeeds healthy, 1 paused, 1 finished",
        );
        check(&[Normal, Warning], "1 of 2 changefeeds needs attention");
        check(&[Failed, Warning], "2 of 2 changefeeds need attention");
    }

    /// The card said "connected" whatever was the case.
    #[test]
    fn the_start_card_knows_an_upstream_that_is_away() {
        assert!(upstream_words(true).0.contains("is connected"));
        assert!(upstream_words(false).0.contains("does not answer"));
    }
}
