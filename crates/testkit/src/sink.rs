//! A sink that writes into a [`Downstream`], late, with faults, and with bugs on demand.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_model::{Ack, CdcError, DdlEvent, ErrorCode, Result, Ts, TxnBatch};
use tidegate_sink::{BoxFut, EventSink};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::database::apply_ddl;
use crate::downstream::Downstream;
use crate::faults::Faults;

/// Batches the sink takes before it makes the writer wait.
const QUEUE: usize = 4;

/// Acknowledgements are held back for so long at most: the memory of their batches is needed.
const HELD: Duration = Duration::from_secs(1);

/// Something a sink must never do; the simulation has to notice.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SinkBug {
    /// Says "durable" when it has only taken the batch.
    AckTooEarly,
    /// Forgets an acknowledgement of a batch it has applied, now and then.
    ForgetAck,
}

/// An [`EventSink`] over a [`Downstream`].
pub struct ModelSink {
    queue: mpsc::Sender<Command>,
    failure: Arc<Mutex<Option<CdcError>>>,
    told: Mutex<Ts>,
    downstream: Arc<Downstream>,
    bug: Option<SinkBug>,
    /// Dropped with the sink, and the worker with it.
    _worker: JoinSet<()>,
}

enum Command {
    Batch(TxnBatch),
    Ddl(Arc<DdlEvent>, oneshot::Sender<()>),
    Flush(oneshot::Sender<()>),
}

impl ModelSink {
    /// Opens a sink; fails now and then if the faults say so.
    ///
    /// # Errors
    /// The fault.
    pub async fn open(
        downstream: Arc<Downstream>,
        faults: Arc<Faults>,
        bug: Option<SinkBug>,
    ) -> Result<Self> {
        faults.effect().await;
        if faults.happens(faults.plan().open_error) {
            return Err(CdcError::new(
                ErrorCode::MySQLConnectionError,
                "connection refused",
            ));
        }
        let (queue, commands) = mpsc::channel(QUEUE);
        let failure = Arc::new(Mutex::new(None));
        let mut worker = JoinSet::new();
        worker.spawn({
            let worker = Worker {
                downstream: Arc::clone(&downstream),
                faults,
                bug,
                failure: Arc::clone(&failure),
                held: Vec::new(),
            };
            worker.run(commands)
        });
        Ok(ModelSink {
            queue,
            failure,
            told: Mutex::new(Ts::ZERO),
            downstream,
            bug,
            _worker: worker,
        })
    }

    async fn send(&self, command: Command) -> Result<()> {
        self.queue.send(command).await.map_err(|_closed| self.failure())
    }

    async fn answer(&self, done: oneshot::Receiver<()>) -> Result<()> {
        done.await.map_err(|_dropped| self.failure())
    }

    fn failure(&self) -> CdcError {
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        failure.unwrap_or_else(|| CdcError::new(ErrorCode::MySQLTxnError, "the sink is closed"))
    }
}

impl EventSink for ModelSink {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        self.downstream.count_batch();
        let batch = match self.bug {
            Some(SinkBug::AckTooEarly) => {
                let TxnBatch { txns, ack } = batch;
                let spare = Ack::new(Arc::new(Deaf), 0);
                ack.durable();
                TxnBatch { txns, ack: spare }
            }
            _ => batch,
        };
        Box::pin(self.send(Command::Batch(batch)))
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(async {
            let (done, answer) = oneshot::channel();
            self.send(Command::Flush(done)).await?;
            self.answer(answer).await
        })
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        Box::pin(async {
            let (done, answer) = oneshot::channel();
            self.send(Command::Ddl(ddl, done)).await?;
            self.answer(answer).await
        })
    }

    fn write_checkpoint(&self, ts: Ts) -> BoxFut<'_, ()> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if ts < *told {
            self.downstream
                .complain(format!("told checkpoint {ts} after {told}"));
        }
        *told = ts;
        Box::pin(async { Ok(()) })
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        Box::pin(async move {
            match timeout(deadline, self.flush()).await {
                Ok(result) => result,
                Err(_elapsed) => Err(CdcError::new(ErrorCode::MySQLTxnError, "not flushed in time")),
            }
        })
    }
}

struct Deaf;

impl tidegate_model::AckTarget for Deaf {
    fn durable(&self, _seq: u64) {}
    fn lost(&self, _seq: u64) {}
}

struct Worker {
    downstream: Arc<Downstream>,
    faults: Arc<Faults>,
    bug: Option<SinkBug>,
    failure: Arc<Mutex<Option<CdcError>>>,
    /// Applied, not yet acknowledged.
    held: Vec<Ack>,
}

impl Worker {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let command = match timeout(HELD, commands.recv()).await {
                Ok(Some(command)) => command,
                Ok(None) => return,
                Err(_elapsed) => {
                    self.release(0);
                    continue;
                }
            };
            if let Err(error) = self.carry_out(command).await {
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return;
            }
        }
    }

    async fn carry_out(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Batch(batch) => self.apply(batch).await,
            Command::Flush(done) => {
                self.release(0);
                // A caller that no longer waits needs no answer.
                done.send(()).ok();
                Ok(())
            }
            Command::Ddl(ddl, done) => {
                let applied = apply_ddl(&self.faults, &self.downstream, &ddl).await;
                applied.map_err(|()| CdcError::new(ErrorCode::ExecDDLFailed, "lock wait timeout"))?;
                done.send(()).ok();
                Ok(())
            }
        }
    }

    async fn apply(&mut self, batch: TxnBatch) -> Result<()> {
        if self.faults.happens(self.faults.plan().sink_hang) {
            pending::<()>().await;
        }
        let fails = self.faults.happens(self.faults.plan().sink_error);
        let applied = if fails {
            self.faults.below(batch.txns.len() as u64 + 1)
        } else {
            u64::MAX
        };
        self.faults.effect().await;
        for txn in batch
            .txns
            .iter()
            .take(usize::try_from(applied).unwrap_or(usize::MAX))
        {
            self.faults.effect_now().await;
            self.faults
                .trace(|| format!("model sink applies {} part {}", txn.commit_ts, txn.part));
            self.downstream.apply(txn);
        }
        if fails {
            return Err(CdcError::new(ErrorCode::MySQLTxnError, "deadlock found"));
        }
        if self.bug == Some(SinkBug::ForgetAck) && self.faults.happens(200) {
            drop(batch.ack);
        } else {
            self.held.push(batch.ack);
        }
        self.release(self.faults.below(3));
        Ok(())
    }

    /// Acknowledges in any order until only `keep` are left.
    fn release(&mut self, keep: u64) {
        while self.held.len() as u64 > keep {
            let index = usize::try_from(self.faults.below(self.held.len() as u64)).unwrap_or(0);
            self.held.swap_remove(index).durable();
        }
    }
}
