//! A generated history of transactions and schema changes.

mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_model::{DdlEvent, TableInfo, Ts, TxnEvent};

use crate::rows::{Rows, table_info, unique_table_info};
use writer::Writer;

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

/// A table at one moment.
#[derive(Clone, Debug)]
pub struct TableState {
    /// Its definition.
    pub info: Arc<TableInfo>,
    /// What it holds.
    pub rows: Rows,
}

/// All tables at one moment, by name.
pub type State = BTreeMap<String, Arc<TableState>>;

/// Everything the upstream ever commits, known in advance.
#[derive(Clone, Debug)]
pub struct History {
    /// In commit order.
    pub steps: Vec<Timed>,
    /// The time before the first step, unix milliseconds.
    pub start_ms: u64,
    /// What the tables hold in the end.
    pub finally: BTreeMap<String, Rows>,
    /// Before the first step, and after each.
    states: Vec<State>,
    /// By step: after each part of its transaction but the last.
    inside: Vec<Vec<State>>,
    initial: Vec<Arc<TableInfo>>,
}

/// Tables of every history. Nothing selects the last one in the usual filters. In the first and the third, no two rows
/// have the same `c1`.
const TABLES: [&str; 4] = ["orders", "items", "users", "skipped"];
/// Columns every table has at first.
const COLUMNS: usize = 2;

impl History {
    /// A history of `steps` steps from `start_ms` on, chosen by `seed`.
    pub fn generate(seed: u64, steps: usize, start_ms: u64) -> History {
        let initial = initial_tables();
        let mut writer = Writer::new(seed, start_ms, &initial);
        let mut states = vec![writer.state()];
        let (mut done, mut inside) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
        for _ in 0..steps {
            done.push(writer.next_step());
            states.push(writer.state());
            inside.push(writer.take_inside());
        }
        let last = states.last().into_iter().flatten();
        let finally = last
            .map(|(name, table)| (name.clone(), table.rows.clone()))
            .collect();
        History {
            steps: done,
            start_ms,
            finally,
            states,
            inside,
            initial,
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

    /// How many steps are committed at `ts`.
    pub fn steps_until(&self, ts: Ts) -> usize {
        self.steps.partition_point(|step| step.commit_ts <= ts)
    }

    /// All tables after `first` steps and at every moment until `last` steps are done, also between the parts of a
    /// transaction.
    pub fn states(&self, first: usize, last: usize) -> impl Iterator<Item = &State> {
        let next = |step: usize| self.inside[step].iter().chain([&self.states[step + 1]]);
        std::iter::once(&self.states[first]).chain((first..last).flat_map(next))
    }

    /// Whether a step changes the schema of a table that is wanted under its new or its old name.
    pub fn is_ddl(&self, step: usize, wanted: impl Fn(&str) -> bool) -> bool {
        match &self.steps[step].op {
            Op::Txn(_) => false,
            Op::Ddl(ddl) => names(ddl).any(wanted),
        }
    }
}

/// The tables that a schema change names.
pub(crate) fn names(ddl: &DdlEvent) -> impl Iterator<Item = &str> {
    ddl.tables
        .iter()
        .flat_map(|table| table.old_name.iter().chain([&table.name]))
        .map(|name| &*name.table)
}

fn initial_tables() -> Vec<Arc<TableInfo>> {
    let info = |(index, name): (usize, &&str)| {
        if index % 2 == 0 {
            unique_table_info(name, COLUMNS, Ts::ZERO)
        } else {
            table_info(name, COLUMNS, Ts::ZERO)
        }
    };
    TABLES.iter().enumerate().map(info).collect()
}
