//! Entries of `filter.event_filters`.

use std::sync::Arc;

use jiff::tz::TimeZone;
use regex::Regex;
use tidegate_model::{CdcError, DdlKind, ErrorCode, Result, TableInfo};

use super::kinds::EventKinds;
use super::rows::TableRules;
use crate::expr::Expression;
use crate::pattern::compile;
use crate::regexp::translate;
use crate::{RuleError, TableFilter};

/// Most entries in one list: keeps the memory of a filter bounded.
const ENTRIES_MAX: usize = 1024;
/// Most expressions of one `ignore_sql`, and the longest of them in bytes.
const PATTERNS_MAX: usize = 1024;
const PATTERN_BYTES_MAX: usize = 8 << 10;

/// One entry as it was configured. Everything is optional but the matcher, without which it drops nothing.
#[derive(Copy, Clone, Debug, Default)]
pub struct EventRule<'a> {
    /// Table rules, always matched with case; an empty list matches nothing.
    pub matcher: &'a [String],
    /// Kinds of events to drop, see [`EventKinds::parse`].
    pub ignore_event: &'a [String],
    /// Regular expressions (Go's syntax), searched in the text of DDL without case.
    pub ignore_sql: &'a [String],
    /// Condition on the new row of inserts; empty: none.
    pub insert: &'a str,
    /// Condition on the old row of updates.
    pub update_old: &'a str,
    /// Condition on the new row of updates.
    pub update_new: &'a str,
    /// Condition on the old row of deletes.
    pub delete: &'a str,
}

/// A schema change of one table or one schema, as far as rules ask.
#[derive(Copy, Clone, Debug)]
pub struct DdlFacts<'a> {
    /// What it does.
    pub kind: DdlKind,
    /// The statement.
    pub query: &'a str,
    /// Schema; before the statement, for a rename.
    pub schema: &'a str,
    /// Table, before the statement, for a rename; `None` for CREATE, ALTER and DROP DATABASE.
    pub table: Option<&'a str>,
}

/// A compiled list of entries: each is tried, one hit is enough to drop an event.
#[derive(Clone, Debug)]
pub struct EventFilter {
    entries: Vec<Entry>,
    zone: TimeZone,
}

/// See [`EventRule`].
#[derive(Clone, Debug)]
pub(super) struct Entry {
    matcher: TableFilter,
    pub(super) kinds: EventKinds,
    sql: Vec<Regex>,
    pub(super) insert: Option<Arc<Expression>>,
    pub(super) update_old: Option<Arc<Expression>>,
    pub(super) update_new: Option<Arc<Expression>>,
    pub(super) delete: Option<Arc<Expression>>,
}

impl EventFilter {
    /// Compiles `rules`. TIMESTAMP values are compared as local times of `zone`.
    ///
    /// # Errors
    /// In the original's order: `FilterRuleInvalid` for a matcher, `InvalidFilterExpression` for an expression that
    /// is no SQL or uses what is not built, then `InvalidIgnoreEventType`, then `FilterRuleInvalid` for a regular
    /// expression. Each names the entry.
    pub fn new(rules: &[EventRule<'_>], zone: TimeZone) -> Result<Self> {
        if rules.len() > ENTRIES_MAX {
            let problem = format!("expected at most {ENTRIES_MAX} event filters");
            return Err(CdcError::new(ErrorCode::FilterRuleInvalid, problem));
        }
        let mut entries = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            entries.extend(Entry::new(index, rule)?);
        }
        Ok(EventFilter { entries, zone })
    }

    /// Whether it has no entry that could drop anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a schema change is kept from the destination. Rows are not its business.
    pub fn ignores_ddl(&self, ddl: &DdlFacts<'_>) -> bool {
        self.entries.iter().any(|entry| {
            let matches = ddl.table.map_or_else(
                || entry.matcher.matches_schema(ddl.schema),
                |table| entry.matcher.matches_table(ddl.schema, table),
            );
            matches
                && (entry.kinds.has_ddl(ddl.kind) || entry.sql.iter().any(|regex| regex.is_match(ddl.query)))
        })
    }

    /// Whether a value expression applies to the table, so that its columns must be known.
    pub fn has_expression(&self, schema: &str, table: &str) -> bool {
        let mut entries = self.entries_of(schema, table);
        entries.any(|entry| {
            [&entry.insert, &entry.update_old, &entry.update_new, &entry.delete]
                .iter()
                .any(|expression| expression.is_some())
        })
    }

    /// What the entries mean for the rows of one table version; `None` when they cannot drop any.
    ///
    /// # Errors
    /// `ExpressionColumnNotFound` when the table lacks a column of an expression, `InvalidFilterExpression` when
    /// the columns' types or collations do not suit it.
    pub fn table_rules(&self, table: &Arc<TableInfo>) -> Result<Option<TableRules>> {
        let entries = self.entries_of(&table.name.schema, &table.name.table);
        TableRules::new(table, entries, &self.zone)
    }

    fn entries_of(&self, schema: &str, table: &str) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.matcher.matches_table(schema, table))
    }
}

impl Entry {
    /// `None` for an entry without a matcher: it is checked, and drops nothing.
    fn new(index: usize, rule: &EventRule<'_>) -> Result<Option<Self>> {
        let matcher = TableFilter::parse(rule.matcher, true).map_err(|error| matcher_error(index, &error))?;
        let expression = |member: &'static str, text: &str| -> Result<Option<Arc<Expression>>> {
            if text.is_empty() {
                return Ok(None);
            }
            let name = format!("filter.event_filters[{index}].{member}");
            Ok(Some(Arc::new(Expression::parse(&name, text)?)))
        };
        let entry = Entry {
            matcher,
            insert: expression("ignore_insert_value_expr", rule.insert)?,
            update_old: expression("ignore_update_old_value_expr", rule.update_old)?,
            update_new: expression("ignore_update_new_value_expr", rule.update_new)?,
            delete: expression("ignore_delete_value_expr", rule.delete)?,
            kinds: EventKinds::parse(rule.ignore_event.iter().map(String::as_str))?,
            sql: patterns(index, rule.ignore_sql)?,
        };
        Ok((!rule.matcher.is_empty()).then_some(entry))
    }
}

fn matcher_error(index: usize, error: &RuleError) -> CdcError {
    CdcError::new(
        ErrorCode::FilterRuleInvalid,
        format_args!("filter.event_filters[{index}].matcher: {error}"),
    )
}

fn patterns(index: usize, texts: &[String]) -> Result<Vec<Regex>> {
    let error = |number: usize, problem: &str| {
        CdcError::new(
            ErrorCode::FilterRuleInvalid,
            format_args!("filter.event_filters[{index}].ignore_sql[{number}]: {problem}"),
        )
    };
    if texts.len() > PATTERNS_MAX {
        return Err(error(PATTERNS_MAX, "too many expressions"));
    }
    let mut patterns = Vec::with_capacity(texts.len());
    for (number, text) in texts.iter().enumerate() {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(error(number, "the expression is too long"));
        }
        let regex = translate(text).and_then(|text| compile(&text, false));
        patterns.push(regex.map_err(|problem| error(number, &problem))?);
    }
    Ok(patterns)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
