//! The whole config: what it says, what it hides, what it refuses.

use serde_json::{Value, json};

use super::*;
use crate::SinkUri;
use crate::json::read_json;

fn over_defaults(patch: &Value) -> ReplicaConfig {
    let patch: ConfigPatch = read_json(patch.to_string().as_bytes()).unwrap();
    patch.apply(&ReplicaConfig::default()).unwrap()
}

#[test]
fn the_default_object_is_the_published_one() {
    let expect = r#"{"memory_quota":1073741824,"case_sensitive":false,"force_replicate":false,"ignore_ineligible_table":false,"check_gc_safe_point":true,"enable_sync_point":false,"enable_table_monitor":false,"bdr_mode":false,"sync_point_interval":600000000000,"sync_point_retention":86400000000000,"filter":{"rules":["*.*"]},"mounter":{"worker_num":16},"sink":{"csv":{"delimiter":",","quote":"\"","null":"\\N","include_commit_ts":false,"binary_encoding_method":"base64","output_old_value":false,"output_handle_key":false,"output_field_header":false},"encoder_concurrency":32,"terminator":"\r\n","date_separator":"day","enable_partition_separator":true,"enable_kafka_sink_v2":false,"only_output_updated_columns":false,"delete_only_output_handle_key_columns":false,"content_compatible":false,"advance_timeout":150,"send_bootstrap_interval_in_sec":120,"send_bootstrap_in_msg_count":10000,"send_bootstrap_to_all_partition":true,"send-all-bootstrap-at-start":false,"debezium_disable_schema":false,"debezium":{"output_old_value":true},"open":{"output_old_value":true}},"consistent":{"level":"none","max_log_size":64,"flush_interval":2000,"meta_flush_interval":200,"encoding_worker_num":16,"flush_worker_num":8,"use_file_backend":false,"memory_usage":{"memory_quota_percentage":50}},"scheduler":{"enable_table_across_nodes":false,"region_threshold":100000,"write_key_threshold":0},"integrity":{"integrity_check_level":"none","corruption_handle_level":"warn"},"changefeed_error_stuck_duration":1800000000000,"synced_status":{"synced_check_interval":300,"checkpoint_interval":15}}"#;
    assert_eq!(serde_json::to_string(&ReplicaConfig::default()).unwrap(), expect);
}

#[test]
fn a_stored_config_reads_back() {
    for scheme in ["mysql://h/", "file:///x?protocol=csv", "blackhole://"] {
        let uri = SinkUri::parse(scheme).unwrap();
        let mut config = ReplicaConfig::default();
        config.check(&uri, &mut Findings::first_error()).unwrap();
        for config in [config.clone(), config.pruned(uri.kind())] {
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(
                serde_json::from_str::<ReplicaConfig>(&text).unwrap(),
                config,
                "{scheme}"
            );
        }
    }
}

#[test]
fn a_patch_changes_only_what_it_names() {
    let config = over_defaults(&json!({"sink": {"csv": {"delimiter": "|"}}, "filter": {"rules": ["a.*"]}}));
    let mut expect = ReplicaConfig::default();
    "|".clone_into(&mut expect.sink.csv.as_mut().unwrap().delimiter);
    expect.filter.rules = vec!["a.*".to_owned()];
    assert_eq!(config, expect);
    let nulls =
        over_defaults(&json!({"memory_quota": null, "filter": null, "consistent": null, "bdr_mode": null}));
    assert_eq!(
        nulls,
        ReplicaConfig {
            bdr_mode: None,
            ..ReplicaConfig::default()
        }
    );
}

#[test]
fn what_is_adjusted_silently() {
    let mut config =
        over_defaults(&json!({"memory_quota": 0, "sink": {"file_index_width": 3, "terminator": null}}));
    config
        .check(
            &SinkUri::parse("file:///x?protocol=csv&transaction-atomicity=none").unwrap(),
            &mut Findings::first_error(),
        )
        .unwrap();
    assert_eq!(config.memory_quota, 1 << 30);
    assert_eq!(config.sink.file_index_width, Some(20));
    assert_eq!(config.sink.terminator.as_deref(), Some("\r\n"));
    assert_eq!(config.sink.protocol.as_deref(), Some("csv"));
    assert_eq!(config.sink.transaction_atomicity.as_deref(), Some("none"));
}

#[test]
fn secrets_are_hidden_and_come_back_by_their_mask() {
    let patch = json!({"sink": {"kafka_config": {"sasl_password": "pw-secret", "sasl_user": "u"},
        "schema_registry": "http://u:reg-secret@h/"}});
    let config = over_defaults(&patch);
    let shown = serde_json::to_string(&config.masked()).unwrap();
    assert!(!shown.contains("secret"), "{shown}");
    let back: ConfigPatch = read_json(shown.as_bytes()).unwrap();
    assert_eq!(back.apply(&config).unwrap(), config);
}
