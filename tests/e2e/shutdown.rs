//! Orderly ends.

use serde_json::json;

use crate::support::Pair;

#[tokio::test]
async fn sigterm_drains_and_a_later_start_goes_on() {
    let pair = Pair::start().await;
    let mut tidegate = pair.tidegate().await;
    tidegate.create("feed", &pair.sink_uri(), &json!({})).await.ok();
    pair.upstream
        .sql("CREATE DATABASE shop; USE shop; CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t SELECT seq, seq FROM shop.seq_1_to_5000")
        .await
        .unwrap();
    tidegate.wait_for_state("feed", "normal").await;
    tidegate.sigterm().await;
    let status = tidegate.ended().await;
    assert!(status.success(), "{status}: {}", tidegate.log());
    pair.upstream
        .sql("UPDATE shop.t SET v = -id WHERE id % 2 = 0; DELETE FROM shop.t WHERE id % 7 = 0")
        .await
        .unwrap();
    let tidegate = pair.tidegate().await;
    pair.converge("shop", &tidegate).await;
}
