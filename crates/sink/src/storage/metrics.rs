//! Figures of the storage sink.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, register_histogram_vec,
    register_int_counter_vec, register_int_gauge_vec,
};
use tidegate_model::ChangefeedId;

const LABELS: &[&str] = &["namespace", "changefeed"];

static BYTES: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!(
        "ticdc_sink_cloud_storage_write_bytes_total",
        "Bytes written to files",
        LABELS
    )
    .expect("the name is registered once")
});
static FILES: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!(
        "ticdc_sink_cloud_storage_file_count",
        "Data files written",
        LABELS
    )
    .expect("the name is registered once")
});
static WRITE_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "ticdc_sink_cloud_storage_write_duration_seconds",
        "Time to make one data file durable",
        LABELS,
        vec![0.001, 0.004, 0.016, 0.064, 0.256, 1.0, 4.0, 16.0]
    )
    .expect("the name is registered once")
});
static ROWS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "ticdc_sink_cloud_storage_row_count",
        "Rows encoded into files",
        LABELS
    )
    .expect("the name is registered once")
});

/// The series of one changefeed.
#[derive(Clone)]
pub(crate) struct StorageMetrics {
    bytes: IntGauge,
    files: IntGauge,
    write_seconds: Histogram,
    rows: IntCounter,
}

impl StorageMetrics {
    pub(crate) fn of(changefeed: &ChangefeedId) -> Self {
        let labels = &[&*changefeed.namespace, &*changefeed.id];
        StorageMetrics {
            bytes: BYTES.with_label_values(labels),
            files: FILES.with_label_values(labels),
            write_seconds: WRITE_SECONDS.with_label_values(labels),
            rows: ROWS.with_label_values(labels),
        }
    }

    pub(crate) fn rows(&self, count: usize) {
        self.rows.inc_by(count as u64);
    }

    pub(crate) fn file(&self, bytes: usize, took: Duration) {
        self.bytes.add(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.files.inc();
        self.write_seconds.observe(took.as_secs_f64());
    }
}

/// Drops the series of a removed changefeed.
pub(crate) fn forget(changefeed: &ChangefeedId) {
    let labels = &[&*changefeed.namespace, &*changefeed.id];
    // A changefeed without such a sink has no series.
    drop(BYTES.remove_label_values(labels));
    drop(FILES.remove_label_values(labels));
    drop(WRITE_SECONDS.remove_label_values(labels));
    drop(ROWS.remove_label_values(labels));
}
