//! Gives each transaction to a writer.
//!
//! Transactions come in commit order. One that shares no unique value with any that is not applied yet may go to any
//! writer; one that shares some with transactions of one writer goes to that one, which keeps the order; one that
//! depends on several waits until that has changed, and all behind it wait too. With a single writer nothing is
//! compared, and all is applied in commit order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_model::{Ack, CdcError, DdlEvent, ErrorCode, Result, TxnBatch, TxnEvent};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::catalogue::Catalogue;
use super::config::Atomicity;
use super::conflicts::{Conflicts, Owner};
use super::downstream::Downstream;
use super::keys::Touched;

/// A wait that is worth a line in the log, as in the original.
const LONG_WAIT: Duration = Duration::from_secs(60);

/// What the sink tells the dispatcher.
pub(crate) enum Input {
    Batch(TxnBatch),
    /// Answer when everything before is applied.
    Flush(oneshot::Sender<()>),
    /// A schema change was applied behind everything before.
    Changed(Arc<DdlEvent>),
}

/// A transaction, or a part of one, on its way to a writer.
pub(crate) struct Unit {
    pub(crate) txn: Arc<TxnEvent>,
    /// A clone of the batch's own.
    pub(crate) ack: Ack,
    /// Rows that the writer was given, with these: where it stands once it has applied them.
    pub(crate) seq: u64,
}

/// A writer as the dispatcher sees it.
pub(crate) struct Lane {
    /// Closed once the writer has failed.
    pub(crate) queue: mpsc::Sender<Unit>,
    pub(crate) applied: Arc<Applied>,
}

/// How far a writer has come.
pub(crate) struct Applied {
    seq: AtomicU64,
    /// Shared by all writers: wakes the dispatcher.
    progress: Arc<Notify>,
}

impl Applied {
    pub(crate) fn new(progress: Arc<Notify>) -> Self {
        Applied {
            seq: AtomicU64::new(0),
            progress,
        }
    }

    /// Everything up to [`Unit::seq`] is applied and acknowledged.
    pub(crate) fn set(&self, seq: u64) {
        self.seq.store(seq, Ordering::Release);
        self.progress.notify_one();
    }

    fn get(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }
}

/// Why the dispatcher stops.
enum Stop {
    /// A writer is gone. It has said why.
    WriterGone,
    Failed(CdcError),
}

impl From<CdcError> for Stop {
    fn from(error: CdcError) -> Self {
        Stop::Failed(error)
    }
}

/// The dispatcher's task.
pub(crate) struct Dispatcher<D: Downstream> {
    lanes: Vec<Lane>,
    /// By writer: the latest [`Unit::seq`].
    given: Vec<u64>,
    /// By writer: how far it had come when we last looked.
    applied: Vec<u64>,
    atomicity: Atomicity,
    /// Rows up to which a writer gets more before another one is looked for: small transactions share one downstream.
    lot_rows: u64,
    /// The writer that got the latest free transaction.
    last: usize,
    conflicts: Conflicts,
    touched: Touched,
    catalogue: Catalogue<D>,
    progress: Arc<Notify>,
    /// A transaction in parts that must stay whole is under way.
    inside: bool,
}

impl<D: Downstream> Dispatcher<D> {
    /// `progress` is what the lanes' writers wake.
    pub(crate) fn new(
        lanes: Vec<Lane>,
        progress: Arc<Notify>,
        atomicity: Atomicity,
        lot_rows: usize,
        catalogue: Catalogue<D>,
    ) -> Self {
        Dispatcher {
            given: vec![0; lanes.len()],
            applied: vec![0; lanes.len()],
            conflicts: Conflicts::new(lanes.len()),
            lanes,
            atomicity,
            lot_rows: lot_rows as u64,
            last: 0,
            touched: Touched::default(),
            catalogue,
            progress,
            inside: false,
        }
    }

    /// Runs until the input ends or a writer is gone (both `Ok`), or the downstream's keys cannot be read.
    pub(crate) async fn run(mut self, input: &mut mpsc::Receiver<Input>) -> Result<()> {
        while let Some(item) = input.recv().await {
            let outcome = match item {
                Input::Batch(batch) => self.take(batch).await,
                Input::Flush(done) => self.flush(done).await,
                Input::Changed(ddl) => {
                    self.catalogue.changed(&ddl);
                    Ok(())
                }
            };
            match outcome {
                Ok(()) => {}
                Err(Stop::WriterGone) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    async fn take(&mut self, batch: TxnBatch) -> Result<(), Stop> {
        for txn in batch.txns {
            let stays_whole = self.atomicity == Atomicity::Table && !(txn.part == 0 && txn.last);
            if stays_whole {
                self.give_part(txn, &batch.ack).await?;
            } else if txn.row_count() > 0 {
                let writer = self.writer_for(&txn).await?;
                self.give(writer, txn, &batch.ack).await?;
            }
        }
        // Every transaction with rows has a clone of its own. Without any, the batch is done: earlier rows may still be
        // under way, but the engine counts an acknowledgement only behind theirs.
        batch.ack.durable();
        Ok(())
    }

    /// The writer that may take a transaction now; notes what it touches.
    async fn writer_for(&mut self, txn: &TxnEvent) -> Result<usize, Stop> {
        if self.lanes.len() == 1 {
            return Ok(0);
        }
        self.touched.clear();
        for block in &txn.blocks {
            let keys = self.catalogue.keys(block.table()).await?;
            keys.touch(block, &mut self.touched);
        }
        let writer = loop {
            self.look();
            match self.conflicts.owner(&self.touched, &self.applied) {
                Owner::Anyone => break self.freest(),
                Owner::Only(writer) => break writer,
                Owner::Nobody => self.wait().await?,
            }
        };
        let seq = self.given[writer] + txn.row_count() as u64;
        self.conflicts.hold(&self.touched, writer, seq);
        self.conflicts.sweep(&self.applied);
        Ok(writer)
    }

    /// The writer of the latest transaction as long as its lot is small, else the one with the least to do.
    fn freest(&mut self) -> usize {
        let waiting = |writer: usize| self.given[writer] - self.applied[writer];
        if waiting(self.last) >= self.lot_rows {
            // The first of equals: under a small load few sessions are opened.
            self.last = (0..self.lanes.len())
                .min_by_key(|&writer| waiting(writer))
                .unwrap_or_default();
        }
        self.last
    }

    /// A part of a transaction that stays whole although it arrives in parts. It runs alone: while it is open, another
    /// writer's statements could wait for its row locks, and its next part for that writer.
    async fn give_part(&mut self, txn: TxnEvent, ack: &Ack) -> Result<(), Stop> {
        if !self.inside {
            self.idle().await?;
        }
        self.inside = !txn.last;
        self.give(0, txn, ack).await?;
        if !self.inside {
            self.idle().await?;
        }
        Ok(())
    }

    async fn give(&mut self, writer: usize, txn: TxnEvent, ack: &Ack) -> Result<(), Stop> {
        // A part without rows needs a place too.
        self.given[writer] += txn.row_count().max(1) as u64;
        let unit = Unit {
            txn: Arc::new(txn),
            ack: ack.clone(),
            seq: self.given[writer],
        };
        let sent = self.lanes[writer].queue.send(unit).await;
        sent.map_err(|_closed| Stop::WriterGone)
    }

    async fn flush(&mut self, done: oneshot::Sender<()>) -> Result<(), Stop> {
        if self.inside {
            return Err(Stop::Failed(CdcError::new(
                ErrorCode::InternalServerError,
                "asked to flush in the middle of a transaction that must stay whole",
            )));
        }
        self.idle().await?;
        // The one who asked may have gone.
        done.send(()).ok();
        Ok(())
    }

    /// Returns when all writers have applied what they were given.
    async fn idle(&mut self) -> Result<(), Stop> {
        loop {
            self.look();
            if self.given == self.applied {
                return Ok(());
            }
            self.wait().await?;
        }
    }

    fn look(&mut self) {
        for (applied, lane) in self.applied.iter_mut().zip(&self.lanes) {
            *applied = lane.applied.get();
        }
    }

    /// Returns when some writer has come further since the caller looked.
    async fn wait(&self) -> Result<(), Stop> {
        loop {
            if self.lanes.iter().any(|lane| lane.queue.is_closed()) {
                return Err(Stop::WriterGone);
            }
            if timeout(LONG_WAIT, self.progress.notified()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!("no downstream transaction has ended for a minute, and others depend on it");
        }
    }
}
