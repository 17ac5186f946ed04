//! A service between two private servers.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "not every test needs all")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_api::CreateChangefeed;
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_meta::{MetaStore, RedbStore};
use tidegate_model::{ChangefeedId, Clock, ErrorCode, SystemClock};
use tidegate_mysql::ConnectOptions;
use tidegate_sink::Sinks;
use tidegate_upstream::mysql::{MysqlOptions, MysqlUpstream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One life of a server process.
pub(crate) struct Process {
    pub(crate) service: Arc<ReplicationService>,
    upstream_stop: CancellationToken,
}

pub(crate) async fn start(dir: &Path, upstream: &Server) -> Process {
    let store: Arc<dyn MetaStore> = Arc::new(open(dir).await);
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

/// Opens the store; a service that was there before may let go of it a moment after it is gone.
async fn open(dir: &Path) -> RedbStore {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match RedbStore::open(dir) {
            Err(error) if error.code() == ErrorCode::DataDirLocked && Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            opened => return opened.unwrap(),
        }
    }
}

impl Process {
    /// Ends it in order, down to the lock of the data directory.
    pub(crate) async fn stop(self) {
        self.service.shutdown(Duration::from_secs(20)).await;
        self.upstream_stop.cancel();
        let service = Arc::downgrade(&self.service);
        drop(self.service);
        until("the service is gone", async || service.upgrade().is_none()).await;
    }

    pub(crate) async fn state(&self) -> String {
        let detail = self.service.get_changefeed(&id()).await.unwrap();
        match detail.error {
            Some(error) => format!("{}: {}", detail.state, error.message),
            None => detail.state,
        }
    }
}

pub(crate) fn id() -> ChangefeedId {
    ChangefeedId::new("default", "orders")
}

pub(crate) async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn servers() -> (Server, Server) {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    let options = ServerOptions {
        server_id: 2,
        ..ServerOptions::default()
    };
    (upstream, Server::start(options).await.unwrap())
}

pub(crate) fn request(downstream: &Server) -> CreateChangefeed {
    CreateChangefeed {
        changefeed_id: id().id.to_string(),
        sink_uri: downstream.uri(User::Root),
        ..CreateChangefeed::default()
    }
}

/// Waits until both servers hold the same rows.
pub(crate) async fn until_equal(process: &Process, upstream: &Server, downstream: &Server, table: &str) {
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
