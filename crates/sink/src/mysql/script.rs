//! Turns rows into as few statements as their order allows.
//!
//! Rows of one table keep their order; consecutive rows with the same operation share a statement. Rows of different
//! tables are collected apart, because a script runs in one transaction with foreign key checks off: nobody sees
//! the order between tables. A long run of inserts goes in [bulk](super::bulk) where the server can take that.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use tidegate_model::{Image, Result, Row, RowBlock, TableInfo, TableName, TxnEvent};
use tidegate_mysql::Flavour;

use super::bulk::{self, Bulk, BulkSwitch};
use super::plan::TablePlan;
use super::update::{UpdateLimits, Updates};

/// Rows in one statement at most: long IN lists and value lists gain nothing beyond.
const STATEMENT_ROWS_MAX: usize = 512;
/// Bytes of a statement of several rows; less when a round trip takes less.
const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// Bytes that end a statement at most.
const TAIL_LEN: usize = " LIMIT 1".len();

/// Tables whose preparations are kept from one transaction to the next.
const TABLES_MAX: usize = 1024;

/// How rows are written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// INSERT, UPDATE, DELETE: for rows that the downstream has not seen.
    Plain,
    /// REPLACE and DELETE only: right whatever part of the rows the downstream has seen.
    Safe,
}

/// Settings of statement building.
#[derive(Copy, Clone, Debug)]
pub(crate) struct ScriptOptions {
    pub(crate) flavour: Flavour,
    /// Several rows in one statement.
    pub(crate) merge_rows: bool,
    /// Several statements in one round trip.
    pub(crate) merge_statements: bool,
    /// Bytes of one round trip, exceeded only by a single statement.
    pub(crate) text_bytes_max: usize,
    /// Rows in one UPDATE.
    pub(crate) update_rows_max: usize,
    /// Mean bytes of a row up to which updates share a statement.
    pub(crate) update_row_bytes_max: usize,
}

/// One round trip.
pub(crate) enum Step {
    /// Statements, separated by semicolons.
    Text(Vec<u8>),
    /// At least one round trip: it may take several packets.
    Bulk(Bulk),
}

/// Statements of one downstream transaction under construction. Keeps its table plans and buffers for the next one.
pub(crate) struct Script {
    options: ScriptOptions,
    tables: Vec<TableScript>,
    by_name: HashMap<TableName, usize>,
    /// Tables of this transaction in the order they were first touched.
    touched: Vec<usize>,
    bytes: usize,
    /// Whether long runs may go in bulk.
    bulks: BulkSwitch,
}

struct TableScript {
    plan: TablePlan,
    text: Vec<u8>,
    /// In order.
    finished: Vec<Finished>,
    open: Option<Open>,
    /// Rows of an open UPDATE: its text is made when it is complete.
    updates: Updates,
}

enum Finished {
    /// Its text ends here.
    Text(usize),
    Bulk(Bulk),
}

/// The statement that may still take rows.
struct Open {
    kind: Kind,
    start: usize,
    rows: usize,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    Insert,
    Replace,
    /// Updates that leave the key alone.
    Update,
    Delete,
}

impl Script {
    /// Whatever the options say, nothing goes in bulk while `bulks` is off.
    pub(crate) fn new(options: ScriptOptions, bulks: BulkSwitch) -> Self {
        Script {
            options,
            bulks,
            tables: Vec::new(),
            by_name: HashMap::new(),
            touched: Vec::new(),
            bytes: 0,
        }
    }

    /// Bytes of all statements so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends rows of a block.
    ///
    /// # Errors
    /// `PartialRowImage` when a value that is needed is missing.
    pub(crate) fn push(&mut self, block: &RowBlock, rows: Range<usize>, form: Form) -> Result<()> {
        let index = self.table(block.table());
        let merge = Merge::new(self.options);
        let script = &mut self.tables[index];
        let was_empty = script.is_empty();
        let before = script.bytes();
        for row in rows {
            script.push(block.row(row), form, merge)?;
        }
        // Closing an UPDATE may turn out shorter than it was estimated.
        self.bytes += script.bytes().saturating_sub(before);
        if was_empty && !script.is_empty() {
            self.touched.push(index);
        }
        Ok(())
    }

    /// Appends blocks of a transaction from `first` on as one bulk, if they are a long run of inserts that may go so.
    /// Returns how many it has taken; the caller pushes others one by one.
    pub(crate) fn push_bulk(&mut self, txn: &Arc<TxnEvent>, first: usize, form: Form) -> usize {
        if !(self.options.merge_rows && self.bulks.is_on()) {
            return 0;
        }
        let count = bulk::run_of(&txn.blocks, first);
        if count == 0 {
            return 0;
        }
        let index = self.table(txn.blocks[first].table());
        let script = &mut self.tables[index];
        let Some(plan) = script.plan.bulk() else {
            return 0;
        };
        let bulk = Bulk::new(plan, txn, first..first + count, form);
        if script.is_empty() {
            self.touched.push(index);
        }
        self.bytes += bulk.bytes();
        script.close();
        script.finished.push(Finished::Bulk(bulk));
        count
    }

    /// Empties the script: statements joined to round trips, `first` before them and `last` after them when not empty.
    pub(crate) fn take(&mut self, first: &str, last: &str) -> Vec<Step> {
        let mut steps = Steps {
            options: self.options,
            done: Vec::new(),
            current: Vec::new(),
        };
        steps.push(first.as_bytes());
        for index in self.touched.drain(..) {
            let script = &mut self.tables[index];
            script.close();
            script.updates.reset();
            let mut start = 0;
            for finished in script.finished.drain(..) {
                match finished {
                    Finished::Text(end) => {
                        steps.push(&script.text[start..end]);
                        start = end;
                    }
                    Finished::Bulk(bulk) => steps.push_bulk(bulk),
                }
            }
            script.text.clear();
            script.text.shrink_to(STATEMENT_BYTES_MAX);
        }
        if self.tables.len() > TABLES_MAX {
            self.tables.clear();
            self.by_name.clear();
        }
        steps.push(last.as_bytes());
        self.bytes = 0;
        steps.finish()
    }

    /// Position of the table's part, made or renewed where needed.
    fn table(&mut self, table: &Arc<TableInfo>) -> usize {
        if let Some(&index) = self.by_name.get(&table.name) {
            let script = &mut self.tables[index];
            if !script.plan.fits(table) {
                script.close();
                script.updates.reset();
                script.plan = TablePlan::new(table, self.options.flavour);
            }
            return index;
        }
        self.tables.push(TableScript {
            plan: TablePlan::new(table, self.options.flavour),
            text: Vec::new(),
            finished: Vec::new(),
            open: None,
            updates: Updates::default(),
        });
        self.by_name.insert(table.name.clone(), self.tables.len() - 1);
        self.tables.len() - 1
    }
}

/// When rows share a statement.
#[derive(Copy, Clone)]
struct Merge {
    rows: bool,
    bytes_max: usize,
    updates: UpdateLimits,
}

impl Merge {
    fn new(options: ScriptOptions) -> Self {
        let bytes_max = STATEMENT_BYTES_MAX.min(options.text_bytes_max);
        Merge {
            rows: options.merge_rows,
            bytes_max,
            updates: UpdateLimits {
                rows_max: options.update_rows_max,
                row_bytes_max: options.update_row_bytes_max,
                bytes_max,
            },
        }
    }
}

impl TableScript {
    fn push(&mut self, row: Row<'_>, form: Form, merge: Merge) -> Result<()> {
        match (row.before(), row.after(), form) {
            (None, Some(after), Form::Plain) => self.values(Kind::Insert, after, merge),
            (None, Some(after), Form::Safe) => self.values(Kind::Replace, after, merge),
            (Some(before), None, _) => self.delete(before, merge),
            (Some(before), Some(after), Form::Plain) => {
                if merge.rows && self.plan.keyed() && self.plan.same_key(before, after) {
                    self.update_in_place(before, after, merge)
                } else {
                    self.update(before, after)
                }
            }
            (Some(before), Some(after), Form::Safe) => {
                // REPLACE itself removes the row that has the key.
                if !self.plan.keyed() || !self.plan.same_key(before, after) {
                    self.delete(before, merge)?;
                }
                self.values(Kind::Replace, after, merge)
            }
            (None, None, _) => Ok(()),
        }
    }

    fn values(&mut self, kind: Kind, image: Image<'_>, merge: Merge) -> Result<()> {
        let end = self.text.len();
        let joins = merge.rows && self.continues(kind);
        if joins {
            self.text.push(b',');
        } else {
            self.start(kind);
        }
        let row = self.text.len();
        self.plan.push_values(&mut self.text, image)?;
        if joins {
            self.split(kind, end, row, merge.bytes_max);
        }
        Ok(())
    }

    fn delete(&mut self, before: Image<'_>, merge: Merge) -> Result<()> {
        let end = self.text.len();
        let joins = merge.rows && self.plan.keyed() && self.continues(Kind::Delete);
        if joins {
            self.text.extend_from_slice(self.plan.delete_separator());
        } else {
            self.start(Kind::Delete);
        }
        let row = self.text.len();
        self.plan.push_delete_row(&mut self.text, before)?;
        if joins {
            self.split(Kind::Delete, end, row, merge.bytes_max);
        }
        Ok(())
    }

    /// Moves the row that has just joined the open statement, and stands at `row`, to a statement of its own if it made
    /// this one too large. The statement ended at `end` before.
    fn split(&mut self, kind: Kind, end: usize, row: usize, bytes_max: usize) {
        let Some(open) = &mut self.open else {
            return;
        };
        if self.text.len() - open.start + TAIL_LEN <= bytes_max {
            return;
        }
        open.rows -= 1;
        let moved = self.text.split_off(row);
        self.text.truncate(end);
        self.start(kind);
        self.text.extend_from_slice(&moved);
    }

    fn update(&mut self, before: Image<'_>, after: Image<'_>) -> Result<()> {
        self.close();
        self.plan.push_update_head(&mut self.text, after)?;
        self.text.extend_from_slice(b" WHERE ");
        self.plan.push_condition(&mut self.text, before)?;
        self.text.extend_from_slice(b" LIMIT 1");
        self.finished.push(Finished::Text(self.text.len()));
        Ok(())
    }

    /// An update that leaves the key alone.
    fn update_in_place(&mut self, before: Image<'_>, after: Image<'_>, merge: Merge) -> Result<()> {
        if !self.updates.compare(&self.plan, before, after) {
            return Ok(());
        }
        if !self.updates.may_join(&self.plan, after) {
            return self.update(before, after);
        }
        if self.open.as_ref().is_none_or(|open| open.kind != Kind::Update) {
            self.start(Kind::Update);
        }
        if !self.updates.add(&self.plan, after, merge.updates)? {
            self.start(Kind::Update);
            self.updates.add(&self.plan, after, merge.updates)?;
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.open.is_none()
    }

    /// Bytes of text, with what an open UPDATE will need.
    fn bytes(&self) -> usize {
        self.text.len() + self.updates.bytes()
    }

    /// Whether the next row of this kind belongs to the open statement; counts it if so.
    fn continues(&mut self, kind: Kind) -> bool {
        match &mut self.open {
            Some(open) if open.kind == kind && open.rows < STATEMENT_ROWS_MAX => {
                open.rows += 1;
                true
            }
            _ => false,
        }
    }

    fn start(&mut self, kind: Kind) {
        self.close();
        self.open = Some(Open {
            kind,
            start: self.text.len(),
            rows: 1,
        });
        match kind {
            Kind::Update => {}
            Kind::Insert => self.plan.push_insert_head(&mut self.text, "INSERT"),
            Kind::Replace => self.plan.push_insert_head(&mut self.text, "REPLACE"),
            Kind::Delete => self.plan.push_delete_head(&mut self.text),
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            match open.kind {
                Kind::Delete => self.plan.push_delete_tail(&mut self.text),
                Kind::Update => self.updates.finish(&self.plan, &mut self.text),
                Kind::Insert | Kind::Replace => {}
            }
            self.finished.push(Finished::Text(self.text.len()));
        }
    }
}

/// Packs statements into round trips.
struct Steps {
    options: ScriptOptions,
    done: Vec<Step>,
    current: Vec<u8>,
}

impl Steps {
    fn push(&mut self, statement: &[u8]) {
        if statement.is_empty() {
            return;
        }
        let fits = self.current.len() + statement.len() < self.options.text_bytes_max;
        let joins = self.current.is_empty() || (fits && self.options.merge_statements);
        if !joins {
            self.flush();
        }
        if !self.current.is_empty() {
            self.current.push(b';');
        }
        self.current.extend_from_slice(statement);
    }

    fn push_bulk(&mut self, bulk: Bulk) {
        self.flush();
        self.done.push(Step::Bulk(bulk));
    }

    fn flush(&mut self) {
        if !self.current.is_empty() {
            self.done.push(Step::Text(std::mem::take(&mut self.current)));
        }
    }

    fn finish(mut self) -> Vec<Step> {
        self.flush();
        self.done
    }
}
