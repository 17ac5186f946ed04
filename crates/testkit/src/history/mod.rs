//! A generated history of transactions and schema changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidegate_model::{DdlEvent, DdlKind, DdlSession, DdlTable, RowBlock, TableInfo, TableName, Ts, TxnEvent};

use crate::rows::{Rows, SCHEMA, block, table_info};

/// One committed step of the history.
#[derive(Clone, Debug)]
pub enum Op {
    /// A transaction, as the parts in which it is delivered.
    Txn(Vec<TxnEvent>),
    /// A schema change.
    Ddl(Arc<DdlEvent>),
}

/// A step and when it is committed.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Unix milliseconds at which readers can see it.
    pub at_ms: u64,
    /// Its commit-ts.
    pub commit_ts: Ts,
    /// What it is.
    pub op: Op,
}

/// Everything the upstream ever commits, known in advance.
#[derive(Clone, Debug)]
pub struct History {
    /// In commit order.
    pub steps: Vec<Timed>,
    /// The time before the first step, unix milliseconds.
    pub start_ms: u64,
    /// What the tables hold in the end.
    pub finally: BTreeMap<String, Rows>,
    initial: Vec<Arc<TableInfo>>,
}

/// Tables of every history. Nothing selects the last one in the usual filters.
const TABLES: [&str; 4] = ["orders", "items", "users", "skipped"];
/// Columns every table has at first.
const COLUMNS: usize = 2;

impl History {
    /// A history of `steps` steps from `start_ms` on, chosen by `seed`.
    pub fn generate(seed: u64, steps: usize, start_ms: u64) -> History {
        let mut writer = Writer::new(seed, start_ms);
        let steps = (0..steps).map(|_| writer.next_step()).collect();
        let finally = writer
            .tables
            .into_iter()
            .map(|table| (table.info.name.table.to_string(), table.rows))
            .collect();
        History {
            steps,
            start_ms,
            finally,
            initial: initial_tables(),
        }
    }

    /// The tables as they are before the first step.
    pub fn initial_tables(&self) -> &[Arc<TableInfo>] {
        &self.initial
    }

    /// Commit-ts of the last step; the start when there is none.
    pub fn last_ts(&self) -> Ts {
        self.steps
            .last()
            .map_or(Ts::from_physical_ms(self.start_ms), |step| step.commit_ts)
    }
}

fn initial_tables() -> Vec<Arc<TableInfo>> {
    TABLES
        .iter()
        .map(|name| table_info(name, COLUMNS, Ts::ZERO))
        .collect()
}

struct Table {
    info: Arc<TableInfo>,
    rows: Rows,
}

struct Writer {
    rng: SmallRng,
    now_ms: u64,
    last_ts: Ts,
    tables: Vec<Table>,
}

impl Writer {
    fn new(seed: u64, start_ms: u64) -> Self {
        let table = |info| Table {
            info,
            rows: Rows::new(),
        };
        Writer {
            rng: SmallRng::seed_from_u64(seed ^ 0x0068_6973_746f_7279),
            now_ms: start_ms,
            last_ts: Ts::from_physical_ms(start_ms),
            tables: initial_tables().into_iter().map(table).collect(),
        }
    }

    fn next_step(&mut self) -> Timed {
        // Half of the steps share their millisecond with the one before.
        self.now_ms += self.rng.random_range(0..2) * self.rng.random_range(1..400);
        let commit_ts = Ts::from_physical_ms(self.now_ms).max(self.last_ts.plus(2));
        self.last_ts = commit_ts;
        let op = if self.rng.random_range(0..12) == 0 {
            self.add_column(commit_ts)
        } else {
            self.transaction(commit_ts)
        };
        Timed {
            at_ms: self.now_ms.max(commit_ts.physical_ms()),
            commit_ts,
            op,
        }
    }

    fn add_column(&mut self, commit_ts: Ts) -> Op {
        let index = self.rng.random_range(0..self.tables.len());
        let table = &mut self.tables[index];
        let name = table.info.name.table.to_string();
        table.info = table_info(&name, table.info.columns.len() + 1, commit_ts);
        for row in table.rows.values_mut() {
            row.push(0);
        }
        Op::Ddl(Arc::new(DdlEvent {
            start_ts: commit_ts.prev(),
            commit_ts,
            kind: DdlKind::AddColumn,
            schema: SCHEMA.into(),
            query: format!(
                "ALTER TABLE {name} ADD COLUMN c{} BIGINT NOT NULL DEFAULT 0",
                table.info.columns.len() - 1
            )
            .into(),
            tables: vec![DdlTable {
                name: TableName::new(SCHEMA, &name),
                old_name: None,
                info: Some(Arc::clone(&table.info)),
            }],
            target_schema: None,
            session: DdlSession::default(),
            origin: commit_ts.to_string().into(),
        }))
    }

    fn transaction(&mut self, commit_ts: Ts) -> Op {
        let parts = if self.rng.random_range(0..6) == 0 { 3 } else { 1 };
        let parts = (0..parts)
            .map(|part| TxnEvent {
                start_ts: commit_ts.prev(),
                commit_ts,
                part,
                last: part + 1 == parts,
                origin: commit_ts.to_string().into(),
                blocks: (0..self.rng.random_range(1..4)).map(|_| self.change()).collect(),
            })
            .collect();
        Op::Txn(parts)
    }

    /// Inserts, changes or deletes one row of one table.
    fn change(&mut self) -> RowBlock {
        let index = self.rng.random_range(0..self.tables.len());
        let id = self.rng.random_range(0..12);
        let delete = self.rng.random_range(0..4) == 0;
        let value = i64::from(self.rng.random::<u32>());
        let table = &mut self.tables[index];
        let before = table.rows.get(&id).cloned();
        if delete && let Some(before) = &before {
            table.rows.remove(&id);
            return block(&table.info, Some(before), None);
        }
        let mut after = vec![value; table.info.columns.len()];
        after[0] = id;
        table.rows.insert(id, after.clone());
        block(&table.info, before.as_deref(), Some(&after))
    }
}
