//! Guessing made slow: each failure of a user or of an address lengthens the wait for the next try.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures of one user before tries have to wait.
const USER_FREE: u32 = 5;
/// Longest wait of a user: more would let anybody lock somebody else out.
const USER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Failures of one address before tries have to wait; more people may share one.
const ADDRESS_FREE: u32 = 20;
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(60);
/// Failures are forgotten after this time without another.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Users, or addresses, that are remembered; the one that failed longest ago goes first.
const ENTRIES_MAX: usize = 10_000;

/// The failures of late.
#[derive(Default)]
pub(crate) struct Attempts {
    users: Mutex<Failures<String>>,
    addresses: Mutex<Failures<IpAddr>>,
}

impl Attempts {
    /// Counts a try as failed before it is made, so that tries side by side cannot outrun the count; or says how long
    /// to wait first. `user` is `None` for what has no name, such as a token.
    pub(crate) fn begin(&self, user: Option<&str>, address: IpAddr) -> Result<(), Duration> {
        let now = Instant::now();
        let address = network(address);
        let mut users = lock(&self.users);
        let mut addresses = lock(&self.addresses);
        let user_wait = user.map(|user| users.wait(&user.to_owned(), now, USER_FREE, USER_WAIT_MAX));
        let wait = addresses.wait(&address, now, ADDRESS_FREE, ADDRESS_WAIT_MAX);
        let wait = wait.max(user_wait.unwrap_or_default());
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some(user) = user {
            users.count(user.to_owned(), now);
        }
        addresses.count(address, now);
        Ok(())
    }

    /// The try that began was right after all. What the address failed before still counts: it may own one account.
    pub(crate) fn succeeded(&self, user: Option<&str>, address: IpAddr) {
        if let Some(user) = user {
            lock(&self.users).0.remove(user);
        }
        let mut addresses = lock(&self.addresses);
        if let Some(entry) = addresses.0.get_mut(&network(address)) {
            entry.failures = entry.failures.saturating_sub(1);
        }
    }
}

fn lock<K>(failures: &Mutex<Failures<K>>) -> std::sync::MutexGuard<'_, Failures<K>> {
    failures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One customer of a provider has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

struct Failures<K>(HashMap<K, Entry>);

struct Entry {
    failures: u32,
    last: Instant,
}

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Failures(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone> Failures<K> {
    fn wait(&self, key: &K, now: Instant, free: u32, longest: Duration) -> Duration {
        let Some(entry) = self.0.get(key) else {
            return Duration::ZERO;
        };
        let passed = now.duration_since(entry.last);
        if passed >= MEMORY {
            return Duration::ZERO;
        }
        delay(entry.failures, free, longest).saturating_sub(passed)
    }

    fn count(&mut self, key: K, now: Instant) {
        if self.0.len() >= ENTRIES_MAX && !self.0.contains_key(&key) {
            self.0.retain(|_, entry| now.duration_since(entry.last) < MEMORY);
            if self.0.len() >= ENTRIES_MAX {
                let oldest = self.0.iter().min_by_key(|(_, entry)| entry.last);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    self.0.remove(&oldest);
                }
            }
        }
        let entry = self.0.entry(key).or_insert(Entry {
            failures: 0,
            last: now,
        });
        if now.duration_since(entry.last) >= MEMORY {
            entry.failures = 0;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
    }
}

/// The wait after so many failures: none for the free ones, then a second, doubled by each further one.
fn delay(failures: u32, free: u32, longest: Duration) -> Duration {
    match failures.checked_sub(free) {
        None => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1_u64 << beyond.min(16)).min(longest),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_doubles_the_wait_of_a_user() {
        let attempts = Attempts::default();
        for _ in 0..USER_FREE {
            assert_eq!(attempts.begin(Some("alice"), address(1)), Ok(()));
        }
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(
                attempts.begin(Some("alice"), address(2)),
                Err(wait),
                "from any address"
            );
            assert_eq!(attempts.begin(Some("bob"), address(2)), Ok(()), "others may");
            attempts.succeeded(Some("bob"), address(2));
            advance(wait).await;
            assert_eq!(attempts.begin(Some("alice"), address(2)), Ok(()));
        }
        advance(Duration::from_secs(30)).await;
        attempts.begin(Some("alice"), address(3)).unwrap();
        attempts.succeeded(Some("alice"), address(3));
        assert_eq!(
            attempts.begin(Some("alice"), address(3)),
            Ok(()),
            "a success ends it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_cannot_try_many_users() {
        let attempts = Attempts::default();
        for n in 0..ADDRESS_FREE {
            assert_eq!(attempts.begin(Some(&format!("user{n}")), address(1)), Ok(()));
        }
        let second = Duration::from_secs(1);
        assert_eq!(attempts.begin(Some("other"), address(1)), Err(second));
        assert_eq!(attempts.begin(None, address(1)), Err(second), "tokens neither");
        assert_eq!(attempts.begin(Some("other"), address(2)), Ok(()));
        advance(MEMORY).await;
        assert_eq!(attempts.begin(None, address(1)), Ok(()));
        assert_eq!(attempts.begin(None, address(1)), Ok(()), "all is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_ipv6_network_is_one_address_and_memory_is_bounded() {
        let attempts = Attempts::default();
        let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        for n in 0..20 {
            attempts.begin(None, v6(n)).unwrap();
        }
        assert!(attempts.begin(None, v6(99)).is_err());
        for n in 0..ENTRIES_MAX + 5 {
            let n = u32::try_from(n).unwrap();
            attempts.begin(None, IpAddr::from(n.to_be_bytes())).unwrap();
        }
        assert_eq!(lock(&attempts.addresses).0.len(), ENTRIES_MAX);
    }
}
