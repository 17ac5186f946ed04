//! The MySQL and MariaDB source: row changes from the binlog.

mod options;
#[allow(dead_code)]
mod timeline;

pub use options::MysqlOptions;

use std::sync::Arc;

use tidegate_meta::MetaStore;
use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, Result, Ts};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{BoxFut, EventTx, PullJob, TableSummary, Upstream, UpstreamInfo, UpstreamWatermark};

/// A MySQL or MariaDB server as a source of changes.
pub struct MysqlUpstream {
    watermark: watch::Sender<UpstreamWatermark>,
}

impl MysqlUpstream {
    /// Connects, checks the prerequisites, loads or creates the upstream's timeline in `store`, and starts the
    /// shared reader, which lives until `stop` is cancelled or the last reference is dropped.
    ///
    /// # Errors
    /// `UpstreamConnection`, `UpstreamAccessDenied`, `UpstreamMisconfigured` (all failed prerequisites in one
    /// message, each with the SQL that mends it), or the store's errors.
    pub async fn start(
        options: MysqlOptions,
        store: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<Arc<MysqlUpstream>> {
        let _inputs = (options, store, clock, stop);
        std::future::ready(Err(not_yet())).await
    }
}

fn not_yet() -> CdcError {
    CdcError::new(ErrorCode::NotSupported, "the MySQL upstream is not connected yet")
}

impl Upstream for MysqlUpstream {
    fn probe(&self) -> BoxFut<'_, UpstreamInfo> {
        Box::pin(async { Err(not_yet()) })
    }

    fn now(&self) -> BoxFut<'_, Ts> {
        Box::pin(async { Err(not_yet()) })
    }

    fn oldest(&self) -> BoxFut<'_, Ts> {
        Box::pin(async { Err(not_yet()) })
    }

    fn check_start(&self, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Err(not_yet()) })
    }

    fn tables(&self) -> BoxFut<'_, Vec<TableSummary>> {
        Box::pin(async { Err(not_yet()) })
    }

    fn pull(&self, _job: PullJob, _out: EventTx, _stop: CancellationToken) -> BoxFut<'_, ()> {
        Box::pin(async { Err(not_yet()) })
    }

    fn watermark(&self) -> watch::Receiver<UpstreamWatermark> {
        self.watermark.subscribe()
    }

    fn hold_gc(&self, _owner: ChangefeedId, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
