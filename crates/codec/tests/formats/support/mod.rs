//! Tables and rows to encode.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{
    ColumnInfo, ColumnType, Datum, Generated, IndexInfo, RowBlock, RowBlockBuilder, RowOp, TableId,
    TableInfo, TableName, Timestamp, Ts,
};

/// A nullable signed column without default.
pub(crate) fn column(name: &str, ty: ColumnType) -> ColumnInfo {
    let text = matches!(
        ty,
        ColumnType::Char { .. }
            | ColumnType::VarChar { .. }
            | ColumnType::TinyText
            | ColumnType::Text
            | ColumnType::MediumText
            | ColumnType::LongText
            | ColumnType::Enum { .. }
            | ColumnType::Set { .. }
    );
    ColumnInfo {
        name: name.into(),
        ty,
        nullable: true,
        unsigned: false,
        zerofill: false,
        charset: if text { "utf8mb4" } else { "binary" }.into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    }
}

pub(crate) fn not_null(mut column: ColumnInfo) -> ColumnInfo {
    column.nullable = false;
    column
}

pub(crate) fn unsigned(mut column: ColumnInfo) -> ColumnInfo {
    column.unsigned = true;
    column
}

pub(crate) fn members(names: &[&str]) -> Arc<[Box<str>]> {
    names.iter().map(|&name| name.into()).collect()
}

pub(crate) fn table(name: &str, columns: Vec<ColumnInfo>, key: &[usize]) -> Arc<TableInfo> {
    let primary = IndexInfo {
        name: "PRIMARY".into(),
        primary: true,
        columns: key.to_vec(),
    };
    Arc::new(TableInfo {
        name: TableName::new("shop", name),
        id: TableId(112),
        version: Ts::from_u64(449_463_346_000_000_000),
        columns,
        indexes: if key.is_empty() { vec![] } else { vec![primary] },
    })
}

/// The table of the documented samples.
pub(crate) fn orders() -> Arc<TableInfo> {
    let mut state = not_null(column(
        "state",
        ColumnType::Enum {
            members: members(&["new", "paid"]),
        },
    ));
    state.default = Some("new".into());
    table(
        "orders",
        vec![
            not_null(unsigned(column("id", ColumnType::BigInt))),
            not_null(column("sku", ColumnType::VarChar { chars: 32 })),
            not_null(column("qty", ColumnType::Int)),
            column(
                "price",
                ColumnType::Decimal {
                    precision: 10,
                    scale: 2,
                },
            ),
            state,
            column("tag", ColumnType::VarBinary { bytes: 8 }),
            not_null(column("placed", ColumnType::Timestamp { fsp: 3 })),
        ],
        &[0],
    )
}

/// `orders` after `ADD COLUMN note`.
pub(crate) fn orders_with_note() -> Arc<TableInfo> {
    let mut table = TableInfo::clone(&orders());
    table
        .columns
        .push(column("note", ColumnType::VarChar { chars: 64 }));
    Arc::new(table)
}

pub(crate) fn first_image() -> Vec<Datum<'static>> {
    vec![
        Datum::UInt(7),
        Datum::Text(b"A-1"),
        Datum::Int(2),
        Datum::Decimal("19.90"),
        Datum::Enum(1),
        Datum::Bytes(&[0x00, 0xff, 0x41]),
        Datum::Timestamp(Timestamp {
            seconds: 1_714_566_600,
            micros: 250_000,
        }),
    ]
}

pub(crate) fn second_image() -> Vec<Datum<'static>> {
    let mut image = first_image();
    image[2] = Datum::Int(3);
    image[4] = Datum::Enum(2);
    image[5] = Datum::Null;
    image
}

pub(crate) fn block(table: &Arc<TableInfo>, op: RowOp, images: &[Vec<Datum<'_>>]) -> RowBlock {
    let mut builder = RowBlockBuilder::new(Arc::clone(table), op, Bytes::new());
    for &datum in images.iter().flatten() {
        builder.push(datum);
    }
    builder.finish()
}

/// Insert, update and delete of the documented samples with their commit-ts.
pub(crate) fn changes() -> [(RowBlock, Ts); 3] {
    let table = orders();
    [
        (
            block(&table, RowOp::Insert, &[first_image()]),
            Ts::from_u64(449_463_346_855_936_001),
        ),
        (
            block(&table, RowOp::Update, &[first_image(), second_image()]),
            Ts::from_u64(449_463_347_118_080_001),
        ),
        (
            block(&table, RowOp::Delete, &[second_image()]),
            Ts::from_u64(449_463_347_380_224_001),
        ),
    ]
}
