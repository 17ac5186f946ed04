//! What a running pipeline shows to the outside, and where its acknowledgements arrive.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tidegate_model::{AckTarget, CdcError, DdlEvent, TableName, Ts};
use tidegate_upstream::{Decoded, Quota, Share};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::batch::RowCount;
use crate::progress::Progress;

/// Schema changes that are remembered of a run.
const DDLS_MAX: usize = 16;

/// What the pipeline is doing, for people who ask why the checkpoint does not move.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Asks the upstream whether the start point is still readable.
    Checking,
    /// Connects to the destination.
    OpeningSink,
    /// Waits for events or collects a batch.
    Reading,
    /// Waits for the sink to take a batch.
    Writing,
    /// Waits until everything handed over is durable.
    Draining,
    /// Waits for a schema change; the text names it.
    Ddl(Arc<str>),
    /// Flushes and lets go of the sink.
    Closing,
}

/// The first few tables of a batch, to name where it hangs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    first: Vec<TableName>,
    more: bool,
}

impl Touched {
    /// Tables that are named.
    const MAX: usize = 3;

    pub(crate) fn add(&mut self, table: &TableName) {
        if self.more || self.first.contains(table) {
            return;
        }
        if self.first.len() < Touched::MAX {
            self.first.push(table.clone());
        } else {
            self.more = true;
        }
    }
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, table) in self.first.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{table}")?;
        }
        f.write_str(if self.more { ", ..." } else { "" })
    }
}

/// What is kept for a batch until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Load {
    /// The batch's share of the memory quota, given back on the acknowledgement.
    pub(crate) share: Option<Share>,
    pub(crate) rows: RowCount,
    pub(crate) bytes: u64,
    /// Largest commit-ts in it.
    pub(crate) commit_ts: Ts,
    pub(crate) tables: Touched,
    pub(crate) handed_over: Instant,
}

/// A copy of the figures at one moment.
#[derive(Clone, Debug)]
pub(crate) struct RunView {
    pub(crate) checkpoint: Ts,
    pub(crate) resolved: Ts,
    /// Largest commit-ts acknowledged in this run; starts at the checkpoint it started from.
    pub(crate) last_synced: Ts,
    pub(crate) rows_total: u64,
    /// The same by what happened to them.
    pub(crate) rows_by_op: RowCount,
    pub(crate) bytes_total: u64,
    /// The upstream's side has decoded everything up to here; zero before the first event.
    pub(crate) decoded: Ts,
    pub(crate) rows_decoded: u64,
    /// Everything up to here was looked at by the filters; zero before the first event.
    pub(crate) filtered: Ts,
    /// Rows that the filters let through.
    pub(crate) rows_filtered: u64,
    /// The last schema changes that are in place downstream, oldest first.
    pub(crate) ddls: Vec<Arc<DdlEvent>>,
    pub(crate) waiting_rows: u64,
    pub(crate) waiting_bytes: u64,
    /// Taken of the memory quota.
    pub(crate) quota_used_bytes: u64,
    /// Since when the oldest unacknowledged batch is with the sink.
    pub(crate) waiting_since: Option<Instant>,
    /// Tables of the oldest unacknowledged batch.
    pub(crate) waiting_tables: Touched,
    pub(crate) stage: Stage,
    pub(crate) stage_since: Instant,
    /// The schema change that is being applied.
    pub(crate) barrier: Option<Ts>,
    /// Trouble with the upstream that is being retried.
    pub(crate) upstream_trouble: Option<Arc<str>>,
}

/// Shared between the pipeline, the sink's acknowledgements and whoever looks on. Never locked across an await.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    wake: Notify,
    /// Also of what a sink still holds when its run has ended.
    quota: Quota,
    decoded: OnceLock<Arc<Decoded>>,
    filtered: AtomicU64,
    rows_filtered: AtomicU64,
}

struct Inner {
    progress: Progress<Load>,
    lost: bool,
    last_synced: Ts,
    rows: RowCount,
    bytes_total: u64,
    ddls: VecDeque<Arc<DdlEvent>>,
    waiting_rows: u64,
    waiting_bytes: u64,
    stage: Stage,
    stage_since: Instant,
    barrier: Option<Ts>,
    upstream_trouble: Option<Arc<str>>,
}

impl Shared {
    /// A run that starts at `checkpoint`; `memory_quota` in bytes.
    pub(crate) fn new(checkpoint: Ts, memory_quota: u64) -> Arc<Shared> {
        Arc::new(Shared {
            inner: Mutex::new(Inner {
                progress: Progress::new(checkpoint),
                lost: false,
                last_synced: checkpoint,
                rows: RowCount::default(),
                bytes_total: 0,
                ddls: VecDeque::new(),
                waiting_rows: 0,
                waiting_bytes: 0,
                stage: Stage::Checking,
                stage_since: Instant::now(),
                barrier: None,
                upstream_trouble: None,
            }),
            wake: Notify::new(),
            quota: Quota::new(memory_quota),
            decoded: OnceLock::new(),
            filtered: AtomicU64::new(0),
            rows_filtered: AtomicU64::new(0),
        })
    }

    pub(crate) fn push(&self, load: Load) -> u64 {
        let mut inner = self.lock();
        inner.waiting_rows += load.rows.total();
        inner.waiting_bytes += load.bytes;
        inner.progress.push(load)
    }

    pub(crate) fn mark(&self, ts: Ts) {
        let mut inner = self.lock();
        inner.progress.mark(ts);
        inner.upstream_trouble = None;
    }

    pub(crate) fn checkpoint(&self) -> Ts {
        self.lock().progress.checkpoint()
    }

    /// The largest mark.
    pub(crate) fn received(&self) -> Ts {
        self.lock().progress.received()
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        let mut inner = self.lock();
        if inner.stage != stage {
            inner.stage = stage;
            inner.stage_since = Instant::now();
        }
    }

    /// Where the upstream's side counts what it decodes.
    pub(crate) fn watch_decoding(&self, decoded: &Arc<Decoded>) {
        // A run pulls once.
        let _same = self.decoded.set(Arc::clone(decoded));
    }

    /// The filters have looked at everything up to `ts`.
    pub(crate) fn set_filtered(&self, ts: Ts) {
        self.filtered.fetch_max(ts.as_u64(), Ordering::Relaxed);
    }

    /// The filters let rows through.
    pub(crate) fn add_filtered(&self, rows: u64) {
        self.rows_filtered.fetch_add(rows, Ordering::Relaxed);
    }

    /// A schema change is in place downstream.
    pub(crate) fn note_ddl(&self, ddl: &Arc<DdlEvent>) {
        let mut inner = self.lock();
        if inner.ddls.len() == DDLS_MAX {
            inner.ddls.pop_front();
        }
        inner.ddls.push_back(Arc::clone(ddl));
    }

    /// A schema change waits or is applied; `None`: no longer.
    pub(crate) fn set_barrier(&self, barrier: Option<Ts>) {
        self.lock().barrier = barrier;
    }

    /// The memory that the run may take.
    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    pub(crate) fn set_upstream_trouble(&self, error: &CdcError) {
        self.lock().upstream_trouble = Some(error.wire_message().into());
    }

    pub(crate) fn view(&self) -> RunView {
        let decoded = self.decoded.get();
        let inner = self.lock();
        RunView {
            checkpoint: inner.progress.checkpoint(),
            resolved: inner.progress.received(),
            last_synced: inner.last_synced,
            rows_total: inner.rows.total(),
            rows_by_op: inner.rows,
            decoded: decoded.map_or(Ts::ZERO, |decoded| decoded.ts()),
            rows_decoded: decoded.map_or(0, |decoded| decoded.rows()),
            filtered: Ts::from_u64(self.filtered.load(Ordering::Relaxed)),
            rows_filtered: self.rows_filtered.load(Ordering::Relaxed),
            ddls: inner.ddls.iter().cloned().collect(),
            bytes_total: inner.bytes_total,
            waiting_rows: inner.waiting_rows,
            waiting_bytes: inner.waiting_bytes,
            quota_used_bytes: self.quota.used_bytes(),
            waiting_since: inner.progress.oldest().map(|load| load.handed_over),
            waiting_tables: inner
                .progress
                .oldest()
                .map_or_else(Touched::default, |load| load.tables.clone()),
            stage: inner.stage.clone(),
            stage_since: inner.stage_since,
            barrier: inner.barrier,
            upstream_trouble: inner.upstream_trouble.clone(),
        }
    }

    /// Returns once an acknowledgement was lost.
    pub(crate) async fn lost(&self) {
        self.until(|inner| inner.lost).await;
    }

    /// Returns once everything handed over is acknowledged.
    pub(crate) async fn drained(&self) {
        self.until(|inner| inner.progress.is_drained()).await;
    }

    async fn until(&self, reached: impl Fn(&Inner) -> bool) {
        loop {
            let woken = self.wake.notified();
            if reached(&self.lock()) {
                return;
            }
            woken.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AckTarget for Shared {
    fn durable(&self, seq: u64) {
        let mut inner = self.lock();
        let Some(load) = inner.progress.ack(seq) else {
            return;
        };
        inner.last_synced = inner.last_synced.max(load.commit_ts);
        inner.rows += load.rows;
        inner.bytes_total += load.bytes;
        inner.waiting_rows -= load.rows.total();
        inner.waiting_bytes -= load.bytes;
        drop(inner);
        drop(load.share);
        self.wake.notify_waiters();
    }

    fn lost(&self, _seq: u64) {
        self.lock().lost = true;
        self.wake.notify_waiters();
    }
}
