//! Updates of several rows in one statement: `` UPDATE t SET `c`=CASE `k` WHEN 1 THEN 'x' WHEN 2 THEN 'y' END WHERE
//! `k` IN (1,2) ``.
//!
//! It finds its rows by their keys as single updates do: no row is made that is not there, no trigger for inserted rows
//! fires, and no gap between keys is locked. Only columns that change are set: each row of the statement has a value for
//! each of them, so the longer the list, the more the server compares.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use tidegate_model::{Image, Result};

use super::plan::TablePlan;

/// Limits of a statement.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct UpdateLimits {
    /// `max-multi-update-row`; 1: each row has a statement of its own.
    pub(crate) rows_max: usize,
    /// `max-multi-update-row-size`: mean bytes of keys and values per row.
    pub(crate) row_bytes_max: usize,
    /// Of the whole statement.
    pub(crate) bytes_max: usize,
}

/// The rows of the statement under construction. Keeps its buffers for the next one.
#[derive(Default)]
pub(crate) struct Updates {
    /// Columns that are set, in ascending order.
    columns: Vec<usize>,
    /// For each row its key, then a value for each column.
    literals: Vec<u8>,
    ends: Vec<usize>,
    /// Hashes of the keys: a row may stand in a statement once.
    keys: Vec<u64>,
    /// Bytes of the keys.
    key_bytes: usize,
    /// Columns that changed in the rows at hand: reused.
    changed: Vec<usize>,
}

impl Updates {
    /// Bytes of text that the rows will need, about.
    pub(crate) fn bytes(&self) -> usize {
        const WHEN_THEN: usize = " WHEN  THEN ".len();
        let rows = self.keys.len();
        self.literals.len() + (self.key_bytes + rows * WHEN_THEN) * self.columns.len()
    }

    /// Notes which columns the next row changes. Returns whether there is one.
    pub(crate) fn compare(&mut self, plan: &TablePlan, before: Image<'_>, after: Image<'_>) -> bool {
        self.changed.clear();
        plan.changed(before, after, &mut self.changed);
        !self.changed.is_empty()
    }

    /// Whether every column that the next row changes, and those that its statement sets besides, may be set for several
    /// rows at once.
    pub(crate) fn may_join(&self, plan: &TablePlan, after: Image<'_>) -> bool {
        let mut columns = self.changed.iter().chain(&self.columns);
        plan.key_joins(after) && columns.all(|&index| plan.joins(index, after.get(index)))
    }

    /// Adds the row that was compared. `false`: it does not fit to those before it, and nothing was added.
    ///
    /// # Errors
    /// `PartialRowImage` when a value that is needed is missing.
    pub(crate) fn add(&mut self, plan: &TablePlan, after: Image<'_>, limits: UpdateLimits) -> Result<bool> {
        let rows = self.keys.len();
        if rows == 0 {
            self.widen();
        } else if rows >= limits.rows_max || !self.changed.iter().all(|index| self.columns.contains(index)) {
            return Ok(false);
        }
        let (literals, ends) = (self.literals.len(), self.ends.len());
        plan.push_key(&mut self.literals, after)?;
        let key = hash(&self.literals[literals..]);
        let key_len = self.literals.len() - literals;
        self.ends.push(self.literals.len());
        for &index in &self.columns {
            plan.push_value(&mut self.literals, after, index)?;
            self.ends.push(self.literals.len());
        }
        let too_large = self.literals.len() > limits.row_bytes_max.saturating_mul(rows + 1)
            || self.bytes() > limits.bytes_max;
        if rows > 0 && (too_large || self.keys.contains(&key)) {
            self.literals.truncate(literals);
            self.ends.truncate(ends);
            return Ok(false);
        }
        self.keys.push(key);
        self.key_bytes += key_len;
        Ok(true)
    }

    /// Appends the statement and starts anew; nothing without rows.
    pub(crate) fn finish(&mut self, plan: &TablePlan, out: &mut Vec<u8>) {
        match self.keys.len() {
            0 => return,
            1 => self.push_single(plan, out),
            rows => self.push_joined(plan, rows, out),
        }
        self.literals.clear();
        self.ends.clear();
        self.keys.clear();
        self.key_bytes = 0;
    }

    /// Forgets the columns of earlier statements.
    pub(crate) fn reset(&mut self) {
        self.columns.clear();
    }

    /// The statement sets what the one before did, too: rows that change now these columns and now those would else
    /// hardly ever share one.
    fn widen(&mut self) {
        self.columns.extend_from_slice(&self.changed);
        self.columns.sort_unstable();
        self.columns.dedup();
    }

    fn push_single(&self, plan: &TablePlan, out: &mut Vec<u8>) {
        plan.push_update_start(out);
        for (i, &column) in self.columns.iter().enumerate() {
            plan.push_assignment(out, i, column);
            out.extend_from_slice(&self.literals[self.cell(0, i + 1)]);
        }
        out.extend_from_slice(b" WHERE ");
        plan.push_key_condition(out, &self.literals[self.cell(0, 0)]);
        out.extend_from_slice(b" LIMIT 1");
    }

    fn push_joined(&self, plan: &TablePlan, rows: usize, out: &mut Vec<u8>) {
        plan.push_update_start(out);
        for (i, &column) in self.columns.iter().enumerate() {
            plan.push_assignment(out, i, column);
            plan.push_case(out);
            for row in 0..rows {
                out.extend_from_slice(b" WHEN ");
                out.extend_from_slice(&self.literals[self.cell(row, 0)]);
                out.extend_from_slice(b" THEN ");
                out.extend_from_slice(&self.literals[self.cell(row, i + 1)]);
            }
            out.extend_from_slice(b" END");
        }
        out.extend_from_slice(b" WHERE ");
        let keys = (0..rows).map(|row| &self.literals[self.cell(row, 0)]);
        plan.push_key_list(out, keys);
    }

    /// Where a literal stands: `cell` 0 is the row's key.
    fn cell(&self, row: usize, cell: usize) -> Range<usize> {
        let at = row * (self.columns.len() + 1) + cell;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[at]
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
