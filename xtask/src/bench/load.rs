//! What is measured: many rows of a table of 20 columns, in transactions of 5,000 or of one.

use std::time::Duration;

use anyhow::{Context, Result};
use tidegate_mariadb::Server;

use super::report::Measure;
use super::tidegate::Tidegate;

pub(super) const TABLE: &str = "
    CREATE DATABASE bench;
    CREATE TABLE bench.wide (
      id BIGINT PRIMARY KEY, a INT, b INT UNSIGNED, c BIGINT, d SMALLINT, e TINYINT,
      price DECIMAL(12,2), rate DOUBLE, ratio FLOAT, day DATE,
      at DATETIME(3), changed TIMESTAMP NULL, flag BIT(1), kind ENUM('a','b','c'), code CHAR(8),
      name VARCHAR(60), city VARCHAR(40), note VARCHAR(120), raw VARBINARY(32), body TEXT)";
const TRANSACTION_ROWS: u64 = 5_000;

/// How the rows of a load are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Inserts, 5,000 a transaction.
    Bulk,
    /// One row a transaction: of ten changes six insert, three update and one deletes.
    Small,
}

impl Shape {
    /// Statements with about `rows` changes, and how many they have.
    fn statements(self, rows: u64) -> (Vec<String>, u64) {
        let batches = rows.div_ceil(TRANSACTION_ROWS);
        let bounds = |batch: u64| (batch * TRANSACTION_ROWS + 1, (batch + 1) * TRANSACTION_ROWS);
        let statement = |batch| {
            let (first, last) = bounds(batch);
            match self {
                Self::Bulk => insert(first, last),
                Self::Small => (first..=last).fold("USE bench;".to_owned(), |sql, n| sql + &change(n)),
            }
        };
        ((0..batches).map(statement).collect(), batches * TRANSACTION_ROWS)
    }
}

/// The `n`th change of one row.
fn change(n: u64) -> String {
    // Six new rows in each ten; the others touch rows of the ten before.
    let earlier = |step: u64| n.saturating_sub(10 + step).max(1);
    match n % 10 {
        0..=5 => format!(
            "INSERT INTO wide VALUES ({n},{n},{n},{n},7,1,12.5,0.25,0.5,'2020-01-02','2020-01-02 03:04:05.678',\
             '2021-01-02 03:04:05',1,'b','code','name {n}','city','note {n}','raw','body of {n}');"
        ),
        6..=8 => format!(
            "UPDATE wide SET b = b + 1, note = 'changed' WHERE id = {};",
            earlier(5)
        ),
        _ => format!("DELETE FROM wide WHERE id = {};", earlier(4)),
    }
}

/// A load that has been written.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) rows: u64,
    /// A moment before it and one after it.
    pub(super) start_ts: u64,
    pub(super) end_ts: u64,
    /// Binlog bytes.
    bytes: u64,
    files: Vec<String>,
}

impl Load {
    /// Writes about `rows` changes, rounded up to a multiple of 5,000.
    pub(super) async fn run(upstream: &Server, tidegate: &Tidegate, shape: Shape, rows: u64) -> Result<Self> {
        let (statements, rows) = shape.statements(rows);
        // In a log of its own, so that its size is that of the load.
        upstream.sql("FLUSH BINARY LOGS").await?;
        let before = binlogs(upstream).await?;
        let (current, _) = before.last().context("no binlog")?;
        let start_ts = tidegate.tso()?;
        for statement in &statements {
            upstream.sql(statement).await?;
        }
        // The clock of a binlog has a resolution of one second.
        upstream.sql("DO SLEEP(2)").await?;
        let end_ts = tidegate.tso()? - (1 << 18) * 1000;
        let after: Vec<_> = binlogs(upstream)
            .await?
            .into_iter()
            .skip_while(|(name, _)| name != current)
            .collect();
        let bytes = after.iter().map(|(_, size)| size).sum();
        let files = after.into_iter().map(|(name, _)| name).collect();
        Ok(Self {
            rows,
            start_ts,
            end_ts,
            bytes,
            files,
        })
    }

    pub(super) fn binlog_files(&self) -> &[String] {
        &self.files
    }

    /// What it means that somebody `took` so long for this load.
    pub(super) fn measure(&self, name: &str, took: Duration) -> Measure {
        Measure {
            name: name.to_owned(),
            rows: self.rows,
            bytes: self.bytes,
            took,
            peak_rss_bytes: None,
        }
    }
}

async fn binlogs(upstream: &Server) -> Result<Vec<(String, u64)>> {
    let text = upstream.sql("SHOW BINARY LOGS").await?;
    let parse = |line: &str| -> Option<(String, u64)> {
        let (name, size) = line.split_once('\t')?;
        Some((name.to_owned(), size.split('\t').next()?.parse().ok()?))
    };
    text.lines()
        .map(|line| parse(line).with_context(|| line.to_owned()))
        .collect()
}

fn insert(first: u64, last: u64) -> String {
    format!(
        "USE bench; INSERT INTO wide SELECT seq, seq * 7, seq, seq * 1000003, seq % 30000, seq % 100, seq / 100, seq / 3, seq / 7,
           DATE '2020-01-01' + INTERVAL seq % 2000 DAY, TIMESTAMP '2020-01-01 00:00:00' + INTERVAL seq SECOND,
           TIMESTAMP '2021-01-01 00:00:00' + INTERVAL seq SECOND, seq % 2, 1 + seq % 3, LPAD(seq, 8, '0'),
           CONCAT('name of row ', seq), CONCAT('city ', seq % 1000), REPEAT('note ', seq % 20), UNHEX(MD5(seq)),
           REPEAT('body text ', seq % 12)
         FROM seq_{first}_to_{last}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_changes_touch_rows_that_exist() {
        let (statements, rows) = Shape::Small.statements(1);
        assert_eq!((statements.len(), rows), (1, 5_000));
        assert!(change(21).starts_with("INSERT INTO wide VALUES (21,"));
        // 27 - 15 = 12 and 29 - 14 = 15 were inserted.
        assert!(change(27).ends_with("WHERE id = 12;"), "{}", change(27));
        assert!(change(29).ends_with("WHERE id = 15;"), "{}", change(29));
    }
}
