//! Values that move by themselves: one event stream per tab, fanned out to what is on screen.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "the stream is read in the browser only")
)]

mod known;

use self::known::{Known, LiveFeed};
use crate::app::announce::Announcer;
use crate::app::format;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::data::{FeedRow, FeedState, Point, StateCounts, Vitals};
use crate::fns::error::ConsoleError;
pub(crate) use crate::fns::live::FeedName;
use crate::fns::live::Heard;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// State of the connection to the server.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Link {
    /// No event yet.
    Opening,
    /// Events arrive.
    Open,
    /// Was open, is not; the browser tries again.
    Lost,
}

/// Newest values of every changefeed. A handle: copies mean the same values.
#[derive(Copy, Clone)]
pub(crate) struct Live {
    link: RwSignal<Link>,
    /// Server's clock of the newest snapshot; changes with each one.
    snapshot_ms: RwSignal<Option<u64>>,
    /// Age of the newest snapshot by the browser's clock, whole seconds.
    age_s: RwSignal<u64>,
    /// Grows whenever a changefeed appears or disappears.
    membership: RwSignal<u32>,
    feeds: StoredValue<Known>,
    announcer: Announcer,
}

impl Live {
    /// No values yet. Values start to arrive after hydration.
    pub(crate) fn new() -> Self {
        Live {
            link: RwSignal::new(Link::Opening),
            snapshot_ms: RwSignal::new(None),
            age_s: RwSignal::new(0),
            membership: RwSignal::new(0),
            feeds: StoredValue::new(Known::default()),
            announcer: Announcer::new(),
        }
    }

    /// The newest changes of state as a sentence.
    pub(crate) fn announced(self) -> RwSignal<String> {
        self.announcer.sentence()
    }

    /// Changes whenever a list of changefeeds has to be asked for again.
    pub(crate) fn membership(self) -> u32 {
        self.membership.get()
    }

    /// The same, for whoever wants to know only whether it has changed since.
    pub(crate) fn membership_untracked(self) -> u32 {
        self.membership.get_untracked()
    }

    /// Whether the last snapshot has a changefeed of this name.
    pub(crate) fn has(self, namespace: &str, id: &str) -> bool {
        let key = (namespace.to_owned(), id.to_owned());
        self.snapshot_ms.with(Option::is_some) && self.feeds.with_value(|feeds| feeds.get(&key).is_some())
    }

    /// Whether what is on screen is older than it looks.
    pub(crate) fn is_stale(self) -> bool {
        self.link.get() == Link::Lost
    }

    /// The newest values of the changefeed of `row`; those of the page until something newer arrives.
    pub(crate) fn vitals(self, row: &FeedRow) -> Vitals {
        self.snapshot_ms.track();
        self.read(row, |feed| feed.vitals.clone())
            .unwrap_or_else(|| row.vitals.clone())
    }

    /// How many changefeeds are in each state; as the page counted them until something newer arrives.
    pub(crate) fn counts(self, page: StateCounts) -> StateCounts {
        match self.snapshot_ms.get() {
            None => page,
            Some(_) => self
                .feeds
                .with_value(|feeds| StateCounts::of(feeds.values().map(|feed| feed.vitals.state))),
        }
    }

    /// Names and values of the changefeeds that need attention, failed ones first; those of the page until something
    /// newer arrives.
    pub(crate) fn troubles(self, page: &[FeedRow], max: usize) -> Vec<(FeedName, Vitals)> {
        if self.snapshot_ms.get().is_none() {
            let rows = page.iter().take(max);
            return rows
                .map(|row| ((row.namespace.clone(), row.id.clone()), row.vitals.clone()))
                .collect();
        }
        let mut found: Vec<_> = self.feeds.with_value(|feeds| {
            let feeds = feeds
                .iter()
                .filter(|(_, feed)| needs_attention(feed.vitals.state));
            feeds
                .map(|(name, feed)| (name.clone(), feed.vitals.clone()))
                .collect()
        });
        found.sort_by(|(a, of_a), (b, of_b)| {
            let rank = |vitals: &Vitals| vitals.state != FeedState::Failed;
            (rank(of_a), a).cmp(&(rank(of_b), b))
        });
        found.truncate(max);
        found
    }

    /// History of the changefeed of `row`: what came with the page, then what arrived since.
    pub(crate) fn points(self, row: &FeedRow) -> Vec<Point> {
        self.snapshot_ms.track();
        let mut points = row.history.points();
        let newest_ms = points.last().map_or(0, |point| point.at_ms);
        self.read(row, |feed| {
            points.extend(feed.points.iter().filter(|point| point.at_ms > newest_ms));
        });
        points
    }

    /// Asks again whenever so many snapshots have come, and not twice at a time. Errors change nothing: the indicator
    /// says when nobody answers. On the server it does nothing.
    pub(crate) fn every<T, F, A>(self, period: u32, ask: F, take: impl Fn(T) + Copy + 'static)
    where
        T: 'static,
        F: Fn() -> A + 'static,
        A: Future<Output = Result<T, ConsoleError>> + 'static,
    {
        let is_asking = StoredValue::new(false);
        Effect::new(move |seen: Option<u32>| {
            self.snapshot_ms.track();
            let seen = seen.map_or(0, |seen| seen + 1);
            if seen < period || is_asking.get_value() {
                return seen;
            }
            is_asking.set_value(true);
            let answer = ask();
            spawn_local(async move {
                if let Ok(answer) = answer.await {
                    take(answer);
                }
                let _gone = is_asking.try_set_value(false);
            });
            0
        });
    }

    /// Takes in a snapshot of the server.
    pub(crate) fn apply(self, heard: Heard) {
        let at_ms = heard.at_ms;
        let first = self.snapshot_ms.get_untracked().is_none();
        let mut changed = false;
        self.feeds.update_value(|known| {
            changed = known.take(heard, |name, state| self.announcer.note(name.clone(), state));
        });
        self.announcer.speak(at_ms);
        self.snapshot_ms.set(Some(at_ms));
        self.age_s.set(0);
        self.link.set(Link::Open);
        if changed && !first {
            self.membership.update(|n| *n = n.wrapping_add(1));
        }
    }

    fn read<R>(self, row: &FeedRow, f: impl FnOnce(&LiveFeed) -> R) -> Option<R> {
        self.feeds
            .with_value(|feeds| feeds.get(&(row.namespace.clone(), row.id.clone())).map(f))
    }
}

/// Whether somebody has to do something about a changefeed in this state.
pub(crate) fn needs_attention(state: FeedState) -> bool {
    matches!(state, FeedState::Failed | FeedState::Warning)
}

/// The handle of this page.
pub(crate) fn use_live() -> Live {
    expect_context::<Live>()
}

/// Says whether values move, and how old they are when they do not.
#[component]
pub(crate) fn LiveIndicator() -> impl IntoView {
    let live = use_live();
    let text = move || match live.link.get() {
        Link::Opening => "Connecting".to_owned(),
        Link::Open => "Live".to_owned(),
        Link::Lost => format!(
            "Disconnected, values {} old",
            format::duration(live.age_s.get() * 1_000)
        ),
    };
    let class = move || match live.link.get() {
        Link::Opening => "live-state flex items-center gap-1.5 text-xs text-ink-3",
        Link::Open => "live-state flex items-center gap-1.5 text-xs text-normal",
        Link::Lost => "live-state flex items-center gap-1.5 text-xs font-medium text-failed",
    };
    let glyph = Signal::derive(move || match live.link.get() {
        Link::Open => Glyph::Pulse,
        Link::Opening => Glyph::Retry,
        Link::Lost => Glyph::Cross,
    });
    view! {
        <span class=class title="State of the live values">
            <Icon glyph/>
            {text}
        </span>
        // Raw, because a browser with JavaScript reads the inside of <noscript> as text and hydration would miss it.
        <noscript inner_html="<span class=\"text-xs text-ink-3\">Not live. <a class=\"link\" href=\"\">Refresh</a></span>"></noscript>
    }
    .into_any()
}

/// Opens the stream after hydration and keeps it open while the tab is visible. On the server it does nothing.
pub(crate) fn start(live: Live) {
    #[cfg(target_arch = "wasm32")]
    Effect::new(move |_| browser::start(live));
    #[cfg(not(target_arch = "wasm32"))]
    let _on_the_server_nothing_moves = live;
}

#[cfg(target_arch = "wasm32")]
pub(crate) use browser::sleep;

/// Waits so many seconds; on the server nothing waits.
pub(crate) async fn sleep_s(seconds: u64) {
    #[cfg(target_arch = "wasm32")]
    browser::sleep(std::time::Duration::from_secs(seconds)).await;
    #[cfg(not(target_arch = "wasm32"))]
    std::future::ready(seconds).await;
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::{Link, Live};
    use crate::fns::live;
    use futures::StreamExt;
    use futures::channel::oneshot;
    use gloo_net::eventsource::futures::EventSource;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use std::time::Duration;

    /// Seconds without a snapshot after which the connection counts as lost.
    const SILENCE_S: u64 = 4;
    const STREAM: &str = "/ui/live";
    const RETRY_FIRST: Duration = Duration::from_secs(1);
    const RETRY_MAX: Duration = Duration::from_secs(10);
    /// How often a hidden tab looks whether it is seen again.
    const HIDDEN_POLL: Duration = Duration::from_millis(500);

    pub(super) fn start(live: Live) {
        set_interval(move || grow_older(live), Duration::from_secs(1));
        spawn_local(run(live));
    }

    /// The browser connects again by itself and does not say so: silence is the only sign.
    fn grow_older(live: Live) {
        live.age_s.update(|age| *age += 1);
        if live.age_s.get_untracked() >= SILENCE_S && live.link.get_untracked() == Link::Open {
            live.link.set(Link::Lost);
        }
    }

    async fn run(live: Live) {
        let mut retry = RETRY_FIRST;
        loop {
            if document().hidden() {
                sleep(HIDDEN_POLL).await;
                continue;
            }
            if listen(live).await {
                retry = RETRY_FIRST;
            }
            if !document().hidden() {
                live.link.set(Link::Lost);
                sleep(retry).await;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }

    /// Takes in events until the connection breaks or the tab is hidden. Whether there was any.
    async fn listen(live: Live) -> bool {
        let Ok(mut source) = EventSource::new(STREAM) else {
            return false;
        };
        let Ok(mut events) = source.subscribe(live::EVENT) else {
            return false;
        };
        let mut listener = live::Listener::default();
        let mut any = false;
        while let Some(Ok((_, event))) = events.next().await {
            let Some(heard) = event.data().as_string().and_then(|text| listener.hear(&text)) else {
                break;
            };
            any = true;
            live.apply(heard);
            if document().hidden() {
                break;
            }
        }
        source.close();
        any
    }

    pub(crate) async fn sleep(time: Duration) {
        let (wake, woken) = oneshot::channel();
        set_timeout(
            move || {
                let _nobody_waits = wake.send(());
            },
            time,
        );
        let _never_dropped = woken.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vitals(state: FeedState) -> Vitals {
        Vitals {
            state,
            checkpoint_ts: 0,
            resolved_ts: 0,
            lag_ms: 0,
            resolved_lag_ms: None,
            rows_per_s: 0.0,
            bytes_per_s: 0.0,
            problem: None,
            blocked: None,
            retry_in_ms: None,
            attempt: None,
            tables: 0,
        }
    }

    fn heard(at_ms: u64, feeds: &[(&str, FeedState)]) -> Heard {
        let name = |id: &str| ("default".to_owned(), id.to_owned());
        Heard {
            at_ms,
            names: Some(feeds.iter().map(|(id, _)| name(id)).collect()),
            values: feeds.iter().map(|(_, state)| vitals(*state)).collect(),
        }
    }

    #[test]
    fn a_change_of_state_is_announced_a_new_changefeed_is_not() {
        let owner = Owner::new();
        owner.set();
        let live = Live::new();
        live.apply(heard(100_000, &[("a", FeedState::Normal)]));
        live.apply(heard(
            106_000,
            &[("b", FeedState::Failed), ("a", FeedState::Normal)],
        ));
        assert_eq!(live.announced().get_untracked(), "");
        let same_names = Heard {
            names: None,
            ..heard(107_000, &[("b", FeedState::Failed), ("a", FeedState::Failed)])
        };
        live.apply(same_names);
        assert_eq!(live.announced().get_untracked(), "a is failed");
    }

    #[test]
    fn counts_and_troubles_come_from_the_newest_snapshot() {
        let owner = Owner::new();
        owner.set();
        let live = Live::new();
        let page = StateCounts::of([FeedState::Normal].into_iter());
        assert_eq!(live.counts(page), page);
        live.apply(heard(
            1,
            &[
                ("a", FeedState::Warning),
                ("b", FeedState::Failed),
                ("c", FeedState::Normal),
            ],
        ));
        assert_eq!(live.counts(page).total(), 3);
        let troubles = live.troubles(&[], 5);
        let ids: Vec<_> = troubles.iter().map(|((_, id), _)| id.as_str()).collect();
        assert_eq!(ids, ["b", "a"]);
    }
}
