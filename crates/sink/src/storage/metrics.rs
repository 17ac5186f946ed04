//! Figures of the storage sink.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{
    CounterVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    register_counter_vec, register_histogram_vec, register_int_counter_vec, register_int_gauge_vec,
};
use tidegate_model::ChangefeedId;

use super::config::WORKERS_MAX;

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
static FLUSH_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    register_histogram_vec!(
        "ticdc_sink_cloud_storage_flush_duration_seconds",
        "Time of one flush of a worker: encoding, and making all its files durable",
        LABELS,
        vec![0.001, 0.004, 0.016, 0.064, 0.256, 1.0, 4.0, 16.0, 64.0]
    )
    .expect("the name is registered once")
});
static BUSY_SECONDS: LazyLock<CounterVec> = LazyLock::new(|| {
    register_counter_vec!(
        "ticdc_sink_cloud_storage_worker_busy_ratio",
        "Seconds in which a worker was flushing; its rate is the busy part of the time",
        &["namespace", "changefeed", "id"]
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
    flush_seconds: Histogram,
    rows: IntCounter,
    changefeed: ChangefeedId,
}

impl StorageMetrics {
    pub(crate) fn of(changefeed: &ChangefeedId) -> Self {
        let labels = &[&*changefeed.namespace, &*changefeed.id];
        StorageMetrics {
            bytes: BYTES.with_label_values(labels),
            files: FILES.with_label_values(labels),
            write_seconds: WRITE_SECONDS.with_label_values(labels),
            flush_seconds: FLUSH_SECONDS.with_label_values(labels),
            rows: ROWS.with_label_values(labels),
            changefeed: changefeed.clone(),
        }
    }

    pub(crate) fn rows(&self, count: usize) {
        self.rows.inc_by(count as u64);
    }

    /// A worker has flushed.
    pub(crate) fn flush(&self, worker: usize, took: Duration) {
        self.flush_seconds.observe(took.as_secs_f64());
        let ChangefeedId { namespace, id } = &self.changefeed;
        BUSY_SECONDS
            .with_label_values(&[&**namespace, &**id, &worker.to_string()])
            .inc_by(took.as_secs_f64());
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
    drop(FLUSH_SECONDS.remove_label_values(labels));
    for worker in 0..WORKERS_MAX {
        drop(BUSY_SECONDS.remove_label_values(&[labels[0], labels[1], &worker.to_string()]));
    }
    drop(ROWS.remove_label_values(labels));
}
