//! What is stored about a changefeed: the JSON documents of the original, keys in kebab-case.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_api::ReplicaConfig;
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, ResultExt, Ts};

use super::kebab;
use crate::feed::{FeedState, RunningError, State};

/// The description of a changefeed.
#[derive(Clone, Debug)]
pub(crate) struct FeedInfo {
    pub(crate) upstream_id: u64,
    pub(crate) id: ChangefeedId,
    /// With its secrets: never show it.
    pub(crate) sink_uri: String,
    pub(crate) create_ms: u64,
    pub(crate) start_ts: Ts,
    /// Zero: none.
    pub(crate) target_ts: Ts,
    /// With its secrets: never show it.
    pub(crate) config: ReplicaConfig,
    pub(crate) creator_version: String,
    /// Drawn anew at every change of state, so that leftovers of an earlier run can be told apart.
    pub(crate) epoch: u64,
}

/// A changefeed as it was read from the store.
#[derive(Clone, Debug)]
pub(crate) struct StoredFeed {
    pub(crate) info: FeedInfo,
    pub(crate) state: State,
    pub(crate) error: Option<RunningError>,
    pub(crate) warning: Option<RunningError>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct InfoDoc {
    upstream_id: u64,
    namespace: String,
    changefeed_id: String,
    sink_uri: String,
    create_time: String,
    start_ts: u64,
    #[serde(default)]
    target_ts: u64,
    #[serde(default)]
    admin_job_type: i32,
    #[serde(default)]
    sort_engine: String,
    #[serde(default)]
    sort_dir: String,
    config: Value,
    state: String,
    error: Option<ErrorDoc>,
    warning: Option<ErrorDoc>,
    #[serde(default)]
    creator_version: String,
    #[serde(default)]
    epoch: u64,
}

#[derive(Serialize, Deserialize)]
struct ErrorDoc {
    time: String,
    addr: String,
    code: String,
    message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct StatusDoc {
    checkpoint_ts: u64,
    #[serde(default)]
    min_table_barrier_ts: u64,
    #[serde(default)]
    admin_job_type: i32,
}

/// The info document. `addr` is the server that hit the errors.
pub(crate) fn encode_info(info: &FeedInfo, feed: &FeedState, addr: &str) -> Result<Vec<u8>> {
    let config = serde_json::to_value(&info.config)
        .code(ErrorCode::InternalServerError, "cannot encode the config")?;
    let doc = InfoDoc {
        upstream_id: info.upstream_id,
        namespace: info.id.namespace.to_string(),
        changefeed_id: info.id.id.to_string(),
        sink_uri: info.sink_uri.clone(),
        create_time: rfc3339(info.create_ms),
        start_ts: info.start_ts.as_u64(),
        target_ts: info.target_ts.as_u64(),
        admin_job_type: feed.state.admin_job_type(),
        sort_engine: "unified".to_owned(),
        sort_dir: String::new(),
        config: kebab::from_snake(config),
        state: feed.state.as_str().to_owned(),
        error: feed.error.as_ref().map(|error| encode_error(error, addr)),
        warning: feed.warning.as_ref().map(|warning| encode_error(warning, addr)),
        creator_version: info.creator_version.clone(),
        epoch: info.epoch,
    };
    serde_json::to_vec(&doc).code(ErrorCode::InternalServerError, "cannot encode the changefeed")
}

/// Reads an info document.
///
/// # Errors
/// `DataDirCorrupt` when it is no such document.
pub(crate) fn decode_info(id: &ChangefeedId, bytes: &[u8]) -> Result<StoredFeed> {
    let corrupt = || format!("the stored description of changefeed {id} cannot be read");
    let doc: InfoDoc = serde_json::from_slice(bytes).code(ErrorCode::DataDirCorrupt, corrupt())?;
    let config: ReplicaConfig =
        serde_json::from_value(kebab::to_snake(doc.config)).code(ErrorCode::DataDirCorrupt, corrupt())?;
    let state = State::parse(&doc.state).ok_or_else(|| {
        CdcError::new(
            ErrorCode::DataDirCorrupt,
            format_args!("{}: unknown state", corrupt()),
        )
    })?;
    Ok(StoredFeed {
        info: FeedInfo {
            upstream_id: doc.upstream_id,
            id: id.clone(),
            sink_uri: doc.sink_uri,
            create_ms: parse_rfc3339(&doc.create_time),
            start_ts: Ts::from_u64(doc.start_ts),
            target_ts: Ts::from_u64(doc.target_ts),
            config,
            creator_version: doc.creator_version,
            epoch: doc.epoch,
        },
        state,
        error: doc.error.map(decode_error),
        warning: doc.warning.map(decode_error),
    })
}

/// The status document.
pub(crate) fn encode_status(checkpoint: Ts, state: State) -> Result<Vec<u8>> {
    let doc = StatusDoc {
        checkpoint_ts: checkpoint.as_u64(),
        min_table_barrier_ts: checkpoint.as_u64(),
        admin_job_type: state.admin_job_type(),
    };
    serde_json::to_vec(&doc).code(ErrorCode::InternalServerError, "cannot encode the checkpoint")
}

/// The checkpoint of a status document.
///
/// # Errors
/// `DataDirCorrupt` when it is no such document.
pub(crate) fn decode_status(id: &ChangefeedId, bytes: &[u8]) -> Result<Ts> {
    let doc: StatusDoc = serde_json::from_slice(bytes).code(
        ErrorCode::DataDirCorrupt,
        format_args!("the stored checkpoint of changefeed {id} cannot be read"),
    )?;
    Ok(Ts::from_u64(doc.checkpoint_ts))
}

fn encode_error(error: &RunningError, addr: &str) -> ErrorDoc {
    ErrorDoc {
        time: rfc3339(error.time_ms),
        addr: addr.to_owned(),
        code: error.code.clone(),
        message: error.message.clone(),
    }
}

fn decode_error(doc: ErrorDoc) -> RunningError {
    RunningError {
        time_ms: parse_rfc3339(&doc.time),
        code: doc.code,
        message: doc.message,
    }
}

fn rfc3339(unix_ms: u64) -> String {
    timestamp(unix_ms).to_string()
}

fn parse_rfc3339(text: &str) -> u64 {
    // A time is for showing only: an odd one is no reason to refuse the changefeed.
    text.parse::<Timestamp>()
        .ok()
        .and_then(|time| u64::try_from(time.as_millisecond()).ok())
        .unwrap_or(0)
}

/// The instant of a unix time; the epoch for one beyond the calendar.
pub(crate) fn timestamp(unix_ms: u64) -> Timestamp {
    i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `YYYY-MM-DD HH:MM:SS.mmm` in `zone`, as the API shows times of a TSO.
pub(crate) fn display_time(unix_ms: u64, zone: &TimeZone) -> String {
    timestamp(unix_ms)
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S%.3f")
        .to_string()
}

/// RFC 3339 with the offset of `zone`.
pub(crate) fn rfc3339_local(unix_ms: u64, zone: &TimeZone) -> String {
    timestamp(unix_ms)
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}
