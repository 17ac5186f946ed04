//! The seam between the engine and a source of changes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_model::{ChangefeedId, DdlKind, Event, Result, TableInfo, TableName, Trouble, Ts};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::quota::{Quota, Share};

/// A boxed future, for the edges that must be object-safe.
pub type BoxFut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A database whose committed row changes can be read in order.
///
/// All methods may be called from any task at any time. A dropped future has no effect beyond what it already did.
pub trait Upstream: Send + Sync + 'static {
    /// Facts about the server, freshly read. Fails when it cannot be reached or lacks a prerequisite; a failure of
    /// prerequisites names all of them at once, each with the SQL that mends it.
    fn probe(&self) -> BoxFut<'_, UpstreamInfo>;

    /// The current time of the upstream as a TSO. Not smaller than any resolved-ts published before the call.
    fn now(&self) -> BoxFut<'_, Ts>;

    /// The oldest start-ts from which the change log is still complete ("GC safepoint").
    fn oldest(&self) -> BoxFut<'_, Ts>;

    /// Whether a stream can start right after `ts`.
    ///
    /// # Errors
    /// `StartTsBeforeGC` naming the oldest usable ts, `APIInvalidParam` for a ts in the future.
    fn check_start(&self, ts: Ts) -> BoxFut<'_, ()>;

    /// All base tables visible to the replication user outside the system schemas, sorted by name, with whether
    /// each is eligible.
    fn tables(&self) -> BoxFut<'_, Vec<TableSummary>>;

    /// The named tables as the catalogue shows them now, in the same order; those that do not exist or can never be
    /// replicated are left out. Asks for each table: name only those that are needed.
    fn table_infos(&self, names: Vec<TableName>) -> BoxFut<'_, Vec<TableInfo>>;

    /// Streams events with `commit_ts > job.start_ts` into `out` until `stop` is cancelled (then `Ok`) or an error
    /// that reconnecting cannot mend occurs. Broken connections are mended inside, from the last complete
    /// transaction; each such trouble is reported through [`PullJob::on_trouble`].
    ///
    /// Order promise: `commit_ts` of transactions and DDL strictly increases (parts of one transaction share
    /// theirs and are adjacent); an `Event::Resolved(r)` says that everything up to and including `r` was sent.
    /// The same upstream history yields the same timestamps for every job, whenever it starts.
    fn pull(&self, job: PullJob, out: EventTx, stop: CancellationToken) -> BoxFut<'_, ()>;

    /// Watches how far the shared reader has come; for status pages. Values only grow.
    fn watermark(&self) -> watch::Receiver<UpstreamWatermark>;

    /// Asks the upstream to keep its log from `ts` on for `owner` (TiKV's service safepoint). A binlog server has
    /// no such service: all it can do is to warn.
    ///
    /// # Errors
    /// `UpstreamLogExpiring` when the log from `ts` on is among what is purged next.
    fn hold_gc(&self, owner: ChangefeedId, ts: Ts) -> BoxFut<'_, ()>;
}

/// Decides what a job wants to see. Pure; tables are asked for once per version, the rest once per event.
///
/// What is not wanted is still followed: an upstream keeps its knowledge of schemas whatever is selected.
pub trait TableSelector: Send + Sync {
    /// Whether rows of the table are wanted.
    fn wants_table(&self, schema: &str, table: &str) -> bool;

    /// Whether schema-level statements (CREATE/ALTER/DROP DATABASE) on `schema` are wanted.
    fn wants_schema(&self, schema: &str) -> bool;

    /// Whether a schema change is passed on. Asked after the tables, for each one that is wanted; a statement that is
    /// passed on for some of its tables only is rewritten for these.
    fn wants_ddl(&self, _ddl: &DdlSubject<'_>) -> bool {
        true
    }

    /// Whether the transaction or schema change with this start-ts is skipped, unread: not even its errors count.
    fn skips(&self, _start_ts: Ts) -> bool {
        false
    }
}

/// A schema change of one table or one schema.
#[derive(Copy, Clone, Debug)]
pub struct DdlSubject<'a> {
    /// What it does.
    pub kind: DdlKind,
    /// The whole statement.
    pub query: &'a str,
    /// Schema; of the table before the statement, when it is renamed.
    pub schema: &'a str,
    /// Table before the statement; `None` for schema-level statements.
    pub table: Option<&'a str>,
}

/// What to stream.
#[derive(Clone)]
pub struct PullJob {
    /// Whose stream it is; appears in logs and in connection attributes.
    pub changefeed: ChangefeedId,
    /// Everything up to and including this ts is already delivered.
    pub start_ts: Ts,
    /// Rows of other tables are dropped before they are decoded. A DDL is yielded when any table it names is
    /// wanted under its old or new name; a rename into the selection from outside fails with
    /// `SyncRenameTableFailed`.
    pub selector: Arc<dyn TableSelector>,
    /// Yield rows of tables without a key too. Otherwise such rows are dropped.
    pub force_replicate: bool,
    /// Upper bound of the decoded bytes in one `TxnEvent`; a larger transaction is yielded in parts.
    pub part_bytes_max: usize,
    /// Decoding tasks that may run side by side for one large transaction.
    pub decoders_max: usize,
    /// Told of every failure that is being retried inside.
    pub on_trouble: Arc<dyn Fn(&Trouble) + Send + Sync>,
}

/// An event together with its share of the memory quota.
pub struct PulledEvent {
    /// The event.
    pub event: Event,
    /// Give it back (drop it) when the event's memory is free again: after the acknowledgement.
    pub share: Share,
}

/// The bounded way from an upstream to a processor: at most `capacity` events are under way, and their rows share the
/// memory quota.
#[derive(Clone)]
pub struct EventTx {
    tx: mpsc::Sender<PulledEvent>,
    quota: Quota,
    decoded: Arc<Decoded>,
}

/// How far a stream has been decoded, whether or not somebody has taken it yet. For status pages.
#[derive(Debug, Default)]
pub struct Decoded {
    ts: AtomicU64,
    rows: AtomicU64,
}

impl Decoded {
    /// Everything up to here is decoded; zero before the first event.
    pub fn ts(&self) -> Ts {
        Ts::from_u64(self.ts.load(Ordering::Relaxed))
    }

    /// Rows decoded so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    fn note(&self, event: &Event) {
        let ts = match event {
            Event::Resolved(ts) => *ts,
            // More parts of it may follow.
            Event::Txn(txn) => txn.commit_ts.prev(),
            Event::Ddl(ddl) => ddl.commit_ts.prev(),
        };
        self.ts.fetch_max(ts.as_u64(), Ordering::Relaxed);
        if let Event::Txn(txn) = event {
            self.rows.fetch_add(txn.row_count() as u64, Ordering::Relaxed);
        }
    }
}

impl EventTx {
    /// A channel of `capacity` events whose rows are counted in `quota`.
    pub fn channel(capacity: usize, quota: Quota) -> (EventTx, mpsc::Receiver<PulledEvent>) {
        let (tx, rx) = mpsc::channel(capacity);
        let decoded = Arc::default();
        (EventTx { tx, quota, decoded }, rx)
    }

    /// How far the stream has been decoded.
    pub fn decoded(&self) -> &Arc<Decoded> {
        &self.decoded
    }

    /// The budget of the changefeed. Take a share of it before the memory that it stands for is allocated.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Sends an event whose share is not taken yet, once the quota has room for it.
    ///
    /// Returns `false` when the receiver is gone: stop pulling then.
    pub async fn send(&self, event: Event) -> bool {
        let mut share = self.quota.rows();
        if let Event::Txn(txn) = &event {
            let cost = Quota::cost_of_rows(txn.memory_bytes());
            tokio::select! {
                // An empty share has nothing to hand on.
                _taken = share.grow(cost) => {}
                () = self.tx.closed() => return false,
            }
        }
        self.send_counted(event, share).await
    }

    /// Sends an event with the share that was taken for it.
    ///
    /// Returns `false` when the receiver is gone: stop pulling then.
    pub async fn send_counted(&self, event: Event, share: Share) -> bool {
        self.decoded.note(&event);
        self.tx.send(PulledEvent { event, share }).await.is_ok()
    }
}

/// Facts about an upstream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UpstreamInfo {
    /// Non-zero number that names the cluster in the API (`upstream_id`), stable over restarts of it.
    pub id: u64,
    /// `MariaDB` or `MySQL`.
    pub flavour: String,
    /// Version text as the server gives it.
    pub version: String,
    /// `host:port`, without credentials.
    pub address: String,
    /// Names the server whatever its address; a database sink says the same of its own. Empty when not known.
    pub server_name: String,
    /// Things that work but should be looked at, one sentence each.
    pub warnings: Vec<String>,
}

/// How far the upstream has been read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UpstreamWatermark {
    /// Everything up to here was read.
    pub resolved_ts: Ts,
    /// The last schema change that was read; zero before the first. When it grows, the tables may be others.
    pub schema_ts: Ts,
    /// Position of the reader for people: GTID and file:offset.
    pub position: String,
    /// Whether the reader is connected.
    pub connected: bool,
}

/// A table as the catalogue shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableSummary {
    /// Its name.
    pub name: TableName,
    /// Our number of its present incarnation; 0 when it was not seen in the stream yet.
    pub id: i64,
    /// Whether it has a key that identifies rows.
    pub eligible: bool,
    /// That key and its columns, for people: `PRIMARY (id)`.
    pub key: Option<String>,
    /// Why it can never be replicated (a view, a sequence, system-versioned, ...), if so.
    pub unsupported: Option<String>,
    /// Foreign keys of it by which rows change without being logged, each with its rule (`fk ON DELETE CASCADE`).
    pub cascades: Vec<String>,
}
