//! The invariants of the timeline, on random logs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const AHEAD_MS: u64 = 1_000;

/// One thing that happens to the shared reader.
#[derive(Clone, Debug)]
enum Step {
    /// A group is committed: what its clock says relative to the server's, and how many timestamps it takes.
    Group { skew_ms: i64, slots: u64 },
    /// The server's clock moves (also backwards).
    Clock(i64),
    /// A probe finds the reader at the end of the log.
    Idle,
    /// An anchor is written for its own sake.
    Soft,
    /// The process dies: what was not durable is forgotten, and reading goes on at the last durable anchor.
    Crash,
    /// Old anchors are thinned.
    Thin,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (-3_000i64..5_000, 1u64..3).prop_map(|(skew_ms, slots)| Step::Group { skew_ms, slots }),
        2 => (-2_000i64..4_000).prop_map(Step::Clock),
        2 => Just(Step::Idle),
        1 => Just(Step::Soft),
        1 => Just(Step::Crash),
        1 => Just(Step::Thin),
    ];
    proptest::collection::vec(step, 1..120)
}

/// The log of the server: every group with its raw time and slots.
#[derive(Default)]
struct World {
    log: Vec<(u64, u64)>,
    clock_ms: u64,
    timeline: Timeline,
    /// First timestamp of each group, as first made visible.
    visible: BTreeMap<u64, Ts>,
    /// Largest resolved-ts that was published.
    resolved: Ts,
    assigner: Option<Assigner>,
    /// Groups read by the shared reader.
    read: u64,
    /// A floor was set after the last group, and nothing else pins its anchor.
    lifted: bool,
}

fn id(n: u64) -> GroupId {
    GroupId::Offset { file: 1, end: n }
}

fn anchor(seq: u64, n: u64, (commit_ts, end_ts): (Ts, Ts), floor: Ts, clock_ms: u64, pinned: bool) -> Anchor {
    Anchor {
        seq,
        id: (n > 0).then(|| id(n)),
        position: Position {
            gtid: None,
            file: "b.1".into(),
            offset: n,
        },
        commit_ts,
        end_ts,
        floor,
        hold: seq,
        clock_ms,
        pinned,
    }
}

impl World {
    fn new() -> Self {
        let floor = Ts::from_physical_ms(1_000_000);
        World {
            clock_ms: 1_000_000,
            timeline: Timeline::from_anchors([anchor(1, 0, (floor, floor), floor, 1_000_000, false)]),
            assigner: Some(Assigner::new(floor)),
            resolved: floor,
            ..World::default()
        }
    }

    /// As the shared reader does: next free number, or the last one's when it is for the same group.
    fn write_anchor(&mut self, floor: Ts, pinned: bool) {
        let last = self.timeline.last().expect("never empty").clone();
        let n = self.read;
        let times = match self.visible.get(&n) {
            Some(&first) => (
                first,
                first.plus(TS_STEP * (self.log[usize::try_from(n - 1).expect("small")].1 - 1)),
            ),
            None => (last.commit_ts, last.end_ts),
        };
        let same = last.position.offset == n;
        let seq = if same { last.seq } else { last.seq + 1 };
        self.timeline.put(anchor(
            seq,
            n,
            times,
            floor,
            self.clock_ms,
            pinned || (same && last.pinned),
        ));
    }

    /// A floor that did not bind the next group may be thinned away.
    fn unpin_last(&mut self) {
        let mut last = self.timeline.last().expect("never empty").clone();
        last.pinned = false;
        self.timeline.put(last);
    }

    fn read_one(&mut self) -> Result<(), TestCaseError> {
        let (raw_ms, slots) = self.log[usize::try_from(self.read).expect("small")];
        self.read += 1;
        let recorded = self.timeline.recorded(&id(self.read));
        let limit = ClockLimit {
            now_ms: self.clock_ms,
            ahead_max_ms: AHEAD_MS,
        };
        let assigner = self.assigner.as_mut().expect("set");
        let assigned = assigner.assign(raw_ms, slots, recorded, Some(limit));
        let prev = assigner.prev();
        if self.lifted && !assigned.bound {
            self.unpin_last();
        }
        self.lifted = false;
        match self.visible.get(&self.read) {
            Some(&before) => prop_assert_eq!(assigned.commit_ts, before, "I2 over a crash"),
            None => {
                prop_assert!(assigned.commit_ts > self.resolved, "I3");
                self.visible.insert(self.read, assigned.commit_ts);
            }
        }
        if assigned.clamped {
            self.write_anchor(prev, true);
        }
        self.resolved = self.resolved.max(prev);
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Group { skew_ms, slots } => {
                let raw = self.clock_ms.saturating_add_signed(skew_ms);
                self.log.push((raw, slots));
                self.read_one()?;
            }
            // The limit on forged clocks must not shrink: the reader keeps the highest clock it saw.
            Step::Clock(by) => self.clock_ms = self.clock_ms.max(self.clock_ms.saturating_add_signed(by)),
            Step::Idle => {
                let floor = idle_floor(self.clock_ms, 200, by_parity(self.read));
                let assigner = self.assigner.as_mut().expect("set");
                if assigner.lift(floor) {
                    let pinned = self
                        .timeline
                        .last()
                        .is_some_and(|last| last.pinned && last.position.offset == self.read);
                    self.lifted = !pinned || self.lifted;
                    self.write_anchor(floor, true);
                    self.resolved = self.resolved.max(floor);
                }
            }
            Step::Soft => {
                let prev = self.assigner.as_ref().expect("set").prev();
                self.write_anchor(prev, false);
            }
            Step::Crash => {
                let last = self.timeline.last().expect("never empty");
                self.assigner = Some(Assigner::new(last.floor));
                self.read = last.position.offset;
                self.lifted = false;
                while self.read < self.log.len() as u64 {
                    self.read_one()?;
                }
            }
            Step::Thin => {
                self.timeline.thin(self.clock_ms, 2_000);
            }
        }
        Ok(())
    }

    /// What a private reader that starts at `from` sees.
    fn reread(&self, from: &Anchor) -> BTreeMap<u64, Ts> {
        let mut assigner = Assigner::new(from.floor);
        let skip = usize::try_from(from.position.offset).expect("small");
        (from.position.offset + 1..)
            .zip(&self.log[skip..])
            .map(|(n, &(raw_ms, slots))| {
                let recorded = self.timeline.recorded(&id(n));
                (n, assigner.assign(raw_ms, slots, recorded, None).commit_ts)
            })
            .collect()
    }
}

fn by_parity(n: u64) -> bool {
    n.is_multiple_of(2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// I1: strictly increasing, with room for the start-ts. I2: every starting point gives the same timestamps.
    /// I3: nothing at or below a published resolved-ts appears later. A start for a ts never begins after it.
    #[test]
    fn every_reader_sees_the_same_timestamps(steps in steps(), probes in proptest::collection::vec(0u64..10_000, 8)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step)?;
        }
        let given: Vec<Ts> = world.visible.values().copied().collect();
        prop_assert!(given.windows(2).all(|w| w[1].as_u64() >= w[0].as_u64() + TS_STEP));
        for anchor in world.timeline.anchors.clone() {
            for (n, ts) in world.reread(&anchor) {
                prop_assert_eq!(ts, world.visible[&n], "group {} read from anchor {}", n, anchor.seq);
            }
        }
        for probe in probes {
            let ts = Ts::from_physical_ms(1_000_000 + probe);
            let start = world.timeline.start_for(ts).expect("not before the birth");
            prop_assert!(start.end_ts <= ts);
            let from = start.position.offset;
            prop_assert!(world.visible.range(..=from).all(|(_, &given)| given <= ts), "a wanted group is skipped");
        }
    }

    /// Pruning keeps a suffix from which everything after it still gets the same timestamps.
    #[test]
    fn pruning_keeps_a_readable_suffix(steps in steps(), cut in 0u64..200) {
        let mut world = World::new();
        for step in &steps {
            world.step(step)?;
        }
        let before = world.timeline.seqs().count();
        let dropped = world.timeline.prune(|anchor| anchor.position.offset >= cut);
        prop_assert_eq!(before - dropped.len(), world.timeline.seqs().count());
        let first = world.timeline.first().expect("never empty").clone();
        for (n, ts) in world.reread(&first) {
            prop_assert_eq!(ts, world.visible[&n]);
        }
    }
}

#[test]
fn a_clock_that_steps_back_makes_time_stand_still() {
    let mut assigner = Assigner::new(Ts::ZERO);
    let mut give = |ms| assigner.assign(ms, 1, None, None).commit_ts;
    assert_eq!(give(10), Ts::from_physical_ms(10));
    assert_eq!(give(3), Ts::from_physical_ms(10).plus(2));
    assert_eq!(give(11), Ts::from_physical_ms(11));
}

#[test]
fn a_forged_clock_is_cut_down() {
    let limit = Some(ClockLimit {
        now_ms: 1_000,
        ahead_max_ms: 100,
    });
    let mut assigner = Assigner::new(Ts::ZERO);
    let assigned = assigner.assign(5_000, 1, None, limit);
    assert!(assigned.clamped);
    assert_eq!(assigned.commit_ts, Ts::from_physical_ms(1_000));
    assert!(!assigner.assign(1_100, 1, None, limit).clamped);
}

#[test]
fn a_group_with_two_timestamps_reserves_both() {
    let mut assigner = Assigner::new(Ts::ZERO);
    assert_eq!(
        assigner.assign(10, 2, None, None).commit_ts,
        Ts::from_physical_ms(10)
    );
    assert_eq!(
        assigner.assign(10, 1, None, None).commit_ts,
        Ts::from_physical_ms(10).plus(4)
    );
}

#[test]
fn prepared_transactions_hold_back_the_start() {
    let ts = |n| Ts::from_physical_ms(n);
    let mut timeline = Timeline::from_anchors((1..=5).map(|n| anchor(n, n, (ts(n), ts(n)), ts(n), n, false)));
    let mut held = anchor(6, 6, (ts(6), ts(6)), ts(6), 6, false);
    held.hold = 3;
    timeline.put(held);
    assert_eq!(timeline.start_for(ts(9)).unwrap().seq, 3);
    assert_eq!(timeline.start_for(ts(4)).unwrap().seq, 4);
    assert_eq!(timeline.start_for(Ts::ZERO), None);
    assert_eq!(timeline.prune(|a| a.seq >= 3), [1, 2]);
    assert!(timeline.thin(100, 100).iter().all(|seq| *seq != 3));
}

/// Somebody forgot a prepared transaction until the log of its time was purged: the whole timeline was useless then.
#[test]
fn a_forgotten_prepared_transaction_holds_nothing_back_that_is_gone() {
    let ts = |n| Ts::from_physical_ms(n);
    let held = |n| Anchor {
        hold: 2,
        ..anchor(n, n, (ts(n), ts(n)), ts(n), n, false)
    };
    let mut timeline = Timeline::from_anchors((3..=6).map(held));
    assert_eq!(timeline.start_for(ts(5)).unwrap().seq, 3);
    assert_eq!(timeline.prune(|a| a.seq >= 5), [3, 4]);
    assert_eq!(timeline.start_for(ts(9)).unwrap().seq, 5);
    assert_eq!(timeline.resume().unwrap().seq, 5);
    assert_eq!(timeline.start_for(ts(4)), None);
    assert_eq!(timeline.prune(|_| false), [5], "the last one stays");
    assert_eq!(timeline.resume().unwrap().seq, 6);
}

/// After a restart every changefeed that was a second behind the last anchor read the log on a connection of its own.
#[test]
fn reading_goes_on_a_little_before_the_end_of_a_busy_log_and_at_that_of_an_idle_one() {
    let ts = |seconds| Ts::from_physical_ms(seconds * 1000);
    let at = |seq: u64, commit: u64, floor: u64| {
        anchor(seq, seq, (ts(commit), ts(commit)), ts(floor), floor, true)
    };
    let busy = Timeline::from_anchors((1..=100).map(|n| at(n, n, n)));
    assert_eq!(busy.resume().unwrap().seq, 85);
    let idle = Timeline::from_anchors([at(1, 10, 10), at(2, 20, 3600)]);
    assert_eq!(idle.resume().unwrap().seq, 2);
    let young = Timeline::from_anchors([at(1, 10, 10), at(2, 12, 12)]);
    assert_eq!(young.resume().unwrap().seq, 1);
}
