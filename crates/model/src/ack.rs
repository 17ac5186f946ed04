//! Acknowledgements: how a sink says "durable".

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Receives the outcome of acknowledgements. Called from any task; must not block.
pub trait AckTarget: Send + Sync {
    /// Everything behind acknowledgement `seq` is durable.
    fn durable(&self, seq: u64);
    /// Some of it is not: it failed, or the code that held it forgot it.
    fn lost(&self, seq: u64);
}

/// The right and the duty to say that a batch is durable.
///
/// Clone it when a batch is spread over several writers: it counts as durable once every clone was settled by
/// [`Ack::durable`]. Dropping a clone unsettled reports the batch as lost, so a forgotten path can never fake
/// progress. The target hears exactly one outcome, when the last clone is gone.
#[must_use = "an acknowledgement that is dropped unsettled fails the changefeed"]
pub struct Ack {
    shared: Arc<Shared>,
    settled: bool,
}

struct Shared {
    target: Arc<dyn AckTarget>,
    seq: u64,
    lost: AtomicBool,
}

impl Ack {
    /// An acknowledgement that reports to `target` under the number `seq`.
    pub fn new(target: Arc<dyn AckTarget>, seq: u64) -> Self {
        Ack {
            shared: Arc::new(Shared {
                target,
                seq,
                lost: AtomicBool::new(false),
            }),
            settled: false,
        }
    }

    /// Whether both stand for the same batch.
    pub fn is_same(&self, other: &Ack) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Says that everything this clone stands for is durable.
    pub fn durable(mut self) {
        self.settled = true;
    }
}

impl Clone for Ack {
    fn clone(&self) -> Self {
        Ack {
            shared: Arc::clone(&self.shared),
            settled: false,
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.lost.store(true, Ordering::Release);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.lost.load(Ordering::Acquire) {
            self.target.lost(self.seq);
        } else {
            self.target.durable(self.seq);
        }
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ack({})", self.shared.seq)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(u64, bool)>>);

    impl AckTarget for Heard {
        fn durable(&self, seq: u64) {
            self.0.lock().unwrap().push((seq, true));
        }
        fn lost(&self, seq: u64) {
            self.0.lock().unwrap().push((seq, false));
        }
    }

    fn outcome(run: impl FnOnce(Ack)) -> Vec<(u64, bool)> {
        let heard = Arc::new(Heard::default());
        run(Ack::new(heard.clone(), 7));
        let heard = heard.0.lock().unwrap();
        heard.clone()
    }

    #[test]
    fn durable_is_reported_once_all_clones_are_settled() {
        assert_eq!(outcome(Ack::durable), [(7, true)]);
        let heard = Arc::new(Heard::default());
        let first = Ack::new(heard.clone(), 1);
        let second = first.clone();
        first.durable();
        assert!(heard.0.lock().unwrap().is_empty());
        second.durable();
        assert_eq!(*heard.0.lock().unwrap(), [(1, true)]);
    }

    #[test]
    fn clones_of_one_batch_know_each_other() {
        let heard = Arc::new(Heard::default());
        let (one, other) = (Ack::new(heard.clone(), 1), Ack::new(heard, 1));
        let clone = one.clone();
        assert!(one.is_same(&clone) && !one.is_same(&other));
    }

    #[test]
    fn a_forgotten_clone_loses_the_batch() {
        assert_eq!(outcome(drop), [(7, false)]);
        assert_eq!(
            outcome(|ack| {
                let forgotten = ack.clone();
                ack.durable();
                drop(forgotten);
            }),
            [(7, false)]
        );
    }
}
