//! The history of every changefeed, for charts: kept in memory, bounded, sampled once a second from the figures that the
//! engine publishes. Nothing here waits for the engine or makes it wait.

mod feed;
mod level;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use tidegate_api::{LiveSnapshot, Series};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::extract::{FeedId, Query, query_value};
use super::respond::{Answer, compact};
use super::state::App;
use feed::FeedHistory;

pub(crate) use feed::ErrorSeen;

/// How far back a reader looks.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Window {
    /// One point a second.
    #[default]
    FiveMinutes,
    /// One point in ten seconds.
    Hour,
    /// One point a minute.
    Day,
}

impl Window {
    /// Every window, shortest first.
    pub(crate) const ALL: [Window; 3] = [Window::FiveMinutes, Window::Hour, Window::Day];

    /// The word of the address.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Window::FiveMinutes => "5m",
            Window::Hour => "1h",
            Window::Day => "24h",
        }
    }

    /// The window of a word; the shortest for none.
    pub(crate) fn of(word: &str) -> Option<Window> {
        match word {
            "" => Some(Window::default()),
            word => Window::ALL.into_iter().find(|window| window.word() == word),
        }
    }

    /// Distance between two points.
    pub(crate) const fn step_ms(self) -> u64 {
        match self {
            Window::FiveMinutes => 1_000,
            Window::Hour => 10_000,
            Window::Day => 60_000,
        }
    }

    /// Time from its begin to its end.
    pub(crate) const fn length_ms(self) -> u64 {
        match self {
            Window::FiveMinutes => 300_000,
            Window::Hour => 3_600_000,
            Window::Day => 86_400_000,
        }
    }

    /// Points that are kept.
    const fn points(self) -> usize {
        (self.length_ms() / self.step_ms()) as usize
    }
}

/// The histories. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Histories(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    unix_ms: u64,
    feeds: HashMap<(String, String), FeedHistory>,
}

impl Histories {
    /// Takes in every snapshot until the server stops.
    pub(crate) async fn sample(self, mut live: watch::Receiver<Arc<LiveSnapshot>>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = live.changed() => if changed.is_err() { return },
            }
            let snapshot = live.borrow_and_update().clone();
            self.take(&snapshot);
        }
    }

    fn take(&self, snapshot: &LiveSnapshot) {
        let mut kept = self.lock();
        kept.unix_ms = snapshot.unix_ms;
        let mut feeds = std::mem::take(&mut kept.feeds);
        for live in &snapshot.changefeeds {
            let name = (live.namespace.clone(), live.id.clone());
            let mut history = feeds.remove(&name).unwrap_or_default();
            history.take(snapshot.unix_ms, live);
            kept.feeds.insert(name, history);
        }
        // What is left is of changefeeds that are gone.
    }

    /// The history of a changefeed; an empty one when none was sampled yet.
    pub(crate) fn series(&self, id: &ChangefeedId, window: Window) -> Series {
        let kept = self.lock();
        let name = (id.namespace.to_string(), id.id.to_string());
        let empty = || Series {
            window: window.word().to_owned(),
            unix_ms: kept.unix_ms,
            step_seconds: window.step_ms() / 1_000,
            ..Series::default()
        };
        let found = kept.feeds.get(&name);
        found.map_or_else(empty, |history| Series {
            points: history.points(window),
            marks: history.marks(kept.unix_ms.saturating_sub(window.length_ms())),
            ..empty()
        })
    }

    /// What is known about the present error of a changefeed.
    pub(crate) fn error(&self, id: &ChangefeedId) -> Option<ErrorSeen> {
        let name = (id.namespace.to_string(), id.id.to_string());
        self.lock().feeds.get(&name)?.error()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /api/tidegate/v1/changefeeds/{changefeed_id}/series?window=5m|1h|24h`
pub(crate) async fn show(State(app): State<App>, id: FeedId, query: Query) -> Answer {
    let word = query_value(query.0.as_deref(), "window");
    let Some(window) = Window::of(&word) else {
        let text = format!("invalid window: {word}; use 5m, 1h or 24h");
        return Err(CdcError::new(ErrorCode::APIInvalidParam, text).into());
    };
    app.service.changefeed_status(&id.0).await?;
    compact(&app.histories.series(&id.0, window))
}

#[cfg(test)]
mod tests {
    use tidegate_api::ChangefeedLive;

    use super::*;

    fn snapshot(unix_ms: u64, ids: &[&str]) -> LiveSnapshot {
        let live = |id: &&str| ChangefeedLive {
            namespace: "default".to_owned(),
            id: (*id).to_owned(),
            state: "normal".to_owned(),
            ..ChangefeedLive::default()
        };
        LiveSnapshot {
            unix_ms,
            changefeeds: ids.iter().map(live).collect(),
        }
    }

    #[test]
    fn windows_have_words() {
        for window in Window::ALL {
            assert_eq!(Window::of(window.word()), Some(window));
        }
        assert_eq!(Window::of(""), Some(Window::FiveMinutes));
        assert_eq!(Window::of("7d"), None);
        assert_eq!(Window::ALL.map(Window::points), [300, 360, 1440]);
    }

    #[test]
    fn a_changefeed_that_was_removed_leaves_no_history() {
        let histories = Histories::default();
        let id = ChangefeedId::new("default", "a");
        let points = || histories.series(&id, Window::FiveMinutes).points.len();
        histories.take(&snapshot(1_000, &["a", "b"]));
        histories.take(&snapshot(2_000, &["a"]));
        assert_eq!(points(), 2);
        histories.take(&snapshot(3_000, &["b"]));
        assert_eq!(points(), 0);
        histories.take(&snapshot(4_000, &["a"]));
        assert_eq!(points(), 1);
    }
}
