//! Many writers at once: random transactions over unique keys that change hands end in the same tables.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod pair;

use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tempfile::TempDir;
use tidegate_api::ResumeChangefeed;
use tidegate_mariadb::Server;
use tokio::time::sleep;

use crate::pair::{Process, id, request, servers, start, until};

/// Transactions between two looks.
const TRANSACTIONS: u32 = 400;

const TABLES: &str = "CREATE DATABASE p; USE p;
    CREATE TABLE one (id INT PRIMARY KEY, u VARCHAR(20) COLLATE utf8mb4_general_ci, n INT,
        at TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY u (u));
    CREATE TABLE two (a INT, b VARCHAR(10) COLLATE utf8mb4_unicode_ci, c INT, d INT, PRIMARY KEY (a, b),
        UNIQUE KEY cd (c, d));
    CREATE TABLE prefix (k VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, t VARCHAR(50) COLLATE utf8mb4_general_ci,
        UNIQUE KEY t3 (t(3)));
    CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20), n INT);
    CREATE TABLE keyless (x INT, y VARCHAR(10));";

/// What both servers must agree on.
const QUERIES: [&str; 5] = [
    "SELECT * FROM p.one ORDER BY id",
    "SELECT * FROM p.two ORDER BY a, b",
    "SELECT * FROM p.prefix ORDER BY k",
    "SELECT * FROM p.plain ORDER BY id",
    "SELECT * FROM p.keyless ORDER BY x, BINARY y",
];

const SCHEMA_CHANGES: [&str; 6] = [
    "ALTER TABLE one DROP INDEX IF EXISTS u;\n",
    "UPDATE one SET u = NULL; ALTER TABLE one ADD UNIQUE KEY IF NOT EXISTS u (u);\n",
    "ALTER TABLE two ADD COLUMN IF NOT EXISTS e INT DEFAULT 7;\n",
    "ALTER TABLE two DROP COLUMN IF EXISTS e;\n",
    "TRUNCATE TABLE prefix;\n",
    "RENAME TABLE one TO other; RENAME TABLE other TO one;\n",
];

/// Draws statements; the seed makes the history.
struct Dice {
    rng: TestRng,
    /// Rows of a table without a key may come twice after a failure.
    keyless: bool,
}

impl Dice {
    fn new(seed: u8, keyless: bool) -> Self {
        Dice {
            rng: TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
            keyless,
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.rng.next_u32() % bound
    }

    /// A text that others are equal to: in the other case, padded, with an accent.
    fn text(&mut self) -> String {
        let number = self.below(12);
        match self.below(8) {
            0 => format!("'KEY{number}'"),
            1 => format!("'key{number}  '"),
            2 => format!("'kéy{number}'"),
            _ => format!("'key{number}'"),
        }
    }

    fn statement(&mut self) -> String {
        let (i, j, n, text) = (self.below(20), self.below(20), self.below(5), self.text());
        match self.below(20) {
            0 | 1 => format!("INSERT IGNORE INTO one (id, u, n) VALUES ({i}, {text}, {n});"),
            2 => format!("REPLACE INTO one (id, u, n) VALUES ({i}, {text}, {n}), ({j}, NULL, {n});"),
            3 => format!("UPDATE IGNORE one SET u = {text} WHERE id = {i};"),
            4 => format!("UPDATE one SET n = n + 1 WHERE id > {i};"),
            5 => format!("UPDATE IGNORE one SET id = {j} WHERE id = {i};"),
            6 => format!("DELETE FROM one WHERE id = {i};"),
            // Two rows change their unique values.
            7 | 8 => format!(
                "SET @x = (SELECT u FROM one WHERE id = {i}), @y = (SELECT u FROM one WHERE id = {j});
                 UPDATE one SET u = NULL WHERE id IN ({i}, {j}); UPDATE IGNORE one SET u = @x WHERE id = {j};
                 UPDATE IGNORE one SET u = @y WHERE id = {i};"
            ),
            9 => format!(
                "INSERT IGNORE INTO two (a, b, c, d) VALUES ({n}, {text}, {i}, 1), ({i}, 'x', NULL, 1);"
            ),
            10 => format!("UPDATE IGNORE two SET c = {j}, d = {n} WHERE c = {i};"),
            11 => format!("UPDATE IGNORE two SET b = {text} WHERE a = {n}; DELETE FROM two WHERE c = {i};"),
            12 => format!("INSERT IGNORE INTO prefix VALUES ('k{i}', '{n}a{j}'), ('K{i}', '{n}B{j}');"),
            13 => format!(
                "UPDATE IGNORE prefix SET t = '{j}b' WHERE k = 'k{i}'; DELETE FROM prefix WHERE k = 'K{j}';"
            ),
            14 | 15 if !self.keyless => String::new(),
            14 => format!("INSERT INTO keyless VALUES ({n}, 'a'), ({n}, 'A'), (NULL, NULL);"),
            15 => format!(
                "UPDATE keyless SET x = {j} WHERE x = {n} LIMIT 2; DELETE FROM keyless WHERE x = {i} LIMIT 1;"
            ),
            16 => format!("INSERT IGNORE INTO plain VALUES ({i}, {text}, {n}), ({j}, NULL, 0);"),
            17 => format!("DELETE FROM plain WHERE id BETWEEN {i} AND {i} + 1;"),
            _ => format!("UPDATE plain SET v = {text}, n = n + {n} WHERE id <> {i};"),
        }
    }

    fn history(&mut self) -> String {
        let mut out = "USE p; SET sql_mode = '';\n".to_owned();
        for _ in 0..TRANSACTIONS {
            out.push_str("BEGIN;");
            for _ in 0..=self.below(3) {
                out.push_str(&self.statement());
            }
            out.push_str("COMMIT;\n");
            if self.below(80) == 0 {
                let choice = self.below(SCHEMA_CHANGES.len() as u32);
                out.push_str(SCHEMA_CHANGES[choice as usize]);
            }
        }
        out
    }
}

/// Writers do not wait for each other, so tables become equal one by one, and stay so.
async fn check_equal(process: &Process, upstream: &Server, downstream: &Server, seed: u8) {
    for query in QUERIES {
        let expect = upstream.sql(query).await.unwrap();
        let what = format!("{query}, seed {seed}: {}", process.state().await);
        // The table may not be there yet.
        until(&what, async || {
            downstream.sql(query).await.is_ok_and(|found| found == expect)
        })
        .await;
    }
    let all: Vec<_> = QUERIES.iter().map(|query| (query, upstream.sql(query))).collect();
    for (query, expect) in all {
        assert_eq!(
            downstream.sql(query).await.unwrap(),
            expect.await.unwrap(),
            "{query}, seed {seed}"
        );
    }
}

async fn begin(dir: &TempDir, upstream: &Server, downstream: &Server, parameters: &str) -> Process {
    let process = start(dir.path(), upstream).await;
    let mut request = request(downstream);
    request.sink_uri = format!("{}?{parameters}", request.sink_uri);
    request.replica_config.force_replicate = true;
    process.service.create_changefeed(request).await.unwrap();
    upstream.sql(TABLES).await.unwrap();
    process
}

async fn resume(process: &Process) {
    let resume = ResumeChangefeed::default();
    process.service.resume_changefeed(&id(), resume).await.unwrap();
}

async fn run(parameters: &str, seeds: std::ops::Range<u8>) {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = begin(&dir, &upstream, &downstream, parameters).await;
    for seed in seeds {
        let mut dice = Dice::new(seed, true);
        upstream.sql(&dice.history()).await.unwrap();
        check_equal(&process, &upstream, &downstream, seed).await;
        // Once more while it does not run, so that the sink gets as much at once as it takes.
        process.service.pause_changefeed(&id()).await.unwrap();
        upstream.sql(&dice.history()).await.unwrap();
        resume(&process).await;
        check_equal(&process, &upstream, &downstream, seed + 100).await;
        assert_eq!(process.state().await, "normal", "seed {seed}");
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_end_in_the_same_tables() {
    run("worker-count=16&max-txn-row=8", 0..3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_transactions_and_plain_statements_do_too() {
    run(
        "worker-count=5&transaction-atomicity=table&batch-dml-enable=false",
        3..5,
    )
    .await;
}

/// Whatever part of what the writers had under way is applied when their sessions die, and when the changefeed begins
/// again at its checkpoint, the tables end the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_sessions_and_restarts_change_nothing() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = begin(&dir, &upstream, &downstream, "worker-count=8&max-txn-row=8").await;
    let mut dice = Dice::new(9, false);
    let write = async {
        for _ in 0..3 {
            upstream.sql(&dice.history()).await.unwrap();
        }
    };
    let disturb = async {
        let kills = "SELECT CONCAT('KILL ', ID, ';') FROM information_schema.PROCESSLIST WHERE HOST LIKE '127.0.0.1:%'";
        for round in 0..12 {
            sleep(Duration::from_millis(200)).await;
            let text = downstream.sql(kills).await.unwrap();
            for kill in text.lines() {
                // It may have ended by itself.
                downstream.sql(kill).await.ok();
            }
            if round % 4 == 3 {
                process.service.pause_changefeed(&id()).await.unwrap();
                resume(&process).await;
            }
        }
    };
    tokio::join!(write, disturb);
    check_equal(&process, &upstream, &downstream, 9).await;
    process.stop().await;
}
