//! Every column type through every format, against committed files. `UPDATE_GOLDEN=1` writes them anew.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_codec::{
    BinaryEncoding, CanalJsonEncoder, CanalJsonOptions, CsvEncoder, CsvOptions, Encoder, SchemaFile,
};
use tidegate_model::{
    ColumnInfo, ColumnType as T, Date, DateTime, Datum, Generated, RowBlock, RowOp, TableInfo, Time,
    Timestamp, Ts,
};

use crate::support::*;

/// Compares with `tests/golden/<name>`.
pub(crate) fn golden(name: &str, actual: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expect = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(
        String::from_utf8_lossy(actual),
        String::from_utf8_lossy(&expect),
        "{name}"
    );
}

const LAST: DateTime = DateTime {
    year: 9999,
    month: 12,
    day: 31,
    hour: 23,
    minute: 59,
    second: 59,
    micros: 999_999,
};

/// One column with the values worth showing.
fn cases() -> Vec<(ColumnInfo, Vec<Datum<'static>>)> {
    let ints = |name: &str, ty: T, min: i64, max: i64| {
        (
            column(name, ty),
            vec![Datum::Int(min), Datum::Int(-1), Datum::Int(max)],
        )
    };
    let uints = |name: &str, ty: T, limit: u64, max: u64| {
        (
            unsigned(column(name, ty)),
            vec![
                Datum::UInt(0),
                Datum::UInt(limit),
                Datum::UInt(limit + 1),
                Datum::UInt(max),
            ],
        )
    };
    let text = |name: &str, ty: T| {
        (
            column(name, ty),
            vec![Datum::Text(b""), Datum::Text("h\u{e9}<&>\"\\,\r\n".as_bytes())],
        )
    };
    let bytes = |name: &str, ty: T| {
        (
            column(name, ty),
            vec![Datum::Bytes(b""), Datum::Bytes(&[0, 0x1f, 0x7f, 0x80, 0xff])],
        )
    };
    let mut cases = vec![
        ints("tiny", T::TinyInt, -128, 127),
        ints("small", T::SmallInt, -32768, 32767),
        ints("medium", T::MediumInt, -8_388_608, 8_388_607),
        ints("int", T::Int, i32::MIN.into(), i32::MAX.into()),
        ints("big", T::BigInt, i64::MIN, i64::MAX),
        uints("utiny", T::TinyInt, 127, 255),
        uints("usmall", T::SmallInt, 32_767, 65_535),
        uints("umedium", T::MediumInt, 8_388_607, 16_777_215),
        uints("uint", T::Int, 2_147_483_647, 4_294_967_295),
        uints("ubig", T::BigInt, i64::MAX as u64, u64::MAX),
        (
            column("float", T::Float),
            [0.1f32, -1e30, 1e-7, 123_456.5, 0.0].map(Datum::Float).to_vec(),
        ),
        (
            column("double", T::Double),
            [0.1f64, 1e300, -1e-300, 1e6, 999_999.5]
                .map(Datum::Double)
                .to_vec(),
        ),
        (
            column(
                "dec",
                T::Decimal {
                    precision: 65,
                    scale: 30,
                },
            ),
            vec![Datum::Decimal("-0.50"), Datum::Decimal("19.90")],
        ),
        (
            column("bit", T::Bit { bits: 64 }),
            vec![Datum::Bit(0), Datum::Bit(u64::MAX)],
        ),
        (
            column("year", T::Year),
            vec![Datum::Year(0), Datum::Year(1901), Datum::Year(2155)],
        ),
        (
            column("date", T::Date),
            vec![
                Datum::Date(Date::default()),
                Datum::Date(Date {
                    year: 2024,
                    month: 2,
                    day: 0,
                }),
            ],
        ),
        (
            column("time", T::Time { fsp: 0 }),
            vec![
                Datum::Time(Time {
                    micros: -3_020_399_000_000,
                }),
                Datum::Time(Time { micros: 0 }),
            ],
        ),
        (
            column("time6", T::Time { fsp: 6 }),
            vec![
                Datum::Time(Time { micros: -1 }),
                Datum::Time(Time {
                    micros: 3_020_399_999_999,
                }),
            ],
        ),
        (
            column("dt", T::DateTime { fsp: 0 }),
            vec![
                Datum::DateTime(DateTime::default()),
                Datum::DateTime(DateTime { micros: 0, ..LAST }),
            ],
        ),
        (column("dt6", T::DateTime { fsp: 6 }), vec![Datum::DateTime(LAST)]),
        (
            column("ts", T::Timestamp { fsp: 0 }),
            vec![
                Datum::Timestamp(Timestamp::default()),
                Datum::Timestamp(Timestamp {
                    seconds: 1,
                    micros: 0,
                }),
            ],
        ),
        (
            column("ts3", T::Timestamp { fsp: 3 }),
            vec![Datum::Timestamp(Timestamp {
                seconds: u32::MAX,
                micros: 123_000,
            })],
        ),
        text("char", T::Char { chars: 10 }),
        text("varchar", T::VarChar { chars: 300 }),
        text("ttext", T::TinyText),
        text("text", T::Text),
        text("mtext", T::MediumText),
        text("ltext", T::LongText),
        bytes("binary", T::Binary { bytes: 5 }),
        bytes("varbinary", T::VarBinary { bytes: 300 }),
        bytes("tblob", T::TinyBlob),
        bytes("blob", T::Blob),
        bytes("mblob", T::MediumBlob),
        bytes("lblob", T::LongBlob),
        (
            column(
                "enum",
                T::Enum {
                    members: members(&["a", "b'c", "d,e"]),
                },
            ),
            vec![Datum::Enum(0), Datum::Enum(2), Datum::Enum(3)],
        ),
        (
            column(
                "set",
                T::Set {
                    members: members(&["a", "b", "c"]),
                },
            ),
            vec![Datum::Set(0), Datum::Set(5)],
        ),
        (
            column("json", T::Json),
            vec![Datum::Json(r#"{"a": 1, "b": ["x\ny"]}"#)],
        ),
        (
            column("geo", T::Geometry),
            vec![Datum::Geometry(&[0, 0, 0, 0, 1])],
        ),
        (
            column("vec", T::Vector { dimensions: 2 }),
            vec![Datum::Vector(&[0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0])],
        ),
        (column("uuid", T::Uuid), vec![Datum::Bytes(&[0x12; 16])]),
        (column("inet4", T::Inet4), vec![Datum::Bytes(&[192, 168, 0, 1])]),
        (column("inet6", T::Inet6), vec![Datum::Bytes(&[0; 16])]),
    ];
    for (_, values) in &mut cases {
        values.push(Datum::Null);
    }
    cases
}

fn one_column_table(column: ColumnInfo) -> Arc<TableInfo> {
    table("t", vec![not_null(self::column("id", T::Int)), column], &[0])
}

fn inserts() -> Vec<RowBlock> {
    cases()
        .into_iter()
        .map(|(column, values)| {
            let rows: Vec<_> = values
                .into_iter()
                .map(|value| vec![Datum::Int(1), value])
                .collect();
            block(&one_column_table(column), RowOp::Insert, &rows)
        })
        .collect()
}

fn encode(mut encoder: impl Encoder) -> Vec<u8> {
    let mut out = Vec::new();
    for block in inserts() {
        for row in block.rows() {
            encoder
                .row(
                    row,
                    Ts::from_u64(449_463_346_855_936_001),
                    1_714_566_605_000,
                    &mut out,
                )
                .unwrap();
        }
    }
    out
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

#[test]
fn canal_json() {
    let options = CanalJsonOptions {
        time_zone: berlin(),
        ..CanalJsonOptions::default()
    };
    golden("types.canal.json", &encode(CanalJsonEncoder::new(options)));
}

#[test]
fn canal_json_content_compatible() {
    let options = CanalJsonOptions {
        content_compatible: true,
        ..CanalJsonOptions::default()
    };
    golden(
        "types.canal.compatible.json",
        &encode(CanalJsonEncoder::new(options)),
    );
}

#[test]
fn every_canal_json_document_is_json() {
    for line in String::from_utf8(encode(CanalJsonEncoder::new(CanalJsonOptions::default())))
        .unwrap()
        .lines()
    {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn csv() {
    let options = CsvOptions {
        time_zone: berlin(),
        terminator: "\n".to_owned(),
        ..CsvOptions::default()
    };
    golden("types.csv", &encode(CsvEncoder::new(options)));
}

#[test]
fn csv_without_quotes_and_with_hex() {
    let options = CsvOptions {
        quote: None,
        binary_encoding: BinaryEncoding::Hex,
        ..CsvOptions::default()
    };
    golden("types.escaped.csv", &encode(CsvEncoder::new(options)));
}

#[test]
fn schema_file() {
    let columns = cases().into_iter().map(|(column, _)| column).collect();
    let file = SchemaFile::of_table(&table("t", columns, &[]), Ts::from_u64(7), true);
    golden("types.schema.json", &file.content());
}

#[test]
fn virtual_columns_are_left_out_and_stored_ones_kept() {
    let generated = |name: &str, generated| ColumnInfo {
        generated,
        ..column(name, T::Int)
    };
    let t = table(
        "t",
        vec![
            column("a", T::Int),
            generated("v", Generated::Virtual),
            generated("s", Generated::Stored),
        ],
        &[0],
    );
    let block = block(
        &t,
        RowOp::Insert,
        &[vec![Datum::Int(1), Datum::Int(2), Datum::Int(3)]],
    );
    let mut csv = CsvEncoder::new(CsvOptions::default());
    let mut out = Vec::new();
    csv.row(block.row(0), Ts::ZERO, 0, &mut out).unwrap();
    assert_eq!(out, b"\"I\",\"t\",\"shop\",1,3\r\n");
    let mut canal = CanalJsonEncoder::new(CanalJsonOptions::default());
    let mut out = Vec::new();
    canal.row(block.row(0), Ts::ZERO, 0, &mut out).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["data"][0], serde_json::json!({"a": "1", "s": "3"}));
}
