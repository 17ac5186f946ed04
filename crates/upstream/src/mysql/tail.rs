//! What the shared reader decides about each group: its timestamps, and whether an anchor is due.
//!
//! No I/O: the caller makes the returned writes durable before it shows the groups to anybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_meta::Write;
use tidegate_model::Ts;
use tidegate_mysql::{GroupId, Position};

use super::group::Group;
use super::shared::Shared;
use super::timeline::{Anchor, Assigner, ClockLimit, Timeline};

/// An anchor is due after so many groups ...
const ANCHOR_GROUPS: u64 = 1000;
/// ... or so many bytes ...
const ANCHOR_BYTES: usize = 64 << 20;
/// ... or so much time.
const ANCHOR_AGE: Duration = Duration::from_secs(5);

/// The end of the timeline, as its only writer sees it.
pub(crate) struct Tail {
    assigner: Assigner,
    last: LastGroup,
    groups: u64,
    bytes: usize,
    anchored: Instant,
    /// Anchor before the oldest XA transaction that is prepared and not finished.
    hold: Option<u64>,
    clock: ServerClock,
    /// Writes that make the next groups safe to show.
    hard: Vec<Write>,
    /// Writes that only shorten a restart.
    soft: Vec<Write>,
    soft_since: Instant,
}

struct LastGroup {
    id: Option<GroupId>,
    commit_ts: Ts,
    end_ts: Ts,
    clamped: bool,
    /// A floor was set after it.
    lifted: bool,
}

/// The upstream's clock, carried on by ours between probes. Never goes back.
#[derive(Copy, Clone)]
struct ServerClock {
    ms: u64,
    at: Instant,
}

impl ServerClock {
    fn now_ms(self) -> u64 {
        let elapsed = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ms.saturating_add(elapsed)
    }

    fn set(&mut self, ms: u64) {
        *self = ServerClock {
            ms: self.now_ms().max(ms),
            at: Instant::now(),
        };
    }
}

impl Tail {
    /// Goes on at an anchor. `clock_ms`: the server's clock.
    pub(crate) fn new(anchor: &Anchor, newest: &Anchor, clock_ms: u64) -> Self {
        let now = Instant::now();
        Tail {
            assigner: Assigner::new(anchor.floor),
            last: LastGroup {
                id: anchor.id.clone(),
                commit_ts: anchor.commit_ts,
                end_ts: anchor.end_ts,
                clamped: true,
                lifted: false,
            },
            groups: 0,
            bytes: 0,
            anchored: now,
            hold: None,
            clock: ServerClock {
                ms: clock_ms.max(newest.clock_ms),
                at: now,
            },
            hard: Vec::new(),
            soft: Vec::new(),
            soft_since: now,
        }
    }

    /// Everything up to here has been given.
    pub(crate) fn resolved(&self) -> Ts {
        self.assigner.prev()
    }

    /// Gives a group its timestamps. `position`: after it.
    pub(crate) fn place(&mut self, mut group: Group, position: &Position, shared: &Shared) -> Arc<Group> {
        let mut timeline = shared.timeline_mut();
        let recorded = timeline.recorded(&group.id);
        let limit = ClockLimit {
            now_ms: self.clock.now_ms(),
            ahead_max_ms: u64::try_from(shared.options.clock_ahead_max.as_millis()).unwrap_or(u64::MAX),
        };
        let assigned = self
            .assigner
            .assign(group.raw_ms, group.slots(), recorded, Some(limit));
        group.commit_ts = assigned.commit_ts;
        if self.last.lifted && !self.last.clamped && !assigned.bound {
            unpin(&mut timeline, self.last.id.as_ref());
        }
        self.update_hold(&group, &timeline);
        self.last = LastGroup {
            id: Some(group.id.clone()),
            commit_ts: group.commit_ts,
            end_ts: group.end_ts(),
            clamped: assigned.clamped,
            lifted: false,
        };
        if let Some(ddl) = &group.ddl {
            let write = shared.schema.apply(&ddl.ddl, group.commit_ts);
            if write.is_some() {
                shared.hints.forget(&ddl.ddl, group.commit_ts);
                self.hard.append(&mut shared.hints.take_writes());
            }
            self.hard.extend(write);
        }
        let new = timeline.last().is_none_or(|last| last.end_ts < group.commit_ts);
        self.groups += 1;
        self.bytes += group.bytes;
        if new && assigned.clamped {
            super::metrics::clamped();
            let write = self.anchor(position, self.assigner.prev(), true, &mut timeline, shared);
            self.hard.push(write);
        } else if new && (group.ddl.is_some() || self.anchor_due()) {
            self.soft_anchor(position, &mut timeline, shared);
        }
        Arc::new(group)
    }

    /// Notes that the log went on in a new file.
    pub(crate) fn rotated(&mut self, position: &Position, shared: &Shared) {
        let mut timeline = shared.timeline_mut();
        if timeline.last().is_none_or(|last| last.end_ts <= self.last.end_ts) {
            self.soft_anchor(position, &mut timeline, shared);
        }
    }

    /// Takes a reading of the server's clock.
    pub(crate) fn set_clock(&mut self, ms: u64) {
        self.clock.set(ms);
    }

    /// Lifts the timeline of an idle server to `floor`. `position`: between two groups. Returns whether it moved.
    pub(crate) fn lift(&mut self, floor: Ts, position: &Position, shared: &Shared) -> bool {
        if !self.assigner.lift(floor) {
            return false;
        }
        let mut timeline = shared.timeline_mut();
        let write = self.anchor(position, floor, true, &mut timeline, shared);
        self.hard.push(write);
        self.last.lifted = true;
        true
    }

    /// What must be durable before the groups placed so far are shown. Writes that can wait come along when they
    /// have waited long enough, or when something has to be written anyway.
    pub(crate) fn take_writes(&mut self, wait_max: Duration) -> Vec<Write> {
        if self.hard.is_empty() && (self.soft.is_empty() || self.soft_since.elapsed() < wait_max) {
            return Vec::new();
        }
        let mut writes = std::mem::take(&mut self.soft);
        writes.append(&mut self.hard);
        writes
    }

    fn anchor_due(&self) -> bool {
        self.groups >= ANCHOR_GROUPS || self.bytes >= ANCHOR_BYTES || self.anchored.elapsed() >= ANCHOR_AGE
    }

    fn soft_anchor(&mut self, position: &Position, timeline: &mut Timeline, shared: &Shared) {
        let write = self.anchor(position, self.assigner.prev(), false, timeline, shared);
        if self.soft.is_empty() {
            self.soft_since = Instant::now();
        }
        self.soft.push(write);
    }

    /// Writes the anchor after the last group; over the one that is there already.
    fn anchor(
        &mut self,
        position: &Position,
        floor: Ts,
        pinned: bool,
        timeline: &mut Timeline,
        shared: &Shared,
    ) -> Write {
        let newest = timeline.last();
        let same = newest.filter(|anchor| anchor.id == self.last.id);
        let seq = same.map_or_else(|| newest.map_or(1, |anchor| anchor.seq + 1), |anchor| anchor.seq);
        let anchor = Anchor {
            seq,
            id: self.last.id.clone(),
            position: position.clone(),
            commit_ts: self.last.commit_ts,
            end_ts: self.last.end_ts,
            floor,
            hold: self.hold.unwrap_or(seq),
            clock_ms: self.clock.now_ms(),
            pinned: pinned || same.is_some_and(|anchor| anchor.pinned),
        };
        self.groups = 0;
        self.bytes = 0;
        self.anchored = Instant::now();
        let write = shared.anchors.put(&anchor);
        timeline.put(anchor);
        write
    }

    fn update_hold(&mut self, group: &Group, timeline: &Timeline) {
        self.hold = match (group.prepared_open, self.hold) {
            (false, _) => None,
            (true, Some(hold)) => Some(hold),
            (true, None) => timeline
                .start_for(group.commit_ts.prev())
                .map(|anchor| anchor.seq),
        };
    }
}

/// A floor that did not bind the next group changed no timestamp.
fn unpin(timeline: &mut Timeline, id: Option<&GroupId>) {
    if let Some(anchor) = timeline
        .last()
        .filter(|anchor| anchor.pinned && anchor.id.as_ref() == id)
    {
        let mut anchor = anchor.clone();
        anchor.pinned = false;
        timeline.put(anchor);
    }
}
