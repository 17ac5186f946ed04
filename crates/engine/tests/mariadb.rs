//! The engine between two real servers: what is written upstream arrives downstream, through pauses and restarts.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tempfile::TempDir;
use tidegate_api::{CreateChangefeed, ResumeChangefeed};
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_meta::{MetaStore, RedbStore};
use tidegate_model::{ChangefeedId, Clock, ErrorCode, SystemClock};
use tidegate_mysql::ConnectOptions;
use tidegate_sink::Sinks;
use tidegate_upstream::mysql::{MysqlOptions, MysqlUpstream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// One life of a server process.
struct Process {
    service: Arc<ReplicationService>,
    upstream_stop: CancellationToken,
}

async fn start(dir: &Path, upstream: &Server) -> Process {
    let store: Arc<dyn MetaStore> = Arc::new(RedbStore::open(dir).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let upstream_stop = CancellationToken::new();
    let connect = ConnectOptions::from_uri(&upstream.uri(User::Replication)).unwrap();
    let options = MysqlOptions::new(connect, dir.join("spill"));
    let source = MysqlUpstream::start(
        options,
        Arc::clone(&store),
        Arc::clone(&clock),
        upstream_stop.clone(),
    )
    .await
    .unwrap();
    let service = ReplicationService::new(ServiceParts {
        upstream: source,
        store,
        sinks: Arc::new(Sinks),
        clock,
        capture: Capture {
            id: "c1".to_owned(),
            address: "127.0.0.1:8300".to_owned(),
            version: "v8.5.0-tidegate".to_owned(),
            git_hash: "none".to_owned(),
            cluster_id: "default".to_owned(),
        },
        zone: TimeZone::UTC,
    });
    service.start().await.unwrap();
    Process {
        service,
        upstream_stop,
    }
}

impl Process {
    /// Ends it in order, down to the lock of the data directory.
    async fn stop(self) {
        self.service.shutdown(Duration::from_secs(20)).await;
        self.upstream_stop.cancel();
        let service = Arc::downgrade(&self.service);
        drop(self.service);
        until("the service is gone", async || service.upgrade().is_none()).await;
    }

    async fn state(&self) -> String {
        let detail = self.service.get_changefeed(&id()).await.unwrap();
        match detail.error {
            Some(error) => format!("{}: {}", detail.state, error.message),
            None => detail.state,
        }
    }
}

fn id() -> ChangefeedId {
    ChangefeedId::new("default", "orders")
}

async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn servers() -> (Server, Server) {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    let options = ServerOptions {
        server_id: 2,
        ..ServerOptions::default()
    };
    (upstream, Server::start(options).await.unwrap())
}

fn request(downstream: &Server) -> CreateChangefeed {
    CreateChangefeed {
        changefeed_id: id().id.to_string(),
        sink_uri: downstream.uri(User::Root),
        ..CreateChangefeed::default()
    }
}

/// Waits until both servers hold the same rows.
async fn until_equal(process: &Process, upstream: &Server, downstream: &Server, table: &str) {
    let query = format!("SELECT * FROM {table} ORDER BY 1");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let expect = upstream.sql(&query).await.unwrap();
        // The table may not be there yet.
        let found = downstream.sql(&query).await.unwrap_or_default();
        if found == expect {
            return;
        }
        let state = process.state().await;
        assert!(
            Instant::now() < deadline,
            "{table} differs, changefeed is {state}:\n{expect}\n{found}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

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
