//! What the upstream is busy with. Every script is a function of the seed, the writer and its number.

use std::fmt::Write as _;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Writers of rows. Each has keys of its own, so that none waits for another.
pub(super) const WRITERS: u64 = 3;
const SCRIPT_TRANSACTIONS: u64 = 100;
const KEYS: u64 = 200;

pub(super) const TABLES: &str = "
CREATE DATABASE chaos; USE chaos;
CREATE TABLE journal (id BIGINT AUTO_INCREMENT PRIMARY KEY, writer INT NOT NULL);
CREATE TABLE account (id BIGINT PRIMARY KEY, code BIGINT UNIQUE, balance INT NOT NULL, note VARCHAR(100));
CREATE TABLE pair (a BIGINT, b BIGINT, v BIGINT NOT NULL, PRIMARY KEY (a, b), UNIQUE (v));
CREATE TABLE large (id BIGINT PRIMARY KEY, body MEDIUMTEXT NOT NULL);
CREATE TABLE wide (id BIGINT PRIMARY KEY, v INT NOT NULL);
CREATE TABLE scratch (id BIGINT PRIMARY KEY, v INT);
CREATE TABLE here (id BIGINT PRIMARY KEY, v INT);
CREATE TABLE day (id BIGINT PRIMARY KEY, v INT);
CREATE TABLE night LIKE day;
";

/// The rows of a writer, or the schema changes when `writer` is [`WRITERS`].
pub(super) fn script(seed: u64, writer: u64, number: u64) -> String {
    let mut rng = SmallRng::seed_from_u64(seed ^ (writer << 56) ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut sql = String::from("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; USE chaos;\n");
    if writer == WRITERS {
        schema_changes(&mut rng, number, &mut sql);
        return sql;
    }
    for _ in 0..SCRIPT_TRANSACTIONS {
        let change = rows(&mut rng, writer * 1_000_000);
        writeln!(
            sql,
            "BEGIN; {change} INSERT INTO journal (writer) VALUES ({writer}); COMMIT;"
        )
        .unwrap();
    }
    sql
}

fn rows(rng: &mut SmallRng, base: u64) -> String {
    let mut key = || base + rng.random_range(0..KEYS);
    let (x, y, z) = (key(), key(), key());
    let spare = base + KEYS + rng.random_range(0..KEYS);
    let amount = rng.random_range(1..100);
    match rng.random_range(0..100) {
        0..25 => format!(
            "INSERT INTO account VALUES ({x}, {x}, {amount}, 'new'), ({y}, {y}, 7, NULL) ON DUPLICATE KEY UPDATE balance = balance + {amount};"
        ),
        // Two rows swap what is unique.
        25..45 => format!(
            "SET @p = (SELECT code FROM account WHERE id = {x}), @q = (SELECT code FROM account WHERE id = {y});
             UPDATE account SET code = NULL WHERE id = {x} AND @p IS NOT NULL AND @q IS NOT NULL;
             UPDATE account SET code = @p WHERE id = {y} AND @p IS NOT NULL AND @q IS NOT NULL;
             UPDATE account SET code = @q WHERE id = {x} AND @p IS NOT NULL AND @q IS NOT NULL;"
        ),
        // A row takes another key.
        45..55 => format!("UPDATE IGNORE account SET id = {spare} WHERE id = {x}; UPDATE IGNORE account SET id = {y} WHERE id = {spare};"),
        55..65 => format!(
            "INSERT IGNORE INTO pair VALUES ({x}, {y}, {x} * 1000000000 + {y}); UPDATE IGNORE pair SET b = {z} WHERE a = {x} AND b = {y};
             UPDATE pair SET v = -v WHERE a = {x};"
        ),
        // Several tables at once.
        65..80 => format!(
            "UPDATE account SET balance = balance - {amount}, note = REPEAT('x', {amount}) WHERE id IN ({x}, {y});
             INSERT IGNORE INTO pair VALUES ({z}, {x}, {z} * 1000000000 + {x}); DELETE FROM pair WHERE a = {y};"
        ),
        80..88 => format!("DELETE FROM account WHERE id IN ({x}, {spare});"),
        88..98 => format!("UPDATE account SET balance = balance * -1 WHERE id BETWEEN {x} AND {x} + 20;"),
        _ => format!(
            "REPLACE INTO large VALUES ({z}, REPEAT('{amount}-', {kib} * 300)); UPDATE large SET body = CONCAT(body, '!') WHERE id = {x};",
            kib = rng.random_range(1..400)
        ),
    }
}

/// Each round leaves the tables as it found them, but for the rows.
fn schema_changes(rng: &mut SmallRng, number: u64, sql: &mut String) {
    let statements = match rng.random_range(0..7) {
        0 => format!(
            "ALTER TABLE wide ADD COLUMN IF NOT EXISTS c{n} INT NOT NULL DEFAULT {number};
             INSERT IGNORE INTO wide (id, v, c{n}) VALUES ({number}, 1, 2); UPDATE wide SET c{n} = c{n} + 1 WHERE id > {number} - 9;",
            n = number % 7
        ),
        1 => format!(
            "INSERT IGNORE INTO wide (id, v) VALUES ({number}, 1); ALTER TABLE wide DROP COLUMN IF EXISTS c{n}; UPDATE wide SET v = v + 1;",
            n = number % 7
        ),
        2 => "ALTER TABLE account ADD INDEX IF NOT EXISTS by_balance (balance); INSERT INTO journal (writer) VALUES (9);
              ALTER TABLE account DROP INDEX IF EXISTS by_balance;"
            .to_owned(),
        3 => format!(
            "INSERT IGNORE INTO here VALUES ({number}, 1); RENAME TABLE here TO there; INSERT IGNORE INTO there VALUES ({number} + 1000000, 2);
             UPDATE there SET v = v + 1; RENAME TABLE there TO here; DELETE FROM here WHERE id < {number} - 50;"
        ),
        // Nothing but their rows tells these two apart.
        4 => format!(
            "INSERT IGNORE INTO day VALUES ({number}, 1); RENAME TABLE day TO dusk, night TO day, dusk TO night;
             INSERT IGNORE INTO day VALUES ({number}, 2); UPDATE night SET v = v + 1; DELETE FROM day WHERE id < {number} - 50;"
        ),
        5 => format!(
            "INSERT IGNORE INTO scratch SELECT id, balance FROM account; TRUNCATE TABLE scratch; INSERT INTO scratch VALUES ({number}, 1);"
        ),
        _ => format!(
            "DROP TABLE IF EXISTS t{n}; CREATE TABLE t{n} (id BIGINT PRIMARY KEY, v VARCHAR(100)); INSERT INTO t{n} VALUES ({number}, 'new');
             INSERT IGNORE INTO t{n} SELECT id, note FROM account;",
            n = number % 4
        ),
    };
    // A script that was broken off may have left the table under its other name.
    sql.push_str("RENAME TABLE IF EXISTS there TO here;\n");
    sql.push_str(&statements);
}
