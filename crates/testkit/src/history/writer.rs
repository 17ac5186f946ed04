//! Makes up one step after the other.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidegate_model::{DdlEvent, DdlKind, DdlSession, DdlTable, RowBlock, TableInfo, TableName, Ts, TxnEvent};

use super::{Op, State, TableState, Timed};
use crate::rows::{Rows, SCHEMA, block, has_unique, table_info, unique_table_info};

/// Primary keys are below this.
const IDS: i64 = 12;
/// Values of unique columns are below this: few, so that one row's old value is soon another row's new one.
const UNIQUE_VALUES: i64 = 16;
/// Tables besides those that every history has.
const EXTRA: [&str; 3] = ["extra0", "extra1", "extra2"];
/// The table that is never renamed, dropped or selected.
const SKIPPED: &str = "skipped";

pub(super) struct Writer {
    rng: SmallRng,
    now_ms: u64,
    last_ts: Ts,
    state: State,
    inside: Vec<State>,
}

impl Writer {
    pub(super) fn new(seed: u64, start_ms: u64, tables: &[Arc<TableInfo>]) -> Self {
        let table = |info: &Arc<TableInfo>| {
            let state = TableState {
                info: Arc::clone(info),
                rows: Rows::new(),
            };
            (info.name.table.to_string(), Arc::new(state))
        };
        Writer {
            rng: SmallRng::seed_from_u64(seed ^ 0x0068_6973_746f_7279),
            now_ms: start_ms,
            last_ts: Ts::from_physical_ms(start_ms),
            state: tables.iter().map(table).collect(),
            inside: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> State {
        self.state.clone()
    }

    /// All tables after each part of the latest transaction but the last.
    pub(super) fn take_inside(&mut self) -> Vec<State> {
        std::mem::take(&mut self.inside)
    }

    pub(super) fn next_step(&mut self) -> Timed {
        // Half of the steps share their millisecond with the one before.
        self.now_ms += self.rng.random_range(0..2) * self.rng.random_range(1..400);
        let commit_ts = Ts::from_physical_ms(self.now_ms).max(self.last_ts.plus(2));
        self.last_ts = commit_ts;
        let op = match self.rng.random_range(0..24) {
            0 => self.add_column(commit_ts),
            1 => self.swap_tables(commit_ts),
            2 => self.truncate(commit_ts),
            3 => self.create_or_drop(commit_ts),
            _ => self.transaction(commit_ts),
        };
        Timed {
            at_ms: self.now_ms.max(commit_ts.physical_ms()),
            commit_ts,
            op,
        }
    }

    /// Any table; with `but_skipped`, one that may be renamed and dropped.
    fn pick(&mut self, but_skipped: bool) -> String {
        let names: Vec<&String> = self
            .state
            .keys()
            .filter(|name| !but_skipped || *name != SKIPPED)
            .collect();
        names[self.rng.random_range(0..names.len())].clone()
    }

    fn table(&mut self, name: &str) -> &mut TableState {
        Arc::make_mut(self.state.get_mut(name).expect("it was picked"))
    }

    fn add_column(&mut self, commit_ts: Ts) -> Op {
        let name = self.pick(false);
        let table = self.table(&name);
        let column = table.info.columns.len();
        table.info = next_version(&table.info, &name, column + 1, commit_ts);
        for row in table.rows.values_mut() {
            row.push(0);
        }
        let changed = changed(&name, None, Some(Arc::clone(&table.info)));
        let query = format!("ALTER TABLE {name} ADD COLUMN c{column} BIGINT NOT NULL DEFAULT 0");
        ddl(commit_ts, DdlKind::AddColumn, query, vec![changed])
    }

    fn truncate(&mut self, commit_ts: Ts) -> Op {
        let name = self.pick(true);
        let table = self.table(&name);
        table.rows.clear();
        table.info = next_version(&table.info, &name, table.info.columns.len(), commit_ts);
        let changed = changed(&name, None, Some(Arc::clone(&table.info)));
        ddl(
            commit_ts,
            DdlKind::TruncateTable,
            format!("TRUNCATE TABLE {name}"),
            vec![changed],
        )
    }

    /// Two tables change names, in one statement.
    fn swap_tables(&mut self, commit_ts: Ts) -> Op {
        // Only these: a changefeed that selects the other tables must not see one leave its selection.
        let (a, b) = ("orders", "items");
        let renamed = |from: &str, to: &str| {
            let mut table = TableState::clone(&self.state[from]);
            table.info = next_version(&table.info, to, table.info.columns.len(), commit_ts);
            table
        };
        let (to_a, to_b) = (renamed(b, a), renamed(a, b));
        let steps = vec![
            changed("spare", Some(a), Some(renamed(a, "spare").info)),
            changed(a, Some(b), Some(Arc::clone(&to_a.info))),
            changed(b, Some("spare"), Some(Arc::clone(&to_b.info))),
        ];
        self.state.insert(a.to_owned(), Arc::new(to_a));
        self.state.insert(b.to_owned(), Arc::new(to_b));
        let query = format!("RENAME TABLE {a} TO spare, {b} TO {a}, spare TO {b}");
        ddl(commit_ts, DdlKind::RenameTable, query, steps)
    }

    fn create_or_drop(&mut self, commit_ts: Ts) -> Op {
        let name = EXTRA[self.rng.random_range(0..EXTRA.len())];
        if self.state.remove(name).is_some() {
            let query = format!("DROP TABLE {name}");
            return ddl(
                commit_ts,
                DdlKind::DropTable,
                query,
                vec![changed(name, None, None)],
            );
        }
        let info = unique_table_info(name, 3, commit_ts);
        let table = TableState {
            info: Arc::clone(&info),
            rows: Rows::new(),
        };
        self.state.insert(name.to_owned(), Arc::new(table));
        let query = format!("CREATE TABLE {name} (id BIGINT PRIMARY KEY, c1 BIGINT UNIQUE, c2 BIGINT)");
        ddl(
            commit_ts,
            DdlKind::CreateTable,
            query,
            vec![changed(name, None, Some(info))],
        )
    }

    fn transaction(&mut self, commit_ts: Ts) -> Op {
        let parts = match self.rng.random_range(0..8) {
            0 => 3,
            1 => 5,
            _ => 1,
        };
        let parts = (0..parts)
            .map(|part| {
                let blocks = self.blocks();
                let last = part + 1 == parts;
                if !last {
                    self.inside.push(self.state());
                }
                TxnEvent {
                    start_ts: commit_ts.prev(),
                    commit_ts,
                    part,
                    last,
                    origin: commit_ts.to_string().into(),
                    blocks,
                }
            })
            .collect();
        Op::Txn(parts)
    }

    fn blocks(&mut self) -> Vec<RowBlock> {
        let mut blocks = Vec::new();
        for _ in 0..self.rng.random_range(1..5) {
            let name = self.pick(false);
            if self.rng.random_range(0..4) == 0 {
                blocks.extend(self.swap_values(&name));
            } else {
                blocks.extend(self.change(&name));
            }
        }
        blocks
    }

    /// Two rows change their `c1`, by way of a value that nobody has.
    fn swap_values(&mut self, name: &str) -> Vec<RowBlock> {
        let rows = &self.state[name].rows;
        if rows.len() < 2 {
            return self.change(name).into_iter().collect();
        }
        let first = self.rng.random_range(0..rows.len());
        let second = (first + self.rng.random_range(1..rows.len())) % rows.len();
        let rows: Vec<Vec<i64>> = self.state[name].rows.values().cloned().collect();
        let (a, b) = (&rows[first], &rows[second]);
        let with = |row: &[i64], value: i64| {
            let mut row = row.to_vec();
            row[1] = value;
            row
        };
        let aside = with(a, -1 - a[0]);
        let steps = [
            (a.clone(), aside.clone()),
            (b.clone(), with(b, a[1])),
            (aside, with(a, b[1])),
        ];
        steps
            .into_iter()
            .map(|(before, after)| self.write(name, Some(before), Some(after)))
            .collect()
    }

    /// Inserts, changes or deletes one row. Nothing when its unique value is taken.
    fn change(&mut self, name: &str) -> Option<RowBlock> {
        let id = self.rng.random_range(0..IDS);
        let choice = self.rng.random_range(0..8);
        let value = i64::from(self.rng.random::<u32>());
        let new_id = self.rng.random_range(0..IDS);
        let table = &self.state[name];
        let before = table.rows.get(&id).cloned();
        match (choice, &before) {
            (0 | 1, Some(_)) => return Some(self.write(name, before, None)),
            // Another primary key for the same row.
            (2, Some(row)) if !table.rows.contains_key(&new_id) => {
                let mut after = row.clone();
                after[0] = new_id;
                return Some(self.write(name, before, Some(after)));
            }
            _ => {}
        }
        let mut after = match (choice, &before) {
            // Everything but the last column stays.
            (3 | 4, Some(row)) => row.clone(),
            _ => vec![value; table.info.columns.len()],
        };
        after[0] = id;
        if has_unique(&table.info) && !(matches!(choice, 3 | 4) && before.is_some()) {
            after[1] = value % UNIQUE_VALUES;
            let taken = |row: &Vec<i64>| row[0] != id && row[1] == after[1];
            if table.rows.values().any(taken) {
                return None;
            }
        } else if after.len() > 2 || !has_unique(&table.info) {
            let last = after.len() - 1;
            after[last] = value;
        }
        Some(self.write(name, before, Some(after)))
    }

    fn write(&mut self, name: &str, before: Option<Vec<i64>>, after: Option<Vec<i64>>) -> RowBlock {
        let table = self.table(name);
        if let Some(before) = &before {
            table.rows.remove(&before[0]);
        }
        if let Some(after) = &after {
            table.rows.insert(after[0], after.clone());
        }
        block(&table.info, before.as_deref(), after.as_deref())
    }
}

fn next_version(info: &TableInfo, name: &str, columns: usize, version: Ts) -> Arc<TableInfo> {
    if has_unique(info) {
        unique_table_info(name, columns, version)
    } else {
        table_info(name, columns, version)
    }
}

fn changed(name: &str, old: Option<&str>, info: Option<Arc<TableInfo>>) -> DdlTable {
    DdlTable {
        name: TableName::new(SCHEMA, name),
        old_name: old.map(|old| TableName::new(SCHEMA, old)),
        info,
    }
}

fn ddl(commit_ts: Ts, kind: DdlKind, query: String, tables: Vec<DdlTable>) -> Op {
    Op::Ddl(Arc::new(DdlEvent {
        start_ts: commit_ts.prev(),
        commit_ts,
        kind,
        schema: SCHEMA.into(),
        query: query.into(),
        tables,
        target_schema: None,
        session: DdlSession::default(),
        origin: commit_ts.to_string().into(),
    }))
}
