//! The owner of one changefeed: a task that takes events, lets the state machine decide, and carries it out.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Histogram;
use tidegate_failpoint::{Point, hit};
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::env::Env;
use super::record::{FeedInfo, encode_info, encode_status};
use super::registry::{Registry, Reservation, already_exists};
use super::run::{Run, RunEvent};
use super::store::{Change, FeedRecord, is_conflict};
use super::view::{Command, FeedView, Handle};
use crate::feed::{Effect, FeedEvent, FeedState, State, step};
use crate::processor::{Report, RunEnd, RunView, Stage};
use crate::{metrics, reason};

/// Checkpoints are stored this often. All owners tick together, so that their commits share a disk flush.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// A checkpoint that stands still behind what was read for so long is shown as a warning, whatever the cause.
const STALL: Duration = Duration::from_secs(60);

/// Everything the owner of a changefeed keeps.
pub(crate) struct Owner {
    env: Arc<Env>,
    handle: Arc<Handle>,
    commands: mpsc::Receiver<Command>,
    info: Arc<FeedInfo>,
    record: FeedRecord,
    feed: FeedState,
    /// The checkpoint in the store.
    stored: Ts,
    /// The stored description is older than the state: write it at the next tick.
    info_is_stale: bool,
    store_trouble: Option<Arc<str>>,
    run: Option<Run>,
    start_wanted: bool,
    rows_before: u64,
    bytes_before: u64,
    last_synced: Ts,
    moved_at: Instant,
    removals: Vec<oneshot::Sender<Result<()>>>,
    shutting_down: bool,
    registry: Arc<Registry>,
    tick_duration: Histogram,
}

/// A changefeed that does not exist yet.
pub(crate) struct Creation {
    pub(crate) reservation: Reservation,
    pub(crate) reply: oneshot::Sender<Result<()>>,
}

/// What an owner starts with.
pub(crate) struct Start {
    pub(crate) env: Arc<Env>,
    pub(crate) handle: Arc<Handle>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) info: Arc<FeedInfo>,
    pub(crate) record: FeedRecord,
    pub(crate) feed: FeedState,
    pub(crate) registry: Arc<Registry>,
}

impl Owner {
    pub(crate) fn new(start: Start) -> Self {
        Owner {
            start_wanted: start.feed.state.is_running(),
            tick_duration: metrics::tick_duration(&start.info.id),
            stored: start.feed.checkpoint,
            env: start.env,
            handle: start.handle,
            commands: start.commands,
            info: start.info,
            record: start.record,
            info_is_stale: false,
            store_trouble: None,
            run: None,
            rows_before: 0,
            bytes_before: 0,
            last_synced: start.feed.checkpoint,
            feed: start.feed,
            moved_at: Instant::now(),
            removals: Vec::new(),
            shutting_down: false,
            registry: start.registry,
        }
    }

    /// Stores a new changefeed, makes it visible, answers, and runs it. Whoever waits for the answer may go away.
    pub(crate) async fn create(mut self, creation: Creation) {
        match self.store_new().await {
            Ok(()) => {
                self.publish();
                creation.reservation.activate(Arc::clone(&self.handle));
                answer(creation.reply, Ok(()));
                self.run().await;
            }
            Err(error) => {
                drop(creation.reservation);
                answer(creation.reply, Err(error));
            }
        }
    }

    async fn store_new(&mut self) -> Result<()> {
        let change = Change {
            info: Some(encode_info(&self.info, &self.feed, &self.env.address)?),
            status: Some(encode_status(self.feed.checkpoint, self.feed.state)?),
        };
        let stored = self.record.write(change).await;
        stored.map_err(|error| {
            if is_conflict(&error) {
                already_exists(&self.info.id)
            } else {
                error
            }
        })
    }

    /// Runs until the changefeed is removed or the server shuts down.
    pub(crate) async fn run(mut self) {
        let mut tick = interval_at(self.env.next_tick(TICK), TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            self.start_if_wanted();
            self.publish();
            if self.run.is_none() && self.is_over() {
                return;
            }
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => self.shut_down(),
                },
                event = next_event(&mut self.run) => self.run_event(event).await,
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    /// Called when no pipeline is left: whether the loop ends. A removal is complete now.
    fn is_over(&mut self) -> bool {
        if self.feed.state == State::Removed {
            // Before the id is free: the series of the next changefeed of that id must stay.
            metrics::forget(&self.info.id);
            tidegate_sink::forget(&self.info.id);
            self.registry.remove(&self.info.id);
        }
        for reply in self.removals.drain(..) {
            answer(reply, Ok(()));
        }
        self.shutting_down || self.feed.state == State::Removed
    }

    pub(super) async fn obey(&mut self, command: Command) {
        match command {
            Command::Pause(reply) => {
                let result = self.apply(FeedEvent::Pause).await;
                self.publish_and_answer(reply, result);
            }
            Command::Resume(overwrite, reply) => {
                let result = self.apply(FeedEvent::Resume { overwrite }).await;
                self.publish_and_answer(reply, result);
            }
            Command::Remove(reply) => match self.apply(FeedEvent::Remove).await {
                Ok(()) => self.removals.push(reply),
                Err(error) => answer(reply, Err(error)),
            },
            Command::Update(info, reply) => {
                let result = self.update(*info).await;
                self.publish_and_answer(reply, result);
            }
            Command::LogExpiring(error) => self.decide(FeedEvent::LogExpiring(error)).await,
            Command::LogLost(error) => self.decide(FeedEvent::Error(error)).await,
            Command::Shutdown => self.shut_down(),
        }
    }

    /// Whoever has the answer reads the view next: it must not be older than the answer.
    fn publish_and_answer(&self, reply: oneshot::Sender<Result<()>>, result: Result<()>) {
        self.publish();
        answer(reply, result);
    }

    fn shut_down(&mut self) {
        self.shutting_down = true;
        self.start_wanted = false;
        if let Some(run) = &mut self.run {
            run.stop();
        }
    }

    async fn update(&mut self, mut info: FeedInfo) -> Result<()> {
        if !matches!(self.feed.state, State::Stopped | State::Failed) {
            return Err(update_refused());
        }
        if info.epoch != self.info.epoch {
            return Err(CdcError::new(
                ErrorCode::MetaOpFailed,
                format_args!(
                    "unexpected meta operation failure: changefeed {} has changed meanwhile",
                    info.id
                ),
            ));
        }
        info.epoch = self.env.next_epoch(info.epoch);
        let mut feed = self.feed.clone();
        feed.set_stuck(super::stuck_duration(&info.config));
        let change = Change {
            info: Some(encode_info(&info, &feed, &self.env.address)?),
            status: None,
        };
        self.record.write(change).await?;
        self.info = Arc::new(info);
        self.feed = feed;
        Ok(())
    }

    /// Applies a user's order: it happens only if it could be stored.
    async fn apply(&mut self, event: FeedEvent) -> Result<()> {
        let mut feed = self.feed.clone();
        let effects = step(&mut feed, event, self.env.now());
        self.store(&feed, &effects).await?;
        self.feed = feed;
        self.carry_out(&effects);
        Ok(())
    }

    /// Applies something that happened: it is true whether or not it could be stored.
    async fn decide(&mut self, event: FeedEvent) {
        let before = self.feed.state;
        let effects = step(&mut self.feed, event, self.env.now());
        if self.feed.state != before {
            tracing::info!(
                changefeed = %self.info.id, from = before.as_str(), to = self.feed.state.as_str(),
                error = self.feed.error.as_ref().map(|error| error.message.as_str()), "changefeed state"
            );
        }
        if effects.is_empty() {
            return;
        }
        let feed = self.feed.clone();
        if let Err(error) = self.store(&feed, &effects).await {
            self.store_failed(&error);
            self.info_is_stale = true;
        }
        self.carry_out(&effects);
    }

    /// Writes what the effects ask for, in one commit.
    async fn store(&mut self, feed: &FeedState, effects: &[Effect]) -> Result<()> {
        if effects.contains(&Effect::Delete) {
            return self.record.delete().await;
        }
        let overwrite = effects.iter().find_map(|effect| match effect {
            Effect::Overwrite(ts) => Some(*ts),
            _ => None,
        });
        if !effects.contains(&Effect::Persist) {
            return Ok(());
        }
        let mut info = FeedInfo::clone(&self.info);
        info.epoch = self.env.next_epoch(info.epoch);
        if let Some(ts) = overwrite {
            info.start_ts = ts;
        }
        let change = Change {
            info: Some(encode_info(&info, feed, &self.env.address)?),
            status: overwrite.map(|ts| encode_status(ts, feed.state)).transpose()?,
        };
        self.record.write(change).await?;
        self.info = Arc::new(info);
        self.info_is_stale = false;
        if let Some(ts) = overwrite {
            self.stored = ts;
            if let Some(run) = &mut self.run {
                run.discard();
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, effects: &[Effect]) {
        if effects.contains(&Effect::Stop) {
            self.start_wanted = false;
            if let Some(run) = &mut self.run {
                run.stop();
            }
        }
        if effects.contains(&Effect::Start) {
            self.start_wanted = true;
        }
    }

    fn start_if_wanted(&mut self) {
        if self.start_wanted && self.run.is_none() && !self.shutting_down {
            self.start_wanted = false;
            self.moved_at = Instant::now();
            self.run = Some(Run::start(&self.env, &self.info, self.stored));
        }
    }

    async fn run_event(&mut self, event: RunEvent) {
        let discarded = self.run.as_ref().is_some_and(Run::is_discarded);
        match event {
            // It may have been asked just before the checkpoint was rewound: what it reached no longer counts. The
            // missing answer ends it.
            RunEvent::Report(report) if discarded => drop(report),
            RunEvent::Report(Report::Warning(trouble)) => self.decide(FeedEvent::Warning(trouble)).await,
            RunEvent::Report(Report::Persist(ts, done)) => self.persist(ts, done).await,
            RunEvent::Overdue => {
                tracing::warn!(changefeed = %self.info.id, "the pipeline did not stop in time and is dropped");
                self.run_ended(RunEnd::Stopped).await;
            }
            RunEvent::Ended(end) => self.run_ended(end).await,
        }
    }

    /// Stores a checkpoint that the pipeline waits for. While it cannot be stored the pipeline goes on waiting: a new
    /// one would come to the same point.
    async fn persist(&mut self, ts: Ts, done: oneshot::Sender<()>) {
        match self.store_checkpoint(ts).await {
            Ok(()) => {
                done.send(()).ok();
            }
            Err(error) => {
                if let Some(run) = &mut self.run {
                    run.unanswered = Some((ts, done));
                }
                self.show_store_trouble(error).await;
            }
        }
    }

    async fn run_ended(&mut self, end: RunEnd) {
        let Some(run) = self.run.take() else {
            return;
        };
        let figures = run.shared.view();
        self.last_synced = self.last_synced.max(figures.last_synced);
        self.rows_before += figures.rows_total;
        self.bytes_before += figures.bytes_total;
        if run.is_discarded() {
            return;
        }
        let stored = self.store_progress(figures.checkpoint, figures.resolved).await;
        if run.is_stopping() {
            return;
        }
        match (end, stored) {
            (RunEnd::ReachedTarget, Ok(())) => self.decide(FeedEvent::ReachedTarget).await,
            (RunEnd::ReachedTarget, Err(error)) | (RunEnd::Failed(error), _) => {
                metrics::count_error(&self.info.id);
                self.decide(FeedEvent::Error(error)).await;
            }
            (RunEnd::Stopped, _) => {
                let error = CdcError::new(ErrorCode::ProcessorUnknown, "the pipeline ended unasked");
                self.decide(FeedEvent::Error(error)).await;
            }
        }
    }

    async fn tick(&mut self) {
        let begun = Instant::now();
        self.store_and_decide().await;
        self.tick_duration.observe(begun.elapsed().as_secs_f64());
    }

    async fn store_and_decide(&mut self) {
        if let Some((ts, done)) = self.run.as_mut().and_then(|run| run.unanswered.take()) {
            self.persist(ts, done).await;
        }
        if let Some(run) = self.run.as_ref().filter(|run| !run.is_discarded()) {
            let figures = run.shared.view();
            self.last_synced = self.last_synced.max(figures.last_synced);
            // What went wrong is in the view; the next tick tries again.
            self.store_progress(figures.checkpoint, figures.resolved)
                .await
                .ok();
            self.notice_stall().await;
        }
        if self.info_is_stale && self.feed.state != State::Removed {
            let feed = self.feed.clone();
            match self.store(&feed, &[Effect::Persist]).await {
                Ok(()) => self.store_trouble = None,
                Err(error) => self.store_failed(&error),
            }
        }
        self.decide(FeedEvent::Tick).await;
    }

    async fn store_progress(&mut self, checkpoint: Ts, resolved: Ts) -> Result<()> {
        let result = self.store_checkpoint(checkpoint).await;
        let event = FeedEvent::Progress {
            checkpoint: self.stored,
            resolved,
        };
        self.decide(event).await;
        // Last, because what was stored before may end an older warning.
        if let Err(error) = &result {
            self.show_store_trouble(error.clone()).await;
        }
        result
    }

    /// Stores a checkpoint if it is beyond the stored one.
    async fn store_checkpoint(&mut self, ts: Ts) -> Result<()> {
        if ts <= self.stored || self.feed.state == State::Removed {
            return Ok(());
        }
        let change = Change {
            info: None,
            status: Some(encode_status(ts, self.feed.state)?),
        };
        hit(Point::CheckpointDue);
        self.record.write(change).await?;
        hit(Point::CheckpointStored);
        self.stored = ts;
        self.store_trouble = None;
        self.moved_at = Instant::now();
        Ok(())
    }

    /// Never fatal: the next tick tries again, for as long as it takes.
    async fn show_store_trouble(&mut self, error: CdcError) {
        self.store_failed(&error);
        self.decide(FeedEvent::Stalled(error)).await;
    }

    fn store_failed(&mut self, error: &CdcError) {
        if self.store_trouble.is_none() {
            let conflict = is_conflict(error);
            tracing::warn!(changefeed = %self.info.id, conflict, error = %error, "cannot store the changefeed");
        }
        self.store_trouble = Some(error.wire_message().into());
    }

    async fn notice_stall(&mut self) {
        let figures = self.run.as_ref().map(|run| run.shared.view());
        if !self.feed.state.is_running() || !self.is_behind(figures.as_ref()) {
            self.moved_at = Instant::now();
            return;
        }
        let executing_ddl = figures.is_some_and(|figures| matches!(figures.stage, Stage::Ddl(_)));
        if self.moved_at.elapsed() < STALL || executing_ddl || self.feed.warning.is_some() {
            return;
        }
        let why = reason::of(&self.view(), &self.env.facts()).unwrap_or_default();
        let text = format!("the checkpoint has not moved for {} s: {why}", STALL.as_secs());
        self.decide(FeedEvent::Stalled(CdcError::new(
            ErrorCode::ProcessorUnknown,
            text,
        )))
        .await;
    }

    /// Whether there is something to do: marks or rows that are not durable, or an upstream that is far ahead. The
    /// pipeline has no mark while a large transaction is under way, or while the upstream holds it up.
    fn is_behind(&self, run: Option<&RunView>) -> bool {
        let upstream = self.env.upstream.watermark().borrow().resolved_ts.physical_ms();
        let far_ms = upstream.saturating_sub(self.feed.checkpoint.physical_ms());
        self.feed.checkpoint < self.feed.resolved
            || run.is_some_and(|run| run.waiting_since.is_some())
            || Duration::from_millis(far_ms) > STALL
    }

    fn view(&self) -> FeedView {
        let now = self.env.now();
        FeedView {
            info: Arc::clone(&self.info),
            state: self.feed.state,
            error: self.feed.error.clone(),
            warning: self.feed.warning.clone(),
            checkpoint: self.stored,
            resolved: if self.feed.state.is_running() {
                self.feed.resolved
            } else {
                Ts::ZERO
            },
            pulled: self.feed.resolved,
            last_synced: self.last_synced,
            attempt: self.feed.retry.map(|retry| retry.attempt),
            retry_at_ms: self.feed.retry_at().map(|at| {
                let left = at.saturating_sub(now.mono).as_millis();
                now.unix_ms + u64::try_from(left).unwrap_or(u64::MAX / 2)
            }),
            store_trouble: self.store_trouble.clone(),
            rows_before: self.rows_before,
            bytes_before: self.bytes_before,
            run: self.run.as_ref().map(|run| Arc::clone(&run.shared)),
            holds_log: self.feed.holds_gc(),
        }
    }

    fn publish(&self) {
        self.handle.publish(self.view());
    }
}

/// The refusal of an update in the wrong state, worded as clients know it.
pub(crate) fn update_refused() -> CdcError {
    CdcError::new(
        ErrorCode::ChangefeedUpdateRefused,
        "changefeed update error: can only update changefeed config when it is stopped or failed",
    )
}

async fn next_event(run: &mut Option<Run>) -> RunEvent {
    match run {
        Some(run) => run.next().await,
        None => std::future::pending().await,
    }
}

fn answer(reply: oneshot::Sender<Result<()>>, result: Result<()>) {
    // A caller that went away does not undo what was stored.
    reply.send(result).ok();
}

#[cfg(test)]
#[path = "changefeed_tests.rs"]
mod tests;
