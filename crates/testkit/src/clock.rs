//! Time of day that follows the runtime's (paused) time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tidegate_model::Clock;
use tokio::time::Instant;

/// A clock that stands at a given time when it is made and moves with `tokio::time`.
///
/// Clones share the latest time read, which lets a harness go on from there after a crash, and jumps.
#[derive(Clone, Debug)]
pub struct SimClock {
    base_ms: u64,
    start: Instant,
    latest_ms: Arc<AtomicU64>,
    jumped_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock that shows `unix_ms` now. Must be called inside a runtime whose time is paused.
    pub fn starting_at(unix_ms: u64) -> Self {
        SimClock {
            base_ms: unix_ms,
            start: Instant::now(),
            latest_ms: Arc::new(AtomicU64::new(unix_ms)),
            jumped_ms: Arc::default(),
        }
    }

    /// Somebody sets the clock, forwards or backwards.
    pub fn jump(&self, by_ms: i64) {
        self.jumped_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// The latest time anybody read; usable outside the runtime.
    pub fn latest_ms(&self) -> u64 {
        self.latest_ms.load(Ordering::Relaxed)
    }
}

impl Clock for SimClock {
    fn unix_ms(&self) -> u64 {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = self
            .base_ms
            .saturating_add(passed)
            .saturating_add_signed(self.jumped_ms.load(Ordering::Relaxed));
        self.latest_ms.fetch_max(now, Ordering::Relaxed);
        now
    }
}
