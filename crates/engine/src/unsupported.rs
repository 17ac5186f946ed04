//! Settings whose function is not built: refused by name, never ignored. Their default values pass.
//!
//! What belongs to one kind of sink is refused by that sink's own check; shapes and ranges by `api`.

use tidegate_api::{ReplicaConfig, SinkConfig, SinkUri};
use tidegate_model::{CdcError, ErrorCode, Result};

/// Refuses the first setting that would have no effect. `uri` is `None` where no destination is named.
///
/// # Errors
/// `NotSupported` naming the setting.
pub(crate) fn check(uri: Option<&SinkUri>, config: &ReplicaConfig) -> Result<()> {
    let mut all = refusals(config).into_iter().chain(format_refusals(&config.sink));
    let Some((_, setting, reason)) = all.find(|(is_set, _, _)| *is_set) else {
        return Ok(());
    };
    let sink = uri.map_or_else(String::new, |uri| format!(" with a {} sink", uri.scheme()));
    Err(CdcError::new(
        ErrorCode::NotSupported,
        format_args!("replica_config.{setting} is not supported{sink}: {reason}"),
    ))
}

/// Each setting: whether it is used, its name, and why that is refused.
fn refusals(config: &ReplicaConfig) -> [(bool, &'static str, &'static str); 12] {
    const QUEUE_ONLY: &str = "it is for message queues, which this version does not write to";
    const NOT_BUILT: &str = "this version does not have the function";
    const TIDB_ONLY: &str = "only a TiDB upstream has it";
    let sink = &config.sink;
    let redo = config
        .consistent
        .as_ref()
        .is_some_and(|redo| !matches!(redo.level.as_str(), "" | "none"));
    let integrity = !matches!(config.integrity.integrity_check_level.as_str(), "" | "none");
    let is_on = |setting: Option<bool>| setting == Some(true);
    [
        (is_on(config.enable_sync_point), "enable_sync_point", NOT_BUILT),
        (is_on(config.bdr_mode), "bdr_mode", TIDB_ONLY),
        (
            is_on(config.enable_table_monitor),
            "enable_table_monitor",
            NOT_BUILT,
        ),
        (redo, "consistent.level", NOT_BUILT),
        (integrity, "integrity.integrity_check_level", TIDB_ONLY),
        (
            config.scheduler.enable_table_across_nodes,
            "scheduler.enable_table_across_nodes",
            NOT_BUILT,
        ),
        (!sink.dispatchers.is_empty(), "sink.dispatchers", QUEUE_ONLY),
        (
            !sink.column_selectors.is_empty(),
            "sink.column_selectors",
            QUEUE_ONLY,
        ),
        (
            sink.schema_registry.as_deref().is_some_and(|uri| !uri.is_empty()),
            "sink.schema_registry",
            QUEUE_ONLY,
        ),
        (
            is_on(sink.enable_kafka_sink_v2),
            "sink.enable_kafka_sink_v2",
            QUEUE_ONLY,
        ),
        (sink.kafka_config.is_some(), "sink.kafka_config", QUEUE_ONLY),
        (sink.pulsar_config.is_some(), "sink.pulsar_config", QUEUE_ONLY),
    ]
}

/// As [`refusals`], for members of message formats that are not built. What is left out means the default.
fn format_refusals(sink: &SinkConfig) -> [(bool, &'static str, &'static str); 7] {
    const DEBEZIUM: &str = "it is for the protocol debezium, which this version does not write";
    const OPEN: &str = "it is for the protocol open-protocol, which this version does not write";
    const SIMPLE: &str = "it is for the protocol simple, which this version does not write";
    let default = SinkConfig::default();
    [
        (
            differs(&sink.debezium_disable_schema, &default.debezium_disable_schema),
            "sink.debezium_disable_schema",
            DEBEZIUM,
        ),
        (
            differs(&sink.debezium, &default.debezium),
            "sink.debezium.output_old_value",
            DEBEZIUM,
        ),
        (
            differs(&sink.open, &default.open),
            "sink.open.output_old_value",
            OPEN,
        ),
        (
            differs(
                &sink.send_bootstrap_interval_in_sec,
                &default.send_bootstrap_interval_in_sec,
            ),
            "sink.send_bootstrap_interval_in_sec",
            SIMPLE,
        ),
        (
            differs(
                &sink.send_bootstrap_in_msg_count,
                &default.send_bootstrap_in_msg_count,
            ),
            "sink.send_bootstrap_in_msg_count",
            SIMPLE,
        ),
        (
            differs(
                &sink.send_bootstrap_to_all_partition,
                &default.send_bootstrap_to_all_partition,
            ),
            "sink.send_bootstrap_to_all_partition",
            SIMPLE,
        ),
        (
            differs(
                &sink.send_all_bootstrap_at_start,
                &default.send_all_bootstrap_at_start,
            ),
            "sink.send-all-bootstrap-at-start",
            SIMPLE,
        ),
    ]
}

fn differs<T: PartialEq>(value: &Option<T>, default: &Option<T>) -> bool {
    value.is_some() && value != default
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_api::ConfigPatch;

    use super::*;

    fn refused(patch: serde_json::Value) -> Option<String> {
        let patch: ConfigPatch = serde_json::from_value(patch).expect("a patch");
        let config = patch.apply(&ReplicaConfig::default()).expect("it fits");
        let uri = SinkUri::parse("blackhole://").expect("a URI");
        check(Some(&uri), &config).err().map(|error| {
            assert_eq!(error.code(), ErrorCode::NotSupported);
            error.message().to_owned()
        })
    }

    #[test]
    fn defaults_pass_and_everything_else_is_named() {
        assert_eq!(refused(json!({})), None);
        assert_eq!(
            refused(json!({"bdr_mode": false, "consistent": {"level": "none"}})),
            None
        );
        for (setting, patch) in [
            ("enable_sync_point", json!({"enable_sync_point": true})),
            ("bdr_mode", json!({"bdr_mode": true})),
            ("enable_table_monitor", json!({"enable_table_monitor": true})),
            ("consistent.level", json!({"consistent": {"level": "eventual"}})),
            (
                "integrity.integrity_check_level",
                json!({"integrity": {"integrity_check_level": "correctness"}}),
            ),
            (
                "scheduler.enable_table_across_nodes",
                json!({"scheduler": {"enable_table_across_nodes": true}}),
            ),
            (
                "sink.dispatchers",
                json!({"sink": {"dispatchers": [{"matcher": ["*.*"]}]}}),
            ),
            (
                "sink.column_selectors",
                json!({"sink": {"column_selectors": [{"matcher": ["*.*"]}]}}),
            ),
            (
                "sink.schema_registry",
                json!({"sink": {"schema_registry": "http://r"}}),
            ),
            (
                "sink.enable_kafka_sink_v2",
                json!({"sink": {"enable_kafka_sink_v2": true}}),
            ),
            (
                "sink.kafka_config",
                json!({"sink": {"kafka_config": {"partition_num": 1}}}),
            ),
            ("sink.pulsar_config", json!({"sink": {"pulsar_config": {}}})),
        ] {
            is_named(setting, patch);
        }
    }

    /// These were accepted and had no effect.
    #[test]
    fn members_of_formats_that_are_not_built_are_named() {
        let complete = serde_json::to_value(ReplicaConfig::default()).expect("JSON");
        assert_eq!(refused(complete), None);
        assert_eq!(
            refused(json!({"sink": {"debezium": null, "open": null, "send_bootstrap_in_msg_count": null}})),
            None
        );
        for (setting, patch) in [
            (
                "sink.debezium_disable_schema",
                json!({"sink": {"debezium_disable_schema": true}}),
            ),
            (
                "sink.debezium.output_old_value",
                json!({"sink": {"debezium": {"output_old_value": false}}}),
            ),
            (
                "sink.open.output_old_value",
                json!({"sink": {"open": {"output_old_value": false}}}),
            ),
            (
                "sink.send_bootstrap_interval_in_sec",
                json!({"sink": {"send_bootstrap_interval_in_sec": 60}}),
            ),
            (
                "sink.send_bootstrap_in_msg_count",
                json!({"sink": {"send_bootstrap_in_msg_count": 1}}),
            ),
            (
                "sink.send_bootstrap_to_all_partition",
                json!({"sink": {"send_bootstrap_to_all_partition": false}}),
            ),
            (
                "sink.send-all-bootstrap-at-start",
                json!({"sink": {"send-all-bootstrap-at-start": true}}),
            ),
        ] {
            is_named(setting, patch);
        }
    }

    fn is_named(setting: &str, patch: serde_json::Value) {
        let text = refused(patch).unwrap_or_else(|| panic!("{setting} must be refused"));
        assert!(
            text.starts_with(&format!("replica_config.{setting} is not supported")),
            "{text}"
        );
    }
}
