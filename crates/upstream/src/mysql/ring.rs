//! The bounded memory between the shared reader and the pullers.
//!
//! In: groups with their timestamps, and resolved-ts marks, from one writer. Out: the same, to any number of pullers
//! that are not too far behind. Who falls behind the oldest group kept here reads the log on a connection of its
//! own until it has caught up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_model::{CdcError, Ts};
use tokio::sync::watch;

use super::group::Group;

/// Memory that one group takes beside its events.
const GROUP_OVERHEAD_BYTES: usize = 256;

/// See the module's page.
pub(crate) struct Ring {
    state: Mutex<State>,
    /// Changes with every push, mark and failure.
    version: watch::Sender<u64>,
    bytes_max: usize,
    file_bytes_max: usize,
}

#[derive(Default)]
struct State {
    groups: VecDeque<Arc<Group>>,
    /// In memory.
    bytes: usize,
    /// In files.
    file_bytes: usize,
    /// Every group with a timestamp above it is, or will be, in the ring.
    floor: Ts,
    resolved: Ts,
    open: bool,
    failure: Option<CdcError>,
}

/// What a puller finds in the ring.
pub(crate) enum Fetched {
    /// Groups after the puller's place, in order, and the resolved-ts behind the last of them.
    Groups(Vec<Arc<Group>>, Ts),
    /// The place is older than the ring.
    Behind,
    /// The shared reader cannot go on, and there is nothing left to take.
    Failed(CdcError),
}

impl Ring {
    /// An empty ring that nobody can join before [`Ring::open`]. `file_bytes_max` bounds what its groups keep on disk.
    pub(crate) fn new(bytes_max: usize, file_bytes_max: usize) -> Self {
        Ring {
            state: Mutex::default(),
            version: watch::Sender::new(0),
            bytes_max,
            file_bytes_max,
        }
    }

    /// Tells that every group above `floor` will be pushed, and that there is none up to `resolved`.
    pub(crate) fn open(&self, floor: Ts, resolved: Ts) {
        let mut state = self.lock();
        state.groups.clear();
        (state.bytes, state.file_bytes) = (0, 0);
        state.floor = floor;
        state.resolved = state.resolved.max(resolved);
        state.open = true;
        state.failure = None;
        drop(state);
        self.bump();
    }

    /// Appends groups; the oldest ones make room. Nobody is woken when there is nothing new. `resolved`: everything up to here has been pushed.
    pub(crate) fn push(&self, groups: &mut Vec<Arc<Group>>, resolved: Ts) {
        let mut state = self.lock();
        let news = !groups.is_empty() || resolved > state.resolved || state.failure.is_some();
        for group in groups.drain(..) {
            debug_assert!(group.commit_ts > state.groups.back().map_or(state.floor, |last| last.end_ts()));
            state.bytes += cost(&group);
            state.file_bytes += group.file_bytes();
            state.groups.push_back(group);
        }
        // The newest group stays whatever its size: a group larger than the ring must pass through it.
        while self.is_over(&state) && state.groups.len() > 1 {
            if let Some(oldest) = state.groups.pop_front() {
                state.bytes -= cost(&oldest);
                state.file_bytes -= oldest.file_bytes();
                state.floor = oldest.end_ts();
            }
        }
        state.resolved = state.resolved.max(resolved);
        state.failure = None;
        drop(state);
        if news {
            self.bump();
        }
    }

    fn is_over(&self, state: &State) -> bool {
        state.bytes > self.bytes_max || state.file_bytes > self.file_bytes_max
    }

    /// Shows an error to all pullers, until the next push.
    pub(crate) fn fail(&self, error: CdcError) {
        self.lock().failure = Some(error);
        self.bump();
    }

    /// Groups with `end_ts > after`, at most about `bytes_max` bytes of them, but one if there is one.
    pub(crate) fn fetch(&self, after: Ts, bytes_max: usize) -> Fetched {
        let state = self.lock();
        let behind = !state.open || after < state.floor;
        let from = state.groups.partition_point(|group| group.end_ts() <= after);
        if let Some(error) = &state.failure
            && (behind || from == state.groups.len())
        {
            return Fetched::Failed(error.clone());
        }
        if behind {
            return Fetched::Behind;
        }
        let mut bytes = 0;
        let mut groups = Vec::new();
        for group in state.groups.range(from..) {
            if bytes >= bytes_max && !groups.is_empty() {
                break;
            }
            bytes += cost(group);
            groups.push(Arc::clone(group));
        }
        let complete = from + groups.len() == state.groups.len();
        let resolved = match groups.last() {
            Some(last) if !complete => last.end_ts(),
            _ => state.resolved,
        };
        Fetched::Groups(groups, resolved)
    }

    /// Whether a reader that has seen everything up to `ts` can go on from the ring.
    pub(crate) fn joinable(&self, ts: Ts) -> bool {
        let state = self.lock();
        state.open && ts >= state.floor
    }

    /// Everything up to here was read.
    pub(crate) fn resolved(&self) -> Ts {
        self.lock().resolved
    }

    /// Sees a change whenever [`Ring::fetch`] may have something new.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn bump(&self) {
        self.version
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(group: &Group) -> usize {
    group.memory_bytes() + GROUP_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use tidegate_mysql::binlog::Framer;
    use tidegate_mysql::{Flavour, GroupId};

    use super::*;
    use crate::mysql::group::Events;

    fn group(n: u64) -> Arc<Group> {
        Arc::new(Group {
            id: GroupId::MariaDb {
                domain: 0,
                server: 1,
                seq: n,
            },
            commit_ts: Ts::from_u64(n * 10),
            raw_ms: 0,
            file: "b.1".into(),
            offset: n,
            ddl: None,
            obstacle: None,
            events: Events::Memory(vec![vec![0; 100].into()]),
            bytes: 100,
            framer: Framer::new(Flavour::MariaDb),
            prepared_open: false,
        })
    }

    fn fetched(ring: &Ring, after: u64, bytes_max: usize) -> Option<(Vec<u64>, u64)> {
        match ring.fetch(Ts::from_u64(after), bytes_max) {
            Fetched::Groups(groups, resolved) => {
                let seen = groups.iter().map(|group| group.commit_ts.as_u64()).collect();
                Some((seen, resolved.as_u64()))
            }
            Fetched::Behind | Fetched::Failed(_) => None,
        }
    }

    /// With no room at all, groups were left out and called resolved.
    #[test]
    fn whatever_the_room_nothing_is_resolved_that_was_not_handed_out() {
        let ring = Ring::new(1 << 20, 0);
        ring.open(Ts::ZERO, Ts::ZERO);
        ring.push(&mut (1..=3).map(group).collect(), Ts::from_u64(99));
        assert_eq!(fetched(&ring, 0, 0), Some((vec![10], 10)));
        assert_eq!(fetched(&ring, 10, 400), Some((vec![20, 30], 99)));
        assert_eq!(fetched(&ring, 30, 0), Some((vec![], 99)));
    }

    /// A changefeed that was a little behind the place where reading went on after a restart read privately for nothing.
    #[test]
    fn a_ring_serves_every_place_after_the_group_before_it() {
        let ring = Ring::new(1 << 20, 0);
        assert_eq!(fetched(&ring, 0, 400), None, "not open yet");
        ring.open(Ts::from_u64(5), Ts::from_u64(8));
        assert_eq!(fetched(&ring, 5, 400), Some((vec![], 8)));
        assert_eq!(fetched(&ring, 4, 400), None);
    }

    /// Each heartbeat of the server woke every changefeed.
    #[test]
    fn nobody_is_woken_without_news() {
        let ring = Ring::new(1 << 20, 0);
        ring.open(Ts::ZERO, Ts::from_u64(5));
        let mut changes = ring.subscribe();
        ring.push(&mut Vec::new(), Ts::from_u64(5));
        assert!(!changes.has_changed().unwrap());
        ring.push(&mut Vec::new(), Ts::from_u64(6));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        ring.push(&mut vec![group(1)], Ts::from_u64(6));
        assert!(changes.has_changed().unwrap());
    }
}
