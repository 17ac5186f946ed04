//! A destination that remembers every row and complains about what must not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_model::{DdlEvent, Ts, TxnEvent};

use crate::history::{History, Op};
use crate::rows::{Rows, read_block};

/// Rows, schema versions and complaints; survives a simulated crash.
#[derive(Debug)]
pub struct Downstream {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tables: BTreeMap<String, Table>,
    parts_applied: BTreeSet<(Ts, u32)>,
    ddl_applied: BTreeSet<Ts>,
    complaints: Vec<String>,
    batches: u64,
}

#[derive(Debug)]
struct Table {
    version: Ts,
    columns: usize,
    rows: Rows,
}

impl Downstream {
    /// The tables of `history` as they are before its first step, without rows.
    pub fn new(history: &History) -> Arc<Self> {
        let mut inner = Inner::default();
        for info in history.initial_tables() {
            let table = Table {
                version: info.version,
                columns: info.columns.len(),
                rows: Rows::new(),
            };
            inner.tables.insert(info.name.table.to_string(), table);
        }
        Arc::new(Downstream {
            inner: Mutex::new(inner),
        })
    }

    /// Writes the rows of a transaction part, as a replaying sink does: by primary key, whatever was there.
    pub fn apply(&self, txn: &TxnEvent) {
        let mut inner = self.lock();
        for block in &txn.blocks {
            let info = block.table();
            let name = info.name.table.to_string();
            let Some(table) = inner.tables.get_mut(&name) else {
                inner.complain(format!("a row for {name}, which does not exist"));
                continue;
            };
            if table.version != info.version {
                let found = table.version;
                inner.complain(format!(
                    "{name}: a row of schema {} met schema {found}",
                    info.version
                ));
                continue;
            }
            for (before, after) in read_block(block) {
                if let Some(before) = before {
                    table.rows.remove(&before[0]);
                }
                if let Some(after) = after {
                    table.rows.insert(after[0], after);
                }
            }
        }
        inner.parts_applied.insert((txn.commit_ts, txn.part));
    }

    /// Applies a schema change; doing it again changes nothing.
    pub fn apply_ddl(&self, ddl: &DdlEvent) {
        let mut inner = self.lock();
        for changed in &ddl.tables {
            let (Some(info), Some(table)) = (&changed.info, inner.tables.get_mut(&*changed.name.table))
            else {
                continue;
            };
            if table.version < info.version {
                table.version = info.version;
                table.columns = info.columns.len();
                for row in table.rows.values_mut() {
                    row.resize(table.columns, 0);
                }
            }
        }
        inner.ddl_applied.insert(ddl.commit_ts);
    }

    /// Counts a batch that was handed over.
    pub(crate) fn count_batch(&self) {
        self.lock().batches += 1;
    }

    /// Batches handed over so far.
    pub fn batches(&self) -> u64 {
        self.lock().batches
    }

    /// Complains unless every step of `history` up to `checkpoint` was applied, as far as `wanted` selects its tables.
    pub fn check_durable(&self, history: &History, checkpoint: Ts, wanted: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        for step in history
            .steps
            .iter()
            .take_while(|step| step.commit_ts <= checkpoint)
        {
            let missing = match &step.op {
                Op::Txn(parts) => parts.iter().any(|part| {
                    let any_wanted = part.blocks.iter().any(|block| wanted(&block.table().name.table));
                    any_wanted && !inner.parts_applied.contains(&(part.commit_ts, part.part))
                }),
                Op::Ddl(ddl) => {
                    let any_wanted = ddl.tables.iter().any(|table| wanted(&table.name.table));
                    any_wanted && !inner.ddl_applied.contains(&ddl.commit_ts)
                }
            };
            if missing {
                inner.complain(format!(
                    "checkpoint {checkpoint} although {} is not durable",
                    step.commit_ts
                ));
            }
        }
    }

    /// Notes something that must not happen.
    pub fn complain(&self, text: String) {
        self.lock().complain(text);
    }

    /// Everything that must not have happened.
    pub fn complaints(&self) -> Vec<String> {
        self.lock().complaints.clone()
    }

    /// Rows of a table.
    pub fn rows(&self, table: &str) -> Rows {
        self.lock()
            .tables
            .get(table)
            .map(|table| table.rows.clone())
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn complain(&mut self, text: String) {
        if self.complaints.len() < 20 {
            self.complaints.push(text);
        }
    }
}
