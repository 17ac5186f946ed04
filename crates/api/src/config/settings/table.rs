//! All settings but those of message queues.

use tidegate_model::ErrorCode::{
    MySQLInvalidConfig, SinkInvalidConfig, SinkURIInvalid, StorageSinkInvalidConfig,
};

use super::Kind::{Duration, DurationText, Flag, Number, Numbers, Objects, Text, Texts};
use super::Rule::{Clamped, Cut, Min, MinDuration, OneOf, OneOfAnyCase, OrElse, Said};
use super::{Setting, Sinks, setting};
use crate::duration::GoDuration;

pub(super) const NOT_BUILT: &str = "this version does not have the function";
const TIDB_ONLY: &str = "only a TiDB upstream has it";
const ONE_SERVER: &str = "tables are not spread over servers";
const NO_REDO: &str = "there is no redo log";
const DEBEZIUM: &str = "it is for the protocol debezium, which this version does not write";
const OPEN: &str = "it is for the protocol open-protocol, which this version does not write";
const SIMPLE: &str = "it is for the protocol simple, which this version does not write";
const RULES: &str =
    "table rules, `schema.table` with `*`, `?`, `[a-z]`, `!`, `/regex/`; the last match decides; no `@file`";
const EXPRESSION: &str = "a condition in the SQL of docs/filters.md";

/// From `memory_quota` to `mounter`.
#[rustfmt::skip]
pub(super) const TOP: &[Setting] = &[
    setting("memory_quota", Number, "Bytes that rows under way may take.").rule(Said("0 means the default")),
    setting("case_sensitive", Flag, "Whether table rules tell upper from lower case; `event_filters[].matcher` always does."),
    setting("force_replicate", Flag, "Whether tables without a usable key are replicated too."),
    setting("ignore_ineligible_table", Flag, "Whether tables without a usable key are left out instead of refusing the changefeed."),
    setting("check_gc_safe_point", Flag, "Whether the start point is checked against the upstream's log when the changefeed starts."),
    setting("enable_sync_point", Flag, "Whether consistent points are marked downstream.").sinks(Sinks::DATABASE).code(SinkURIInvalid).refused(NOT_BUILT),
    setting("enable_table_monitor", Flag, "Whether memory is measured per table.").refused(NOT_BUILT),
    setting("bdr_mode", Flag, "Whether two clusters replicate into each other.").sinks(Sinks::DATABASE).code(SinkURIInvalid).refused(TIDB_ONLY),
    setting("sync_point_interval", Duration, "Time between consistent points.").sinks(Sinks::DATABASE).rule(MinDuration(GoDuration::from_secs(30))).no_effect("without enable_sync_point"),
    setting("sync_point_retention", Duration, "How long consistent points are kept.").sinks(Sinks::DATABASE).rule(MinDuration(GoDuration::from_secs(3600))).no_effect("without enable_sync_point"),
    setting("filter.rules", Texts, "Which tables are replicated.").rule(Said(RULES)).code(tidegate_model::ErrorCode::FilterRuleInvalid),
    setting("filter.ignore_txn_start_ts", Numbers, "Transactions with these start-ts are dropped."),
    setting("filter.event_filters", Objects, "Rules that drop single events."),
    setting("filter.event_filters[].matcher", Texts, "Tables that the rule is for.").rule(Said(RULES)).code(tidegate_model::ErrorCode::FilterRuleInvalid),
    setting("filter.event_filters[].ignore_event", Texts, "Kinds of events to drop.").rule(Said("the names of docs/filters.md")).code(tidegate_model::ErrorCode::InvalidIgnoreEventType),
    setting("filter.event_filters[].ignore_sql", Texts, "Schema changes whose text one of these finds are dropped.").rule(Said("regular expressions")).code(tidegate_model::ErrorCode::FilterRuleInvalid),
    setting("filter.event_filters[].ignore_insert_value_expr", Text, "Inserts of such rows are dropped.").rule(Said(EXPRESSION)).code(tidegate_model::ErrorCode::InvalidFilterExpression),
    setting("filter.event_filters[].ignore_update_new_value_expr", Text, "Updates to such rows are dropped.").rule(Said(EXPRESSION)).code(tidegate_model::ErrorCode::InvalidFilterExpression),
    setting("filter.event_filters[].ignore_update_old_value_expr", Text, "Updates of such rows are dropped.").rule(Said(EXPRESSION)).code(tidegate_model::ErrorCode::InvalidFilterExpression),
    setting("filter.event_filters[].ignore_delete_value_expr", Text, "Deletes of such rows are dropped.").rule(Said(EXPRESSION)).code(tidegate_model::ErrorCode::InvalidFilterExpression),
    setting("mounter.worker_num", Number, "At most so many threads decode rows.").rule(Said("0 or less means 16")),
];

/// The first members of `sink`.
#[rustfmt::skip]
pub(super) const SINK: &[Setting] = &[
    setting("sink.protocol", Text, "Format of messages and files. Databases have none; files need one.").sinks(Sinks::FORMATTED).parameter("protocol").rule(OneOfAnyCase(super::super::validate::PROTOCOLS)).code(tidegate_model::ErrorCode::SinkUnknownProtocol),
    setting("sink.csv.delimiter", Text, "Between fields.").sinks(Sinks::STORAGE).rule(Said("1 to 3 bytes, no line break, no character of the quote")).code(SinkInvalidConfig),
    setting("sink.csv.quote", Text, "Around text.").sinks(Sinks::STORAGE).rule(Said("empty or 1 byte, no line break")).code(SinkInvalidConfig),
    setting("sink.csv.null", Text, "Text for NULL.").sinks(Sinks::STORAGE),
    setting("sink.csv.include_commit_ts", Flag, "Whether each line carries its commit-ts.").sinks(Sinks::STORAGE),
    setting("sink.csv.binary_encoding_method", Text, "How bytes are written.").sinks(Sinks::STORAGE).rule(OneOf(&["base64", "hex"])).code(SinkInvalidConfig),
    setting("sink.csv.output_old_value", Flag, "Whether an update writes the old row too.").sinks(Sinks::STORAGE),
    setting("sink.csv.output_handle_key", Flag, "Whether each line carries its key.").sinks(Sinks::STORAGE),
    setting("sink.csv.output_field_header", Flag, "Whether files start with the names of the columns.").sinks(Sinks::STORAGE),
    setting("sink.transaction_atomicity", Text, "Whether transactions stay whole. Files take `none` only.").sinks(Sinks::NOT_QUEUE).parameter("transaction-atomicity").rule(OneOf(&["", "none", "table"])).unset("none").code(SinkURIInvalid),
    setting("sink.terminator", Text, "Text between two rows of a file; empty means the default.").sinks(Sinks::STORAGE),
    setting("sink.date_separator", Text, "Which folders of dates there are.").sinks(Sinks::STORAGE).rule(OneOfAnyCase(&["none", "year", "month", "day"])).code(SinkInvalidConfig),
    setting("sink.enable_partition_separator", Flag, "Whether partitions have folders of their own.").sinks(Sinks::STORAGE).no_effect("a binlog does not tell the partition of a row"),
    setting("sink.file_index_width", Number, "Digits of file numbers.").sinks(Sinks::STORAGE).rule(OrElse(6, 20, 20)).unset("20").code(SinkInvalidConfig),
    setting("sink.only_output_updated_columns", Flag, "Whether the old row of an update holds changed columns only (canal-json).").sinks(Sinks::FORMATTED).parameter("only-output-updated-columns"),
    setting("sink.delete_only_output_handle_key_columns", Flag, "Whether deletes carry the key columns only (canal-json); not with csv, not with force_replicate.").sinks(Sinks::FORMATTED).code(SinkInvalidConfig),
    setting("sink.content_compatible", Flag, "Whether canal-json looks exactly as canal writes it.").sinks(Sinks::FORMATTED).parameter("content-compatible"),
    setting("sink.safe_mode", Flag, "Whether inserts overwrite rows that exist.").sinks(Sinks::DATABASE).parameter("safe-mode").unset("false").code(MySQLInvalidConfig),
];

const fn database(path: &'static str, kind: super::Kind, about: &'static str) -> Setting {
    setting(path, kind, about)
        .sinks(Sinks::DATABASE)
        .code(MySQLInvalidConfig)
}

const fn storage(path: &'static str, kind: super::Kind, about: &'static str) -> Setting {
    setting(path, kind, about)
        .sinks(Sinks::STORAGE)
        .code(StorageSinkInvalidConfig)
}

/// The last members of `sink`.
#[rustfmt::skip]
pub(super) const SINK_REST: &[Setting] = &[
    database("sink.mysql_config.worker_count", Number, "Sessions that write side by side.").parameter("worker-count").rule(Cut(1, 1024)).unset("16"),
    database("sink.mysql_config.max_txn_row", Number, "Rows of one downstream transaction.").parameter("max-txn-row").rule(Cut(1, 2048)).unset("256"),
    database("sink.mysql_config.max_multi_update_row_size", Number, "Mean bytes of a row up to which updates share a statement.").parameter("max-multi-update-row-size").rule(Cut(0, 8192)).unset("1024"),
    database("sink.mysql_config.max_multi_update_row_count", Number, "Rows joined in one UPDATE.").parameter("max-multi-update-row").rule(Cut(1, 256)).unset("40"),
    database("sink.mysql_config.tidb_txn_mode", Text, "Transactions of a TiDB.").parameter("tidb-txn-mode").rule(Said("`optimistic`, `pessimistic`; anything else means optimistic")).unset("optimistic"),
    database("sink.mysql_config.ssl_ca", Text, "File of the CA certificates; turns TLS on.").parameter("ssl-ca").rule(Said("a file that can be read")),
    database("sink.mysql_config.ssl_cert", Text, "File of the client certificate.").parameter("ssl-cert").rule(Said("a file that can be read, together with ssl_key")),
    database("sink.mysql_config.ssl_key", Text, "File of the client key.").parameter("ssl-key").rule(Said("a file that can be read, together with ssl_cert")),
    database("sink.mysql_config.time_zone", Text, "Session time zone; empty leaves the session alone.").parameter("time-zone").rule(Said("the server's zone, or empty")).unset("the server's"),
    database("sink.mysql_config.write_timeout", DurationText, "Time for sending a statement.").parameter("write-timeout").unset("2m"),
    database("sink.mysql_config.read_timeout", DurationText, "Time for an answer.").parameter("read-timeout").unset("2m"),
    database("sink.mysql_config.timeout", DurationText, "Time for connecting.").parameter("timeout").unset("2m"),
    database("sink.mysql_config.enable_batch_dml", Flag, "Whether rows are joined in one statement.").parameter("batch-dml-enable").unset("true"),
    database("sink.mysql_config.enable_multi_statement", Flag, "Whether statements are sent together.").parameter("multi-stmt-enable").unset("true"),
    database("sink.mysql_config.enable_cache_prepared_statement", Flag, "Whether prepared statements are kept.").parameter("cache-prep-stmts").unset("true").no_effect("rows go as SQL text, nothing is prepared"),
    storage("sink.cloud_storage_config.worker_count", Number, "Parallel writers.").parameter("worker-count").rule(Cut(1, 512)).unset("16"),
    storage("sink.cloud_storage_config.flush_interval", DurationText, "Longest time rows wait for company.").parameter("flush-interval").rule(Said("brought into 2s to 10m")).unset("5s"),
    storage("sink.cloud_storage_config.file_size", Number, "Bytes after which a new file begins.").parameter("file-size").rule(Clamped(1 << 20, 512 << 20)).unset("67108864"),
    storage("sink.cloud_storage_config.output_column_id", Flag, "Whether schema files number the columns.").unset("false"),
    storage("sink.cloud_storage_config.file_expiration_days", Number, "Days after which files are removed; 0 keeps them.").rule(Min(0)).unset("0"),
    storage("sink.cloud_storage_config.file_cleanup_cron_spec", Text, "When files are removed: second minute hour day month [weekday].").rule(Said("a schedule")).unset("0 0 2 * * *"),
    storage("sink.cloud_storage_config.flush_concurrency", Number, "Parallel parts of one upload; a local file is one part.").rule(OrElse(1, 512, 1)).unset("1"),
    storage("sink.cloud_storage_config.output_raw_change_event", Flag, "Whether an update that changes the key stays one event.").unset("false"),
    setting("sink.advance_timeout", Number, "Seconds.").rule(Said("0 means the default")).no_effect("nothing waits for it, in the original neither"),
    setting("sink.send_bootstrap_interval_in_sec", Number, "Seconds between bootstrap messages.").sinks(Sinks::QUEUE).refused(SIMPLE),
    setting("sink.send_bootstrap_in_msg_count", Number, "Messages between bootstrap messages.").sinks(Sinks::QUEUE).refused(SIMPLE),
    setting("sink.send_bootstrap_to_all_partition", Flag, "Whether all partitions get bootstrap messages.").sinks(Sinks::QUEUE).refused(SIMPLE),
    setting("sink.send-all-bootstrap-at-start", Flag, "Whether all tables are sent at the start.").sinks(Sinks::QUEUE).refused(SIMPLE),
    setting("sink.debezium_disable_schema", Flag, "Whether messages leave out their schema.").sinks(Sinks::QUEUE).refused(DEBEZIUM),
    setting("sink.debezium.output_old_value", Flag, "Whether updates carry the old row.").sinks(Sinks::QUEUE).refused(DEBEZIUM),
    setting("sink.open.output_old_value", Flag, "Whether updates carry the old row.").sinks(Sinks::QUEUE).refused(OPEN),
];

const fn redo(path: &'static str, kind: super::Kind, about: &'static str) -> Setting {
    setting(path, kind, about)
        .sinks(Sinks::DATABASE)
        .no_effect(NO_REDO)
}

/// From `consistent` to the end.
#[rustfmt::skip]
pub(super) const REST: &[Setting] = &[
    setting("consistent.level", Text, "Whether a redo log is written.").sinks(Sinks::DATABASE).rule(OneOf(&["", "none", "eventual"])).refused(NOT_BUILT),
    redo("consistent.max_log_size", Number, "MiB per file."),
    redo("consistent.flush_interval", Number, "Milliseconds.").rule(Min(50)),
    redo("consistent.meta_flush_interval", Number, "Milliseconds.").rule(Min(50)),
    redo("consistent.encoding_worker_num", Number, "Encoding threads."),
    redo("consistent.flush_worker_num", Number, "Uploading threads."),
    redo("consistent.storage", Text, "URI of the storage.").rule(Said("a URI of a redo storage")),
    redo("consistent.use_file_backend", Flag, "Whether files are written locally before they are uploaded."),
    redo("consistent.compression", Text, "Compression of files.").rule(OneOf(&["", "none", "lz4"])),
    redo("consistent.flush_concurrency", Number, "Parallel parts of one upload."),
    redo("consistent.memory_usage.memory_quota_percentage", Number, "Share of the memory quota."),
    setting("scheduler.enable_table_across_nodes", Flag, "Whether one table may be spread over several servers.").sinks(Sinks::KAFKA).refused(NOT_BUILT),
    setting("scheduler.region_threshold", Number, "Regions from which on a table is spread.").sinks(Sinks::KAFKA).rule(Min(0)).no_effect(ONE_SERVER),
    setting("scheduler.write_key_threshold", Number, "Written keys from which on a table is spread.").sinks(Sinks::KAFKA).rule(Min(0)).no_effect(ONE_SERVER),
    setting("integrity.integrity_check_level", Text, "Whether rows are checked by checksum.").sinks(Sinks::KAFKA).rule(OneOf(&["none", "correctness"])).refused(TIDB_ONLY),
    setting("integrity.corruption_handle_level", Text, "What happens to a row with a wrong checksum.").sinks(Sinks::KAFKA).rule(OneOf(&["warn", "error"])).no_effect("without integrity_check_level"),
    setting("changefeed_error_stuck_duration", Duration, "How long retries may go on without progress.").rule(MinDuration(GoDuration::from_secs(1800))),
    setting("synced_status.synced_check_interval", Number, "Seconds without a row after which a changefeed may count as synced.").rule(Said("0 means the defaults of both")),
    setting("synced_status.checkpoint_interval", Number, "Seconds that the checkpoint may lag behind.").rule(Said("0 means the defaults of both")),
];
