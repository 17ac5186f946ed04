//! A destination that remembers every row and complains about what must not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_model::{DdlEvent, DdlKind, TableInfo, TableName, Ts, TxnEvent};

use crate::history::{History, Op, State, names};
use crate::rows::{Rows, has_unique, read_block};
use crate::sql::{Statement, run};

/// Rows, schema versions and complaints; survives a simulated crash.
#[derive(Debug)]
pub struct Downstream {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tables: Tables,
    parts_applied: BTreeSet<(Ts, u32)>,
    ddl_applied: BTreeSet<Ts>,
    complaints: Vec<String>,
    batches: u64,
}

/// All tables by name.
pub(crate) type Tables = BTreeMap<String, Table>;

/// A table as the destination has it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    version: Ts,
    pub(crate) columns: usize,
    /// Whether no two rows may have the same `c1`.
    pub(crate) unique: bool,
    pub(crate) rows: Rows,
}

impl Table {
    fn new(info: &TableInfo) -> Self {
        Table {
            version: info.version,
            columns: info.columns.len(),
            unique: has_unique(info),
            rows: Rows::new(),
        }
    }
}

impl Downstream {
    /// The tables of `history` as they are before its first step, without rows.
    pub fn new(history: &History) -> Arc<Self> {
        let mut inner = Inner::default();
        for info in history.initial_tables() {
            inner.tables.insert(info.name.table.to_string(), Table::new(info));
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

    /// Runs the statements of one transaction, all or none.
    ///
    /// # Errors
    /// The server's error number.
    pub(crate) fn execute(&self, statements: &[Statement]) -> Result<(), u16> {
        let mut inner = self.lock();
        let mut tables = inner.tables.clone();
        for statement in statements {
            if let Err(refusal) = run(&mut tables, statement) {
                if let Some(complaint) = refusal.complaint {
                    inner.complain(complaint);
                }
                return Err(refusal.code);
            }
        }
        inner.tables = tables;
        Ok(())
    }

    /// Index and column of the unique keys of a table.
    pub(crate) fn unique_columns(&self, name: &TableName) -> Vec<(String, String)> {
        let inner = self.lock();
        let Some(table) = inner.tables.get(&*name.table) else {
            return Vec::new();
        };
        let mut columns = vec![("PRIMARY".to_owned(), "id".to_owned())];
        if table.unique {
            columns.push(("u1".to_owned(), "c1".to_owned()));
        }
        columns
    }

    /// Applies a schema change; doing it again changes nothing. Complains about one that comes before its turn.
    pub fn apply_ddl(&self, ddl: &DdlEvent) {
        let mut inner = self.lock();
        if !inner.ddl_applied.insert(ddl.commit_ts) {
            return;
        }
        if let Some(later) = inner.ddl_applied.last().filter(|later| **later > ddl.commit_ts) {
            let text = format!("the schema change {} came after {later}", ddl.commit_ts);
            inner.complain(text);
        }
        for changed in &ddl.tables {
            let name = changed.name.table.to_string();
            let old = changed.old_name.as_ref().map_or(&*name, |old| &*old.table);
            let found = inner.tables.remove(old);
            let Some(info) = &changed.info else {
                continue;
            };
            let mut table = Table::new(info);
            if let Some(found) = found.filter(|_| ddl.kind != DdlKind::TruncateTable) {
                table.rows = found.rows;
                for row in table.rows.values_mut() {
                    row.resize(table.columns, 0);
                }
            }
            inner.tables.insert(name, table);
        }
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
                Op::Ddl(ddl) => names(ddl).any(&wanted) && !inner.ddl_applied.contains(&ddl.commit_ts),
            };
            if missing {
                inner.complain(format!(
                    "checkpoint {checkpoint} although {} is not durable",
                    step.commit_ts
                ));
            }
        }
    }

    /// Complains about every row that is older than `checkpoint` says, or that never was.
    ///
    /// A row may be as it is at the checkpoint, or as any later step left it that can have arrived. While a value of a
    /// unique column is replayed, a row that changes later may be missing.
    pub fn check_values(&self, history: &History, checkpoint: Ts, wanted: impl Fn(&str) -> bool) {
        let mut inner = self.lock();
        let ddls = || (0..history.steps.len()).filter(|step| history.is_ddl(*step, &wanted));
        let applied = |step: &usize| inner.ddl_applied.contains(&history.steps[*step].commit_ts);
        let missing = ddls().find(|step| !applied(step)).unwrap_or(history.steps.len());
        let low = history.steps_until(checkpoint);
        if missing < low {
            let text = format!(
                "checkpoint {checkpoint} although the schema change {} is not applied",
                history.steps[missing].commit_ts
            );
            return inner.complain(text);
        }
        let low = ddls()
            .take_while(|step| *step < missing)
            .last()
            .map_or(low, |step| low.max(step + 1));
        let states: Vec<&State> = history.states(low, missing).collect();
        let faults = values(&inner.tables, &states, wanted);
        for fault in faults {
            inner.complain(format!("checkpoint {checkpoint}: {fault}"));
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

    /// The latest schema change that was applied; zero before the first.
    pub fn last_ddl(&self) -> Ts {
        self.lock().ddl_applied.last().copied().unwrap_or(Ts::ZERO)
    }

    /// Names of the tables there are.
    pub fn tables(&self) -> Vec<String> {
        self.lock().tables.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong with the rows, when they may be as in any of `states`, of which the first is the oldest.
fn values(tables: &Tables, states: &[&State], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(oldest) = states.first() else {
        return faults;
    };
    let expected = oldest.keys().filter(|name| wanted(name));
    for name in expected.clone().filter(|name| !tables.contains_key(*name)) {
        faults.push(format!("{name} does not exist"));
    }
    for (name, table) in tables.iter().filter(|(name, _)| wanted(name)) {
        let Some(first) = oldest.get(name) else {
            faults.push(format!("{name} exists"));
            continue;
        };
        if first.rows == table.rows {
            continue;
        }
        let keys: BTreeSet<i64> = first.rows.keys().chain(table.rows.keys()).copied().collect();
        for key in keys {
            let found = table.rows.get(&key);
            let mut versions = states
                .iter()
                .filter_map(|state| state.get(name))
                .map(|state| state.rows.get(&key));
            let changes = || versions.clone().any(|version| version != first.rows.get(&key));
            let replayed = table.unique && found.is_none() && changes();
            if !replayed && !versions.any(|version| version == found) {
                faults.push(format!(
                    "{name}: row {key} is {found:?}, not {:?} or later",
                    first.rows.get(&key)
                ));
            }
        }
    }
    faults
}

impl Inner {
    fn complain(&mut self, text: String) {
        if self.complaints.len() < 20 {
            self.complaints.push(text);
        }
    }
}
