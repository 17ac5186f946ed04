//! What is measured: many rows of a table of 20 columns, in transactions of 5,000.

use std::time::Duration;

use anyhow::{Context, Result};
use tidegate_mariadb::Server;

use super::Measure;
use super::tidegate::Tidegate;

pub(super) const TABLE: &str = "
    CREATE DATABASE bench;
    CREATE TABLE bench.wide (
      id BIGINT PRIMARY KEY, a INT, b INT UNSIGNED, c BIGINT, d SMALLINT, e TINYINT,
      price DECIMAL(12,2), rate DOUBLE, ratio FLOAT, day DATE,
      at DATETIME(3), changed TIMESTAMP NULL, flag BIT(1), kind ENUM('a','b','c'), code CHAR(8),
      name VARCHAR(60), city VARCHAR(40), note VARCHAR(120), raw VARBINARY(32), body TEXT)";
const TRANSACTION_ROWS: u64 = 5_000;

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
    /// Writes `rows` rows, rounded up to whole transactions.
    pub(super) async fn run(upstream: &Server, tidegate: &Tidegate, rows: u64) -> Result<Self> {
        let transactions = rows.div_ceil(TRANSACTION_ROWS);
        // In a log of its own, so that its size is that of the load.
        upstream.sql("FLUSH BINARY LOGS").await?;
        let before = binlogs(upstream).await?;
        let (current, _) = before.last().context("no binlog")?;
        let start_ts = tidegate.tso()?;
        for number in 0..transactions {
            let (first, last) = (number * TRANSACTION_ROWS + 1, (number + 1) * TRANSACTION_ROWS);
            upstream.sql(&insert(first, last)).await?;
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
            rows: transactions * TRANSACTION_ROWS,
            start_ts,
            end_ts,
            bytes,
            files,
        })
    }

    pub(super) fn binlog_files(&self) -> &[String] {
        &self.files
    }

    /// A measure of this load that still lacks name and time.
    pub(super) fn measure(&self) -> Measure {
        Measure {
            name: "",
            rows: self.rows,
            bytes: self.bytes,
            took: Duration::ZERO,
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
