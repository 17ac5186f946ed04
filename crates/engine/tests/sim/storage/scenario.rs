//! What a seed plays.

use tidegate_api::{CreateChangefeed, ReplicaConfig};
use tidegate_model::{ChangefeedId, Ts};
use tidegate_testkit::{FaultPlan, Faults, History};

pub(crate) const START_MS: u64 = 1_700_000_000_000;
const STEPS: u64 = 60;
/// Nothing selects the last table of a history.
const SKIPPED: &str = "skipped";

/// Everything that is decided before the run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) in_bucket: bool,
    pub(crate) csv: bool,
    parameters: String,
    date_separator: &'static str,
    /// Bytes after which a file ends.
    pub(crate) file_size: usize,
    quota_bytes: u64,
    has_target: bool,
    pub(crate) plan: FaultPlan,
    pub(crate) crashes: u64,
    pub(crate) steps: usize,
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let dice = Faults::new(seed ^ 0x6669_6c65, FaultPlan::default(), None);
        let rough = FaultPlan::rough();
        let calm = dice.happens(200);
        let csv = dice.happens(500);
        let pick = |numbers: [u64; 4]| numbers[usize::try_from(dice.below(4)).expect("small")];
        Scenario {
            in_bucket: dice.happens(500),
            csv,
            parameters: format!(
                "protocol={}&worker-count={}&flush-interval={}s{}",
                if csv { "csv" } else { "canal-json" },
                pick([1, 2, 3, 16]),
                pick([2, 2, 5, 10]),
                // Else its rows have no commit-ts.
                if csv { "" } else { "&enable-tidb-extension=true" }
            ),
            date_separator: ["none", "day", "day", "month"][usize::try_from(dice.below(4)).expect("small")],
            file_size: usize::try_from(pick([1, 200, 1000, 1 << 20])).expect("small"),
            quota_bytes: pick([2, 8, 64, 1024]) << 10,
            has_target: dice.happens(700),
            plan: FaultPlan {
                sink_error: if calm { 0 } else { rough.sink_error },
                answer_lost: if calm { 0 } else { rough.answer_lost },
                upstream_trouble: if calm { 0 } else { rough.upstream_trouble },
                upstream_error: if calm { 0 } else { rough.upstream_error / 2 },
                delay_ms_max: pick([0, 20, 300, 1500]),
                ..rough
            },
            crashes: dice.below(6),
            steps: usize::try_from(20 + dice.below(STEPS)).expect("small"),
        }
    }

    pub(crate) fn wants(table: &str) -> bool {
        table != SKIPPED
    }

    pub(crate) fn feed() -> ChangefeedId {
        ChangefeedId::new("default", "files")
    }

    /// `place` tells this run from others in the process.
    pub(crate) fn request(&self, history: &History, place: &str) -> CreateChangefeed {
        let parameters = &self.parameters;
        CreateChangefeed {
            changefeed_id: Self::feed().id.to_string(),
            sink_uri: if self.in_bucket {
                format!("s3://{place}/out?{parameters}")
            } else {
                format!("file:///{place}/out?{parameters}")
            },
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

    fn config(&self) -> ReplicaConfig {
        let mut config = ReplicaConfig::default();
        config.filter.rules = vec!["shop.*".to_owned(), format!("!shop.{SKIPPED}")];
        config.memory_quota = self.quota_bytes;
        config.sink.date_separator = Some(self.date_separator.to_owned());
        if self.csv {
            config.sink.csv.get_or_insert_default().include_commit_ts = true;
        }
        config
    }
}
