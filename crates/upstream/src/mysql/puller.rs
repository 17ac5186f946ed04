//! One changefeed's way through the log: from the ring, or from a private reader while it is behind.

use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode, Event, Result, RetryClass, Trouble, Ts};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::doubt::Doubt;
use super::group::Group;
use super::maintenance;
use super::mounter::Mounter;
use super::private::{self, BATCHES_AHEAD, Progress};
use super::ring::Fetched;
use super::shared::Shared;
use super::turns::Turn;
use crate::{EventTx, PullJob};

/// Bytes of groups that are taken from the ring at once.
const FETCH_BYTES: usize = 1 << 20;
/// Longest silence of an idle puller: it looks again even if nobody woke it.
const IDLE: Duration = Duration::from_secs(60);

/// Why a step of the puller ended.
enum Step {
    /// Go on.
    More,
    /// The receiver is gone.
    Closed,
}

/// Pulls until `stop`, the end of `out`, or an error that reconnecting cannot mend.
pub(crate) async fn run(
    shared: Arc<Shared>,
    job: PullJob,
    out: EventTx,
    stop: CancellationToken,
) -> Result<()> {
    let mut puller = Puller {
        at: job.start_ts,
        changes: shared.ring.subscribe(),
        mounter: Mounter::new(Arc::clone(&shared), job),
        out,
        backoff: Backoff::default(),
        failures: 0,
        doubt: Doubt::new(shared.options.diverged_patience),
        told: None,
        shared,
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        outcome = puller.run() => outcome,
    }
}

/// A private connection to the log.
struct Reading<'a> {
    groups: mpsc::Receiver<Result<Progress>>,
    /// Ends with it.
    _reader: JoinSet<()>,
    turn: Turn<'a>,
}

struct Puller {
    shared: Arc<Shared>,
    mounter: Mounter,
    out: EventTx,
    /// Everything up to here was sent.
    at: Ts,
    changes: watch::Receiver<u64>,
    backoff: Backoff,
    /// Failures since the stream last went on.
    failures: u32,
    doubt: Doubt,
    /// Version of the ring whose failure was reported.
    told: Option<u64>,
}

impl Puller {
    async fn run(&mut self) -> Result<()> {
        let ahead_max = self.out.quota().reading_limit_bytes();
        let fetch_bytes = usize::try_from(ahead_max / 2).map_or(FETCH_BYTES, |half| half.min(FETCH_BYTES));
        loop {
            let version = *self.changes.borrow_and_update();
            let step = match self.shared.ring.fetch(self.at, fetch_bytes) {
                Fetched::Groups(groups, resolved) => match self.take_from_ring(&groups, resolved).await {
                    Ok(step) => step,
                    Err(error) => self.trouble(error).await?,
                },
                Fetched::Behind => match self.read_privately().await {
                    Ok(step) => step,
                    Err(error) => {
                        let error = self.doubt.weigh(
                            self.shared
                                .servers
                                .explain(error, &self.shared.position().borrow()),
                        );
                        self.trouble(error).await?
                    }
                },
                Fetched::Failed(error) => {
                    if self.told != Some(version) {
                        self.told = Some(version);
                        // The reader that all share has a rhythm of its own.
                        self.report(error, None)?;
                    }
                    self.idle().await;
                    Step::More
                }
            };
            if matches!(step, Step::Closed) {
                return Ok(());
            }
        }
    }

    async fn take_from_ring(&mut self, groups: &[Arc<Group>], resolved: Ts) -> Result<Step> {
        // They may leave the ring meanwhile.
        let mut kept = self.out.quota().reading();
        kept.settle(groups.iter().map(|group| group.memory_bytes() as u64).sum());
        if !self.deliver_all(groups).await? {
            return Ok(Step::Closed);
        }
        drop(kept);
        // Under steady load there is always a last group, and nothing is resolved beyond it: say so all the same.
        if resolved > self.at || !groups.is_empty() {
            self.recovered();
            return self.resolve(resolved.max(self.at)).await;
        }
        self.idle().await;
        Ok(Step::More)
    }

    fn recovered(&mut self) {
        self.backoff = Backoff::default();
        self.failures = 0;
    }

    /// Waits for news in the ring.
    async fn idle(&mut self) {
        // An elapsed wait and a closed ring both mean: look again.
        timeout(IDLE, self.changes.changed()).await.ok();
    }

    async fn read_privately(&mut self) -> Result<Step> {
        let anchor = {
            let timeline = self.shared.timeline();
            timeline.start_for(self.at).cloned()
        };
        let Some(anchor) = anchor else {
            return Err(CdcError::new(
                ErrorCode::SnapshotLostByGC,
                format!(
                    "the change log from {} on is gone, the oldest usable ts is {}",
                    self.at,
                    self.shared.oldest()
                ),
            ));
        };
        let shared = Arc::clone(&self.shared);
        let begin = anchor.seq;
        let turn = shared.turns.next().await?;
        let (tx, groups) = mpsc::channel(BATCHES_AHEAD);
        let mut reader = JoinSet::new();
        let quota = self.out.quota().clone();
        reader.spawn(private::run(Arc::clone(&shared), anchor, self.at, quota, tx));
        let mut reading = Some(Reading {
            groups,
            _reader: reader,
            turn,
        });
        while let Some(open) = &mut reading {
            let progress = match open.groups.recv().await {
                Some(Err(error)) if error.code() == ErrorCode::SnapshotLostByGC => {
                    return self.after_purge(begin, error).await;
                }
                Some(progress) => progress?,
                None => {
                    return Err(CdcError::new(
                        ErrorCode::UpstreamConnection,
                        "the private binlog reader ended",
                    ));
                }
            };
            self.doubt.clear();
            match progress {
                Progress::Groups(groups, _share) => {
                    if !self.deliver_in_turn(&groups, &mut reading).await? {
                        return Ok(Step::Closed);
                    }
                    self.recovered();
                    if let Step::Closed = self.resolve(self.at).await? {
                        return Ok(Step::Closed);
                    }
                }
                Progress::Joined(ts) => return self.resolve(ts.max(self.at)).await,
            }
            reading.take_if(|reading| reading.turn.is_over());
        }
        // Others had their turn to come: queue again.
        Ok(Step::More)
    }

    /// As [`Puller::deliver_all`]. A destination that holds us up for longer than our turn must not hold up those who
    /// wait for a connection: then it is closed.
    async fn deliver_in_turn(
        &mut self,
        groups: &[Arc<Group>],
        reading: &mut Option<Reading<'_>>,
    ) -> Result<bool> {
        let all = self.deliver_all(groups);
        tokio::pin!(all);
        if let Some(open) = reading {
            tokio::select! {
                biased;
                delivered = &mut all => return delivered,
                () = open.turn.over() => {}
            }
        }
        *reading = None;
        all.await
    }

    /// Returns whether the receiver is still there.
    async fn deliver_all(&mut self, groups: &[Arc<Group>]) -> Result<bool> {
        for group in groups {
            if !self.deliver(group).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The log is gone from the anchor `begin` on. It may have been held back for an XA transaction alone: then there is
    /// a later one that serves this place.
    async fn after_purge(&self, begin: u64, error: CdcError) -> Result<Step> {
        maintenance::prune(&self.shared, &self.shared.questions).await?;
        let next = self.shared.timeline().start_for(self.at).map(|anchor| anchor.seq);
        match next {
            Some(next) if next > begin => Ok(Step::More),
            _ => Err(error),
        }
    }

    /// Sends what the job wants of a group. Returns whether the receiver is still there.
    async fn deliver(&mut self, group: &Group) -> Result<bool> {
        self.mounter.metrics().groups.inc();
        // A stream may start between a schema change and the rows behind it.
        if let Some(ddl) = &group.ddl
            && group.commit_ts > self.at
        {
            self.mounter.schema_changed();
            if !self.skips(group, group.commit_ts)
                && let Some(event) = super::ddl_event::build(&mut self.mounter, group, ddl).await?
                && !self.out.send(Event::Ddl(Arc::new(event))).await
            {
                return Ok(false);
            }
            self.at = group.commit_ts;
        }
        let has_content = !group.events.is_empty() || group.obstacle.is_some();
        if has_content
            && group.rows_ts() > self.at
            && !self.skips(group, group.rows_ts())
            && !self.mounter.mount(group, &self.out).await?
        {
            return Ok(false);
        }
        self.at = group.end_ts();
        Ok(true)
    }

    /// Whether the job leaves out what was committed at `ts`.
    fn skips(&self, group: &Group, ts: Ts) -> bool {
        let start_ts = ts.prev();
        let skips = self.mounter.job().selector.skips(start_ts);
        if skips {
            let changefeed = &self.mounter.job().changefeed;
            tracing::warn!(%changefeed, %start_ts, origin = %group.origin(), "a transaction is skipped, as configured");
        }
        skips
    }

    async fn resolve(&mut self, ts: Ts) -> Result<Step> {
        self.at = ts;
        self.mounter.metrics().resolved.inc();
        Ok(if self.out.send(Event::Resolved(ts)).await {
            Step::More
        } else {
            Step::Closed
        })
    }

    /// Waits after an error that may mend itself; gives the others back.
    async fn trouble(&mut self, error: CdcError) -> Result<Step> {
        let wait = self.backoff.next();
        self.report(error, Some(wait))?;
        sleep(wait).await;
        Ok(Step::More)
    }

    /// Reports an error that may mend itself; gives the others back.
    fn report(&mut self, error: CdcError, retry_in: Option<Duration>) -> Result<()> {
        if error.code().retry_class() != RetryClass::Retry || self.mounter.is_inside() {
            return Err(self.with_range(error));
        }
        self.failures = self.failures.saturating_add(1);
        (self.mounter.job().on_trouble)(&Trouble {
            error,
            attempt: self.failures,
            retry_in,
        });
        Ok(())
    }

    /// Says from where on the log is complete, when it was purged.
    fn with_range(&self, error: CdcError) -> CdcError {
        if error.code() != ErrorCode::SnapshotLostByGC || error.message().contains("oldest usable") {
            return error;
        }
        CdcError::new(
            ErrorCode::SnapshotLostByGC,
            format!(
                "the upstream has purged the binlog that is needed to go on from {}",
                self.at
            ),
        )
        .with_source(error)
    }
}
