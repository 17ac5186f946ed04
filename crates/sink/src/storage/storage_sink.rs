//! The sink itself: spreads rows over workers, writes schema files and the `metadata` file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_codec::{SchemaFile, metadata, schema_dir};
use tidegate_model::{
    CdcError, Clock, DdlEvent, ErrorCode, Result, ResultExt, RowBlock, TableName, Ts, TxnBatch,
};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::config::StorageConfig;
use super::files::{probe, write_whole};
use super::metrics::StorageMetrics;
use super::worker::{Job, Worker};
use crate::sink::{BoxFut, EventSink};

/// Batches that may wait in front of a worker.
const WORKER_QUEUE_JOBS: usize = 64;
/// Source bytes that all workers together collect before they write without waiting for the interval.
const BUFFER_BYTES_MAX: usize = 64 << 20;
/// No worker is given less than this.
const WORKER_BUFFER_BYTES_MIN: usize = 4 << 20;
/// The `metadata` file is written at most this often (the original's interval).
const METADATA_INTERVAL: Duration = Duration::from_secs(2);

/// Writes rows to files below a local directory.
pub(crate) struct StorageSink {
    config: Arc<StorageConfig>,
    workers: Vec<mpsc::Sender<Job>>,
    state: Mutex<State>,
}

struct State {
    tasks: JoinSet<Result<()>>,
    failure: Option<CdcError>,
    checkpoint: Ts,
    written_checkpoint: Ts,
    last_metadata: Instant,
}

impl StorageSink {
    /// Proves that the root can be written to and starts the workers.
    pub(crate) async fn open(
        config: StorageConfig,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
    ) -> Result<Self> {
        let config = Arc::new(config);
        blocking({
            let config = Arc::clone(&config);
            move || probe(&config.root)
        })
        .await?;
        let mut tasks = JoinSet::new();
        let share = (BUFFER_BYTES_MAX / config.worker_count).max(WORKER_BUFFER_BYTES_MIN);
        let workers = (0..config.worker_count)
            .map(|_| {
                let (tx, rx) = mpsc::channel(WORKER_QUEUE_JOBS);
                tasks.spawn(
                    Worker::new(Arc::clone(&config), Arc::clone(&clock), metrics.clone(), share).run(rx),
                );
                tx
            })
            .collect();
        let state = State {
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
        })
    }

    /// Proves that the root can be written to.
    pub(crate) async fn try_root(config: StorageConfig) -> Result<()> {
        blocking(move || probe(&config.root)).await
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
        let root = self.config.root.clone();
        let files = SchemaFile::of_ddl(ddl, self.config.output_column_id);
        blocking(move || {
            files.iter().try_for_each(|(name, file)| {
                write_whole(
                    &root.join(schema_dir(name)).join(file.file_name()),
                    &file.content(),
                )
            })
        })
        .await
    }

    async fn checkpoint(&self, ts: Ts) -> Result<()> {
        self.healthy().await?;
        let mut state = self.state.lock().await;
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
        let checkpoint = state.checkpoint;
        let (name, content) = metadata(checkpoint);
        let path: PathBuf = self.config.root.join(name);
        blocking(move || write_whole(&path, content.as_bytes())).await?;
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
        state
            .failure
            .clone()
            .unwrap_or_else(|| CdcError::new(ErrorCode::ExternalStorageAPI, "the storage sink is closed"))
    }
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

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
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
        Box::pin(async move {
            let drained = timeout(deadline, self.flush_workers()).await;
            let mut state = self.state.lock().await;
            if let Ok(Ok(())) = drained {
                self.write_metadata(&mut state).await?;
            }
            state.tasks.shutdown().await;
            Ok(())
        })
    }
}
