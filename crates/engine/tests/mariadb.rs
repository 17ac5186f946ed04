//! The engine between two real servers: what is written upstream arrives downstream, through pauses and restarts.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod pair;

use tempfile::TempDir;
use tidegate_api::ResumeChangefeed;
use tidegate_mariadb::User;
use tidegate_model::ErrorCode;

use crate::pair::{id, request, servers, start, until, until_equal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_schema_changes_arrive_through_pauses_and_restarts() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    let created = process
        .service
        .create_changefeed(request(&downstream))
        .await
        .unwrap();
    assert_eq!(created.state, "normal");
    assert!(
        !created.sink_uri.contains(User::Root.password()),
        "{}",
        created.sink_uri
    );

    upstream
        .sql(
            "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, v VARCHAR(20));
             INSERT INTO shop.orders VALUES (1, 'a'), (2, 'b'), (3, 'c');
             UPDATE shop.orders SET v = 'bb' WHERE id = 2; DELETE FROM shop.orders WHERE id = 3;",
        )
        .await
        .unwrap();
    until_equal(&process, &upstream, &downstream, "shop.orders").await;

    process.service.pause_changefeed(&id()).await.unwrap();
    upstream
        .sql(
            "INSERT INTO shop.orders VALUES (4, 'd'); ALTER TABLE shop.orders ADD COLUMN n INT NOT NULL DEFAULT 7;
             INSERT INTO shop.orders VALUES (5, 'e', 8);",
        )
        .await
        .unwrap();
    process
        .service
        .resume_changefeed(&id(), ResumeChangefeed::default())
        .await
        .unwrap();
    until_equal(&process, &upstream, &downstream, "shop.orders").await;
    process.stop().await;

    upstream
        .sql("ALTER TABLE shop.orders DROP COLUMN v; INSERT INTO shop.orders VALUES (6, 9);")
        .await
        .unwrap();
    let process = start(dir.path(), &upstream).await;
    until_equal(&process, &upstream, &downstream, "shop.orders").await;

    let now = process.service.tso().await.unwrap();
    until("the checkpoint passes the present", async || {
        let status = process.service.changefeed_status(&id()).await.unwrap();
        status.checkpoint_ts >> 18 >= now.timestamp
    })
    .await;
    assert_eq!(process.state().await, "normal");
    process.service.remove_changefeed(&id()).await.unwrap();
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upstream_as_its_own_downstream_is_refused() {
    let (upstream, downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    let error = process
        .service
        .create_changefeed(request(&upstream))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::SameUpstreamDownstream);
    let mut by_name = request(&upstream);
    by_name.sink_uri = by_name.sink_uri.replace("127.0.0.1", "localhost");
    let error = process.service.create_changefeed(by_name).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SameUpstreamDownstream);
    // Another spelling of the address: only the server itself can tell.
    let mut by_alias = request(&upstream);
    by_alias.sink_uri = by_alias.sink_uri.replace("127.0.0.1", "127.1");
    let error = process.service.create_changefeed(by_alias).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SameUpstreamDownstream);
    process
        .service
        .create_changefeed(request(&downstream))
        .await
        .unwrap();
    process.stop().await;
}

/// A downstream that is away for a while is retried, the reason is shown meanwhile, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_downstream_that_was_away_catches_up() {
    let (upstream, mut downstream) = servers().await;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path(), &upstream).await;
    process
        .service
        .create_changefeed(request(&downstream))
        .await
        .unwrap();
    upstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1);")
        .await
        .unwrap();
    until_equal(&process, &upstream, &downstream, "shop.t").await;
    downstream.stop().await.unwrap();
    upstream.sql("INSERT INTO shop.t VALUES (2);").await.unwrap();
    until("the reason is shown", async || {
        let live = process.service.live().borrow().clone();
        let reason = live
            .changefeeds
            .first()
            .and_then(|feed| feed.reason.clone())
            .unwrap_or_default();
        reason.starts_with("sink busy: 1 rows") || reason.starts_with("retrying in")
    })
    .await;
    // What the sink tries again inside is a warning of the changefeed, with its reason.
    until("the state is warning", async || {
        process.state().await.starts_with("warning")
    })
    .await;
    downstream.restart().await.unwrap();
    upstream.sql("INSERT INTO shop.t VALUES (3);").await.unwrap();
    until_equal(&process, &upstream, &downstream, "shop.t").await;
    process.stop().await;
}
