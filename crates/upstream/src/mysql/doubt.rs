//! Answers of the server that are too grave to be believed at once.

use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode};
use tokio::time::Instant;

/// "The server does not know what was already read": true after a reset or a failover that lost transactions, but also
/// for a moment when a name or a proxy leads to a replica that is late. Believed once it has been said for a while.
pub(crate) struct Doubt {
    patience: Duration,
    since: Option<Instant>,
}

impl Doubt {
    /// Believes after `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Doubt {
            patience,
            since: None,
        }
    }

    /// The server has sent its log: what it said before does not count.
    pub(crate) fn clear(&mut self) {
        self.since = None;
    }

    /// `error`, or one that is worth another try instead while there is doubt.
    pub(crate) fn weigh(&mut self, error: CdcError) -> CdcError {
        self.weigh_at(error, Instant::now())
    }

    fn weigh_at(&mut self, error: CdcError, now: Instant) -> CdcError {
        if error.code() != ErrorCode::UpstreamDiverged {
            return error;
        }
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) >= self.patience {
            return error;
        }
        CdcError::new(
            ErrorCode::UpstreamConnection,
            format!(
                "the server says that it does not have a transaction that was already read; it is asked again for {} s",
                self.patience.as_secs()
            ),
        )
        .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grave_answer_is_believed_after_a_while() {
        let (begin, mut doubt) = (Instant::now(), Doubt::new(Duration::from_secs(60)));
        let weigh = |doubt: &mut Doubt, code, seconds| {
            let now = begin + Duration::from_secs(seconds);
            doubt.weigh_at(CdcError::new(code, "x"), now).code()
        };
        let (grave, again) = (ErrorCode::UpstreamDiverged, ErrorCode::UpstreamConnection);
        let other = ErrorCode::SnapshotLostByGC;
        assert_eq!(weigh(&mut doubt, other, 0), other);
        assert_eq!(weigh(&mut doubt, grave, 0), again);
        assert_eq!(weigh(&mut doubt, grave, 59), again);
        doubt.clear();
        assert_eq!(weigh(&mut doubt, grave, 60), again);
        assert_eq!(weigh(&mut doubt, grave, 120), grave);
    }
}
