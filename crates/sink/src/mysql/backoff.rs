//! Pauses between tries.

use std::time::Duration;

/// Tries of one downstream transaction, as in the original.
pub(crate) const DML_TRIES: u32 = 8;
/// Tries of one schema change, as in the original.
pub(crate) const DDL_TRIES: u32 = 20;
/// Tries of a transaction that the server picks as the victim of a deadlock.
pub(crate) const DEADLOCK_TRIES: u32 = 20;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
const FIRST_AFTER_DEADLOCK: Duration = Duration::from_millis(2);
const LONGEST_AFTER_DEADLOCK: Duration = Duration::from_secs(1);

/// How long to wait after the failed try number `tries`, from 1 on.
pub(crate) fn wait(tries: u32) -> Duration {
    doubled(FIRST, tries).min(LONGEST)
}

/// As [`wait`], after a deadlock: the other transaction has won and ends soon.
pub(crate) fn wait_after_deadlock(tries: u32) -> Duration {
    doubled(FIRST_AFTER_DEADLOCK, tries).min(LONGEST_AFTER_DEADLOCK)
}

fn doubled(first: Duration, tries: u32) -> Duration {
    first.saturating_mul(1 << tries.saturating_sub(1).min(16))
}
