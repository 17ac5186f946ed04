//! `replica_config`: every member, its default, and when it is written.

mod filter;
mod findings;
mod kafka;
mod kebab;
mod merge;
mod prune;
mod redo;
#[cfg(test)]
mod rule_tests;
mod secret;
mod settings;
mod sink;
#[cfg(test)]
mod tests;
mod validate;

use serde::{Deserialize, Serialize};

pub use filter::{EventFilter, FilterConfig};
pub use findings::{Finding, Findings, Severity};
pub use kafka::{CodecConfig, GlueSchemaRegistryConfig, KafkaConfig, LargeMessageHandle};
pub use kebab::{kebab_from_snake, snake_from_kebab};
pub use merge::ConfigPatch;
pub use redo::{ConsistentConfig, MemoryUsage};
pub use settings::{
    Kind, Rule, Setting, Sinks, Support, default_config, setting_at, settings, settings_reference,
};
pub use sink::{
    CloudStorageConfig, ColumnSelector, CsvConfig, DispatchRule, MysqlConfig, OutputOldValue, SinkConfig,
};

use crate::duration::GoDuration;

/// 1 GiB.
const MEMORY_QUOTA_DEFAULT: u64 = 1 << 30;

/// The configuration of a changefeed.
///
/// `Default` is what a changefeed created with `{}` gets. `Serialize` writes every member in the published order,
/// **with its secrets**: use [`ReplicaConfig::masked`] for whatever leaves the process. `Deserialize` reads a
/// complete document, such as a stored one; a body of a request goes through [`ConfigPatch`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReplicaConfig {
    /// Bytes that rows under way may take; 0 means 1 GiB.
    pub memory_quota: u64,
    /// Whether table rules tell upper from lower case.
    #[serde(default)]
    pub case_sensitive: bool,
    /// Whether tables without a usable key are replicated too.
    #[serde(default)]
    pub force_replicate: bool,
    /// Whether tables without a usable key are left out instead of refusing the changefeed.
    #[serde(default)]
    pub ignore_ineligible_table: bool,
    /// Whether the start point is checked against the upstream's log when the changefeed starts.
    #[serde(default)]
    pub check_gc_safe_point: bool,
    /// Whether consistent points are marked downstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_sync_point: Option<bool>,
    /// Whether memory is measured per table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_table_monitor: Option<bool>,
    /// Whether two clusters replicate into each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bdr_mode: Option<bool>,
    /// Time between consistent points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_point_interval: Option<GoDuration>,
    /// How long consistent points are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_point_retention: Option<GoDuration>,
    /// Which tables and events are replicated.
    #[serde(default)]
    pub filter: FilterConfig,
    /// Decoding of rows.
    #[serde(default)]
    pub mounter: MounterConfig,
    /// The destination.
    #[serde(default)]
    pub sink: SinkConfig,
    /// The redo log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistent: Option<ConsistentConfig>,
    /// Spreading of tables over captures.
    #[serde(default)]
    pub scheduler: SchedulerConfig,
    /// Checksums.
    #[serde(default)]
    pub integrity: IntegrityConfig,
    /// How long retries may go on without progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changefeed_error_stuck_duration: Option<GoDuration>,
    /// When a changefeed counts as synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced_status: Option<SyncedStatusConfig>,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        ReplicaConfig {
            memory_quota: MEMORY_QUOTA_DEFAULT,
            case_sensitive: false,
            force_replicate: false,
            ignore_ineligible_table: false,
            check_gc_safe_point: true,
            enable_sync_point: Some(false),
            enable_table_monitor: Some(false),
            bdr_mode: Some(false),
            sync_point_interval: Some(GoDuration::from_secs(600)),
            sync_point_retention: Some(GoDuration::from_secs(86_400)),
            filter: FilterConfig::default(),
            mounter: MounterConfig::default(),
            sink: SinkConfig::default(),
            consistent: Some(ConsistentConfig::default()),
            scheduler: SchedulerConfig::default(),
            integrity: IntegrityConfig::default(),
            changefeed_error_stuck_duration: Some(GoDuration::from_secs(1_800)),
            synced_status: Some(SyncedStatusConfig::default()),
        }
    }
}

/// `mounter`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MounterConfig {
    /// At most so many threads decode rows; 0 or less means 16.
    pub worker_num: i64,
}

impl Default for MounterConfig {
    fn default() -> Self {
        MounterConfig { worker_num: 16 }
    }
}

/// `scheduler`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SchedulerConfig {
    /// Whether one table may be spread over several captures.
    pub enable_table_across_nodes: bool,
    /// Regions from which on a table is spread.
    pub region_threshold: i64,
    /// Written keys from which on a table is spread.
    pub write_key_threshold: i64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig {
            enable_table_across_nodes: false,
            region_threshold: 100_000,
            write_key_threshold: 0,
        }
    }
}

/// `integrity`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct IntegrityConfig {
    /// `none` or `correctness`.
    pub integrity_check_level: String,
    /// `warn` or `error`.
    pub corruption_handle_level: String,
}

impl Default for IntegrityConfig {
    fn default() -> Self {
        IntegrityConfig {
            integrity_check_level: "none".to_owned(),
            corruption_handle_level: "warn".to_owned(),
        }
    }
}

/// `synced_status`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncedStatusConfig {
    /// Seconds without a row after which a changefeed may count as synced.
    pub synced_check_interval: i64,
    /// Seconds that the checkpoint may lag behind.
    pub checkpoint_interval: i64,
}

impl Default for SyncedStatusConfig {
    fn default() -> Self {
        SyncedStatusConfig {
            synced_check_interval: 300,
            checkpoint_interval: 15,
        }
    }
}
