//! `consistent`: the redo log.

use serde::{Deserialize, Serialize};

use crate::json::is_zero;

/// The redo log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConsistentConfig {
    /// `none` or `eventual`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub level: String,
    /// MiB per file.
    #[serde(default)]
    pub max_log_size: i64,
    /// Milliseconds.
    #[serde(default)]
    pub flush_interval: i64,
    /// Milliseconds.
    #[serde(default)]
    pub meta_flush_interval: i64,
    /// Encoding threads.
    #[serde(default)]
    pub encoding_worker_num: i64,
    /// Uploading threads.
    #[serde(default)]
    pub flush_worker_num: i64,
    /// URI of the storage.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub storage: String,
    /// Whether files are written locally before they are uploaded.
    #[serde(default)]
    pub use_file_backend: bool,
    /// Empty, `none` or `lz4`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub compression: String,
    /// Parallel parts of one upload.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flush_concurrency: i64,
    /// Share of the memory quota.
    pub memory_usage: Option<MemoryUsage>,
}

impl Default for ConsistentConfig {
    fn default() -> Self {
        ConsistentConfig {
            level: "none".to_owned(),
            max_log_size: 64,
            flush_interval: 2_000,
            meta_flush_interval: 200,
            encoding_worker_num: 16,
            flush_worker_num: 8,
            storage: String::new(),
            use_file_backend: false,
            compression: String::new(),
            flush_concurrency: 0,
            memory_usage: Some(MemoryUsage::default()),
        }
    }
}

/// Share of the memory quota that the redo log takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryUsage {
    /// Percent.
    pub memory_quota_percentage: u64,
}

impl Default for MemoryUsage {
    fn default() -> Self {
        MemoryUsage {
            memory_quota_percentage: 50,
        }
    }
}
