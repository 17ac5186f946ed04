//! Rows per second of the encoders on a 20-column table.

#![allow(clippy::too_many_lines, reason = "one long table")]

use std::sync::Arc;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tidegate_codec::{CanalJsonEncoder, CanalJsonOptions, CsvEncoder, CsvOptions, Encoder};
use tidegate_model::{
    ColumnType as T, Date, DateTime, Datum, RowBlock, RowBlockBuilder, RowOp, Timestamp, Ts,
};

#[path = "../tests/formats/support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod support;

use support::{column, members, table, unsigned};

const ROWS: usize = 1000;

fn main() {
    divan::main();
}

fn rows() -> RowBlock {
    let mut columns = vec![
        unsigned(column("id", T::BigInt)),
        column("a", T::Int),
        column("b", T::Int),
        column("c", T::TinyInt),
    ];
    columns.extend([
        column("d", T::Double),
        column(
            "e",
            T::Decimal {
                precision: 12,
                scale: 2,
            },
        ),
    ]);
    columns.extend((0..7).map(|i| column(&format!("s{i}"), T::VarChar { chars: 64 })));
    columns.extend([
        column("dt", T::DateTime { fsp: 0 }),
        column("ts", T::Timestamp { fsp: 3 }),
        column("day", T::Date),
    ]);
    columns.extend([
        column("txt", T::Text),
        column(
            "en",
            T::Enum {
                members: members(&["x", "y"]),
            },
        ),
        column("js", T::Json),
    ]);
    columns.push(column("blob", T::Blob));
    let table = table("t", columns, &[0]);
    let mut builder = RowBlockBuilder::new(Arc::clone(&table), RowOp::Insert, Bytes::new());
    for id in 0..ROWS as u64 {
        for value in [
            Datum::UInt(id),
            Datum::Int(12_345),
            Datum::Int(-7),
            Datum::Int(1),
            Datum::Double(3.25),
        ] {
            builder.push(value);
        }
        builder.push(Datum::Decimal("12345.67"));
        (0..7).for_each(|_| builder.push(Datum::Text(b"some short text here")));
        builder.push(Datum::DateTime(DateTime {
            year: 2024,
            month: 5,
            day: 1,
            hour: 12,
            minute: 30,
            second: 0,
            micros: 0,
        }));
        builder.push(Datum::Timestamp(Timestamp {
            seconds: 1_714_566_600,
            micros: 250_000,
        }));
        builder.push(Datum::Date(Date {
            year: 2024,
            month: 5,
            day: 1,
        }));
        builder.push(Datum::Text(
            b"a somewhat longer text, as descriptions in shops tend to be",
        ));
        builder.push(Datum::Enum(1));
        builder.push(Datum::Json(r#"{"a": 1, "b": [1, 2]}"#));
        builder.push(Datum::Bytes(&[1, 2, 3, 4, 5, 6, 7, 8]));
    }
    builder.finish()
}

fn run(bencher: Bencher, mut encoder: impl Encoder) {
    let block = rows();
    let mut out = Vec::new();
    let mut encode = move || {
        out.clear();
        for row in block.rows() {
            encoder
                .row(
                    row,
                    Ts::from_u64(449_463_346_855_936_001),
                    1_714_566_605_000,
                    &mut out,
                )
                .expect("complete rows");
        }
        out.len()
    };
    let bytes = encode();
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::new(bytes))
        .bench_local(encode);
}

#[divan::bench]
fn csv(bencher: Bencher) {
    run(bencher, CsvEncoder::new(CsvOptions::default()));
}

#[divan::bench]
fn canal_json(bencher: Bencher) {
    run(bencher, CanalJsonEncoder::new(CanalJsonOptions::default()));
}
