//! How long the log that a changefeed needs will still be there.

use tidegate_model::{CdcError, ErrorCode, Result, Ts};

use super::shared::Shared;

/// Less time than this before the purge is worth a warning ...
const SECONDS_MIN: u64 = 3600;
/// ... unless the server keeps its log for a few times that only: then this part of what it keeps.
const PART: u64 = 4;

/// Seconds until the server purges the file with an event of `event_ms`. A file is purged by the time of its last event,
/// so it may stay longer.
fn seconds_left(event_ms: u64, now_ms: u64, retention_seconds: u64) -> u64 {
    let purged_ms = event_ms.saturating_add(retention_seconds.saturating_mul(1000));
    purged_ms.saturating_sub(now_ms) / 1000
}

/// Whether that is soon.
fn is_short(left_seconds: u64, retention_seconds: u64) -> bool {
    left_seconds < SECONDS_MIN.min(retention_seconds / PART)
}

/// Checks that the log after `checkpoint` is not among what the server purges next.
///
/// # Errors
/// `UpstreamLogExpiring` with the time that is left and the size of what is kept.
pub(crate) fn check(shared: &Shared, checkpoint: Ts) -> Result<()> {
    let Some(retention) = shared.facts().retention_seconds() else {
        return Ok(());
    };
    let (begin_ms, now_ms, place) = {
        let timeline = shared.timeline();
        let (Some(begin), Some(last)) = (timeline.start_for(checkpoint), timeline.last()) else {
            // Gone: for the check of the start to tell.
            return Ok(());
        };
        (begin.clock_ms, last.clock_ms, begin.position.to_string())
    };
    let left = seconds_left(begin_ms, now_ms, retention);
    if !is_short(left, retention) {
        return Ok(());
    }
    Err(CdcError::new(
        ErrorCode::UpstreamLogExpiring,
        format!(
            "the upstream keeps its binlog for {retention} s, {} MiB now, and will purge what is needed from {place} on in about {left} s",
            super::metrics::retained_bytes() >> 20
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_shrinks_to_nothing() {
        assert_eq!(seconds_left(1_000_000, 1_000_000, 86_400), 86_400);
        assert_eq!(seconds_left(1_000_000, 61_000_000, 86_400), 26_400);
        assert_eq!(seconds_left(1_000_000, 99_000_000, 86_400), 0);
    }

    #[test]
    fn an_hour_is_short_and_so_is_a_quarter_of_little() {
        assert!(!is_short(3600, 86_400) && is_short(3599, 86_400));
        assert!(!is_short(150, 600) && is_short(149, 600));
    }
}
