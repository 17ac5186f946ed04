//! Event filters between two real servers.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod pair;

use pair::{Process, id, request, servers, start, until, until_equal};
use serde_json::json;
use tempfile::TempDir;
use tidegate_api::{ConfigPatch, CreateChangefeed, ReplicaConfig, ResumeChangefeed, UpdateChangefeed};
use tidegate_mariadb::Server;
use tidegate_model::ErrorCode;

fn filtered(downstream: &Server, filter: &serde_json::Value) -> CreateChangefeed {
    let patch: ConfigPatch = serde_json::from_value(json!({ "filter": filter })).unwrap();
    CreateChangefeed {
        replica_config: patch.apply(&ReplicaConfig::default()).unwrap(),
        ..request(downstream)
    }
}

/// Waits until a row that no rule drops has come: everything before it has come or never will.
async fn until_marked(process: &Process, upstream: &Server, downstream: &Server, mark: u32) {
    upstream
        .sql(&format!("INSERT INTO shop.mark VALUES ({mark});"))
        .await
        .unwrap();
    until_equal(process, upstream, downstream, "shop.mark").await;
}

async fn rows(server: &Server, query: &str) -> String {
    server
        .sql(query)
        .await
        .unwrap()
        .replace('\n', " ")
        .trim()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_dropped_by_event_and_by_value() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    let schema = "CREATE DATABASE shop; CREATE TABLE shop.mark (id INT PRIMARY KEY);
        CREATE TABLE shop.log (id INT PRIMARY KEY, v VARCHAR(20));
        CREATE TABLE shop.t (id INT PRIMARY KEY, state VARCHAR(20), price DECIMAL(10,2), at TIMESTAMP NULL,
            double_price DECIMAL(12,2) AS (price * 2) VIRTUAL) COLLATE utf8mb4_general_ci;";
    upstream.sql(schema).await.unwrap();
    let filter = json!({"event_filters": [
        {"matcher": ["shop.log"], "ignore_event": ["delete", "update"]},
        {"matcher": ["shop.t"], "ignore_insert_value_expr": "state = 'draft' OR double_price > 1000",
         "ignore_update_old_value_expr": "state = 'locked'", "ignore_update_new_value_expr": "price IS NULL",
         "ignore_delete_value_expr": "at >= '2020-01-01' AND at < '2021-01-01'"},
    ]});
    process
        .service
        .create_changefeed(filtered(&downstream, &filter))
        .await
        .unwrap();
    downstream.sql(schema).await.unwrap();
    upstream
        .sql(
            "SET time_zone = '+00:00'; USE shop;
             INSERT INTO log VALUES (1, 'a'), (2, 'b'), (3, 'c');
             UPDATE log SET v = 'x' WHERE id = 1; DELETE FROM log WHERE id = 2; UPDATE log SET id = 30 WHERE id = 3;
             INSERT INTO t (id, state, price, at) VALUES (1, 'new', 1, NULL), (2, 'DRAFT', 1, NULL),
                (3, 'new', 500.01, NULL), (4, 'new', 500, '2020-06-01'), (5, 'locked', 1, '2021-01-01'), (6, NULL, 6, NULL);
             UPDATE t SET price = 2 WHERE id = 1; UPDATE t SET price = 50 WHERE id = 5; UPDATE t SET price = NULL WHERE id = 6;
             DELETE FROM t WHERE id = 4; UPDATE t SET state = 'open' WHERE id = 1;",
        )
        .await
        .unwrap();
    until_marked(&process, &upstream, &downstream, 1).await;
    // Row 3 moved to another key: its delete is dropped, its insert is not.
    let log = rows(&downstream, "SELECT CONCAT(id, v) FROM shop.log ORDER BY id").await;
    assert_eq!(log, "1a 2b 3c 30c");
    let query = "SELECT CONCAT_WS(':', id, state, price) FROM shop.t ORDER BY id";
    assert_eq!(
        rows(&downstream, query).await,
        "1:open:2.00 4:new:500.00 5:locked:1.00 6:6.00"
    );

    // A config that was stored is read again.
    process.stop().await;
    let process = start(dir.path(), &upstream).await;
    upstream
        .sql("INSERT INTO shop.t (id, state) VALUES (7, 'draft'), (8, 'new'); DELETE FROM shop.t WHERE id = 5;")
        .await
        .unwrap();
    until_marked(&process, &upstream, &downstream, 2).await;
    assert_eq!(
        rows(&downstream, query).await,
        "1:open:2.00 4:new:500.00 6:6.00 8:new"
    );
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schema_changes_are_kept_back_and_rows_go_on() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    let filter = json!({"event_filters": [
        {"matcher": ["shop.a*"], "ignore_event": ["truncate table", "drop table"]},
        {"matcher": ["*.*"], "ignore_sql": ["^drop database", "comment\\s*=\\s*'hidden'"]},
        {"matcher": ["shop.t"], "ignore_event": ["add column"]},
        {"matcher": ["shop.old"], "ignore_event": ["rename table"]},
    ]});
    process
        .service
        .create_changefeed(filtered(&downstream, &filter))
        .await
        .unwrap();
    upstream
        .sql(
            "CREATE DATABASE shop; USE shop; CREATE TABLE mark (id INT PRIMARY KEY); CREATE DATABASE other;
             CREATE TABLE a1 (id INT PRIMARY KEY); CREATE TABLE a2 LIKE a1; CREATE TABLE b LIKE a1; CREATE TABLE old LIKE a1;
             CREATE TABLE t (id INT PRIMARY KEY, v INT DEFAULT 1);
             INSERT INTO a1 VALUES (1); INSERT INTO a2 VALUES (1); INSERT INTO b VALUES (1); INSERT INTO t VALUES (1, 1);",
        )
        .await
        .unwrap();
    until_marked(&process, &upstream, &downstream, 1).await;
    // What is kept back downstream happens there by hand, so that the rows behind it fit.
    downstream
        .sql("ALTER TABLE shop.t ADD COLUMN w INT DEFAULT 5; CREATE TABLE shop.new (id INT PRIMARY KEY);")
        .await
        .unwrap();
    upstream
        .sql(
            "USE shop; TRUNCATE TABLE a1; INSERT INTO a1 VALUES (2); DROP TABLE a2, b; DROP DATABASE other;
             ALTER TABLE t COMMENT = 'hidden'; ALTER TABLE t ADD COLUMN w INT; INSERT INTO t VALUES (2, 2, 2);
             ALTER TABLE t COMMENT = 'seen', MODIFY v BIGINT; RENAME TABLE old TO new; INSERT INTO new VALUES (7);",
        )
        .await
        .unwrap();
    until_marked(&process, &upstream, &downstream, 2).await;
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1";
    assert_eq!(rows(&downstream, tables).await, "a1 a2 mark new old t");
    let schemas = "SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'other'";
    assert_eq!(rows(&downstream, schemas).await, "other");
    assert_eq!(
        rows(&downstream, "SELECT id FROM shop.a1 ORDER BY id").await,
        "1 2"
    );
    assert_eq!(
        rows(&downstream, "SELECT CONCAT(id, v, w) FROM shop.t ORDER BY id").await,
        "115 222"
    );
    assert_eq!(rows(&downstream, "SELECT id FROM shop.new").await, "7");
    let comment = "SELECT table_comment FROM information_schema.tables WHERE table_name = 't' AND table_schema = 'shop'";
    assert_eq!(rows(&downstream, comment).await, "seen");
    assert_eq!(process.state().await, "normal");
    process.stop().await;
}

/// A statement that the downstream refuses is skipped by the start-ts that the error names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_skipped_by_its_start_ts() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    process
        .service
        .create_changefeed(request(&downstream))
        .await
        .unwrap();
    upstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.mark (id INT PRIMARY KEY); CREATE TABLE shop.t (id INT PRIMARY KEY, v INT);")
        .await
        .unwrap();
    until_marked(&process, &upstream, &downstream, 1).await;
    downstream
        .sql("ALTER TABLE shop.t RENAME COLUMN v TO w;")
        .await
        .unwrap();
    upstream
        .sql(
            "ALTER TABLE shop.t ADD KEY by_v (v); ALTER TABLE shop.t RENAME COLUMN v TO w;
             INSERT INTO shop.t VALUES (3, 3);",
        )
        .await
        .unwrap();
    until("the statement fails", async || {
        process.state().await.contains("start_ts")
    })
    .await;
    let state = process.state().await;
    let start_ts: u64 = state
        .split("start_ts ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no start_ts in {state}"));
    process.service.pause_changefeed(&id()).await.unwrap();
    let update = UpdateChangefeed {
        replica_config: Some(
            serde_json::from_value(json!({"filter": {"ignore_txn_start_ts": [start_ts]}})).unwrap(),
        ),
        ..UpdateChangefeed::default()
    };
    process.service.update_changefeed(&id(), update).await.unwrap();
    process
        .service
        .resume_changefeed(&id(), ResumeChangefeed::default())
        .await
        .unwrap();
    upstream.sql("INSERT INTO shop.t VALUES (4, 4);").await.unwrap();
    until_marked(&process, &upstream, &downstream, 2).await;
    assert_eq!(
        rows(&downstream, "SELECT id FROM shop.t ORDER BY id").await,
        "3 4"
    );
    process.stop().await;
}

/// A column that an expression names is dropped: the changefeed fails, and goes on once the expression is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expression_without_its_column_fails_the_changefeed() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    upstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.mark (id INT PRIMARY KEY); CREATE TABLE shop.t (id INT PRIMARY KEY, v INT);")
        .await
        .unwrap();
    downstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.mark (id INT PRIMARY KEY); CREATE TABLE shop.t (id INT PRIMARY KEY, v INT);")
        .await
        .unwrap();
    let entry = |expression: &str| json!({"event_filters": [{"matcher": ["shop.t"], "ignore_insert_value_expr": expression}]});
    let refused = process
        .service
        .create_changefeed(filtered(&downstream, &entry("nowhere = 1")))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ExpressionColumnNotFound);
    assert_eq!(refused.code().http_status(), 400);
    process
        .service
        .create_changefeed(filtered(&downstream, &entry("v < 0")))
        .await
        .unwrap();
    upstream
        .sql("INSERT INTO shop.t VALUES (1, -1), (2, 2); ALTER TABLE shop.t DROP COLUMN v; INSERT INTO shop.t VALUES (3);")
        .await
        .unwrap();
    until("the changefeed fails", async || {
        process
            .state()
            .await
            .starts_with("failed: [CDC:ErrExpressionColumnNotFound]")
    })
    .await;
    assert!(process.state().await.contains("column 'v' from table 'shop.t'"));
    let update = UpdateChangefeed {
        replica_config: Some(serde_json::from_value(json!({ "filter": entry("id < 0") })).unwrap()),
        ..UpdateChangefeed::default()
    };
    process.service.update_changefeed(&id(), update).await.unwrap();
    process
        .service
        .resume_changefeed(&id(), ResumeChangefeed::default())
        .await
        .unwrap();
    until_marked(&process, &upstream, &downstream, 1).await;
    assert_eq!(
        rows(&downstream, "SELECT id FROM shop.t ORDER BY id").await,
        "2 3"
    );
    process.stop().await;
}
