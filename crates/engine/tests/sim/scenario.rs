//! What a seed plays.

use tidegate_api::{CreateChangefeed, ReplicaConfig};
use tidegate_model::{ChangefeedId, Ts};
use tidegate_testkit::{FaultPlan, Faults, History};

pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// In every sink URI; must never be shown.
pub(crate) const SECRET: &str = "hunter2secret";
/// Nothing selects the last table of a history.
const SKIPPED: &str = "skipped";
const STEPS: u64 = 60;

/// One changefeed.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) id: ChangefeedId,
    pub(crate) sink_uri: String,
    /// Selects one table only, which keeps its name.
    pub(crate) only_users: bool,
    pub(crate) quota_bytes: u64,
    /// Ends at the end of the history.
    pub(crate) has_target: bool,
}

/// Everything that is decided before the run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) plan: FaultPlan,
    pub(crate) crashes: u64,
    pub(crate) steps: usize,
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let dice = Faults::new(seed ^ 0x7363_656e, FaultPlan::default(), None);
        let feeds = 1 + dice.below(4).saturating_sub(1);
        let rough = FaultPlan::rough();
        let calm = dice.happens(200);
        Scenario {
            feeds: (0..feeds).map(|number| Feed::of(&dice, number)).collect(),
            plan: FaultPlan {
                upstream_trouble: if calm { 0 } else { rough.upstream_trouble },
                upstream_error: if calm { 0 } else { rough.upstream_error },
                delay_ms_max: [0, 20, 300, 3000][index(dice.below(4))],
                ..rough
            },
            crashes: dice.below(5),
            steps: index(20 + dice.below(STEPS)),
        }
    }
}

impl Feed {
    fn of(dice: &Faults, number: u64) -> Self {
        Feed {
            id: ChangefeedId::new("default", &format!("feed{number}")),
            sink_uri: sink_uri(dice, number),
            only_users: dice.happens(250),
            // Small enough that the quota is felt.
            quota_bytes: [2, 8, 64, 1024][index(dice.below(4))] << 10,
            has_target: dice.happens(700),
        }
    }

    pub(crate) fn wants(&self, table: &str) -> bool {
        if self.only_users {
            table == "users"
        } else {
            table != SKIPPED
        }
    }

    pub(crate) fn config(&self) -> ReplicaConfig {
        let mut config = ReplicaConfig::default();
        config.filter.rules = if self.only_users {
            vec!["shop.users".to_owned()]
        } else {
            vec!["shop.*".to_owned(), format!("!shop.{SKIPPED}")]
        };
        config.memory_quota = self.quota_bytes;
        config
    }

    pub(crate) fn request(&self, history: &History) -> CreateChangefeed {
        CreateChangefeed {
            changefeed_id: self.id.id.to_string(),
            sink_uri: self.sink_uri.clone(),
            start_ts: Ts::from_physical_ms(START_MS).as_u64(),
            target_ts: if self.has_target {
                history.last_ts().as_u64()
            } else {
                0
            },
            replica_config: self.config(),
            ..CreateChangefeed::default()
        }
    }
}

fn sink_uri(dice: &Faults, number: u64) -> String {
    if dice.happens(250) {
        return format!("blackhole://root:{SECRET}@model{number}/");
    }
    let atomicity = if dice.happens(300) { "table" } else { "none" };
    format!(
        "mysql://root:{SECRET}@db{number}:3306/?worker-count={}&max-txn-row={}&transaction-atomicity={atomicity}\
         &batch-dml-enable={}&multi-stmt-enable={}&max-multi-update-row={}&safe-mode={}",
        [1, 2, 4, 16][index(dice.below(4))],
        [1, 4, 16, 256][index(dice.below(4))],
        !dice.happens(200),
        !dice.happens(200),
        [1, 3, 40][index(dice.below(3))],
        dice.happens(150),
    )
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}
