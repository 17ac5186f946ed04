//! Values written by the sink read back from a real server as the very values they were.

use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tidegate_model::{
    ColumnInfo, ColumnType, Date, DateTime, Datum, RowBlockBuilder, RowOp, TableInfo, Time, Timestamp,
};

use super::session;
use super::testing::{Heard, batch, column, config, open, schema, table, txn};
use crate::sink::EventSink;

/// Rows of a run; the seed is printed by proptest's own runner when a case fails.
const ROWS: usize = 300;
const COLUMNS: [(&str, &str); 17] = [
    ("i", "BIGINT"),
    ("u", "BIGINT UNSIGNED"),
    ("f", "FLOAT"),
    ("d", "DOUBLE"),
    ("c", "DECIMAL(30,10)"),
    ("t", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    ("l", "VARCHAR(50) CHARACTER SET latin1"),
    ("b", "BLOB"),
    ("x", "BINARY(4)"),
    ("da", "DATE"),
    ("dt", "DATETIME(6)"),
    ("ts", "TIMESTAMP(6) NULL"),
    ("ti", "TIME(6)"),
    ("y", "YEAR"),
    ("bi", "BIT(64)"),
    ("e", "ENUM('1','it''s','') "),
    ("s", "SET('a','b','c')"),
];

/// An owned [`Datum`].
#[derive(Clone, Debug)]
enum Owned {
    Plain(Datum<'static>),
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
}

impl Owned {
    fn datum(&self) -> Datum<'_> {
        match self {
            Owned::Plain(datum) => *datum,
            Owned::Decimal(text) => Datum::Decimal(text),
            Owned::Text(text) => Datum::Text(text.as_bytes()),
            Owned::Bytes(bytes) => Datum::Bytes(bytes),
        }
    }

    /// What the binary protocol must answer.
    fn expected(&self) -> Value {
        match self {
            Owned::Decimal(text) | Owned::Text(text) => Value::Bytes(text.clone().into_bytes()),
            Owned::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Owned::Plain(datum) => expected(*datum),
        }
    }
}

fn expected(datum: Datum<'_>) -> Value {
    match datum {
        Datum::Int(v) => Value::Int(v),
        // The driver answers what fits as signed.
        Datum::UInt(v) => i64::try_from(v).map_or(Value::UInt(v), Value::Int),
        Datum::Float(v) => Value::Float(v),
        Datum::Double(v) => Value::Double(v),
        Datum::Year(v) => Value::Int(i64::from(v)),
        Datum::Bit(v) => Value::Bytes(v.to_be_bytes().to_vec()),
        Datum::Enum(v) => Value::Bytes(["", "1", "it's", ""][v as usize].into()),
        Datum::Set(v) => {
            let members: Vec<_> = ["a", "b", "c"]
                .into_iter()
                .enumerate()
                .filter(|(i, _)| v >> i & 1 == 1)
                .collect();
            Value::Bytes(
                members
                    .into_iter()
                    .map(|(_, name)| name)
                    .collect::<Vec<_>>()
                    .join(",")
                    .into(),
            )
        }
        Datum::Date(v) => Value::Date(v.year, v.month, v.day, 0, 0, 0, 0),
        Datum::DateTime(v) => Value::Date(v.year, v.month, v.day, v.hour, v.minute, v.second, v.micros),
        Datum::Timestamp(v) if v.is_zero() => Value::Date(0, 0, 0, 0, 0, 0, 0),
        Datum::Timestamp(v) => {
            let at = jiff::Timestamp::new(i64::from(v.seconds), 0)
                .unwrap()
                .to_zoned(jiff::tz::TimeZone::UTC);
            Value::Date(
                at.year() as u16,
                at.month() as u8,
                at.day() as u8,
                at.hour() as u8,
                at.minute() as u8,
                at.second() as u8,
                v.micros,
            )
        }
        Datum::Time(v) => {
            let (micros, all) = (
                (v.micros.unsigned_abs() % 1_000_000) as u32,
                v.micros.unsigned_abs() / 1_000_000,
            );
            let (hours, minute, second) = (all / 3600, (all / 60 % 60) as u8, (all % 60) as u8);
            Value::Time(
                v.micros < 0,
                (hours / 24) as u32,
                (hours % 24) as u8,
                minute,
                second,
                micros,
            )
        }
        _ => Value::NULL,
    }
}

fn plain(strategy: impl Strategy<Value = Datum<'static>> + 'static) -> BoxedStrategy<Owned> {
    prop_oneof![1 => Just(Datum::Null), 8 => strategy]
        .prop_map(Owned::Plain)
        .boxed()
}

fn date() -> impl Strategy<Value = Date> {
    let real = (1u16..=9999, 1u8..=12, 1u8..=31).prop_map(|(year, month, day)| Date { year, month, day });
    prop_oneof![
        8 => real,
        1 => Just(Date::default()),
        1 => Just(Date { year: 2024, month: 0, day: 0 }),
        1 => Just(Date { year: 2023, month: 2, day: 31 }),
    ]
}

fn datetime() -> impl Strategy<Value = DateTime> {
    (
        date(),
        0u8..24,
        0u8..60,
        0u8..60,
        prop_oneof![Just(0u32), 0u32..1_000_000],
    )
        .prop_map(
            |(Date { year, month, day }, hour, minute, second, micros)| match month {
                0 => DateTime {
                    year,
                    ..DateTime::default()
                },
                _ => DateTime {
                    year,
                    month,
                    day,
                    hour,
                    minute,
                    second,
                    micros,
                },
            },
        )
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let real =
        (1u32..=2_147_483_647, 0u32..1_000_000).prop_map(|(seconds, micros)| Timestamp { seconds, micros });
    prop_oneof![8 => real, 1 => Just(Timestamp::default())]
}

fn decimal() -> impl Strategy<Value = String> {
    (any::<bool>(), 0u64..1_000_000_000_000, 0u64..10_000_000_000).prop_map(|(minus, whole, part)| {
        let sign = if minus && (whole, part) != (0, 0) { "-" } else { "" };
        format!("{sign}{whole}.{part:010}")
    })
}

fn values() -> Vec<BoxedStrategy<Owned>> {
    // Letters, what SQL text treats specially, and characters of all lengths.
    let text = r#"[a-z'"\\\x00\n\r\x1a%_;`?éß€😀]{0,40}"#;
    vec![
        plain(any::<i64>().prop_map(Datum::Int)),
        plain(any::<u64>().prop_map(Datum::UInt)),
        plain(
            any::<f32>()
                .prop_filter("finite", |v| v.is_finite())
                .prop_map(Datum::Float),
        ),
        plain(
            any::<f64>()
                .prop_filter("finite", |v| v.is_finite())
                .prop_map(Datum::Double),
        ),
        decimal().prop_map(Owned::Decimal).boxed(),
        text.prop_map(Owned::Text).boxed(),
        "[a-z'\\\\éßÀ]{0,40}".prop_map(Owned::Text).boxed(),
        vec(any::<u8>(), 0..60).prop_map(Owned::Bytes).boxed(),
        vec(any::<u8>(), 4).prop_map(Owned::Bytes).boxed(),
        plain(date().prop_map(Datum::Date)),
        plain(datetime().prop_map(Datum::DateTime)),
        plain(timestamp().prop_map(Datum::Timestamp)),
        plain((-3_020_399_999_999i64..=3_020_399_999_999).prop_map(|micros| Datum::Time(Time { micros }))),
        plain(prop_oneof![Just(0u16), 1901u16..=2155].prop_map(Datum::Year)),
        plain(any::<u64>().prop_map(Datum::Bit)),
        plain((0u64..=3).prop_map(Datum::Enum)),
        plain((0u64..8).prop_map(Datum::Set)),
    ]
}

fn columns() -> Vec<ColumnInfo> {
    let mut columns = vec![column("id", ColumnType::Int)];
    columns.extend(COLUMNS.iter().map(|(name, _)| column(name, ColumnType::LongBlob)));
    columns
}

async fn read_back(conn: &mut Conn, query: &str) -> Vec<Vec<Value>> {
    let rows: Vec<Row> = conn.exec(query, ()).await.unwrap();
    rows.into_iter().map(Row::unwrap).collect()
}

/// Writes rows and reads them back.
async fn check(table: &Arc<TableInfo>, name: &str, rows: &[Vec<Owned>]) {
    let server = super::testing::server().await;
    let sink = open(server, name).await;
    let mut builder = RowBlockBuilder::new(Arc::clone(table), RowOp::Insert, bytes::Bytes::new());
    for (id, row) in rows.iter().enumerate() {
        builder.push(Datum::Int(id as i64));
        row.iter().for_each(|value| builder.push(value.datum()));
    }
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, vec![builder.finish()])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    check_stored(table, rows).await;
}

async fn check_stored(table: &Arc<TableInfo>, rows: &[Vec<Owned>]) {
    let server = super::testing::server().await;
    let (mut conn, _) = session::open(&config(server)).await.unwrap();
    let found = read_back(&mut conn, &format!("SELECT * FROM {} ORDER BY id", table.name)).await;
    assert_eq!(found.len(), rows.len());
    for (found, row) in found.iter().zip(rows) {
        for ((found, value), (column, _)) in found[1..].iter().zip(row).zip(COLUMNS) {
            assert_eq!(*found, value.expected(), "column {column}, written as {value:?}");
        }
    }
}

#[tokio::test]
async fn every_value_reads_back_as_it_was_written() {
    let definition: Vec<_> = COLUMNS.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let create = format!("CREATE TABLE t (id INT PRIMARY KEY, {})", definition.join(", "));
    schema("value_trip", &create).await;
    let table = table("value_trip", "t", columns(), &[0]);
    let mut runner = TestRunner::default();
    let strategies = values();
    let rows: Vec<Vec<Owned>> = (0..ROWS)
        .map(|_| {
            strategies
                .iter()
                .map(|s| s.new_tree(&mut runner).unwrap().current())
                .collect()
        })
        .collect();
    check(&table, "value-trip", &rows).await;
}

/// One statement updates many rows: values must not change because of those that stand beside them.
#[tokio::test]
async fn every_value_reads_back_as_it_was_updated() {
    let definition: Vec<_> = COLUMNS.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let create = format!("CREATE TABLE t (id INT PRIMARY KEY, {})", definition.join(", "));
    let server = schema("value_update", &create).await;
    let table = table("value_update", "t", columns(), &[0]);
    let mut runner = TestRunner::default();
    let strategies = values();
    let mut row = || -> Vec<Owned> {
        let values = strategies
            .iter()
            .map(|s| s.new_tree(&mut runner).unwrap().current());
        values.collect()
    };
    let before: Vec<_> = (0..ROWS).map(|_| row()).collect();
    let mut after: Vec<_> = (0..ROWS).map(|_| row()).collect();
    for (before, after) in before.iter().zip(&mut after) {
        // Columns of these types go alone.
        for (at, (_, ty)) in COLUMNS.iter().enumerate() {
            if ty.starts_with("BIT") || ty.starts_with("SET") {
                after[at] = before[at].clone();
            }
        }
    }
    check(&table, "value-update", &before).await;
    let mut builder = RowBlockBuilder::new(Arc::clone(&table), RowOp::Update, bytes::Bytes::new());
    for (id, (before, after)) in before.iter().zip(&after).enumerate() {
        for row in [before, after] {
            builder.push(Datum::Int(id as i64));
            row.iter().for_each(|value| builder.push(value.datum()));
        }
    }
    let sink = open(server, "value-update").await;
    let heard = Arc::new(Heard::default());
    let updates = |status: &str| {
        status
            .trim()
            .rsplit('\t')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    let count = "SHOW GLOBAL STATUS LIKE 'Com_update'";
    let earlier = updates(&server.sql(count).await.unwrap());
    sink.write(batch(&heard, 1, vec![txn(12, vec![builder.finish()])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let statements = updates(&server.sql(count).await.unwrap()) - earlier;
    assert!(statements < ROWS / 4, "{statements} statements");
    check_stored(&table, &after).await;
}

/// Each row is found and deleted by nothing but its own values: comparison agrees with what was stored.
#[tokio::test]
async fn every_row_without_a_key_is_found_by_its_values() {
    let definition: Vec<_> = COLUMNS.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let create = format!("CREATE TABLE t (id INT, {})", definition.join(", "));
    let server = schema("value_find", &create).await;
    let table = table("value_find", "t", columns(), &[]);
    let mut runner = TestRunner::default();
    let strategies = values();
    let rows: Vec<Vec<Owned>> = (0..100)
        .map(|_| {
            strategies
                .iter()
                .map(|s| s.new_tree(&mut runner).unwrap().current())
                .collect()
        })
        .collect();
    check(&table, "value-find", &rows).await;
    let sink = open(server, "value-find").await;
    let mut builder = RowBlockBuilder::new(Arc::clone(&table), RowOp::Delete, bytes::Bytes::new());
    for (id, row) in rows.iter().enumerate() {
        builder.push(Datum::Int(id as i64));
        row.iter().for_each(|value| builder.push(value.datum()));
    }
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(12, vec![builder.finish()])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    assert_eq!(server.sql("SELECT id FROM value_find.t").await.unwrap(), "");
}

/// Types of MariaDB that arrive as bytes, and geometry.
#[tokio::test]
async fn types_that_arrive_as_bytes_are_stored() {
    let create = "CREATE TABLE t (id INT PRIMARY KEY, u UUID, i4 INET4, i6 INET6, g GEOMETRY, j JSON)";
    let server = schema("value_bytes", create).await;
    let mut point = vec![0, 0, 0, 0, 1, 1, 0, 0, 0];
    point.extend_from_slice(&1.5f64.to_le_bytes());
    point.extend_from_slice(&(-2f64).to_le_bytes());
    let columns = ["id", "u", "i4", "i6", "g", "j"]
        .map(|name| column(name, ColumnType::LongBlob))
        .to_vec();
    let table = table("value_bytes", "t", columns, &[0]);
    let uuid: Vec<u8> = (1..=16).collect();
    let row = [
        Datum::Int(1),
        Datum::Bytes(&uuid),
        Datum::Bytes(&[10, 1, 2, 3]),
        Datum::Bytes(&uuid),
        Datum::Geometry(&point),
        Datum::Json("{\"a\": \"it's\"}"),
    ];
    let sink = open(server, "value-bytes").await;
    let heard = Arc::new(Heard::default());
    let block = super::testing::block(&table, RowOp::Insert, &[&row]);
    sink.write(batch(&heard, 1, vec![txn(10, vec![block])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let found = server
        .sql("SELECT u, i4, i6, ST_AsText(g), j FROM value_bytes.t")
        .await
        .unwrap();
    assert_eq!(
        found,
        "01020304-0506-0708-090a-0b0c0d0e0f10\t10.1.2.3\t102:304:506:708:90a:b0c:d0e:f10\tPOINT(1.5 -2)\t{\"a\": \
         \"it's\"}\n"
    );
}
