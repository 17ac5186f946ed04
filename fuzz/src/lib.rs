//! What the fuzz targets share: a table with a column of many types, and rows for it out of arbitrary bytes.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{
    ColumnInfo, ColumnType, Datum, Generated, IndexInfo, RowBlock, RowBlockBuilder, RowOp, TableId,
    TableInfo, TableName, Ts,
};

fn column(name: &str, ty: ColumnType) -> ColumnInfo {
    ColumnInfo {
        name: name.into(),
        ty,
        nullable: name != "id",
        unsigned: false,
        zerofill: false,
        charset: "utf8mb4".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    }
}

/// `(id BIGINT PRIMARY KEY, v VARCHAR, b VARBINARY, d DOUBLE)`, the first column's name in the caller's hands.
pub fn table(name: &str) -> Arc<TableInfo> {
    Arc::new(TableInfo {
        name: TableName::new("s", name),
        id: TableId(1),
        version: Ts::from_u64(1),
        columns: vec![
            column("id", ColumnType::BigInt),
            column("v", ColumnType::VarChar { chars: 100 }),
            column("b", ColumnType::VarBinary { bytes: 100 }),
            column("d", ColumnType::Double),
        ],
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    })
}

/// A row of each kind, whose values are cut from `bytes`.
pub fn blocks(table: &Arc<TableInfo>, bytes: &[u8]) -> Vec<RowBlock> {
    let half = bytes.len() / 2;
    let (old, new) = bytes.split_at(half);
    let image = |bytes: &[u8], builder: &mut RowBlockBuilder| {
        let mut number = [0; 8];
        let len = bytes.len().min(8);
        number[..len].copy_from_slice(&bytes[..len]);
        let text = String::from_utf8_lossy(bytes).into_owned();
        builder.push(Datum::Int(i64::from_le_bytes(number)));
        if bytes.first().is_some_and(|first| first % 7 == 0) {
            builder.push(Datum::Null);
        } else {
            builder.push(Datum::Text(text.as_bytes()));
        }
        builder.push(Datum::Bytes(bytes));
        builder.push(Datum::Double(f64::from_le_bytes(number)));
    };
    [RowOp::Insert, RowOp::Update, RowOp::Delete]
        .into_iter()
        .map(|op| {
            let mut builder = RowBlockBuilder::new(Arc::clone(table), op, Bytes::new());
            if op != RowOp::Insert {
                image(old, &mut builder);
            }
            if op != RowOp::Delete {
                image(new, &mut builder);
            }
            builder.finish()
        })
        .collect()
}
