//! `blackhole://`: counts and forgets.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, register_int_counter_vec};
use tidegate_model::{ChangefeedId, DdlEvent, Ts, TxnBatch, TxnEvent};

use crate::sink::{BoxFut, EventSink};

const LABELS: &[&str] = &["namespace", "changefeed"];

static ROWS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("ticdc_sink_blackhole_row_count", "Rows discarded", LABELS)
        .expect("the name is registered once")
});

/// Acknowledges everything at once.
pub(crate) struct Blackhole {
    changefeed: ChangefeedId,
    rows: IntCounter,
}

impl Blackhole {
    pub(crate) fn new(changefeed: &ChangefeedId) -> Self {
        Blackhole {
            changefeed: changefeed.clone(),
            rows: ROWS.with_label_values(&[&*changefeed.namespace, &*changefeed.id]),
        }
    }
}

impl EventSink for Blackhole {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        let rows: usize = batch.txns.iter().map(TxnEvent::row_count).sum();
        self.rows.inc_by(rows as u64);
        batch.ack.durable();
        Box::pin(async { Ok(()) })
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        tracing::info!(changefeed = %self.changefeed, ddl_ts = %ddl.commit_ts, kind = ddl.kind.event_name(), "discarded a schema change");
        Box::pin(async { Ok(()) })
    }

    fn write_checkpoint(&self, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self, _deadline: Duration) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Drops the series of a removed changefeed.
pub(crate) fn forget(changefeed: &ChangefeedId) {
    // A changefeed without such a sink has no series.
    drop(ROWS.remove_label_values(&[&*changefeed.namespace, &*changefeed.id]));
}
