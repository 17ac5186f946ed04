//! Collects transactions until a batch is worth handing over.

use std::time::Duration;

use tidegate_model::{RowOp, Ts, TxnEvent};
use tidegate_upstream::Share;
use tokio::time::Instant;

use super::shared::{Load, Touched};

/// Transactions in one batch.
const TXNS_MAX: usize = 1024;
/// Bytes of memory in one batch, exceeded by at most one transaction part.
const BYTES_MAX: usize = 4 << 20;
/// How long the first transaction of a batch waits for company while the sink has something to do: long enough to gather
/// under load, too short to see.
const AGE_MAX: Duration = Duration::from_millis(5);

/// Rows by what happened to them.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RowCount {
    pub(crate) inserts: u64,
    pub(crate) updates: u64,
    pub(crate) deletes: u64,
}

impl RowCount {
    fn add(&mut self, op: RowOp, rows: u64) {
        match op {
            RowOp::Insert => self.inserts += rows,
            RowOp::Update => self.updates += rows,
            RowOp::Delete => self.deletes += rows,
        }
    }

    /// All of them.
    pub(crate) fn total(self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

impl std::ops::AddAssign for RowCount {
    fn add_assign(&mut self, other: RowCount) {
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
    }
}

/// Transactions in commit order, with the sum of their shares of the memory quota.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    txns: Vec<TxnEvent>,
    share: Option<Share>,
    memory_bytes: usize,
    rows: RowCount,
    source_bytes: u64,
    commit_ts: Ts,
    tables: Touched,
    deadline: Option<Instant>,
}

impl Batch {
    pub(crate) fn push(&mut self, txn: TxnEvent, share: Share) {
        if self.txns.is_empty() {
            self.deadline = Some(Instant::now() + AGE_MAX);
        }
        match &mut self.share {
            Some(sum) => sum.merge(share),
            none => *none = Some(share),
        }
        self.memory_bytes += txn.memory_bytes();
        for block in &txn.blocks {
            self.tables.add(&block.table().name);
            self.rows.add(block.op(), block.len() as u64);
            self.source_bytes += block.source_bytes() as u64;
        }
        self.commit_ts = txn.commit_ts;
        self.txns.push(txn);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.txns.len() >= TXNS_MAX || self.memory_bytes >= BYTES_MAX
    }

    /// When it must go even if it is not full; `None` while it is empty.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Empties it. `None` when there is nothing in it.
    pub(crate) fn take(&mut self) -> Option<(Vec<TxnEvent>, Load)> {
        if self.txns.is_empty() {
            return None;
        }
        let Batch {
            txns,
            share,
            rows,
            source_bytes,
            commit_ts,
            tables,
            ..
        } = std::mem::take(self);
        let load = Load {
            share,
            rows,
            bytes: source_bytes,
            commit_ts,
            tables,
            handed_over: Instant::now(),
        };
        Some((txns, load))
    }
}
