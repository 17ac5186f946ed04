//! The process with everything around it, life after life.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_api::Scheme;
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_meta::keys;
use tidegate_model::{CdcError, ErrorCode};
use tidegate_sink::{BoxFut, Destination, EventSink, SinkOpener, SinkSpec, simulation};
use tidegate_testkit::{
    Database, FaultPlan, Faults, History, MemStore, ModelSink, Observed, Sabotage, SimClock, SimUpstream,
    Trace,
};
use tokio::runtime::Builder;

use crate::checks::Checks;
use crate::scenario::{START_MS, Scenario};
use crate::user;

/// Effects before which a process may die.
const LIFE_EFFECTS: u64 = 500;
/// How far a clock may be set forwards or backwards.
const JUMP_MS_MAX: u64 = 4_000_000;

struct SimSinks {
    checks: Arc<Checks>,
    faults: Arc<Faults>,
    sabotage: Option<Sabotage>,
}

impl SinkOpener for SimSinks {
    fn open(&self, spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(async move {
            if self.sabotage == Some(Sabotage::SecretShown) && self.faults.happens(500) {
                return Err(CdcError::new(
                    ErrorCode::MySQLConnectionError,
                    format_args!("cannot reach {}", spec.uri.as_str()),
                ));
            }
            let place = self.checks.place(&spec.changefeed);
            let downstream = Arc::clone(&place.downstream);
            let faults = Arc::clone(&self.faults);
            let inner: Arc<dyn EventSink> = if spec.uri.kind() == Scheme::Mysql {
                let database = Database::new(Arc::clone(&downstream), place.leftovers, faults, self.sabotage);
                simulation::open(&spec, database).await?
            } else {
                Arc::new(ModelSink::open(Arc::clone(&downstream), faults, None).await?)
            };
            let quota_bytes = spec.config.memory_quota;
            Ok(Arc::new(Observed::new(inner, downstream, quota_bytes, self.sabotage)) as Arc<dyn EventSink>)
        })
    }

    fn check(&self, _spec: SinkSpec) -> BoxFut<'_, Destination> {
        Box::pin(async { Ok(Destination::default()) })
    }
}

/// What outlives a process.
pub(crate) struct World {
    seed: u64,
    pub(crate) scenario: Scenario,
    pub(crate) history: Arc<History>,
    pub(crate) checks: Arc<Checks>,
    pub(crate) store: MemStore,
    sabotage: Option<Sabotage>,
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
    /// The clock that nobody sets.
    pub(crate) steady: SimClock,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Sabotage>, trace: Option<Trace>) -> World {
        let scenario = Scenario::of(seed);
        let history = Arc::new(History::generate(seed, scenario.steps, START_MS));
        let checks = Checks::new(&history, &scenario.feeds, trace.clone());
        if let Some(trace) = &trace {
            trace.note(format!("{scenario:#?}"));
        }
        World {
            seed,
            store: MemStore::new().watched(checks.watcher()),
            scenario,
            history,
            checks,
            sabotage,
            trace,
            now_ms: START_MS + 1,
        }
    }

    /// Plays the seed and says what must not have happened.
    pub(crate) fn play(mut self) -> Vec<String> {
        let dice = Faults::new(self.seed, FaultPlan::default(), None);
        for life in 0..self.scenario.crashes {
            let crash_after = u32::try_from(dice.below(LIFE_EFFECTS)).unwrap_or(u32::MAX);
            if self.live(life, Some(crash_after), &dice) {
                return self.checks.verdict();
            }
            self.forge();
        }
        self.live(self.scenario.crashes, None, &dice);
        self.checks.verdict()
    }

    /// Until the process dies (`false`) or all changefeeds are done (`true`).
    fn live(&mut self, life: u64, crash_after: Option<u32>, dice: &Faults) -> bool {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
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
                steady: steady.clone(),
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
            sinks: Arc::new(SimSinks {
                checks: Arc::clone(&self.checks),
                faults: Arc::clone(faults),
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

    /// What a broken store does while the process is away.
    fn forge(&self) {
        for feed in &self.scenario.feeds {
            let forged = match self.sabotage {
                Some(Sabotage::CheckpointGoesBack) => {
                    let key = keys::changefeed_status(keys::DEFAULT_CLUSTER_ID, &feed.id);
                    self.checks.older_status(&feed.id).map(|status| (key, status))
                }
                Some(Sabotage::StoppedRunsAgain) => {
                    let key = keys::changefeed_info(keys::DEFAULT_CLUSTER_ID, &feed.id);
                    let info = self.checks.info_in_state(&feed.id, "stopped", "normal");
                    info.map(|info| (key, info))
                }
                _ => None,
            };
            if let Some((key, value)) = forged {
                self.store.forge(&key, value);
            }
        }
    }
}

/// Simulated time after which changefeeds that are not done are stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2 * 3600);
