//! Who may hold a private connection to the log, and for how long.
//!
//! There are few of them. A changefeed whose destination does not take anything would keep one for ever; so whoever has
//! had one for a while gives it back when others wait, and queues again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode, Result};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// See the module's page.
pub(crate) struct Turns {
    seats: Semaphore,
    waiting: AtomicUsize,
    /// Told when somebody begins to wait.
    arrived: Notify,
    length: Duration,
}

/// The right to a connection, until dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    until: Instant,
    _seat: SemaphorePermit<'a>,
}

/// Counts somebody who waits, for as long as it lives.
struct Waiting<'a>(&'a Turns);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Turns {
    pub(crate) fn new(seats: usize, length: Duration) -> Self {
        Turns {
            seats: Semaphore::new(seats),
            waiting: AtomicUsize::new(0),
            arrived: Notify::new(),
            length,
        }
    }

    /// Waits for a seat, first come, first served.
    pub(crate) async fn next(&self) -> Result<Turn<'_>> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(self);
        self.arrived.notify_waiters();
        let seat = self.seats.acquire().await.map_err(|_closed| {
            CdcError::new(ErrorCode::UpstreamConnection, "the upstream is being closed")
        })?;
        Ok(Turn {
            turns: self,
            until: Instant::now() + self.length,
            _seat: seat,
        })
    }
}

impl Turn<'_> {
    /// Whether it has lasted long enough, and others wait.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until && self.turns.waiting.load(Ordering::Acquire) > 0
    }

    /// Returns once it is over.
    pub(crate) async fn over(&self) {
        sleep_until(self.until).await;
        loop {
            let arrived = self.turns.arrived.notified();
            if self.is_over() {
                return;
            }
            arrived.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_ends_only_when_somebody_waits() {
        let turns = Turns::new(1, Duration::from_secs(10));
        let turn = turns.next().await.unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!turn.is_over() && turn.over().now_or_never().is_none());
        let waits = async { turns.next().await.map(drop) };
        let gives_way = async {
            turn.over().await;
            drop(turn);
        };
        let (served, ()) = tokio::join!(waits, gives_way);
        served.unwrap();
        assert_eq!(turns.waiting.load(Ordering::Acquire), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_lasts_its_time_whoever_waits() {
        let turns = Turns::new(1, Duration::from_secs(10));
        let turn = turns.next().await.unwrap();
        let begun = Instant::now();
        let gives_way = async {
            turn.over().await;
            let lasted = begun.elapsed();
            drop(turn);
            lasted
        };
        let (_, lasted) = tokio::join!(async { turns.next().await.map(drop) }, gives_way);
        assert!(lasted >= Duration::from_secs(10), "{lasted:?}");
    }
}
