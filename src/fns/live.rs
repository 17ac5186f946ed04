//! The event stream `/ui/live`: one snapshot of everything that moves, once a second.
//!
//! A thousand changefeeds are a thousand rows a second for every viewer, so a row is a list without names, and the names
//! of the changefeeds are sent only when they are others than before.

use crate::fns::data::{FeedState, Problem, Vitals};
use serde::{Deserialize, Serialize};

/// Name of the server-sent event that carries a snapshot.
pub const EVENT: &str = "snapshot";

/// Namespace and id.
pub type FeedName = (String, String);

/// Everything that moves, at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The server's clock, unix milliseconds.
    at_ms: u64,
    /// The changefeeds of the rows, when they are others than in the event before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    names: Option<Vec<FeedName>>,
    rows: Vec<Row>,
}

/// State, checkpoint, resolved-ts (TSO), both lags (ms), rows and bytes a second, tables, and what few have.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Row(
    FeedState,
    u64,
    u64,
    u64,
    Option<u64>,
    f64,
    f64,
    usize,
    Option<Box<Trouble>>,
);

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Trouble {
    problem: Option<Problem>,
    blocked: Option<String>,
    retry_in_ms: Option<u64>,
    attempt: Option<u32>,
}

impl From<Vitals> for Row {
    fn from(vitals: Vitals) -> Self {
        let Vitals {
            state,
            checkpoint_ts,
            resolved_ts,
            lag_ms,
            resolved_lag_ms,
            rows_per_s,
            bytes_per_s,
            problem,
            blocked,
            retry_in_ms,
            attempt,
            tables,
        } = vitals;
        let is_well = problem.is_none() && blocked.is_none() && retry_in_ms.is_none() && attempt.is_none();
        let trouble = (!is_well).then(|| {
            Box::new(Trouble {
                problem,
                blocked,
                retry_in_ms,
                attempt,
            })
        });
        Row(
            state,
            checkpoint_ts,
            resolved_ts,
            lag_ms,
            resolved_lag_ms,
            rows_per_s,
            bytes_per_s,
            tables,
            trouble,
        )
    }
}

impl From<Row> for Vitals {
    fn from(row: Row) -> Self {
        let Row(
            state,
            checkpoint_ts,
            resolved_ts,
            lag_ms,
            resolved_lag_ms,
            rows_per_s,
            bytes_per_s,
            tables,
            trouble,
        ) = row;
        let trouble = trouble.map(|trouble| *trouble);
        let (problem, blocked, retry_in_ms, attempt) = match trouble {
            Some(trouble) => (
                trouble.problem,
                trouble.blocked,
                trouble.retry_in_ms,
                trouble.attempt,
            ),
            None => (None, None, None, None),
        };
        Vitals {
            state,
            checkpoint_ts,
            resolved_ts,
            lag_ms,
            resolved_lag_ms,
            rows_per_s,
            bytes_per_s,
            problem,
            blocked,
            retry_in_ms,
            attempt,
            tables,
        }
    }
}

/// What one viewer has been told.
#[cfg(feature = "ssr")]
#[derive(Default)]
pub struct Teller {
    names: Option<Vec<FeedName>>,
}

#[cfg(feature = "ssr")]
impl Teller {
    /// The next event of this viewer.
    pub fn tell(&mut self, live: &tidegate_api::LiveSnapshot) -> Snapshot {
        let feeds = &live.changefeeds;
        let told = self.names.as_deref().unwrap_or_default();
        let are_told = self.names.is_some()
            && told.len() == feeds.len()
            && told
                .iter()
                .zip(feeds)
                .all(|(told, feed)| told.0 == feed.namespace && told.1 == feed.id);
        let names = (!are_told).then(|| {
            feeds
                .iter()
                .map(|feed| (feed.namespace.clone(), feed.id.clone()))
                .collect::<Vec<_>>()
        });
        if names.is_some() {
            self.names.clone_from(&names);
        }
        let rows = feeds
            .iter()
            .map(|feed| crate::fns::view::vitals(feed, live.unix_ms).into());
        Snapshot {
            at_ms: live.unix_ms,
            names,
            rows: rows.collect(),
        }
    }
}

/// What a page has heard of a stream.
#[derive(Default)]
pub struct Listener {
    count: usize,
}

/// One event as a page takes it in.
pub struct Heard {
    /// The server's clock, unix milliseconds.
    pub at_ms: u64,
    /// The changefeeds, when they are others than before.
    pub names: Option<Vec<FeedName>>,
    /// Their values, in the order of the names that came last.
    pub values: Vec<Vitals>,
}

impl Listener {
    /// Reads the data of an event; none when a server of another version sent it.
    pub fn hear(&mut self, text: &str) -> Option<Heard> {
        let Snapshot { at_ms, names, rows } = serde_json::from_str(text).ok()?;
        if let Some(names) = &names {
            self.count = names.len();
        }
        (rows.len() == self.count).then(|| Heard {
            at_ms,
            names,
            values: rows.into_iter().map(Vitals::from).collect(),
        })
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use tidegate_api::{ChangefeedLive, LiveSnapshot};

    fn live(unix_ms: u64, ids: &[&str]) -> LiveSnapshot {
        let feed = |id: &&str| ChangefeedLive {
            namespace: "default".to_owned(),
            id: (*id).to_owned(),
            state: "normal".to_owned(),
            checkpoint_ts: 462_000_000_000_000_001,
            ..ChangefeedLive::default()
        };
        LiveSnapshot {
            unix_ms,
            changefeeds: ids.iter().map(feed).collect(),
        }
    }

    #[test]
    fn names_are_told_once_and_when_they_change() {
        let (mut teller, mut listener) = (Teller::default(), Listener::default());
        let mut names = |live: LiveSnapshot| {
            let text = serde_json::to_string(&teller.tell(&live)).unwrap();
            let heard = listener.hear(&text).expect("an event");
            assert_eq!(heard.values.len(), live.changefeeds.len());
            let values: Vec<Vitals> = live
                .changefeeds
                .iter()
                .map(|feed| crate::fns::view::vitals(feed, live.unix_ms))
                .collect();
            assert_eq!(heard.values, values);
            heard.names.map(|names| names.len())
        };
        assert_eq!(names(live(1, &[])), Some(0));
        assert_eq!(names(live(2, &[])), None);
        assert_eq!(names(live(3, &["a", "b"])), Some(2));
        assert_eq!(names(live(4, &["a", "b"])), None);
        assert_eq!(names(live(5, &["a", "c"])), Some(2));
        assert_eq!(names(live(6, &["a"])), Some(1));
    }

    #[test]
    fn a_page_that_has_missed_the_names_hears_nothing() {
        let mut teller = Teller::default();
        let live = live(1, &["a"]);
        let _first = teller.tell(&live);
        let second = serde_json::to_string(&teller.tell(&live)).unwrap();
        assert!(Listener::default().hear(&second).is_none());
        assert!(Listener::default().hear("{}").is_none());
    }
}
