//! The process with everything around it, life after life.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use jiff::tz::TimeZone;
use tidegate_api::CreateChangefeed;
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_meta::keys;
use tidegate_model::{DdlEvent, Ts, TxnBatch};
use tidegate_sink::storage_simulation::{Pause, Place, open};
use tidegate_sink::{BoxFut, Destination, EventSink, SinkOpener, SinkSpec};
use tidegate_testkit::{
    FaultPlan, Faults, FileSabotage, FileWatch, Files, History, MemStore, Observed, Sabotage, SimBucket,
    SimClock, SimDisk, SimUpstream, Trace,
};
use tokio::runtime::{Builder, Runtime};

use super::checks::Checks;
use super::scenario::{START_MS, Scenario};
use super::user::{self, JUMP_MS_MAX};

/// Effects before which a process may die.
const LIFE_EFFECTS: u64 = 1200;
/// How often a machine loses power when the process dies, in per mille.
const POWER_CUT: u32 = 500;

/// Something that must be found out.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Break {
    Files(FileSabotage),
    Engine(Sabotage),
    /// `metadata` names rows that are not in a file.
    MetadataAhead,
}

/// Where the files are; survives the process.
enum Storage {
    Disk(SimDisk),
    Bucket(SimBucket),
}

impl Storage {
    fn reopen(&self, faults: &Arc<Faults>) -> Storage {
        match self {
            Storage::Disk(disk) => Storage::Disk(disk.reopen(Arc::clone(faults))),
            Storage::Bucket(bucket) => Storage::Bucket(bucket.reopen(Arc::clone(faults))),
        }
    }

    fn place(&self, faults: &Arc<Faults>) -> Place {
        match self {
            Storage::Disk(disk) => {
                let before = Arc::clone(faults);
                let pause: Pause = Arc::new(move || {
                    let faults = Arc::clone(&before);
                    async move { faults.effect().await }.boxed()
                });
                Place::Disk(Arc::new(disk.reopen(Arc::clone(faults))), pause)
            }
            Storage::Bucket(bucket) => Place::Bucket(Arc::new(bucket.reopen(Arc::clone(faults)))),
        }
    }

    /// What would survive a power cut now.
    fn durable(&self) -> Files {
        match self {
            Storage::Disk(disk) => disk.durable(),
            // In memory, it answers at once.
            Storage::Bucket(bucket) => bucket.files().now_or_never().expect("an answer"),
        }
    }
}

struct StorageSinks {
    storage: Arc<Storage>,
    checks: Arc<Checks>,
    faults: Arc<Faults>,
    clock: SimClock,
    file_size: usize,
    sabotage: Option<Break>,
}

impl SinkOpener for StorageSinks {
    fn open(&self, spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(async move {
            let place = self.storage.place(&self.faults);
            let mut sink = open(&spec, place, Arc::new(self.clock.clone()), self.file_size).await?;
            if self.sabotage == Some(Break::MetadataAhead) {
                sink = Arc::new(Boastful(sink));
            }
            let sabotage = match self.sabotage {
                Some(Break::Engine(sabotage)) => Some(sabotage),
                _ => None,
            };
            let handed = Arc::clone(&self.checks.handed);
            Ok(
                Arc::new(Observed::new(sink, handed, spec.config.memory_quota, sabotage))
                    as Arc<dyn EventSink>,
            )
        })
    }

    fn check(&self, _spec: SinkSpec) -> BoxFut<'_, Destination> {
        Box::pin(async { Ok(Destination::default()) })
    }
}

/// Tells consumers of rows as soon as it has them.
struct Boastful(Arc<dyn EventSink>);

impl EventSink for Boastful {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        let newest = batch
            .txns
            .iter()
            .map(|txn| txn.commit_ts)
            .max()
            .unwrap_or(Ts::ZERO);
        Box::pin(async move {
            self.0.write(batch).await?;
            self.0.write_checkpoint(newest).await
        })
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        self.0.flush()
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        self.0.write_ddl(ddl)
    }

    fn write_checkpoint(&self, ts: Ts) -> BoxFut<'_, ()> {
        self.0.write_checkpoint(ts)
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        self.0.close(deadline)
    }
}

/// What outlives a process.
pub(crate) struct World {
    seed: u64,
    pub(crate) scenario: Scenario,
    pub(crate) history: Arc<History>,
    pub(crate) checks: Arc<Checks>,
    store: MemStore,
    storage: Arc<Storage>,
    watch: Arc<FileWatch>,
    place: String,
    sabotage: Option<Break>,
    trace: Option<Trace>,
    /// By the clock that nobody sets.
    now_ms: u64,
}

/// One life of the process.
pub(crate) struct Life<'a> {
    pub(crate) world: &'a World,
    pub(crate) service: Arc<ReplicationService>,
    pub(crate) faults: Arc<Faults>,
    /// The server's clock, which people set.
    pub(crate) clock: SimClock,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Break>, trace: Option<Trace>) -> World {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let scenario = Scenario::of(seed);
        let history = Arc::new(History::generate(seed, scenario.steps, START_MS));
        let checks = Checks::new(&history, scenario.in_bucket, trace.clone());
        if let Some(trace) = &trace {
            trace.note(format!("{scenario:#?}"));
        }
        // One process writes to a place at a time, and other tests run in this one.
        let place = format!("world{}", WORLDS.fetch_add(1, Ordering::Relaxed));
        let watch = checks.files();
        let nobody = Faults::new(0, FaultPlan::default(), None);
        let broken = match sabotage {
            Some(Break::Files(sabotage)) => Some(sabotage),
            _ => None,
        };
        let storage = if scenario.in_bucket {
            Storage::Bucket(SimBucket::new("out", Arc::clone(&watch), nobody, broken))
        } else {
            let root = format!("/{place}/out");
            Storage::Disk(SimDisk::new(Path::new(&root), Arc::clone(&watch), nobody, broken))
        };
        let storage = Arc::new(storage);
        let looked_at = Arc::clone(&storage);
        World {
            seed,
            store: MemStore::new().watched(checks.store(move || looked_at.durable())),
            scenario,
            history,
            checks,
            storage,
            watch,
            place,
            sabotage,
            trace,
            now_ms: START_MS + 1,
        }
    }

    pub(crate) fn request(&self) -> CreateChangefeed {
        self.scenario.request(&self.history, &self.place)
    }

    /// Plays the seed and says what must not have happened.
    pub(crate) fn play(mut self) -> Vec<String> {
        let dice = Faults::new(self.seed, FaultPlan::default(), None);
        for life in 0..=self.scenario.crashes {
            let crash_after = u32::try_from(dice.below(LIFE_EFFECTS)).unwrap_or(u32::MAX);
            let crash_after = (life < self.scenario.crashes).then_some(crash_after);
            if self.live(life, crash_after, &dice) {
                break;
            }
            if let Storage::Disk(disk) = &*self.storage
                && dice.happens(POWER_CUT)
            {
                disk.cut_power(&dice);
            }
        }
        self.checks.verdict(&self.watch, &self.storage.durable())
    }

    /// Until the process dies (`false`) or the changefeed is done (`true`).
    fn live(&mut self, life: u64, crash_after: Option<u32>, dice: &Faults) -> bool {
        let runtime = runtime();
        let seed = self.seed.wrapping_mul(1000) + life;
        let faults = Faults::traced(seed, self.scenario.plan, crash_after, self.trace.clone());
        faults.trace(|| format!("life {life} begins"));
        self.checks.restarted();
        let jump_ms = dice.below(2 * JUMP_MS_MAX).cast_signed() - JUMP_MS_MAX.cast_signed();
        let (finished, now_ms) = runtime.block_on(async {
            let steady = SimClock::starting_at(self.now_ms);
            let clock = SimClock::starting_at(self.now_ms);
            if life > 0 {
                clock.jump(jump_ms);
            }
            let life = Life {
                world: self,
                service: self.service(&clock, &steady, &faults, life),
                faults: Arc::clone(&faults),
                clock,
            };
            let finished = tokio::select! {
                biased;
                () = faults.crashed() => false,
                () = user::use_service(&life) => true,
            };
            (finished, steady.latest_ms())
        });
        self.now_ms = now_ms + 1;
        finished
    }

    fn service(
        &self,
        clock: &SimClock,
        steady: &SimClock,
        faults: &Arc<Faults>,
        life: u64,
    ) -> Arc<ReplicationService> {
        let upstream = SimUpstream::new(Arc::clone(&self.history), steady.clone(), Arc::clone(faults));
        ReplicationService::new(ServiceParts {
            upstream: Arc::new(upstream),
            store: Arc::new(self.store.reopen(Arc::clone(faults))),
            sinks: Arc::new(StorageSinks {
                storage: Arc::new(self.storage.reopen(faults)),
                checks: Arc::clone(&self.checks),
                faults: Arc::clone(faults),
                clock: clock.clone(),
                file_size: self.scenario.file_size,
                sabotage: self.sabotage,
            }),
            clock: Arc::new(clock.clone()),
            capture: Capture {
                id: format!("capture-{life}"),
                address: "127.0.0.1:8300".to_owned(),
                version: "v8.5.0-tidegate".to_owned(),
                git_hash: "none".to_owned(),
                cluster_id: keys::DEFAULT_CLUSTER_ID.to_owned(),
            },
            zone: TimeZone::UTC,
        })
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}
