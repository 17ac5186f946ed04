//! The server dies at named points between two effects, and the next one loses nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use tidegate_failpoint::Point;
use tidegate_mariadb::{Server, ServerOptions, User};
use tokio::process::Command;

use crate::golden::read_files;
use crate::support::{Pair, Tidegate, eventually};

/// Where a server with a database behind it may die, and at which pass.
const DATABASE: [(Point, u32); 13] = [
    (Point::Recovery, 1),
    (Point::DdlNoted, 1),
    (Point::DdlRun, 1),
    (Point::DdlDone, 1),
    // The second schema change of a round swaps two tables.
    (Point::DdlNoted, 2),
    (Point::DdlRun, 2),
    (Point::DdlDone, 2),
    (Point::TxnCommitted, 1),
    (Point::CheckpointDue, 2),
    (Point::CheckpointStored, 2),
    (Point::MetaHalf, 1),
    (Point::MetaBeforeFlush, 3),
    (Point::MetaFlushed, 2),
];
/// The same with files behind it.
const FILES: [(Point, u32); 6] = [
    (Point::SchemaFile, 1),
    (Point::IndexFile, 1),
    (Point::IndexFile, 2),
    (Point::DataUnpublished, 1),
    (Point::DataFile, 1),
    (Point::CheckpointDue, 1),
];

/// Runs the build under test until it dies at the pass-th time it comes to `point`, while `workload` runs.
async fn die_at(upstream: &Server, dir: &Path, port: u16, (point, pass): (Point, u32), workload: &str) {
    let mut command = Command::new(Tidegate::PROGRAM);
    command.env("TIDEGATE_FAILPOINTS", format!("{}=abort@{pass}", point.name()));
    let mut doomed = Tidegate::launch(command, &upstream.uri(User::Replication), dir, port);
    upstream.sql(workload).await.unwrap();
    let status = doomed.ended().await;
    let reached = format!("failpoint {} reached", point.name());
    assert!(
        !status.success() && doomed.log().contains(&reached),
        "{point:?}: {status}\n{}",
        doomed.log()
    );
}

#[tokio::test]
async fn a_database_is_equal_wherever_the_server_died() {
    let pair = Pair::start().await;
    let mut tidegate = pair.tidegate().await;
    let port = tidegate.port;
    let config = json!({"filter": {"rules": ["bank.*"]}});
    tidegate.create("feed", &pair.sink_uri(), &config).await.ok();
    pair.upstream
        .sql(
            "CREATE DATABASE bank; USE bank; CREATE TABLE a (id INT PRIMARY KEY, code INT UNIQUE, n INT NOT NULL);
             CREATE TABLE b LIKE a; INSERT INTO a SELECT seq, seq, 0 FROM seq_1_to_50; INSERT INTO b VALUES (1, 1, 7)",
        )
        .await
        .unwrap();
    pair.converge("bank", &tidegate).await;
    for (round, death) in DATABASE.into_iter().enumerate() {
        tidegate.sigkill().await;
        let workload = format!(
            "USE bank; BEGIN; UPDATE a SET n = n + 1; INSERT INTO b VALUES ({round} + 100, {round} + 100, 1);
             UPDATE a SET code = NULL WHERE id = 1; UPDATE a SET code = 1 WHERE id = 2; UPDATE a SET code = 2 WHERE id = 1; COMMIT;
             UPDATE a SET code = code + 1000 WHERE id < 3; UPDATE a SET code = 3 - id WHERE id < 3;
             ALTER TABLE a ADD COLUMN c{round} INT NOT NULL DEFAULT {round};
             UPDATE a SET c{round} = id; DELETE FROM a WHERE id = {round} + 10;
             RENAME TABLE a TO spare, b TO a, spare TO b; INSERT INTO a VALUES ({round} + 1000, NULL, 1);
             RENAME TABLE a TO spare, b TO a, spare TO b; UPDATE b SET n = n * 2 WHERE id < 105;"
        );
        die_at(&pair.upstream, pair.dir.path(), port, death, &workload).await;
        tidegate = Tidegate::start_on(&pair.upstream_uri(), pair.dir.path(), port).await;
        pair.converge("bank", &tidegate).await;
        let log = tidegate.log();
        assert!(!log.contains("panicked"), "{log}");
    }
    tidegate.wait_for_state("feed", "normal").await;
}

#[tokio::test]
async fn files_are_complete_wherever_the_server_died() {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    upstream
        .sql("CREATE DATABASE bank; CREATE TABLE bank.a (id INT PRIMARY KEY, n INT NOT NULL)")
        .await
        .unwrap();
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out");
    let uri = upstream.uri(User::Replication);
    let mut tidegate = Tidegate::start(&uri, dir.path()).await;
    let port = tidegate.port;
    let sink = format!("file://{}?protocol=csv&flush-interval=2s", out.display());
    let config = json!({"filter": {"rules": ["bank.*"]}, "sink": {"date_separator": "none"}});
    tidegate.create("feed", &sink, &config).await.ok();
    for (round, death) in FILES.into_iter().enumerate() {
        tidegate.sigkill().await;
        let first = round * 10;
        let workload = format!(
            "USE bank; INSERT INTO a (id, n) SELECT {first} + seq, 0 FROM seq_1_to_8; ALTER TABLE a ADD COLUMN c{round} INT
             NOT NULL DEFAULT 0; DELETE FROM a WHERE id = {first} + 3; UPDATE a SET c{round} = id, n = n + {round} + 1;
             UPDATE a SET id = id + 5000 WHERE id = {first} + 4;",
        );
        die_at(&upstream, dir.path(), port, death, &workload).await;
        tidegate = Tidegate::start_on(&uri, dir.path(), port).await;
        let expected = rows(&upstream).await;
        eventually("the files hold what the table holds", || async {
            let files = read_files(&out, "csv");
            let found = replay(files.get("bank.a").map_or("", String::as_str));
            if found == expected {
                Ok(())
            } else {
                Err(format!(
                    "after {death:?}: {found:?} instead of {expected:?}\n{}",
                    tidegate.log()
                ))
            }
        })
        .await;
    }
    tidegate.wait_for_state("feed", "normal").await;
}

/// The rows of the table by key, as the files write them.
async fn rows(upstream: &Server) -> BTreeMap<String, String> {
    let text = upstream.sql("SELECT * FROM bank.a").await.unwrap();
    text.lines()
        .map(|line| line.replace('\t', ","))
        .map(|row| (row.split(',').next().unwrap().to_owned(), row))
        .collect()
}

/// What a reader has who applies the lines in the order of the files: `"I","a","bank",1,..`.
fn replay(text: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('"')) {
        let (kind, row) = line.split_once(",\"a\",\"bank\",").unwrap();
        let key = row.split(',').next().unwrap().to_owned();
        match kind {
            "\"D\"" => rows.remove(&key),
            _ => rows.insert(key, row.to_owned()),
        };
    }
    rows
}
