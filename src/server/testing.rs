//! A whole server without a network, over a simulated upstream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_model::SystemClock;
use tidegate_sink::Sinks;
use tidegate_testkit::{FaultPlan, Faults, History, MemStore, SimClock, SimUpstream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::access::{Access, AccessSettings, Peer};
use super::audit::Audit;
use super::config::{EncryptionKeys, LogFormat, ServerConfig};
use super::console::leptos_options;
use super::log::LogControl;
use super::series::Histories;
use super::state::App;

const NOW_MS: u64 = 1_700_000_000_000;

/// A server that is ready, and its data directory.
pub(crate) async fn app(access: AccessSettings) -> (App, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let clock = SimClock::starting_at(NOW_MS);
    let faults = Faults::new(1, FaultPlan::default(), None);
    let history = Arc::new(History::generate(1, 1, NOW_MS));
    let upstream = Arc::new(SimUpstream::new(history, clock.clone(), Arc::clone(&faults)));
    let service = ReplicationService::new(ServiceParts {
        upstream: upstream.clone(),
        store: Arc::new(MemStore::new().reopen(faults)),
        sinks: Arc::new(Sinks),
        clock: Arc::new(clock),
        capture: Capture {
            id: "c1".to_owned(),
            address: "127.0.0.1:8300".to_owned(),
            version: "1".to_owned(),
            git_hash: "none".to_owned(),
            cluster_id: "default".to_owned(),
        },
        zone: TimeZone::UTC,
    });
    service.start().await.unwrap();
    let addr = "127.0.0.1:8300".parse().unwrap();
    let config = ServerConfig {
        addr,
        advertise_addr: None,
        allowed_hosts: Vec::new(),
        data_dir: dir.path().to_owned(),
        upstream_uri: "mysql://u@h/".to_owned(),
        server_id: None,
        cluster_id: "default".to_owned(),
        time_zone: TimeZone::UTC,
        drain_timeout: Duration::from_secs(1),
        tls: None,
        access,
        read_only: false,
        encryption: EncryptionKeys::Own,
        ui_dir: None,
    };
    let app = App {
        service,
        upstream,
        log: LogControl::install("info", LogFormat::Text).unwrap(),
        access: Arc::new(Access::new(&config.access).unwrap()),
        audit: Arc::new(Audit::open(dir.path(), Arc::new(SystemClock)).unwrap()),
        histories: Histories::default(),
        leptos: leptos_options(addr).unwrap(),
        config: Arc::new(config),
        stop: CancellationToken::new(),
        started: Instant::now(),
        batches: Arc::default(),
        viewers: Arc::new(Semaphore::new(4)),
    };
    (app, dir)
}

/// Sends a request from 10.0.0.1, as a connection would.
pub(crate) async fn send(router: &Router, mut request: Request<Body>) -> Response<Body> {
    request.extensions_mut().insert(Peer {
        address: "10.0.0.1:5000".parse().unwrap(),
        certificate: None,
        tls: false,
    });
    TowerToHyperService::new(router.clone())
        .call(request)
        .await
        .unwrap()
}

/// The body of an answer as text.
pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 8 << 20).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
