//! Hints from the catalogue, remembered per table, and the test whether a hint fits the log.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_meta::Write;
use tidegate_model::{ColumnInfo, ColumnType, Generated, IndexInfo, Result, TableInfo, TableName, Ts};
use tidegate_mysql::ddl::Ddl;

use super::catalogue::{CatalogueTable, TableKind};
use super::hint_store::{self, Stored};
use super::shared::Shared;

/// Remembered tables; beyond that all are forgotten and read again.
const TABLES_MAX: usize = 20_000;

/// Versions of the past that are remembered of a table.
const PAST_VERSIONS_MAX: usize = 8;

/// What the catalogue said, until a schema change on the table. Durable within a second or so, and with a schema change at
/// the latest: whoever hands out [`Hints::take_writes`] commits them in order.
pub(crate) struct Hints {
    prefix: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tables: HashMap<TableName, Option<Arc<CatalogueTable>>>,
    /// What was remembered when a change at that time came, oldest first: for changefeeds that are not as far yet.
    past: HashMap<TableName, VecDeque<(Ts, Arc<CatalogueTable>)>>,
    /// Grows with every table that is forgotten: an answer to a question of before may be out of date.
    generation: u64,
    /// Not durable yet.
    writes: Vec<Write>,
}

impl Hints {
    pub(crate) fn new(upstream_id: u64) -> Self {
        Hints {
            prefix: hint_store::prefix(upstream_id),
            state: Mutex::default(),
        }
    }

    /// Takes a stored hint. One that still held when it was stored is believed for rows up to `started`: later ones are
    /// worth a question, since a catalogue may change without a trace in the log.
    pub(crate) fn restore(&self, (until, name, table): Stored, started: Ts) {
        let until = if until.is_zero() { started } else { until };
        let mut state = self.lock();
        let versions = state.past.entry(name).or_default();
        let at = versions.partition_point(|(known, _)| *known <= until);
        versions.insert(at, (until, Arc::new(table)));
    }

    /// What has to be made durable, in this order.
    pub(crate) fn take_writes(&self) -> Vec<Write> {
        std::mem::take(&mut self.lock().writes)
    }

    /// Forgets the versions that nobody who reads after `before` can need.
    pub(crate) fn prune(&self, before: Ts) {
        let mut state = self.lock();
        let State { past, writes, .. } = &mut *state;
        past.retain(|name, versions| {
            while let Some((until, _)) = versions.pop_front_if(|(until, _)| *until <= before) {
                writes.push(hint_store::delete(&self.prefix, name, until));
            }
            !versions.is_empty()
        });
    }

    /// Forgets everything, because schema changes were missed. What is stored is for the caller to remove.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        *state = State {
            generation: state.generation + 1,
            ..State::default()
        };
    }

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

    /// Keeps what a statement that commits at `ts` changed for rows before it: its tables under their old and new names,
    /// or all tables of its schema. Only for statements that are read for the first time: what was asked since an earlier
    /// reading is younger than they are.
    pub(crate) fn forget(&self, ddl: &Ddl, ts: Ts) {
        let mut state = self.lock();
        state.generation += 1;
        for target in &ddl.tables {
            state.retire(&self.prefix, &target.name, ts);
            if let Some(old) = &target.old_name {
                state.retire(&self.prefix, old, ts);
            }
        }
        if let Some(schema) = &ddl.schema {
            let of_schema = |name: &&TableName| *name.schema == **schema;
            let names: HashSet<TableName> = state
                .tables
                .keys()
                .chain(state.past.keys())
                .filter(of_schema)
                .cloned()
                .collect();
            for name in &names {
                state.retire(&self.prefix, name, ts);
            }
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
        if state.tables.get(name) == Some(&table) {
            return;
        }
        state.writes.push(match &table {
            Some(table) => hint_store::put(&self.prefix, name, Ts::ZERO, table),
            None => hint_store::delete(&self.prefix, name, Ts::ZERO),
        });
        state.tables.insert(name.clone(), table);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn retire(&mut self, prefix: &str, name: &TableName, ts: Ts) {
        let asked = self.tables.remove(name).flatten();
        // Whatever is stored: it may be known to the store alone.
        self.writes.push(hint_store::delete(prefix, name, Ts::ZERO));
        // What was loaded was believed beyond this change, before the change was known.
        let loaded = self
            .past
            .get_mut(name)
            .and_then(|versions| versions.pop_back_if(|(until, _)| *until > ts))
            .map(|(_, table)| table);
        let Some(table) = loaded.or(asked) else {
            return;
        };
        self.writes.push(hint_store::put(prefix, name, ts, &table));
        if self.past.len() >= TABLES_MAX {
            self.past.clear();
        }
        let versions = self.past.entry(name.clone()).or_default();
        if versions.len() >= PAST_VERSIONS_MAX
            && let Some((until, _)) = versions.pop_front()
        {
            self.writes.push(hint_store::delete(prefix, name, until));
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
