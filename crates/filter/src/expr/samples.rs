//! A table with a column of every common type, and rows for it as SQL and as the binlog has them.

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use tidegate_model::{
    ColumnInfo, ColumnType, Date, DateTime, Datum, Generated, IndexInfo, RowBlock, RowBlockBuilder, RowOp,
    TableId, TableInfo, TableName, Time, Timestamp, Ts,
};

use super::convert::to_text;
use super::temporal;
use super::value::{Kind, Value};
use super::{Condition, EvalError, Expression};

pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    ty: ColumnType,
    unsigned: bool,
    collation: Option<&'static str>,
    /// As SQL literals; `NULL` among them.
    pub(super) values: &'static [&'static str],
}

fn members(names: &[&str]) -> Arc<[Box<str>]> {
    names.iter().map(|name| (*name).into()).collect()
}

fn sample(name: &'static str, sql: &'static str, ty: ColumnType, values: &'static [&'static str]) -> Sample {
    Sample {
        name,
        sql,
        ty,
        unsigned: sql.contains("UNSIGNED"),
        collation: sql.split("COLLATE ").nth(1),
        values,
    }
}

/// The columns of the table, without its key.
#[allow(clippy::too_many_lines, reason = "one long table")]
pub(super) fn samples() -> Vec<Sample> {
    use ColumnType as T;
    const TEXTS: &[&str] = &[
        "NULL",
        "''",
        "'a'",
        "'A'",
        "'abc'",
        "'ABC '",
        "'ä'",
        "'straße'",
        "'10'",
        "'2.50'",
        "'1e2'",
        "'-7x'",
        "'%_'",
        "'2020-02-29'",
        "'2021-12-31 23:59:59'",
        "'中文'",
        "' x '",
        "'aXbXc'",
    ];
    vec![
        sample(
            "i",
            "INT",
            T::Int,
            &["NULL", "0", "1", "-1", "5", "42", "20200101", "-2147483648"],
        ),
        sample(
            "b",
            "BIGINT",
            T::BigInt,
            &["NULL", "0", "7", "-3", "9223372036854775807", "100"],
        ),
        sample(
            "u",
            "BIGINT UNSIGNED",
            T::BigInt,
            &["NULL", "0", "1", "3", "18446744073709551615", "64"],
        ),
        sample(
            "n",
            "DECIMAL(20,3)",
            T::Decimal {
                precision: 20,
                scale: 3,
            },
            &[
                "NULL",
                "0.000",
                "1.000",
                "-1.500",
                "2.005",
                "12345678901.234",
                "0.125",
            ],
        ),
        sample(
            "f",
            "DOUBLE",
            T::Double,
            &["NULL", "0", "0.5", "-2.5", "1.5", "1000000", "3.75"],
        ),
        sample(
            "v",
            "VARCHAR(30) COLLATE utf8mb4_general_ci",
            T::VarChar { chars: 30 },
            TEXTS,
        ),
        sample(
            "w",
            "VARCHAR(30) COLLATE utf8mb4_bin",
            T::VarChar { chars: 30 },
            TEXTS,
        ),
        sample(
            "x",
            "VARCHAR(30) COLLATE utf8mb4_unicode_ci",
            T::VarChar { chars: 30 },
            TEXTS,
        ),
        sample(
            "d",
            "DATE",
            T::Date,
            &[
                "NULL",
                "'2020-02-29'",
                "'1999-12-31'",
                "'2021-01-31'",
                "'2024-06-15'",
            ],
        ),
        sample(
            "t",
            "DATETIME",
            T::DateTime { fsp: 0 },
            &[
                "NULL",
                "'2020-02-29 00:00:00'",
                "'2021-12-31 23:59:59'",
                "'2024-06-15 12:30:45'",
            ],
        ),
        sample(
            "s",
            "TIMESTAMP(6) NULL",
            T::Timestamp { fsp: 6 },
            &[
                "NULL",
                "'2020-02-29 10:00:00.500000'",
                "'2024-06-15 12:30:45.000001'",
            ],
        ),
        sample(
            "h",
            "TIME",
            T::Time { fsp: 0 },
            &["NULL", "'00:00:00'", "'12:30:45'", "'-10:00:01'", "'100:59:59'"],
        ),
        sample("y", "YEAR", T::Year, &["NULL", "1999", "2020"]),
        sample(
            "e",
            "ENUM('x','Y','10') COLLATE utf8mb4_general_ci",
            T::Enum {
                members: members(&["x", "Y", "10"]),
            },
            &["NULL", "'x'", "'Y'", "'10'"],
        ),
        sample(
            "j",
            "JSON",
            T::Json,
            &[
                "NULL",
                r#"'{"a": 5, "b": "text", "c": [1, 2.5, null], "d": {"e": true}}'"#,
                r#"'{"a": "5"}'"#,
                "'[10]'",
            ],
        ),
    ]
}

/// The table of the samples.
pub(super) fn table() -> Arc<TableInfo> {
    let column = |name: &str, ty: ColumnType, unsigned: bool, collation: Option<&str>| ColumnInfo {
        name: name.into(),
        charset: if collation.is_some() {
            "utf8mb4".into()
        } else {
            "binary".into()
        },
        collation: collation.map(Into::into),
        ty,
        nullable: true,
        unsigned,
        zerofill: false,
        default: None,
        generated: Generated::No,
        display_width: None,
    };
    let mut columns = vec![column("id", ColumnType::Int, false, None)];
    columns.extend(
        samples()
            .into_iter()
            .map(|sample| column(sample.name, sample.ty, sample.unsigned, sample.collation)),
    );
    Arc::new(TableInfo {
        name: TableName::new("shop", "samples"),
        id: TableId(1),
        version: Ts::ZERO,
        columns,
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    })
}

/// A block of inserted rows: for each, the position of a value in each column's list.
pub(super) fn block(table: &Arc<TableInfo>, rows: &[Vec<usize>]) -> RowBlock {
    let samples = samples();
    let mut builder = RowBlockBuilder::new(Arc::clone(table), RowOp::Insert, Bytes::new());
    for (id, row) in rows.iter().enumerate() {
        builder.push(Datum::Int(i64::try_from(id).unwrap()));
        for (sample, position) in samples.iter().zip(row) {
            push(&mut builder, sample, sample.values[*position]);
        }
    }
    builder.finish()
}

fn push(builder: &mut RowBlockBuilder, sample: &Sample, literal: &str) {
    let text = literal.trim_matches('\'');
    let at = || temporal::read_datetime(text).unwrap().value;
    if literal == "NULL" {
        builder.push(Datum::Null);
        return;
    }
    match &sample.ty {
        ColumnType::Int => builder.push(Datum::Int(text.parse().unwrap())),
        ColumnType::BigInt if sample.unsigned => builder.push(Datum::UInt(text.parse().unwrap())),
        ColumnType::BigInt => builder.push(Datum::Int(text.parse().unwrap())),
        ColumnType::Decimal { .. } => builder.push(Datum::Decimal(text)),
        ColumnType::Double => builder.push(Datum::Double(text.parse().unwrap())),
        ColumnType::VarChar { .. } => builder.push(Datum::Text(text.as_bytes())),
        ColumnType::Date => builder.push(Datum::Date(date(at()))),
        ColumnType::DateTime { .. } => builder.push(Datum::DateTime(at())),
        ColumnType::Timestamp { .. } => {
            let at = at();
            let days = temporal::day_number(date(at)).unwrap()
                - temporal::day_number(Date {
                    year: 1970,
                    month: 1,
                    day: 1,
                })
                .unwrap();
            let seconds = days * 86_400 + temporal::time_of(at) / temporal::MICROS_PER_SECOND;
            builder.push(Datum::Timestamp(Timestamp {
                seconds: u32::try_from(seconds).unwrap(),
                micros: at.micros,
            }));
        }
        ColumnType::Time { .. } => {
            let micros = temporal::read_time(text).unwrap().value;
            builder.push(Datum::Time(Time { micros }));
        }
        ColumnType::Year => builder.push(Datum::Year(text.parse().unwrap())),
        ColumnType::Enum { members } => {
            let index = members.iter().position(|member| **member == *text).unwrap();
            builder.push(Datum::Enum(index as u64 + 1));
        }
        ColumnType::Json => builder.push(Datum::Json(text)),
        other => panic!("no sample of {other:?}"),
    }
}

fn date(at: DateTime) -> Date {
    temporal::date_of(at)
}

/// The expression bound to the table of the samples.
pub(super) fn bound(text: &str, table: &TableInfo) -> tidegate_model::Result<Condition> {
    let expression = Arc::new(Expression::parse("test", text)?);
    Condition::new(&expression, table, &TimeZone::UTC)
}

/// The value of an expression over one row, as text; `NULL`.
pub(super) fn shown(
    condition: &Condition,
    block: &RowBlock,
    row: usize,
    kind: Kind,
) -> Result<String, EvalError> {
    let image = block.row(row).after().unwrap();
    let value: Value<'_> = condition.value(image)?;
    Ok(to_text(value, kind).map_or_else(
        || "NULL".to_owned(),
        |text| String::from_utf8_lossy(&text).into_owned(),
    ))
}
