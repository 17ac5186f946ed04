//! From binlog order to timestamps: the pure part.
//!
//! A group's commit-ts is `max(raw, previous + 2)`. Everything else that took part in a decision (a floor on an idle
//! server, a forged clock that was cut down) is recorded in an [`Anchor`] at the group where it took effect. A reader
//! that starts at any anchor and looks every group up in the [`Timeline`] therefore finds the timestamps that the
//! first reader gave. `docs/adr/0003-timeline.md` has the invariants.

use std::collections::{HashMap, HashSet, VecDeque};

use tidegate_model::Ts;
use tidegate_mysql::{GroupId, Position};

/// Distance of two timestamps: `commit_ts - 1` is the start-ts of a group and must be its own too.
pub(crate) const TS_STEP: u64 = 2;
/// How old the checkpoint of a changefeed that keeps up may be when the server stops: a sink collects rows for seconds.
const RESUME_BACK_MS: u64 = 15_000;

/// A place where reading may begin, and what the timestamps looked like there.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Anchor {
    /// Number in the order of the log; also the key in the store.
    pub(crate) seq: u64,
    /// The group that ends here; `None` where the timeline was created.
    pub(crate) id: Option<GroupId>,
    /// Where to go on reading.
    pub(crate) position: Position,
    /// First timestamp of that group.
    pub(crate) commit_ts: Ts,
    /// Last timestamp of that group. A reader of everything after this or any later ts may begin here.
    pub(crate) end_ts: Ts,
    /// Later groups get timestamps above it; not below `end_ts`.
    pub(crate) floor: Ts,
    /// Anchor at which a reader must begin to have seen every XA transaction that is prepared but not finished
    /// here; its own number when there is none. When the log before it is gone, so is that anchor.
    pub(crate) hold: u64,
    /// Server clock when it was written.
    pub(crate) clock_ms: u64,
    /// Whether it changes a timestamp, so that reading through it needs it.
    pub(crate) pinned: bool,
}

/// The anchors of one upstream in the order of its log.
#[derive(Clone, Default, Debug)]
pub(crate) struct Timeline {
    anchors: VecDeque<Anchor>,
    by_id: HashMap<GroupId, u64>,
}

impl Timeline {
    /// A timeline of stored anchors in ascending order of `seq`.
    pub(crate) fn from_anchors(anchors: impl IntoIterator<Item = Anchor>) -> Self {
        let mut timeline = Timeline::default();
        for anchor in anchors {
            timeline.put(anchor);
        }
        timeline
    }

    pub(crate) fn first(&self) -> Option<&Anchor> {
        self.anchors.front()
    }

    pub(crate) fn last(&self) -> Option<&Anchor> {
        self.anchors.back()
    }

    pub(crate) fn seqs(&self) -> impl Iterator<Item = u64> {
        self.anchors.iter().map(|anchor| anchor.seq)
    }

    /// Appends an anchor, or replaces the one with the same number.
    pub(crate) fn put(&mut self, anchor: Anchor) {
        if let Some(id) = &anchor.id {
            self.by_id.insert(id.clone(), anchor.seq);
        }
        match self.index(anchor.seq) {
            Some(at) => self.anchors[at] = anchor,
            None => {
                debug_assert!(
                    self.last()
                        .is_none_or(|last| last.seq < anchor.seq && last.floor <= anchor.floor)
                );
                self.anchors.push_back(anchor);
            }
        }
    }

    /// The anchor at which a reader of everything after `ts` begins.
    pub(crate) fn start_for(&self, ts: Ts) -> Option<&Anchor> {
        let after = self.anchors.partition_point(|anchor| anchor.end_ts <= ts);
        let anchor = self.anchors.get(after.checked_sub(1)?)?;
        self.held_by(anchor)
    }

    /// The anchor at which the shared reader goes on after a restart: one a little before the last, so that changefeeds
    /// whose checkpoints are as old as that go on with it instead of reading the same on connections of their own.
    pub(crate) fn resume(&self) -> Option<&Anchor> {
        let last = self.last()?;
        let ms = last.floor.physical_ms().saturating_sub(RESUME_BACK_MS);
        self.start_for(Ts::from_physical_ms(ms)).or_else(|| {
            let first = self.first()?;
            self.held_by(first)
        })
    }

    /// The anchor that `anchor` holds on to. When the log of that time is gone, as it is when somebody forgot an XA
    /// transaction, the oldest one: reading goes on, and only the end of that transaction is an obstacle.
    fn held_by(&self, anchor: &Anchor) -> Option<&Anchor> {
        self.get(anchor.hold)
            .or_else(|| self.first().filter(|first| first.seq > anchor.hold))
    }

    /// What is recorded about a group: its timestamp, and the floor after it.
    pub(crate) fn recorded(&self, id: &GroupId) -> Option<Recorded> {
        let anchor = self.get(*self.by_id.get(id)?)?;
        Some(Recorded {
            commit_ts: anchor.commit_ts,
            floor: anchor.floor,
        })
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Anchor> {
        self.index(seq).and_then(|at| self.anchors.get(at))
    }

    /// Drops everything before the anchors that `keep` starts to accept (a suffix of the timeline), because the log
    /// of that time is gone. The last one stays in any case. Returns the dropped numbers.
    pub(crate) fn prune(&mut self, keep: impl Fn(&Anchor) -> bool) -> Vec<u64> {
        let first = self
            .anchors
            .iter()
            .position(keep)
            .unwrap_or(self.anchors.len().saturating_sub(1));
        let dropped: Vec<Anchor> = self.anchors.drain(..first).collect();
        self.forget(&dropped);
        dropped.into_iter().map(|anchor| anchor.seq).collect()
    }

    /// Thins anchors older than `before_ms` to one per `every_ms`, leaving those that change a timestamp or that
    /// others hold on to. Returns the dropped numbers.
    pub(crate) fn thin(&mut self, before_ms: u64, every_ms: u64) -> Vec<u64> {
        let held: HashSet<u64> = self
            .anchors
            .iter()
            .filter(|a| a.hold != a.seq)
            .map(|a| a.hold)
            .collect();
        let last = self.last().map(|anchor| anchor.seq);
        let mut kept_ms = None;
        let mut dropped = Vec::new();
        self.anchors.retain(|anchor| {
            let spare = anchor.clock_ms < before_ms
                && !anchor.pinned
                && Some(anchor.seq) != last
                && !held.contains(&anchor.seq)
                && kept_ms.is_some_and(|kept: u64| anchor.clock_ms < kept.saturating_add(every_ms));
            if spare {
                dropped.push(anchor.clone());
            } else {
                kept_ms = Some(anchor.clock_ms);
            }
            !spare
        });
        self.forget(&dropped);
        dropped.into_iter().map(|anchor| anchor.seq).collect()
    }

    fn forget(&mut self, dropped: &[Anchor]) {
        for anchor in dropped {
            if let Some(id) = &anchor.id
                && self.by_id.get(id) == Some(&anchor.seq)
            {
                self.by_id.remove(id);
            }
        }
    }

    fn index(&self, seq: u64) -> Option<usize> {
        self.anchors.binary_search_by_key(&seq, |anchor| anchor.seq).ok()
    }
}

/// The recorded outcome of one assignment.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Recorded {
    pub(crate) commit_ts: Ts,
    pub(crate) floor: Ts,
}

/// The server's clock, for telling forged commit times.
#[derive(Copy, Clone, Debug)]
pub(crate) struct ClockLimit {
    pub(crate) now_ms: u64,
    pub(crate) ahead_max_ms: u64,
}

/// A group's timestamp.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Assigned {
    pub(crate) commit_ts: Ts,
    /// The commit time was forged: the decision must be recorded before it is visible.
    pub(crate) clamped: bool,
    /// The commit time did not exceed what was given before.
    pub(crate) bound: bool,
}

/// Gives timestamps to groups in the order of the log.
#[derive(Clone, Debug)]
pub(crate) struct Assigner {
    prev: Ts,
}

impl Assigner {
    /// Begins after `floor`.
    pub(crate) fn new(floor: Ts) -> Self {
        Assigner { prev: floor }
    }

    /// The last timestamp given, or the floor above it.
    pub(crate) fn prev(&self) -> Ts {
        self.prev
    }

    /// The next group's first timestamp. `slots` timestamps are taken, [`TS_STEP`] apart. A recorded decision wins;
    /// only the writer of the timeline passes a `limit`, since the outcome of a cut is recorded.
    pub(crate) fn assign(
        &mut self,
        raw_ms: u64,
        slots: u64,
        recorded: Option<Recorded>,
        limit: Option<ClockLimit>,
    ) -> Assigned {
        if let Some(recorded) = recorded {
            let bound = Ts::from_physical_ms(raw_ms) < self.prev.plus(TS_STEP);
            self.prev = recorded.floor;
            return Assigned {
                commit_ts: recorded.commit_ts,
                clamped: false,
                bound,
            };
        }
        let clamped = limit.is_some_and(|l| raw_ms > l.now_ms.saturating_add(l.ahead_max_ms));
        let raw = Ts::from_physical_ms(match limit {
            Some(limit) if clamped => limit.now_ms,
            _ => raw_ms,
        });
        let bound = raw < self.prev.plus(TS_STEP);
        let commit_ts = raw.max(self.prev.plus(TS_STEP));
        self.prev = commit_ts.plus(TS_STEP * slots.saturating_sub(1));
        Assigned {
            commit_ts,
            clamped,
            bound,
        }
    }

    /// Lifts the timeline on an idle server. Returns whether it moved.
    pub(crate) fn lift(&mut self, floor: Ts) -> bool {
        let moved = floor > self.prev;
        self.prev = self.prev.max(floor);
        moved
    }
}

/// The floor that a probe of the server's clock allows. `whole_seconds`: commit times have no fractions, so a
/// floor inside a second would bind every later commit of that second; stay just below the second instead.
pub(crate) fn idle_floor(clock_ms: u64, margin_ms: u64, whole_seconds: bool) -> Ts {
    let ms = clock_ms.saturating_sub(margin_ms);
    if whole_seconds {
        Ts::from_physical_ms(ms / 1000 * 1000).prev()
    } else {
        Ts::from_physical_ms(ms)
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
