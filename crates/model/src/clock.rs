//! Wall-clock time as a dependency, so that simulations can own it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day. Waiting and measuring use the runtime's monotonic clock instead.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the unix epoch.
    fn unix_ms(&self) -> u64;
}

/// The machine's clock.
#[derive(Copy, Clone, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "milliseconds fit 64 bits for 500 million years"
    )]
    fn unix_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64)
    }
}
