//! What the address of the tester says.

use tidegate_filter::EventRule;
use tidegate_model::{RowOp, TableInfo};

use crate::fns::form;
use crate::fns::query::Query;

/// Filters and sample rows at once.
const ENTRIES_MAX: usize = 20;
const SAMPLES_MAX: usize = 20;

/// Fields of the four expressions, in the order of their members.
pub(crate) const EXPRESSION_FIELDS: [&str; 4] = ["insert", "old", "new", "delete"];

/// Name and id of a field of a filter.
pub(crate) fn entry_field(entry: usize, field: &str) -> String {
    format!("f{entry}.{field}")
}

/// Id of a cell, by the place of its column: a name may have blanks. `image`: `o` for the old row, `n` for the new one.
pub(crate) fn cell_id(sample: usize, image: &str, column: usize) -> String {
    format!("r{sample}.{image}-{column}")
}

/// Name of a cell.
pub(crate) fn cell_field(sample: usize, image: &str, column: &str) -> String {
    format!("r{sample}.{image}.{column}")
}

/// One event filter as typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) matcher: Vec<String>,
    pub(crate) ignore_event: Vec<String>,
    pub(crate) ignore_sql: Vec<String>,
    /// In the order of the members.
    pub(crate) expressions: [String; 4],
}

/// One sample row as typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    pub(crate) op: RowOp,
    /// A text for each column of the table.
    pub(crate) old: Vec<String>,
    pub(crate) new: Vec<String>,
}

impl Sample {
    /// The operation in a word.
    pub(crate) const fn word(&self) -> &'static str {
        match self.op {
            RowOp::Insert => "insert",
            RowOp::Update => "update",
            RowOp::Delete => "delete",
        }
    }
}

/// What the address asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    query: Query,
    /// Name of the table that was picked, as typed; may be empty.
    pub(crate) table: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) ddl: String,
}

impl Asked {
    /// Everything but the cells, for which the columns must be known.
    pub(crate) fn of(query: &Query) -> Self {
        let mut entries: Vec<Entry> = (0..count(query, "filters", 1, ENTRIES_MAX))
            .map(|entry| read_entry(query, entry))
            .collect();
        let mut query = query.clone();
        match query.get("do").split_once(' ') {
            Some(("add", "filter")) if entries.len() < ENTRIES_MAX => entries.push(Entry::default()),
            Some(("add", "row")) => {
                let rows = count(&query, "rows", 1, SAMPLES_MAX);
                query = query.with("rows", &(rows + 1).min(SAMPLES_MAX).to_string());
            }
            Some(("drop", entry)) => {
                if let Ok(entry) = entry.parse::<usize>()
                    && entry < entries.len()
                {
                    entries.remove(entry);
                }
            }
            _ => {}
        }
        Asked {
            table: query.get("table").trim().to_owned(),
            ddl: query.get("ddl").to_owned(),
            entries,
            samples: Vec::new(),
            query,
        }
    }

    /// The sample rows of a table.
    pub(crate) fn read_cells(&mut self, table: &TableInfo) {
        let query = &self.query;
        let read = |number: usize| {
            let cells = |image: &str| {
                let columns = table.columns.iter();
                columns
                    .map(|column| query.get(&cell_field(number, image, &column.name)).to_owned())
                    .collect()
            };
            Sample {
                op: match query.get(&format!("r{number}.op")) {
                    "update" => RowOp::Update,
                    "delete" => RowOp::Delete,
                    _ => RowOp::Insert,
                },
                old: cells("o"),
                new: cells("n"),
            }
        };
        let mut samples: Vec<Sample> = (0..count(query, "rows", 1, SAMPLES_MAX)).map(read).collect();
        if let Some(("cut", row)) = query.get("do").split_once(' ')
            && let Ok(row) = row.parse::<usize>()
            && row < samples.len()
        {
            samples.remove(row);
        }
        self.samples = samples;
    }

    /// The filters for the engine.
    pub(crate) fn rules(&self) -> Vec<EventRule<'_>> {
        self.entries.iter().map(Entry::rule).collect()
    }
}

impl Entry {
    fn rule(&self) -> EventRule<'_> {
        let [insert, update_old, update_new, delete] = &self.expressions;
        EventRule {
            matcher: &self.matcher,
            ignore_event: &self.ignore_event,
            ignore_sql: &self.ignore_sql,
            insert,
            update_old,
            update_new,
            delete,
        }
    }
}

/// How many there are of something; `default` when the address does not say.
fn count(query: &Query, name: &str, default: usize, max: usize) -> usize {
    query.get(name).parse().unwrap_or(default).min(max)
}

fn read_entry(query: &Query, entry: usize) -> Entry {
    let field = |name: &str| query.get(&entry_field(entry, name)).to_owned();
    let events = field("event");
    Entry {
        matcher: form::rules(&field("matcher")),
        ignore_event: events
            .split([',', '\n'])
            .map(|event| event.trim().to_owned())
            .filter(|event| !event.is_empty())
            .collect(),
        ignore_sql: form::rules(&field("sql")),
        expressions: EXPRESSION_FIELDS.map(|name| field(name).trim().to_owned()),
    }
}
