//! How fast the MySQL sink applies one-row transactions: from batches in memory to a private MariaDB.
//!
//! Run: `cargo bench -p tidegate-sink --bench apply [-- TRANSACTIONS [DELAY_MS]]`. Prints rows per second for inserts,
//! updates and deletes with 1, 4 and 16 writers. `DELAY_MS`: how long the way to the server takes, each way.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, not a product"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tidegate_api::{ReplicaConfig, SinkUri};
use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_model::{
    Ack, AckTarget, ChangefeedId, Clock, ColumnInfo, ColumnType, Datum, Generated, IndexInfo,
    RowBlockBuilder, RowOp, SystemClock, TableId, TableInfo, TableName, Ts, TxnBatch, TxnEvent,
};
use tidegate_sink::{EventSink, OnTrouble, SinkSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const TABLE: &str = "CREATE DATABASE bench; CREATE TABLE bench.t (id BIGINT PRIMARY KEY, code VARCHAR(30) CHARACTER SET \
    utf8mb4 COLLATE utf8mb4_general_ci, name VARCHAR(60), amount DECIMAL(12,2), n INT, at DATETIME, UNIQUE KEY by_code \
    (code))";
/// Transactions in one batch: what a busy engine hands over.
const BATCH: usize = 512;

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Work {
    Insert,
    Update,
    Delete,
}

/// Counts batches that are durable.
#[derive(Default)]
struct Durable(AtomicU64);

impl AckTarget for Durable {
    fn durable(&self, _seq: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn lost(&self, seq: u64) {
        panic!("batch {seq} is lost");
    }
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let rows = numbers.next().unwrap_or(50_000);
    let delay = Duration::from_millis(numbers.next().unwrap_or(0));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(rows, delay));
}

async fn run(rows: u64, delay: Duration) {
    let options = ServerOptions {
        buffer_pool_mib: 512,
        ..ServerOptions::default()
    };
    let server = Server::start(options).await.unwrap();
    server.sql(TABLE).await.unwrap();
    let (port, _proxy) = proxy(server.port(), delay).await;
    println!(
        "{rows} transactions of one row, {} ms each way",
        delay.as_millis()
    );
    for workers in [1, 4, 16] {
        server.sql("TRUNCATE bench.t").await.unwrap();
        let uri = server
            .uri(User::Root)
            .replace(&server.port().to_string(), &port.to_string());
        let sink = open(&format!("{}?worker-count={workers}", uri.trim_end_matches('/'))).await;
        for work in [Work::Insert, Work::Update, Work::Delete] {
            let before = load();
            let took = apply(&*sink, work, rows).await;
            println!(
                "workers {workers:>2} {work:?}: {:>7.0} rows/s, load {before:.1} -> {:.1}",
                rows as f64 / took.as_secs_f64(),
                load()
            );
        }
        sink.close(Duration::from_secs(10)).await.unwrap();
        let left = server.sql("SELECT COUNT(*) FROM bench.t").await.unwrap();
        assert_eq!(left.trim(), "0");
    }
}

async fn open(uri: &str) -> Arc<dyn EventSink> {
    let spec = SinkSpec {
        changefeed: ChangefeedId::new("default", "bench"),
        cluster_id: "bench".to_owned(),
        incarnation: "1".to_owned(),
        uri: SinkUri::parse(uri).unwrap(),
        config: ReplicaConfig::default(),
        replicate_ts: Ts::ZERO,
        time_zone: TimeZone::UTC,
        on_trouble: OnTrouble::new(|trouble| println!("{}", trouble.error)),
    };
    tidegate_sink::open(spec).await.unwrap()
}

async fn apply(sink: &dyn EventSink, work: Work, rows: u64) -> Duration {
    let table = table();
    // Later than everything that an earlier run may have written.
    let first = Ts::from_physical_ms(SystemClock.unix_ms() + 3_600_000).as_u64();
    let txns: Vec<TxnEvent> = (0..rows)
        .map(|i| txn(&table, work, i * 7919 % rows, first + i * 2))
        .collect();
    let heard = Arc::new(Durable::default());
    let mut batches = 0;
    let mut left = txns.into_iter();
    let started = Instant::now();
    loop {
        let txns: Vec<TxnEvent> = left.by_ref().take(BATCH).collect();
        if txns.is_empty() {
            break;
        }
        let ack = Ack::new(Arc::clone(&heard) as Arc<dyn AckTarget>, batches);
        sink.write(TxnBatch { txns, ack }).await.unwrap();
        batches += 1;
    }
    sink.flush().await.unwrap();
    assert_eq!(heard.0.load(Ordering::Relaxed), batches);
    started.elapsed()
}

fn txn(table: &Arc<TableInfo>, work: Work, id: u64, commit_ts: u64) -> TxnEvent {
    let op = match work {
        Work::Insert => RowOp::Insert,
        Work::Update => RowOp::Update,
        Work::Delete => RowOp::Delete,
    };
    let mut builder = RowBlockBuilder::new(Arc::clone(table), op, bytes::Bytes::new());
    let images = match work {
        Work::Insert => &[0][..],
        Work::Update => &[0, 1],
        Work::Delete => &[1],
    };
    let code = format!("C-{id:012}");
    for image in images {
        let name = format!("the name of item {id}, version {image}");
        let amount = format!("{}.{image}0", id % 10_000);
        builder.push(Datum::Int(id as i64));
        builder.push(Datum::Text(code.as_bytes()));
        builder.push(Datum::Text(name.as_bytes()));
        builder.push(Datum::Decimal(&amount));
        builder.push(Datum::Int(id as i64 % 100));
        builder.push(Datum::Null);
    }
    TxnEvent {
        start_ts: Ts::from_u64(commit_ts - 1),
        commit_ts: Ts::from_u64(commit_ts),
        part: 0,
        last: true,
        origin: "bench".into(),
        blocks: vec![builder.finish()],
    }
}

fn table() -> Arc<TableInfo> {
    let columns = [
        ("id", ColumnType::BigInt, false),
        ("code", ColumnType::VarChar { chars: 30 }, true),
        ("name", ColumnType::VarChar { chars: 60 }, true),
        (
            "amount",
            ColumnType::Decimal {
                precision: 12,
                scale: 2,
            },
            true,
        ),
        ("n", ColumnType::Int, true),
        ("at", ColumnType::DateTime { fsp: 0 }, true),
    ];
    let columns = columns.map(|(name, ty, nullable)| ColumnInfo {
        name: name.into(),
        ty,
        nullable,
        unsigned: false,
        zerofill: false,
        charset: "utf8mb4".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    });
    let index = |name: &str, primary, column| IndexInfo {
        name: name.into(),
        primary,
        columns: vec![column],
    };
    Arc::new(TableInfo {
        name: TableName::new("bench", "t"),
        id: TableId(1),
        version: Ts::from_u64(1),
        columns: columns.into(),
        indexes: vec![index("PRIMARY", true, 0), index("by_code", false, 1)],
    })
}

/// A port that leads to `port` by a way of this length. Without a delay it is the port itself.
async fn proxy(port: u16, delay: Duration) -> (u16, JoinSet<()>) {
    let mut tasks = JoinSet::new();
    if delay.is_zero() {
        return (port, tasks);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        let mut ways = JoinSet::new();
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (client_in, client_out) = client.into_split();
            let (server_in, server_out) = server.into_split();
            ways.spawn(way(client_in, server_out, delay));
            ways.spawn(way(server_in, client_out, delay));
        }
    });
    (own, tasks)
}

async fn way(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, delay: Duration) {
    let (packets, mut delayed) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let send = async {
        while let Some((due, bytes)) = delayed.recv().await {
            tokio::time::sleep_until(due.into()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let receive = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(len @ 1..) = from.read(&mut buffer).await {
            if packets
                .send((Instant::now() + delay, buffer[..len].to_vec()))
                .await
                .is_err()
            {
                return;
            }
        }
    };
    tokio::join!(send, receive);
}

/// Processes that wait for the machine's processors, on average over a minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or_default()
}
