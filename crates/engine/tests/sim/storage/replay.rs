//! Reads the files as a consumer does.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use tidegate_model::{DdlEvent, DdlKind, Ts};
use tidegate_testkit::{Files, History, Op, Rows};

use super::scenario::Scenario;

/// A table as a consumer has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Table {
    columns: usize,
    rows: Rows,
}

pub(crate) type Tables = BTreeMap<String, Table>;

/// What the consumer does with rows that it has seen before.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Again {
    /// Passes over what is older than the newest row of the table.
    Skip,
    /// Applies them again.
    Apply,
}

/// One row of a data file.
pub(crate) struct Change {
    commit_ts: Ts,
    is_gone: bool,
    row: Vec<i64>,
}

/// Where a step stands among all: by version; what made the version comes before its rows; then date and number.
type Place<'a> = (Ts, bool, &'a str);

/// The upstream's tables at `ts`.
pub(crate) fn upstream(history: &History, ts: Ts) -> Tables {
    let step = history.steps_until(ts);
    let state = history.states(step, step).next().into_iter().flatten();
    let wanted = state.filter(|(name, _)| Scenario::wants(name));
    wanted
        .map(|(name, table)| {
            let columns = table.info.columns.len();
            let rows = table.rows.clone();
            (name.clone(), Table { columns, rows })
        })
        .collect()
}

/// Data files that were read, with their content then.
pub(crate) type Known = BTreeMap<String, (Arc<[u8]>, Arc<Vec<Change>>)>;

/// The tables that the files make, up to `until`.
///
/// # Errors
/// What a consumer cannot make sense of.
pub(crate) fn tables(
    files: &Files,
    known: &mut Known,
    history: &History,
    until: Ts,
    again: Again,
) -> Result<Tables, String> {
    let mut tables = upstream(history, Ts::from_physical_ms(history.start_ms));
    let mut steps: BTreeMap<Place<'_>, Arc<Vec<Change>>> = BTreeMap::new();
    let mut versions: BTreeMap<Ts, BTreeSet<String>> = BTreeMap::new();
    for (path, content) in files {
        let parts: Vec<&str> = path.split('/').collect();
        let name = parts[parts.len() - 1];
        if let Some(rest) = name.strip_prefix("schema_") {
            let version = number(rest.split('_').next().unwrap_or_default())?;
            let schema: Value =
                serde_json::from_slice(content).map_err(|error| format!("{path}: {error}"))?;
            if schema["TableVersion"].as_u64() != Some(version.as_u64()) {
                return Err(format!("{path} is of version {}", schema["TableVersion"]));
            }
            if schema["Query"] != "" {
                versions.entry(version).or_default().insert(parts[1].to_owned());
            }
        } else if name.starts_with("CDC") && name != "CDC.index" && !name.ends_with(".tmp") {
            let version = number(parts.get(2).copied().unwrap_or_default())?;
            let before = known.get(path).filter(|(before, _)| before == content);
            let changes = match before {
                Some((_, changes)) => Arc::clone(changes),
                None => Arc::new(changes(path, content)?),
            };
            known.insert(path.clone(), (Arc::clone(content), Arc::clone(&changes)));
            steps.insert((version, true, path), changes);
        }
    }
    let mut ddls = BTreeMap::new();
    for step in &history.steps {
        if let Op::Ddl(ddl) = &step.op
            && is_complete(ddl, versions.get(&ddl.commit_ts))?
        {
            ddls.insert((ddl.commit_ts, false, ""), ddl);
            steps.insert((ddl.commit_ts, false, ""), Arc::default());
        }
    }
    let mut newest: BTreeMap<String, Ts> = BTreeMap::new();
    for (place, changes) in steps.range(..(until.plus(1), false, "")) {
        if let Some(ddl) = ddls.get(place) {
            apply_ddl(&mut tables, ddl);
            continue;
        }
        let table = place.2.split('/').nth(1).unwrap_or_default();
        let newest = newest.entry(table.to_owned()).or_default();
        for change in &**changes {
            let is_old = change.commit_ts < *newest;
            *newest = change.commit_ts.max(*newest);
            if change.commit_ts > until || (is_old && again == Again::Skip) {
                continue;
            }
            let Some(table) = tables.get_mut(table) else {
                return Err(format!("{} has rows of a table that does not exist", place.2));
            };
            apply(table, change).map_err(|why| format!("{}: {why}", place.2))?;
        }
    }
    Ok(tables)
}

fn number(text: &str) -> Result<Ts, String> {
    text.parse().map_err(|_| format!("{text:?} is no version"))
}

/// Whether each table of a schema change has its file. Some without others are not complete yet.
fn is_complete(ddl: &DdlEvent, found: Option<&BTreeSet<String>>) -> Result<bool, String> {
    let Some(found) = found else { return Ok(false) };
    let mut tables: BTreeSet<String> = ddl
        .tables
        .iter()
        .map(|table| table.name.table.to_string())
        .collect();
    if !found.is_subset(&tables) {
        return Err(format!("{} has files for {found:?}, not {tables:?}", ddl.query));
    }
    tables.retain(|table| !found.contains(table));
    Ok(tables.is_empty())
}

fn apply_ddl(tables: &mut Tables, ddl: &DdlEvent) {
    for changed in &ddl.tables {
        let name = changed.name.table.to_string();
        let old = changed.old_name.as_ref().map_or(&*name, |old| &*old.table);
        let found = tables.remove(old);
        let Some(info) = &changed.info else { continue };
        let mut table = Table {
            columns: info.columns.len(),
            rows: Rows::new(),
        };
        if let Some(found) = found.filter(|_| ddl.kind != DdlKind::TruncateTable) {
            table.rows = found.rows;
            table
                .rows
                .values_mut()
                .for_each(|row| row.resize(table.columns, 0));
        }
        tables.insert(name, table);
    }
}

fn apply(table: &mut Table, change: &Change) -> Result<(), String> {
    let key = *change.row.first().ok_or("a row without columns")?;
    if change.row.len() != table.columns {
        return Err(format!(
            "a row of {} columns for a table of {}",
            change.row.len(),
            table.columns
        ));
    }
    if change.is_gone {
        table.rows.remove(&key);
    } else {
        table.rows.insert(key, change.row.clone());
    }
    Ok(())
}

fn changes(path: &str, content: &[u8]) -> Result<Vec<Change>, String> {
    let text = std::str::from_utf8(content).map_err(|error| format!("{path}: {error}"))?;
    let Some(text) = text.strip_suffix("\r\n") else {
        return Err(format!("{path} ends within a row"));
    };
    let one = |line: &str| {
        let change = if path.ends_with(".csv") {
            csv(line)
        } else {
            json(line)
        };
        change.ok_or_else(|| format!("{path}: {line:?} cannot be read"))
    };
    text.split("\r\n").map(one).collect()
}

/// `"I","orders","shop",449463347904512000,1,2`
fn csv(line: &str) -> Option<Change> {
    const COLUMNS: Range<usize> = 4..usize::MAX;
    let parts: Vec<&str> = line.split(',').collect();
    let numbers = parts.get(COLUMNS.start..)?.iter().map(|text| text.parse().ok());
    Some(Change {
        commit_ts: parts.get(3)?.parse().ok()?,
        is_gone: *parts.first()? == "\"D\"",
        row: numbers.collect::<Option<_>>()?,
    })
}

fn json(line: &str) -> Option<Change> {
    let value: Value = serde_json::from_str(line).ok()?;
    let row = value["data"][0].as_object()?;
    let columns = (0..row.len()).map(|at| {
        let name = if at == 0 {
            "id".to_owned()
        } else {
            format!("c{at}")
        };
        row.get(&name)?.as_str()?.parse().ok()
    });
    Some(Change {
        commit_ts: Ts::from_u64(value["_tidb"]["commitTs"].as_u64()?),
        is_gone: value["type"] == "DELETE",
        row: columns.collect::<Option<_>>()?,
    })
}
