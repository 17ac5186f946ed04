//! How fast the storage sink turns rows into files: from batches in memory to a directory.
//!
//! Run: `cargo bench -p tidegate-sink --bench files [-- ROWS]`. Prints rows and megabytes per second for each format.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement, not a product"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::tz::TimeZone;
use tidegate_api::{ReplicaConfig, SinkUri};
use tidegate_model::{
    Ack, AckTarget, ChangefeedId, ColumnInfo, ColumnType, Date, DateTime, Datum, Generated, IndexInfo,
    RowBlock, RowBlockBuilder, RowOp, TableId, TableInfo, TableName, Timestamp, Ts, TxnBatch, TxnEvent,
};
use tidegate_sink::{EventSink, OnTrouble, SinkSpec};

/// Rows of one batch: what a busy engine hands over at once.
const BATCH_ROWS: u64 = 5_000;
/// Batches that wait at most, as under a memory quota.
const WAITING_MAX: u64 = 64;

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
    let rows = std::env::args().skip(1).find_map(|arg| arg.parse::<u64>().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let block = block();
    for protocol in ["csv", "canal-json"] {
        let dir = tempfile::tempdir().unwrap();
        let took = runtime.block_on(write(dir.path(), protocol, &block, rows.unwrap_or(1_000_000)));
        let rows = rows.unwrap_or(1_000_000) as f64;
        let bytes = size(dir.path()) as f64;
        println!(
            "{protocol:10} {:>8.0} rows/s {:>6.0} MB/s",
            rows / took.as_secs_f64(),
            bytes / 1e6 / took.as_secs_f64()
        );
    }
}

async fn write(dir: &Path, protocol: &str, block: &RowBlock, rows: u64) -> Duration {
    let spec = SinkSpec {
        changefeed: ChangefeedId::new("default", "bench"),
        cluster_id: "bench".to_owned(),
        incarnation: "1".to_owned(),
        uri: SinkUri::parse(&format!("file://{}?protocol={protocol}", dir.display())).unwrap(),
        config: ReplicaConfig::default(),
        replicate_ts: Ts::ZERO,
        time_zone: TimeZone::UTC,
        on_trouble: OnTrouble::default(),
    };
    let sink: Arc<dyn EventSink> = tidegate_sink::open(spec).await.unwrap();
    let durable = Arc::new(Durable::default());
    let started = Instant::now();
    for seq in 0..rows / BATCH_ROWS {
        while seq - durable.0.load(Ordering::Relaxed) > WAITING_MAX {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ack = Ack::new(Arc::clone(&durable) as Arc<dyn AckTarget>, seq);
        let txns = vec![txn(block.clone(), 10 + seq * 2)];
        sink.write(TxnBatch { txns, ack }).await.unwrap();
    }
    sink.flush().await.unwrap();
    let took = started.elapsed();
    sink.close(Duration::from_secs(10)).await.unwrap();
    took
}

fn txn(block: RowBlock, ts: u64) -> TxnEvent {
    TxnEvent {
        start_ts: Ts::from_u64(ts - 1),
        commit_ts: Ts::from_u64(ts),
        part: 0,
        last: true,
        origin: "".into(),
        blocks: vec![block],
    }
}

/// The table of `cargo xtask bench`.
fn table() -> Arc<TableInfo> {
    use ColumnType as T;
    let members: Vec<Box<str>> = ["a", "b", "c"].map(Box::from).to_vec();
    let columns = [
        ("id", T::BigInt),
        ("a", T::Int),
        ("b", T::Int),
        ("c", T::BigInt),
        ("d", T::SmallInt),
        ("e", T::TinyInt),
        (
            "price",
            T::Decimal {
                precision: 12,
                scale: 2,
            },
        ),
        ("rate", T::Double),
        ("ratio", T::Float),
        ("day", T::Date),
        ("at", T::DateTime { fsp: 3 }),
        ("changed", T::Timestamp { fsp: 0 }),
        ("flag", T::Bit { bits: 1 }),
        (
            "kind",
            T::Enum {
                members: members.into(),
            },
        ),
        ("code", T::Char { chars: 8 }),
        ("name", T::VarChar { chars: 60 }),
        ("city", T::VarChar { chars: 40 }),
        ("note", T::VarChar { chars: 120 }),
        ("raw", T::VarBinary { bytes: 32 }),
        ("body", T::Text),
    ];
    let column = |(name, ty): (&str, ColumnType)| ColumnInfo {
        name: name.into(),
        unsigned: name == "b",
        ty,
        nullable: true,
        zerofill: false,
        charset: "utf8mb4".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    };
    Arc::new(TableInfo {
        name: TableName::new("bench", "wide"),
        id: TableId(1),
        version: Ts::from_u64(5),
        columns: columns.into_iter().map(column).collect(),
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    })
}

fn block() -> RowBlock {
    let mut builder = RowBlockBuilder::new(table(), RowOp::Insert, Bytes::new());
    let date = DateTime {
        year: 2021,
        month: 3,
        day: 4,
        hour: 5,
        minute: 6,
        second: 7,
        micros: 250_000,
    };
    for id in 0..i64::try_from(BATCH_ROWS).unwrap() {
        let n = usize::try_from(id % 20).unwrap();
        let text = |text: String| text.into_bytes();
        let (code, name, city) = (
            text(format!("{id:08}")),
            text(format!("name of row {id}")),
            text(format!("city {id}")),
        );
        let (note, body) = (text("note ".repeat(n)), text("body text ".repeat(n % 12)));
        for value in [
            Datum::Int(id),
            Datum::Int(id * 7),
            Datum::UInt(id.unsigned_abs()),
            Datum::Int(id * 1_000_003),
            Datum::Int(id % 30_000),
            Datum::Int(id % 100),
            Datum::Decimal("1234567.89"),
            Datum::Double(id as f64 / 3.0),
            Datum::Float(id as f32 / 7.0),
            Datum::Date(Date {
                year: 2021,
                month: 3,
                day: 4,
            }),
            Datum::DateTime(date),
            Datum::Timestamp(Timestamp {
                seconds: 1_614_834_367,
                micros: 0,
            }),
            Datum::Bit(1),
            Datum::Enum(2),
            Datum::Text(&code),
            Datum::Text(&name),
            Datum::Text(&city),
            Datum::Text(&note),
            Datum::Bytes(&[0x9a, 1, 2, 3, 0xf4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
            Datum::Text(&body),
        ] {
            builder.push(value);
        }
    }
    builder.finish()
}

fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                size(&path)
            } else {
                path.metadata().unwrap().len()
            }
        })
        .sum()
}
