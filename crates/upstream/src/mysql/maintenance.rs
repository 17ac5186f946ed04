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

/// Asks on a new connection which server answers at the upstream's address now. A server that has lost its place in a
/// failover, and is still running, goes on sending heartbeats.
///
/// # Errors
/// `UpstreamConnection` when it is another one than that which is read; those of asking.
async fn confirm_server(shared: &Shared) -> Result<()> {
    shared.own_questions.renew();
    let (facts, end) = shared.own_questions.server().await?;
    shared.servers.found(facts.identity(), end);
    if shared.servers.is_other() {
        return Err(CdcError::new(
            ErrorCode::UpstreamConnection,
            "the upstream's address leads to another server now",
        ));
    }
    Ok(())
}

/// Drops anchors whose part of the log the server has purged, thins old ones, and measures what is left.
///
/// # Errors
/// `UpstreamConnection` when the address leads to another server now; those of asking the upstream, and the store's.
pub(crate) async fn tidy(shared: &Shared) -> Result<()> {
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
