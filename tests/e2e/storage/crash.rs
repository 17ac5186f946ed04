//! The server is killed while it writes to a bucket, and the bucket's server goes away now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tidegate_s3server::S3Server;

use super::{consumer, replays_to, until_complete};
use crate::support::{Pair, Tidegate};

const KILLS: u32 = 6;

#[tokio::test]
async fn crashes_and_outages_of_the_bucket_lose_nothing() {
    let seed = std::env::var("TIDEGATE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random);
    println!("TIDEGATE_SEED={seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let pair = Pair::start().await;
    let mut bucket = S3Server::start(&pair.dir.path().join("s3")).await.unwrap();
    let root = bucket.bucket().join("out");
    let mut tidegate = pair.tidegate().await;
    let uri = bucket.uri("out", "protocol=canal-json&flush-interval=2s");
    let config = json!({"filter": {"rules": ["shop.*"]}, "sink": {"date_separator": "none"}});
    tidegate.create("feed", &uri, &config).await.ok();
    pair.upstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v INT); CREATE TABLE shop.u LIKE shop.t")
        .await
        .unwrap();
    let mut id = 0;
    for round in 0..KILLS {
        for _ in 0..20 {
            id += 1;
            let sql = format!(
                "BEGIN; INSERT INTO shop.t VALUES ({id}, 0); INSERT INTO shop.u VALUES ({id}, {id}); \
                 UPDATE shop.t SET v = v + 1 WHERE id > {id} - 5; DELETE FROM shop.u WHERE id = {id} - 3; COMMIT"
            );
            pair.upstream.sql(&sql).await.unwrap();
        }
        // A random moment is the point here: while rows wait, between index and data file, before the answer.
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..3000))).await;
        if round % 3 == 2 {
            bucket.stop().await;
        }
        tidegate.sigkill().await;
        tidegate = Tidegate::start_on(&pair.upstream_uri(), pair.dir.path(), tidegate.port).await;
        bucket.start_again().await.ok();
    }
    until_complete(&tidegate, &root).await;
    replays_to(&root, &["shop"], &pair.upstream, &pair.downstream).await;
    inserts_are_whole_and_in_order(&root, id);
}

/// Rows may come again after a crash, but then from some point on and in their order.
fn inserts_are_whole_and_in_order(root: &std::path::Path, last: i32) {
    let mut seen = BTreeSet::new();
    let mut before = 0;
    for file in consumer::files(root) {
        let name = file.to_string_lossy();
        if !name.starts_with("shop/t/") || !name.contains("CDC0") {
            continue;
        }
        for line in std::fs::read_to_string(root.join(&file)).unwrap().lines() {
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
            if message["type"] != "INSERT" {
                continue;
            }
            let id: i32 = message["data"][0]["id"].as_str().unwrap().parse().unwrap();
            assert!(id <= before + 1, "{id} after {before} in {name}");
            before = id;
            seen.insert(id);
        }
    }
    assert_eq!(seen, (1..=last).collect());
}
