//! The transitions between the states of a changefeed.

use std::error::Error;

use tidegate_model::{CdcError, ErrorCode, RetryClass, Trouble, Ts};

use super::state::{FeedState, Now, Retry, RunningError, State};

/// Something that happened to a changefeed.
#[derive(Clone, Debug)]
pub(crate) enum FeedEvent {
    /// A user pauses it.
    Pause,
    /// A user resumes it, perhaps from another checkpoint.
    Resume {
        /// The checkpoint to start from instead of its own.
        overwrite: Option<Ts>,
    },
    /// A user deletes it.
    Remove,
    /// The pipeline reports how far it is.
    Progress {
        /// Durable up to here.
        checkpoint: Ts,
        /// Read up to here.
        resolved: Ts,
    },
    /// The checkpoint reached `target_ts`.
    ReachedTarget,
    /// The pipeline ended with an error, or a check found one.
    Error(CdcError),
    /// A part of the pipeline is retrying something by itself.
    Warning(Trouble),
    /// The checkpoint stands still behind what was read, though nothing reported trouble. Shown, never fatal.
    Stalled(CdcError),
    /// The upstream will soon forget the log that is needed. Shown, also while stopped; never fatal.
    LogExpiring(CdcError),
    /// Time passed.
    Tick,
}

/// What the owner has to do about it: first all that concerns the store, in one commit, then the pipeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Store the changefeed's description under a new epoch.
    Persist,
    /// Store this checkpoint although it may lie behind the stored one.
    Overwrite(Ts),
    /// Delete the changefeed's records.
    Delete,
    /// Drain and close the pipeline.
    Stop,
    /// Start the pipeline at the checkpoint.
    Start,
}

/// Applies one event. Pure: the caller carries out the effects.
pub(crate) fn step(feed: &mut FeedState, event: FeedEvent, now: Now) -> Vec<Effect> {
    match event {
        FeedEvent::Pause => pause(feed),
        FeedEvent::Resume { overwrite } => resume(feed, overwrite, now),
        FeedEvent::Remove => {
            feed.state = State::Removed;
            vec![Effect::Delete, Effect::Stop]
        }
        FeedEvent::Progress { checkpoint, resolved } => progress(feed, checkpoint, resolved, now),
        FeedEvent::ReachedTarget => reached_target(feed),
        FeedEvent::Error(error) => failure(feed, &error, now),
        FeedEvent::Warning(trouble) => {
            let retry = Retry {
                attempt: trouble.attempt,
                at: trouble.retry_in.map(|wait| now.mono + wait),
            };
            warning(feed, &trouble.error, Some(retry), now)
        }
        FeedEvent::Stalled(error) => warning(feed, &error, None, now),
        FeedEvent::LogExpiring(error) => log_expiring(feed, &error, now),
        FeedEvent::Tick => tick(feed, now),
    }
}

fn pause(feed: &mut FeedState) -> Vec<Effect> {
    match feed.state {
        State::Normal | State::Warning | State::Pending => {
            feed.state = State::Stopped;
            feed.warning = None;
            feed.retry = None;
            vec![Effect::Persist, Effect::Stop]
        }
        State::Stopped | State::Failed | State::Finished | State::Removed => Vec::new(),
    }
}

fn resume(feed: &mut FeedState, overwrite: Option<Ts>, now: Now) -> Vec<Effect> {
    match feed.state {
        State::Stopped | State::Failed | State::Finished => {
            feed.state = State::Normal;
            feed.error = None;
            feed.warning = None;
            feed.retry = None;
            feed.backoff.reset();
            feed.moved_at = now.mono;
            let mut effects = vec![Effect::Persist];
            if let Some(ts) = overwrite {
                feed.checkpoint = ts;
                feed.resolved = ts;
                effects.push(Effect::Overwrite(ts));
            }
            feed.checkpoint_at_retry = feed.checkpoint;
            feed.checkpoint_at_warning = Ts::ZERO;
            effects.push(Effect::Start);
            effects
        }
        State::Normal | State::Warning | State::Pending | State::Removed => Vec::new(),
    }
}

fn progress(feed: &mut FeedState, checkpoint: Ts, resolved: Ts, now: Now) -> Vec<Effect> {
    let moved = checkpoint > feed.checkpoint;
    feed.checkpoint = feed.checkpoint.max(checkpoint);
    feed.resolved = feed.resolved.max(resolved).max(feed.checkpoint);
    if moved || feed.checkpoint >= feed.resolved {
        feed.moved_at = now.mono;
    }
    let recovered = feed.state == State::Warning
        && feed.checkpoint > feed.checkpoint_at_retry
        && feed.checkpoint > feed.checkpoint_at_warning;
    if !recovered {
        return Vec::new();
    }
    feed.state = State::Normal;
    feed.error = None;
    feed.warning = None;
    feed.retry = None;
    feed.backoff.reset();
    vec![Effect::Persist]
}

fn reached_target(feed: &mut FeedState) -> Vec<Effect> {
    if !feed.state.is_running() {
        return Vec::new();
    }
    feed.state = State::Finished;
    feed.error = None;
    feed.warning = None;
    feed.retry = None;
    vec![Effect::Persist, Effect::Stop]
}

fn failure(feed: &mut FeedState, error: &CdcError, now: Now) -> Vec<Effect> {
    let retryable = !fails_at_once(error);
    match (feed.state, retryable) {
        (State::Normal | State::Warning, true) => {
            feed.state = State::Pending;
            feed.error = Some(RunningError::new(error, now));
            let wait = feed.backoff.next_wait(now.mono);
            feed.retry = Some(Retry {
                attempt: feed.backoff.attempts(),
                at: Some(now.mono + wait),
            });
            vec![Effect::Persist, Effect::Stop]
        }
        (State::Normal | State::Warning | State::Pending | State::Stopped, false) => {
            feed.error = Some(RunningError::new(error, now));
            fail(feed)
        }
        _ => Vec::new(),
    }
}

/// Whether an error leaves nothing to wait for. One that wraps such an error is as final as that, unless it is about
/// the connection to the upstream: that one doubts what it wraps.
fn fails_at_once(error: &CdcError) -> bool {
    if error.code() == ErrorCode::UpstreamConnection {
        return false;
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let code = error.downcast_ref::<CdcError>().map(CdcError::code);
        if code.is_some_and(|code| code.retry_class() != RetryClass::Retry) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// `retry`: what a part of the pipeline does about it. Only then does a checkpoint that has stood still for too long
/// turn the warning into a failure.
fn warning(feed: &mut FeedState, error: &CdcError, retry: Option<Retry>, now: Now) -> Vec<Effect> {
    if !feed.state.is_running() {
        return Vec::new();
    }
    let behind = feed.checkpoint < feed.resolved;
    if retry.is_some() && behind && now.mono.saturating_sub(feed.moved_at) > feed.stuck {
        let reason = CdcError::new(
            ErrorCode::ChangefeedUnretryable,
            format_args!("the checkpoint has not moved for {} s", feed.stuck.as_secs()),
        );
        feed.error = Some(RunningError::new(&reason.with_source(error.clone()), now));
        return fail(feed);
    }
    let warning = RunningError::new(error, now);
    let same = feed
        .warning
        .as_ref()
        .is_some_and(|old| old.message == warning.message);
    let news = feed.state == State::Normal || !same;
    feed.state = State::Warning;
    feed.warning = Some(warning);
    feed.retry = retry;
    feed.checkpoint_at_warning = feed.checkpoint;
    if news { vec![Effect::Persist] } else { Vec::new() }
}

fn log_expiring(feed: &mut FeedState, error: &CdcError, now: Now) -> Vec<Effect> {
    if feed.state != State::Stopped {
        return warning(feed, error, None, now);
    }
    let news = feed.warning.is_none();
    feed.warning = Some(RunningError::new(error, now));
    if news { vec![Effect::Persist] } else { Vec::new() }
}

fn tick(feed: &mut FeedState, now: Now) -> Vec<Effect> {
    let due = feed.state == State::Pending && feed.retry_at().is_none_or(|at| at <= now.mono);
    if !due {
        return Vec::new();
    }
    if feed.backoff.lasted(now.mono) >= feed.stuck {
        return fail(feed);
    }
    feed.state = State::Warning;
    feed.retry = None;
    feed.checkpoint_at_retry = feed.checkpoint;
    feed.moved_at = now.mono;
    vec![Effect::Persist, Effect::Start]
}

fn fail(feed: &mut FeedState) -> Vec<Effect> {
    feed.state = State::Failed;
    feed.retry = None;
    vec![Effect::Persist, Effect::Stop]
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
