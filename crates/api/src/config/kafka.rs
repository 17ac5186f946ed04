//! `sink.kafka_config`.

use serde::{Deserialize, Serialize};

/// Kafka. Parameters of the URI win.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct KafkaConfig {
    /// Partitions of a new topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_num: Option<i32>,
    /// Replicas of a new topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<i16>,
    /// Version of the brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_version: Option<String>,
    /// Largest message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<i64>,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// Client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_client_id: Option<String>,
    /// Whether topics are created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_create_topic: Option<bool>,
    /// Duration as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dial_timeout: Option<String>,
    /// Duration as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<String>,
    /// Duration as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_timeout: Option<String>,
    /// -1, 0 or 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_acks: Option<i64>,
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_user: Option<String>,
    /// Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_password: Option<String>,
    /// SASL mechanism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_mechanism: Option<String>,
    /// `user` or `keytab`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_auth_type: Option<String>,
    /// Path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_keytab_path: Option<String>,
    /// Path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_kerberos_config_path: Option<String>,
    /// Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_service_name: Option<String>,
    /// User.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_user: Option<String>,
    /// Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_password: Option<String>,
    /// Realm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_realm: Option<String>,
    /// Pre-authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_gssapi_disable_pafxfast: Option<bool>,
    /// Client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_oauth_client_id: Option<String>,
    /// Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_oauth_client_secret: Option<String>,
    /// Where tokens come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_oauth_token_url: Option<String>,
    /// Scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sasl_oauth_scopes: Vec<String>,
    /// Grant type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_oauth_grant_type: Option<String>,
    /// Audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl_oauth_audience: Option<String>,
    /// Whether TLS is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_tls: Option<bool>,
    /// Path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<String>,
    /// Path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether certificates are not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
    /// Encoders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_config: Option<CodecConfig>,
    /// Messages that are too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_message_handle: Option<LargeMessageHandle>,
    /// Schema registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glue_schema_registry_config: Option<GlueSchemaRegistryConfig>,
    /// Whether an update that changes the key stays one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_raw_change_event: Option<bool>,
}

/// Encoders.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CodecConfig {
    /// Whether messages carry TiDB fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_tidb_extension: Option<bool>,
    /// Events of one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batch_size: Option<i64>,
    /// For tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avro_enable_watermark: Option<bool>,
    /// `precise` or `string`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avro_decimal_handling_mode: Option<String>,
    /// `long` or `string`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avro_bigint_unsigned_handling_mode: Option<String>,
    /// `json` or `avro`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding_format: Option<String>,
}

/// What happens to messages that are too large. Always written whole.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LargeMessageHandle {
    /// `none`, `claim-check` or `handle-key-only`.
    pub large_message_handle_option: String,
    /// `none`, `snappy` or `lz4`.
    pub large_message_handle_compression: String,
    /// Where claims are kept.
    pub claim_check_storage_uri: String,
    /// Whether claims hold the bare value.
    pub claim_check_raw_value: bool,
}

/// AWS Glue.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GlueSchemaRegistryConfig {
    /// Registry.
    #[serde(default)]
    pub registry_name: String,
    /// Region.
    #[serde(default)]
    pub region: String,
    /// Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access_key: String,
    /// Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_access_key: String,
    /// Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
}
