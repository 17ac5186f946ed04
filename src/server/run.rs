//! Starting and stopping a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_meta::{MetaStore, RedbStore};
use tidegate_model::{Clock, ErrorCode, Result, ResultExt, SystemClock};
use tidegate_mysql::ConnectOptions;
use tidegate_sink::Sinks;
use tidegate_upstream::Upstream;
use tidegate_upstream::mysql::{MysqlOptions, MysqlUpstream};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::ServerConfig;
use super::console::leptos_options;
use super::live::VIEWERS_MAX;
use super::log::LogControl;
use super::router::router;
use super::serve::serve;
use super::state::{App, VERSION_FOR_CLIENTS};
use super::tls;

/// How long open requests may go on when the server stops.
const REQUESTS_DRAIN: Duration = Duration::from_secs(5);

/// A server that answers. Dropping it stops it without draining; call [`RunningServer::stop`].
pub struct RunningServer {
    addr: SocketAddr,
    app: App,
    upstream_stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Binds the port, opens the data directory, connects to the upstream, loads the changefeeds and answers requests.
///
/// # Errors
/// A taken port or an address that cannot be bound (`InternalServerError`), `DataDirLocked`, `DataDirCorrupt`, and
/// those of the upstream. Nothing is left running then.
pub async fn start(config: ServerConfig, log: LogControl) -> Result<RunningServer> {
    let connect = ConnectOptions::from_uri(&config.upstream_uri)?;
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let listener = TcpListener::bind(config.addr).await.code(
        ErrorCode::InternalServerError,
        format_args!("cannot listen on {}", config.addr),
    )?;
    let addr = listener.local_addr().code(
        ErrorCode::InternalServerError,
        "the listening address is not known",
    )?;
    let store: Arc<dyn MetaStore> = open_store(&config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let upstream_stop = CancellationToken::new();
    let mut options = MysqlOptions::new(connect, config.data_dir.join("spill"));
    options.server_id = config.server_id;
    let upstream: Arc<dyn Upstream> = MysqlUpstream::start(
        options,
        Arc::clone(&store),
        Arc::clone(&clock),
        upstream_stop.clone(),
    )
    .await?;
    let service = ReplicationService::new(ServiceParts {
        upstream: Arc::clone(&upstream),
        store,
        sinks: Arc::new(Sinks),
        clock,
        capture: Capture {
            id: uuid::Uuid::new_v4().to_string(),
            address: config.advertise_addr.clone().unwrap_or_else(|| addr.to_string()),
            version: VERSION_FOR_CLIENTS.to_owned(),
            git_hash: option_env!("TIDEGATE_GIT_HASH").unwrap_or("None").to_owned(),
            cluster_id: config.cluster_id.clone(),
        },
        zone: config.time_zone.clone(),
    });
    let app = App {
        service,
        upstream,
        log,
        leptos: leptos_options(addr)?,
        config: Arc::new(config),
        stop: CancellationToken::new(),
        started: Instant::now(),
        viewers: Arc::new(Semaphore::new(VIEWERS_MAX)),
    };
    let mut tasks = JoinSet::new();
    let stop = app.stop.clone();
    tasks.spawn(serve(listener, tls, router(app.clone()), stop));
    app.service.start().await?;
    tracing::info!(%addr, "server is up");
    Ok(RunningServer {
        addr,
        app,
        upstream_stop,
        tasks,
    })
}

async fn open_store(config: &ServerConfig) -> Result<Arc<dyn MetaStore>> {
    let dir = config.data_dir.clone();
    let store = tokio::task::spawn_blocking(move || RedbStore::open(dir))
        .await
        .code(
            ErrorCode::MetaStore,
            "opening the data directory ended unexpectedly",
        )??;
    Ok(Arc::new(store))
}

impl RunningServer {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The service behind the API.
    pub fn service(&self) -> &Arc<ReplicationService> {
        &self.app.service
    }

    /// Stops in order: no new requests, pipelines drain and store their checkpoints, the upstream is let go.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.app.stop.cancel();
        self.app.service.shutdown(self.app.config.drain_timeout).await;
        self.upstream_stop.cancel();
        if timeout(REQUESTS_DRAIN, self.tasks.join_next()).await.is_err() {
            tracing::warn!("some requests did not end in time and are dropped");
        }
        self.tasks.shutdown().await;
        tracing::info!("stopped");
    }
}
