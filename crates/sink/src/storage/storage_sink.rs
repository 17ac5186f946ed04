//! The sink itself: spreads rows over workers, writes schema files and the `metadata` file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_codec::{SchemaFile, metadata, schema_dir};
use tidegate_model::{CdcError, Clock, DdlEvent, ErrorCode, Result, RowBlock, TableName, Ts, TxnBatch};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::DropGuard;

use super::buffer::Budget;
use super::cleanup::Cleanup;
use super::config::StorageConfig;
use super::encode::Encoders;
use super::lease::Holder;
use super::metrics::StorageMetrics;
use super::store::{self, Opened, Store};
use super::worker::{Common, Job, Worker};
use crate::sink::{BoxFut, EventSink};

/// Batches that may wait in front of a worker.
const WORKER_QUEUE_JOBS: usize = 64;
/// The `metadata` file is written at most this often (the original's interval).
const METADATA_INTERVAL: Duration = Duration::from_secs(2);
/// How long a close that has used up its deadline still waits for writes under way.
const WRITES_GRACE: Duration = Duration::from_millis(500);

/// Writes rows to files below a directory or a prefix of a bucket.
pub(crate) struct StorageSink {
    config: Arc<StorageConfig>,
    workers: Vec<mpsc::Sender<Job>>,
    state: Mutex<State>,
    /// A sink that is dropped instead of closed writes nothing more either.
    _stop: DropGuard,
}

struct State {
    /// `None` once the sink is closed.
    place: Option<Opened>,
    tasks: JoinSet<Result<()>>,
    failure: Option<CdcError>,
    /// Shared with the task that removes old files.
    checkpoint: Arc<AtomicU64>,
    written_checkpoint: Ts,
    last_metadata: Instant,
}

impl StorageSink {
    /// Takes over the place of the files, and starts the workers.
    ///
    /// # Errors
    /// Those of [`store::open`].
    pub(crate) async fn open(
        holder: &Holder,
        config: StorageConfig,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
    ) -> Result<Self> {
        let place = store::open(&config.address, holder).await?;
        Ok(StorageSink::start(place, config, clock, metrics))
    }

    /// Starts the workers on a place that was taken over.
    pub(crate) fn start(
        place: Opened,
        config: StorageConfig,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
    ) -> Self {
        let config = Arc::new(config);
        let common = Common {
            config: Arc::clone(&config),
            store: Arc::clone(&place.store),
            clock: Arc::clone(&clock),
            metrics,
            encoders: Encoders::new(&config, Arc::clone(&clock)),
            budget: Budget::new(config.memory_quota),
        };
        let mut tasks = JoinSet::new();
        let workers = (0..config.worker_count)
            .map(|id| {
                let (tx, rx) = mpsc::channel(WORKER_QUEUE_JOBS);
                tasks.spawn(Worker::new(id, common.clone()).run(rx));
                tx
            })
            .collect();
        let store = Arc::clone(&place.store);
        tasks.spawn(async move { store.guard().await });
        let checkpoint = Arc::new(AtomicU64::new(0));
        if let Some(expiry) = config.expiry.clone() {
            let cleanup = Cleanup {
                store: Arc::clone(&place.store),
                expiry,
                time_zone: config.time_zone.clone(),
                clock,
                checkpoint: Arc::clone(&checkpoint),
            };
            tasks.spawn(cleanup.run());
        }
        let stop = place.lease.stop().clone().drop_guard();
        let state = State {
            place: Some(place),
            tasks,
            failure: None,
            checkpoint,
            written_checkpoint: Ts::ZERO,
            last_metadata: Instant::now(),
        };
        StorageSink {
            config,
            workers,
            state: Mutex::new(state),
            _stop: stop,
        }
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
        let store = open_store(&*self.state.lock().await)?;
        for (name, file) in SchemaFile::of_ddl(ddl, self.config.output_column_id) {
            let path = format!("{}/{}", schema_dir(&name), file.file_name());
            store.replace(path, file.content()).await?;
        }
        Ok(())
    }

    async fn checkpoint(&self, ts: Ts) -> Result<()> {
        self.healthy().await?;
        let mut state = self.state.lock().await;
        if state.place.is_none() {
            return Err(closed());
        }
        state.checkpoint.fetch_max(ts.as_u64(), Ordering::Relaxed);
        if state.last_metadata.elapsed() < METADATA_INTERVAL {
            return Ok(());
        }
        self.write_metadata(&mut state).await
    }

    async fn write_metadata(&self, state: &mut State) -> Result<()> {
        let checkpoint = Ts::from_u64(state.checkpoint.load(Ordering::Relaxed));
        if checkpoint <= state.written_checkpoint {
            return Ok(());
        }
        let (name, content) = metadata(checkpoint);
        let store = open_store(state)?;
        store.replace(name.to_owned(), content.into_bytes()).await?;
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
            Ok(Ok(())) if state.place.is_some() => self.write_metadata(&mut state).await,
            _ => Ok(()),
        };
        let Some(Opened { store, lease }) = state.place.take() else {
            return Ok(());
        };
        lease.stop().cancel();
        state.tasks.shutdown().await;
        let until = until.max(Instant::now() + WRITES_GRACE);
        let ending = async {
            let released = store.release().await;
            drop(store);
            lease.end().await;
            released
        };
        match timeout_at(until, ending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the next run waits until the claim has run out"),
            Err(_) => {
                tracing::warn!(place = ?self.config.address, "a write does not end; the next run waits for it")
            }
        }
        told
    }
}

fn open_store(state: &State) -> Result<Arc<dyn Store>> {
    let place = state.place.as_ref().ok_or_else(closed)?;
    Ok(Arc::clone(&place.store))
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
