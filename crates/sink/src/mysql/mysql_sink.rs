//! The sink itself: starts dispatcher and writers, hands over batches, runs schema changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_model::{CdcError, DdlEvent, ErrorCode, Result, Ts, TxnBatch};
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::applier::Applier;
use super::builder::{Builder, Limits};
use super::bulk::BulkSwitch;
use super::catalogue::Catalogue;
use super::config::MysqlConfig;
use super::ddl::DdlRunner;
use super::dispatcher::{Applied, Dispatcher, Input, Lane};
use super::fence::Fence;
use super::metrics::MysqlMetrics;
use super::script::{Script, ScriptOptions};
use super::session::{self, Facts};
use crate::opener::OnTrouble;
use crate::sink::{BoxFut, EventSink};

/// Batches that may wait in front of the dispatcher; the engine's memory quota bounds their bytes.
const BATCH_QUEUE: usize = 4;
/// Transactions that may wait for a writer, as in the original.
const LANE_QUEUE: usize = 1024;
/// The part of `max-txn-row` that a writer is given before the next one gets something.
const LOT_DIVISOR: usize = 4;
/// Downstream transactions that may wait behind the one that runs: one, so that the next ones grow meanwhile.
const CHUNK_QUEUE: usize = 1;
/// Bytes of statements in one downstream transaction, exceeded only by a larger upstream transaction.
const CHUNK_BYTES_MAX: usize = 16 << 20;
/// Bytes of one round trip; less when the server takes less.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// The least that every server takes.
const TEXT_BYTES_MIN: usize = 512;

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
    input: mpsc::Sender<Input>,
    failure: Arc<Failure>,
    tasks: AsyncMutex<JoinSet<()>>,
    ddl: DdlRunner,
}

/// The first error of the tasks.
#[derive(Default)]
struct Failure(Mutex<Option<CdcError>>);

impl Failure {
    fn note(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
        }
    }

    fn get(&self) -> Option<CdcError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The tasks while they are started.
#[derive(Default)]
struct Tasks {
    set: JoinSet<()>,
    failure: Arc<Failure>,
}

impl Tasks {
    /// Starts builder and applier of writer `number`.
    fn start_writer(
        &mut self,
        config: &MysqlConfig,
        facts: &Facts,
        (feed, fence): (&Feed, &Fence),
        number: usize,
        progress: &Arc<Notify>,
    ) -> Lane {
        let options = script_options(config, facts);
        let limits = Limits {
            rows_max: config.max_txn_row,
            bytes_max: CHUNK_BYTES_MAX,
            atomicity: config.atomicity,
            safe_mode: config.safe_mode,
            replicate_ts: feed.replicate_ts,
        };
        let applied = Arc::new(Applied::new(Arc::clone(progress)));
        let (queue, mut units) = mpsc::channel(LANE_QUEUE);
        let (chunks_in, mut chunks) = mpsc::channel(CHUNK_QUEUE);
        let bulks = BulkSwitch::for_server(config, facts);
        let builder = Builder::new(limits, Script::new(options, bulks.clone()), chunks_in);
        let script = Script::new(options, BulkSwitch::new(false));
        let applier = Applier::new(
            config.clone(),
            number,
            Arc::clone(&applied),
            (feed, fence),
            (script, bulks),
        );
        // The receivers outlive the notes, so that whoever finds a queue closed finds the reason too; and are gone before
        // the dispatcher is woken, so that it does find them closed.
        self.set.spawn({
            let (failure, progress) = (Arc::clone(&self.failure), Arc::clone(progress));
            async move {
                failure.note(builder.run(&mut units).await);
                drop(units);
                progress.notify_one();
            }
        });
        self.set.spawn({
            let failure = Arc::clone(&self.failure);
            async move { failure.note(applier.run(&mut chunks).await) }
        });
        Lane { queue, applied }
    }
}

fn script_options(config: &MysqlConfig, facts: &Facts) -> ScriptOptions {
    ScriptOptions {
        flavour: facts.flavour,
        merge_rows: config.batch_dml,
        merge_statements: config.multi_stmt,
        text_bytes_max: (facts.max_allowed_packet / 2).clamp(TEXT_BYTES_MIN, TEXT_BYTES_MAX),
        update_rows_max: config.max_multi_update_row,
        update_row_bytes_max: config.max_multi_update_row_size,
    }
}

impl MysqlSink {
    /// Connects and starts the tasks.
    pub(crate) async fn open(config: MysqlConfig, feed: Feed) -> Result<Self> {
        let fence = Fence::new(&feed);
        let (mut conn, facts) = session::open(&config).await?;
        fence.clear(&mut conn).await?;
        // The answer to a farewell is of no interest.
        drop(conn.disconnect().await);

        let mut tasks = Tasks::default();
        let progress = Arc::new(Notify::new());
        let lanes = (0..config.workers)
            .map(|number| tasks.start_writer(&config, &facts, (&feed, &fence), number, &progress))
            .collect();
        let dispatcher = Dispatcher::new(
            lanes,
            progress,
            config.atomicity,
            config.max_txn_row / LOT_DIVISOR,
            Catalogue::new(config.clone(), feed.on_trouble.clone()),
        );
        let (input, mut batches) = mpsc::channel(BATCH_QUEUE);
        let failure = Arc::clone(&tasks.failure);
        tasks.set.spawn({
            let failure = Arc::clone(&failure);
            async move { failure.note(dispatcher.run(&mut batches).await) }
        });
        let metrics = MysqlMetrics::of(&feed.changefeed);
        Ok(MysqlSink {
            input,
            failure,
            tasks: AsyncMutex::new(tasks.set),
            ddl: DdlRunner::new(config, facts, (feed, fence), metrics),
        })
    }

    async fn send(&self, input: Input) -> Result<()> {
        if let Some(error) = self.failure.get() {
            return Err(error);
        }
        self.input.send(input).await.map_err(|_closed| self.why_closed())
    }

    fn why_closed(&self) -> CdcError {
        self.failure
            .get()
            .unwrap_or_else(|| CdcError::new(ErrorCode::MySQLTxnError, "the sink is closed"))
    }

    async fn flush_all(&self) -> Result<()> {
        let (done, applied) = oneshot::channel();
        self.send(Input::Flush(done)).await?;
        applied.await.map_err(|_dropped| self.why_closed())
    }
}

impl EventSink for MysqlSink {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        Box::pin(self.send(Input::Batch(batch)))
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(self.flush_all())
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        Box::pin(async move {
            if let Some(error) = self.failure.get() {
                return Err(error);
            }
            self.ddl.apply(&ddl).await?;
            self.send(Input::Changed(ddl)).await
        })
    }

    fn write_checkpoint(&self, _ts: Ts) -> BoxFut<'_, ()> {
        // A database has no place for it.
        Box::pin(async { self.failure.get().map_or(Ok(()), Err) })
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        Box::pin(async move {
            let flushed = timeout(deadline, self.flush_all()).await;
            self.tasks.lock().await.shutdown().await;
            match flushed {
                Ok(Err(error)) if self.failure.get().is_some() => Err(error),
                _ => Ok(()),
            }
        })
    }
}
