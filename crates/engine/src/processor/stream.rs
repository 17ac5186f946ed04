//! The loop between the upstream's events and the sink.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, IntCounter};
use tidegate_failpoint::{Point, hit};
use tidegate_filter::RowFilter;
use tidegate_model::{Ack, CdcError, DdlEvent, ErrorCode, Event, Result, Ts, TxnBatch, TxnEvent};
use tidegate_sink::EventSink;
use tidegate_upstream::{EventTx, PullJob, PulledEvent, Quota, Share};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::shared::{Shared, Stage};
use super::{Halt, Job, Report};
use crate::metrics;

/// Events between upstream and pipeline; their bytes are bounded by the memory quota.
const EVENT_QUEUE: usize = 2048;
/// Events taken out of the queue at once.
const EVENTS_AT_ONCE: usize = 512;
/// Larger transactions arrive in parts of this size. Every session of a database sink keeps buffers for the largest text it
/// has sent, several times over; larger parts are not faster.
const PART_BYTES_MAX: usize = 512 << 10;
/// Under a small quota parts get smaller, so that some are under way at the same time, but not smaller than this.
const PARTS_IN_QUOTA: u64 = 16;
const PART_BYTES_MIN: usize = 64 << 10;
/// How often the sink is told the checkpoint, as in the original.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// Who is awake anyway tells it a little earlier: an idle changefeed needs no clock of its own beside the upstream's.
const CHECKPOINT_EARLY: Duration = Duration::from_millis(800);
/// How long a sink that lost a batch gets to say why.
const LOST_GRACE: Duration = Duration::from_secs(1);
/// How long the upstream gets to end its stream before it is dropped.
const PULL_GRACE: Duration = Duration::from_secs(1);

/// Streams until the target is reached (`Ok`), or until it is stopped or fails.
pub(super) async fn stream(job: &Job, sink: &dyn EventSink) -> Result<(), Halt> {
    let (tx, mut events) = EventTx::channel(EVENT_QUEUE, job.shared.quota().clone());
    job.shared.watch_decoding(tx.decoded());
    let pull_stop = CancellationToken::new();
    let mut pull = JoinSet::new();
    pull.spawn({
        let upstream = Arc::clone(&job.upstream);
        let pull_job = pull_job(job);
        let stop = pull_stop.clone();
        async move { upstream.pull(pull_job, tx, stop).await }
    });
    job.shared.set_stage(Stage::Reading);
    let mut stream = Stream {
        job,
        sink,
        shared: &job.shared,
        rows: RowFilter::new(Arc::clone(&job.events)),
        ignored: metrics::ignored_rows(&job.changefeed),
        output: metrics::output_rows(&job.changefeed),
        round: metrics::processor_tick_duration(&job.changefeed),
        batch: Batch::default(),
        mark: Ts::ZERO,
        last: Position::start(job.checkpoint),
        told: job.checkpoint,
        told_at: Instant::now(),
    };
    let end = stream.run(&mut events, &mut pull).await;
    pull_stop.cancel();
    drop(events);
    if timeout(PULL_GRACE, pull.join_next()).await.is_err() {
        pull.shutdown().await;
    }
    end
}

fn pull_job(job: &Job) -> PullJob {
    let shared = Arc::clone(&job.shared);
    let reports = job.reports.clone();
    PullJob {
        changefeed: job.changefeed.clone(),
        start_ts: job.checkpoint,
        selector: Arc::clone(&job.selector),
        force_replicate: job.force_replicate,
        part_bytes_max: usize::try_from(job.shared.quota().limit_bytes() / PARTS_IN_QUOTA)
            .unwrap_or(usize::MAX)
            .clamp(PART_BYTES_MIN, PART_BYTES_MAX),
        decoders_max: job.decoders_max,
        on_trouble: Arc::new(move |trouble| {
            shared.set_upstream_trouble(&trouble.error);
            // A full queue means that the owner has warnings enough already.
            drop(reports.try_send(Report::Warning(trouble.clone())));
        }),
    }
}

struct Stream<'a> {
    job: &'a Job,
    sink: &'a dyn EventSink,
    shared: &'a Arc<Shared>,
    rows: RowFilter,
    ignored: IntCounter,
    output: IntCounter,
    round: Histogram,
    batch: Batch,
    /// Latest resolved-ts that waits for the batch before it to be handed over.
    mark: Ts,
    last: Position,
    /// Checkpoint the sink was told last.
    told: Ts,
    told_at: Instant,
}

enum Next {
    Events,
    Flush,
    Checkpoint,
    PullEnded(Option<Result<Result<()>, JoinError>>),
    Lost,
    Stopped,
}

impl Stream<'_> {
    async fn run(
        &mut self,
        events: &mut mpsc::Receiver<PulledEvent>,
        pull: &mut JoinSet<Result<()>>,
    ) -> Result<(), Halt> {
        let mut taken = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            let deadline = self.batch.deadline();
            let tell_at = self.told_at + CHECKPOINT_INTERVAL;
            let news = self.shared.received() > self.told;
            let next = tokio::select! {
                biased;
                () = self.job.stop.cancelled() => Next::Stopped,
                () = self.shared.lost() => Next::Lost,
                ended = pull.join_next() => Next::PullEnded(ended),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Next::Flush,
                () = sleep_until(tell_at), if news => Next::Checkpoint,
                _ = events.recv_many(&mut taken, EVENTS_AT_ONCE) => Next::Events,
                // Nothing more has arrived. A sink that is busy leaves time to gather; one that is not would only wait.
                () = self.shared.drained(), if deadline.is_some() => Next::Flush,
            };
            match next {
                Next::Stopped => return Err(Halt::Stopped),
                Next::Lost => return Err(Halt::Failed(self.why_lost(self.sink.flush()).await)),
                Next::PullEnded(ended) => return Err(Halt::Failed(pull_end(ended))),
                Next::Flush => self.hand_over().await?,
                Next::Checkpoint => self.tell_checkpoint().await?,
                Next::Events => {
                    let begun = Instant::now();
                    // Time that passes on an idle upstream is no work.
                    let with_rows = taken
                        .iter()
                        .any(|pulled| !matches!(pulled.event, Event::Resolved(_)));
                    for pulled in taken.drain(..) {
                        if self.take(pulled).await? {
                            return Ok(());
                        }
                    }
                    if with_rows {
                        self.round.observe(begun.elapsed().as_secs_f64());
                    }
                    if self.told_at.elapsed() >= CHECKPOINT_EARLY {
                        self.tell_checkpoint().await?;
                    }
                }
            }
        }
    }

    /// Takes one event; says whether the target is reached.
    async fn take(&mut self, pulled: PulledEvent) -> Result<bool, Halt> {
        match pulled.event {
            Event::Txn(txn) => {
                self.last.advance(txn.commit_ts, Some((txn.part, txn.last)))?;
                if self.is_beyond_target(txn.commit_ts) {
                    return self.finish().await;
                }
                self.take_txn(txn, pulled.share).await?;
            }
            Event::Ddl(ddl) => {
                self.last.advance(ddl.commit_ts, None)?;
                if self.is_beyond_target(ddl.commit_ts) {
                    return self.finish().await;
                }
                self.apply_ddl(ddl).await?;
            }
            Event::Resolved(ts) => {
                self.last.resolved(ts)?;
                if self.job.target.is_some_and(|target| ts >= target) {
                    return self.finish().await;
                }
                self.take_mark(ts);
            }
        }
        Ok(false)
    }

    fn is_beyond_target(&self, ts: Ts) -> bool {
        self.job.target.is_some_and(|target| ts > target)
    }

    /// A transaction whose rows are all dropped needs no batch: the mark behind it moves the checkpoint.
    async fn take_txn(&mut self, mut txn: TxnEvent, mut share: Share) -> Result<(), Halt> {
        let dropped = self.rows.apply(&mut txn.blocks, txn.start_ts)?;
        self.ignored.inc_by(dropped);
        if dropped > 0 {
            // What is gone must not wait for what is left.
            let cost = Quota::cost_of_rows(txn.memory_bytes());
            share.settle(cost.min(share.bytes()));
        }
        let nothing_in_it = txn.part == 0 && txn.last && txn.blocks.is_empty();
        if nothing_in_it {
            return Ok(());
        }
        self.shared.add_filtered(txn.row_count() as u64);
        self.shared.set_filtered(txn.commit_ts.prev());
        self.batch.push(txn, share);
        if self.batch.is_full() {
            self.hand_over().await?;
        }
        Ok(())
    }

    fn take_mark(&mut self, ts: Ts) {
        self.shared.set_filtered(ts);
        if self.batch.deadline().is_some() {
            self.mark = ts;
        } else {
            self.shared.mark(ts);
        }
    }

    /// Hands the batch to the sink, then sets the mark that waited behind it.
    async fn hand_over(&mut self) -> Result<(), Halt> {
        if let Some((txns, load)) = self.batch.take() {
            self.output.inc_by(load.rows.total());
            let target = Arc::clone(self.shared) as Arc<dyn tidegate_model::AckTarget>;
            let ack = Ack::new(target, self.shared.push(load));
            if !self.mark.is_zero() {
                self.shared.mark(self.mark);
                self.mark = Ts::ZERO;
            }
            self.shared.set_stage(Stage::Writing);
            self.guarded(self.sink.write(TxnBatch { txns, ack })).await?;
            self.shared.set_stage(Stage::Reading);
        }
        Ok(())
    }

    /// Waits until everything handed over is durable.
    async fn drain(&mut self) -> Result<(), Halt> {
        self.hand_over().await?;
        self.shared.set_stage(Stage::Draining);
        self.guarded(self.sink.flush()).await?;
        let drained = async {
            self.shared.drained().await;
            Ok(())
        };
        self.guarded(drained).await
    }

    /// A schema change is a barrier. The checkpoint is stored just below it before it runs, so that rows of the old
    /// schema are never replayed into the new one; and at it before any later row is written, so that the statement
    /// is not repeated over rows of the new schema.
    async fn apply_ddl(&mut self, ddl: Arc<DdlEvent>) -> Result<(), Halt> {
        self.shared.set_barrier(Some(ddl.commit_ts));
        self.shared.set_filtered(ddl.commit_ts.prev());
        self.drain().await?;
        self.shared.mark(ddl.commit_ts.prev());
        self.persist(ddl.commit_ts.prev()).await?;
        self.shared.set_stage(Stage::Ddl(describe(&ddl).into()));
        self.guarded(self.sink.write_ddl(Arc::clone(&ddl))).await?;
        hit(Point::DdlDone);
        self.shared.mark(ddl.commit_ts);
        self.shared.note_ddl(&ddl);
        self.persist(ddl.commit_ts).await?;
        self.shared.set_barrier(None);
        self.shared.set_stage(Stage::Reading);
        self.tell_checkpoint().await
    }

    async fn persist(&self, ts: Ts) -> Result<(), Halt> {
        let (done, stored) = oneshot::channel();
        let ask = async {
            // A missing answer means that the owner is about to stop this run.
            let asked = self.job.reports.send(Report::Persist(ts, done)).await.is_ok();
            if asked && stored.await.is_ok() {
                Ok(())
            } else {
                Err(Halt::Stopped)
            }
        };
        tokio::select! {
            biased;
            () = self.job.stop.cancelled() => Err(Halt::Stopped),
            answer = ask => answer,
        }
    }

    async fn tell_checkpoint(&mut self) -> Result<(), Halt> {
        let checkpoint = self.shared.checkpoint();
        // Also when there is nothing to tell: the next look is an interval away.
        self.told_at = Instant::now();
        if checkpoint > self.told {
            self.guarded(self.sink.write_checkpoint(checkpoint)).await?;
            self.told = checkpoint;
        }
        Ok(())
    }

    /// Everything up to the target was received: make it durable and say so to the consumers.
    async fn finish(&mut self) -> Result<bool, Halt> {
        self.drain().await?;
        if let Some(target) = self.job.target {
            self.shared.mark(target);
        }
        self.tell_checkpoint().await?;
        Ok(true)
    }

    /// Waits for the sink, but not longer than until the run is stopped or a batch is lost.
    async fn guarded<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T, Halt> {
        tokio::pin!(call);
        tokio::select! {
            biased;
            () = self.job.stop.cancelled() => Err(Halt::Stopped),
            result = &mut call => Ok(result?),
            () = self.shared.lost() => Err(Halt::Failed(self.why_lost(call).await)),
        }
    }

    /// A sink that fails loses its batches first and says why at its next answer.
    async fn why_lost<T>(&self, answer: impl Future<Output = Result<T>>) -> CdcError {
        match timeout(LOST_GRACE, answer).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) | Err(_) => CdcError::new(
                ErrorCode::LostAck,
                "the sink dropped a batch without saying whether it is durable",
            ),
        }
    }
}

/// Where the stream stands, to check the order the upstream promised.
struct Position {
    commit_ts: Ts,
    resolved: Ts,
    /// The part that must come next when a transaction is incomplete.
    open_part: Option<u32>,
}

impl Position {
    fn start(checkpoint: Ts) -> Self {
        Position {
            commit_ts: checkpoint,
            resolved: checkpoint,
            open_part: None,
        }
    }

    fn advance(&mut self, ts: Ts, part: Option<(u32, bool)>) -> Result<()> {
        let in_order = match (self.open_part, part) {
            (None, None | Some((0, _))) => ts > self.commit_ts && ts > self.resolved,
            (Some(expected), Some((part, _))) => ts == self.commit_ts && part == expected,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !in_order {
            return Err(out_of_order(ts, self.commit_ts.max(self.resolved)));
        }
        self.commit_ts = ts;
        self.open_part = match part {
            Some((part, false)) => Some(part + 1),
            Some((_, true)) | None => None,
        };
        Ok(())
    }

    fn resolved(&mut self, ts: Ts) -> Result<()> {
        if self.open_part.is_some() || ts < self.commit_ts {
            return Err(out_of_order(ts, self.commit_ts));
        }
        self.resolved = self.resolved.max(ts);
        Ok(())
    }
}

fn out_of_order(ts: Ts, after: Ts) -> CdcError {
    CdcError::new(
        ErrorCode::CorruptedDataMutation,
        format_args!("the upstream's stream is out of order: {ts} came after {after}"),
    )
}

fn pull_end(ended: Option<Result<Result<()>, JoinError>>) -> CdcError {
    match ended {
        Some(Ok(Err(error))) => error,
        Some(Err(error)) if error.is_panic() => CdcError::new(
            ErrorCode::ProcessorUnknown,
            "reading the upstream failed unexpectedly",
        )
        .with_source(error),
        Some(Ok(Ok(())) | Err(_)) | None => CdcError::new(
            ErrorCode::ProcessorUnknown,
            "the upstream ended its stream unasked",
        ),
    }
}

fn describe(ddl: &DdlEvent) -> String {
    let mut text = ddl.kind.event_name().to_owned();
    if let Some(schema) = &ddl.target_schema {
        text.push(' ');
        text.push_str(schema);
    }
    for (index, table) in ddl.tables.iter().take(3).enumerate() {
        text.push_str(if index == 0 { " " } else { ", " });
        text.push_str(&table.name.to_string());
    }
    if ddl.tables.len() > 3 {
        text.push_str(", ...");
    }
    text
}
