//! The seam between the engine and a destination.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{DdlEvent, Result, Ts, TxnBatch};

/// A boxed future, for the edges that must be object-safe.
pub type BoxFut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A destination of one changefeed.
///
/// The engine calls `write`, `flush`, `write_ddl` and `write_checkpoint` from one task, one after the other. After
/// an error the sink is closed and a new one is opened at the last checkpoint: a sink must accept rows it has
/// already written and end in the same state (delivery is at least once, in commit order).
pub trait EventSink: Send + Sync + 'static {
    /// Takes over a batch. `Ok` means that the batch is owned and capacity reserved, not that it is durable; the
    /// batch's `Ack` says that later. Waits while the sink is full: back-pressure is this wait. An error that
    /// happened after an earlier `Ok` is returned by the next call of any method.
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()>;

    /// Makes everything taken so far durable, without waiting for intervals to pass. Returns after the last `Ack`
    /// of an earlier `write` was settled.
    fn flush(&self) -> BoxFut<'_, ()>;

    /// Applies a schema change, idempotently. Everything before it was flushed. Returns when it is durable.
    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()>;

    /// Tells consumers that every event with `commit_ts <= ts` is durable. Called with growing values, as often as
    /// the engine likes; sinks without a place for it answer at once.
    fn write_checkpoint(&self, ts: Ts) -> BoxFut<'_, ()>;

    /// Flushes as far as `deadline` allows, then lets go of all resources. Idempotent. Batches that did not make it
    /// report their `Ack` as lost.
    fn close(&self, deadline: Duration) -> BoxFut<'_, ()>;
}
