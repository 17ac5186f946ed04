//! The sink itself: hands rows to the writers, runs schema changes.

use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{DdlEvent, Result, Ts, TxnBatch};

use super::config::MysqlConfig;
use super::ddl::DdlRunner;
use super::downstream::Server;
use super::fence::Fence;
use super::metrics::MysqlMetrics;
use super::session;
use super::writers::Writers;
use crate::opener::OnTrouble;
use crate::sink::{BoxFut, EventSink};

/// Who the sink writes for.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) changefeed: tidegate_model::ChangefeedId,
    pub(crate) cluster_id: String,
    /// Names the history that is replayed: see [`crate::SinkSpec::incarnation`].
    pub(crate) incarnation: String,
    /// Rows up to here may have been written before.
    pub(crate) replicate_ts: Ts,
    pub(crate) on_trouble: OnTrouble,
}

/// Writes rows and schema changes to a MySQL-compatible server.
pub(crate) struct MysqlSink {
    writers: Writers,
    ddl: DdlRunner,
}

impl MysqlSink {
    /// Connects and starts the tasks.
    pub(crate) async fn open(config: MysqlConfig, feed: Feed) -> Result<Self> {
        let fence = Fence::new(&feed);
        let (mut conn, facts) = session::open(&config).await?;
        fence.clear(&mut conn).await?;
        // The answer to a farewell is of no interest.
        drop(conn.disconnect().await);
        let server = Server {
            config: config.clone(),
            fence: fence.clone(),
        };
        let writers = Writers::start(&config, &facts, &feed, &server);
        let metrics = MysqlMetrics::of(&feed.changefeed);
        Ok(MysqlSink {
            writers,
            ddl: DdlRunner::new(config, facts, (feed, fence), metrics),
        })
    }
}

impl EventSink for MysqlSink {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        Box::pin(self.writers.write(batch))
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(self.writers.flush())
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        Box::pin(async move {
            self.writers.failure()?;
            self.ddl.apply(&ddl).await?;
            self.writers.changed(ddl).await
        })
    }

    fn write_checkpoint(&self, _ts: Ts) -> BoxFut<'_, ()> {
        // A database has no place for it.
        Box::pin(async { self.writers.failure() })
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        Box::pin(self.writers.close(deadline))
    }
}
