//! What the pages show: plain data that crosses from the server functions to the browser. No secret may be in it.

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
    /// The last minutes, oldest first.
    pub points: Vec<Point>,
}

/// The changefeed list, also the base of the overview.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedList {
    /// The server's clock when it answered, unix milliseconds.
    pub now_ms: u64,
    /// Every changefeed, finished ones too.
    pub feeds: Vec<FeedRow>,
}

/// One changefeed in full.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FeedDetail {
    /// The server's clock when it answered, unix milliseconds.
    pub now_ms: u64,
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
}

/// What the captures page shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Captures {
    /// Every capture.
    pub captures: Vec<CaptureRow>,
    /// Version the server reports to clients of the v2 API.
    pub version: String,
    /// Process id of the server that answered.
    pub pid: u32,
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
    use super::FeedState;

    #[test]
    fn states_are_read_as_the_api_writes_them() {
        for state in FeedState::ALL {
            assert_eq!(FeedState::from_wire(state.word()), state);
        }
        assert_eq!(FeedState::from_wire("pending"), FeedState::Warning);
    }
}
