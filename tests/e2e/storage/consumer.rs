//! Reads what a storage sink wrote, as a consumer does: schema files and data files in the order that the layout
//! promises, turned into statements for a database.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::rows::{self, Change};

/// One step of the replay. Ordered by version, then what comes first within one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    version: u64,
    /// 0: the statement that made the version, 1: its rows.
    kind: u8,
    /// Date and number of a data file.
    place: PathBuf,
}

/// One table version.
pub(super) struct Columns {
    /// With its schema, quoted. Names of directories are escaped.
    target: String,
    pub(super) names: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) key: Vec<usize>,
}

/// The files below `root` as SQL.
pub(crate) fn statements(root: &Path) -> String {
    let mut steps: BTreeMap<Step, String> = BTreeMap::new();
    for file in files(root) {
        let parts: Vec<String> = file
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let name = parts.last().unwrap().clone();
        if let Some(rest) = name.strip_prefix("schema_") {
            let version = rest.split('_').next().unwrap().parse().unwrap();
            let schema = json(&root.join(&file));
            if let Some(sql) = statement(&schema, &parts) {
                steps.insert(
                    Step {
                        version,
                        kind: 0,
                        place: file,
                    },
                    sql,
                );
            }
        } else if name.starts_with("CDC0") {
            let version: u64 = parts[2].parse().unwrap();
            let columns = columns(root, &parts[0], &parts[1], version);
            let text = std::fs::read(root.join(&file)).unwrap();
            let changes = match name.rsplit('.').next() {
                Some("csv") => rows::csv(&String::from_utf8(text).unwrap(), &columns),
                _ => rows::canal_json(&String::from_utf8(text).unwrap(), &columns),
            };
            let sql = changes
                .iter()
                .map(|change| change_statement(&columns, change))
                .collect();
            steps.insert(
                Step {
                    version,
                    kind: 1,
                    place: file,
                },
                sql,
            );
        }
    }
    steps.into_values().collect()
}

/// The checkpoint in `metadata`; 0 while there is none.
pub(crate) fn checkpoint(root: &Path) -> u64 {
    let Ok(text) = std::fs::read(root.join("metadata")) else {
        return 0;
    };
    let value: Value = serde_json::from_slice(&text).unwrap();
    value["checkpoint-ts"].as_u64().unwrap()
}

/// The index of each directory of data files names the newest of them.
pub(crate) fn check_indexes(root: &Path) {
    let files = files(root);
    for index in files.iter().filter(|file| file.ends_with("meta/CDC.index")) {
        let dir = index.parent().unwrap().parent().unwrap();
        let newest = files
            .iter()
            .filter(|file| file.parent() == Some(dir))
            .max()
            .unwrap_or_else(|| panic!("{} without data", dir.display()));
        let named = std::fs::read_to_string(root.join(index)).unwrap();
        assert_eq!(
            named.trim_end(),
            newest.file_name().unwrap().to_string_lossy(),
            "{}",
            dir.display()
        );
    }
}

/// Every file below `root`, relative to it.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(dir) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The statement of a schema file; none when no statement made it.
fn statement(schema: &Value, parts: &[String]) -> Option<String> {
    let query = schema["Query"].as_str().filter(|query| !query.is_empty())?;
    // The schema that a statement makes or drops cannot be used.
    let on_schema = parts.len() == 3;
    let using = if on_schema {
        String::new()
    } else {
        format!("USE `{}`; ", schema["Schema"].as_str().unwrap())
    };
    Some(format!("{using}{query};\n"))
}

fn columns(root: &Path, schema: &str, table: &str, version: u64) -> Columns {
    let meta = root.join(schema).join(table).join("meta");
    let described = std::fs::read_dir(&meta)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(&format!("schema_{version}_")))
        .map(|path| json(&path))
        .find(|schema| schema["TableColumns"].is_array())
        .unwrap_or_else(|| panic!("no schema of {schema}.{table} {version}"));
    let list = described["TableColumns"].as_array().unwrap();
    let text = |column: &Value, name: &str| column[name].as_str().unwrap_or_default().to_owned();
    Columns {
        target: format!("`{}`.`{}`", text(&described, "Schema"), text(&described, "Table")),
        names: list.iter().map(|column| text(column, "ColumnName")).collect(),
        types: list.iter().map(|column| text(column, "ColumnType")).collect(),
        key: (0..list.len())
            .filter(|&at| text(&list[at], "ColumnIsPk") == "true")
            .collect(),
    }
}

fn change_statement(columns: &Columns, change: &Change) -> String {
    let target = &columns.target;
    let mut sql = String::new();
    if let Some(old) = &change.gone {
        // Without a primary key the whole row tells which.
        let all: Vec<usize> = (0..columns.names.len()).collect();
        let key = if columns.key.is_empty() {
            &all
        } else {
            &columns.key
        };
        let is: Vec<String> = key
            .iter()
            .map(|&at| format!("`{}` <=> {}", columns.names[at], old[at]))
            .collect();
        writeln!(sql, "DELETE FROM {target} WHERE {} LIMIT 1;", is.join(" AND ")).unwrap();
    }
    if let Some(new) = &change.is {
        let names: Vec<String> = columns.names.iter().map(|name| format!("`{name}`")).collect();
        writeln!(
            sql,
            "REPLACE INTO {target} ({}) VALUES ({});",
            names.join(","),
            new.join(",")
        )
        .unwrap();
    }
    sql
}
