//! The sink itself: spreads rows over workers, writes schema files and the `metadata` file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_codec::{SchemaFile, metadata, schema_dir};
use tidegate_model::{
    CdcError, ChangefeedId, Clock, DdlEvent, ErrorCode, Result, ResultExt, RowBlock, TableName, Ts, TxnBatch,
};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::DropGuard;

use super::buffer::Budget;
use super::config::StorageConfig;
use super::files::probe;
use super::lease::Lease;
use super::metrics::StorageMetrics;
use super::worker::{Job, Worker};
use crate::sink::{BoxFut, EventSink};

/// Batches that may wait in front of a worker.
const WORKER_QUEUE_JOBS: usize = 64;
/// The `metadata` file is written at most this often (the original's interval).
const METADATA_INTERVAL: Duration = Duration::from_secs(2);
/// How long a close that has used up its deadline still waits for writes under way.
const WRITES_GRACE: Duration = Duration::from_millis(500);

/// Writes rows to files below a local directory.
pub(crate) struct StorageSink {
    config: Arc<StorageConfig>,
    workers: Vec<mpsc::Sender<Job>>,
    state: Mutex<State>,
    /// A sink that is dropped instead of closed writes nothing more either.
    _stop: DropGuard,
}

struct State {
    /// `None` once the sink is closed.
    lease: Option<Arc<Lease>>,
    tasks: JoinSet<Result<()>>,
    failure: Option<CdcError>,
    checkpoint: Ts,
    written_checkpoint: Ts,
    last_metadata: Instant,
}

impl StorageSink {
    /// Proves that the root can be written to, waits until no earlier run writes there any more, and starts the
    /// workers.
    ///
    /// # Errors
    /// `ExternalStorageAPI` when the root cannot be written to, or is being written to for too long.
    pub(crate) async fn open(
        changefeed: &ChangefeedId,
        config: StorageConfig,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
    ) -> Result<Self> {
        let config = Arc::new(config);
        let lease = Lease::acquire(&real_root(&config).await?, changefeed).await?;
        let mut tasks = JoinSet::new();
        let budget = Budget::new(config.memory_quota);
        let workers = (0..config.worker_count)
            .map(|_| {
                let (tx, rx) = mpsc::channel(WORKER_QUEUE_JOBS);
                let worker = Worker::new(
                    Arc::clone(&config),
                    Arc::clone(&lease),
                    Arc::clone(&clock),
                    metrics.clone(),
                    Arc::clone(&budget),
                );
                tasks.spawn(worker.run(rx));
                tx
            })
            .collect();
        let stop = lease.stop().clone().drop_guard();
        let state = State {
            lease: Some(lease),
            tasks,
            failure: None,
            checkpoint: Ts::ZERO,
            written_checkpoint: Ts::ZERO,
            last_metadata: Instant::now(),
        };
        Ok(StorageSink {
            config,
            workers,
            state: Mutex::new(state),
            _stop: stop,
        })
    }

    /// Proves that the root can be written to and that no other changefeed does so now.
    ///
    /// # Errors
    /// `ExternalStorageAPI` or `StorageSinkInvalidConfig`.
    pub(crate) async fn try_root(changefeed: &ChangefeedId, config: StorageConfig) -> Result<()> {
        Lease::check(&real_root(&Arc::new(config)).await?, changefeed)
    }

    /// All rows of one table go to one worker, so their order is kept.
    fn worker_of(&self, table: &TableName) -> usize {
        let mut hash = crc32fast::Hasher::new();
        hash.update(table.schema.as_bytes());
        hash.update(table.table.as_bytes());
        hash.finalize() as usize % self.workers.len()
    }

    async fn distribute(&self, batch: TxnBatch) -> Result<()> {
        self.healthy().await?;
        let mut shares: Vec<Vec<(Ts, RowBlock)>> = vec![Vec::new(); self.workers.len()];
        for txn in batch.txns {
            for block in txn.blocks {
                shares[self.worker_of(&block.table().name)].push((txn.commit_ts, block));
            }
        }
        for (worker, rows) in self.workers.iter().zip(shares) {
            if !rows.is_empty() && worker.send(Job::Rows(rows, batch.ack.clone())).await.is_err() {
                return Err(self.failure().await);
            }
        }
        batch.ack.durable();
        Ok(())
    }

    async fn flush_workers(&self) -> Result<()> {
        let mut answers = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (tx, rx) = oneshot::channel();
            if worker.send(Job::Flush(tx)).await.is_err() {
                return Err(self.failure().await);
            }
            answers.push(rx);
        }
        for answer in answers {
            if answer.await.is_err() {
                return Err(self.failure().await);
            }
        }
        Ok(())
    }

    async fn schema_files(&self, ddl: &DdlEvent) -> Result<()> {
        self.healthy().await?;
        let lease = open_lease(&*self.state.lock().await)?;
        let root = self.config.root.clone();
        let files = SchemaFile::of_ddl(ddl, self.config.output_column_id);
        blocking(move || {
            files.iter().try_for_each(|(name, file)| {
                let path = root.join(schema_dir(name)).join(file.file_name());
                lease.replace(path, &file.content())
            })
        })
        .await
    }

    async fn checkpoint(&self, ts: Ts) -> Result<()> {
        self.healthy().await?;
        let mut state = self.state.lock().await;
        if state.lease.is_none() {
            return Err(closed());
        }
        state.checkpoint = state.checkpoint.max(ts);
        if state.last_metadata.elapsed() < METADATA_INTERVAL {
            return Ok(());
        }
        self.write_metadata(&mut state).await
    }

    async fn write_metadata(&self, state: &mut State) -> Result<()> {
        if state.checkpoint <= state.written_checkpoint {
            return Ok(());
        }
        let lease = open_lease(state)?;
        let checkpoint = state.checkpoint;
        let (name, content) = metadata(checkpoint);
        let path: PathBuf = self.config.root.join(name);
        blocking(move || lease.replace(path, content.as_bytes())).await?;
        state.written_checkpoint = checkpoint;
        state.last_metadata = Instant::now();
        Ok(())
    }

    /// The first failure of a worker, if one has ended.
    async fn healthy(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        while let Some(ended) = state.tasks.try_join_next() {
            note(&mut state.failure, ended);
        }
        state.failure.clone().map_or(Ok(()), Err)
    }

    /// Called when a worker is gone: waits for what it left.
    async fn failure(&self) -> CdcError {
        let mut state = self.state.lock().await;
        if state.failure.is_none()
            && let Some(ended) = state.tasks.join_next().await
        {
            note(&mut state.failure, ended);
        }
        state.failure.clone().unwrap_or_else(closed)
    }

    /// Flushes, and then waits for the threads that write: they must not outlive the run.
    async fn shut(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        let drained = timeout(deadline, self.flush_workers()).await;
        let mut state = self.state.lock().await;
        let told = match drained {
            Ok(Ok(())) if state.lease.is_some() => self.write_metadata(&mut state).await,
            _ => Ok(()),
        };
        let Some(lease) = state.lease.take() else {
            return Ok(());
        };
        lease.stop().cancel();
        state.tasks.shutdown().await;
        let until = until.max(Instant::now() + WRITES_GRACE);
        if timeout_at(until, lease.end()).await.is_err() {
            tracing::warn!(
                root = %self.config.root.display(),
                "a write does not end; the next run waits for it"
            );
        }
        told
    }
}

async fn real_root(config: &Arc<StorageConfig>) -> Result<PathBuf> {
    let config = Arc::clone(config);
    blocking(move || probe(&config.root)).await
}

fn open_lease(state: &State) -> Result<Arc<Lease>> {
    state.lease.clone().ok_or_else(closed)
}

fn closed() -> CdcError {
    CdcError::new(ErrorCode::ExternalStorageAPI, "the storage sink is closed")
}

fn note(failure: &mut Option<CdcError>, ended: Result<Result<()>, tokio::task::JoinError>) {
    let error = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(error) => CdcError::new(
            ErrorCode::ExternalStorageAPI,
            "a storage worker ended unexpectedly",
        )
        .with_source(error),
    };
    failure.get_or_insert(error);
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .code(ErrorCode::ExternalStorageAPI, "a storage task ended unexpectedly")?
}

impl EventSink for StorageSink {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        Box::pin(self.distribute(batch))
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(self.flush_workers())
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        Box::pin(async move { self.schema_files(&ddl).await })
    }

    fn write_checkpoint(&self, ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(self.checkpoint(ts))
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        Box::pin(self.shut(deadline))
    }
}
