//! An upstream that plays a history.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_model::{
    CdcError, ChangefeedId, Clock, ErrorCode, Event, Result, TableInfo, TableName, Trouble, Ts, TxnEvent,
};
use tidegate_upstream::{
    BoxFut, DdlSubject, EventTx, PullJob, TableSelector, TableSummary, Upstream, UpstreamInfo,
    UpstreamWatermark,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::SimClock;
use crate::faults::Faults;
use crate::history::{History, Op, Timed, names};
use crate::rows::SCHEMA;

/// Pause between heartbeats while nothing is committed.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Pause between two tries to connect.
const RECONNECT: Duration = Duration::from_secs(5);
/// Plays a [`History`] on a [`SimClock`], with the faults of the process that reads it.
pub struct SimUpstream {
    history: Arc<History>,
    clock: SimClock,
    faults: Arc<Faults>,
    oldest: AtomicU64,
    /// Nobody reaches it before this.
    down_until: Mutex<Option<Instant>>,
    ineligible: Vec<String>,
    watermark: watch::Sender<UpstreamWatermark>,
}

impl SimUpstream {
    /// An upstream that commits `history` as time goes by.
    pub fn new(history: Arc<History>, clock: SimClock, faults: Arc<Faults>) -> Self {
        let (watermark, _) = watch::channel(UpstreamWatermark {
            connected: true,
            ..UpstreamWatermark::default()
        });
        SimUpstream {
            history,
            clock,
            faults,
            oldest: AtomicU64::new(0),
            down_until: Mutex::new(None),
            ineligible: Vec::new(),
            watermark,
        }
    }

    /// Adds a table without a key to the catalogue.
    #[must_use]
    pub fn with_ineligible_table(mut self, table: &str) -> Self {
        self.ineligible.push(table.to_owned());
        self
    }

    /// Forgets the log before `ts`.
    pub fn purge_before(&self, ts: Ts) {
        self.oldest.store(ts.as_u64(), Ordering::Release);
    }

    fn now_ts(&self) -> Ts {
        Ts::from_physical_ms(self.clock.unix_ms())
    }

    async fn play(&self, job: &PullJob, out: &EventTx) -> Result<()> {
        let mut sent = job.start_ts;
        let from = self
            .history
            .steps
            .partition_point(|step| step.commit_ts <= job.start_ts);
        for step in &self.history.steps[from..] {
            while self.clock.unix_ms() < step.at_ms {
                self.trouble(job).await?;
                let heartbeat = self.now_ts().min(step.commit_ts.prev());
                if heartbeat > sent {
                    sent = heartbeat;
                    self.send(out, Event::Resolved(heartbeat)).await?;
                }
                let left = Duration::from_millis(step.at_ms - self.clock.unix_ms().min(step.at_ms));
                sleep(left.min(HEARTBEAT)).await;
            }
            self.trouble(job).await?;
            self.send_step(job, step, out).await?;
            sent = step.commit_ts;
            if self.faults.happens(300) {
                self.send(out, Event::Resolved(sent)).await?;
            }
        }
        loop {
            self.trouble(job).await?;
            let heartbeat = self.now_ts().max(sent);
            sent = heartbeat;
            self.send(out, Event::Resolved(heartbeat)).await?;
            sleep(HEARTBEAT).await;
        }
    }

    async fn send_step(&self, job: &PullJob, step: &Timed, out: &EventTx) -> Result<()> {
        if job.selector.skips(step.commit_ts.prev()) {
            return Ok(());
        }
        match &step.op {
            Op::Ddl(ddl) => {
                let subject = |table| DdlSubject {
                    kind: ddl.kind,
                    query: &ddl.query,
                    schema: SCHEMA,
                    table: Some(table),
                };
                if names(ddl).any(|table| {
                    job.selector.wants_table(SCHEMA, table) && job.selector.wants_ddl(&subject(table))
                }) {
                    self.send(out, Event::Ddl(Arc::clone(ddl))).await?;
                }
            }
            Op::Txn(parts) => {
                for part in parts {
                    self.send(out, Event::Txn(select(part, &*job.selector))).await?;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, out: &EventTx, event: Event) -> Result<()> {
        if out.send(event).await {
            Ok(())
        } else {
            // Nobody listens any more: wait to be stopped.
            std::future::pending().await
        }
    }

    /// When it can be reached again, if it cannot be now.
    fn down_until(&self) -> Option<Instant> {
        let until = *self.down_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }

    /// Stops answering for up to `ms_max` milliseconds.
    fn go_down(&self, ms_max: u64) {
        let until = Instant::now() + Duration::from_millis(self.faults.below(ms_max));
        self.faults.trace(|| "the upstream goes down".to_owned());
        *self.down_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn reached<T>(&self, answer: T) -> Result<T> {
        match self.down_until() {
            Some(_) => Err(connection_lost()),
            None => Ok(answer),
        }
    }

    async fn trouble(&self, job: &PullJob) -> Result<()> {
        let plan = self.faults.plan();
        if self.faults.happens(plan.outage) {
            self.go_down(60_000);
        }
        let mut attempt = 0;
        while let Some(until) = self.down_until() {
            self.watermark
                .send_if_modified(|mark| std::mem::replace(&mut mark.connected, false));
            attempt += 1;
            (job.on_trouble)(&Trouble {
                error: connection_lost(),
                attempt,
                retry_in: Some(RECONNECT),
            });
            sleep_until(until.min(Instant::now() + RECONNECT)).await;
        }
        self.watermark
            .send_if_modified(|mark| !std::mem::replace(&mut mark.connected, true));
        if self.faults.happens(plan.upstream_trouble) {
            let wait = Duration::from_millis(self.faults.below(3000));
            (job.on_trouble)(&Trouble {
                error: connection_lost(),
                attempt: 1,
                retry_in: Some(wait),
            });
            sleep(wait).await;
        }
        if self.faults.happens(plan.upstream_error) {
            return Err(connection_lost());
        }
        Ok(())
    }
}

fn connection_lost() -> CdcError {
    CdcError::new(ErrorCode::UpstreamConnection, "the connection was reset")
}

fn select(txn: &TxnEvent, selector: &dyn TableSelector) -> TxnEvent {
    let mut txn = txn.clone();
    txn.blocks.retain(|block| {
        let name = &block.table().name;
        selector.wants_table(&name.schema, &name.table)
    });
    txn
}

impl Upstream for SimUpstream {
    fn probe(&self) -> BoxFut<'_, UpstreamInfo> {
        Box::pin(async {
            self.reached(UpstreamInfo {
                id: 7,
                flavour: "Simulation".to_owned(),
                version: "1".to_owned(),
                address: "sim:1".to_owned(),
                server_name: "sim".to_owned(),
                warnings: Vec::new(),
            })
        })
    }

    fn now(&self) -> BoxFut<'_, Ts> {
        let now = self.reached(self.now_ts());
        Box::pin(async move { now })
    }

    fn oldest(&self) -> BoxFut<'_, Ts> {
        let oldest = Ts::from_u64(self.oldest.load(Ordering::Acquire));
        Box::pin(async move { Ok(oldest) })
    }

    fn check_start(&self, ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async move {
            self.reached(())?;
            let oldest = Ts::from_u64(self.oldest.load(Ordering::Acquire));
            if ts < oldest {
                return Err(CdcError::new(
                    ErrorCode::StartTsBeforeGC,
                    format_args!("start-ts {ts} is earlier than the oldest usable ts {oldest}"),
                ));
            }
            if ts > self.now_ts() {
                return Err(CdcError::new(
                    ErrorCode::APIInvalidParam,
                    "start-ts is in the future",
                ));
            }
            Ok(())
        })
    }

    fn tables(&self) -> BoxFut<'_, Vec<TableSummary>> {
        let summary = |name: &str, id: i64, eligible: bool| TableSummary {
            key: eligible.then(|| "PRIMARY (id)".to_owned()),
            name: tidegate_model::TableName::new(SCHEMA, name),
            id,
            eligible,
            unsupported: None,
            cascades: Vec::new(),
        };
        let with_key = self
            .history
            .initial_tables()
            .iter()
            .map(|info| summary(&info.name.table, info.id.0, true));
        let without = self.ineligible.iter().map(|name| summary(name, 0, false));
        let mut tables: Vec<_> = with_key.chain(without).collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Box::pin(async move { Ok(tables) })
    }

    fn table_infos(&self, names: Vec<TableName>) -> BoxFut<'_, Vec<TableInfo>> {
        let tables = self.history.initial_tables();
        let found = names
            .iter()
            .filter_map(|name| tables.iter().find(|table| table.name == *name));
        let found = found.map(|table| TableInfo::clone(table)).collect();
        Box::pin(async move { Ok(found) })
    }

    fn pull(&self, job: PullJob, out: EventTx, stop: CancellationToken) -> BoxFut<'_, ()> {
        Box::pin(async move {
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                end = self.play(&job, &out) => end,
            }
        })
    }

    fn watermark(&self) -> watch::Receiver<UpstreamWatermark> {
        self.watermark.subscribe()
    }

    fn hold_gc(&self, _owner: ChangefeedId, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
