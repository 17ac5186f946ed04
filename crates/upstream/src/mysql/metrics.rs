//! Metrics of the MySQL source.

use std::sync::LazyLock;

use bytes::Bytes;
use prometheus::{
    IntCounter, IntCounterVec, IntGauge, Opts, register_int_counter, register_int_counter_vec,
    register_int_gauge,
};
use tidegate_model::{ChangefeedId, Ts};
use tidegate_mysql::{Position, file_number};

fn counter(name: &str, help: &str) -> IntCounter {
    register_int_counter!(name, help).expect("metric names are unique")
}

fn gauge(name: &str, help: &str) -> IntGauge {
    register_int_gauge!(name, help).expect("metric names are unique")
}

static EVENTS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "ticdc_binlog_events_total",
        "Binlog events received by shared readers.",
    )
});
static BYTES: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "ticdc_binlog_bytes_total",
        "Binlog bytes received by shared readers.",
    )
});
static RECONNECTS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "ticdc_binlog_reconnects_total",
        "Lost binlog connections of shared readers.",
    )
});
static CLAMPS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "ticdc_binlog_clamped_commits_total",
        "Commit times too far ahead of the server's clock.",
    )
});
static HINT_MISMATCHES: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "ticdc_binlog_schema_hint_mismatches_total",
        "Tables whose catalogue entry did not fit the binlog.",
    )
});
static PRIVATE: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_private_readers",
        "Binlog connections of changefeeds that are behind.",
    )
});
static RESOLVED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_resolved_ms",
        "Physical time of the upstream's resolved-ts.",
    )
});
static BEHIND: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_seconds_behind",
        "Upstream clock minus resolved-ts, in seconds.",
    )
});
static RETAINED: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_retained_bytes",
        "Size of the binlog files the upstream keeps.",
    )
});
static FILE: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_file_index",
        "Number of the binlog file that the shared reader is in.",
    )
});
static POSITION: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_position",
        "Offset of the shared reader in its binlog file.",
    )
});
static HEADROOM: LazyLock<IntGauge> = LazyLock::new(|| {
    gauge(
        "ticdc_binlog_headroom_seconds",
        "How far a changefeed may be behind the shared reader before the upstream has purged what it needs.",
    )
});

static TXNS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        Opts::new(
            "ticdc_puller_txn_collect_event_count",
            "Events a changefeed's puller has taken."
        ),
        &["namespace", "changefeed", "type"]
    )
    .expect("metric names are unique")
});
static ROWS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        Opts::new("ticdc_mounter_total_rows_count", "Rows decoded for a changefeed."),
        &["namespace", "changefeed"]
    )
    .expect("metric names are unique")
});
static IGNORED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        Opts::new(
            "ticdc_binlog_keyless_table_count",
            "Table versions whose rows are dropped because they have no key."
        ),
        &["namespace", "changefeed"]
    )
    .expect("metric names are unique")
});

pub(crate) fn received(packets: &[Bytes]) {
    EVENTS.inc_by(packets.len() as u64);
    BYTES.inc_by(packets.iter().map(Bytes::len).sum::<usize>() as u64);
}

pub(crate) fn reconnected() {
    RECONNECTS.inc();
}

pub(crate) fn clamped() {
    CLAMPS.inc();
}

pub(crate) fn hint_mismatch() {
    HINT_MISMATCHES.inc();
}

pub(crate) fn private_readers(change: i64) {
    PRIVATE.add(change);
}

pub(crate) fn resolved(ts: Ts) {
    RESOLVED.set(ts.physical_ms().cast_signed());
}

pub(crate) fn clock(clock_ms: u64) {
    BEHIND.set((clock_ms.cast_signed() - RESOLVED.get()).max(0) / 1000);
}

pub(crate) fn retained(files: &[(String, u64)]) {
    RETAINED.set(files.iter().map(|(_, size)| size).sum::<u64>().cast_signed());
}

pub(crate) fn position(position: &Position) {
    FILE.set(file_number(&position.file).cast_signed());
    POSITION.set(position.offset.cast_signed());
}

/// `oldest`: everything after it can still be read.
pub(crate) fn headroom(resolved: Ts, oldest: Ts) {
    let ms = resolved.physical_ms().saturating_sub(oldest.physical_ms());
    HEADROOM.set((ms / 1000).cast_signed());
}

/// Size of the binlog files the upstream keeps, as they were listed last.
pub(crate) fn retained_bytes() -> u64 {
    RETAINED.get().max(0).cast_unsigned()
}

/// Counters of one changefeed; its series go away with it.
pub(crate) struct FeedMetrics {
    labels: [String; 2],
    pub(crate) rows: IntCounter,
    pub(crate) ignored_tables: IntCounter,
    pub(crate) groups: IntCounter,
    pub(crate) resolved: IntCounter,
}

impl FeedMetrics {
    pub(crate) fn new(id: &ChangefeedId) -> Self {
        let labels = [id.namespace.to_string(), id.id.to_string()];
        let of = |kind: &str| TXNS.with_label_values(&[labels[0].as_str(), labels[1].as_str(), kind]);
        FeedMetrics {
            rows: ROWS.with_label_values(&labels),
            ignored_tables: IGNORED.with_label_values(&labels),
            groups: of("kv"),
            resolved: of("resolved"),
            labels,
        }
    }
}

impl Drop for FeedMetrics {
    fn drop(&mut self) {
        // An error says that the series is gone already.
        let [namespace, changefeed] = &self.labels;
        for kind in ["kv", "resolved"] {
            TXNS.remove_label_values(&[namespace.as_str(), changefeed.as_str(), kind])
                .unwrap_or_default();
        }
        ROWS.remove_label_values(&self.labels).unwrap_or_default();
        IGNORED.remove_label_values(&self.labels).unwrap_or_default();
    }
}
