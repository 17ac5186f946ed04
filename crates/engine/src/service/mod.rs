//! The application layer: one method per use case of the API and the console.

mod answer;
mod check;
mod create;
mod history;
mod lifecycle;
mod live;
mod query;
mod tables;
mod watch;

pub use create::Reach;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use jiff::tz::TimeZone;
use tidegate_api::LiveSnapshot;
use tidegate_failpoint::{Point, hit};
use tidegate_meta::MetaStore;
use tidegate_model::{CdcError, Clock, ErrorCode, Result};
use tidegate_sink::SinkOpener;
use tidegate_upstream::{TableSummary, Upstream};
use tokio::sync::{mpsc, watch as watch_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::feed::FeedState;
use crate::owner::{
    Capture, Command, Env, FeedInfo, FeedRecord, FeedStore, FeedView, Handle, Owner, Registry, Start,
    stuck_duration,
};

/// Orders that may wait for the owner of a changefeed.
const COMMANDS: usize = 16;

/// What a service needs from outside.
pub struct ServiceParts {
    /// Where changes come from.
    pub upstream: Arc<dyn Upstream>,
    /// Where changefeeds and checkpoints are kept.
    pub store: Arc<dyn MetaStore>,
    /// Opens destinations.
    pub sinks: Arc<dyn SinkOpener>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Facts about this server.
    pub capture: Capture,
    /// The zone in which times without an offset are shown.
    pub zone: TimeZone,
}

/// Changefeeds and everything one can do with them.
///
/// All methods may be called at any time from any task. A caller that goes away before the answer leaves either
/// nothing or the whole effect behind. Every answer about a changefeed comes from what its owner published last, so
/// reading never waits for a slow upstream, sink or disk unless the method says so.
pub struct ReplicationService {
    env: Arc<Env>,
    registry: Arc<Registry>,
    /// Owners and watchers; dropped with the service.
    tasks: Mutex<JoinSet<()>>,
    live: watch_channel::Sender<Arc<LiveSnapshot>>,
    /// The upstream's tables as they were read last.
    tables: Arc<Mutex<Arc<[TableSummary]>>>,
    ready: AtomicBool,
}

impl ReplicationService {
    /// A service that runs nothing yet.
    pub fn new(parts: ServiceParts) -> Arc<Self> {
        let store = FeedStore::new(parts.store, &parts.capture.cluster_id);
        let env = Env::new(
            parts.upstream,
            store,
            parts.sinks,
            parts.clock,
            parts.capture,
            parts.zone,
        );
        Arc::new(ReplicationService {
            env: Arc::new(env),
            registry: Arc::new(Registry::default()),
            tasks: Mutex::new(JoinSet::new()),
            live: watch_channel::channel(Arc::new(LiveSnapshot::default())).0,
            tables: Arc::new(Mutex::new(Arc::from([]))),
            ready: AtomicBool::new(false),
        })
    }

    /// Loads all changefeeds and runs those that are not stopped. Call it once.
    ///
    /// # Errors
    /// Those of the store; `DataDirCorrupt` naming the changefeed that cannot be read.
    pub async fn start(&self) -> Result<()> {
        let stored = self.env.store.load().await?;
        hit(Point::Recovery);
        for (stored, checkpoint, record) in stored {
            let info = Arc::new(stored.info);
            let stuck = stuck_duration(&info.config);
            let mut feed = FeedState::load(stored.state, checkpoint, stuck, info.epoch, self.env.now());
            feed.error = stored.error;
            feed.warning = stored.warning;
            let (handle, owner) = self.owner(info, feed, record);
            self.registry.insert(Arc::clone(&handle));
            self.spawn_owner(&handle, owner.run());
        }
        self.tasks().spawn(watch::watch_upstream(
            Arc::clone(&self.env),
            Arc::clone(&self.registry),
            Arc::clone(&self.tables),
        ));
        self.tasks().spawn(live::publish(
            Arc::clone(&self.env),
            Arc::clone(&self.registry),
            Arc::clone(&self.tables),
            self.live.clone(),
        ));
        self.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Stops every pipeline, lets sinks flush, stores the checkpoints, and ends. The states stay as they are, so the
    /// next start goes on with them. What is not done at the deadline is dropped: nothing is lost by that, it is
    /// only read again.
    pub async fn shutdown(&self, deadline: Duration) {
        self.ready.store(false, Ordering::Release);
        let mut tasks = std::mem::take(&mut *self.tasks());
        let all = async {
            for handle in self.registry.all() {
                // An owner that has ended needs no order.
                handle.commands.send(Command::Shutdown).await.ok();
            }
            for handle in self.registry.all() {
                handle.commands.closed().await;
            }
        };
        if timeout(deadline, all).await.is_err() {
            tracing::warn!("some changefeeds did not stop in time and are dropped");
        }
        tasks.shutdown().await;
    }

    /// Whether [`ReplicationService::start`] is done and nothing is shutting down.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// The figures of all changefeeds, anew every second.
    pub fn live(&self) -> watch_channel::Receiver<Arc<LiveSnapshot>> {
        self.live.subscribe()
    }

    fn owner(&self, info: Arc<FeedInfo>, feed: FeedState, record: FeedRecord) -> (Arc<Handle>, Owner) {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let view = FeedView::first(&info, &feed);
        let handle = Handle::new(info.id.clone(), commands, view);
        let owner = Owner::new(Start {
            env: Arc::clone(&self.env),
            handle: Arc::clone(&handle),
            commands: inbox,
            info,
            record,
            feed,
            registry: Arc::clone(&self.registry),
        });
        (handle, owner)
    }

    /// Runs an owner. One that panics leaves a failed changefeed behind, not one that looks well.
    fn spawn_owner(&self, handle: &Arc<Handle>, owner: impl Future<Output = ()> + Send + 'static) {
        let handle = Arc::clone(handle);
        let clock = Arc::clone(&self.env.clock);
        self.tasks().spawn(async move {
            if AssertUnwindSafe(owner).catch_unwind().await.is_err() {
                tracing::error!(changefeed = %handle.id, "the owner of a changefeed failed unexpectedly");
                handle.publish(handle.view().given_up(&owner_gone(), clock.unix_ms()));
            }
        });
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Forget the owners of removed changefeeds.
        while tasks.try_join_next().is_some() {}
        tasks
    }
}

/// The error of an owner that ended before it answered.
fn owner_gone() -> CdcError {
    CdcError::new(
        ErrorCode::OwnerUnknown,
        "the changefeed's owner has ended unexpectedly: restart the server",
    )
}
