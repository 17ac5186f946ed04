//! What everybody may see of a changefeed without asking its owner.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_model::{CdcError, ChangefeedId, Result, Ts};
use tokio::sync::{mpsc, oneshot};

use super::record::FeedInfo;
use crate::feed::{FeedState, Now, RunningError, State};
use crate::processor::{RunView, Shared};

/// A changefeed at one moment.
#[derive(Clone)]
pub(crate) struct FeedView {
    pub(crate) info: Arc<FeedInfo>,
    pub(crate) state: State,
    pub(crate) error: Option<RunningError>,
    pub(crate) warning: Option<RunningError>,
    /// Stored, so it survives a crash.
    pub(crate) checkpoint: Ts,
    /// Read up to here; zero while it does not run.
    pub(crate) resolved: Ts,
    /// Read up to here, also while it does not run.
    pub(crate) pulled: Ts,
    /// Commit-ts of the latest row that is durable; where it started as long as there is none.
    pub(crate) last_synced: Ts,
    /// Failed tries of what is being retried.
    pub(crate) attempt: Option<u32>,
    /// Unix milliseconds of the next try.
    pub(crate) retry_at_ms: Option<u64>,
    /// Why the checkpoint could not be stored, while that is so.
    pub(crate) store_trouble: Option<Arc<str>>,
    /// Sums over the runs before the present one, since the server started.
    pub(crate) rows_before: u64,
    pub(crate) bytes_before: u64,
    /// The present run.
    pub(crate) run: Option<Arc<Shared>>,
    /// Whether the upstream must keep its log from the checkpoint on.
    pub(crate) holds_log: bool,
}

impl FeedView {
    /// A changefeed that does not run yet.
    pub(crate) fn first(info: &Arc<FeedInfo>, feed: &FeedState) -> Self {
        FeedView {
            info: Arc::clone(info),
            state: feed.state,
            error: feed.error.clone(),
            warning: feed.warning.clone(),
            checkpoint: feed.checkpoint,
            resolved: if feed.state.is_running() {
                feed.resolved
            } else {
                Ts::ZERO
            },
            pulled: feed.resolved,
            last_synced: feed.checkpoint,
            attempt: None,
            retry_at_ms: None,
            store_trouble: None,
            rows_before: 0,
            bytes_before: 0,
            run: None,
            holds_log: feed.holds_gc(),
        }
    }

    /// The view of a changefeed whose owner is gone.
    pub(crate) fn given_up(self, error: &CdcError, unix_ms: u64) -> Self {
        let now = Now {
            unix_ms,
            ..Now::default()
        };
        FeedView {
            state: State::Failed,
            error: Some(RunningError::new(error, now)),
            resolved: Ts::ZERO,
            run: None,
            ..self
        }
    }

    /// Figures of the present run.
    pub(crate) fn run_view(&self) -> Option<RunView> {
        self.run.as_ref().map(|run| run.view())
    }
}

/// An order to the owner of a changefeed. The answer comes once it is stored.
pub(crate) enum Command {
    Pause(oneshot::Sender<Result<()>>),
    Resume(Option<Ts>, oneshot::Sender<Result<()>>),
    /// Answers once the pipeline is closed and the records are gone.
    Remove(oneshot::Sender<Result<()>>),
    /// Replaces the description; only a stopped or failed changefeed takes it, and only one made from the present
    /// description (by its epoch).
    Update(Box<FeedInfo>, oneshot::Sender<Result<()>>),
    /// The upstream no longer keeps the log from the checkpoint on.
    LogLost(CdcError),
    /// It will not keep it for long.
    LogExpiring(CdcError),
    /// Stop the pipeline, store the checkpoint, end. The state stays as it is.
    Shutdown,
}

/// The way to a changefeed: its view, and its owner's queue.
pub(crate) struct Handle {
    pub(crate) id: ChangefeedId,
    pub(crate) commands: mpsc::Sender<Command>,
    view: Mutex<FeedView>,
}

impl Handle {
    pub(crate) fn new(id: ChangefeedId, commands: mpsc::Sender<Command>, view: FeedView) -> Arc<Self> {
        Arc::new(Handle {
            id,
            commands,
            view: Mutex::new(view),
        })
    }

    pub(crate) fn view(&self) -> FeedView {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, view: FeedView) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = view;
    }
}
