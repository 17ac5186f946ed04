//! What handlers share.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tidegate_engine::ReplicationService;
use tidegate_upstream::Upstream;
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::audit::Audit;
use super::config::ServerConfig;
use super::log::LogControl;
use super::series::Histories;
use crate::fns::bulk::Batches;

/// Version in answers of the API: clients of the original refuse anything older than v6.2.0, or no version at all.
pub const VERSION_FOR_CLIENTS: &str = "v8.5.0-tidegate";

/// State of the router. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) service: Arc<ReplicationService>,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) log: LogControl,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) access: Arc<Access>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) histories: Histories,
    pub(crate) leptos: LeptosOptions,
    /// Cancelled when the server stops: ends open event streams.
    pub(crate) stop: CancellationToken,
    pub(crate) started: Instant,
    /// What was done with several changefeeds at once.
    pub(crate) batches: Arc<Batches>,
    /// Viewers of the event stream that may still connect.
    pub(crate) viewers: Arc<tokio::sync::Semaphore>,
}

impl FromRef<App> for LeptosOptions {
    fn from_ref(app: &App) -> Self {
        app.leptos.clone()
    }
}
