//! Bodies of requests.

use serde::{Deserialize, Serialize};

use crate::config::{ConfigPatch, ReplicaConfig};
use crate::json::{null_default, object};

/// Addresses of another upstream than the server's own. Read from every body that may have them; this version serves
/// one upstream, so a body that names another is refused by whoever reads it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct PdBlock {
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub pd_addrs: Vec<String>,
    #[serde(deserialize_with = "null_default")]
    pub ca_path: String,
    #[serde(deserialize_with = "null_default")]
    pub cert_path: String,
    #[serde(deserialize_with = "null_default")]
    pub key_path: String,
    #[serde(deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub cert_allowed_cn: Vec<String>,
}

/// `POST /changefeeds`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct CreateChangefeed {
    #[serde(deserialize_with = "null_default")]
    pub namespace: String,
    /// Empty: one is made up.
    #[serde(deserialize_with = "null_default")]
    pub changefeed_id: String,
    /// With its secrets.
    #[serde(deserialize_with = "null_default")]
    pub sink_uri: String,
    /// TSO; 0: now.
    #[serde(deserialize_with = "null_default")]
    pub start_ts: u64,
    /// TSO; 0: without end.
    #[serde(deserialize_with = "null_default")]
    pub target_ts: u64,
    /// Complete: what the body leaves out has its default.
    #[serde(deserialize_with = "over_defaults")]
    pub replica_config: ReplicaConfig,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// `PUT /changefeeds/{id}`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct UpdateChangefeed {
    /// Empty: keep.
    #[serde(deserialize_with = "null_default")]
    pub sink_uri: String,
    /// 0: keep.
    #[serde(deserialize_with = "null_default")]
    pub target_ts: u64,
    /// Members left out keep their stored value.
    pub replica_config: Option<ConfigPatch>,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// `POST /changefeeds/{id}/resume`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct ResumeChangefeed {
    /// TSO to go on from; 0: the checkpoint.
    #[serde(deserialize_with = "null_default")]
    pub overwrite_checkpoint_ts: u64,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// `GET /changefeeds/{id}/synced`, whose body is optional.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct SyncedRequest {
    #[serde(deserialize_with = "object")]
    pub replica_config: Option<SyncedRequestConfig>,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// The only member of a `replica_config` that matters to `synced`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct SyncedRequestConfig {
    #[serde(deserialize_with = "object")]
    pub synced_status: Option<SyncedRequestStatus>,
}

/// Intervals of one question; a member that is left out, or `null`, has the default of a new changefeed.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SyncedRequestStatus {
    /// Seconds since the last row after which everything counts as delivered. 0 is taken as it is.
    pub synced_check_interval: Option<i64>,
    /// Seconds by which the checkpoint may lag behind. 0 is taken as it is: nothing lags less.
    pub checkpoint_interval: Option<i64>,
}

/// `POST /verify_table`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct VerifyTable {
    /// May be empty.
    #[serde(deserialize_with = "null_default")]
    pub sink_uri: String,
    /// TSO; 0: now.
    #[serde(deserialize_with = "null_default")]
    pub start_ts: u64,
    /// Complete: what the body leaves out has its default.
    #[serde(deserialize_with = "over_defaults")]
    pub replica_config: ReplicaConfig,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// `POST /tso`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct TsoRequest {
    /// Upstream; 0: the server's own.
    #[serde(deserialize_with = "null_default")]
    pub id: u64,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// `POST /unsafe/resolve_lock`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the published API")]
pub struct ResolveLock {
    #[serde(deserialize_with = "null_default")]
    pub region_id: u64,
    /// TSO.
    #[serde(deserialize_with = "null_default")]
    pub ts: u64,
    #[serde(flatten)]
    pub pd: PdBlock,
}

/// `PUT /api/v1/captures/drain`
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DrainCapture {
    /// Capture to move tables away from.
    #[serde(deserialize_with = "null_default")]
    pub capture_id: String,
}

/// `POST /log`
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogLevelRequest {
    /// Empty means `info`.
    #[serde(deserialize_with = "null_default")]
    pub log_level: String,
}

fn over_defaults<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ReplicaConfig, D::Error> {
    let patch = Option::<ConfigPatch>::deserialize(deserializer)?.unwrap_or_default();
    patch
        .apply(&ReplicaConfig::default())
        .map_err(|error| serde::de::Error::custom(error.message()))
}

#[cfg(test)]
mod tests {
    use tidegate_model::ErrorCode;

    use super::*;
    use crate::read_json;

    #[test]
    fn unknown_members_and_nulls_are_accepted() {
        let request: CreateChangefeed = read_json(
            br#"{"changefeed_id":"a","sink_uri":"blackhole://","start_ts":null,"engine":"unified","pd_addrs":["h:1"],
                "replica_config":{"enable_old_value":true,"filter":{"rules":["shop.*"]}}} trailing"#,
        )
        .unwrap();
        assert_eq!((request.changefeed_id.as_str(), request.start_ts), ("a", 0));
        assert_eq!(request.replica_config.filter.rules, ["shop.*"]);
        assert_eq!(request.pd.pd_addrs, ["h:1"]);
        let request: CreateChangefeed = read_json(br#"{"replica_config":null}"#).unwrap();
        assert_eq!(request.replica_config, ReplicaConfig::default());
    }

    #[test]
    fn nulls_of_a_question_for_synced_mean_absent() {
        for body in [
            r#"{"replica_config":null,"pd_addrs":null}"#,
            r#"{"replica_config":{"synced_status":null}}"#,
            r#"{"replica_config":{"synced_status":{"synced_check_interval":null,"checkpoint_interval":null}}}"#,
        ] {
            let request: SyncedRequest = read_json(body.as_bytes()).unwrap();
            let status = request.replica_config.and_then(|config| config.synced_status);
            assert_eq!(
                status.unwrap_or_default(),
                SyncedRequestStatus::default(),
                "{body}"
            );
        }
        let body = br#"{"replica_config":{"synced_status":{"checkpoint_interval":0}}}"#;
        let request: SyncedRequest = read_json(body).unwrap();
        let status = request.replica_config.unwrap().synced_status.unwrap();
        assert_eq!(
            (status.synced_check_interval, status.checkpoint_interval),
            (None, Some(0))
        );
    }

    /// A list of an object's members in order was once taken for the object.
    #[test]
    fn lists_are_no_objects() {
        for body in [
            r#"{"replica_config":[null]}"#,
            r#"{"replica_config":{"synced_status":[1,2]}}"#,
        ] {
            assert!(read_json::<SyncedRequest>(body.as_bytes()).is_err(), "{body}");
        }
        for (config, place) in [
            (r#"{"sink":[]}"#, "sink"),
            (r#"{"mounter":[3]}"#, "mounter"),
            (
                r#"{"sink":{"csv":[",","\"","",false,"hex",false,false,false]}}"#,
                "sink.csv",
            ),
            (
                r#"{"sink":{"kafka_config":{"codec_config":[]}}}"#,
                "sink.kafka_config.codec_config",
            ),
            (
                r#"{"filter":{"event_filters":[[null,null,null]]}}"#,
                "filter.event_filters[0]",
            ),
        ] {
            let body = format!(r#"{{"replica_config":{config}}}"#);
            let error = read_json::<CreateChangefeed>(body.as_bytes()).unwrap_err();
            assert!(error.message().contains(&format!("{place}: ")), "{error}");
        }
    }

    #[test]
    fn an_update_tells_absent_from_given() {
        let absent: UpdateChangefeed = read_json(br#"{"target_ts":18446744073709551615}"#).unwrap();
        assert_eq!((absent.replica_config, absent.target_ts), (None, u64::MAX));
        let given: UpdateChangefeed = read_json(br#"{"replica_config":{"case_sensitive":true}}"#).unwrap();
        assert!(given.replica_config.is_some_and(|patch| !patch.is_empty()));
    }

    #[test]
    fn wrong_types_are_refused() {
        for body in [
            r#"{"start_ts":"1"}"#,
            r#"{"start_ts":-1}"#,
            r#"{"start_ts":1.5}"#,
            r#"{"replica_config":{"memory_quota":"much"}}"#,
            r#"[]"#,
            r#"{"#,
            "",
        ] {
            let error = read_json::<CreateChangefeed>(body.as_bytes()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::APIInvalidParam, "{body}");
        }
    }
}
