//! How much goes wrong.

use std::fmt;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

const VARIABLE: &str = "TIDEGATE_CHAOS";

/// What happens to the parts, and under how much load.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    kills: u64,
    upstream_restarts: u64,
    downstream_restarts: u64,
    failovers: u64,
    /// At least so many are committed.
    pub(super) transactions: u64,
    /// Longest pause between two faults.
    pub(super) pause_ms_max: u64,
    pub(super) seed: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// SIGKILL of the server under test.
    Kill,
    RestartUpstream,
    CrashUpstream,
    RestartDownstream,
    CrashDownstream,
    FailOver,
}

impl Plan {
    /// The reduced size with what `TIDEGATE_CHAOS` says otherwise.
    pub(super) fn from_env() -> Self {
        let mut plan = Plan {
            kills: 15,
            upstream_restarts: 2,
            downstream_restarts: 2,
            failovers: 1,
            transactions: 3_000,
            pause_ms_max: 1_500,
            seed: rand::random(),
        };
        let text = std::env::var(VARIABLE).unwrap_or_default();
        for setting in text.split(',').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let value = value.parse().unwrap_or_else(|_| panic!("{VARIABLE}: {setting}"));
            *match name {
                "kills" => &mut plan.kills,
                "upstream-restarts" => &mut plan.upstream_restarts,
                "downstream-restarts" => &mut plan.downstream_restarts,
                "failovers" => &mut plan.failovers,
                "transactions" => &mut plan.transactions,
                "pause-ms" => &mut plan.pause_ms_max,
                "seed" => &mut plan.seed,
                _ => panic!("{VARIABLE}: no setting {name}"),
            } = value;
        }
        assert!(plan.failovers <= 1, "there is one replica to fail over to");
        plan
    }

    /// All faults in an order that the seed decides.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mixed = |number: u64, one: Fault, other: Fault| {
            (0..number).map(move |n| if n % 2 == 0 { one } else { other })
        };
        let mut faults: Vec<Fault> = (0..self.kills)
            .map(|_| Fault::Kill)
            .chain(mixed(
                self.upstream_restarts,
                Fault::CrashUpstream,
                Fault::RestartUpstream,
            ))
            .chain(mixed(
                self.downstream_restarts,
                Fault::CrashDownstream,
                Fault::RestartDownstream,
            ))
            .chain((0..self.failovers).map(|_| Fault::FailOver))
            .collect();
        faults.shuffle(&mut SmallRng::seed_from_u64(self.seed));
        faults
    }
}

/// As a setting that repeats the run.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{VARIABLE}=kills={},upstream-restarts={},downstream-restarts={},failovers={},transactions={},pause-ms={},seed={}",
            self.kills,
            self.upstream_restarts,
            self.downstream_restarts,
            self.failovers,
            self.transactions,
            self.pause_ms_max,
            self.seed
        )
    }
}
