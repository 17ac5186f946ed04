//! Rows that event filters drop.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use tidegate_model::{
    CdcError, ErrorCode, Image, Result, Row, RowBlock, RowBlockBuilder, RowOp, TableInfo, TableName, Ts,
};

use super::kinds::EventKinds;
use super::rules::{Entry, EventFilter};
use crate::expr::{Condition, EvalError, Expression};

/// Tables whose rules are kept; beyond that all are forgotten and compiled again.
const TABLES_MAX: usize = 4096;

/// Drops rows, with the rules of each table compiled once for each of its versions.
#[derive(Debug)]
pub struct RowFilter {
    filter: Arc<EventFilter>,
    tables: HashMap<TableName, Known>,
}

#[derive(Debug)]
struct Known {
    table: Arc<TableInfo>,
    rules: Option<TableRules>,
}

/// What event filters do to the rows of one version of a table.
#[derive(Clone, Debug)]
pub struct TableRules {
    kinds: Vec<EventKinds>,
    insert: Vec<Condition>,
    update_old: Vec<Condition>,
    update_new: Vec<Condition>,
    delete: Vec<Condition>,
    /// Columns of the primary key: an update that changes it is a delete and an insert.
    key: Vec<usize>,
}

/// What becomes of a row.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Fate {
    Kept,
    Dropped,
    /// Of an update that moves a row to another key, only one half is left.
    OnlyDelete,
    OnlyInsert,
}

/// An expression that has no result for a row.
struct Problem<'r> {
    condition: &'r Condition,
    error: EvalError,
}

type Outcome<'r, T> = std::result::Result<T, Problem<'r>>;

impl RowFilter {
    /// A filter that has seen no table yet.
    pub fn new(filter: Arc<EventFilter>) -> Self {
        RowFilter {
            filter,
            tables: HashMap::new(),
        }
    }

    /// Removes the rows that are dropped, and blocks that become empty. Gives the number of dropped rows; a half of
    /// an update that moves a row counts as one. Errors name the transaction by its `start_ts`.
    ///
    /// # Errors
    /// `ExpressionColumnNotFound` and `InvalidFilterExpression` when an expression does not suit the table any more;
    /// `FailedToFilterDML` when it has no result for a row.
    pub fn apply(&mut self, blocks: &mut Vec<RowBlock>, start_ts: Ts) -> Result<u64> {
        if self.filter.is_empty() {
            return Ok(0);
        }
        let mut dropped = 0;
        // Blocks that stand in place of others, with the places of these.
        let mut parts: Vec<(usize, Vec<RowBlock>)> = Vec::new();
        for (index, block) in blocks.iter_mut().enumerate() {
            if let Some(rules) = self.rules(block.table())? {
                let (count, halves) = rules.apply(block, start_ts)?;
                dropped += count;
                parts.extend(halves.map(|halves| (index, halves)));
            }
        }
        if !parts.is_empty() {
            *blocks = replaced(std::mem::take(blocks), parts);
        }
        if dropped > 0 {
            blocks.retain(|block| !block.is_empty());
        }
        Ok(dropped)
    }

    fn rules(&mut self, table: &Arc<TableInfo>) -> Result<Option<&TableRules>> {
        let fits = |known: &Known| Arc::ptr_eq(&known.table, table) || *known.table == **table;
        if !self.tables.get(&table.name).is_some_and(fits) {
            if self.tables.len() >= TABLES_MAX {
                self.tables.clear();
            }
            let known = Known {
                table: Arc::clone(table),
                rules: self.filter.table_rules(table)?,
            };
            self.tables.insert(table.name.clone(), known);
        }
        Ok(self
            .tables
            .get(&table.name)
            .and_then(|known| known.rules.as_ref()))
    }
}

impl TableRules {
    /// `None` when no row can be dropped.
    pub(super) fn new<'e>(
        table: &Arc<TableInfo>,
        entries: impl Iterator<Item = &'e Entry>,
        zone: &TimeZone,
    ) -> Result<Option<Self>> {
        let mut rules = TableRules {
            kinds: Vec::new(),
            insert: Vec::new(),
            update_old: Vec::new(),
            update_new: Vec::new(),
            delete: Vec::new(),
            key: primary_key(table),
        };
        let bind = |into: &mut Vec<Condition>, expression: &Option<Arc<Expression>>| -> Result<()> {
            if let Some(expression) = expression {
                into.push(Condition::new(expression, table, zone)?);
            }
            Ok(())
        };
        for entry in entries {
            if entry.kinds != EventKinds::default() {
                rules.kinds.push(entry.kinds);
            }
            bind(&mut rules.insert, &entry.insert)?;
            bind(&mut rules.update_old, &entry.update_old)?;
            bind(&mut rules.update_new, &entry.update_new)?;
            bind(&mut rules.delete, &entry.delete)?;
        }
        let ops = [RowOp::Insert, RowOp::Update, RowOp::Delete];
        let useful = ops.into_iter().any(|op| rules.concerns(op));
        Ok(useful.then_some(rules))
    }

    /// Drops rows of a block. Gives their number, and the blocks that take its place where an update became a
    /// delete or an insert.
    fn apply(&self, block: &mut RowBlock, start_ts: Ts) -> Result<(u64, Option<Vec<RowBlock>>)> {
        let op = block.op();
        let concerned = self.concerns(op) || op == RowOp::Update && self.concerns_halves();
        if !concerned {
            return Ok((0, None));
        }
        if self.drops_all(op) && op != RowOp::Update {
            let count = block.len() as u64;
            block.retain(|_| false);
            return Ok((count, None));
        }
        let fates = block
            .rows()
            .map(|row| {
                self.fate(row)
                    .map_err(|problem| failed(&problem, block.table(), start_ts))
            })
            .collect::<Result<Vec<Fate>>>()?;
        let dropped = fates.iter().filter(|fate| **fate != Fate::Kept).count() as u64;
        if fates
            .iter()
            .any(|fate| matches!(fate, Fate::OnlyDelete | Fate::OnlyInsert))
        {
            return Ok((dropped, Some(in_parts(block, &fates))));
        }
        if dropped > 0 {
            block.retain(|index| fates[index] == Fate::Kept);
        }
        Ok((dropped, None))
    }

    /// Whether rows of this operation can be dropped at all.
    fn concerns(&self, op: RowOp) -> bool {
        self.drops_all(op)
            || match op {
                RowOp::Insert => !self.insert.is_empty(),
                RowOp::Update => !self.update_old.is_empty() || !self.update_new.is_empty(),
                RowOp::Delete => !self.delete.is_empty(),
            }
    }

    fn concerns_halves(&self) -> bool {
        self.concerns(RowOp::Insert) || self.concerns(RowOp::Delete)
    }

    fn drops_all(&self, op: RowOp) -> bool {
        self.kinds.iter().any(|kinds| kinds.has_rows(op))
    }

    fn fate(&self, row: Row<'_>) -> Outcome<'_, Fate> {
        match (row.before(), row.after()) {
            (Some(before), Some(after)) if self.changes_key(before, after) => {
                let delete = self.drops(RowOp::Delete, &self.delete, before)?;
                let insert = self.drops(RowOp::Insert, &self.insert, after)?;
                Ok(match (delete, insert) {
                    (true, true) => Fate::Dropped,
                    (true, false) => Fate::OnlyInsert,
                    (false, true) => Fate::OnlyDelete,
                    (false, false) => Fate::Kept,
                })
            }
            (Some(before), Some(after)) => {
                let dropped = self.drops(RowOp::Update, &self.update_old, before)?
                    || self.drops(RowOp::Update, &self.update_new, after)?;
                Ok(if dropped { Fate::Dropped } else { Fate::Kept })
            }
            (Some(before), None) => self.single(RowOp::Delete, &self.delete, before),
            (None, Some(after)) => self.single(RowOp::Insert, &self.insert, after),
            (None, None) => Ok(Fate::Kept),
        }
    }

    fn single<'r>(&'r self, op: RowOp, conditions: &'r [Condition], image: Image<'_>) -> Outcome<'r, Fate> {
        let dropped = self.drops(op, conditions, image)?;
        Ok(if dropped { Fate::Dropped } else { Fate::Kept })
    }

    fn drops<'r>(&'r self, op: RowOp, conditions: &'r [Condition], image: Image<'_>) -> Outcome<'r, bool> {
        if self.drops_all(op) {
            return Ok(true);
        }
        for condition in conditions {
            if condition
                .is_met(image)
                .map_err(|error| Problem { condition, error })?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn changes_key(&self, before: Image<'_>, after: Image<'_>) -> bool {
        self.key
            .iter()
            .any(|&index| before.get(index) != after.get(index))
    }
}

/// `blocks` with some of them, by their places in ascending order, replaced.
fn replaced(blocks: Vec<RowBlock>, parts: Vec<(usize, Vec<RowBlock>)>) -> Vec<RowBlock> {
    let mut parts = parts.into_iter().peekable();
    let mut all = Vec::with_capacity(blocks.len() + parts.len());
    for (index, block) in blocks.into_iter().enumerate() {
        match parts.next_if(|(place, _)| *place == index) {
            Some((_, halves)) => all.extend(halves),
            None => all.push(block),
        }
    }
    all
}

fn primary_key(table: &TableInfo) -> Vec<usize> {
    let key = table.indexes.iter().find(|index| index.primary);
    key.map_or_else(Vec::new, |index| index.columns.clone())
}

/// The rows of a block of updates that are left, in their order, each run of one operation as a block.
fn in_parts(block: &RowBlock, fates: &[Fate]) -> Vec<RowBlock> {
    let mut parts: Vec<RowBlock> = Vec::new();
    let mut open: Option<(RowOp, RowBlockBuilder)> = None;
    for (row, fate) in block.rows().zip(fates) {
        let (op, images) = match fate {
            Fate::Dropped => continue,
            Fate::Kept => (RowOp::Update, [row.before(), row.after()]),
            Fate::OnlyDelete => (RowOp::Delete, [row.before(), None]),
            Fate::OnlyInsert => (RowOp::Insert, [row.after(), None]),
        };
        if open.as_ref().is_some_and(|(present, _)| *present != op) {
            parts.extend(open.take().map(|(_, builder)| builder.finish()));
        }
        let (_, builder) = open.get_or_insert_with(|| {
            (
                op,
                RowBlockBuilder::new(Arc::clone(block.table()), op, Bytes::new()),
            )
        });
        for image in images.into_iter().flatten() {
            image.iter().for_each(|datum| builder.push(datum));
        }
    }
    parts.extend(open.map(|(_, builder)| builder.finish()));
    parts
}

fn failed(problem: &Problem<'_>, table: &TableInfo, start_ts: Ts) -> CdcError {
    CdcError::new(
        ErrorCode::FailedToFilterDML,
        format_args!(
            "failed to filter dml event of table {} in the transaction with start_ts {start_ts}: {} in: '{}'",
            table.name,
            problem.error,
            problem.condition.text()
        ),
    )
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
