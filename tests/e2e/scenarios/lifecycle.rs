//! Family "lifecycle, errors, API".

use serde_json::json;

use super::Scenario;
use crate::support::eventually;

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, v INT)";

#[tokio::test]
async fn changefeed_pause_resume() {
    let it = Scenario::start("changefeed_pause_resume").await;
    it.up(TABLE).await;
    for round in 0..4 {
        it.up(&format!(
            "INSERT INTO t (id, v) SELECT {round} * 1000 + seq, 0 FROM seq_1_to_100"
        ))
        .await;
        it.tidegate().post(&it.path("/pause"), &json!({})).await.ok();
        it.tidegate().wait_for_state(&it.feed(), "stopped").await;
        it.up(&format!("UPDATE t SET v = v + 1; DELETE FROM t WHERE id = {round} * 1000 + 1; ALTER TABLE t ADD COLUMN c{round} INT DEFAULT 1")).await;
        it.tidegate().post(&it.path("/resume"), &json!({})).await.ok();
        it.up("UPDATE t SET v = v + 10").await;
        it.tidegate().wait_for_state(&it.feed(), "normal").await;
    }
    it.equal().await;
}

/// What comes before the checkpoint that was given is left out, what comes behind it is not.
#[tokio::test]
async fn changefeed_resume_with_checkpoint_ts() {
    let it = Scenario::start("changefeed_resume_with_checkpoint_ts").await;
    it.up(TABLE).await;
    it.passed("first").await;
    it.tidegate().post(&it.path("/pause"), &json!({})).await.ok();
    it.tidegate().wait_for_state(&it.feed(), "stopped").await;
    it.up("INSERT INTO t VALUES (1, 1)").await;
    let tso = it.tidegate().post("/api/v2/tso", &json!({})).await.ok();
    let ts = (tso["timestamp"].as_u64().unwrap() << 18) + tso["logic_time"].as_u64().unwrap();
    it.up("INSERT INTO t VALUES (2, 2)").await;
    it.tidegate()
        .post(&it.path("/resume"), &json!({"overwrite_checkpoint_ts": ts}))
        .await
        .ok();
    it.passed("second").await;
    assert_eq!(it.down("SELECT id FROM t").await, "2\n");
}

/// Everything up to the target arrives, and nothing behind it.
#[tokio::test]
async fn changefeed_finish() {
    let it = Scenario::prepare("changefeed_finish").await;
    it.up(TABLE).await;
    it.down(TABLE).await;
    let tso = async || {
        let tso = it.tidegate().post("/api/v2/tso", &json!({})).await.ok();
        (tso["timestamp"].as_u64().unwrap() << 18) + tso["logic_time"].as_u64().unwrap()
    };
    let start = tso().await;
    it.up("INSERT INTO t VALUES (1, 1)").await;
    let target = tso().await;
    it.up("INSERT INTO t VALUES (2, 2)").await;
    let body = json!({"changefeed_id": it.feed(), "sink_uri": it.shared.pair.sink_uri(), "start_ts": start, "target_ts": target,
                      "replica_config": {"filter": {"rules": ["changefeed_finish.*"]}}});
    it.tidegate().post("/api/v2/changefeeds", &body).await.ok();
    let detail = it.tidegate().wait_for_state(&it.feed(), "finished").await;
    assert_eq!(detail["checkpoint_ts"].as_u64(), Some(target), "{detail}");
    assert_eq!(it.down("SELECT id FROM t").await, "1\n");
}

/// A row that cannot be written is retried and shown, other changefeeds go on, and the cause can be taken away.
#[tokio::test]
async fn changefeed_error() {
    let it = Scenario::start("changefeed_error").await;
    it.up(TABLE).await;
    it.equal().await;
    it.down("RENAME TABLE t TO hidden").await;
    it.up("INSERT INTO t VALUES (1, 1)").await;
    let detail = eventually("the failure shows", || async {
        let detail = it.tidegate().get(&it.path("")).await.ok();
        if detail["state"] == "normal" {
            Err(detail.to_string())
        } else {
            Ok(detail)
        }
    })
    .await;
    assert!(detail.to_string().contains("changefeed_error"), "{detail}");
    it.down("RENAME TABLE hidden TO t").await;
    if detail["state"] == "failed" {
        it.tidegate().post(&it.path("/resume"), &json!({})).await.ok();
    }
    it.equal().await;
    it.tidegate().wait_for_state(&it.feed(), "normal").await;
}

/// Rows that are there already after a restart of the changefeed end up equal, not doubled and not in the way.
#[tokio::test]
async fn changefeed_dup_error_restart() {
    let it = Scenario::start("changefeed_dup_error_restart").await;
    it.up("CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v INT)")
        .await;
    it.passed("begin").await;
    let begin = it.tidegate().get(&it.path("")).await.ok()["checkpoint_ts"]
        .as_u64()
        .unwrap();
    it.up("INSERT INTO t SELECT seq, seq, 0 FROM seq_1_to_200; UPDATE t SET u = u + 1000; UPDATE t SET id = id + 1 ORDER BY id DESC; UPDATE t SET u = id WHERE id % 2 = 0")
        .await;
    it.equal().await;
    for _ in 0..2 {
        it.tidegate().post(&it.path("/pause"), &json!({})).await.ok();
        it.tidegate().wait_for_state(&it.feed(), "stopped").await;
        it.tidegate()
            .post(&it.path("/resume"), &json!({"overwrite_checkpoint_ts": begin}))
            .await
            .ok();
        it.up("UPDATE t SET v = v + 1").await;
        it.equal().await;
    }
}

#[tokio::test]
async fn synced_status() {
    let it = Scenario::with(
        "synced_status",
        json!({"synced_status": {"synced_check_interval": 2, "checkpoint_interval": 20}}),
    )
    .await;
    it.up(&format!("{TABLE}; INSERT INTO t VALUES (1, 1)")).await;
    it.equal().await;
    eventually("everything is synced", || async {
        let synced = it.tidegate().get(&it.path("/synced")).await.ok();
        if synced["synced"] == true {
            Ok(())
        } else {
            Err(synced.to_string())
        }
    })
    .await;
}
