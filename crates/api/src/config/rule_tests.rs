//! One row for each rule: what breaks it, where, and the code that says so.

use serde_json::{Value, json};
use tidegate_model::ErrorCode::{self, *};

use super::*;
use crate::SinkUri;
use crate::json::read_json;

const DB: &str = "mysql://h/";
const CSV: &str = "file:///x?protocol=csv";
const CANAL: &str = "file:///x?protocol=canal-json";
const KAFKA: &str = "kafka://h:9092/t?protocol=canal-json";
const AVRO: &str = "kafka://h:9092/t?protocol=avro";
const OPEN: &str = "kafka://h:9092/t?protocol=open-protocol";
const PULSAR: &str = "pulsar://h/t?protocol=canal-json";
const NOWHERE: &str = "blackhole://";

/// Everything that can be found without asking anybody, in the order of a creation.
fn found(uri: &str, patch: &Value) -> Vec<Finding> {
    let patch: ConfigPatch = read_json(patch.to_string().as_bytes()).unwrap();
    let mut config = patch.apply(&ReplicaConfig::default()).unwrap();
    let uri = SinkUri::parse(uri).unwrap();
    let mut findings = Findings::all();
    config.check(&uri, &mut findings).unwrap();
    config.check_topics(&uri, &mut findings).unwrap();
    config.check_scheme(&uri, &mut findings).unwrap();
    config.check_support(Some(&uri), &mut findings).unwrap();
    config.check_destination(&uri, &mut findings).unwrap();
    findings.into_shown()
}

fn errors(uri: &str, patch: &Value) -> Vec<Finding> {
    let mut all = found(uri, patch);
    all.retain(|finding| finding.severity == Severity::Error);
    all
}

fn large(members: Value) -> Value {
    let mut large =
        json!({"large_message_handle_option": "claim-check", "claim_check_storage_uri": "file:///c"});
    large
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    json!({"sink": {"kafka_config": {"large_message_handle": large}}})
}

fn glue(members: Value) -> Value {
    let mut glue = json!({"registry_name": "n", "region": "r"});
    glue.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    json!({"sink": {"kafka_config": {"glue_schema_registry_config": glue}}})
}

fn eventual(members: Value) -> Value {
    let mut redo = json!({"level": "eventual", "storage": "file:///redo"});
    redo.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    json!({"consistent": redo})
}

fn sink(members: Value) -> Value {
    json!({"sink": members})
}

type Row = (&'static str, Value, ErrorCode, &'static str, &'static str);

#[rustfmt::skip]
#[allow(clippy::too_many_lines, reason = "one table")]
fn rows() -> Vec<Row> {
    let across = |name: &str| json!({"scheduler": {"enable_table_across_nodes": true, name: -1}});
    let point = |name: &str, value: &str| json!({"enable_sync_point": true, name: value});
    let topic = |topic: &str| sink(json!({"dispatchers": [{"matcher": ["*.*"]}, {"topic": topic}]}));
    vec![
        // The address and the format.
        ("mysql://u:xxxxx@h/", json!({}), SinkURIInvalid, "/sink_uri", "mask"),
        ("ftp://h/", json!({}), SinkURIInvalid, "/sink_uri", "the sink scheme (ftp) is not supported"),
        ("mysql://h/?transaction-atomicity=all", json!({}), SinkURIInvalid, "/sink/transaction_atomicity", "all level atomicity is not supported by mysql scheme"),
        (NOWHERE, sink(json!({"transaction_atomicity": "x"})), SinkURIInvalid, "/sink/transaction_atomicity", "x level atomicity"),
        (KAFKA, sink(json!({"transaction_atomicity": "table"})), SinkURIInvalid, "/sink/transaction_atomicity", "not supported by kafka scheme"),
        ("mysql://h/?protocol=csv", json!({}), SinkURIInvalid, "/sink/protocol", "protocol csv is incompatible with mysql scheme"),
        (DB, sink(json!({"protocol": ""})), SinkURIInvalid, "/sink/protocol", "incompatible with mysql"),
        ("file:///x", json!({}), SinkUnknownProtocol, "/sink/protocol", "unknown ''"),
        ("file:///x?protocol=toml", json!({}), SinkUnknownProtocol, "/sink/protocol", "unknown 'toml'"),
        ("kafka://h/t", json!({}), SinkUnknownProtocol, "/sink/protocol", "unknown ''"),
        ("pulsar://h/t?protocol=avro", json!({}), SinkURIInvalid, "/sink/protocol", "protocol avro is incompatible with pulsar scheme"),
        // Large messages, registries, OAuth2.
        (KAFKA, large(json!({"large_message_handle_option": "other"})), InvalidReplicaConfig, "/sink/kafka_config/large_message_handle/large_message_handle_option", "\"other\" is not"),
        (KAFKA, large(json!({"large_message_handle_compression": "zip"})), InvalidReplicaConfig, "/sink/kafka_config/large_message_handle/large_message_handle_compression", "\"zip\" is not none, snappy or lz4"),
        (AVRO, large(json!({})), InvalidReplicaConfig, "/sink/kafka_config/large_message_handle/large_message_handle_option", "not with \"avro\""),
        (KAFKA, large(json!({})), InvalidReplicaConfig, "/sink/kafka_config/large_message_handle/large_message_handle_option", "enable-tidb-extension=true"),
        (OPEN, large(json!({"claim_check_storage_uri": ""})), InvalidReplicaConfig, "/sink/kafka_config/large_message_handle/claim_check_storage_uri", "needs it"),
        (OPEN, large(json!({"claim_check_raw_value": true})), InvalidReplicaConfig, "/sink/kafka_config/large_message_handle/claim_check_raw_value", "open-protocol"),
        (AVRO, json!({"sink": {"schema_registry": "http://r", "kafka_config": {"glue_schema_registry_config": {"registry_name": "n", "region": "r"}}}}), InvalidReplicaConfig, "/sink/schema_registry", "excludes"),
        (AVRO, glue(json!({"registry_name": ""})), InvalidGlueSchemaRegistryConfig, "/sink/kafka_config/glue_schema_registry_config/registry_name", "empty"),
        (AVRO, glue(json!({"region": ""})), InvalidGlueSchemaRegistryConfig, "/sink/kafka_config/glue_schema_registry_config/region", "empty"),
        (AVRO, glue(json!({"access_key": "a"})), InvalidGlueSchemaRegistryConfig, "/sink/kafka_config/glue_schema_registry_config/access_key", "secret_access_key"),
        (PULSAR, sink(json!({"pulsar_config": {"oauth2": {"oauth2-issuer-url": "u", "oauth2-audience": "a", "oauth2-client-id": "c"}}})), PulsarInvalidConfig, "/sink/pulsar_config/oauth2/oauth2-private-key", "missing"),
        // Encoders and files.
        (CSV, sink(json!({"encoder_concurrency": -1})), SinkInvalidConfig, "/sink/encoder_concurrency", "at least 0"),
        (CSV, sink(json!({"delete_only_output_handle_key_columns": true})), SinkInvalidConfig, "/sink/delete_only_output_handle_key_columns", "csv"),
        (CSV, sink(json!({"date_separator": "week"})), SinkInvalidConfig, "/sink/date_separator", "\"week\" is not none, year, month or day"),
        (CSV, sink(json!({"csv": {"quote": "''"}})), SinkInvalidConfig, "/sink/csv/quote", "1 byte"),
        (CSV, sink(json!({"csv": {"quote": "\n"}})), SinkInvalidConfig, "/sink/csv/quote", "no line break"),
        (CSV, sink(json!({"csv": {"delimiter": ""}})), SinkInvalidConfig, "/sink/csv/delimiter", "1 to 3 bytes"),
        (CSV, sink(json!({"csv": {"delimiter": "1234"}})), SinkInvalidConfig, "/sink/csv/delimiter", "1 to 3 bytes"),
        (CSV, sink(json!({"csv": {"delimiter": "a\r"}})), SinkInvalidConfig, "/sink/csv/delimiter", "no line break"),
        (CSV, sink(json!({"csv": {"delimiter": "\"|"}})), SinkInvalidConfig, "/sink/csv/delimiter", "share"),
        (CSV, sink(json!({"csv": {"binary_encoding_method": "b64"}})), SinkInvalidConfig, "/sink/csv/binary_encoding_method", "\"b64\" is not base64 or hex"),
        // The redo log.
        (DB, json!({"consistent": {"level": "some"}}), InvalidReplicaConfig, "/consistent/level", "\"some\" is not none or eventual"),
        (DB, eventual(json!({"flush_interval": 49})), InvalidReplicaConfig, "/consistent/flush_interval", "at least 50"),
        (DB, eventual(json!({"meta_flush_interval": -1})), InvalidReplicaConfig, "/consistent/meta_flush_interval", "at least 50"),
        (DB, eventual(json!({"compression": "zip"})), InvalidReplicaConfig, "/consistent/compression", "\"zip\" is not none or lz4"),
        (DB, eventual(json!({"storage": "here"})), InvalidReplicaConfig, "/consistent/storage", "no URI"),
        (DB, eventual(json!({"storage": "ftp://h/"})), ConsistentStorage, "/consistent/storage", "ftp"),
        // The rest, in order.
        (DB, point("sync_point_interval", "29s"), InvalidReplicaConfig, "/sync_point_interval", "29s must be at least 30s"),
        (DB, point("sync_point_retention", "59m"), InvalidReplicaConfig, "/sync_point_retention", "59m must be at least 1h"),
        (NOWHERE, across("region_threshold"), InvalidReplicaConfig, "/scheduler/region_threshold", "at least 0"),
        (NOWHERE, across("write_key_threshold"), InvalidReplicaConfig, "/scheduler/write_key_threshold", "at least 0"),
        (DB, json!({"integrity": {"integrity_check_level": "x"}}), InvalidReplicaConfig, "/integrity/integrity_check_level", "\"x\" is not none or correctness"),
        (DB, json!({"integrity": {"corruption_handle_level": ""}}), InvalidReplicaConfig, "/integrity/corruption_handle_level", "is not warn or error"),
        (KAFKA, json!({"integrity": {"integrity_check_level": "correctness"}, "sink": {"column_selectors": [{"matcher": ["*.*"]}]}}), InvalidReplicaConfig, "/integrity/integrity_check_level", "column_selectors"),
        (DB, json!({"changefeed_error_stuck_duration": "29m"}), InvalidReplicaConfig, "/changefeed_error_stuck_duration", "29m must be at least 30m"),
        (KAFKA, topic("{table}-{schema}"), KafkaTopicExprInvalid, "/sink/dispatchers/1/topic", "{table}-{schema}"),
        (AVRO, topic("{table}"), KafkaTopicExprInvalid, "/sink/dispatchers/1/topic", "{table}"),
        (PULSAR, topic("persistent://a/b"), PulsarTopicExprInvalid, "/sink/dispatchers/1/topic", "persistent://a/b"),
        (CSV, json!({"enable_sync_point": true}), SinkURIInvalid, "/enable_sync_point", "not with file"),
        (KAFKA, json!({"bdr_mode": true}), SinkURIInvalid, "/bdr_mode", "not with kafka"),
        // What the sink itself would refuse.
        ("file:///x?protocol=avro", json!({}), StorageSinkInvalidConfig, "/sink/protocol", "[CDC:ErrSinkUnknownProtocol]"),
        ("kafka://h:9092/?protocol=canal-json", json!({}), KafkaInvalidConfig, "/sink_uri", "no topic is specified in sink-uri"),
        ("kafka://h:9092/t?protocol=csv", json!({}), KafkaNewProducer, "/sink/protocol", "[CDC:ErrSinkUnknownProtocol]"),
        (AVRO, json!({"force_replicate": true}), SinkInvalidConfig, "/force_replicate", "[CDC:ErrCodecInvalidConfig]avro"),
        (AVRO, json!({}), SinkInvalidConfig, "/sink/schema_registry", "registry"),
        (AVRO, json!({"integrity": {"integrity_check_level": "correctness"}}), SinkInvalidConfig, "/integrity/integrity_check_level", "avro-decimal-handling-mode=string"),
        (OPEN, { let mut patch = large(json!({})); patch["force_replicate"] = json!(true); patch }, SinkInvalidConfig, "/force_replicate", "too large"),
        (CANAL, json!({"force_replicate": true, "sink": {"delete_only_output_handle_key_columns": true}}), SinkInvalidConfig, "/sink/delete_only_output_handle_key_columns", "force_replicate"),
        (KAFKA, json!({}), SinkURIInvalid, "/sink_uri", "the sink scheme (kafka) is not supported"),
        // What is not built.
        (DB, json!({"enable_sync_point": true}), NotSupported, "/enable_sync_point", "enable_sync_point is not supported"),
        (DB, json!({"bdr_mode": true}), NotSupported, "/bdr_mode", "only a TiDB upstream"),
        (NOWHERE, json!({"enable_table_monitor": true}), NotSupported, "/enable_table_monitor", "not supported with a blackhole sink"),
        (DB, eventual(json!({})), NotSupported, "/consistent/level", "consistent.level"),
        (DB, json!({"integrity": {"integrity_check_level": "correctness"}}), NotSupported, "/integrity/integrity_check_level", "TiDB"),
        (NOWHERE, json!({"scheduler": {"enable_table_across_nodes": true}}), NotSupported, "/scheduler/enable_table_across_nodes", "not supported"),
        (NOWHERE, sink(json!({"dispatchers": [{"matcher": ["*.*"]}]})), NotSupported, "/sink/dispatchers", "message queues"),
        (NOWHERE, sink(json!({"column_selectors": [{"matcher": ["*.*"]}]})), NotSupported, "/sink/column_selectors", "message queues"),
        (NOWHERE, sink(json!({"schema_registry": "http://r"})), NotSupported, "/sink/schema_registry", "message queues"),
        (NOWHERE, sink(json!({"enable_kafka_sink_v2": true})), NotSupported, "/sink/enable_kafka_sink_v2", "message queues"),
        (NOWHERE, sink(json!({"kafka_config": {}})), NotSupported, "/sink/kafka_config", "message queues"),
        (NOWHERE, sink(json!({"kafka_config": {"partition_num": 1}})), NotSupported, "/sink/kafka_config", "message queues"),
        (NOWHERE, sink(json!({"pulsar_config": {}})), NotSupported, "/sink/pulsar_config", "message queues"),
        (NOWHERE, sink(json!({"debezium_disable_schema": true})), NotSupported, "/sink/debezium_disable_schema", "debezium"),
        (NOWHERE, sink(json!({"debezium": {"output_old_value": false}})), NotSupported, "/sink/debezium/output_old_value", "debezium"),
        (NOWHERE, sink(json!({"open": {"output_old_value": false}})), NotSupported, "/sink/open/output_old_value", "open-protocol"),
        (NOWHERE, sink(json!({"send_bootstrap_interval_in_sec": 60})), NotSupported, "/sink/send_bootstrap_interval_in_sec", "simple"),
        (NOWHERE, sink(json!({"send_bootstrap_in_msg_count": 1})), NotSupported, "/sink/send_bootstrap_in_msg_count", "simple"),
        (NOWHERE, sink(json!({"send_bootstrap_to_all_partition": false})), NotSupported, "/sink/send_bootstrap_to_all_partition", "simple"),
        (NOWHERE, sink(json!({"send-all-bootstrap-at-start": true})), NotSupported, "/sink/send-all-bootstrap-at-start", "simple"),
    ]
}

#[test]
fn every_rule_names_its_member_and_code() {
    for (uri, patch, code, place, word) in rows() {
        let all = errors(uri, &patch);
        let place = if place == "/sink_uri" {
            place.to_owned()
        } else {
            format!("/replica_config{place}")
        };
        let hit = all.iter().find(|finding| {
            finding.pointer == place && finding.code == code.as_str() && finding.message.contains(word)
        });
        let hit =
            hit.unwrap_or_else(|| panic!("{uri} {patch}: no {code} at {place} with {word:?} in {all:#?}"));
        assert!(!hit.hint.is_empty());
    }
}

#[test]
fn what_is_right_is_not_found() {
    let complete = serde_json::to_value(ReplicaConfig::default()).unwrap();
    let nulls = sink(json!({"debezium": null, "open": null, "send_bootstrap_in_msg_count": null}));
    for uri in [
        DB,
        CSV,
        CANAL,
        NOWHERE,
        "MySQL+SSL://h/",
        "file:///x?protocol=CSV",
    ] {
        for patch in [
            &json!({}),
            &complete,
            &nulls,
            &json!({"consistent": {"level": ""}}),
        ] {
            assert_eq!(found(uri, patch), [], "{uri} {patch}");
        }
    }
}

#[test]
fn all_findings_come_in_the_order_of_the_original() {
    let patch = json!({
        "enable_sync_point": true, "changefeed_error_stuck_duration": "1s",
        "consistent": {"level": "x"}, "integrity": {"corruption_handle_level": "x"},
        "sink": {"date_separator": "x", "csv": {"quote": "xx"}, "encoder_concurrency": -1, "debezium_disable_schema": true},
    });
    let places: Vec<String> = errors(CSV, &patch)
        .into_iter()
        .map(|finding| finding.pointer)
        .collect();
    let places: Vec<&str> = places
        .iter()
        .map(|place| place.trim_start_matches("/replica_config/"))
        .collect();
    let expect = [
        "sink/encoder_concurrency",
        "sink/date_separator",
        "sink/csv/quote",
        "consistent/level",
        "integrity/corruption_handle_level",
        "changefeed_error_stuck_duration",
        "enable_sync_point",
        "sink/debezium_disable_schema",
    ];
    assert_eq!(places, expect);
}

#[test]
fn what_is_accepted_and_odd_is_a_warning() {
    for (uri, patch, place) in [
        (
            "file:///x?protocol=csv",
            sink(json!({"protocol": "canal-json"})),
            "sink/protocol",
        ),
        (CSV, sink(json!({"file_index_width": 3})), "sink/file_index_width"),
        (NOWHERE, json!({"memory_quota": 0}), "memory_quota"),
        (
            CSV,
            sink(json!({"mysql_config": {"worker_count": 3}})),
            "sink/mysql_config/worker_count",
        ),
        (DB, sink(json!({"csv": {"quote": "'"}})), "sink/csv/quote"),
        (
            NOWHERE,
            sink(json!({"advance_timeout": 7})),
            "sink/advance_timeout",
        ),
    ] {
        let all = found(uri, &patch);
        let place = format!("/replica_config/{place}");
        assert!(
            all.iter().all(|finding| finding.severity == Severity::Warning)
                && all.iter().any(|finding| finding.pointer == place),
            "{uri} {patch}: {all:?}"
        );
    }
}

/// A bound that stands in the table and is not checked would be a lie of the reference.
#[test]
fn every_bound_of_the_table_that_belongs_to_no_sink_is_checked() {
    for setting in settings() {
        let own = setting.path.starts_with("sink.mysql_config")
            || setting.path.starts_with("sink.cloud_storage_config");
        if own || matches!(setting.support, Support::Refused(_)) && setting.path.contains("_config") {
            continue;
        }
        let bad = match setting.rule {
            Rule::OneOf(_) | Rule::OneOfAnyCase(_) => json!("no-such-word"),
            Rule::Min(min) => json!(min - 1),
            Rule::MinDuration(min) => json!(min.0 - 1),
            _ => continue,
        };
        let mut patch = json!({"enable_sync_point": true, "scheduler": {"enable_table_across_nodes": true},
            "consistent": {"level": "eventual", "storage": "file:///r"}});
        setting
            .path
            .split('.')
            .fold(&mut patch, |place, name| &mut place[name])
            .clone_from(&bad);
        let refused = [DB, CSV, "file:///x"].iter().any(|uri| {
            errors(uri, &patch)
                .iter()
                .any(|finding| finding.pointer == setting.pointer() && finding.code == setting.code.as_str())
        });
        assert!(refused, "{} = {bad}", setting.path);
    }
}
