//! Names the first row that differs, and everything the upstream's log says about it.

use std::path::Path;

use tidegate_mariadb::Server;
use tokio::process::Command;

/// Fails with the first difference between the two.
pub(super) async fn fail(upstream: &Server, downstream: &Server, schema: &str, dir: &Path) -> ! {
    let list = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' ORDER BY 1"
    );
    let tables = upstream.sql(&list).await.unwrap();
    assert_eq!(tables, downstream.sql(&list).await.unwrap(), "tables differ");
    for table in tables.lines() {
        let create = format!("SHOW CREATE TABLE {schema}.{table}");
        let (left, right) = (
            upstream.sql(&create).await.unwrap(),
            downstream.sql(&create).await.unwrap(),
        );
        let rows = format!("SELECT * FROM {schema}.{table} ORDER BY 1, 2");
        let (expected, actual) = (
            upstream.sql(&rows).await.unwrap(),
            downstream.sql(&rows).await.unwrap(),
        );
        if let Some((row, other)) = first_difference(&expected, &actual) {
            let key = row
                .or(other)
                .and_then(|row| row.split('\t').next())
                .unwrap_or_default();
            let history = history(dir, schema, table, key).await;
            panic!(
                "{schema}.{table} differs first at key {key}\nupstream:   {}\ndownstream: {}\nhistory:\n{history}",
                shorten(row),
                shorten(other)
            );
        }
        assert_eq!(left, right, "the definition of {table} differs");
    }
    panic!("checksums differ, rows do not");
}

fn first_difference<'a>(expected: &'a str, actual: &'a str) -> Option<(Option<&'a str>, Option<&'a str>)> {
    let (mut left, mut right) = (expected.lines(), actual.lines());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return None,
            (row, other) if row != other => return Some((row, other)),
            _ => {}
        }
    }
}

fn shorten(row: Option<&str>) -> String {
    row.map_or("no row".to_owned(), |row| row.chars().take(200).collect())
}

/// Changes of the rows whose first column is `key`, with their positions, from the logs of both upstream servers.
async fn history(dir: &Path, schema: &str, table: &str, key: &str) -> String {
    let mut found = Vec::new();
    for server in ["primary", "replica"] {
        let mut logs: Vec<_> = std::fs::read_dir(dir.join(server))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|number| number.to_string_lossy().parse::<u32>().is_ok())
            })
            .collect();
        logs.sort();
        for log in logs {
            let output = Command::new("mariadb-binlog")
                .args(["--no-defaults", "--base64-output=decode-rows", "--verbose"])
                .arg(&log)
                .output()
                .await
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.extend(
                changes(&text, &format!("`{schema}`.`{table}`"), key)
                    .map(|change| format!("{server}/{name} {change}")),
            );
        }
    }
    found.join("\n")
}

/// Row changes in the text that `mariadb-binlog --verbose` prints.
fn changes<'a>(text: &'a str, table: &'a str, key: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut at = "";
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if line.starts_with("# at ") {
            at = line;
        }
        let Some(line) = line.strip_prefix("### ") else {
            continue;
        };
        if ["INSERT INTO", "UPDATE", "DELETE FROM"]
            .iter()
            .any(|verb| line.starts_with(verb))
        {
            blocks.push((at, Vec::new()));
        }
        if let Some((_, lines)) = blocks.last_mut() {
            lines.push(line.trim());
        }
    }
    let first = format!("@1={key}");
    blocks
        .into_iter()
        .filter(move |(_, lines)| {
            lines.first().is_some_and(|line| line.contains(table)) && lines.contains(&first.as_str())
        })
        .map(|(at, lines)| format!("{at}: {}", lines.join(" ").chars().take(400).collect::<String>()))
}
