//! Figures of the MySQL sink.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, register_histogram_vec, register_int_counter_vec,
};
use tidegate_model::ChangefeedId;

/// The `type` label of database sinks.
const SINK_TYPE: &str = "TxnSink";
const TYPED: &[&str] = &["namespace", "changefeed", "type"];
const PLAIN: &[&str] = &["namespace", "changefeed"];

static BATCH_ROWS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets = vec![1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0];
    let help = "Rows in one downstream transaction";
    register_histogram_vec!("ticdc_sink_batch_row_count", help, TYPED, buckets)
        .expect("the name is registered once")
});
static BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("ticdc_sink_write_bytes_total", "Bytes of SQL text sent", TYPED)
        .expect("the name is registered once")
});
static ERRORS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("ticdc_sink_execution_error", "Failed tries downstream", TYPED)
        .expect("the name is registered once")
});
static FLUSH_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets = vec![0.001, 0.004, 0.016, 0.064, 0.256, 1.0, 4.0, 16.0, 64.0];
    let help = "Time of one downstream transaction, retries included";
    register_histogram_vec!("ticdc_sink_txn_worker_flush_duration", help, PLAIN, buckets)
        .expect("the name is registered once")
});
static DDL_COUNT: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("ticdc_sink_ddl_exec_count", "Schema changes applied", TYPED)
        .expect("the name is registered once")
});
static DDL_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets = vec![0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0];
    let help = "Time of one schema change, retries included";
    register_histogram_vec!("ticdc_sink_ddl_exec_duration", help, TYPED, buckets)
        .expect("the name is registered once")
});
static SAFE_RETRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Transactions written again in safe form after a duplicate key";
    register_int_counter_vec!("ticdc_sink_mysql_safe_retry_count", help, PLAIN)
        .expect("the name is registered once")
});
static BULK_ROWS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let help = "Rows sent as parameters of a prepared statement, many at a time";
    register_int_counter_vec!("tidegate_sink_mysql_bulk_rows_total", help, PLAIN)
        .expect("the name is registered once")
});

/// The series of one changefeed.
#[derive(Clone)]
pub(crate) struct MysqlMetrics {
    changefeed: ChangefeedId,
    batch_rows: Histogram,
    bytes: IntCounter,
    errors: IntCounter,
    flush_seconds: Histogram,
    ddl_count: IntCounter,
    ddl_seconds: Histogram,
    safe_retries: IntCounter,
    bulk_rows: IntCounter,
}

impl MysqlMetrics {
    pub(crate) fn of(changefeed: &ChangefeedId) -> Self {
        let typed = &[&*changefeed.namespace, &*changefeed.id, SINK_TYPE];
        let plain = &typed[..2];
        MysqlMetrics {
            changefeed: changefeed.clone(),
            batch_rows: BATCH_ROWS.with_label_values(typed),
            bytes: BYTES.with_label_values(typed),
            errors: ERRORS.with_label_values(typed),
            flush_seconds: FLUSH_SECONDS.with_label_values(plain),
            ddl_count: DDL_COUNT.with_label_values(typed),
            ddl_seconds: DDL_SECONDS.with_label_values(typed),
            safe_retries: SAFE_RETRIES.with_label_values(plain),
            bulk_rows: BULK_ROWS.with_label_values(plain),
        }
    }

    pub(crate) fn changefeed(&self) -> &ChangefeedId {
        &self.changefeed
    }

    pub(crate) fn applied(&self, rows: usize, bytes: usize, took: Duration) {
        #[allow(clippy::cast_precision_loss, reason = "a histogram of row counts")]
        self.batch_rows.observe(rows as f64);
        self.bytes.inc_by(bytes as u64);
        self.flush_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn execution_error(&self) {
        self.errors.inc();
    }

    pub(crate) fn safe_retry(&self) {
        self.safe_retries.inc();
    }

    pub(crate) fn sent_in_bulk(&self, rows: u64) {
        self.bulk_rows.inc_by(rows);
    }

    #[cfg(test)]
    pub(crate) fn bulk_rows(&self) -> u64 {
        self.bulk_rows.get()
    }

    #[cfg(test)]
    pub(crate) fn safe_retries(&self) -> u64 {
        self.safe_retries.get()
    }

    pub(crate) fn ddl(&self, took: Duration) {
        self.ddl_count.inc();
        self.ddl_seconds.observe(took.as_secs_f64());
    }
}

/// Drops the series of a removed changefeed.
pub(crate) fn forget(changefeed: &ChangefeedId) {
    let typed = &[&*changefeed.namespace, &*changefeed.id, SINK_TYPE];
    let plain = &typed[..2];
    // A changefeed without such a sink has no series.
    for vec in [&*BATCH_ROWS, &*DDL_SECONDS] {
        drop(vec.remove_label_values(typed));
    }
    for vec in [&*BYTES, &*ERRORS, &*DDL_COUNT] {
        drop(vec.remove_label_values(typed));
    }
    drop(FLUSH_SECONDS.remove_label_values(plain));
    drop(SAFE_RETRIES.remove_label_values(plain));
    drop(BULK_ROWS.remove_label_values(plain));
}
