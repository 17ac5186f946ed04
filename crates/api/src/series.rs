//! The history of a changefeed, as charts draw it.

use serde::{Deserialize, Serialize};

/// `GET /api/tidegate/v1/changefeeds/{changefeed_id}/series`
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// `5m`, `1h` or `24h`.
    pub window: String,
    /// The server's clock.
    pub unix_ms: u64,
    /// Distance between two points. A point that is not there is a gap: the server was not running or not watching.
    pub step_seconds: u64,
    /// Oldest first.
    pub points: Vec<SeriesPoint>,
    /// What happened in the window, oldest first.
    pub marks: Vec<SeriesMark>,
}

/// Figures of one step. Lags are the largest of the step, rates the mean.
#[derive(Copy, Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Begin of the step.
    pub unix_ms: u64,
    /// Age of the checkpoint.
    pub checkpoint_lag_ms: f64,
    /// Age of the resolved-ts; none while the changefeed did not run.
    pub resolved_lag_ms: Option<f64>,
    /// Rows inserted downstream.
    pub inserts_per_second: f64,
    /// Rows updated downstream.
    pub updates_per_second: f64,
    /// Rows deleted downstream.
    pub deletes_per_second: f64,
    /// Bytes of source events behind them.
    pub bytes_per_second: f64,
}

/// Something that happened to a changefeed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SeriesMark {
    /// When it was seen.
    pub unix_ms: u64,
    /// `ddl`, `error`, `pause`, `resume`, `edit` or `finish`.
    pub kind: String,
    /// What it was, for people.
    pub text: String,
}
