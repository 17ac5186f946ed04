//! Which writer must take a transaction so that it stays behind those it depends on. Pure.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::keys::Touched;

/// Entries above which finished ones are swept out.
const SWEEP_MIN: usize = 16 << 10;

/// A place in a writer's queue: everything up to `seq` must be applied before it is free.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
struct Hold {
    writer: usize,
    seq: u64,
}

/// A key with uncertain equality, or a whole table.
struct Gate {
    /// By writer: the latest place that touched a single value.
    touched: Box<[u64]>,
    /// The latest that touched all.
    whole: Option<Hold>,
}

/// The writer for a transaction.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// It depends on nothing: any.
    Anyone,
    /// It depends on transactions of this one only.
    Only(usize),
    /// It depends on transactions of several: none until all but one of them have applied theirs.
    Nobody,
}

/// Remembers what is touched by transactions that are not applied yet.
///
/// Writers apply their transactions in the order they were given. So it is enough to know who holds a value last:
/// whoever comes next either joins the same writer, or waits until the value is free.
pub(crate) struct Conflicts {
    writers: usize,
    values: HashMap<u64, Hold, BuildHasherDefault<Hashed>>,
    gates: HashMap<u64, Gate, BuildHasherDefault<Hashed>>,
    sweep_at: usize,
}

impl Conflicts {
    pub(crate) fn new(writers: usize) -> Self {
        Conflicts {
            writers,
            values: HashMap::default(),
            gates: HashMap::default(),
            sweep_at: SWEEP_MIN,
        }
    }

    /// Who must take a transaction that touches this. `applied`: by writer, how far it has come.
    pub(crate) fn owner(&self, touched: &Touched, applied: &[u64]) -> Owner {
        let mut owner = Owner::Anyone;
        for value in &touched.values {
            owner = owner.and(self.values.get(value), applied);
        }
        for gate in touched.shared.iter().chain(&touched.whole) {
            owner = owner.and(self.gates.get(gate).and_then(|gate| gate.whole.as_ref()), applied);
        }
        for gate in touched.whole.iter().filter_map(|gate| self.gates.get(gate)) {
            for (writer, &seq) in gate.touched.iter().enumerate() {
                owner = owner.and(Some(&Hold { writer, seq }), applied);
            }
        }
        owner
    }

    /// Notes that `writer` has got the transaction at place `seq`, behind all it had before.
    pub(crate) fn hold(&mut self, touched: &Touched, writer: usize, seq: u64) {
        let hold = Hold { writer, seq };
        for &value in &touched.values {
            self.values.insert(value, hold);
        }
        for &id in &touched.shared {
            self.gate(id).touched[writer] = seq;
        }
        for &id in &touched.whole {
            self.gate(id).whole = Some(hold);
        }
    }

    /// Forgets what is applied, once that has become much.
    pub(crate) fn sweep(&mut self, applied: &[u64]) {
        if self.values.len() < self.sweep_at {
            return;
        }
        self.values.retain(|_, hold| hold.seq > applied[hold.writer]);
        self.gates.retain(|_, gate| {
            let mut all = gate.touched.iter().zip(applied);
            gate.whole.is_some_and(|hold| hold.seq > applied[hold.writer])
                || all.any(|(touched, applied)| touched > applied)
        });
        // So sweeping costs no more than filling.
        self.sweep_at = SWEEP_MIN.max(self.values.len() * 2);
    }

    fn gate(&mut self, id: u64) -> &mut Gate {
        let writers = self.writers;
        self.gates.entry(id).or_insert_with(|| Gate {
            touched: vec![0; writers].into(),
            whole: None,
        })
    }
}

impl Owner {
    /// Takes one more dependency into account.
    fn and(self, hold: Option<&Hold>, applied: &[u64]) -> Owner {
        match (self, hold.filter(|hold| hold.seq > applied[hold.writer])) {
            (owner, None) => owner,
            (Owner::Anyone, Some(hold)) => Owner::Only(hold.writer),
            (Owner::Only(writer), Some(hold)) if writer == hold.writer => self,
            (Owner::Only(_) | Owner::Nobody, Some(_)) => Owner::Nobody,
        }
    }
}

/// For keys that are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WRITERS: usize = 3;

    #[derive(Clone, Debug)]
    enum Step {
        /// A transaction arrives; the number chooses among the writers when it may have any.
        Arrive(Touched, usize),
        /// A writer applies its next transactions.
        Apply(usize, usize),
        Sweep,
    }

    fn touched() -> impl Strategy<Value = Touched> {
        let some = |of: std::ops::Range<u64>| proptest::collection::vec(of, 0..3);
        // Values and gates come from few numbers, so that they meet.
        (some(0..8), some(100..102), some(100..103), 0..8u8).prop_map(|(values, shared, whole, rare)| {
            Touched {
                values,
                shared,
                whole: if rare == 0 { whole } else { Vec::new() },
            }
        })
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (touched(), any::<usize>()).prop_map(|(touched, choice)| Step::Arrive(touched, choice)),
            4 => (0..WRITERS, 1..4usize).prop_map(|(writer, count)| Step::Apply(writer, count)),
            1 => Just(Step::Sweep),
        ];
        proptest::collection::vec(step, 1..200)
    }

    /// Whether two transactions must keep their order: compares everything with everything.
    fn depends(a: &Touched, b: &Touched) -> bool {
        let meet = |a: &[u64], b: &[u64]| a.iter().any(|x| b.contains(x));
        meet(&a.values, &b.values)
            || meet(&a.whole, &b.whole)
            || meet(&a.whole, &b.shared)
            || meet(&a.shared, &b.whole)
    }

    /// All transactions in the order of arrival, with the writer and whether they are applied.
    #[derive(Default)]
    struct Naive(Vec<(Touched, usize, bool)>);

    impl Naive {
        fn owner(&self, touched: &Touched) -> Owner {
            let mut writers: Vec<usize> = self
                .0
                .iter()
                .filter(|(other, _, applied)| !applied && depends(other, touched))
                .map(|(_, writer, _)| *writer)
                .collect();
            writers.sort_unstable();
            writers.dedup();
            match *writers {
                [] => Owner::Anyone,
                [only] => Owner::Only(only),
                _ => Owner::Nobody,
            }
        }

        fn apply(&mut self, writer: usize) -> bool {
            let next = self.0.iter().position(|(_, w, applied)| *w == writer && !applied);
            let Some(next) = next else {
                return false;
            };
            let (touched, _, _) = &self.0[next];
            let early = self.0[..next]
                .iter()
                .any(|(other, _, applied)| !applied && depends(other, touched));
            assert!(!early, "applied before something it depends on");
            self.0[next].2 = true;
            true
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn dependent_transactions_keep_their_order(steps in steps()) {
            let mut conflicts = Conflicts::new(WRITERS);
            conflicts.sweep_at = 0;
            let mut naive = Naive::default();
            let mut given = [0u64; WRITERS];
            let mut applied = [0u64; WRITERS];
            for step in steps {
                match step {
                    Step::Arrive(touched, choice) => {
                        let owner = conflicts.owner(&touched, &applied);
                        prop_assert_eq!(owner, naive.owner(&touched));
                        let writer = match owner {
                            Owner::Anyone => choice % WRITERS,
                            Owner::Only(writer) => writer,
                            Owner::Nobody => continue,
                        };
                        given[writer] += 1;
                        conflicts.hold(&touched, writer, given[writer]);
                        naive.0.push((touched, writer, false));
                    }
                    Step::Apply(writer, count) => {
                        for _ in 0..count {
                            applied[writer] += u64::from(naive.apply(writer));
                        }
                    }
                    Step::Sweep => {
                        conflicts.sweep(&applied);
                        conflicts.sweep_at = 0;
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_applied_is_forgotten() {
        let mut conflicts = Conflicts::new(2);
        conflicts.sweep_at = 1;
        let touched = Touched {
            values: vec![1],
            shared: vec![2],
            whole: vec![3],
        };
        conflicts.hold(&touched, 1, 5);
        conflicts.sweep(&[9, 4]);
        assert_eq!(conflicts.owner(&touched, &[9, 4]), Owner::Only(1));
        conflicts.sweep_at = 1;
        conflicts.sweep(&[9, 5]);
        assert!(conflicts.values.is_empty() && conflicts.gates.is_empty());
    }
}
