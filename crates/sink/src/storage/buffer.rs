//! Rows that wait to be written, and how many bytes of them may wait.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_model::{Ack, RowBlock, TableName, Ts};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// What all workers of a sink may keep waiting together. Rows that wait hold their share of the changefeed's memory
/// quota: if they waited for the interval until nothing is left of it, nothing more could arrive.
pub(crate) struct Budget {
    waiting_bytes: AtomicUsize,
    bytes_max: usize,
    full: Notify,
}

impl Budget {
    /// Half of what rows may take of the quota (a quarter of it: see ADR 0006): the other half is for rows on their way
    /// here and for those being written.
    pub(crate) fn new(memory_quota: usize) -> Arc<Self> {
        Arc::new(Budget {
            waiting_bytes: AtomicUsize::new(0),
            bytes_max: memory_quota / 8,
            full: Notify::new(),
        })
    }

    /// Asks every worker to write what it has, so that nobody is left with crumbs.
    pub(crate) fn tell_used_up(&self) {
        self.full.notify_waiters();
    }

    /// Completes when a worker tells that it is used up, from the call on.
    pub(crate) fn used_up(&self) -> Notified<'_> {
        self.full.notified()
    }
}

/// Rows of one table in commit order.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) rows: Vec<(Ts, RowBlock)>,
    pub(crate) acks: Vec<Ack>,
    /// Bytes of the rows in memory.
    pub(crate) bytes: usize,
    /// The job its last rows came with.
    job: u64,
}

/// The rows that wait for one worker.
pub(crate) struct Buffer {
    tables: HashMap<TableName, Waiting>,
    budget: Arc<Budget>,
    jobs: u64,
    oldest: Option<Instant>,
}

impl Buffer {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Buffer {
            tables: HashMap::new(),
            budget,
            jobs: 0,
            oldest: None,
        }
    }

    /// Takes rows over. `ack` is spread over their tables; returns these, each once.
    pub(crate) fn add(&mut self, rows: Vec<(Ts, RowBlock)>, ack: Ack) -> Vec<TableName> {
        self.jobs += 1;
        let mut touched = Vec::new();
        for (ts, block) in rows {
            let name = &block.table().name;
            if !self.tables.contains_key(name) {
                self.tables.insert(name.clone(), Waiting::default());
            }
            let Some(waiting) = self.tables.get_mut(name) else {
                continue;
            };
            if waiting.job != self.jobs {
                waiting.job = self.jobs;
                waiting.acks.push(ack.clone());
                touched.push(name.clone());
            }
            let bytes = block.memory_bytes();
            waiting.bytes += bytes;
            waiting.rows.push((ts, block));
            self.budget.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        ack.durable();
        self.oldest.get_or_insert_with(Instant::now);
        touched
    }

    /// Since when rows have been waiting; `None` when there are none.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.oldest
    }

    /// Bytes of the rows of a table.
    pub(crate) fn bytes_of(&self, table: &TableName) -> usize {
        self.tables.get(table).map_or(0, |waiting| waiting.bytes)
    }

    /// Whether something here must be written because the budget is used up.
    pub(crate) fn must_shrink(&self) -> bool {
        let waiting = self.budget.waiting_bytes.load(Ordering::Relaxed);
        waiting >= self.budget.bytes_max && !self.tables.is_empty()
    }

    /// The rows of some tables, to be written now.
    pub(crate) fn take(&mut self, tables: &[TableName]) -> Vec<(TableName, Waiting)> {
        let taken: Vec<_> = tables
            .iter()
            .filter_map(|name| self.tables.remove_entry(name))
            .collect();
        self.took(&taken);
        taken
    }

    /// All rows, to be written now; tables in the order of their names.
    pub(crate) fn take_all(&mut self) -> Vec<(TableName, Waiting)> {
        let mut taken: Vec<_> = self.tables.drain().collect();
        taken.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.took(&taken);
        taken
    }

    fn took(&mut self, taken: &[(TableName, Waiting)]) {
        let bytes = taken.iter().map(|(_, waiting)| waiting.bytes).sum();
        self.budget.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.tables.is_empty() {
            self.oldest = None;
        }
    }
}
