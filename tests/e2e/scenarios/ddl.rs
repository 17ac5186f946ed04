//! Family "filters and DDL", without the event filters.

use serde_json::json;

use super::Scenario;

/// Several tables in one statement, and three changefeeds that each want some of them.
#[tokio::test]
async fn multi_tables_ddl() {
    let it = Scenario::prepare("multi_tables_ddl").await;
    let rules = |rules: &[&str]| json!({"filter": {"rules": rules}});
    it.create("multi_tables_ddl", "", rules(&["multi_tables_ddl.t*"]))
        .await;
    it.up(
        "CREATE TABLE t1 (id INT PRIMARY KEY); CREATE TABLE t2 (id INT PRIMARY KEY); CREATE TABLE t3 (id INT PRIMARY KEY); CREATE TABLE other (id INT PRIMARY KEY);
         INSERT INTO t1 VALUES (1); INSERT INTO t2 VALUES (2); INSERT INTO t3 VALUES (3); INSERT INTO other VALUES (4);
         RENAME TABLE t1 TO t_swap, t2 TO t1, t_swap TO t2; INSERT INTO t1 VALUES (10); INSERT INTO t2 VALUES (20);
         RENAME TABLE t3 TO t33, t2 TO t22; INSERT INTO t33 VALUES (30); ALTER TABLE t33 RENAME TO t34; INSERT INTO t34 VALUES (40);
         DROP TABLE t1, other",
    )
    .await;
    it.equal().await;
    // A table whose history nobody has is no table to begin with.
    it.create(
        "multi_tables_ddl_error",
        "?safe-mode=true",
        rules(&["multi_tables_ddl.late"]),
    )
    .await;
    it.up("RENAME TABLE t34 TO late").await;
    let detail = it
        .tidegate()
        .wait_for_state("multi-tables-ddl-error", "failed")
        .await;
    assert_eq!(
        detail["error"]["code"], "CDC:ErrSyncRenameTableFailed",
        "{detail}"
    );
}

#[tokio::test]
async fn partition_table() {
    let it = Scenario::start("partition_table").await;
    it.up(
        "CREATE TABLE p (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
         INSERT INTO p SELECT seq, seq FROM seq_1_to_19; ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (30)); INSERT INTO p VALUES (25, 25);
         UPDATE p SET id = id + 20 WHERE id < 3; ALTER TABLE p TRUNCATE PARTITION p0; INSERT INTO p VALUES (5, 5);
         ALTER TABLE p REORGANIZE PARTITION p1, p2 INTO (PARTITION p12 VALUES LESS THAN (30));
         CREATE TABLE flat (id INT PRIMARY KEY, v INT); INSERT INTO flat VALUES (7, 70); ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE flat; INSERT INTO flat VALUES (8, 1);
         UPDATE p SET v = 1 WHERE id = 7; ALTER TABLE p DROP PARTITION p12; INSERT INTO p VALUES (1, 1);
         ALTER TABLE p REMOVE PARTITIONING; ALTER TABLE p PARTITION BY HASH (id) PARTITIONS 4; INSERT INTO p VALUES (100, 100)",
    )
    .await;
    it.equal().await;
}

/// Every kind of schema change but a rename, after which the older ones mean another table, runs a second time when a changefeed goes on from an older checkpoint.
#[tokio::test]
async fn ddl_reentrant() {
    let it = Scenario::start("ddl_reentrant").await;
    it.passed("begin").await;
    let begin = it.tidegate().get(&it.path("")).await.ok()["checkpoint_ts"]
        .as_u64()
        .unwrap();
    for statement in [
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)",
        "ALTER TABLE t ADD COLUMN c INT DEFAULT 3",
        "ALTER TABLE t MODIFY COLUMN c BIGINT",
        "ALTER TABLE t CHANGE COLUMN c d BIGINT",
        "ALTER TABLE t ALTER COLUMN d SET DEFAULT 4",
        "ALTER TABLE t ADD INDEX by_a (a)",
        "CREATE UNIQUE INDEX by_b ON t (b)",
        "ALTER TABLE t RENAME INDEX by_a TO by_a2",
        "DROP INDEX by_a2 ON t",
        "ALTER TABLE t COMMENT = 'why'",
        "ALTER TABLE t DROP COLUMN d",
        "CREATE TABLE u LIKE t",
        "TRUNCATE TABLE u",
        "DROP TABLE u",
        "CREATE VIEW w AS SELECT id FROM t",
        "DROP VIEW w",
    ] {
        it.up(statement).await;
    }
    it.up("INSERT INTO t VALUES (1, 1, 1)").await;
    it.equal().await;
    it.tidegate().post(&it.path("/pause"), &json!({})).await.ok();
    it.tidegate().wait_for_state(&it.feed(), "stopped").await;
    it.tidegate()
        .post(&it.path("/resume"), &json!({"overwrite_checkpoint_ts": begin}))
        .await
        .ok();
    it.up("INSERT INTO t VALUES (2, 2, 2)").await;
    it.passed("end").await;
    it.equal().await;
    it.tidegate().wait_for_state(&it.feed(), "normal").await;
}

#[tokio::test]
async fn ddl_with_exists() {
    let it = Scenario::start("ddl_with_exists").await;
    it.up(
        "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1); CREATE TABLE IF NOT EXISTS t (other INT PRIMARY KEY);
         ALTER TABLE t ADD COLUMN IF NOT EXISTS v INT; ALTER TABLE t ADD COLUMN IF NOT EXISTS w INT; ALTER TABLE t DROP COLUMN IF EXISTS none;
         CREATE INDEX IF NOT EXISTS by_v ON t (v); CREATE INDEX IF NOT EXISTS by_v ON t (v); DROP INDEX IF EXISTS none ON t; DROP TABLE IF EXISTS none, never;
         INSERT INTO t VALUES (2, 2, 2); CREATE DATABASE IF NOT EXISTS ddl_with_exists",
    )
    .await;
    it.equal().await;
}

/// A default that depends on the time of the statement is that of the upstream.
#[tokio::test]
async fn ddl_default_current_timestamp() {
    let it = Scenario::start("ddl_default_current_timestamp").await;
    it.up(
        "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2); SET timestamp = 1700000000; ALTER TABLE t ADD COLUMN at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP;
         SET timestamp = 1700000500; ALTER TABLE t ADD COLUMN upto DATETIME DEFAULT CURRENT_TIMESTAMP; SET timestamp = DEFAULT; INSERT INTO t (id) VALUES (3)",
    )
    .await;
    it.equal().await;
    assert_eq!(
        it.down("SELECT UNIX_TIMESTAMP(at) FROM t WHERE id = 1").await,
        "1700000000\n"
    );
}

#[tokio::test]
async fn drop_many_tables() {
    let it = Scenario::start("drop_many_tables").await;
    let create: String = (0..12)
        .map(|n| format!("CREATE TABLE t{n} (id INT PRIMARY KEY); INSERT INTO t{n} VALUES (1);"))
        .collect();
    it.up(&create).await;
    it.up("DROP TABLE t1, t2, t3; DROP TABLE IF EXISTS t4, none, t5; INSERT INTO t6 VALUES (2)")
        .await;
    it.equal().await;
}

/// Serial schema changes and rows stay in order.
#[tokio::test]
async fn ddl_sequence() {
    let it = Scenario::start("ddl_sequence").await;
    let steps: String = (0..12)
        .map(|n| {
            format!(
                "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY); INSERT INTO t VALUES ({n}); ALTER TABLE t ADD COLUMN c INT DEFAULT {n}; UPDATE t SET c = c + id;
                 ALTER TABLE t CHANGE c d BIGINT; UPDATE t SET d = d * 2; ALTER TABLE t DROP COLUMN d;"
            )
        })
        .collect();
    it.up(&steps).await;
    it.equal().await;
}
