//! Keeps the timeline as long as the server's log and no longer.

use tidegate_model::Result;
use tidegate_mysql::file_number;

use super::metrics;
use super::shared::Shared;

/// Anchors older than this are thinned ...
const THIN_AFTER_MS: u64 = 3_600_000;
/// ... to one in this time.
const THIN_TO_MS: u64 = 60_000;
/// Writes in one transaction of the store.
const WRITES_MAX: usize = 1000;

/// Drops anchors whose file the server has purged, thins old ones, and measures what is left.
pub(crate) async fn run(shared: &Shared) {
    if let Err(error) = tidy(shared).await {
        tracing::warn!(error = %error.wire_message(), "cannot tidy up the timeline");
    }
}

async fn tidy(shared: &Shared) -> Result<()> {
    let files = shared.own_questions.binary_logs().await?;
    let Some((oldest, _)) = files.first() else {
        return Ok(());
    };
    let oldest = file_number(oldest);
    let dropped = {
        let mut timeline = shared.timeline_mut();
        let mut dropped = timeline.prune(|anchor| file_number(&anchor.position.file) >= oldest);
        let now_ms = timeline.last().map_or(0, |anchor| anchor.clock_ms);
        dropped.extend(timeline.thin(now_ms.saturating_sub(THIN_AFTER_MS), THIN_TO_MS));
        dropped
    };
    metrics::retained(&files);
    shared.anchors.remove(&dropped).await?;
    let forgotten = shared.schema.prune(shared.oldest());
    for some in forgotten.chunks(WRITES_MAX) {
        shared.anchors.commit(some.to_vec()).await?;
    }
    Ok(())
}
