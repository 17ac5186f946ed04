//! Rows as csv or canal-json files in a directory or a bucket, in the layout of TiCDC's storage sinks.
//!
//! Per flush: schema file where needed, index file, data file, acknowledgement. A data file appears whole or not at
//! all and is never touched again; `metadata` never runs ahead of the files. One run at a time writes to a place
//! (`docs/adr/0005-storage.md`).

mod buffer;
mod cleanup;
mod config;
mod draft;
mod encode;
mod format;
mod lease;
mod metrics;
mod schedule;
mod settings;
mod split;
mod storage_sink;
mod store;
mod table_files;
mod worker;

use std::sync::Arc;

use tidegate_model::{Clock, Result};

use self::lease::Holder;
pub(crate) use self::metrics::forget;
use self::storage_sink::StorageSink;
use crate::opener::SinkSpec;

/// Proves that the place can be written to, takes it over from an earlier run and starts the sink.
pub(crate) async fn open(spec: &SinkSpec, clock: Arc<dyn Clock>) -> Result<StorageSink> {
    let metrics = metrics::StorageMetrics::of(&spec.changefeed);
    StorageSink::open(&holder(spec), settings::read(spec)?, clock, metrics).await
}

/// Checks the settings, that the place can be written to, and that no other changefeed writes there.
pub(crate) async fn check(spec: &SinkSpec) -> Result<()> {
    store::check(&settings::read(spec)?.address, &holder(spec)).await
}

/// The sink over a directory or a bucket that a simulation brings.
#[cfg(feature = "simulation")]
pub mod simulation {
    pub use super::store::disk::{Disk, DiskFile};
    pub use super::store::simulation::{Pause, Place, open};
}

fn holder(spec: &SinkSpec) -> Holder {
    Holder {
        changefeed: spec.changefeed.clone(),
        identity: format!("{}/{}/{}", spec.cluster_id, spec.changefeed, spec.incarnation),
    }
}

#[cfg(test)]
mod tests;
