//! How far a changefeed is durable, worked out from acknowledgements. Pure.

use std::collections::VecDeque;

use tidegate_model::Ts;

/// Tracks batches in the order they were handed to the sink, and the marks between them.
///
/// A *mark* `r` says that every event with `commit_ts <= r` was handed over before it. The checkpoint is the largest
/// mark with no unacknowledged batch before it: so a transaction that is spread over several batches counts only
/// once its last part is durable, because no mark stands between its parts.
///
/// `T` is what the caller keeps per batch until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Progress<T> {
    checkpoint: Ts,
    received: Ts,
    waiting: VecDeque<Batch<T>>,
    /// Sequence number of the front of `waiting`.
    first: u64,
}

#[derive(Debug)]
struct Batch<T> {
    /// Taken out by the acknowledgement.
    load: Option<T>,
    /// Largest mark that stands after this batch and before the next.
    mark: Ts,
}

impl<T> Progress<T> {
    /// Everything up to and including `checkpoint` is durable already.
    pub(crate) fn new(checkpoint: Ts) -> Self {
        Progress {
            checkpoint,
            received: checkpoint,
            waiting: VecDeque::new(),
            first: 0,
        }
    }

    /// Registers a batch behind all earlier ones and marks; its number is what [`Progress::ack`] takes.
    pub(crate) fn push(&mut self, load: T) -> u64 {
        self.waiting.push_back(Batch {
            load: Some(load),
            mark: Ts::ZERO,
        });
        self.first + self.waiting.len() as u64 - 1
    }

    /// Registers a mark. One that is not beyond the latest mark changes nothing.
    pub(crate) fn mark(&mut self, ts: Ts) {
        if ts <= self.received {
            return;
        }
        self.received = ts;
        match self.waiting.back_mut() {
            Some(last) => last.mark = ts,
            None => self.checkpoint = ts,
        }
    }

    /// A batch is durable. Gives back what was kept for it; `None` for a batch that is not waiting.
    pub(crate) fn ack(&mut self, seq: u64) -> Option<T> {
        let index = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        let load = self.waiting.get_mut(index)?.load.take();
        while self.waiting.front().is_some_and(|batch| batch.load.is_none()) {
            if let Some(done) = self.waiting.pop_front() {
                self.first += 1;
                self.checkpoint = self.checkpoint.max(done.mark);
            }
        }
        load
    }

    /// The largest mark behind which everything is durable.
    pub(crate) fn checkpoint(&self) -> Ts {
        self.checkpoint
    }

    /// The largest mark.
    pub(crate) fn received(&self) -> Ts {
        self.received
    }

    /// Whether every batch is acknowledged.
    pub(crate) fn is_drained(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What is kept for the oldest unacknowledged batch.
    pub(crate) fn oldest(&self) -> Option<&T> {
        self.waiting.front().and_then(|batch| batch.load.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push,
        Mark(u64),
        /// Acknowledges one of the waiting batches, chosen by this number.
        Ack(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Push),
            3 => (0..6u64).prop_map(Step::Mark),
            3 => any::<usize>().prop_map(Step::Ack),
        ];
        proptest::collection::vec(step, 0..120)
    }

    /// Keeps the whole history and looks through it each time.
    #[derive(Default)]
    struct Naive(Vec<Item>);

    enum Item {
        Mark(Ts),
        Batch { seq: u64, done: bool },
    }

    impl Naive {
        fn checkpoint(&self) -> Ts {
            let durable = self
                .0
                .iter()
                .take_while(|item| !matches!(item, Item::Batch { done: false, .. }));
            let marks = durable.filter_map(|item| match item {
                Item::Mark(ts) => Some(*ts),
                Item::Batch { .. } => None,
            });
            marks.max().unwrap_or(Ts::ZERO)
        }

        fn waiting(&self) -> Vec<u64> {
            let open = self.0.iter().filter_map(|item| match item {
                Item::Batch { seq, done: false } => Some(*seq),
                _ => None,
            });
            open.collect()
        }

        fn ack(&mut self, wanted: u64) {
            for item in &mut self.0 {
                if let Item::Batch { seq, done } = item
                    && *seq == wanted
                {
                    *done = true;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_look_through_the_whole_history(steps in steps()) {
            let mut progress = Progress::new(Ts::ZERO);
            let mut naive = Naive::default();
            let mut now = 0;
            for step in steps {
                let before = progress.checkpoint();
                match step {
                    Step::Push => {
                        let seq = progress.push(());
                        naive.0.push(Item::Batch { seq, done: false });
                    }
                    Step::Mark(forward) => {
                        now += forward;
                        progress.mark(Ts::from_u64(now));
                        naive.0.push(Item::Mark(Ts::from_u64(now)));
                    }
                    Step::Ack(choice) => {
                        let waiting = naive.waiting();
                        if let Some(seq) = waiting.get(choice % waiting.len().max(1)) {
                            prop_assert_eq!(progress.ack(*seq), Some(()));
                            prop_assert_eq!(progress.ack(*seq), None);
                            naive.ack(*seq);
                        }
                    }
                }
                prop_assert_eq!(progress.checkpoint(), naive.checkpoint());
                prop_assert_eq!(progress.is_drained(), naive.waiting().is_empty());
                prop_assert!(progress.checkpoint() >= before);
                prop_assert!(progress.checkpoint() <= progress.received());
            }
        }
    }

    #[test]
    fn a_split_transaction_counts_only_with_its_last_part() {
        let mut progress = Progress::new(Ts::from_u64(5));
        let first = progress.push("first part");
        let last = progress.push("last part");
        progress.mark(Ts::from_u64(9));
        assert_eq!(progress.ack(last), Some("last part"));
        assert_eq!(progress.checkpoint(), Ts::from_u64(5));
        assert_eq!(progress.oldest(), Some(&"first part"));
        progress.ack(first);
        assert_eq!(progress.checkpoint(), Ts::from_u64(9));
        assert!(progress.is_drained());
    }

    #[test]
    fn an_acknowledgement_out_of_nowhere_is_ignored() {
        let mut progress = Progress::<()>::new(Ts::ZERO);
        assert_eq!(progress.ack(0), None);
        assert_eq!(progress.ack(u64::MAX), None);
    }
}
