//! Waiting times between retries of a changefeed. Pure.

use std::time::Duration;

/// First wait, as in the original.
const FIRST: Duration = Duration::from_secs(10);
/// Longest wait before jitter, as in the original.
const LONGEST: Duration = Duration::from_secs(600);
/// Waits vary by this much in either direction, so that many changefeeds do not retry together.
const JITTER_PERMILLE: u64 = 100;

/// One series of failures: it begins with the first error and ends when the checkpoint moves again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Backoff {
    seed: u64,
    started: Option<Duration>,
    attempts: u32,
}

impl Backoff {
    /// No series under way. `seed` decides the jitter.
    pub(crate) fn new(seed: u64) -> Self {
        Backoff {
            seed,
            started: None,
            attempts: 0,
        }
    }

    /// Another failure at `now` (monotonic): how long to wait before the next try.
    pub(crate) fn next_wait(&mut self, now: Duration) -> Duration {
        self.started.get_or_insert(now);
        let wait = FIRST.saturating_mul(1 << self.attempts.min(16)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        self.seed = mix(self.seed);
        let permille = 1000 - JITTER_PERMILLE + self.seed % (2 * JITTER_PERMILLE + 1);
        wait.mul_f64(permille as f64 / 1000.0)
    }

    /// Failures of the series so far.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long the series has lasted; zero when there is none.
    pub(crate) fn lasted(&self, now: Duration) -> Duration {
        self.started
            .map_or(Duration::ZERO, |started| now.saturating_sub(started))
    }

    /// Ends the series.
    pub(crate) fn reset(&mut self) {
        self.started = None;
        self.attempts = 0;
    }
}

/// One step of splitmix64: enough randomness for jitter, and replayable.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_ten_seconds_to_ten_minutes_with_a_tenth_of_jitter() {
        let mut seen = Vec::new();
        for seed in 0..50 {
            let mut backoff = Backoff::new(seed);
            for expect in [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0, 600.0] {
                let wait = backoff.next_wait(Duration::ZERO).as_secs_f64();
                assert!(
                    (expect * 0.9..=expect * 1.1).contains(&wait),
                    "{wait} for {expect}"
                );
                seen.push((wait / expect * 1000.0).round() as u64);
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 100, "jitter must vary");
    }

    #[test]
    fn a_series_lasts_from_its_first_failure_until_reset() {
        let at = Duration::from_secs;
        let mut backoff = Backoff::new(1);
        assert_eq!(backoff.lasted(at(100)), Duration::ZERO);
        backoff.next_wait(at(100));
        backoff.next_wait(at(150));
        assert_eq!(backoff.lasted(at(160)), at(60));
        backoff.reset();
        assert_eq!(backoff.lasted(at(170)), Duration::ZERO);
        assert!(
            backoff.next_wait(at(200)) < at(12),
            "a new series starts with a short wait"
        );
    }
}
