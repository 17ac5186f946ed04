//! Decodes the rows of a transaction, on all cores when it is large, and counts them before they are there.
//!
//! In: row events in source order, each with the table it is of. Out: blocks in the same order, sent in parts of
//! limited size.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tidegate_model::{CdcError, ErrorCode, Event, Result, RowBlock, TableInfo, TxnEvent};
use tidegate_mysql::binlog::{EventBody, Framer, RowsEvent, TablePlan};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::group::Group;
use super::packet::detached;
use crate::{EventTx, PullJob, Quota, Room, Share};

/// Bytes of row events that are worth a task of their own. A transaction below that is decoded where it is.
const TASK_BYTES: usize = 128 << 10;
/// How much larger than its event a block is taken to be until one of its table was seen.
const GROWTH_FIRST: u64 = 4;

/// A wanted table, ready to decode.
pub(crate) struct Mounted {
    pub(crate) info: Arc<TableInfo>,
    plan: TablePlan,
    /// How much larger than its event a block was, rounded up.
    growth: AtomicU64,
}

/// A row event that waits to be decoded.
pub(crate) enum Rows {
    /// Not looked into yet.
    Packet(Bytes),
    /// From a compressed transaction, with its size.
    Event(RowsEvent, usize),
}

/// Why rows could not be decoded; the transaction's name is still to be said.
enum Fault {
    Partial(Arc<TableInfo>),
    Other(CdcError),
}

impl Mounted {
    pub(crate) fn new(info: TableInfo, plan: TablePlan) -> Self {
        Mounted {
            plan,
            info: Arc::new(info),
            growth: AtomicU64::new(GROWTH_FIRST),
        }
    }

    /// What the rows of an event of so many bytes will take of the quota, about.
    fn expected_cost(&self, event_bytes: usize) -> u64 {
        self.growth.load(Ordering::Relaxed) * Quota::cost_of_rows(event_bytes)
    }

    /// `None`: there are none.
    fn decode(&self, rows: Rows, framer: &mut Framer) -> Result<Option<RowBlock>, Fault> {
        let event_bytes = rows.bytes();
        let event = match rows {
            Rows::Event(event, _) => event,
            Rows::Packet(packet) => match framer.frame(&detached(&packet)).map_err(Fault::Other)?.body {
                EventBody::Rows(event) => event,
                _ => return Ok(None),
            },
        };
        if event.is_dummy() {
            return Ok(None);
        }
        if !event.is_full() {
            return Err(Fault::Partial(Arc::clone(&self.info)));
        }
        let block = self.plan.decode_rows(&event, Arc::clone(&self.info));
        let block = block.map_err(Fault::Other)?;
        let growth = block.memory_bytes().div_ceil(event_bytes.max(1)) as u64;
        self.growth.store(growth, Ordering::Relaxed);
        Ok((!block.is_empty()).then_some(block))
    }
}

impl Rows {
    fn bytes(&self) -> usize {
        match self {
            Rows::Packet(packet) => packet.len(),
            Rows::Event(_, bytes) => *bytes,
        }
    }
}

/// Row events of one transaction on their way to a task, or on it.
#[derive(Default)]
struct Lot {
    rows: Vec<(Arc<Mounted>, Rows)>,
    event_bytes: usize,
    /// Taken of the quota.
    cost: u64,
}

impl Lot {
    fn clear(&mut self) {
        self.rows.clear();
        (self.event_bytes, self.cost) = (0, 0);
    }

    fn decode(&mut self, framer: &mut Framer, blocks: &mut Vec<RowBlock>) -> Result<(), Fault> {
        for (table, rows) in self.rows.drain(..) {
            blocks.extend(table.decode(rows, framer)?);
        }
        Ok(())
    }
}

type Decoded = Result<Vec<RowBlock>, Fault>;

/// The tasks of one mounter. They end with it.
pub(crate) struct Decoders {
    tasks: JoinSet<()>,
    tasks_max: usize,
    /// Kept for its memory.
    lot: Lot,
}

impl Decoders {
    /// As many tasks as the job wants, but no more than there are cores.
    pub(crate) fn new(job: &PullJob) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Decoders {
            tasks: JoinSet::new(),
            tasks_max: job.decoders_max.clamp(1, cores),
            lot: Lot::default(),
        }
    }

    fn start(&mut self, mut lot: Lot, mut framer: Framer) -> oneshot::Receiver<Decoded> {
        // Forget those that are done.
        while self.tasks.try_join_next().is_some() {}
        let (done, decoded) = oneshot::channel();
        self.tasks.spawn(async move {
            let mut blocks = Vec::with_capacity(lot.rows.len());
            let outcome = lot.decode(&mut framer, &mut blocks);
            // The transaction may have been given up.
            done.send(outcome.map(|()| blocks)).ok();
        });
        decoded
    }
}

/// Rows of a transaction on their way out.
pub(crate) struct Parts<'a> {
    out: &'a EventTx,
    group: &'a Group,
    framer: Framer,
    bytes_max: usize,
    decoders: &'a mut Decoders,
    /// In source order, all before `decoders.lot`.
    running: VecDeque<(oneshot::Receiver<Decoded>, u64)>,
    part: u32,
    blocks: Vec<RowBlock>,
    /// Of `blocks`.
    bytes: usize,
    /// For `blocks` and what waits to be decoded.
    share: Share,
    rows: u64,
    unfinished: &'a mut bool,
}

impl<'a> Parts<'a> {
    /// `unfinished` tells whether some parts were sent and others were not, also when this is dropped.
    pub(crate) fn new(
        out: &'a EventTx,
        group: &'a Group,
        bytes_max: usize,
        decoders: &'a mut Decoders,
        unfinished: &'a mut bool,
    ) -> Self {
        decoders.lot.clear();
        Parts {
            share: out.quota().rows(),
            framer: group.framer.clone(),
            bytes_max,
            running: VecDeque::new(),
            part: 0,
            blocks: Vec::new(),
            bytes: 0,
            rows: 0,
            out,
            group,
            decoders,
            unfinished,
        }
    }

    pub(crate) fn group(&self) -> &'a Group {
        self.group
    }

    pub(crate) fn framer(&mut self) -> &mut Framer {
        &mut self.framer
    }

    /// Takes the next row event, when there is room for its rows. Returns whether the receiver is still there.
    pub(crate) async fn push(&mut self, table: &Arc<Mounted>, rows: Rows) -> Result<bool> {
        let event_bytes = rows.bytes();
        let cost = table.expected_cost(event_bytes);
        while self.share.grow(cost).await == Room::HandOnFirst {
            // All that is left in the lane is this transaction's: it has to go on in parts.
            self.decode_all().await?;
            if !self.send(false).await {
                return Ok(false);
            }
        }
        let lot = &mut self.decoders.lot;
        lot.rows.push((Arc::clone(table), rows));
        lot.event_bytes += event_bytes;
        lot.cost += cost;
        if lot.event_bytes < TASK_BYTES {
            return Ok(true);
        }
        if self.decoders.tasks_max == 1 {
            self.decode_all().await?;
        } else {
            self.start_lot().await?;
        }
        Ok(self.bytes < self.bytes_max || self.send(false).await)
    }

    /// Decodes what is left and sends the last part. Returns whether the receiver is still there.
    pub(crate) async fn finish(&mut self) -> Result<bool> {
        self.decode_all().await?;
        if self.part == 0 && self.blocks.is_empty() {
            return Ok(true);
        }
        Ok(self.send(true).await)
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    async fn start_lot(&mut self) -> Result<()> {
        let lot = std::mem::take(&mut self.decoders.lot);
        let cost = lot.cost;
        let decoded = self.decoders.start(lot, self.framer.clone());
        self.running.push_back((decoded, cost));
        // One more than can run: no core waits for the next one to be made.
        while self.running.len() > self.decoders.tasks_max {
            self.join_one().await?;
        }
        Ok(())
    }

    /// Decodes what is left here, while the tasks before it still run.
    async fn decode_all(&mut self) -> Result<()> {
        let (rest, cost) = self.decode_rest();
        while !self.running.is_empty() {
            self.join_one().await?;
        }
        let rest = rest.map_err(|fault| self.named(fault))?;
        self.take(rest, cost);
        Ok(())
    }

    async fn join_one(&mut self) -> Result<()> {
        let Some((decoded, cost)) = self.running.pop_front() else {
            return Ok(());
        };
        let blocks = decoded
            .await
            .map_err(|_ended| CdcError::new(ErrorCode::BinlogDecode, "a decoding task ended unexpectedly"))?;
        let blocks = blocks.map_err(|fault| self.named(fault))?;
        self.take(blocks, cost);
        Ok(())
    }

    /// Decodes what no task has, and says what was taken of the quota for it.
    fn decode_rest(&mut self) -> (Decoded, u64) {
        let lot = &mut self.decoders.lot;
        let cost = lot.cost;
        let mut blocks = Vec::with_capacity(lot.rows.len());
        let outcome = lot.decode(&mut self.framer, &mut blocks);
        lot.clear();
        (outcome.map(|()| blocks), cost)
    }

    /// Notes blocks for which `expected_cost` was taken.
    fn take(&mut self, mut blocks: Vec<RowBlock>, expected_cost: u64) {
        let bytes: usize = blocks.iter().map(RowBlock::memory_bytes).sum();
        self.rows += blocks.iter().map(RowBlock::len).sum::<usize>() as u64;
        self.bytes += bytes;
        let cost = Quota::cost_of_rows(bytes);
        self.share.settle(self.share.bytes() - expected_cost + cost);
        if self.blocks.is_empty() {
            self.blocks = blocks;
        } else {
            self.blocks.append(&mut blocks);
        }
    }

    async fn send(&mut self, last: bool) -> bool {
        let commit_ts = self.group.rows_ts();
        let txn = TxnEvent {
            start_ts: commit_ts.prev(),
            commit_ts,
            part: self.part,
            last,
            origin: self.group.origin(),
            blocks: std::mem::take(&mut self.blocks),
        };
        let share = self.share.split(Quota::cost_of_rows(self.bytes));
        self.part += 1;
        self.bytes = 0;
        *self.unfinished = !last;
        self.out.send_counted(Event::Txn(txn), share).await
    }

    fn named(&self, fault: Fault) -> CdcError {
        match fault {
            Fault::Other(error) => error,
            Fault::Partial(table) => CdcError::new(
                ErrorCode::PartialRowImage,
                format!(
                    "{} was written with partial row images in {}",
                    table.name,
                    self.group.named(self.group.rows_ts())
                ),
            ),
        }
    }
}
