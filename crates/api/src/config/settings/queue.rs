//! Settings of message queues. None is built: the whole objects are refused.

use tidegate_model::ErrorCode::{
    InvalidGlueSchemaRegistryConfig, KafkaInvalidConfig, PulsarInvalidConfig, SinkInvalidConfig,
};

use super::Kind::{DurationText, Flag, Number, Object, Objects, Text, Texts};
use super::Rule::{Min, OneOf, Said};
use super::{Kind, Setting, Sinks, setting};

const QUEUE_ONLY: &str = "it is for message queues, which this version does not write to";

const fn queue(path: &'static str, kind: Kind, about: &'static str) -> Setting {
    setting(path, kind, about).sinks(Sinks::QUEUE).refused(QUEUE_ONLY)
}

const fn kafka(path: &'static str, kind: Kind, about: &'static str) -> Setting {
    queue(path, kind, about)
        .sinks(Sinks::KAFKA)
        .code(KafkaInvalidConfig)
}

const fn pulsar(path: &'static str, kind: Kind, about: &'static str) -> Setting {
    queue(path, kind, about)
        .sinks(Sinks::PULSAR)
        .code(PulsarInvalidConfig)
}

#[rustfmt::skip]
pub(super) const QUEUE: &[Setting] = &[
    queue("sink.schema_registry", Text, "URL of a schema registry.").sinks(Sinks::KAFKA),
    queue("sink.dispatchers", Objects, "Topic and partition by table."),
    queue("sink.dispatchers[].matcher", Texts, "Tables that the rule is for."),
    queue("sink.dispatchers[].partition", Text, "How the partition is chosen."),
    queue("sink.dispatchers[].index", Text, "Index whose columns choose the partition."),
    queue("sink.dispatchers[].columns", Texts, "Columns that choose the partition."),
    queue("sink.dispatchers[].topic", Text, "Topic, may hold `{schema}` and `{table}`."),
    queue("sink.column_selectors", Objects, "Columns by table."),
    queue("sink.column_selectors[].matcher", Texts, "Tables that the rule is for."),
    queue("sink.column_selectors[].columns", Texts, "Column rules."),
    setting("sink.encoder_concurrency", Number, "At most so many threads encode messages.").sinks(Sinks::QUEUE).rule(Min(0)).code(SinkInvalidConfig),
    queue("sink.enable_kafka_sink_v2", Flag, "Another Kafka client.").sinks(Sinks::KAFKA),
    kafka("sink.kafka_config", Object, "Kafka."),
    kafka("sink.kafka_config.partition_num", Number, "Partitions of a new topic.").rule(Min(1)),
    kafka("sink.kafka_config.replication_factor", Number, "Replicas of a new topic."),
    kafka("sink.kafka_config.kafka_version", Text, "Version of the brokers."),
    kafka("sink.kafka_config.max_message_bytes", Number, "Largest message."),
    kafka("sink.kafka_config.compression", Text, "Compression of messages."),
    kafka("sink.kafka_config.kafka_client_id", Text, "Client id."),
    kafka("sink.kafka_config.auto_create_topic", Flag, "Whether topics are created."),
    kafka("sink.kafka_config.dial_timeout", DurationText, "Time for connecting."),
    kafka("sink.kafka_config.write_timeout", DurationText, "Time for writing."),
    kafka("sink.kafka_config.read_timeout", DurationText, "Time for reading."),
    kafka("sink.kafka_config.required_acks", Number, "-1, 0 or 1."),
    kafka("sink.kafka_config.sasl_user", Text, "User."),
    kafka("sink.kafka_config.sasl_password", Text, "Secret."),
    kafka("sink.kafka_config.sasl_mechanism", Text, "SASL mechanism."),
    kafka("sink.kafka_config.sasl_gssapi_auth_type", Text, "`user` or `keytab`."),
    kafka("sink.kafka_config.sasl_gssapi_keytab_path", Text, "File."),
    kafka("sink.kafka_config.sasl_gssapi_kerberos_config_path", Text, "File."),
    kafka("sink.kafka_config.sasl_gssapi_service_name", Text, "Service."),
    kafka("sink.kafka_config.sasl_gssapi_user", Text, "User."),
    kafka("sink.kafka_config.sasl_gssapi_password", Text, "Secret."),
    kafka("sink.kafka_config.sasl_gssapi_realm", Text, "Realm."),
    kafka("sink.kafka_config.sasl_gssapi_disable_pafxfast", Flag, "Pre-authentication."),
    kafka("sink.kafka_config.sasl_oauth_client_id", Text, "Client."),
    kafka("sink.kafka_config.sasl_oauth_client_secret", Text, "Secret."),
    kafka("sink.kafka_config.sasl_oauth_token_url", Text, "Where tokens come from."),
    kafka("sink.kafka_config.sasl_oauth_scopes", Texts, "Scopes."),
    kafka("sink.kafka_config.sasl_oauth_grant_type", Text, "Grant type."),
    kafka("sink.kafka_config.sasl_oauth_audience", Text, "Audience."),
    kafka("sink.kafka_config.enable_tls", Flag, "Whether TLS is used."),
    kafka("sink.kafka_config.ca", Text, "File."),
    kafka("sink.kafka_config.cert", Text, "File."),
    kafka("sink.kafka_config.key", Text, "File."),
    kafka("sink.kafka_config.insecure_skip_verify", Flag, "Whether certificates are not checked."),
    kafka("sink.kafka_config.codec_config.enable_tidb_extension", Flag, "Whether messages carry TiDB fields."),
    kafka("sink.kafka_config.codec_config.max_batch_size", Number, "Events of one message."),
    kafka("sink.kafka_config.codec_config.avro_enable_watermark", Flag, "For tests."),
    kafka("sink.kafka_config.codec_config.avro_decimal_handling_mode", Text, "`precise` or `string`."),
    kafka("sink.kafka_config.codec_config.avro_bigint_unsigned_handling_mode", Text, "`long` or `string`."),
    kafka("sink.kafka_config.codec_config.encoding_format", Text, "`json` or `avro`."),
    kafka("sink.kafka_config.large_message_handle.large_message_handle_option", Text, "What happens to messages that are too large.").rule(OneOf(&["", "none", "claim-check", "handle-key-only"])).code(tidegate_model::ErrorCode::InvalidReplicaConfig),
    kafka("sink.kafka_config.large_message_handle.large_message_handle_compression", Text, "Compression of messages.").rule(OneOf(&["", "none", "snappy", "lz4"])).code(tidegate_model::ErrorCode::InvalidReplicaConfig),
    kafka("sink.kafka_config.large_message_handle.claim_check_storage_uri", Text, "Where claims are kept.").rule(Said("needed with claim-check")).code(tidegate_model::ErrorCode::InvalidReplicaConfig),
    kafka("sink.kafka_config.large_message_handle.claim_check_raw_value", Flag, "Whether claims hold the bare value; not with open-protocol.").code(tidegate_model::ErrorCode::InvalidReplicaConfig),
    kafka("sink.kafka_config.glue_schema_registry_config.registry_name", Text, "Registry.").rule(Said("not empty")).code(InvalidGlueSchemaRegistryConfig),
    kafka("sink.kafka_config.glue_schema_registry_config.region", Text, "Region.").rule(Said("not empty")).code(InvalidGlueSchemaRegistryConfig),
    kafka("sink.kafka_config.glue_schema_registry_config.access_key", Text, "Secret.").rule(Said("together with secret_access_key")).code(InvalidGlueSchemaRegistryConfig),
    kafka("sink.kafka_config.glue_schema_registry_config.secret_access_key", Text, "Secret.").code(InvalidGlueSchemaRegistryConfig),
    kafka("sink.kafka_config.glue_schema_registry_config.token", Text, "Secret.").code(InvalidGlueSchemaRegistryConfig),
    kafka("sink.kafka_config.output_raw_change_event", Flag, "Whether an update that changes the key stays one event."),
    pulsar("sink.pulsar_config", Object, "Pulsar; its members are kept as they come."),
];
