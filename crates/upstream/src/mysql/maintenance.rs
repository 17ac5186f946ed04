//! Keeps the timeline as long as the server's log and no longer.

use tidegate_model::{CdcError, ErrorCode, Result};

use super::metrics;
use super::questions::Questions;
use super::shared::Shared;

/// Anchors older than this are thinned ...
const THIN_AFTER_MS: u64 = 3_600_000;
/// ... to one in this time.
const THIN_TO_MS: u64 = 60_000;
/// Writes in one transaction of the store.
const WRITES_MAX: usize = 1000;

/// Drops the anchors from which reading cannot go on any more.
///
/// # Errors
/// Those of asking the upstream, and the store's.
pub(crate) async fn prune(shared: &Shared, questions: &Questions) -> Result<()> {
    let kept = questions.kept(&shared.facts()).await?;
    let dropped = shared
        .timeline_mut()
        .prune(|anchor| kept.reaches(&anchor.position));
    metrics::retained(&kept.files);
    metrics::headroom(shared.ring.resolved(), shared.oldest());
    shared.anchors.remove(&dropped).await
}

/// Why tidying up ended early.
pub(crate) enum Untidy {
    /// The upstream's address leads to another server now than to that which is read.
    Elsewhere(CdcError),
    /// The next time may go better.
    Failed(CdcError),
}

impl From<CdcError> for Untidy {
    fn from(error: CdcError) -> Self {
        Untidy::Failed(error)
    }
}

/// Asks on a new connection which server answers at the upstream's address now. A server that has lost its place in a
/// failover, and is still running, goes on sending heartbeats.
async fn confirm_server(shared: &Shared) -> Result<(), Untidy> {
    shared.own_questions.renew();
    let (facts, end) = shared.own_questions.server().await?;
    // Not the server that was adopted: one that is read since a moment ago may not have said anything yet.
    if facts.identity() == shared.facts().identity() {
        return Ok(());
    }
    shared.servers.found(facts.identity(), end);
    Err(Untidy::Elsewhere(CdcError::new(
        ErrorCode::UpstreamConnection,
        "the upstream's address leads to another server now",
    )))
}

/// Drops anchors whose part of the log the server has purged, thins old ones, and measures what is left.
///
/// # Errors
/// [`Untidy::Elsewhere`] when reading has to begin anew; else those of asking the upstream, and the store's.
pub(crate) async fn tidy(shared: &Shared) -> Result<(), Untidy> {
    confirm_server(shared).await?;
    prune(shared, &shared.own_questions).await?;
    let dropped = {
        let mut timeline = shared.timeline_mut();
        let now_ms = timeline.last().map_or(0, |anchor| anchor.clock_ms);
        timeline.thin(now_ms.saturating_sub(THIN_AFTER_MS), THIN_TO_MS)
    };
    shared.anchors.remove(&dropped).await?;
    shared.hints.prune(shared.oldest());
    let forgotten = shared.schema.prune(shared.oldest());
    for some in forgotten.chunks(WRITES_MAX) {
        shared.anchors.commit(some.to_vec()).await?;
    }
    Ok(())
}
