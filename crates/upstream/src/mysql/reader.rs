//! The shared reader: one connection at the end of the log, for everybody.
//!
//! In: the upstream's binlog. Out: groups with their timestamps in the ring, anchors and schema changes in the store.
//! It lives as long as the upstream object, mends broken connections, and is the only writer of the timeline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Fuse, FusedFuture};
use tidegate_meta::Write;
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_mysql::DumpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::assemble::Assembler;
use super::control::Probe;
use super::doubt::Doubt;
use super::finish::Finisher;
use super::group::Group;
use super::maintenance::{self, Untidy};
use super::metrics;
use super::recovery::{Next, Recovery, random_server_id};
use super::shared::Shared;
use super::start;
use super::tail::Tail;
use super::timeline::idle_floor;
use crate::{BoxFut, UpstreamWatermark};

/// How far a floor stays behind the server's clock: a commit that took its time before the probe may still arrive.
const FLOOR_MARGIN_MS: u64 = 200;
/// Longest that an anchor which only shortens a restart stays unwritten.
const SOFT_WRITE_DELAY: Duration = Duration::from_secs(1);
/// Pause before a write to the store is tried again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Reads until `stop`.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut tail: Tail,
    mut assembler: Assembler,
    stop: CancellationToken,
) {
    let mut recovery = Recovery::new(shared.options.server_id.unwrap_or_else(random_server_id));
    let mut doubt = Doubt::new(shared.options.diverged_patience);
    loop {
        let outcome = Session {
            shared: &shared,
            tail: &mut tail,
            assembler: &mut assembler,
            finisher: Finisher::new(
                &shared.options,
                shared.options.txn_memory_bytes,
                Arc::clone(&shared.spill),
            ),
            doubt: &mut doubt,
            out: Vec::new(),
            waiting: None,
        }
        .run(recovery.server_id, &stop)
        .await;
        let Err(error) = outcome else {
            return;
        };
        metrics::reconnected();
        shared
            .watermark
            .send_modify(|watermark| watermark.connected = false);
        let error = doubt.weigh(shared.servers.explain(error, assembler.position()));
        tracing::warn!(error = %error.wire_message(), "the shared binlog reader lost its connection");
        assembler.reconnect();
        let remedy = recovery.remedy(error.code(), shared.servers.is_other());
        if remedy.tell {
            shared.ring.fail(error);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(remedy.pause) => {}
        }
        let moved = match remedy.next {
            Next::Same => continue,
            Next::BeyondPurged => start::skip_purged(&shared, assembler.position()).await,
            Next::NewTimeline => start::renew(&shared).await,
        };
        match moved {
            Ok(fresh) => (tail, assembler) = fresh,
            Err(error) => tracing::warn!(error = %error.wire_message(), "cannot go on at another place"),
        }
    }
}

type Tidying<'a> = futures::future::BoxFuture<'a, Result<(), Untidy>>;

struct Session<'a> {
    shared: &'a Arc<Shared>,
    tail: &'a mut Tail,
    assembler: &'a mut Assembler,
    finisher: Finisher,
    doubt: &'a mut Doubt,
    /// Placed, not yet in the ring.
    out: Vec<Arc<Group>>,
    /// A probe whose end of the log has not been reached yet.
    waiting: Option<Probe>,
}

impl Session<'_> {
    /// `Ok` when stopped.
    async fn run(mut self, server_id: u32, stop: &CancellationToken) -> Result<()> {
        let shared = self.shared;
        let mut stream = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            opened = shared.open_shared_dump(self.assembler.position(), server_id) => opened?,
        };
        tracing::info!(position = %self.assembler.position(), server_id, "reading the binlog");
        // First of all the ring forgets the failure of before: whoever sees the connection finds no old error there.
        self.publish(stop).await;
        self.show(true);
        let mut packets = Vec::new();
        let mut heard = Instant::now();
        // Beside reading: the control connection may be slow when the log is not. Nobody here may wait for that
        // connection otherwise, since these would not go on meanwhile.
        let mut asking: Fuse<BoxFut<'_, Probe>> = Fuse::terminated();
        let mut tidying: Fuse<Tidying<'_>> = Fuse::terminated();
        let mut ask_again = false;
        let mut tick = interval(shared.options.probe_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut maintain = interval(shared.options.maintenance_interval);
        maintain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                batch = next(&mut stream, &mut packets, heard + shared.silence_max()) => {
                    batch?;
                    heard = Instant::now();
                    let idle = packets.iter().any(|packet| is_heartbeat(packet));
                    let outcome = self.take(&mut packets).await;
                    if idle || !self.out.is_empty() {
                        self.accepted().await;
                    }
                    self.publish(stop).await;
                    outcome?;
                }
                answer = &mut asking => {
                    if std::mem::take(&mut ask_again) {
                        asking = ask(shared);
                    } else {
                        self.probed(answer);
                    }
                    self.publish(stop).await;
                    self.show(true);
                }
                _ = tick.tick() => {
                    if self.waiting.is_none() && asking.is_terminated() {
                        asking = ask(shared);
                    }
                    self.publish(stop).await;
                    self.show(true);
                }
                () = shared.probe_now.notified() => {
                    // An older probe does not know of the wish.
                    self.waiting = None;
                    ask_again = !asking.is_terminated();
                    if !ask_again {
                        asking = ask(shared);
                    }
                }
                _ = maintain.tick(), if tidying.is_terminated() => tidying = tidy(shared),
                outcome = &mut tidying => match outcome {
                    Ok(()) => {}
                    Err(Untidy::Elsewhere(error)) => return Err(error),
                    Err(Untidy::Failed(error)) => {
                        tracing::warn!(error = %error.wire_message(), "cannot tidy up the timeline");
                    }
                },
            }
        }
    }

    async fn take(&mut self, packets: &mut Vec<Bytes>) -> Result<()> {
        metrics::received(packets);
        for packet in packets.drain(..) {
            let Some(closed) = self.assembler.push(packet)? else {
                continue;
            };
            let group = self.finisher.finish(closed, self.assembler).await?;
            self.out
                .push(self.tail.place(group, self.assembler.position(), self.shared));
        }
        self.finisher.relieve(self.assembler).await?;
        if self.assembler.take_rotated() && !self.assembler.in_group() {
            self.tail.rotated(self.assembler.position(), self.shared);
        }
        Ok(())
    }

    /// The server has gone on after the place asked for: a refusal before does not count.
    async fn accepted(&mut self) {
        self.doubt.clear();
        if let Err(error) = self.shared.servers.adopt().await {
            tracing::warn!(error = %error.wire_message(), "cannot note which server is read");
        }
    }

    /// Shows what was placed, once everything it relies on is durable.
    async fn publish(&mut self, stop: &CancellationToken) {
        self.apply_probe();
        let mut writes = self.tail.take_writes(SOFT_WRITE_DELAY);
        if !writes.is_empty() {
            // Behind those of schema changes, in the order in which they came to be.
            writes.append(&mut self.shared.hints.take_writes());
        }
        persist(self.shared, writes, stop).await;
        if stop.is_cancelled() {
            return;
        }
        self.shared.ring.push(&mut self.out, self.tail.resolved());
        self.shared.publish_position(self.assembler.position());
        metrics::position(self.assembler.position());
        metrics::resolved(self.tail.resolved());
    }

    fn probed(&mut self, answer: Result<Probe>) {
        match answer {
            Ok(probe) => {
                self.tail.set_clock(probe.clock_ms);
                metrics::clock(probe.clock_ms);
                self.waiting = Some(probe);
            }
            // The resolved-ts stands still meanwhile, which is safe; the stream tells what is wrong.
            Err(error) => tracing::debug!(error = %error.wire_message(), "cannot probe the upstream"),
        }
    }

    /// Lifts the timeline when everything that was committed before the probe has been read.
    fn apply_probe(&mut self) {
        let reached = self
            .waiting
            .as_ref()
            .is_some_and(|probe| self.assembler.position().reached(&probe.end));
        if !reached || self.assembler.in_group() {
            return;
        }
        if let Some(probe) = self.waiting.take() {
            let whole_seconds = self.shared.facts().whole_second_commits();
            let floor = idle_floor(probe.clock_ms, FLOOR_MARGIN_MS, whole_seconds);
            let wanted = self.shared.start_wanted();
            let wanted = if wanted.physical_ms() <= probe.clock_ms {
                wanted
            } else {
                Ts::ZERO
            };
            self.tail
                .lift(floor.max(wanted), self.assembler.position(), self.shared);
        }
    }

    fn show(&self, connected: bool) {
        self.shared.watermark.send_replace(UpstreamWatermark {
            resolved_ts: self.shared.ring.resolved(),
            schema_ts: self.shared.schema.last(),
            position: self.assembler.position().to_string(),
            connected,
        });
    }
}

/// Asks for the server's clock and the end of its log.
fn ask(shared: &Arc<Shared>) -> Fuse<BoxFut<'_, Probe>> {
    let question: BoxFut<'_, Probe> = Box::pin(async {
        let facts = shared.facts();
        shared.own_questions.probe(&facts).await
    });
    question.fuse()
}

/// Forgets what the server has forgotten.
fn tidy(shared: &Arc<Shared>) -> Fuse<Tidying<'_>> {
    let work: Tidying<'_> = Box::pin(maintenance::tidy(shared));
    work.fuse()
}

/// Heartbeats come only from a server that has accepted the place asked for; other artificial events may come before a
/// refusal.
fn is_heartbeat(packet: &[u8]) -> bool {
    const EVENT_TYPE_AT: usize = 4;
    matches!(packet.get(EVENT_TYPE_AT), Some(27 | 41))
}

/// The next packets; an error at the end of the stream, and when none have come at `deadline`, which is for the caller
/// to keep: waiting may be broken off and begun again.
pub(crate) async fn next(stream: &mut DumpStream, packets: &mut Vec<Bytes>, deadline: Instant) -> Result<()> {
    match timeout_at(deadline, stream.next_batch(packets)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(CdcError::new(
            ErrorCode::UpstreamConnection,
            "the upstream closed the binlog connection",
        )),
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => Err(CdcError::new(
            ErrorCode::UpstreamConnection,
            "the upstream sent neither events nor heartbeats",
        )),
    }
}

/// Makes writes durable, however long that takes: what was placed cannot be taken back.
async fn persist(shared: &Shared, writes: Vec<Write>, stop: &CancellationToken) {
    if writes.is_empty() {
        return;
    }
    while let Err(error) = shared.anchors.commit(writes.clone()).await {
        tracing::error!(error = %error.wire_message(), "cannot store the timeline");
        shared.ring.fail(error);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(STORE_RETRY) => {}
        }
    }
}
