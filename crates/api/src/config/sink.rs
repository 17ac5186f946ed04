//! `sink` with its members, except those for Kafka.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::kafka::KafkaConfig;

/// The destination. `None` is "not set". Members are written in this order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SinkConfig {
    /// Format of messages and files: `canal-json`, `csv`, ... A parameter `protocol` of the URI wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// URL of a schema registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_registry: Option<String>,
    /// Layout of CSV files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvConfig>,
    /// Topic and partition by table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dispatchers: Vec<DispatchRule>,
    /// Columns by table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_selectors: Vec<ColumnSelector>,
    /// `none` or `table`. A parameter `transaction-atomicity` of the URI wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_atomicity: Option<String>,
    /// At most so many threads encode messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder_concurrency: Option<i64>,
    /// Text between two rows of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminator: Option<String>,
    /// `none`, `year`, `month` or `day`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_separator: Option<String>,
    /// Whether partitions have folders of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_partition_separator: Option<bool>,
    /// Digits of file numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_index_width: Option<i64>,
    /// Another Kafka client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_kafka_sink_v2: Option<bool>,
    /// Whether the old row of an update holds changed columns only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_output_updated_columns: Option<bool>,
    /// Whether deletes carry the key columns only. Written as `null` when unset.
    pub delete_only_output_handle_key_columns: Option<bool>,
    /// Whether canal-json looks exactly as canal writes it. Written as `null` when unset.
    pub content_compatible: Option<bool>,
    /// Whether inserts overwrite rows that exist. A parameter `safe-mode` of the URI wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_mode: Option<bool>,
    /// Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_config: Option<KafkaConfig>,
    /// Pulsar, kept as it came: the scheme is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulsar_config: Option<Map<String, Value>>,
    /// MySQL, MariaDB and TiDB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mysql_config: Option<MysqlConfig>,
    /// Files and object storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_storage_config: Option<CloudStorageConfig>,
    /// Seconds; without effect, as in the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "advance_timeout_in_sec")]
    pub advance_timeout: Option<u64>,
    /// Protocol `simple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_bootstrap_interval_in_sec: Option<i64>,
    /// Protocol `simple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_bootstrap_in_msg_count: Option<i32>,
    /// Protocol `simple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_bootstrap_to_all_partition: Option<bool>,
    /// Protocol `simple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "send-all-bootstrap-at-start", alias = "send_all_bootstrap_at_start")]
    pub send_all_bootstrap_at_start: Option<bool>,
    /// Protocol `debezium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debezium_disable_schema: Option<bool>,
    /// Protocol `debezium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debezium: Option<OutputOldValue>,
    /// Protocol `open-protocol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<OutputOldValue>,
}

impl Default for SinkConfig {
    fn default() -> Self {
        SinkConfig {
            protocol: None,
            schema_registry: None,
            csv: Some(CsvConfig::default()),
            dispatchers: Vec::new(),
            column_selectors: Vec::new(),
            transaction_atomicity: None,
            encoder_concurrency: Some(32),
            terminator: Some("\r\n".to_owned()),
            date_separator: Some("day".to_owned()),
            enable_partition_separator: Some(true),
            file_index_width: None,
            enable_kafka_sink_v2: Some(false),
            only_output_updated_columns: Some(false),
            delete_only_output_handle_key_columns: Some(false),
            content_compatible: Some(false),
            safe_mode: None,
            kafka_config: None,
            pulsar_config: None,
            mysql_config: None,
            cloud_storage_config: None,
            advance_timeout: Some(150),
            send_bootstrap_interval_in_sec: Some(120),
            send_bootstrap_in_msg_count: Some(10_000),
            send_bootstrap_to_all_partition: Some(true),
            send_all_bootstrap_at_start: Some(false),
            debezium_disable_schema: Some(false),
            debezium: Some(OutputOldValue::default()),
            open: Some(OutputOldValue::default()),
        }
    }
}

/// Layout of CSV files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CsvConfig {
    /// 1 to 3 bytes between fields.
    pub delimiter: String,
    /// 0 or 1 byte around text.
    pub quote: String,
    /// Text for NULL.
    pub null: String,
    /// Whether each line carries its commit-ts.
    pub include_commit_ts: bool,
    /// `base64` or `hex`.
    pub binary_encoding_method: String,
    /// Whether an update writes the old row too.
    pub output_old_value: bool,
    /// Whether each line carries its key.
    pub output_handle_key: bool,
    /// Whether files start with the names of the columns.
    pub output_field_header: bool,
}

impl Default for CsvConfig {
    fn default() -> Self {
        CsvConfig {
            delimiter: ",".to_owned(),
            quote: "\"".to_owned(),
            null: "\\N".to_owned(),
            include_commit_ts: false,
            binary_encoding_method: "base64".to_owned(),
            output_old_value: false,
            output_handle_key: false,
            output_field_header: false,
        }
    }
}

/// Topic and partition of the tables that match.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DispatchRule {
    /// Table rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matcher: Vec<String>,
    /// How the partition is chosen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub partition: String,
    /// Index whose columns choose the partition.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub index: String,
    /// Columns that choose the partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Topic, may hold `{schema}` and `{table}`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub topic: String,
}

/// Columns of the tables that match.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ColumnSelector {
    /// Table rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matcher: Vec<String>,
    /// Column rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// Whether updates carry the old row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputOldValue {
    /// Whether updates carry the old row.
    pub output_old_value: bool,
}

impl Default for OutputOldValue {
    fn default() -> Self {
        OutputOldValue {
            output_old_value: true,
        }
    }
}

/// MySQL, MariaDB and TiDB. Parameters of the URI win.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MysqlConfig {
    /// Parallel connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_count: Option<i64>,
    /// Rows of one downstream transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_txn_row: Option<i64>,
    /// Average bytes of a row up to which updates are joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_multi_update_row_size: Option<i64>,
    /// Rows joined in one UPDATE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_multi_update_row_count: Option<i64>,
    /// `optimistic` or `pessimistic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tidb_txn_mode: Option<String>,
    /// Path of the CA certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_ca: Option<String>,
    /// Path of the client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_cert: Option<String>,
    /// Path of the client key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_key: Option<String>,
    /// Session time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Duration as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<String>,
    /// Duration as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_timeout: Option<String>,
    /// Duration as text, for connecting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Whether rows are joined in one statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_batch_dml: Option<bool>,
    /// Whether statements are sent together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_multi_statement: Option<bool>,
    /// Whether prepared statements are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_cache_prepared_statement: Option<bool>,
}

/// Files and object storage. Parameters of the URI win.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CloudStorageConfig {
    /// Parallel writers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_count: Option<i64>,
    /// Duration as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_interval: Option<String>,
    /// Bytes after which a new file begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<i64>,
    /// Whether schema files number the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_column_id: Option<bool>,
    /// Days after which files are removed; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_expiration_days: Option<i64>,
    /// When files are removed: second minute hour day month [weekday].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_cleanup_cron_spec: Option<String>,
    /// Parallel parts of one upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_concurrency: Option<i64>,
    /// Whether an update that changes the key stays one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_raw_change_event: Option<bool>,
}
