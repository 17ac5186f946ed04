//! What is stored about a changefeed: the JSON documents of the original, keys in kebab-case.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_api::{ReplicaConfig, kebab_from_snake, snake_from_kebab};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, ResultExt, Ts, mask_uri};

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
        config: kebab_from_snake(config),
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
        serde_json::from_value(snake_from_kebab(doc.config)).code(ErrorCode::DataDirCorrupt, corrupt())?;
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

/// The info document as text that may be shown: as it is stored, secrets masked.
///
/// # Errors
/// `DataDirCorrupt` when it is no such document.
pub(crate) fn shown_info(id: &ChangefeedId, bytes: &[u8]) -> Result<String> {
    let config = decode_info(id, bytes)?.info.config.masked();
    let corrupt = format!("the stored description of changefeed {id} cannot be shown");
    let mut doc: InfoDoc = serde_json::from_slice(bytes).code(ErrorCode::DataDirCorrupt, &corrupt)?;
    doc.sink_uri = mask_uri(&doc.sink_uri);
    doc.config =
        kebab_from_snake(serde_json::to_value(config).code(ErrorCode::InternalServerError, &corrupt)?);
    serde_json::to_string(&doc).code(ErrorCode::InternalServerError, &corrupt)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::feed::Now;

    fn sample() -> (FeedInfo, FeedState) {
        let mut config = ReplicaConfig::default();
        config.filter.rules = vec!["shop.*".to_owned()];
        config.sink.safe_mode = Some(true);
        let info = FeedInfo {
            upstream_id: 7,
            id: ChangefeedId::new("ns", "orders"),
            sink_uri: "mysql://root:pw@db:3306/".to_owned(),
            create_ms: 1_677_512_812_888,
            start_ts: Ts::from_u64(u64::MAX - 1),
            target_ts: Ts::ZERO,
            config,
            creator_version: "v8.5.0-tidegate".to_owned(),
            epoch: 3,
        };
        let mut feed = FeedState::load(
            State::Normal,
            info.start_ts,
            Duration::from_secs(1800),
            1,
            Now::default(),
        );
        feed.state = State::Failed;
        feed.error = Some(RunningError {
            time_ms: 1_677_512_812_999,
            code: "CDC:ErrX".to_owned(),
            message: "[CDC:ErrX]text".to_owned(),
        });
        (info, feed)
    }

    #[test]
    fn the_document_is_the_one_the_original_keeps() {
        let (info, feed) = sample();
        let doc: Value = serde_json::from_slice(&encode_info(&info, &feed, "h:1").unwrap()).unwrap();
        let mut members: Vec<&str> = doc.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(
            members,
            [
                "admin-job-type",
                "changefeed-id",
                "config",
                "create-time",
                "creator-version",
                "epoch",
                "error",
                "namespace",
                "sink-uri",
                "sort-dir",
                "sort-engine",
                "start-ts",
                "state",
                "target-ts",
                "upstream-id",
                "warning"
            ]
        );
        assert_eq!(doc["config"]["sink"]["safe-mode"], json!(true));
        assert_eq!(doc["config"]["memory-quota"], json!(1 << 30));
        assert_eq!(doc["start-ts"], json!(u64::MAX - 1));
        assert_eq!(doc["create-time"], json!("2023-02-27T15:46:52.888Z"));
        assert_eq!(doc["error"]["addr"], json!("h:1"));
        let status: Value =
            serde_json::from_slice(&encode_status(Ts::from_u64(9), State::Failed).unwrap()).unwrap();
        assert_eq!(
            status,
            json!({"checkpoint-ts": 9, "min-table-barrier-ts": 9, "admin-job-type": 1})
        );
    }

    #[test]
    fn what_was_written_reads_back() {
        let (info, feed) = sample();
        let stored = decode_info(&info.id, &encode_info(&info, &feed, "h:1").unwrap()).unwrap();
        assert_eq!(stored.info.config, info.config);
        assert_eq!(stored.info.create_ms, info.create_ms);
        assert_eq!(
            (stored.info.start_ts, stored.info.epoch),
            (info.start_ts, info.epoch)
        );
        assert_eq!((stored.state, stored.error), (feed.state, feed.error));
        let status = encode_status(Ts::from_u64(9), State::Normal).unwrap();
        assert_eq!(decode_status(&info.id, &status).unwrap(), Ts::from_u64(9));
        for damaged in ["", "{}", "[]", r#"{"state":"odd"}"#] {
            let error = decode_info(&info.id, damaged.as_bytes()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::DataDirCorrupt);
            assert!(!error.wire_message().contains("pw"));
        }
    }

    #[test]
    fn times_are_shown_as_clients_parse_them() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(display_time(1_677_512_812_888, &zone), "2023-02-27 23:46:52.888");
        assert_eq!(display_time(0, &zone), "1970-01-01 08:00:00.000");
        assert_eq!(
            rfc3339_local(1_677_512_812_500, &zone),
            "2023-02-27T23:46:52.500+08:00"
        );
        assert_eq!(display_time(u64::MAX, &zone), "1970-01-01 08:00:00.000");
    }
}
