//! A private server, the source on top of it, and streams whose events are noted as text.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_meta::RedbStore;
use tidegate_model::{
    CdcError, ChangefeedId, Datum, DdlEvent, Event, Image, Result, RowBlock, RowOp, SystemClock, Ts, TxnEvent,
};
use tidegate_mysql::ConnectOptions;
use tidegate_upstream::mysql::{MysqlOptions, MysqlUpstream};
use tidegate_upstream::{EventTx, PullJob, PulledEvent, Quota, TableSelector, Upstream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Everything a test may wait for happens within this time, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait for an event before looking at something else.
const GLANCE: Duration = Duration::from_millis(200);

/// Starts a server with these options on top of the usual ones. `RUST_LOG` shows what the source says meanwhile.
pub(crate) async fn server(extra: &[&str]) -> Server {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .try_init()
        .ok();
    let options = ServerOptions {
        extra_args: extra.iter().map(|&arg| arg.to_owned()).collect(),
        ..ServerOptions::default()
    };
    Server::start(options).await.expect("MariaDB starts")
}

/// The source over a store that outlives it.
pub(crate) struct Source {
    pub(crate) upstream: Arc<MysqlUpstream>,
    pub(crate) stop: CancellationToken,
}

impl Source {
    /// A ts below which nothing is committed any more.
    pub(crate) async fn now(&self) -> Ts {
        let now = self.upstream.now().await.expect("the server tells the time");
        self.upstream
            .check_start(now)
            .await
            .expect("now is a place to start");
        now
    }

    /// The same when the source has to find a new place to read from first.
    pub(crate) async fn now_at_last(&self) -> Ts {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.upstream.now().await.expect("the server tells the time");
            if self.upstream.check_start(now).await.is_ok() {
                return now;
            }
            assert!(Instant::now() < deadline, "no place to start");
        }
    }

    /// Lets go of everything, as a stopped process does.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        // The store and the folder are free once the reader has ended.
        let upstream = Arc::clone(&self.upstream);
        drop(self);
        let deadline = Instant::now() + PATIENCE;
        while Arc::strong_count(&upstream) > 1 && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn options(server: &Server, folder: &Path) -> MysqlOptions {
    let connect = ConnectOptions::from_uri(&server.uri(User::Replication)).expect("a valid URI");
    MysqlOptions::new(connect, folder.join("spill"))
}

pub(crate) fn store(folder: &Path) -> Arc<RedbStore> {
    Arc::new(RedbStore::open(folder).expect("the store opens"))
}

pub(crate) async fn start(options: MysqlOptions, store: Arc<RedbStore>) -> Result<Source> {
    let stop = CancellationToken::new();
    let upstream = MysqlUpstream::start(options, store, Arc::new(SystemClock), stop.clone()).await?;
    Ok(Source { upstream, stop })
}

/// Selects the schema `shop` without its tables that begin with `tmp`.
struct Shop;

impl TableSelector for Shop {
    fn wants_table(&self, schema: &str, table: &str) -> bool {
        schema == "shop" && !table.starts_with("tmp")
    }

    fn wants_schema(&self, schema: &str) -> bool {
        schema == "shop"
    }
}

pub(crate) fn job(start_ts: Ts) -> PullJob {
    PullJob {
        changefeed: ChangefeedId::new("default", "test"),
        start_ts,
        selector: Arc::new(Shop),
        force_replicate: false,
        part_bytes_max: 16 << 20,
        decoders_max: 16,
        on_trouble: Arc::new(|_| {}),
    }
}

/// A running pull.
pub(crate) struct Stream {
    rx: mpsc::Receiver<PulledEvent>,
    task: JoinHandle<Result<()>>,
    stop: CancellationToken,
    /// Every event but resolved-ts marks, in order.
    pub(crate) events: Vec<Event>,
    pub(crate) resolved: Ts,
    pub(crate) troubles: Arc<Mutex<Vec<CdcError>>>,
}

impl Stream {
    pub(crate) fn open(source: &Source, start_ts: Ts) -> Self {
        Self::open_job(source, job(start_ts), 1 << 30)
    }

    #[allow(clippy::disallowed_methods, reason = "the handle is kept and awaited")]
    pub(crate) fn open_job(source: &Source, mut job: PullJob, quota_bytes: u64) -> Self {
        let (tx, rx) = EventTx::channel(64, Quota::new(quota_bytes));
        let troubles: Arc<Mutex<Vec<CdcError>>> = Arc::default();
        let noted = Arc::clone(&troubles);
        job.on_trouble = Arc::new(move |trouble| noted.lock().unwrap().push(trouble.error.clone()));
        let stop = CancellationToken::new();
        let upstream = Arc::clone(&source.upstream);
        let resolved = job.start_ts;
        let token = stop.clone();
        let task = tokio::spawn(async move { upstream.pull(job, tx, token).await });
        Stream {
            rx,
            task,
            stop,
            events: Vec::new(),
            resolved,
            troubles,
        }
    }

    /// Takes one event, if there is one within a moment; `false` at the end of the stream.
    pub(crate) async fn step(&mut self) -> bool {
        let Ok(next) = tokio::time::timeout(GLANCE, self.rx.recv()).await else {
            return true;
        };
        match next.map(|pulled| pulled.event) {
            None => false,
            Some(Event::Resolved(ts)) => {
                assert!(ts >= self.resolved, "resolved-ts went back");
                self.resolved = ts;
                true
            }
            Some(event) => {
                let ts = match &event {
                    Event::Txn(txn) => txn.commit_ts,
                    Event::Ddl(ddl) => ddl.commit_ts,
                    Event::Resolved(_) => unreachable!(),
                };
                assert!(ts > self.resolved, "{ts:?} after resolved {:?}", self.resolved);
                self.events.push(event);
                true
            }
        }
    }

    /// Takes events until `done`.
    pub(crate) async fn until(&mut self, done: impl Fn(&Stream) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(
                Instant::now() < deadline,
                "waited in vain; so far: {:#?}",
                self.texts()
            );
            if !self.step().await {
                panic!(
                    "the stream ended: {:?}; so far: {:#?}",
                    (&mut self.task).await,
                    self.texts()
                );
            }
        }
    }

    /// Takes events until everything up to `ts` was seen.
    pub(crate) async fn until_resolved(&mut self, ts: Ts) {
        self.until(|stream| stream.resolved >= ts).await;
    }

    /// Takes events until a row whose text ends with `marker` was seen.
    pub(crate) async fn until_row(&mut self, marker: &str) {
        self.until(|stream| {
            let last = stream.events.last().map(text).unwrap_or_default();
            last.lines().any(|line| line.ends_with(marker))
        })
        .await;
    }

    /// The error the stream ends with.
    pub(crate) async fn error(mut self) -> CdcError {
        let deadline = Instant::now() + PATIENCE;
        while self.step().await {
            assert!(Instant::now() < deadline, "no error; so far: {:#?}", self.texts());
        }
        self.task.await.expect("no panic").expect_err("the stream fails")
    }

    pub(crate) async fn close(mut self) -> Vec<Event> {
        self.stop.cancel();
        while self.rx.recv().await.is_some() {}
        self.task.await.expect("no panic").expect("stopped cleanly");
        self.events
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.events.iter().map(text).collect()
    }

    /// Commit-ts of each event, with its text.
    pub(crate) fn stamped(&self) -> Vec<(Ts, String)> {
        stamped(&self.events)
    }
}

pub(crate) fn stamped(events: &[Event]) -> Vec<(Ts, String)> {
    events
        .iter()
        .map(|event| {
            let ts = match event {
                Event::Txn(txn) => txn.commit_ts,
                Event::Ddl(ddl) => ddl.commit_ts,
                Event::Resolved(ts) => *ts,
            };
            (ts, text(event))
        })
        .collect()
}

/// An event as text: one line per row.
pub(crate) fn text(event: &Event) -> String {
    match event {
        Event::Txn(txn) => txn_text(txn),
        Event::Ddl(ddl) => ddl_text(ddl),
        Event::Resolved(ts) => format!("resolved {ts}"),
    }
}

fn ddl_text(ddl: &DdlEvent) -> String {
    format!("{} | {}", ddl.kind.event_name(), ddl.query)
}

fn txn_text(txn: &TxnEvent) -> String {
    let rows: Vec<String> = txn.blocks.iter().flat_map(block_lines).collect();
    rows.join("\n")
}

fn block_lines(block: &RowBlock) -> Vec<String> {
    let name = &block.table().name;
    block
        .rows()
        .map(|row| {
            let image =
                |image: Option<Image<'_>>| image.map(|i| i.iter().map(datum).collect::<Vec<_>>().join(","));
            let (before, after) = (image(row.before()), image(row.after()));
            match block.op() {
                RowOp::Insert => format!("+{name} {}", after.unwrap_or_default()),
                RowOp::Delete => format!("-{name} {}", before.unwrap_or_default()),
                RowOp::Update => format!(
                    "~{name} {} > {}",
                    before.unwrap_or_default(),
                    after.unwrap_or_default()
                ),
            }
        })
        .collect()
}

fn datum(datum: Datum<'_>) -> String {
    match datum {
        Datum::Null => "NULL".to_owned(),
        Datum::Int(v) => v.to_string(),
        Datum::UInt(v) => v.to_string(),
        Datum::Text(v) => String::from_utf8_lossy(v).into_owned(),
        Datum::Decimal(v) | Datum::Json(v) => v.to_owned(),
        other => format!("{other:?}"),
    }
}
