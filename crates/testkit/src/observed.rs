//! Looks at everything that passes between the engine and a sink.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_model::{Ack, AckTarget, DdlEvent, Ts, TxnBatch};
use tidegate_sink::{BoxFut, EventSink};

use crate::downstream::Downstream;
use crate::sabotage::Sabotage;

/// An [`EventSink`] that complains about what the engine must not do, and does itself what a [`Sabotage`] tells.
pub struct Observed {
    inner: Arc<dyn EventSink>,
    downstream: Arc<Downstream>,
    sabotage: Option<Sabotage>,
    quota_bytes: usize,
    state: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Bytes of each batch that is not acknowledged.
    waiting: HashMap<u64, usize>,
    next: u64,
    last: Ts,
    told: Ts,
    /// A schema change that is held back until rows have passed it.
    late_ddl: Option<Arc<DdlEvent>>,
}

impl Observed {
    /// Stands before `inner`. `quota_bytes`: the memory quota of the changefeed.
    pub fn new(
        inner: Arc<dyn EventSink>,
        downstream: Arc<Downstream>,
        quota_bytes: u64,
        sabotage: Option<Sabotage>,
    ) -> Self {
        Observed {
            inner,
            downstream,
            sabotage,
            quota_bytes: usize::try_from(quota_bytes).unwrap_or(usize::MAX),
            state: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a batch, and puts an acknowledgement of our own into it.
    fn take(&self, batch: TxnBatch) -> TxnBatch {
        let TxnBatch { mut txns, ack } = batch;
        let mut seen = self.lock();
        let mut bytes = 0;
        let mut largest = 0;
        for txn in &txns {
            if txn.commit_ts < seen.last {
                let text = format!("handed over {} after {}", txn.commit_ts, seen.last);
                self.downstream.complain(text);
            }
            seen.last = txn.commit_ts;
            bytes += txn.memory_bytes();
            largest = largest.max(txn.memory_bytes());
        }
        let waiting: usize = seen.waiting.values().sum();
        if waiting + bytes > self.quota_bytes.max(largest) {
            let text = format!(
                "{} bytes under way exceed the quota of {}",
                waiting + bytes,
                self.quota_bytes
            );
            self.downstream.complain(text);
        }
        seen.next += 1;
        let seq = seen.next;
        seen.waiting.insert(seq, bytes);
        drop(seen);
        let ack = match self.sabotage {
            Some(Sabotage::AckTooEarly) => {
                ack.durable();
                None
            }
            _ => Some(ack),
        };
        match self.sabotage {
            Some(Sabotage::ReorderedTransactions) if txns.len() > 1 => txns.swap(0, 1),
            Some(Sabotage::DroppedTransaction) if seq.is_multiple_of(5) => drop(txns.pop()),
            _ => {}
        }
        let target = Passing {
            state: Arc::clone(&self.state),
            ack: Mutex::new(ack),
            sabotage: self.sabotage,
        };
        TxnBatch {
            txns,
            ack: Ack::new(Arc::new(target), seq),
        }
    }

    async fn late_ddl(&self) -> tidegate_model::Result<()> {
        let late = self.lock().late_ddl.take();
        match late {
            Some(ddl) => self.inner.write_ddl(ddl).await,
            None => Ok(()),
        }
    }
}

/// Passes the outcome of one batch on.
struct Passing {
    state: Arc<Mutex<Seen>>,
    ack: Mutex<Option<Ack>>,
    sabotage: Option<Sabotage>,
}

impl Passing {
    fn take(&self, seq: u64) -> Option<Ack> {
        let mut seen = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        seen.waiting.remove(&seq);
        drop(seen);
        self.ack.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl AckTarget for Passing {
    fn durable(&self, seq: u64) {
        let Some(ack) = self.take(seq) else { return };
        if self.sabotage == Some(Sabotage::ForgottenAck) && seq.is_multiple_of(7) {
            std::mem::forget(ack);
        } else {
            ack.durable();
        }
    }

    fn lost(&self, seq: u64) {
        let Some(ack) = self.take(seq) else { return };
        if self.sabotage == Some(Sabotage::LostAckCountsAsDurable) {
            ack.durable();
        }
    }
}

impl EventSink for Observed {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        let batch = self.take(batch);
        Box::pin(async {
            let written = self.inner.write(batch).await;
            self.late_ddl().await?;
            written
        })
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(async {
            self.late_ddl().await?;
            self.inner.flush().await
        })
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        let mut seen = self.lock();
        if !seen.waiting.is_empty() && self.sabotage != Some(Sabotage::AckTooEarly) {
            let text = format!("the schema change {} overtakes rows", ddl.commit_ts);
            self.downstream.complain(text);
        }
        seen.last = ddl.commit_ts;
        match self.sabotage {
            Some(Sabotage::DdlIsNoBarrier) => {
                seen.late_ddl = Some(ddl);
                Box::pin(async { Ok(()) })
            }
            Some(Sabotage::SkippedDdl) => Box::pin(async { Ok(()) }),
            _ => Box::pin(self.inner.write_ddl(ddl)),
        }
    }

    fn write_checkpoint(&self, ts: Ts) -> BoxFut<'_, ()> {
        let mut seen = self.lock();
        if ts < seen.told {
            let text = format!("told checkpoint {ts} after {}", seen.told);
            self.downstream.complain(text);
        }
        seen.told = ts;
        self.inner.write_checkpoint(ts)
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        self.inner.close(deadline)
    }
}
