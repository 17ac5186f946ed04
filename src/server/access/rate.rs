//! How many requests one principal may send.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Requests that may come at once, in seconds of the steady rate.
const BURST_SECONDS: u32 = 5;
/// Principals that are remembered; one that is at rest is forgotten first.
const ENTRIES_MAX: usize = 10_000;

/// A token bucket for each principal.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<String, Bucket>>);

struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// Takes one request of `who`, or says how long to wait. `per_second` 0: no limit.
    pub(crate) fn take(&self, who: &str, per_second: u32) -> Result<(), Duration> {
        if per_second == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let rate = f64::from(per_second);
        let full = f64::from(per_second.saturating_mul(BURST_SECONDS));
        let filled =
            |bucket: &Bucket| (bucket.left + now.duration_since(bucket.at).as_secs_f64() * rate).min(full);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = match buckets.get(who) {
            Some(bucket) => filled(bucket),
            None => {
                if buckets.len() >= ENTRIES_MAX {
                    buckets.retain(|_, bucket| filled(bucket) < full);
                }
                if buckets.len() >= ENTRIES_MAX {
                    // As many principals are busy at once: the server is, and says so.
                    return Err(Duration::from_secs(1));
                }
                full
            }
        };
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / rate));
        }
        let bucket = Bucket {
            left: left - 1.0,
            at: now,
        };
        match buckets.get_mut(who) {
            Some(known) => *known = bucket,
            None => drop(buckets.insert(who.to_owned(), bucket)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_the_steady_rate() {
        let rates = Rates::default();
        for _ in 0..10 * BURST_SECONDS {
            rates.take("alice", 10).unwrap();
        }
        let wait = rates.take("alice", 10).unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        assert_eq!(rates.take("bob", 10), Ok(()), "each has a share of their own");
        assert_eq!(rates.take("alice", 0), Ok(()), "0 is no limit");
        advance(Duration::from_millis(1000)).await;
        for _ in 0..10 {
            rates.take("alice", 10).unwrap();
        }
        assert!(rates.take("alice", 10).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let rates = Rates::default();
        for n in 0..ENTRIES_MAX {
            rates.take(&n.to_string(), 1).unwrap();
        }
        assert!(rates.take("one more", 1).is_err());
        advance(Duration::from_secs(1)).await;
        assert_eq!(rates.take("one more", 1), Ok(()));
    }
}
