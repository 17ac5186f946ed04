//! What flows from an upstream to a sink.

use std::sync::Arc;

use crate::{Ack, DdlEvent, RowBlock, Ts};

/// One step of the ordered stream that an upstream yields. Commit-ts never decrease from event to event.
#[derive(Clone, Debug)]
pub enum Event {
    /// A transaction, or a part of a large one.
    Txn(TxnEvent),
    /// A schema change. It stands between the transactions before and after it.
    Ddl(Arc<DdlEvent>),
    /// Every event with `commit_ts <= ts` has been yielded.
    Resolved(Ts),
}

/// A committed transaction, or one part of it when it is too large to hold in memory.
#[derive(Clone, Debug)]
pub struct TxnEvent {
    /// Unique per transaction and below `commit_ts`.
    pub start_ts: Ts,
    /// Position in the order of commits.
    pub commit_ts: Ts,
    /// 0 for the first part. A transaction has the parts `0..=n`, adjacent in the stream.
    pub part: u32,
    /// Whether this is the last (or only) part: only then may `commit_ts` count as done.
    pub last: bool,
    /// Where it came from, for people: a GTID or a file and offset.
    pub origin: Arc<str>,
    /// Row changes in source order. May be empty when nothing passed the filter.
    pub blocks: Vec<RowBlock>,
}

impl TxnEvent {
    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.blocks.iter().map(RowBlock::len).sum()
    }

    /// Bytes kept in memory, as the quota counts them.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.blocks.iter().map(RowBlock::memory_bytes).sum::<usize>()
    }
}

/// Transactions handed to a sink together, in commit order, with one acknowledgement for all of them.
#[derive(Debug)]
pub struct TxnBatch {
    /// In commit order.
    pub txns: Vec<TxnEvent>,
    /// To be settled when every row of the batch is durable.
    pub ack: Ack,
}
