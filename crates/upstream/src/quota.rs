//! The memory budget of one changefeed.
//!
//! Everything a changefeed keeps in memory is counted here before it is made: packets it reads ahead or keeps from the
//! ring ([`Quota::reading`]), and rows on their way to the destination with what a sink makes of them
//! ([`Quota::rows`]). The two have lanes of their own, a quarter and the rest: what is read ahead can never take the
//! room that the rows before it need to get out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The part of a quota that packets may take is one in this number.
const READING_PART: u64 = 4;
/// What decoded rows cost, in their own size: the rows, the statements or lines that a sink makes of them, and the copy of
/// these on its way to the destination. Measured, see ADR 0006.
const ROWS_FACTOR: u64 = 3;

/// A counted budget of bytes; clones share it.
#[derive(Clone, Debug)]
pub struct Quota {
    limit_bytes: u64,
    reading: Arc<Lane>,
    rows: Arc<Lane>,
}

/// A part of a quota that is taken; given back when dropped.
#[derive(Debug)]
pub struct Share {
    lane: Arc<Lane>,
    bytes: u64,
}

/// Whether there was room.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Room {
    /// There was, and it is taken now.
    Taken,
    /// Nothing but the share itself is left in the lane, and still there is no room: hand on what it stands for first.
    HandOnFirst,
}

#[derive(Debug)]
struct Lane {
    state: Mutex<State>,
    /// Told whenever something is given back.
    freed: Notify,
    limit_bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    used_bytes: u64,
    /// Shares that wait for room.
    waiting: usize,
}

impl Quota {
    /// A budget of so many bytes, all free.
    pub fn new(limit_bytes: u64) -> Self {
        let reading = limit_bytes / READING_PART;
        Quota {
            limit_bytes,
            reading: Lane::new(reading),
            rows: Lane::new(limit_bytes - reading),
        }
    }

    /// An empty share for packets that are read and not decoded yet.
    pub fn reading(&self) -> Share {
        Share::empty(&self.reading)
    }

    /// An empty share for rows, from decoding to acknowledgement.
    pub fn rows(&self) -> Share {
        Share::empty(&self.rows)
    }

    /// The whole budget.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// The lane of packets.
    pub(crate) fn reading_limit_bytes(&self) -> u64 {
        self.reading.limit_bytes
    }

    /// What is taken now. More than the limit only while something that cannot be divided, such as one row, is larger
    /// than its lane: that passes alone.
    pub fn used_bytes(&self) -> u64 {
        self.reading.lock().used_bytes + self.rows.lock().used_bytes
    }

    /// Whether somebody waits for room.
    pub fn is_short(&self) -> bool {
        self.reading.lock().waiting + self.rows.lock().waiting > 0
    }

    /// What decoded rows of so many bytes take of the budget.
    pub fn cost_of_rows(memory_bytes: usize) -> u64 {
        ROWS_FACTOR * memory_bytes as u64
    }
}

impl Lane {
    fn new(limit_bytes: u64) -> Arc<Self> {
        Arc::new(Lane {
            state: Mutex::default(),
            freed: Notify::new(),
            limit_bytes,
        })
    }

    /// Adds `bytes` to a share of `own` bytes; `None`: wait.
    fn try_take(&self, own: u64, bytes: u64) -> Option<Room> {
        let mut state = self.lock();
        let fits = state.used_bytes + bytes <= self.limit_bytes;
        // What is larger than the lane passes alone.
        if fits || state.used_bytes == 0 {
            state.used_bytes += bytes;
            return Some(Room::Taken);
        }
        (state.used_bytes == own).then_some(Room::HandOnFirst)
    }

    fn give_back(&self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let mut state = self.lock();
        state.used_bytes -= bytes;
        let awaited = state.waiting > 0;
        drop(state);
        if awaited {
            self.freed.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts somebody who waits, for as long as it lives.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn new(lane: &'a Lane) -> Self {
        lane.lock().waiting += 1;
        Waiting(lane)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl Share {
    fn empty(lane: &Arc<Lane>) -> Self {
        Share {
            lane: Arc::clone(lane),
            bytes: 0,
        }
    }

    /// Bytes that are taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `bytes` more once there is room: call it before the memory is allocated. Dropped while it waits, it has
    /// taken nothing. An empty share always gets room in the end, whatever the number, provided that the others in its
    /// lane do not depend on it.
    pub async fn grow(&mut self, bytes: u64) -> Room {
        let mut taken = self.lane.try_take(self.bytes, bytes);
        if taken.is_none() {
            let lane = Arc::clone(&self.lane);
            let _waiting = Waiting::new(&lane);
            while taken.is_none() {
                let freed = lane.freed.notified();
                taken = lane.try_take(self.bytes, bytes);
                if taken.is_none() {
                    freed.await;
                }
            }
        }
        if taken == Some(Room::Taken) {
            self.bytes += bytes;
        }
        taken.unwrap_or(Room::HandOnFirst)
    }

    /// Corrects the share once it is known what the memory really takes. Never waits, so it may exceed the limit: what
    /// comes next waits the longer.
    pub fn settle(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.lane.lock().used_bytes += bytes - self.bytes;
        } else {
            self.lane.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
    }

    /// Adds another share of the same lane.
    pub fn merge(&mut self, mut other: Share) {
        debug_assert!(Arc::ptr_eq(&self.lane, &other.lane));
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Takes `bytes` out of it, or as many as there are.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Share {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Share {
            lane: Arc::clone(&self.lane),
            bytes,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.lane.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn grown(share: &mut Share, bytes: u64) -> Option<Room> {
        share.grow(bytes).now_or_never()
    }

    #[test]
    fn rows_wait_for_rows_and_never_for_what_is_read_ahead() {
        let quota = Quota::new(400);
        let (mut ahead, mut rows, mut more) = (quota.reading(), quota.rows(), quota.rows());
        assert_eq!(grown(&mut ahead, 100), Some(Room::Taken));
        assert_eq!(grown(&mut rows, 200), Some(Room::Taken));
        assert_eq!(quota.used_bytes(), 300);
        assert_eq!(grown(&mut more, 150), None, "350 of 300");
        assert!(!quota.is_short(), "nobody waits any longer");
        drop(rows);
        assert_eq!(grown(&mut more, 150), Some(Room::Taken));
        drop((ahead, more));
        assert_eq!(quota.used_bytes(), 0);
    }

    /// Waiting for room that only the one who waits could give back would be for ever.
    #[test]
    fn a_share_that_is_alone_and_full_is_handed_on_first() {
        let quota = Quota::new(400);
        let mut rows = quota.rows();
        assert_eq!(grown(&mut rows, 200), Some(Room::Taken));
        assert_eq!(grown(&mut rows, 200), Some(Room::HandOnFirst));
        let handed_on = rows.split(200);
        assert_eq!((rows.bytes(), handed_on.bytes()), (0, 200));
        assert_eq!(grown(&mut rows, 200), None, "the other one will be given back");
        drop(handed_on);
        assert_eq!(grown(&mut rows, 200), Some(Room::Taken));
    }

    #[test]
    fn what_is_larger_than_the_lane_passes_alone() {
        let quota = Quota::new(400);
        let (mut small, mut giant) = (quota.rows(), quota.rows());
        assert_eq!(grown(&mut small, 1), Some(Room::Taken));
        assert_eq!(grown(&mut giant, 1000), None);
        drop(small);
        assert_eq!(grown(&mut giant, 1000), Some(Room::Taken));
        assert_eq!(quota.used_bytes(), 1000);
        let mut next = quota.rows();
        assert_eq!(grown(&mut next, 1), None);
        drop(giant);
        assert_eq!(grown(&mut next, 1), Some(Room::Taken));
    }

    #[tokio::test]
    async fn a_waiting_share_is_woken_by_a_correction_and_by_a_drop() {
        let quota = Quota::new(400);
        let (mut first, mut second) = (quota.rows(), quota.rows());
        assert_eq!(first.grow(300).await, Room::Taken);
        let correction = async {
            tokio::task::yield_now().await;
            assert!(quota.is_short());
            first.settle(50);
        };
        let (room, ()) = tokio::join!(second.grow(250), correction);
        assert_eq!(room, Room::Taken);
        second.settle(600);
        assert_eq!(quota.used_bytes(), 650);
        drop(second);
        assert_eq!(quota.used_bytes(), 50);
    }
}
