//! How fast a changefeed catches up: binlog of a private MariaDB to decoded rows, nothing behind them.
//!
//! Run: `cargo bench -p tidegate-upstream --bench pull [-- rows]`. Prints rows and MiB per second for big row events
//! and for one-row transactions, each read from the start by a private reader.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, not a product"
)]

use std::sync::Arc;
use std::time::Instant;

use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_meta::RedbStore;
use tidegate_model::{ChangefeedId, Event, SystemClock, Ts};
use tidegate_mysql::ConnectOptions;
use tidegate_upstream::mysql::{MysqlOptions, MysqlUpstream};
use tidegate_upstream::{EventTx, PullJob, Quota, TableSelector, Upstream};
use tokio_util::sync::CancellationToken;

struct All;

impl TableSelector for All {
    fn wants_table(&self, schema: &str, _table: &str) -> bool {
        schema == "bench"
    }

    fn wants_schema(&self, schema: &str) -> bool {
        schema == "bench"
    }
}

const TABLE: &str = "CREATE DATABASE bench; CREATE TABLE bench.wide (id BIGINT PRIMARY KEY, a INT, b INT UNSIGNED,
    c SMALLINT, d DOUBLE, e DECIMAL(20,6), f VARCHAR(40), g VARCHAR(40), h CHAR(20), i VARCHAR(100), j TEXT,
    k DATETIME, l TIMESTAMP(3), m DATE, n TINYINT, o ENUM('x','y','z'), p VARCHAR(30), q VARCHAR(30), r BIGINT,
    s LONGTEXT CHECK (json_valid(s)));
    CREATE TABLE bench.small (id BIGINT PRIMARY KEY, v VARCHAR(20));";

fn main() {
    let rows: u64 = std::env::args()
        .skip(1)
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(400_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(rows));
}

async fn run(rows: u64) {
    let server = Server::start(ServerOptions {
        buffer_pool_mib: 512,
        ..ServerOptions::default()
    })
    .await
    .unwrap();
    server.sql(TABLE).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let connect = ConnectOptions::from_uri(&server.uri(User::Replication)).unwrap();
    let mut options = MysqlOptions::new(connect, folder.path().join("spill"));
    // So small that every pull reads privately.
    options.ring_bytes = 1;
    let store = Arc::new(RedbStore::open(folder.path()).unwrap());
    let stop = CancellationToken::new();
    let upstream = MysqlUpstream::start(options, store, Arc::new(SystemClock), stop)
        .await
        .unwrap();
    let big = now(&upstream).await;
    let chunk = 20_000;
    for from in (0..rows).step_by(chunk) {
        server
            .sql(&wide_insert(from, from + chunk as u64 - 1))
            .await
            .unwrap();
    }
    let small = now(&upstream).await;
    measure("big row events", &upstream, big, small).await;
    let statements: String = (0..rows / 4)
        .map(|n| format!("INSERT INTO bench.small VALUES ({n},'value {n}');"))
        .collect();
    server.sql(&statements).await.unwrap();
    let end = now(&upstream).await;
    measure("one-row transactions", &upstream, small, end).await;
}

fn wide_insert(from: u64, to: u64) -> String {
    format!(
        "USE bench; INSERT INTO wide SELECT seq, seq, seq, 7, seq/3, seq/7, CONCAT('name ', seq), CONCAT('mail', seq, '@example.org'),
         'fixed', REPEAT('lorem ', 8), REPEAT('text ', 10), '2026-01-02 03:04:05', '2026-01-02 03:04:05.678', '2026-01-02', 1,
         'y', 'short', 'another', seq*7, '{{\"a\": 1, \"b\": \"two\"}}' FROM seq_{from}_to_{to}"
    )
}

async fn now(upstream: &MysqlUpstream) -> Ts {
    let now = upstream.now().await.unwrap();
    while upstream.check_start(now).await.is_err() {}
    now
}

#[allow(clippy::disallowed_methods, reason = "the handle is kept and aborted")]
async fn measure(what: &str, upstream: &Arc<MysqlUpstream>, from: Ts, to: Ts) {
    let job = PullJob {
        changefeed: ChangefeedId::new("default", "bench"),
        start_ts: from,
        selector: Arc::new(All),
        force_replicate: false,
        part_bytes_max: 16 << 20,
        decoders_max: 16,
        on_trouble: Arc::new(|trouble| println!("trouble: {trouble:?}")),
    };
    let (tx, mut rx) = EventTx::channel(1024, Quota::new(1 << 30));
    let source = Arc::clone(upstream);
    let begin = Instant::now();
    let task = tokio::spawn(async move { source.pull(job, tx, CancellationToken::new()).await });
    let (mut rows, mut bytes, mut txns) = (0, 0, 0);
    while let Some(pulled) = rx.recv().await {
        match pulled.event {
            Event::Txn(txn) => {
                rows += txn.row_count();
                bytes += txn.blocks.iter().map(|block| block.source_bytes()).sum::<usize>();
                txns += 1;
            }
            Event::Resolved(ts) if ts >= to => break,
            _ => {}
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    task.abort();
    println!(
        "{what}: {rows} rows in {txns} events, {:.2} s, {:.0} rows/s, {:.0} MiB/s",
        seconds,
        rows as f64 / seconds,
        bytes as f64 / seconds / 1048576.0
    );
}
