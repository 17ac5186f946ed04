//! Rows of whole numbers: enough to tell two states of a table apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{
    ColumnInfo, ColumnType, Datum, Generated, Image, IndexInfo, RowBlock, RowBlockBuilder, RowOp, TableId,
    TableInfo, TableName, Ts,
};

/// The schema all tables are in.
pub const SCHEMA: &str = "shop";

/// Rows of one table by primary key; the values include the key.
pub type Rows = BTreeMap<i64, Vec<i64>>;

/// A table with the primary key `id` and `columns - 1` further whole numbers.
pub fn table_info(table: &str, columns: usize, version: Ts) -> Arc<TableInfo> {
    let column = |index: usize| ColumnInfo {
        name: if index == 0 {
            "id".into()
        } else {
            format!("c{index}").into()
        },
        ty: ColumnType::BigInt,
        nullable: false,
        unsigned: false,
        zerofill: false,
        charset: "binary".into(),
        collation: None,
        default: Some("0".into()),
        generated: Generated::No,
        display_width: None,
    };
    let id = table.bytes().fold(1i64, |hash, byte| hash * 31 + i64::from(byte));
    Arc::new(TableInfo {
        name: TableName::new(SCHEMA, table),
        id: TableId(id),
        version,
        columns: (0..columns).map(column).collect(),
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    })
}

/// As [`table_info`], with a second unique index over `c1`.
pub fn unique_table_info(table: &str, columns: usize, version: Ts) -> Arc<TableInfo> {
    let mut info = TableInfo::clone(&table_info(table, columns, version));
    info.indexes.push(IndexInfo {
        name: "u1".into(),
        primary: false,
        columns: vec![1],
    });
    Arc::new(info)
}

/// Whether no two rows may have the same `c1`.
pub(crate) fn has_unique(info: &TableInfo) -> bool {
    info.indexes.len() > 1
}

/// A block with one row. `before` and `after` must fit the operation.
pub(crate) fn block(table: &Arc<TableInfo>, before: Option<&[i64]>, after: Option<&[i64]>) -> RowBlock {
    let op = match (before, after) {
        (None, _) => RowOp::Insert,
        (Some(_), Some(_)) => RowOp::Update,
        (Some(_), None) => RowOp::Delete,
    };
    let mut builder = RowBlockBuilder::new(Arc::clone(table), op, Bytes::new());
    for value in [before, after].into_iter().flatten().flatten() {
        builder.push(Datum::Int(*value));
    }
    builder.finish()
}

/// Image before and image after.
pub type Images = (Option<Vec<i64>>, Option<Vec<i64>>);

/// The images of every row in a block.
pub fn read_block(block: &RowBlock) -> Vec<Images> {
    let numbers = |image: Image<'_>| image.iter().map(number).collect();
    block
        .rows()
        .map(|row| (row.before().map(numbers), row.after().map(numbers)))
        .collect()
}

fn number(datum: Datum<'_>) -> i64 {
    match datum {
        Datum::Int(value) => value,
        other => panic!("the history holds whole numbers only, not {other:?}"),
    }
}
