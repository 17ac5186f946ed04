//! The shared reader: one connection at the end of the log, for everybody.
//!
//! In: the upstream's binlog. Out: groups with their timestamps in the ring, anchors and schema changes in the store.
//! It lives as long as the upstream object, mends broken connections, and is the only writer of the timeline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_meta::Write;
use tidegate_model::{CdcError, ErrorCode, Result, RetryClass, Ts};
use tidegate_mysql::DumpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::assemble::Assembler;
use super::backoff::Backoff;
use super::control::Probe;
use super::finish::Finisher;
use super::group::Group;
use super::maintenance;
use super::metrics;
use super::shared::Shared;
use super::start;
use super::tail::Tail;
use super::timeline::idle_floor;
use crate::UpstreamWatermark;

/// How far a floor stays behind the server's clock: a commit that took its time before the probe may still arrive.
const FLOOR_MARGIN_MS: u64 = 200;
/// Longest that an anchor which only shortens a restart stays unwritten.
const SOFT_WRITE_DELAY: Duration = Duration::from_secs(1);
/// Pause before a write to the store is tried again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// Pause after an error that somebody has to mend.
const BLOCKED_RETRY: Duration = Duration::from_secs(30);
/// A connection that lasted this long was a good one.
const STABLE: Duration = Duration::from_secs(60);
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(60);

/// Reads until `stop`.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut tail: Tail,
    mut assembler: Assembler,
    stop: CancellationToken,
) {
    let mut recovery = Recovery::new(&shared);
    loop {
        let outcome = Session {
            shared: &shared,
            tail: &mut tail,
            assembler: &mut assembler,
            finisher: Finisher::new(&shared.options, Arc::clone(&shared.spill)),
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
        tracing::warn!(error = %error.wire_message(), "the shared binlog reader lost its connection");
        assembler.reconnect();
        let remedy = recovery.remedy(error.code());
        if remedy.tell {
            shared.ring.fail(error);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(remedy.pause) => {}
        }
        if remedy.renew {
            match start::renew(&shared).await {
                Ok(fresh) => (tail, assembler) = fresh,
                Err(error) => tracing::warn!(error = %error.wire_message(), "cannot begin a new timeline"),
            }
        }
    }
}

/// Decides how to go on after a lost connection.
struct Recovery {
    backoff: Backoff,
    server_id: u32,
    evicted: bool,
    attempt: Instant,
}

/// See [`Recovery`].
struct Remedy {
    /// Tell the changefeeds.
    tell: bool,
    pause: Duration,
    /// The place read so far is of no use any more: go on at the end of the log, on a new timeline.
    renew: bool,
}

impl Recovery {
    fn new(shared: &Shared) -> Self {
        Recovery {
            backoff: Backoff::default(),
            server_id: shared.next_server_id(),
            evicted: false,
            attempt: Instant::now(),
        }
    }

    fn remedy(&mut self, code: ErrorCode) -> Remedy {
        if self.attempt.elapsed() > STABLE {
            self.backoff = Backoff::default();
            self.evicted = false;
        }
        self.attempt = Instant::now();
        let pause = self.backoff.next();
        let retry = Remedy {
            tell: true,
            pause,
            renew: false,
        };
        match code {
            // Take another id once; two readers that evict each other for ever help nobody.
            ErrorCode::DuplicateServerId if !self.evicted => {
                self.server_id = rand::random_range(0x4000_0000..0xFFFF_0000);
                self.evicted = true;
                Remedy { tell: false, ..retry }
            }
            // Each changefeed finds out by its own start.
            ErrorCode::SnapshotLostByGC => Remedy {
                tell: false,
                renew: true,
                ..retry
            },
            ErrorCode::UpstreamDiverged => Remedy {
                pause: BLOCKED_RETRY,
                renew: true,
                ..retry
            },
            code if code.retry_class() == RetryClass::Retry => retry,
            _ => Remedy {
                pause: BLOCKED_RETRY,
                ..retry
            },
        }
    }
}

struct Session<'a> {
    shared: &'a Arc<Shared>,
    tail: &'a mut Tail,
    assembler: &'a mut Assembler,
    finisher: Finisher,
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
            opened = shared.open_dump(self.assembler.position(), server_id) => opened?,
        };
        tracing::info!(position = %self.assembler.position(), server_id, "reading the binlog");
        self.show(true);
        let mut packets = Vec::new();
        let mut tick = interval(shared.options.probe_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut maintain = interval(MAINTENANCE_INTERVAL);
        maintain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                batch = next(&mut stream, &mut packets, shared.silence_max()) => {
                    batch?;
                    let outcome = self.take(&mut packets).await;
                    self.publish(stop).await;
                    outcome?;
                }
                // Questions are short; the stream waits in the socket's buffers meanwhile.
                _ = tick.tick() => self.probe(stop).await,
                () = shared.probe_now.notified() => {
                    // An older probe does not know of the wish.
                    self.waiting = None;
                    self.probe(stop).await;
                }
                _ = maintain.tick() => maintenance::run(shared).await,
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

    /// Shows what was placed, once everything it relies on is durable.
    async fn publish(&mut self, stop: &CancellationToken) {
        self.apply_probe();
        persist(self.shared, self.tail.take_writes(SOFT_WRITE_DELAY), stop).await;
        if stop.is_cancelled() {
            return;
        }
        self.shared.ring.push(&mut self.out, self.tail.resolved());
        self.shared.publish_position(self.assembler.position());
        metrics::resolved(self.tail.resolved());
    }

    async fn probe(&mut self, stop: &CancellationToken) {
        if self.waiting.is_none() {
            let facts = self.shared.facts();
            let asked = self.shared.own_questions.probe(&facts).await;
            match asked {
                Ok(probe) => {
                    self.tail.set_clock(probe.clock_ms);
                    metrics::clock(probe.clock_ms);
                    self.waiting = Some(probe);
                }
                // The resolved-ts stands still meanwhile, which is safe; the stream tells what is wrong.
                Err(error) => tracing::debug!(error = %error.wire_message(), "cannot probe the upstream"),
            }
        }
        self.publish(stop).await;
        self.show(true);
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
            position: self.assembler.position().to_string(),
            connected,
        });
    }
}

/// The next packets; an error at the end of the stream and after silence.
pub(crate) async fn next(
    stream: &mut DumpStream,
    packets: &mut Vec<Bytes>,
    silence_max: Duration,
) -> Result<()> {
    match timeout(silence_max, stream.next_batch(packets)).await {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evicted_reader_takes_another_id_once() {
        let mut recovery = Recovery {
            backoff: Backoff::default(),
            server_id: 7,
            evicted: false,
            attempt: Instant::now(),
        };
        assert!(!recovery.remedy(ErrorCode::DuplicateServerId).tell);
        assert_ne!(recovery.server_id, 7);
        let again = recovery.remedy(ErrorCode::DuplicateServerId);
        assert!(again.tell && again.pause == BLOCKED_RETRY);
    }

    #[test]
    fn a_useless_position_is_given_up_and_a_broken_line_is_not() {
        let mut recovery = Recovery {
            backoff: Backoff::default(),
            server_id: 7,
            evicted: false,
            attempt: Instant::now(),
        };
        assert!(recovery.remedy(ErrorCode::SnapshotLostByGC).renew);
        assert!(recovery.remedy(ErrorCode::UpstreamDiverged).renew);
        let broken = recovery.remedy(ErrorCode::UpstreamConnection);
        assert!(broken.tell && !broken.renew && broken.pause < BLOCKED_RETRY);
    }
}
