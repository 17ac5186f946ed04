//! What the pages show: plain data that crosses from the server functions to the browser. No secret may be in it.

use crate::fns::choice::{Column, Sort};
use serde::{Deserialize, Serialize};

/// State of a changefeed as users see it: `pending` counts as `warning`, as in the v2 API.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// Replicating.
    Normal,
    /// Failed a moment ago and trying again.
    Warning,
    /// Paused by a user.
    Stopped,
    /// Given up: somebody has to act.
    Failed,
    /// Reached its target.
    Finished,
    /// Deleted.
    Removed,
}

impl FeedState {
    /// Every state, in the order of the filter chips: trouble first.
    pub const ALL: [FeedState; 6] = [
        FeedState::Failed,
        FeedState::Warning,
        FeedState::Normal,
        FeedState::Stopped,
        FeedState::Finished,
        FeedState::Removed,
    ];

    /// Reads the word of the v2 API. A word this version does not know needs attention, so it is a warning.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "normal" => FeedState::Normal,
            "stopped" => FeedState::Stopped,
            "failed" => FeedState::Failed,
            "finished" => FeedState::Finished,
            "removed" => FeedState::Removed,
            _ => FeedState::Warning,
        }
    }

    /// The word for users and for the address bar.
    pub const fn word(self) -> &'static str {
        match self {
            FeedState::Normal => "normal",
            FeedState::Warning => "warning",
            FeedState::Stopped => "stopped",
            FeedState::Failed => "failed",
            FeedState::Finished => "finished",
            FeedState::Removed => "removed",
        }
    }

    /// The states that a list of words names, separated by commas; other words are left out.
    pub fn list(words: &str) -> Vec<FeedState> {
        let all = FeedState::ALL.into_iter();
        all.filter(|state| words.split(',').any(|word| word == state.word()))
            .collect()
    }

    /// Whether rows may flow.
    pub const fn is_running(self) -> bool {
        matches!(self, FeedState::Normal | FeedState::Warning)
    }
}

/// An error of a changefeed with what to do about it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// `CDC:Err...`.
    pub code: String,
    /// The text of the server, secrets masked.
    pub message: String,
    /// The next step for the reader, may be empty.
    pub remedy: String,
    /// When it was last seen, as the server wrote it; may be empty.
    pub time: String,
}

/// The part of a changefeed that moves. The live stream patches exactly this.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Vitals {
    /// State.
    pub state: FeedState,
    /// Everything up to here is durable downstream; a TSO.
    pub checkpoint_ts: u64,
    /// Everything up to here is known to the server; a TSO, 0 while not running.
    pub resolved_ts: u64,
    /// Age of the checkpoint in milliseconds.
    pub lag_ms: u64,
    /// Age of the resolved-ts in milliseconds, if there is one.
    pub resolved_lag_ms: Option<u64>,
    /// Rows written downstream in the last second.
    pub rows_per_s: f64,
    /// Bytes written downstream in the last second.
    pub bytes_per_s: f64,
    /// What is wrong, in states `warning` and `failed`.
    pub problem: Option<Problem>,
    /// Why the checkpoint stands still although the state is good, if the engine knows.
    pub blocked: Option<String>,
    /// Time until it is tried again, in milliseconds.
    pub retry_in_ms: Option<u64>,
    /// Failed tries of what is being retried.
    pub attempt: Option<u32>,
    /// Number of tables it replicates.
    pub tables: usize,
}

impl Vitals {
    /// These values as a point of history.
    pub fn point(&self, at_ms: u64) -> Point {
        Point {
            at_ms,
            lag_ms: self.lag_ms as f32,
            rows_per_s: self.rows_per_s as f32,
        }
    }
}

/// One second of a changefeed's history.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// Age of the checkpoint then, in milliseconds.
    pub lag_ms: f32,
    /// Rows written downstream in that second.
    pub rows_per_s: f32,
}

/// Distance between two values of a history, in milliseconds.
const STEP_MS: u64 = 1_000;

/// The last seconds of a changefeed, one value a second. Kept in columns: they are most of a page.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// Unix time of the newest values in milliseconds.
    pub end_ms: u64,
    /// Age of the checkpoint in milliseconds, oldest first.
    pub lag_ms: Vec<u64>,
    /// Rows written downstream in that second, oldest first.
    pub rows_per_s: Vec<f32>,
}

impl History {
    /// Oldest first.
    pub fn points(&self) -> Vec<Point> {
        let count = self.lag_ms.len().min(self.rows_per_s.len());
        let values = self.lag_ms.iter().zip(&self.rows_per_s).enumerate();
        values
            .map(|(n, (lag_ms, rows_per_s))| Point {
                at_ms: self.end_ms.saturating_sub((count - 1 - n) as u64 * STEP_MS),
                lag_ms: *lag_ms as f32,
                rows_per_s: *rows_per_s,
            })
            .collect()
    }
}

/// Number of changefeeds in each state.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StateCounts([usize; FeedState::ALL.len()]);

impl StateCounts {
    /// Counts states.
    pub fn of(states: impl Iterator<Item = FeedState>) -> Self {
        let mut counts = StateCounts::default();
        states.for_each(|state| counts.0[state as usize] += 1);
        counts
    }

    /// How many are in `state`.
    pub fn get(&self, state: FeedState) -> usize {
        self.0[state as usize]
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

/// A row of the changefeed list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedRow {
    /// Namespace.
    pub namespace: String,
    /// Id.
    pub id: String,
    /// Masked sink URI.
    pub sink: String,
    /// What moves.
    pub vitals: Vitals,
    /// The last minutes, as far as the page shows them.
    pub history: History,
}

/// Rows on one page of the list.
pub const PAGE_ROWS: usize = 50;

/// One page of the changefeed list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedPage {
    /// The changefeeds of the page, trouble first, with the last minute.
    pub feeds: Vec<FeedRow>,
    /// Which page it is, from 1 on; the last one when a later one was asked for.
    pub page: usize,
    /// How many changefeeds match on all pages.
    pub matching: usize,
    /// All changefeeds, also those that do not match.
    pub counts: StateCounts,
    /// The order of the list.
    pub sort: Sort,
    /// Columns that are shown beside those that always are.
    pub columns: Vec<Column>,
    /// The filters by state.
    pub chips: Vec<Chip>,
    /// What the server alone makes.
    pub parts: ListParts,
}

/// Parts of the list that are HTML of the server's own making.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ListParts {
    /// Fields of the filter.
    pub fields: String,
    /// Choice of columns.
    pub columns: String,
    /// The row of headings.
    pub head: String,
    /// What can be done with several changefeeds.
    pub bulk: String,
    /// Count and pages.
    pub foot: String,
}

/// A filter by state: a link that switches it on or off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chip {
    /// The state.
    pub state: FeedState,
    /// Where the link leads.
    pub address: String,
    /// Whether the list is filtered by it.
    pub on: bool,
}

impl FeedPage {
    /// How many pages there are, at least one.
    pub fn pages(&self) -> usize {
        self.matching.div_ceil(PAGE_ROWS).max(1)
    }
}

/// What the first page shows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Overview {
    /// All changefeeds.
    pub counts: StateCounts,
    /// Some of those that need attention, failed ones first, without a history.
    pub troubles: Vec<FeedRow>,
    /// The running ones with the largest lag, with five minutes of it.
    pub worst: Vec<FeedRow>,
    /// Whether the upstream's log is being read.
    pub upstream_connected: bool,
    /// The newest entries of the activity, for those who may read it: HTML of the server's own making.
    pub recent: Option<String>,
}

/// One changefeed in full.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedDetail {
    /// The row of the list.
    pub row: FeedRow,
    /// First commit-ts to replicate is the one after it; a TSO.
    pub start_ts: u64,
    /// Where it ends; a TSO.
    pub target_ts: Option<u64>,
    /// RFC 3339.
    pub created: String,
    /// Version of the server that made it.
    pub creator_version: String,
    /// Effective configuration as indented JSON of the v2 API, secrets masked.
    pub config_json: String,
}

/// A server process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CaptureRow {
    /// Id.
    pub id: String,
    /// Advertised address.
    pub address: String,
    /// Whether it leads.
    pub is_owner: bool,
    /// Cluster the capture belongs to.
    pub cluster_id: String,
    /// Version it reports to clients of the v2 API.
    pub version: String,
    /// Whether it has loaded its changefeeds and does its work.
    pub is_alive: bool,
    /// Time since its start, for the reader.
    pub uptime: String,
    /// How many changefeeds run on it.
    pub changefeeds: usize,
    /// How many tables they replicate, each counted once for each changefeed.
    pub tables: usize,
    /// Memory that its changefeeds hold, and may hold, for the reader.
    pub memory: String,
}

/// What the captures page shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Captures {
    /// Every capture.
    pub captures: Vec<CaptureRow>,
    /// The captures as a table: HTML of the server's own making.
    pub table: String,
    /// Which changefeed runs on which capture: HTML of the server's own making.
    pub processors: String,
    /// Process id of the server that answered.
    pub pid: u32,
}

/// What the page of one capture shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CaptureView {
    /// Id.
    pub id: String,
    /// Advertised address.
    pub address: String,
    /// What is asked about: `resign`, `drain`, or nothing.
    pub confirm: String,
    /// Why that is impossible; empty when it is not.
    pub why_not: String,
    /// Everything else: HTML of the server's own making.
    pub facts: String,
}

/// What the rules do with one table of the upstream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TableVerdict {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Whether it is replicated.
    pub accepted: bool,
    /// Position from 1 of the rule that decided; none when no rule matched.
    pub rule: Option<usize>,
    /// Why it is not replicated or cannot be, for the reader; may be empty.
    pub note: String,
}

/// What a set of table rules selects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RulePreview {
    /// Number of tables the rules were tried on.
    pub total: usize,
    /// How many of them are replicated.
    pub accepted: usize,
    /// Positions from 1 of rules that decide about no table.
    pub idle_rules: Vec<usize>,
    /// The tables, accepted ones first; cut after a limit.
    pub tables: Vec<TableVerdict>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_ends_at_its_newest_value() {
        let history = History {
            end_ms: 10_000,
            lag_ms: vec![2, 1],
            rows_per_s: vec![20.0, 10.0],
        };
        let points: Vec<_> = history
            .points()
            .iter()
            .map(|p| (p.at_ms, p.lag_ms as u64))
            .collect();
        assert_eq!(points, [(9_000, 2), (10_000, 1)]);
        assert!(History::default().points().is_empty());
    }

    #[test]
    fn states_are_counted_and_listed() {
        let counts = StateCounts::of([FeedState::Failed, FeedState::Normal, FeedState::Failed].into_iter());
        assert_eq!((counts.get(FeedState::Failed), counts.total()), (2, 3));
        assert_eq!(
            FeedState::list("warning,bogus,failed"),
            [FeedState::Failed, FeedState::Warning]
        );
        assert!(FeedState::list("").is_empty());
    }

    #[test]
    fn states_are_read_as_the_api_writes_them() {
        for state in FeedState::ALL {
            assert_eq!(FeedState::from_wire(state.word()), state);
        }
        assert_eq!(FeedState::from_wire("pending"), FeedState::Warning);
    }
}
