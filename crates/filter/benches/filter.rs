//! Rows per second through event filters.

use std::sync::Arc;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::tz::TimeZone;
use tidegate_filter::{EventFilter, EventRule, RowFilter};
use tidegate_model::{
    ColumnInfo, ColumnType, Datum, Generated, IndexInfo, RowBlock, RowBlockBuilder, RowOp, TableId,
    TableInfo, TableName, Timestamp, Ts,
};

const ROWS: usize = 1000;

/// Conditions as people write them. None of them drops more than a few rows.
const CONDITIONS: [&str; 9] = [
    "id < 0",
    "price > 99.99 AND state = 'void'",
    "state IN ('void', 'draft', 'test')",
    "name LIKE 'tmp%'",
    "name REGEXP '^tmp_[0-9]+$'",
    "LOWER(name) = 'nobody'",
    "updated < '2020-01-01'",
    "YEAR(updated) = 1999 OR price * 2 > 1000",
    "IFNULL(note, '') <> '' AND id % 1000 = 7",
];

fn main() {
    divan::main();
}

fn column(name: &str, ty: ColumnType) -> ColumnInfo {
    let is_text = matches!(ty, ColumnType::VarChar { .. });
    ColumnInfo {
        name: name.into(),
        ty,
        nullable: true,
        unsigned: false,
        zerofill: false,
        charset: if is_text { "utf8mb4" } else { "binary" }.into(),
        collation: is_text.then(|| "utf8mb4_general_ci".into()),
        default: None,
        generated: Generated::No,
        display_width: None,
    }
}

/// An update that moves no row.
fn rows() -> RowBlock {
    let table = Arc::new(TableInfo {
        name: TableName::new("shop", "orders"),
        id: TableId(1),
        version: Ts::ZERO,
        columns: vec![
            column("id", ColumnType::BigInt),
            column("name", ColumnType::VarChar { chars: 50 }),
            column("state", ColumnType::VarChar { chars: 10 }),
            column(
                "price",
                ColumnType::Decimal {
                    precision: 10,
                    scale: 2,
                },
            ),
            column("updated", ColumnType::Timestamp { fsp: 0 }),
            column("note", ColumnType::VarChar { chars: 50 }),
        ],
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    });
    let mut builder = RowBlockBuilder::new(table, RowOp::Update, Bytes::new());
    for row in 0..ROWS * 2 {
        let id = (row / 2) as i64;
        builder.push(Datum::Int(id));
        builder.push(Datum::Text(format!("customer number {id}").as_bytes()));
        builder.push(Datum::Text(b"paid"));
        builder.push(Datum::Decimal(&format!("{}.{:02}", id % 90, id % 100)));
        builder.push(Datum::Timestamp(Timestamp {
            seconds: 1_700_000_000,
            micros: 0,
        }));
        builder.push(Datum::Null);
    }
    builder.finish()
}

fn filter(rule: EventRule<'_>) -> RowFilter {
    let matcher = ["shop.*".to_owned()];
    let rule = EventRule {
        matcher: &matcher,
        ..rule
    };
    let filter = EventFilter::new(&[rule], TimeZone::UTC).expect("the rule is good");
    RowFilter::new(Arc::new(filter))
}

fn run(bencher: Bencher<'_, '_>, rule: EventRule<'_>) {
    let mut filter = filter(rule);
    let block = rows();
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| vec![block.clone()])
        .bench_local_refs(|blocks| filter.apply(blocks, Ts::ZERO));
}

/// A condition on the new row of updates.
#[divan::bench(args = CONDITIONS)]
fn by_value(bencher: Bencher<'_, '_>, condition: &str) {
    run(
        bencher,
        EventRule {
            update_new: condition,
            ..EventRule::default()
        },
    );
}

/// All updates are dropped.
#[divan::bench]
fn by_event(bencher: Bencher<'_, '_>) {
    let events = ["update".to_owned()];
    run(
        bencher,
        EventRule {
            ignore_event: &events,
            ..EventRule::default()
        },
    );
}

/// Rules about schema changes only: rows pass unread.
#[divan::bench]
fn no_rule_for_rows(bencher: Bencher<'_, '_>) {
    let events = ["all ddl".to_owned()];
    run(
        bencher,
        EventRule {
            ignore_event: &events,
            ..EventRule::default()
        },
    );
}
