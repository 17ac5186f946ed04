//! Answers, members in the published order.

use serde::{Deserialize, Serialize};

use crate::config::ReplicaConfig;
use crate::json::is_zero;

/// A list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct List<T> {
    pub total: usize,
    pub items: Vec<T>,
}

impl<T> List<T> {
    /// All items; there is no paging.
    pub fn new(items: Vec<T>) -> Self {
        List {
            total: items.len(),
            items,
        }
    }
}

/// `{}`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Empty {}

/// Body of every error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ApiError {
    /// `[CDC:ErrX]text: cause`.
    pub error_msg: String,
    /// `CDC:ErrX`.
    pub error_code: String,
}

/// An error of a running changefeed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunningError {
    /// RFC 3339.
    pub time: String,
    /// Address of the capture that hit it.
    pub addr: String,
    /// `CDC:ErrX`.
    pub code: String,
    /// Text for people.
    pub message: String,
}

/// As [`RunningError`], without the time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct DetailError {
    pub addr: String,
    pub code: String,
    pub message: String,
}

/// An item of `GET /changefeeds`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct ChangefeedSummary {
    pub upstream_id: u64,
    pub namespace: String,
    pub id: String,
    pub state: String,
    pub checkpoint_tso: u64,
    /// `YYYY-MM-DD HH:MM:SS.mmm` in the server's zone.
    pub checkpoint_time: String,
    pub error: Option<RunningError>,
}

/// `GET /changefeeds/{id}` and the answers to create and update.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct ChangefeedDetail {
    #[serde(skip_serializing_if = "is_zero")]
    pub upstream_id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Masked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sink_uri: String,
    /// RFC 3339.
    pub create_time: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub start_ts: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub target_ts: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub admin_job_type: i32,
    /// Masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ReplicaConfig>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<DetailError>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub creator_version: String,
    /// 0 while it does not run.
    pub resolved_ts: u64,
    pub checkpoint_ts: u64,
    /// `YYYY-MM-DD HH:MM:SS.mmm` in the server's zone.
    pub checkpoint_time: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_status: Vec<TaskStatus>,
}

/// Tables of a changefeed on one capture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct TaskStatus {
    pub capture_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub table_ids: Vec<i64>,
}

/// `GET /changefeeds/{id}/status`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct ChangefeedStatus {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    pub resolved_ts: u64,
    pub checkpoint_ts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<RunningError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_warning: Option<RunningError>,
}

/// `GET /changefeeds/{id}/synced`; times as `YYYY-MM-DD HH:MM:SS.mmm`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct SyncedStatus {
    pub synced: bool,
    pub sink_checkpoint_ts: String,
    pub puller_resolved_ts: String,
    pub last_synced_ts: String,
    pub now_ts: String,
    pub info: String,
}

/// An item of `GET /captures`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct Capture {
    pub id: String,
    pub is_owner: bool,
    pub address: String,
    pub cluster_id: String,
}

/// An item of `GET /processors`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct Processor {
    pub namespace: String,
    pub changefeed_id: String,
    pub capture_id: String,
}

/// `GET /processors/{changefeed}/{capture}`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProcessorDetail {
    /// `null`: the capture has none of this changefeed.
    pub table_ids: Option<Vec<i64>>,
}

/// `GET /status`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct ServerStatus {
    pub version: String,
    pub git_hash: String,
    pub id: String,
    pub cluster_id: String,
    pub pid: u32,
    pub is_owner: bool,
    /// 0 alive, 1 stopping.
    pub liveness: i32,
}

/// An item of `GET /unsafe/metadata`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MetaEntry {
    /// Key of the store.
    pub key: String,
    /// What may be shown of the value: secrets are masked.
    pub value: String,
}

/// `POST /capture/owner/changefeed/query`; empty for a changefeed that does not exist.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct OwnerChangefeed {
    pub state: String,
    /// Checkpoint.
    pub tso: u64,
    /// `YYYY-MM-DD HH:MM:SS.mmm` in the server's zone.
    pub checkpoint: String,
    pub error: Option<RunningError>,
}

/// `POST /tso`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tso {
    /// Unix milliseconds.
    pub timestamp: u64,
    /// Counter inside the millisecond.
    pub logic_time: u64,
}

/// `POST /verify_table`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct VerifyTableResult {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ineligible_tables: Vec<VerifiedTable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub eligible_tables: Vec<VerifiedTable>,
}

/// A table as `verify_table` shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct VerifiedTable {
    pub database_name: String,
    pub table_name: String,
    pub table_id: i64,
    pub is_partition: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_changefeed_has_the_published_order_and_leaves_out_what_is_empty() {
        let detail = ChangefeedDetail {
            upstream_id: 7_200_000_000_000_000_123,
            namespace: "default".to_owned(),
            id: "users".to_owned(),
            sink_uri: "mysql://root:xxxxx@10.0.0.9:3306/".to_owned(),
            create_time: "2023-02-27T20:00:00.5+08:00".to_owned(),
            start_ts: 439_746_000_000_000_000,
            admin_job_type: 1,
            state: "stopped".to_owned(),
            creator_version: "v8.5.0".to_owned(),
            checkpoint_ts: 439_749_918_821_711_874,
            checkpoint_time: "2023-02-27 23:46:52.888".to_owned(),
            ..ChangefeedDetail::default()
        };
        assert_eq!(
            serde_json::to_string(&detail).unwrap(),
            r#"{"upstream_id":7200000000000000123,"namespace":"default","id":"users","sink_uri":"mysql://root:xxxxx@10.0.0.9:3306/","create_time":"2023-02-27T20:00:00.5+08:00","start_ts":439746000000000000,"admin_job_type":1,"state":"stopped","creator_version":"v8.5.0","resolved_ts":0,"checkpoint_ts":439749918821711874,"checkpoint_time":"2023-02-27 23:46:52.888"}"#
        );
    }

    #[test]
    fn lists_and_absences_have_their_published_form() {
        assert_eq!(
            serde_json::to_string(&List::<Capture>::new(vec![])).unwrap(),
            r#"{"total":0,"items":[]}"#
        );
        assert_eq!(
            serde_json::to_string(&VerifyTableResult::default()).unwrap(),
            "{}"
        );
        assert_eq!(
            serde_json::to_string(&ProcessorDetail { table_ids: None }).unwrap(),
            r#"{"table_ids":null}"#
        );
        assert_eq!(serde_json::to_string(&Empty {}).unwrap(), "{}");
    }
}
