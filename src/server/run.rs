//! Starting and stopping a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_meta::{Keyring, MetaStore, RedbStore};
use tidegate_model::{Clock, ErrorCode, Result, ResultExt, SystemClock};
use tidegate_mysql::ConnectOptions;
use tidegate_sink::Sinks;
use tidegate_upstream::Upstream;
use tidegate_upstream::mysql::{MysqlOptions, MysqlUpstream};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::access::{Access, AccessSettings};
use super::audit::{Audit, watch};
use super::config::{EncryptionKeys, ServerConfig};
use super::console::leptos_options;
use super::live::VIEWERS_MAX;
use super::log::LogControl;
use super::router::router;
use super::series::Histories;
use super::serve::serve;
use super::state::{App, VERSION_FOR_CLIENTS};
use super::tls::Tls;

/// How long open requests may go on when the server stops.
const REQUESTS_DRAIN: Duration = Duration::from_secs(5);
/// How often the files of the certificate are looked at.
const TLS_LOOK: Duration = Duration::from_secs(10);

/// A server that answers. Dropping it stops it without draining; call [`RunningServer::stop`].
pub struct RunningServer {
    addr: SocketAddr,
    app: App,
    tls: Option<Arc<Tls>>,
    upstream_stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Binds the port, opens the data directory, connects to the upstream, loads the changefeeds and answers requests.
///
/// # Errors
/// A taken port or an address that cannot be bound (`InternalServerError`), `DataDirLocked`, `DataDirCorrupt`,
/// `EncryptionKey`, settings of access that cannot be (`APIInvalidParam`), and those of the upstream. Nothing is left
/// running then.
pub async fn start(config: ServerConfig, log: LogControl) -> Result<RunningServer> {
    let connect = ConnectOptions::from_uri(&config.upstream_uri)?;
    let tls = config.tls.clone().map(Tls::new).transpose()?.map(Arc::new);
    let access = Arc::new(Access::new(&config.access)?);
    let (listener, addr) = listen(config.addr).await?;
    let store: Arc<dyn MetaStore> = open_store(&config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let audit = open_audit(&config, Arc::clone(&clock)).await?;
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
        access,
        audit,
        histories: Histories::default(),
        leptos: leptos_options(addr)?,
        config: Arc::new(config),
        stop: CancellationToken::new(),
        started: Instant::now(),
        batches: Arc::default(),
        viewers: Arc::new(Semaphore::new(VIEWERS_MAX)),
    };
    let mut tasks = JoinSet::new();
    let stop = app.stop.clone();
    tasks.spawn(serve(listener, tls.clone(), router(app.clone()), stop.clone()));
    tasks.spawn(app.log.clone().return_in_time(stop.clone()));
    tasks.spawn(app.histories.clone().sample(app.service.live(), stop.clone()));
    if let Some(tls) = &tls {
        tasks.spawn(look_after(Arc::clone(tls), stop));
    }
    app.service.start().await?;
    tasks.spawn(watch(app.clone()));
    tracing::info!(%addr, "server is up");
    Ok(RunningServer {
        addr,
        app,
        tls,
        upstream_stop,
        tasks,
    })
}

/// Binds the port; answers the address that it got.
async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let code = ErrorCode::InternalServerError;
    let listener = TcpListener::bind(addr)
        .await
        .code(code, format_args!("cannot listen on {addr}"))?;
    let addr = listener
        .local_addr()
        .code(code, "the listening address is not known")?;
    Ok((listener, addr))
}

async fn open_store(config: &ServerConfig) -> Result<Arc<dyn MetaStore>> {
    let (dir, keys) = (config.data_dir.clone(), config.encryption.clone());
    let open = move || {
        let keys = match keys {
            EncryptionKeys::Own => None,
            EncryptionKeys::File(path) => Some(Keyring::read(&path)?),
            EncryptionKeys::Text(text) => Some(Keyring::parse(&text)?),
        };
        RedbStore::open_with(dir, keys)
    };
    let store = tokio::task::spawn_blocking(open).await.code(
        ErrorCode::MetaStore,
        "opening the data directory ended unexpectedly",
    )??;
    Ok(Arc::new(store))
}

async fn open_audit(config: &ServerConfig, clock: Arc<dyn Clock>) -> Result<Arc<Audit>> {
    let dir = config.data_dir.clone();
    let audit = tokio::task::spawn_blocking(move || Audit::open(&dir, clock))
        .await
        .code(ErrorCode::MetaStore, "opening the activity ended unexpectedly")??;
    Ok(Arc::new(audit))
}

/// Takes a new certificate when its files change.
async fn look_after(tls: Arc<Tls>, stop: CancellationToken) {
    let mut ticks = interval(TLS_LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => reload(&tls, false).await,
        }
    }
}

async fn reload(tls: &Arc<Tls>, always: bool) {
    let tls = Arc::clone(tls);
    if let Err(error) = tokio::task::spawn_blocking(move || tls.reload(always)).await {
        tracing::error!(%error, "reading the TLS certificate ended unexpectedly");
    }
}

impl RunningServer {
    /// Reads the files of the certificate again, and puts other rules of access in force. Open connections stay.
    ///
    /// # Errors
    /// `APIInvalidParam` for rules that cannot be; the old ones stay then.
    pub async fn reload(&self, access: &AccessSettings) -> Result<()> {
        if let Some(tls) = &self.tls {
            reload(tls, true).await;
        }
        self.app.access.replace(access)?;
        tracing::info!("access settings reloaded");
        Ok(())
    }

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
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(REQUESTS_DRAIN, ended).await.is_err() {
            tracing::warn!("some requests did not end in time and are dropped");
        }
        self.tasks.shutdown().await;
        tracing::info!("stopped");
    }
}
