//! Why a checkpoint does not move, in one sentence. Pure.

use std::time::Duration;

use tidegate_upstream::UpstreamWatermark;
use tokio::time::Instant;

use crate::feed::State;
use crate::owner::FeedView;
use crate::processor::{RunView, Stage};

/// Shorter waits are part of normal work.
const PATIENCE: Duration = Duration::from_secs(2);
/// A smaller distance to the upstream is no lag.
const LAG_MS_MAX: u64 = 5_000;

/// The present, as far as a reason depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) unix_ms: u64,
    pub(crate) now: Instant,
    pub(crate) upstream: UpstreamWatermark,
}

/// The reason; `None` while the checkpoint moves as it should.
pub(crate) fn of(view: &FeedView, facts: &Facts) -> Option<String> {
    let error = view.error.as_ref().map_or("", |error| error.message.as_str());
    match view.state {
        State::Stopped => Some("paused".to_owned()),
        State::Finished => Some("finished: the target was reached".to_owned()),
        State::Removed => Some("removed".to_owned()),
        State::Failed => Some(format!("failed: {error}")),
        State::Pending => {
            let left_ms = view.retry_at_ms.unwrap_or_default().saturating_sub(facts.unix_ms);
            Some(format!("retrying in {} s: {error}", left_ms.div_ceil(1000)))
        }
        State::Normal | State::Warning => match (&view.store_trouble, view.run_view()) {
            (Some(trouble), _) => Some(format!("the checkpoint cannot be stored: {trouble}")),
            (None, None) => Some("starting: waits for the end of the previous run".to_owned()),
            (None, Some(run)) => running(view, &run, facts),
        },
    }
}

fn running(view: &FeedView, run: &RunView, facts: &Facts) -> Option<String> {
    if let (Stage::Checking, Some(trouble)) = (&run.stage, &run.upstream_trouble) {
        return Some(format!("waiting for upstream: {trouble}"));
    }
    let in_stage = facts.now.saturating_duration_since(run.stage_since);
    match &run.stage {
        Stage::Checking if in_stage >= PATIENCE => {
            return Some(format!(
                "waiting for upstream: checking the start point for {} s",
                in_stage.as_secs()
            ));
        }
        Stage::OpeningSink if in_stage >= PATIENCE => {
            return Some(format!("opening the sink for {} s", in_stage.as_secs()));
        }
        Stage::Ddl(what) => return Some(format!("DDL running for {} s: {what}", in_stage.as_secs())),
        Stage::Closing => return Some("closing the sink".to_owned()),
        Stage::Checking | Stage::OpeningSink | Stage::Reading | Stage::Writing | Stage::Draining => {}
    }
    let waiting = run
        .waiting_since
        .map(|since| facts.now.saturating_duration_since(since));
    if let Some(waited) = waiting.filter(|waited| *waited >= PATIENCE) {
        return Some(format!(
            "sink busy: {} rows, {} bytes not acknowledged, the oldest for {} s",
            run.waiting_rows,
            run.waiting_bytes,
            waited.as_secs()
        ));
    }
    if let Some(trouble) = &run.upstream_trouble {
        return Some(format!("waiting for upstream: {trouble}"));
    }
    if !facts.upstream.connected {
        return Some("waiting for upstream: disconnected".to_owned());
    }
    let lag_ms = facts.unix_ms.saturating_sub(view.checkpoint.physical_ms());
    (lag_ms > LAG_MS_MAX).then(|| format!("catching up: {} s behind", lag_ms / 1000))
}
