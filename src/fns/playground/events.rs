//! What event filters do with sample rows and statements. Each member of each filter is tried alone, by the engine's own
//! code, so that the one that drops an event is known; then all together for the verdict. All but reading the table is
//! pure.

mod asked;

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use tidegate_filter::{DdlFacts, EventFilter, EventRule, RowFilter, TableFilter};
use tidegate_model::{CdcError, RowBlock, RowBlockBuilder, RowOp, TableInfo, Ts};
use tidegate_mysql::ddl::{Classified, Ddl, classify};

use super::TriedOut;
use super::names;
use super::values;
use crate::app::playground::events as view;
use crate::fns::context::Console;
use crate::fns::error::ConsoleError;
use crate::fns::query::Query;

pub(crate) use super::values::stands_for;
pub(crate) use asked::{Asked, EXPRESSION_FIELDS, Entry, Sample, cell_field, cell_id, entry_field};

/// Members of an entry that look at rows, by their names in the API.
pub(crate) const EXPRESSIONS: [&str; 4] = [
    "ignore_insert_value_expr",
    "ignore_update_old_value_expr",
    "ignore_update_new_value_expr",
    "ignore_delete_value_expr",
];

/// What is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    /// Id of the field.
    pub(crate) field: String,
    /// Where it is, for people.
    pub(crate) place: String,
    pub(crate) problem: String,
}

/// What a member of an entry says to an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    /// Position from 0.
    pub(crate) entry: usize,
    /// `ignore_event`, `ignore_sql[2]`, ...
    pub(crate) member: String,
    /// What it says about: the event's name, the expression.
    pub(crate) text: String,
    pub(crate) drops: bool,
    /// Why it has no result: the changefeed would fail here.
    pub(crate) problem: String,
}

/// What becomes of an event.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Kept,
    Dropped,
    /// Of an update that moves a row to another key only the delete is left.
    OnlyDelete,
    /// Only the insert is left.
    OnlyInsert,
    /// The changefeed fails.
    Failed,
    /// The sample cannot be read.
    Unknown,
}

/// The verdict on one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// `Row 1: insert`, `drop table shop.orders`.
    pub(crate) title: String,
    pub(crate) fate: Fate,
    /// What each member said that was asked.
    pub(crate) said: Vec<Said>,
}

/// A statement and what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Statement {
    /// No schema change, and what it is instead.
    NoDdl(String),
    /// The name of the event and the verdict for each table or schema.
    Ddl {
        event: &'static str,
        verdicts: Vec<Verdict>,
    },
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Trial {
    pub(crate) faults: Vec<Fault>,
    /// Entries whose matcher selects the table.
    pub(crate) matching: Vec<usize>,
    pub(crate) rows: Vec<Verdict>,
    pub(crate) statement: Option<Statement>,
}

/// What is known about the table that was picked.
#[derive(Clone, Debug)]
pub(crate) enum Picked {
    /// None yet.
    Nothing,
    /// It cannot be used, with the reason.
    Unusable(String),
    Table(Arc<TableInfo>),
}

/// The page for a query.
///
/// # Errors
/// Those of [`Query::parse`].
pub(super) async fn answer(console: &Console, query: &str) -> Result<TriedOut, ConsoleError> {
    let mut asked = Asked::of(&Query::parse(query)?);
    let picked = pick(console, &asked.table).await;
    if let Picked::Table(table) = &picked {
        asked.read_cells(table);
    }
    let tables = console.tables().await;
    let tables = tables.as_ref().map_or(&[][..], |tables| tables);
    let names: Vec<String> = tables
        .iter()
        .filter(|table| table.unsupported.is_none())
        .map(|table| names::join(&table.schema, &table.table))
        .collect();
    let trial = try_events(&asked, &picked, console.service().zone());
    Ok(view::page(&asked, &picked, &names, &trial))
}

async fn pick(console: &Console, name: &str) -> Picked {
    if name.is_empty() {
        return Picked::Nothing;
    }
    let Some((schema, table)) = names::split(name) else {
        return Picked::Unusable(format!("{name} is no table: write schema.table."));
    };
    match console.service().table_info(&schema, &table).await {
        Ok(Some(table)) => Picked::Table(Arc::new(table)),
        Ok(None) => Picked::Unusable(format!(
            "There is no table {name}, or it can never be replicated."
        )),
        Err(error) => Picked::Unusable(ConsoleError::from(error).message),
    }
}

/// Tries the filters.
pub(crate) fn try_events(asked: &Asked, picked: &Picked, zone: &TimeZone) -> Trial {
    let mut trial = Trial::default();
    let members = members(asked, zone, &mut trial.faults);
    let whole = EventFilter::new(&asked.rules(), zone.clone()).ok().map(Arc::new);
    let whole = whole.as_ref();
    if let Picked::Table(table) = picked {
        let name = &table.name;
        let matches = |entry: &Entry| {
            TableFilter::new(&entry.matcher, true).is_ok_and(|matcher| {
                !entry.matcher.is_empty() && matcher.matches_table(&name.schema, &name.table)
            })
        };
        let entries = asked.entries.iter().enumerate();
        trial.matching = entries
            .filter(|(_, entry)| matches(entry))
            .map(|(number, _)| number)
            .collect();
        unbound(&members, table, &mut trial.faults);
        for (number, sample) in asked.samples.iter().enumerate() {
            let verdict = row(number, sample, table, &members, whole, zone, &mut trial.faults);
            trial.rows.push(verdict);
        }
    }
    trial.statement = statement(asked, picked, &members, whole);
    trial
}

/// One member of one entry, ready to be tried alone.
struct Member {
    entry: usize,
    name: String,
    text: String,
    filter: Arc<EventFilter>,
}

/// Every member that can be read; the others are faults.
fn members(asked: &Asked, zone: &TimeZone, faults: &mut Vec<Fault>) -> Vec<Member> {
    let mut members = Vec::new();
    for (entry, rule) in asked.entries.iter().enumerate() {
        // Without a matcher the members are checked all the same.
        let matcher = match TableFilter::parse(&rule.matcher, true) {
            Ok(_) => &rule.matcher[..],
            Err(error) => {
                let problem = format!(
                    "rule {}, column {}: {}",
                    error.rule + 1,
                    error.column,
                    error.problem
                );
                faults.push(fault(entry, "matcher", "matcher", problem));
                &[]
            }
        };
        for (name, field, text, alone) in alone(rule) {
            match EventFilter::new(&[EventRule { matcher, ..alone }], zone.clone()) {
                Ok(filter) => members.push(Member {
                    entry,
                    name,
                    text,
                    filter: Arc::new(filter),
                }),
                Err(error) => faults.push(fault(entry, field, &name, told(&error))),
            }
        }
    }
    members
}

/// Each member of an entry: its name, its field, what it says, and an entry that has nothing else.
fn alone(rule: &Entry) -> Vec<(String, &'static str, String, EventRule<'_>)> {
    let mut members = Vec::new();
    if !rule.ignore_event.is_empty() {
        let alone = EventRule {
            ignore_event: &rule.ignore_event,
            ..EventRule::default()
        };
        let text = rule.ignore_event.join(", ");
        members.push(("ignore_event".to_owned(), "event", text, alone));
    }
    for (number, sql) in rule.ignore_sql.iter().enumerate() {
        let alone = EventRule {
            ignore_sql: std::slice::from_ref(sql),
            ..EventRule::default()
        };
        members.push((format!("ignore_sql[{number}]"), "sql", sql.clone(), alone));
    }
    let expressions = rule.expressions.iter().enumerate();
    for (place, text) in expressions.filter(|(_, text)| !text.is_empty()) {
        let mut parts = [""; 4];
        parts[place] = text;
        let [insert, update_old, update_new, delete] = parts;
        let alone = EventRule {
            insert,
            update_old,
            update_new,
            delete,
            ..EventRule::default()
        };
        let name = EXPRESSIONS[place].to_owned();
        members.push((name, EXPRESSION_FIELDS[place], text.clone(), alone));
    }
    members
}

/// Expressions that do not suit the table.
fn unbound(members: &[Member], table: &Arc<TableInfo>, faults: &mut Vec<Fault>) {
    for member in members {
        if let Err(error) = member.filter.table_rules(table) {
            let place = EXPRESSIONS.iter().position(|name| *name == member.name);
            let field = place.map_or("matcher", |place| asked::EXPRESSION_FIELDS[place]);
            faults.push(fault(member.entry, field, &member.name, told(&error)));
        }
    }
}

fn fault(entry: usize, field: &str, member: &str, problem: String) -> Fault {
    Fault {
        field: asked::entry_field(entry, field),
        place: format!("Filter {}, {member}", entry + 1),
        // Tried alone, it was the first.
        problem: problem.replace("event_filters[0]", &format!("event_filters[{entry}]")),
    }
}

/// The error's text without its code.
fn told(error: &CdcError) -> String {
    error.message().to_owned()
}

/// The verdict on a sample row.
fn row(
    number: usize,
    sample: &Sample,
    table: &Arc<TableInfo>,
    members: &[Member],
    whole: Option<&Arc<EventFilter>>,
    zone: &TimeZone,
    faults: &mut Vec<Fault>,
) -> Verdict {
    let title = format!("Row {}: {}", number + 1, sample.word());
    let unknown = Verdict {
        title: title.clone(),
        fate: Fate::Unknown,
        said: Vec::new(),
    };
    let (Some(block), Some(whole)) = (block(number, sample, table, zone, faults), whole) else {
        return unknown;
    };
    let (fate, _) = fate(whole, &block);
    let said = members.iter().filter_map(|member| {
        let is_event = member.name == "ignore_event";
        let looks_at_rows = is_event || EXPRESSIONS.contains(&member.name.as_str());
        let rules = member.filter.table_rules(table).ok().flatten();
        if !looks_at_rows || rules.is_none() || !concerns(&member.name, &block) {
            return None;
        }
        let (alone, problem) = self::fate(&member.filter, &block);
        Some(Said {
            entry: member.entry,
            member: member.name.clone(),
            text: member.text.clone(),
            drops: !matches!(alone, Fate::Kept | Fate::Failed),
            problem,
        })
    });
    Verdict {
        title,
        fate,
        said: said.collect(),
    }
}

/// Whether a member looks at such a row. An update that changes the key is a delete and an insert.
fn concerns(member: &str, block: &RowBlock) -> bool {
    let op = block.op();
    let moves = op == RowOp::Update && changes_key(block);
    match member {
        "ignore_insert_value_expr" => op == RowOp::Insert || moves,
        "ignore_delete_value_expr" => op == RowOp::Delete || moves,
        "ignore_update_old_value_expr" | "ignore_update_new_value_expr" => op == RowOp::Update && !moves,
        _ => true,
    }
}

fn changes_key(block: &RowBlock) -> bool {
    let key = block.table().indexes.iter().find(|index| index.primary);
    let row = block.row(0);
    let (Some(key), Some(before), Some(after)) = (key, row.before(), row.after()) else {
        return false;
    };
    key.columns
        .iter()
        .any(|column| before.get(*column) != after.get(*column))
}

/// What a filter does with the one row of a block, and why it cannot.
fn fate(filter: &Arc<EventFilter>, block: &RowBlock) -> (Fate, String) {
    let mut blocks = vec![block.clone()];
    match RowFilter::new(Arc::clone(filter)).apply(&mut blocks, Ts::ZERO) {
        Err(error) => return (Fate::Failed, told(&error)),
        Ok(0) => return (Fate::Kept, String::new()),
        Ok(_) => {}
    }
    let fate = match blocks.first().map(RowBlock::op) {
        None => Fate::Dropped,
        Some(RowOp::Delete) => Fate::OnlyDelete,
        Some(_) => Fate::OnlyInsert,
    };
    (fate, String::new())
}

/// The row as the binlog would have it; nothing when a cell cannot be read.
fn block(
    number: usize,
    sample: &Sample,
    table: &Arc<TableInfo>,
    zone: &TimeZone,
    faults: &mut Vec<Fault>,
) -> Option<RowBlock> {
    let mut builder = RowBlockBuilder::new(Arc::clone(table), sample.op, Bytes::new());
    let before = faults.len();
    let images: &[(&str, &Vec<String>)] = &match sample.op {
        RowOp::Insert => vec![("n", &sample.new)],
        RowOp::Delete => vec![("o", &sample.old)],
        RowOp::Update => vec![("o", &sample.old), ("n", &sample.new)],
    };
    for (image, cells) in images {
        for (index, (column, typed)) in table.columns.iter().zip(cells.iter()).enumerate() {
            if let Err(problem) = values::push(&mut builder, column, typed, zone) {
                faults.push(Fault {
                    field: asked::cell_id(number, image, index),
                    place: format!("Row {}, {}", number + 1, column.name),
                    problem,
                });
            }
        }
    }
    (faults.len() == before).then(|| builder.finish())
}

/// What the statement is, and what becomes of it.
fn statement(
    asked: &Asked,
    picked: &Picked,
    members: &[Member],
    whole: Option<&Arc<EventFilter>>,
) -> Option<Statement> {
    let query = asked.ddl.trim();
    if query.is_empty() {
        return None;
    }
    let schema = match picked {
        Picked::Table(table) => table.name.schema.to_string(),
        _ => String::new(),
    };
    let ddl = match classify(query, &schema, false) {
        Classified::Ddl(ddl) => ddl,
        other => return Some(Statement::NoDdl(what(&other))),
    };
    let subjects = subjects(&ddl);
    let verdicts = subjects.iter().map(|(schema, table)| {
        let facts = DdlFacts {
            kind: ddl.kind,
            query,
            schema,
            table: table.as_deref(),
        };
        let said = members
            .iter()
            .filter(|member| !EXPRESSIONS.contains(&member.name.as_str()));
        let said = said.map(|member| Said {
            entry: member.entry,
            member: member.name.clone(),
            text: member.text.clone(),
            drops: member.filter.ignores_ddl(&facts),
            problem: String::new(),
        });
        Verdict {
            title: match table {
                Some(table) => names::join(schema, table),
                None => format!("schema {schema}"),
            },
            fate: match whole.map(|whole| whole.ignores_ddl(&facts)) {
                Some(true) => Fate::Dropped,
                Some(false) => Fate::Kept,
                None => Fate::Unknown,
            },
            said: said.collect(),
        }
    });
    Some(Statement::Ddl {
        event: ddl.kind.event_name(),
        verdicts: verdicts.collect(),
    })
}

/// Schema, and table where there is one, by their names before the statement.
fn subjects(ddl: &Ddl) -> Vec<(String, Option<String>)> {
    if let Some(schema) = &ddl.schema {
        return vec![(schema.clone(), None)];
    }
    let names = ddl
        .tables
        .iter()
        .map(|target| target.old_name.as_ref().unwrap_or(&target.name));
    names
        .map(|name| (name.schema.to_string(), Some(name.table.to_string())))
        .collect()
}

fn what(statement: &Classified) -> String {
    match statement {
        Classified::Ddl(_) => String::new(),
        Classified::Temporary => "It is about a temporary table, which is never replicated.".to_owned(),
        Classified::Control(_) => "It begins or ends a transaction.".to_owned(),
        Classified::Dml(_) => "It changes rows: rows are tried above.".to_owned(),
        Classified::Ignored(_) => "Such statements are never replicated.".to_owned(),
        Classified::Other(words) => format!("It is no schema change that is known: {words}"),
    }
}

#[cfg(test)]
mod tests;
