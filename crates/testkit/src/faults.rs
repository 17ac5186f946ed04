//! Seeded decisions about what goes wrong.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio::time::sleep;

/// How often things go wrong, in per mille of the occasions.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultPlan {
    /// The upstream reports trouble and goes on.
    pub upstream_trouble: u32,
    /// The upstream's stream ends with an error.
    pub upstream_error: u32,
    /// A batch fails downstream, perhaps after a part of it was applied.
    pub sink_error: u32,
    /// Opening the sink fails.
    pub open_error: u32,
    /// A schema change fails, perhaps after it was applied.
    pub ddl_error: u32,
    /// A database commits, or goes on with a commit, and its answer is lost.
    pub answer_lost: u32,
    /// The upstream cannot be reached for a while.
    pub outage: u32,
    /// The sink takes a batch and never does anything again.
    pub sink_hang: u32,
    /// The meta store refuses a commit, perhaps after it was done.
    pub meta_error: u32,
    /// Longest pause before an effect, in milliseconds.
    pub delay_ms_max: u64,
}

impl FaultPlan {
    /// Nothing goes wrong, and nothing takes time.
    const CALM: FaultPlan = FaultPlan {
        upstream_trouble: 0,
        upstream_error: 0,
        sink_error: 0,
        open_error: 0,
        ddl_error: 0,
        answer_lost: 0,
        outage: 0,
        sink_hang: 0,
        meta_error: 0,
        delay_ms_max: 0,
    };

    /// A little of everything that a changefeed has to survive.
    pub fn rough() -> Self {
        FaultPlan {
            upstream_trouble: 20,
            upstream_error: 10,
            sink_error: 25,
            open_error: 50,
            ddl_error: 150,
            answer_lost: 20,
            outage: 5,
            sink_hang: 0,
            meta_error: 20,
            delay_ms_max: 300,
        }
    }
}

/// The dice of one simulated process, and its moment of death.
#[derive(Debug)]
pub struct Faults {
    plan: FaultPlan,
    calm: AtomicBool,
    rng: Mutex<SmallRng>,
    effects_left: AtomicI64,
    crashed: AtomicBool,
    crash: Notify,
    trace: Option<Trace>,
}

/// What happened in a run, with the time in milliseconds since it began.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// Adds a line.
    pub fn note(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// All lines.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Faults {
    /// Faults of `plan` chosen by `seed`. The process dies before its `crash_after`-th effect, if that is given.
    pub fn new(seed: u64, plan: FaultPlan, crash_after: Option<u32>) -> Arc<Self> {
        Faults::traced(seed, plan, crash_after, None)
    }

    /// As [`Faults::new`]; what happens is written down.
    pub fn traced(seed: u64, plan: FaultPlan, crash_after: Option<u32>, trace: Option<Trace>) -> Arc<Self> {
        Arc::new(Faults {
            trace,
            plan,
            calm: AtomicBool::new(false),
            rng: Mutex::new(SmallRng::seed_from_u64(seed)),
            effects_left: AtomicI64::new(crash_after.map_or(i64::MAX, i64::from)),
            crashed: AtomicBool::new(false),
            crash: Notify::new(),
        })
    }

    /// The rates of now.
    pub fn plan(&self) -> &FaultPlan {
        if self.calm.load(Ordering::Relaxed) {
            &FaultPlan::CALM
        } else {
            &self.plan
        }
    }

    /// From now on nothing goes wrong by itself. The process still dies when it was to.
    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Writes a line, if anybody wants to read it.
    pub fn trace(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.note(line());
        }
    }

    /// Whether something happens that happens `permille` times in a thousand.
    pub fn happens(&self, permille: u32) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// A number below `limit`; 0 when the limit is 0.
    pub fn below(&self, limit: u64) -> u64 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        if limit == 0 { 0 } else { rng.random_range(0..limit) }
    }

    /// Stands before everything that outlives the process: waits a little, and never returns once it is dead.
    pub async fn effect(&self) {
        let pause_ms = self.below(self.plan().delay_ms_max + 1);
        if pause_ms > 0 {
            sleep(Duration::from_millis(pause_ms)).await;
        }
        self.effect_now().await;
    }

    /// As [`Faults::effect`] without the pause.
    pub async fn effect_now(&self) {
        if self.effects_left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            self.trace(|| "the process dies".to_owned());
            self.crashed.store(true, Ordering::Release);
            self.crash.notify_waiters();
        }
        if self.crashed.load(Ordering::Acquire) {
            pending::<()>().await;
        }
    }

    /// As [`Faults::effect_now`] for code that cannot wait: `dead` says so once the process is dead.
    ///
    /// # Errors
    /// What `dead` makes; the caller must then leave everything as it is.
    pub fn effect_in_place<E>(&self, dead: impl FnOnce() -> E) -> Result<(), E> {
        if self.effects_left.fetch_sub(1, Ordering::Relaxed) <= 0
            && !self.crashed.swap(true, Ordering::AcqRel)
        {
            self.trace(|| "the process dies".to_owned());
            self.crash.notify_waiters();
        }
        if self.crashed.load(Ordering::Acquire) {
            Err(dead())
        } else {
            Ok(())
        }
    }

    /// Returns when the process dies.
    pub async fn crashed(&self) {
        loop {
            let woken = self.crash.notified();
            if self.crashed.load(Ordering::Acquire) {
                return;
            }
            woken.await;
        }
    }
}
