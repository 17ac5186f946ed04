//! How the shared reader goes on after an error.

use std::time::Duration;

use tidegate_model::{ErrorCode, RetryClass};
use tokio::time::Instant;

use super::backoff::Backoff;

/// Pause after an error that somebody has to mend.
const BLOCKED_RETRY: Duration = Duration::from_secs(10);
/// A connection that lasted this long was a good one.
const STABLE: Duration = Duration::from_secs(60);

/// A replication server id that hardly anybody gives to a server.
pub(super) fn random_server_id() -> u32 {
    rand::random_range(0x4000_0000..0xFFFF_0000)
}

/// Decides how to go on after a lost connection.
pub(super) struct Recovery {
    backoff: Backoff,
    pub(super) server_id: u32,
    evicted: bool,
    attempt: Instant,
}

/// Where to go on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// At the same place.
    Same,
    /// Beyond what the server has purged.
    BeyondPurged,
    /// At the end of the log, on a new timeline: the place is of no use any more.
    NewTimeline,
}

/// See [`Recovery`].
pub(super) struct Remedy {
    /// Tell the changefeeds.
    pub(super) tell: bool,
    pub(super) pause: Duration,
    pub(super) next: Next,
}

impl Recovery {
    /// Begins with this replica id.
    pub(super) fn new(server_id: u32) -> Self {
        Recovery {
            backoff: Backoff::default(),
            server_id,
            evicted: false,
            attempt: Instant::now(),
        }
    }

    /// What to do about an error. `other_server`: of another server than the one that was read.
    pub(super) fn remedy(&mut self, code: ErrorCode, other_server: bool) -> Remedy {
        if self.attempt.elapsed() > STABLE {
            self.backoff = Backoff::default();
            self.evicted = false;
        }
        self.attempt = Instant::now();
        let pause = self.backoff.next();
        let retry = Remedy {
            tell: true,
            pause,
            next: Next::Same,
        };
        match code {
            // Take another id once; two readers that evict each other for ever help nobody.
            ErrorCode::DuplicateServerId if !self.evicted => {
                let taken = std::mem::replace(&mut self.server_id, random_server_id());
                tracing::warn!(
                    taken,
                    instead = self.server_id,
                    "another reader uses this server_id, so reading goes on with another: give one of both another id"
                );
                self.evicted = true;
                Remedy { tell: false, ..retry }
            }
            // The address may lead back: nothing is given up for a server that does not know the place.
            ErrorCode::SnapshotLostByGC | ErrorCode::UpstreamDiverged if other_server => Remedy {
                pause: BLOCKED_RETRY,
                ..retry
            },
            // Each changefeed finds out by its own start.
            ErrorCode::SnapshotLostByGC => Remedy {
                tell: false,
                next: Next::BeyondPurged,
                ..retry
            },
            ErrorCode::UpstreamDiverged => Remedy {
                pause: BLOCKED_RETRY,
                next: Next::NewTimeline,
                ..retry
            },
            code if code.retry_class() == RetryClass::Retry => retry,
            _ => Remedy {
                pause: BLOCKED_RETRY,
                ..retry
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evicted_reader_takes_another_id_once() {
        let mut recovery = Recovery::new(7);
        assert!(!recovery.remedy(ErrorCode::DuplicateServerId, false).tell);
        assert_ne!(recovery.server_id, 7);
        let again = recovery.remedy(ErrorCode::DuplicateServerId, false);
        assert!(again.tell && again.pause == BLOCKED_RETRY);
    }

    #[test]
    fn a_useless_position_is_given_up_and_a_broken_line_is_not() {
        let mut recovery = Recovery::new(7);
        assert_eq!(
            recovery.remedy(ErrorCode::SnapshotLostByGC, false).next,
            Next::BeyondPurged
        );
        assert_eq!(
            recovery.remedy(ErrorCode::UpstreamDiverged, false).next,
            Next::NewTimeline
        );
        let broken = recovery.remedy(ErrorCode::UpstreamConnection, false);
        assert!(broken.tell && broken.next == Next::Same && broken.pause < BLOCKED_RETRY);
        for code in [ErrorCode::SnapshotLostByGC, ErrorCode::UpstreamDiverged] {
            let foreign = recovery.remedy(code, true);
            assert!(foreign.tell && foreign.next == Next::Same && foreign.pause == BLOCKED_RETRY);
        }
    }
}
