//! `file://`: rows as csv or canal-json files below a directory, in the layout of TiCDC's storage sinks.
//!
//! Per flush: schema file where needed, index file, data file, acknowledgement. A data file appears whole or not at
//! all and is never touched again; `metadata` never runs ahead of the files. One run at a time writes below a
//! directory.

mod buffer;
mod config;
mod draft;
mod files;
mod format;
mod lease;
mod metrics;
mod settings;
mod split;
mod storage_sink;
mod table_files;
mod worker;

use std::sync::Arc;

use tidegate_model::{Clock, Result};

pub(crate) use self::metrics::forget;
use self::storage_sink::StorageSink;
use crate::opener::SinkSpec;

/// Proves that the directory can be written to, takes it over from an earlier run and starts the sink.
pub(crate) async fn open(spec: &SinkSpec, clock: Arc<dyn Clock>) -> Result<StorageSink> {
    let metrics = metrics::StorageMetrics::of(&spec.changefeed);
    StorageSink::open(&spec.changefeed, settings::read(spec)?, clock, metrics).await
}

/// Checks the settings, that the directory can be written to, and that no other changefeed writes there.
pub(crate) async fn check(spec: &SinkSpec) -> Result<()> {
    StorageSink::try_root(&spec.changefeed, settings::read(spec)?).await
}

#[cfg(test)]
mod tests;
