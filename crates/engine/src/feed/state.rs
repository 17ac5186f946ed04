//! The state of a changefeed.

use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode, Ts};

use super::backoff::Backoff;

/// States as the API names them.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum State {
    /// Running, no trouble.
    Normal,
    /// Running, but something is being retried, or the first run after an error has not made progress yet.
    Warning,
    /// Not running: waits for the next retry.
    Pending,
    /// Paused by a user.
    Stopped,
    /// Given up: a user has to act.
    Failed,
    /// Reached its target.
    Finished,
    /// Deleted; never stored.
    Removed,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [State; 7] = [
        State::Normal,
        State::Warning,
        State::Pending,
        State::Stopped,
        State::Failed,
        State::Finished,
        State::Removed,
    ];

    /// The word on the wire and in the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            State::Normal => "normal",
            State::Warning => "warning",
            State::Pending => "pending",
            State::Stopped => "stopped",
            State::Failed => "failed",
            State::Finished => "finished",
            State::Removed => "removed",
        }
    }

    /// The state of a word; the empty word is a changefeed that was never loaded.
    pub(crate) fn parse(word: &str) -> Option<State> {
        if word.is_empty() {
            return Some(State::Normal);
        }
        State::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether data flows.
    pub(crate) const fn is_running(self) -> bool {
        matches!(self, State::Normal | State::Warning)
    }

    /// The number of the status metric.
    pub(crate) const fn metric(self) -> i64 {
        match self {
            State::Normal => 0,
            State::Pending => 1,
            State::Failed => 2,
            State::Stopped => 3,
            State::Finished => 4,
            State::Removed => 5,
            State::Warning => 6,
        }
    }

    /// `admin_job_type` of the API, which follows from the state.
    pub(crate) const fn admin_job_type(self) -> i32 {
        match self {
            State::Normal | State::Warning => 0,
            State::Pending | State::Stopped | State::Failed => 1,
            State::Removed => 3,
            State::Finished => 4,
        }
    }
}

/// An error or warning as it is shown and stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RunningError {
    /// When it happened, unix milliseconds.
    pub(crate) time_ms: u64,
    /// `CDC:Err...`.
    pub(crate) code: String,
    /// `[CDC:Err...]text: causes`.
    pub(crate) message: String,
}

impl RunningError {
    /// `error` as it is shown.
    pub(crate) fn new(error: &CdcError, now: Now) -> Self {
        RunningError {
            time_ms: now.unix_ms,
            code: error.code().as_str().to_owned(),
            message: error.wire_message(),
        }
    }
}

/// A try to come.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Retry {
    /// Tries that failed so far.
    pub(crate) attempt: u32,
    /// When the next one is made (monotonic); `None` when unknown.
    pub(crate) at: Option<Duration>,
}

/// The present, on both clocks.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Now {
    /// Monotonic time since an arbitrary start: for waiting and measuring.
    pub(crate) mono: Duration,
    /// Time of day in unix milliseconds: for showing.
    pub(crate) unix_ms: u64,
}

/// Everything the decisions about a changefeed depend on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FeedState {
    /// Present state.
    pub(crate) state: State,
    /// The error that made it pending or failed; cleared by recovery and by resume.
    pub(crate) error: Option<RunningError>,
    /// The latest trouble that is being retried while running.
    pub(crate) warning: Option<RunningError>,
    /// Everything up to here is durable downstream.
    pub(crate) checkpoint: Ts,
    /// Everything up to here was read. Not stored; never below the checkpoint.
    pub(crate) resolved: Ts,
    /// The next try after a failure: of the whole pipeline while pending, of the part that warned while in warning.
    pub(crate) retry: Option<Retry>,
    pub(super) backoff: Backoff,
    pub(super) stuck: Duration,
    pub(super) checkpoint_at_retry: Ts,
    pub(super) checkpoint_at_warning: Ts,
    /// When the checkpoint last moved, or last was not behind.
    pub(super) moved_at: Duration,
}

impl FeedState {
    /// The state of a changefeed that was just created or loaded. A changefeed that was pending or in warning when
    /// it was stored is tried at once, as `warning`, and a new series of retries begins.
    pub(crate) fn load(state: State, checkpoint: Ts, stuck: Duration, seed: u64, now: Now) -> Self {
        let state = if state == State::Pending {
            State::Warning
        } else {
            state
        };
        FeedState {
            state,
            error: None,
            warning: None,
            checkpoint,
            resolved: checkpoint,
            retry: None,
            backoff: Backoff::new(seed),
            stuck,
            checkpoint_at_retry: checkpoint,
            checkpoint_at_warning: Ts::ZERO,
            moved_at: now.mono,
        }
    }

    /// When the next try is made (monotonic).
    pub(crate) fn retry_at(&self) -> Option<Duration> {
        self.retry.and_then(|retry| retry.at)
    }

    /// Changes for how long retries may go on without progress (`changefeed_error_stuck_duration`).
    pub(crate) fn set_stuck(&mut self, stuck: Duration) {
        self.stuck = stuck;
    }

    /// Whether its checkpoint must stay readable upstream: everything but finished changefeeds and those whose
    /// start point is gone already.
    pub(crate) fn holds_gc(&self) -> bool {
        match self.state {
            State::Finished | State::Removed => false,
            State::Failed => !self.error.as_ref().is_some_and(is_gc_error),
            State::Normal | State::Warning | State::Pending | State::Stopped => true,
        }
    }
}

fn is_gc_error(error: &RunningError) -> bool {
    let lost = ErrorCode::ALL
        .iter()
        .filter(|code| code.retry_class() == tidegate_model::RetryClass::GcFail);
    lost.map(|code| code.as_str()).any(|code| code == error.code)
}
