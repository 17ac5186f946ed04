//! Whole runs of the engine in simulated time: crashes, broken connections, failing sinks, a failing store.
//!
//! Each seed plays a generated history into a destination that remembers every row, kills the process a few times
//! between any two effects, and looks for lost rows, broken order, checkpoints that ran ahead or moved back.
//!
//! `TIDEGATE_SIM_SEED` is the first seed played (0), `TIDEGATE_SIM_SEEDS` how many are (1000; 1 if the first is given).

use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_api::{CreateChangefeed, ReplicaConfig, ResumeChangefeed};
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_meta::keys;
use tidegate_model::{ChangefeedId, ErrorCode, Ts};
use tidegate_sink::{BoxFut, Destination, EventSink, SinkOpener, SinkSpec};
use tidegate_testkit::{
    Downstream, FaultPlan, Faults, History, MemStore, ModelSink, SimClock, SimUpstream, SinkBug,
};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

const START_MS: u64 = 1_700_000_000_000;
const SEEDS: u64 = 1000;
const STEPS: usize = 50;
/// Simulated time after which a changefeed that has not finished is stuck.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);
/// Nothing selects the last table of a history.
const SKIPPED: &str = "skipped";

struct SimSinks {
    downstream: Arc<Downstream>,
    faults: Arc<Faults>,
    bug: Option<SinkBug>,
}

impl SinkOpener for SimSinks {
    fn open(&self, _spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(async {
            let sink =
                ModelSink::open(Arc::clone(&self.downstream), Arc::clone(&self.faults), self.bug).await?;
            Ok(Arc::new(sink) as Arc<dyn EventSink>)
        })
    }

    fn check(&self, _spec: SinkSpec) -> BoxFut<'_, Destination> {
        Box::pin(async { Ok(Destination::default()) })
    }
}

/// What outlives a process.
struct World {
    seed: u64,
    history: Arc<History>,
    downstream: Arc<Downstream>,
    store: MemStore,
    bug: Option<SinkBug>,
    now_ms: u64,
}

fn wanted(table: &str) -> bool {
    table != SKIPPED
}

fn id() -> ChangefeedId {
    ChangefeedId::new("default", "sim")
}

impl World {
    fn new(seed: u64, bug: Option<SinkBug>) -> World {
        let history = Arc::new(History::generate(seed, STEPS, START_MS));
        let downstream = Downstream::new(&history);
        let store = MemStore::new().watched(checkpoint_watcher(&history, &downstream));
        World {
            seed,
            history,
            downstream,
            store,
            bug,
            now_ms: START_MS + 1,
        }
    }

    /// One life of the process: until it crashes (`false`) or the changefeed is finished (`true`).
    fn live(&mut self, life: u64, plan: FaultPlan, crash_after: Option<u32>) -> bool {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let faults = Faults::new(self.seed.wrapping_mul(1000) + life, plan, crash_after);
        let (finished, now_ms) = runtime.block_on(async {
            let clock = SimClock::starting_at(self.now_ms);
            let service = self.service(&clock, &faults, life);
            let finished = tokio::select! {
                biased;
                () = faults.crashed() => false,
                () = use_service(self, &service, &faults) => true,
            };
            (finished, clock.latest_ms())
        });
        self.now_ms = now_ms + 1;
        finished
    }

    fn service(&self, clock: &SimClock, faults: &Arc<Faults>, life: u64) -> Arc<ReplicationService> {
        let upstream = SimUpstream::new(Arc::clone(&self.history), clock.clone(), Arc::clone(faults));
        ReplicationService::new(ServiceParts {
            upstream: Arc::new(upstream),
            store: Arc::new(self.store.reopen(Arc::clone(faults))),
            sinks: Arc::new(SimSinks {
                downstream: Arc::clone(&self.downstream),
                faults: Arc::clone(faults),
                bug: self.bug,
            }),
            clock: Arc::new(clock.clone()),
            capture: Capture {
                id: format!("capture-{life}"),
                address: "127.0.0.1:8300".to_owned(),
                version: "v8.5.0-tidegate".to_owned(),
                git_hash: "none".to_owned(),
                cluster_id: "default".to_owned(),
            },
            zone: TimeZone::UTC,
        })
    }

    fn request(&self) -> CreateChangefeed {
        let mut config = ReplicaConfig::default();
        config.filter.rules = vec!["shop.*".to_owned(), format!("!shop.{SKIPPED}")];
        // Small enough that the quota is felt.
        config.memory_quota = 64 << 10;
        CreateChangefeed {
            changefeed_id: id().id.to_string(),
            sink_uri: "blackhole://".to_owned(),
            start_ts: Ts::from_physical_ms(START_MS).as_u64(),
            target_ts: self.history.last_ts().as_u64(),
            replica_config: config,
            ..CreateChangefeed::default()
        }
    }

    /// Plays the seed and says what must not have happened.
    fn play(mut self, plan: FaultPlan) -> Vec<String> {
        let crashes = self.seed % 4;
        let dice = Faults::new(self.seed, FaultPlan::default(), None);
        for life in 0..crashes {
            let crash_after = u32::try_from(dice.below(120)).unwrap_or(u32::MAX);
            if self.live(life, plan, Some(crash_after)) {
                return self.verdict();
            }
        }
        self.live(crashes, plan, None);
        self.verdict()
    }

    fn verdict(&self) -> Vec<String> {
        let mut faults = self.downstream.complaints();
        for (table, rows) in &self.history.finally {
            let expect = if wanted(table) {
                rows.clone()
            } else {
                Default::default()
            };
            if self.downstream.rows(table) != expect {
                faults.push(format!("{table} differs in the end"));
            }
        }
        faults
    }
}

/// Looks at every checkpoint the moment it is stored.
fn checkpoint_watcher(history: &Arc<History>, downstream: &Arc<Downstream>) -> tidegate_testkit::Watcher {
    let status_key = keys::changefeed_status(keys::DEFAULT_CLUSTER_ID, &id());
    let (history, downstream) = (Arc::clone(history), Arc::clone(downstream));
    let last = Mutex::new(Ts::ZERO);
    Box::new(move |key, value| {
        let Some(value) = value.filter(|_| key == status_key) else {
            return;
        };
        let status: serde_json::Value = serde_json::from_slice(value).expect("a JSON document");
        let checkpoint = Ts::from_u64(status["checkpoint-ts"].as_u64().expect("a checkpoint"));
        let mut last = last.lock().expect("not poisoned");
        if checkpoint < *last {
            downstream.complain(format!("checkpoint {checkpoint} after {last}"));
        }
        *last = checkpoint;
        downstream.check_durable(&history, checkpoint, wanted);
    })
}

/// What a user does: creates the changefeed if it is not there, pauses and resumes now and then, waits for the end.
async fn use_service(world: &World, service: &ReplicationService, faults: &Faults) {
    if let Err(error) = service.start().await {
        world.downstream.complain(format!("cannot start: {error:?}"));
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let state = match service.get_changefeed(&id()).await {
            Ok(detail) => detail.state,
            Err(error) if error.code() == ErrorCode::ChangeFeedNotExists => {
                service.create_changefeed(world.request()).await.ok();
                continue;
            }
            Err(error) => {
                world.downstream.complain(format!("cannot look: {error:?}"));
                return;
            }
        };
        match state.as_str() {
            "finished" => {
                check_end(world, service).await;
                service.shutdown(Duration::from_secs(10)).await;
                return;
            }
            "stopped" => {
                service
                    .resume_changefeed(&id(), ResumeChangefeed::default())
                    .await
                    .ok();
            }
            "failed" => {
                world
                    .downstream
                    .complain("failed although every fault was passing".to_owned());
                return;
            }
            _ if faults.happens(15) => {
                service.pause_changefeed(&id()).await.ok();
            }
            _ => {}
        }
        sleep(Duration::from_millis(500)).await;
    }
    world.downstream.complain("not finished in time".to_owned());
}

async fn check_end(world: &World, service: &ReplicationService) {
    let detail = service.get_changefeed(&id()).await.expect("it exists");
    let target = world.history.last_ts().as_u64();
    if detail.checkpoint_ts != target {
        world.downstream.complain(format!(
            "finished at {}, not at the target {target}",
            detail.checkpoint_ts
        ));
    }
}

fn play(seed: u64, bug: Option<SinkBug>) -> Vec<String> {
    World::new(seed, bug).play(FaultPlan::rough())
}

#[test]
fn no_seed_loses_a_row() {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let first = number("TIDEGATE_SIM_SEED");
    let count = number("TIDEGATE_SIM_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or(0);
    let seeds = first..first + count;
    let failed: Vec<String> = seeds
        .filter_map(|seed| {
            let faults = play(seed, None);
            (!faults.is_empty()).then(|| format!("TIDEGATE_SIM_SEED={seed}: {}", faults.join("; ")))
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} seeds failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// The simulation is worth something only if it notices a sink that lies.
#[test]
fn a_sink_that_acknowledges_too_early_is_found_out() {
    let caught = (0..20)
        .filter(|seed| !play(*seed, Some(SinkBug::AckTooEarly)).is_empty())
        .count();
    assert!(caught > 0, "rows that were never durable must be noticed");
}

/// A forgotten acknowledgement must neither lose rows nor stop the changefeed for good.
#[test]
fn a_sink_that_forgets_acknowledgements_loses_nothing() {
    for seed in 0..20 {
        assert_eq!(
            play(seed, Some(SinkBug::ForgetAck)),
            Vec::<String>::new(),
            "seed {seed}"
        );
    }
}

#[test]
fn a_seed_is_played_the_same_way_twice() {
    let batches = |seed| {
        let world = World::new(seed, None);
        let downstream = Arc::clone(&world.downstream);
        world.play(FaultPlan::rough());
        downstream.batches()
    };
    for seed in 0..5 {
        assert_eq!(batches(seed), batches(seed));
    }
}
