//! Hints from the catalogue, remembered per table, and the test whether a hint fits the log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_model::{ColumnInfo, ColumnType, Generated, IndexInfo, Result, TableInfo, TableName, Ts};
use tidegate_mysql::ddl::Ddl;

use super::catalogue::{CatalogueTable, TableKind};
use super::shared::Shared;

/// Remembered tables; beyond that all are forgotten and read again.
const TABLES_MAX: usize = 20_000;

/// Versions of the past that are remembered of a table.
const PAST_VERSIONS_MAX: usize = 8;

/// What the catalogue said, until a schema change on the table.
#[derive(Default)]
pub(crate) struct Hints {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tables: HashMap<TableName, Option<Arc<CatalogueTable>>>,
    /// What was remembered when a change at that time came, oldest first: for changefeeds that are not as far yet.
    past: HashMap<TableName, VecDeque<(Ts, Arc<CatalogueTable>)>>,
    /// Grows with every table that is forgotten: an answer to a question of before may be out of date.
    generation: u64,
}

impl Hints {
    /// The table at `ts` as the catalogue showed it then, if anybody asked, else as it shows it now.
    ///
    /// # Errors
    /// Those of asking the upstream.
    pub(crate) async fn get(
        &self,
        shared: &Shared,
        name: &TableName,
        ts: Ts,
    ) -> Result<Option<Arc<CatalogueTable>>> {
        match self.known(name, ts) {
            Some(known) => Ok(known),
            None => self.reload(shared, name).await,
        }
    }

    fn known(&self, name: &TableName, ts: Ts) -> Option<Option<Arc<CatalogueTable>>> {
        let state = self.lock();
        let past = state.past.get(name).into_iter().flatten();
        match past.into_iter().find(|(until, _)| ts < *until) {
            Some((_, table)) => Some(Some(Arc::clone(table))),
            None => state.tables.get(name).cloned(),
        }
    }

    /// The table as the catalogue shows it now.
    ///
    /// # Errors
    /// Those of asking the upstream.
    pub(crate) async fn reload(
        &self,
        shared: &Shared,
        name: &TableName,
    ) -> Result<Option<Arc<CatalogueTable>>> {
        let asked_at = self.generation();
        let table = shared.questions.table(shared.flavour, name).await?.map(Arc::new);
        self.remember(asked_at, name, table.clone());
        Ok(table)
    }

    /// Forgets what a statement changed: its tables under their old and new names, or all tables of its schema. `new`:
    /// when it was committed, unless it was read before.
    pub(crate) fn forget(&self, ddl: &Ddl, new: Option<Ts>) {
        let mut state = self.lock();
        state.generation += 1;
        for target in &ddl.tables {
            state.retire(&target.name, new);
            if let Some(old) = &target.old_name {
                state.retire(old, new);
            }
        }
        if let Some(schema) = &ddl.schema {
            let of_schema = state.tables.keys().filter(|name| *name.schema == **schema);
            let names: Vec<TableName> = of_schema.cloned().collect();
            names.iter().for_each(|name| state.retire(name, new));
        }
    }

    fn generation(&self) -> u64 {
        self.lock().generation
    }

    fn remember(&self, asked_at: u64, name: &TableName, table: Option<Arc<CatalogueTable>>) {
        let mut state = self.lock();
        if state.generation != asked_at {
            return;
        }
        if state.tables.len() >= TABLES_MAX {
            state.tables.clear();
        }
        state.tables.insert(name.clone(), table);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn retire(&mut self, name: &TableName, new: Option<Ts>) {
        let (Some(Some(table)), Some(ts)) = (self.tables.remove(name), new) else {
            return;
        };
        if self.past.len() >= TABLES_MAX {
            self.past.clear();
        }
        let versions = self.past.entry(name.clone()).or_default();
        if versions.len() >= PAST_VERSIONS_MAX {
            versions.pop_front();
        }
        versions.push_back((ts, table));
    }
}

/// Why the rows of a table can never be replicated, if so. The catalogue shows the present and the rows may be old:
/// it counts only when it describes the table that was logged.
pub(crate) fn unsupported(logged: &TableInfo, hint: &CatalogueTable) -> Option<String> {
    let meant = match hint.kind {
        TableKind::Table | TableKind::View => false,
        TableKind::Versioned if has_period(hint) => fits(logged, hint),
        TableKind::Versioned => has_hidden_period(logged, hint),
        TableKind::Sequence | TableKind::Other(_) => fits(logged, hint),
    };
    meant.then(|| hint.kind.unsupported()).flatten()
}

/// Whether the catalogue shows the two columns that tell when a version of a row began and ended.
fn has_period(hint: &CatalogueTable) -> bool {
    let period = |column: &&ColumnInfo| column.generated == Generated::Stored && is_period(&column.ty);
    hint.columns.iter().filter(period).count() >= 2
}

/// The log shows two columns behind the others that MariaDB's catalogue hides unless they were named.
fn has_hidden_period(logged: &TableInfo, hint: &CatalogueTable) -> bool {
    let hidden = logged.columns.get(hint.columns.len()..).unwrap_or_default();
    let pairs = logged.columns.iter().zip(&hint.columns);
    matches!(hidden, [start, end] if is_period(&start.ty) && is_period(&end.ty))
        && pairs.into_iter().all(|(logged, hint)| same_column(logged, hint))
}

fn is_period(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::Timestamp { fsp: 6 } | ColumnType::BigInt)
}

/// `logged` with what `hint` adds to the columns that are the same in both, by name and type: a later statement may
/// have changed the others. Indexes are added when all their columns are the same.
pub(crate) fn enrich(logged: TableInfo, hint: &CatalogueTable) -> TableInfo {
    if hint.kind == TableKind::View {
        return logged;
    }
    if fits(&logged, hint) {
        return TableInfo {
            columns: hint.columns.clone(),
            indexes: indexes(&logged, hint),
            ..logged
        };
    }
    super::metrics::hint_mismatch();
    let mut out = logged;
    // Position in the log of each column of the hint.
    let positions: Vec<Option<usize>> = hint
        .columns
        .iter()
        .map(|hint| out.columns.iter().position(|logged| same_column(logged, hint)))
        .collect();
    for (hint, position) in hint.columns.iter().zip(&positions) {
        if let Some(logged) = position.and_then(|at| out.columns.get_mut(at)) {
            *logged = hint.clone();
        }
    }
    for index in hint.indexes.iter().filter(|index| !index.primary) {
        let columns: Option<Vec<usize>> = index
            .columns
            .iter()
            .map(|&column| positions.get(column).copied().flatten())
            .collect();
        out.indexes.extend(columns.map(|columns| IndexInfo {
            columns,
            ..index.clone()
        }));
    }
    out
}

/// The unique indexes of a table whose columns are those of the hint. The log names the primary key, or the key that
/// stands in for it: that is the one the rows have, whatever a later statement dropped or moved. Without it they would
/// be left out.
fn indexes(logged: &TableInfo, hint: &CatalogueTable) -> Vec<IndexInfo> {
    let Some(key) = logged.indexes.iter().find(|index| index.primary) else {
        let others = hint.indexes.iter().filter(|index| !index.primary);
        return others.cloned().collect();
    };
    if hint.indexes.iter().any(|index| index.columns == key.columns) {
        let stays = |index: &&IndexInfo| !index.primary || index.columns == key.columns;
        return hint.indexes.iter().filter(stays).cloned().collect();
    }
    let others = hint.indexes.iter().filter(|index| !index.primary);
    std::iter::once(key).chain(others).cloned().collect()
}

/// Same columns in the same order with the same types, as far as the log tells types.
fn fits(logged: &TableInfo, hint: &CatalogueTable) -> bool {
    logged.columns.len() == hint.columns.len()
        && logged
            .columns
            .iter()
            .zip(&hint.columns)
            .all(|(logged, hint)| same_column(logged, hint))
}

fn same_column(logged: &ColumnInfo, hint: &ColumnInfo) -> bool {
    logged.name == hint.name
        && logged.nullable == hint.nullable
        && (logged.unsigned == hint.unsigned || !has_sign(&hint.ty))
        && same_type(&logged.ty, &hint.ty)
}

fn has_sign(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::TinyInt
            | ColumnType::SmallInt
            | ColumnType::MediumInt
            | ColumnType::Int
            | ColumnType::BigInt
            | ColumnType::Float
            | ColumnType::Double
            | ColumnType::Decimal { .. }
    )
}

/// The log shows MariaDB's own types by their storage, and lengths of text in bytes.
fn same_type(logged: &ColumnType, hint: &ColumnType) -> bool {
    match (logged, hint) {
        (ColumnType::LongText, ColumnType::Json)
        | (ColumnType::Binary { bytes: 16 }, ColumnType::Uuid | ColumnType::Inet6)
        | (ColumnType::Binary { bytes: 4 }, ColumnType::Inet4)
        | (ColumnType::VarBinary { .. } | ColumnType::Vector { .. }, ColumnType::Vector { .. }) => true,
        _ => logged == hint,
    }
}

#[cfg(test)]
#[path = "hints_tests.rs"]
mod tests;
