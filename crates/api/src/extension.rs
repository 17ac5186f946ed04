//! What `/api/tidegate/v1` and the live stream speak.

use serde::{Deserialize, Serialize};

use crate::json::null_default;
use crate::response::RunningError;

/// Figures of all changefeeds at one moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct LiveSnapshot {
    /// The server's clock.
    pub unix_ms: u64,
    /// By namespace and id.
    pub changefeeds: Vec<ChangefeedLive>,
}

/// Figures of one changefeed.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ChangefeedLive {
    /// Namespace.
    pub namespace: String,
    /// Id.
    pub id: String,
    /// Internal state, `pending` included.
    pub state: String,
    /// TSO up to which everything is durable downstream.
    pub checkpoint_ts: u64,
    /// TSO up to which the upstream was read; 0 while it does not run.
    pub resolved_ts: u64,
    /// Age of the checkpoint.
    pub checkpoint_lag_ms: u64,
    /// Age of the resolved-ts.
    pub resolved_lag_ms: u64,
    /// Rows made durable per second, over the last second.
    pub rows_per_second: f64,
    /// Those of them that were inserted.
    #[serde(default)]
    pub inserts_per_second: f64,
    /// Those of them that were updated.
    #[serde(default)]
    pub updates_per_second: f64,
    /// Those of them that were deleted.
    #[serde(default)]
    pub deletes_per_second: f64,
    /// Bytes of source events behind them.
    pub bytes_per_second: f64,
    /// Rows since the server started.
    pub rows_total: u64,
    /// Bytes since the server started.
    pub bytes_total: u64,
    /// The error it failed with or is retried after, or the last warning.
    pub error: Option<RunningError>,
    /// Why the checkpoint stands still, while it does.
    pub reason: Option<String>,
    /// Failed tries of what is being retried.
    pub attempt: Option<u32>,
    /// When it is tried again, unix milliseconds.
    pub retry_at_ms: Option<u64>,
    /// `checkpoint_lag_ms` of the last minutes, one value a second, oldest first.
    pub lag_history: Vec<u64>,
    /// `rows_per_second` of the last minutes, one value a second, oldest first.
    pub rows_history: Vec<f64>,
    /// Number of tables it replicates.
    pub tables: usize,
    /// `memory_quota` of its config.
    pub memory_quota_bytes: u64,
    /// Taken of it: by what is read ahead, decoded, on its way to the destination or being written there.
    pub memory_used_bytes: u64,
    /// How far each stage of the pipeline is, in the order of the flow; none while it does not run.
    #[serde(default)]
    pub stages: Vec<StageLive>,
    /// The last schema changes that are in place downstream, oldest first.
    #[serde(default)]
    pub ddls: Vec<DdlLive>,
    /// How often its settings were changed since the server started.
    #[serde(default)]
    pub edits: u64,
}

/// One stage of a pipeline.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StageLive {
    /// `puller`: the upstream's log is read; `mounter`: rows are decoded; `filter`: event filters have looked at them;
    /// `sink`: they are durable downstream.
    pub name: String,
    /// TSO up to which the stage is done.
    pub watermark_ts: u64,
    /// Rows it finished in the last second; the puller does not look at rows.
    pub rows_per_second: Option<f64>,
}

/// A schema change that is in place downstream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DdlLive {
    /// Its commit-ts.
    pub commit_ts: u64,
    /// The statement, cut if it is long.
    pub query: String,
}

/// `POST /api/tidegate/v1/filter/preview`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterPreviewRequest {
    /// Table rules; none means `*.*`.
    #[serde(deserialize_with = "null_default")]
    pub rules: Vec<String>,
    /// Whether they tell upper from lower case.
    #[serde(deserialize_with = "null_default")]
    pub case_sensitive: bool,
}

/// What rules mean for every table of the upstream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FilterPreview {
    /// By name.
    pub tables: Vec<FilterPreviewTable>,
}

/// What rules mean for one table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FilterPreviewTable {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Whether the rules select it.
    pub accepted: bool,
    /// Position (from 0) of the rule that decided; none if no rule matched.
    pub rule: Option<usize>,
    /// Whether it has a key that identifies rows.
    pub eligible: bool,
    /// Why it can never be replicated, if so.
    pub unsupported: Option<String>,
}

/// One of `GET /api/tidegate/v1/changefeeds/{changefeed_id}/tables`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedTable {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Number of its present incarnation; 0 when no change of it was seen yet.
    pub table_id: i64,
    /// Whether its rows are replicated.
    pub replicated: bool,
    /// The key that identifies its rows, with its columns; none if it has no such key.
    pub key: Option<String>,
    /// Why it can never be replicated, if so.
    pub unsupported: Option<String>,
}

/// `GET /api/tidegate/v1/server`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Version of Tidegate.
    pub version: String,
    /// Version that clients of the original see.
    pub api_version: String,
    /// Id of this run of the server.
    pub capture_id: String,
    /// Cluster.
    pub cluster_id: String,
    /// Time since the start.
    pub uptime_seconds: u64,
    /// Log level in force.
    pub log_level: String,
    /// What is known of the upstream; `None` when it does not answer.
    pub upstream: Option<UpstreamFacts>,
    /// Why the upstream does not answer.
    pub upstream_error: Option<String>,
}

/// Facts about the upstream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UpstreamFacts {
    /// `upstream_id` of the API.
    pub id: u64,
    /// `MariaDB` or `MySQL`.
    pub flavour: String,
    /// Version of the server.
    pub version: String,
    /// `host:port`.
    pub address: String,
    /// Things that work but should be looked at.
    pub warnings: Vec<String>,
}

/// `GET /api/tidegate/v1/errors/{code}`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorHelp {
    /// `CDC:ErrX`.
    pub code: String,
    /// Status of answers with it.
    pub http_status: u16,
    /// Whether a running changefeed tries again by itself.
    pub retried: bool,
    /// What has happened, in a plain sentence; empty for codes that no changefeed fails with.
    pub meaning: String,
    /// What usually causes it; empty where `meaning` is.
    pub cause: String,
    /// The next step.
    pub remedy: String,
}
