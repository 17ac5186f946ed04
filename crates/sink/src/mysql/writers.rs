//! Dispatcher and writers while they run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_model::{CdcError, DdlEvent, ErrorCode, Result, TxnBatch};
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::applier::Applier;
use super::builder::{Builder, Limits};
use super::bulk::BulkSwitch;
use super::catalogue::Catalogue;
use super::config::MysqlConfig;
use super::dispatcher::{Applied, Dispatcher, Input, Lane};
use super::downstream::Downstream;
use super::mysql_sink::Feed;
use super::script::{Script, ScriptOptions};
use super::session::Facts;

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

/// The way of rows into a downstream.
pub(crate) struct Writers {
    input: mpsc::Sender<Input>,
    failure: Arc<Failure>,
    tasks: AsyncMutex<JoinSet<()>>,
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

impl Writers {
    /// Starts the tasks. Sessions are opened when there are rows.
    pub(crate) fn start<D: Downstream>(
        config: &MysqlConfig,
        facts: &Facts,
        feed: &Feed,
        downstream: &D,
    ) -> Self {
        let mut tasks = Tasks::default();
        let progress = Arc::new(Notify::new());
        let lanes = (0..config.workers)
            .map(|number| tasks.start_writer(config, facts, (feed, downstream), number, &progress))
            .collect();
        let dispatcher = Dispatcher::new(
            lanes,
            progress,
            config.atomicity,
            config.max_txn_row / LOT_DIVISOR,
            Catalogue::new(
                downstream.clone(),
                config.statement_timeout,
                feed.on_trouble.clone(),
            ),
        );
        let (input, mut batches) = mpsc::channel(BATCH_QUEUE);
        let failure = Arc::clone(&tasks.failure);
        tasks.set.spawn({
            let failure = Arc::clone(&failure);
            async move { failure.note(dispatcher.run(&mut batches).await) }
        });
        Writers {
            input,
            failure,
            tasks: AsyncMutex::new(tasks.set),
        }
    }

    /// Why it has stopped, once it has.
    pub(crate) fn failure(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), Err)
    }

    pub(crate) async fn write(&self, batch: TxnBatch) -> Result<()> {
        self.send(Input::Batch(batch)).await
    }

    /// Returns when everything before is applied.
    pub(crate) async fn flush(&self) -> Result<()> {
        let (done, applied) = oneshot::channel();
        self.send(Input::Flush(done)).await?;
        applied.await.map_err(|_dropped| self.why_closed())
    }

    /// A schema change was applied behind everything before.
    pub(crate) async fn changed(&self, ddl: Arc<DdlEvent>) -> Result<()> {
        self.send(Input::Changed(ddl)).await
    }

    /// Flushes as far as `deadline` allows, then ends all tasks.
    pub(crate) async fn close(&self, deadline: Duration) -> Result<()> {
        let flushed = timeout(deadline, self.flush()).await;
        self.tasks.lock().await.shutdown().await;
        match flushed {
            Ok(Err(error)) if self.failure.get().is_some() => Err(error),
            _ => Ok(()),
        }
    }

    async fn send(&self, input: Input) -> Result<()> {
        self.failure()?;
        self.input.send(input).await.map_err(|_closed| self.why_closed())
    }

    fn why_closed(&self) -> CdcError {
        self.failure
            .get()
            .unwrap_or_else(|| CdcError::new(ErrorCode::MySQLTxnError, "the sink is closed"))
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
    fn start_writer<D: Downstream>(
        &mut self,
        config: &MysqlConfig,
        facts: &Facts,
        (feed, downstream): (&Feed, &D),
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
            downstream.clone(),
            number,
            Arc::clone(&applied),
            feed,
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
