//! Reads the csv files of a storage sink as a consumer does, and turns them into statements.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What [`statements`] expects.
pub(super) fn config(schema: &str) -> Value {
    json!({
        "filter": {"rules": [format!("{schema}.*")]},
        "sink": {"date_separator": "none", "csv": {"delimiter": ",", "quote": "\"", "null": "\\N", "include_commit_ts": true}},
    })
}

/// Values of a row as SQL literals.
#[derive(Debug, Clone)]
struct Row {
    values: Vec<String>,
}

/// One table version: what made it, and its rows.
#[derive(Debug, Default)]
struct Version {
    statement: String,
    columns: Vec<String>,
    key: Vec<usize>,
    /// By file name.
    files: BTreeMap<String, PathBuf>,
}

/// All schema changes and rows below `root`, in the order of the versions.
pub(super) fn statements(root: &Path, schema: &str) -> String {
    // Version first: a schema change is a barrier between the rows before and behind it.
    let mut versions: BTreeMap<(u64, String), Version> = BTreeMap::new();
    for path in walk(&root.join(schema)) {
        let relative = path.strip_prefix(root.join(schema)).unwrap();
        let parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
        match parts.as_slice() {
            ["meta", file] => read_schema(&path, file, "", &mut versions),
            [table, "meta", file] => read_schema(&path, file, table, &mut versions),
            [table, version, file] if file.starts_with("CDC") => {
                let version = version.parse().unwrap();
                let of = versions.entry((version, (*table).to_owned())).or_default();
                of.files.insert((*file).to_owned(), path.clone());
            }
            _ => {}
        }
    }
    let mut at_once: BTreeMap<u64, Vec<(String, Version)>> = BTreeMap::new();
    for ((number, table), version) in versions {
        at_once.entry(number).or_default().push((table, version));
    }
    let mut sql = String::new();
    for tables in at_once.into_values() {
        let tables = in_order(tables);
        for (table, version) in &tables {
            if table.is_empty() {
                writeln!(sql, "{};", version.statement).unwrap();
            } else if !version.statement.is_empty() {
                writeln!(sql, "USE {schema}; {};", version.statement).unwrap();
            }
        }
        for (table, version) in tables.iter().filter(|(table, _)| !table.is_empty()) {
            rows(&format!("{schema}.{table}"), version, &mut sql);
        }
    }
    sql
}

/// The tables of one version. Where one statement renamed several, a name without columns was on the way only: it is
/// taken first, and the next rename is always that which takes the name that has become free.
fn in_order(mut tables: Vec<(String, Version)>) -> Vec<(String, Version)> {
    let mut ordered = Vec::new();
    let mut free: Option<String> = None;
    while !tables.is_empty() {
        let on_the_way =
            |(_, version): &(String, Version)| old_name(version).is_some() && version.columns.is_empty();
        let next = tables
            .iter()
            .position(|(name, _)| free.as_ref() == Some(name))
            .or_else(|| tables.iter().position(on_the_way))
            .unwrap_or(0);
        let table = tables.remove(next);
        free = old_name(&table.1);
        ordered.push(table);
    }
    ordered
}

/// The table that the version was called before, without its schema.
fn old_name(version: &Version) -> Option<String> {
    let (old, _) = version
        .statement
        .strip_prefix("RENAME TABLE ")?
        .split_once(" TO ")?;
    Some(old.rsplit('.').next()?.trim_matches('`').to_owned())
}

fn read_schema(path: &Path, file: &str, table: &str, versions: &mut BTreeMap<(u64, String), Version>) {
    let Some(rest) = file.strip_prefix("schema_") else {
        return;
    };
    let number = rest.split('_').next().unwrap().parse().unwrap();
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let version = versions.entry((number, table.to_owned())).or_default();
    if let Some(query) = file["Query"].as_str().filter(|query| !query.is_empty()) {
        query.clone_into(&mut version.statement);
    }
    let columns = file["TableColumns"].as_array().map_or(&[][..], Vec::as_slice);
    if !columns.is_empty() {
        let text = |column: &Value, name: &str| column[name].as_str().unwrap_or_default().to_owned();
        version.columns = columns.iter().map(|column| text(column, "ColumnName")).collect();
        let is_key = |&at: &usize| text(&columns[at], "ColumnIsPk") == "true";
        version.key = (0..columns.len()).filter(is_key).collect();
    }
}

/// The rows of one version: what each key ends as. Files may hold a change twice, from some point on and in order.
fn rows(target: &str, version: &Version, sql: &mut String) {
    let mut last: BTreeMap<Vec<String>, Option<Row>> = BTreeMap::new();
    for path in version.files.values() {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let mut fields = split(line);
            // Operation, table, schema, commit-ts.
            let values = fields.split_off(4);
            let key: Vec<String> = version.key.iter().map(|&at| values[at].clone()).collect();
            assert!(!key.is_empty(), "{target} has no key");
            let row = (fields[0] != "'D'").then_some(Row { values });
            last.insert(key, row);
        }
    }
    let named = |key: &[String]| -> String {
        let parts = version.key.iter().zip(key);
        let parts: Vec<String> = parts
            .map(|(&at, value)| format!("{} = {value}", version.columns[at]))
            .collect();
        parts.join(" AND ")
    };
    // All old rows go before the first new one comes: unique values may have changed places.
    sql.push_str("BEGIN;\n");
    for key in last.keys() {
        writeln!(sql, "DELETE FROM {target} WHERE {};", named(key)).unwrap();
    }
    let columns = version.columns.join(",");
    for row in last.values().flatten() {
        writeln!(
            sql,
            "INSERT INTO {target} ({columns}) VALUES ({});",
            row.values.join(",")
        )
        .unwrap();
    }
    sql.push_str("COMMIT;\n");
}

/// Fields of a line as SQL literals. The workload writes no quotes and no line ends.
fn split(line: &str) -> Vec<String> {
    line.split(',')
        .map(|field| match field {
            "\\N" => "NULL".to_owned(),
            text => text.replace('"', "'"),
        })
        .collect()
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}
