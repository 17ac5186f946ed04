//! The server is killed at random moments under load, and nothing is lost.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tidegate_mariadb::Server;

use crate::support::{Pair, Tidegate};

const KILLS: u32 = 20;
/// Transactions of one script; scripts run one after another until the last kill.
const SCRIPT_TRANSACTIONS: usize = 25;
const KEYS: u32 = 400;

#[tokio::test]
async fn twenty_crashes_lose_nothing() {
    let seed = std::env::var("TIDEGATE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random);
    println!("TIDEGATE_SEED={seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let pair = Pair::start().await;
    let mut tidegate = pair.tidegate().await;
    tidegate
        .create(
            "feed",
            &pair.sink_uri(),
            &json!({"filter": {"rules": ["bank.*"]}}),
        )
        .await
        .ok();
    pair.upstream.sql(include_str!("sql/bank.sql")).await.unwrap();

    let (port, uri) = (tidegate.port, pair.upstream_uri());
    let workload = workload(&pair.upstream, SmallRng::seed_from_u64(seed));
    let crashes = async {
        for _ in 0..KILLS {
            // A random moment is the point here: anything from "still starting to pull" to "in the middle of it".
            tokio::time::sleep(Duration::from_millis(rng.random_range(20..1500))).await;
            tidegate.sigkill().await;
            tidegate = Tidegate::start_on(&uri, pair.dir.path(), port).await;
        }
        tidegate
    };
    let tidegate = tokio::select! {
        tidegate = crashes => tidegate,
        never = workload => match never {},
    };
    // The script that was cut off may still run in the server: its client has been killed with it.
    settle(&pair.upstream).await;
    let transactions: u64 = pair
        .upstream
        .sql("SELECT MAX(id) FROM bank.journal")
        .await
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(
        transactions > u64::from(KILLS),
        "only {transactions} transactions between the crashes"
    );
    pair.converge("bank", &tidegate).await;
}

/// Runs scripts for ever.
async fn workload(upstream: &Server, mut rng: SmallRng) -> std::convert::Infallible {
    let mut number = 0;
    loop {
        let mut script = String::new();
        for _ in 0..SCRIPT_TRANSACTIONS {
            number += 1;
            script.push_str(&transaction(&mut rng, number));
        }
        upstream.sql(&script).await.unwrap();
    }
}

/// A multi-row transaction, a change of keys, a deletion, or now and then a DDL.
fn transaction(rng: &mut SmallRng, number: u64) -> String {
    let (a, b) = (rng.random_range(0..KEYS), rng.random_range(0..KEYS));
    let change = match rng.random_range(0..20) {
        0..6 => format!(
            "UPDATE bank.account SET balance = balance - 1 WHERE id = {a};
             UPDATE bank.account SET balance = balance + 1, note = REPEAT('x', id % 50) WHERE id = {b};"
        ),
        6..10 => format!(
            "INSERT INTO bank.account (id, balance) VALUES ({a}, 5), ({b} + {KEYS}, 7) ON DUPLICATE KEY UPDATE balance = balance + 3;"
        ),
        10..13 => format!("UPDATE IGNORE bank.account SET id = {b} WHERE id = {a};"),
        13..15 => format!("UPDATE IGNORE bank.account SET code = CONCAT('swap', {b}) WHERE id = {a};"),
        15..17 => format!("DELETE FROM bank.account WHERE id IN ({a}, {b} + {KEYS});"),
        17..19 => {
            format!("UPDATE bank.account SET balance = balance * -1 WHERE id BETWEEN {a} AND {a} + 40;")
        }
        _ => return ddl(rng, number),
    };
    format!("BEGIN; {change} INSERT INTO bank.journal (id) VALUES ({number}); COMMIT;\n")
}

fn ddl(rng: &mut SmallRng, number: u64) -> String {
    let statement = match rng.random_range(0..4) {
        0 => format!("ALTER TABLE bank.account ADD COLUMN c{number} INT NOT NULL DEFAULT {number};"),
        1 => format!(
            "CREATE TABLE bank.t{number} (id INT PRIMARY KEY, v TEXT); INSERT INTO bank.t{number} SELECT id, note FROM bank.account;"
        ),
        2 => format!(
            "CREATE TABLE bank.gone{number} (id INT PRIMARY KEY); INSERT INTO bank.gone{number} VALUES (1); DROP TABLE bank.gone{number};"
        ),
        _ => "TRUNCATE TABLE bank.scratch; INSERT INTO bank.scratch SELECT id, balance FROM bank.account;"
            .to_owned(),
    };
    format!("{statement} INSERT INTO bank.journal (id) VALUES ({number});\n")
}

/// Waits until no statement of a client that has gone is still running.
async fn settle(server: &Server) {
    crate::support::eventually("the workload has ended", || async {
        let running = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID()";
        let count = server.sql(running).await.map_err(|error| error.to_string())?;
        if count.trim() == "0" { Ok(()) } else { Err(count) }
    })
    .await;
}
