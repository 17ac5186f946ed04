//! Metrics of owners and pipelines, under the original's names.

use std::sync::LazyLock;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    register_gauge_vec, register_histogram_vec, register_int_counter, register_int_counter_vec,
    register_int_gauge_vec,
};
use tidegate_model::ChangefeedId;

const FEED: [&str; 2] = ["namespace", "changefeed"];
/// Seconds, as the original's lag histograms.
const LAG_BUCKETS: [f64; 14] = [
    0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0,
];

/// Seconds.
const TICK_BUCKETS: [f64; 5] = [0.001, 0.01, 0.1, 1.0, 10.0];

const UNIQUE: &str = "a metric is registered once";

static CHECKPOINT_TS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge(
        "ticdc_owner_checkpoint_ts",
        "Checkpoint of a changefeed, unix milliseconds",
    )
});
static CHECKPOINT_LAG: LazyLock<GaugeVec> =
    LazyLock::new(|| lag("ticdc_owner_checkpoint_ts_lag", "Age of the checkpoint, seconds"));
static CHECKPOINT_LAG_HISTOGRAM: LazyLock<HistogramVec> = LazyLock::new(|| {
    lags(
        "ticdc_owner_checkpoint_lag_histogram",
        "Ages of the checkpoint, seconds",
    )
});
static RESOLVED_TS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge(
        "ticdc_owner_resolved_ts",
        "What a changefeed has read up to, unix milliseconds",
    )
});
static RESOLVED_LAG: LazyLock<GaugeVec> = LazyLock::new(|| {
    lag(
        "ticdc_owner_resolved_ts_lag",
        "Age of what was read last, seconds",
    )
});
static RESOLVED_LAG_HISTOGRAM: LazyLock<HistogramVec> = LazyLock::new(|| {
    lags(
        "ticdc_owner_resolved_ts_lag_histogram",
        "Ages of what was read last, seconds",
    )
});
static STATUS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "0 normal, 1 pending, 2 failed, 3 stopped, 4 finished, 5 removed, 6 warning";
    gauge("ticdc_owner_status", help)
});
static CURRENT_PD_TS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge(
        "ticdc_owner_current_pd_ts",
        "The upstream's clock, unix milliseconds",
    )
});
static TABLES: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("ticdc_processor_num_of_tables", "Tables of a running changefeed"));
static EXIT_WITH_ERROR: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "ticdc_processor_exit_with_error_count",
        "Pipelines that ended with an error",
        &FEED
    )
    .expect(UNIQUE)
});
static ROWS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "ticdc_sink_table_sink_total_rows_count",
        "Rows that are durable downstream",
        &FEED
    )
    .expect(UNIQUE)
});
static IGNORED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "ticdc_mounter_ignored_dml_event_count",
        "Rows that event filters dropped",
        &FEED
    )
    .expect(UNIQUE)
});
static OUTPUT: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "ticdc_sorter_output_event_count",
        "Rows handed to the sink",
        &["namespace", "changefeed", "type"]
    )
    .expect(UNIQUE)
});
static BARRIER_TS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge(
        "ticdc_owner_barrier_ts",
        "What a changefeed may be applied up to at present: a schema change that is being applied, else what was read; \
         unix milliseconds",
    )
});
static TICK_DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    ticks(
        "ticdc_owner_changefeed_tick_duration",
        "Time an owner took to store the checkpoint and decide, seconds",
    )
});
static PROCESSOR_TICK_DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    ticks(
        "ticdc_processor_processor_tick_duration",
        "Time a pipeline took for the events that it had taken at once, seconds",
    )
});
static MEMORY: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!(
        "ticdc_sinkmanager_memory_quota",
        "Memory quota of a changefeed, bytes",
        &["namespace", "changefeed", "type", "component"]
    )
    .expect(UNIQUE)
});
static OWNERSHIP: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "ticdc_owner_ownership_counter",
        "Rises by one a second on the owner"
    )
    .expect(UNIQUE)
});
static NOT_MOVING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    gauge(
        "ticdc_owner_checkpoint_waits",
        "1 while there is a stated reason for a checkpoint that does not move",
    )
});

fn gauge(name: &str, help: &str) -> IntGaugeVec {
    register_int_gauge_vec!(name, help, &FEED).expect(UNIQUE)
}

fn lag(name: &str, help: &str) -> GaugeVec {
    register_gauge_vec!(name, help, &FEED).expect(UNIQUE)
}

fn lags(name: &str, help: &str) -> HistogramVec {
    register_histogram_vec!(name, help, &FEED, LAG_BUCKETS.to_vec()).expect(UNIQUE)
}

fn ticks(name: &str, help: &str) -> HistogramVec {
    register_histogram_vec!(name, help, &FEED, TICK_BUCKETS.to_vec()).expect(UNIQUE)
}

/// What the gauges of one changefeed show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) status: i64,
    pub(crate) checkpoint_ms: u64,
    /// Zero while it does not run.
    pub(crate) resolved_ms: u64,
    /// Zero while it does not run.
    pub(crate) barrier_ms: u64,
    pub(crate) now_ms: u64,
    /// Since the last sample.
    pub(crate) rows: u64,
    pub(crate) tables: usize,
    pub(crate) quota_bytes: u64,
    pub(crate) quota_used_bytes: u64,
    pub(crate) waits: bool,
}

/// The series of one changefeed that samples move, looked up once: a sample a second of a thousand changefeeds adds up.
pub(crate) struct Gauges {
    id: ChangefeedId,
    status: IntGauge,
    now: IntGauge,
    checkpoint: Age,
    /// Not shown before it has run.
    resolved: Option<Age>,
    barrier: Option<IntGauge>,
    rows: IntCounter,
    tables: IntGauge,
    not_moving: IntGauge,
    quota: IntGauge,
    quota_used: IntGauge,
}

/// A timestamp, how old it is, and how old it was.
struct Age {
    ts: IntGauge,
    lag: Gauge,
    lags: Histogram,
}

impl Age {
    fn show(&self, ts_ms: u64, now_ms: u64) {
        let seconds = now_ms.saturating_sub(ts_ms) as f64 / 1000.0;
        self.ts.set(clip(ts_ms));
        self.lag.set(seconds);
        self.lags.observe(seconds);
    }
}

impl Gauges {
    /// The series appear with it. They are the changefeed's until [`forget`]: a later one of the same name needs new ones.
    pub(crate) fn new(id: &ChangefeedId) -> Self {
        let labels = [&*id.namespace, &*id.id];
        let memory = |kind| MEMORY.with_label_values(&[labels[0], labels[1], kind, "sink"]);
        Gauges {
            status: STATUS.with_label_values(&labels),
            now: CURRENT_PD_TS.with_label_values(&labels),
            checkpoint: Age {
                ts: CHECKPOINT_TS.with_label_values(&labels),
                lag: CHECKPOINT_LAG.with_label_values(&labels),
                lags: CHECKPOINT_LAG_HISTOGRAM.with_label_values(&labels),
            },
            resolved: None,
            barrier: None,
            rows: ROWS.with_label_values(&labels),
            tables: TABLES.with_label_values(&labels),
            not_moving: NOT_MOVING.with_label_values(&labels),
            quota: memory("total"),
            quota_used: memory("used"),
            id: id.clone(),
        }
    }

    /// Shows a sample.
    pub(crate) fn observe(&mut self, sample: Sample) {
        let labels = [&*self.id.namespace, &*self.id.id];
        self.status.set(sample.status);
        self.now.set(clip(sample.now_ms));
        self.checkpoint.show(sample.checkpoint_ms, sample.now_ms);
        if sample.resolved_ms > 0 {
            let resolved = self.resolved.get_or_insert_with(|| Age {
                ts: RESOLVED_TS.with_label_values(&labels),
                lag: RESOLVED_LAG.with_label_values(&labels),
                lags: RESOLVED_LAG_HISTOGRAM.with_label_values(&labels),
            });
            resolved.show(sample.resolved_ms, sample.now_ms);
        }
        if sample.barrier_ms > 0 {
            let barrier = self
                .barrier
                .get_or_insert_with(|| BARRIER_TS.with_label_values(&labels));
            barrier.set(clip(sample.barrier_ms));
        }
        self.rows.inc_by(sample.rows);
        self.tables.set(clip(sample.tables as u64));
        self.not_moving.set(i64::from(sample.waits));
        self.quota.set(clip(sample.quota_bytes));
        self.quota_used.set(clip(sample.quota_used_bytes));
    }
}

/// The counter of a changefeed's rows that event filters drop.
pub(crate) fn ignored_rows(id: &ChangefeedId) -> IntCounter {
    IGNORED.with_label_values(&[&*id.namespace, &*id.id])
}

/// The counter of a changefeed's rows that are handed to its sink.
pub(crate) fn output_rows(id: &ChangefeedId) -> IntCounter {
    OUTPUT.with_label_values(&[&*id.namespace, &*id.id, "kv"])
}

/// The durations of an owner's ticks.
pub(crate) fn tick_duration(id: &ChangefeedId) -> Histogram {
    TICK_DURATION.with_label_values(&[&*id.namespace, &*id.id])
}

/// The durations of a pipeline's rounds.
pub(crate) fn processor_tick_duration(id: &ChangefeedId) -> Histogram {
    PROCESSOR_TICK_DURATION.with_label_values(&[&*id.namespace, &*id.id])
}

/// Counts a pipeline that ended with an error.
pub(crate) fn count_error(id: &ChangefeedId) {
    EXIT_WITH_ERROR
        .with_label_values(&[&*id.namespace, &*id.id])
        .inc();
}

/// Says once a second that this server owns the changefeeds.
pub(crate) fn count_ownership() {
    OWNERSHIP.inc();
}

/// Removes the series of a changefeed that is gone. One that was never shown is no error.
pub(crate) fn forget(id: &ChangefeedId) {
    let labels = [&*id.namespace, &*id.id];
    for gauges in [
        &STATUS,
        &CURRENT_PD_TS,
        &CHECKPOINT_TS,
        &RESOLVED_TS,
        &BARRIER_TS,
        &TABLES,
        &NOT_MOVING,
    ] {
        gauges.remove_label_values(&labels).ok();
    }
    for gauges in [&CHECKPOINT_LAG, &RESOLVED_LAG] {
        gauges.remove_label_values(&labels).ok();
    }
    for histograms in [
        &CHECKPOINT_LAG_HISTOGRAM,
        &RESOLVED_LAG_HISTOGRAM,
        &TICK_DURATION,
        &PROCESSOR_TICK_DURATION,
    ] {
        histograms.remove_label_values(&labels).ok();
    }
    OUTPUT.remove_label_values(&[labels[0], labels[1], "kv"]).ok();
    for counters in [&ROWS, &IGNORED, &EXIT_WITH_ERROR] {
        counters.remove_label_values(&labels).ok();
    }
    for kind in ["total", "used"] {
        MEMORY
            .remove_label_values(&[labels[0], labels[1], kind, "sink"])
            .ok();
    }
}

fn clip(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
