//! A decoder for one table, compiled once from its TABLE_MAP.

use std::sync::Arc;

use tidegate_model::{CdcError, ColumnType, ErrorCode, Result, RowBlock, TableInfo, TableName};

use super::charset::{Charset, CollationTable};
use super::decimal::DecimalShape;
use super::row;
use super::rows::RowsEvent;
use super::table_map::TableMap;
use super::wire::Wire;
use crate::Flavour;

/// How to read one value. The row decoder matches on it once per cell.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum Op {
    I8,
    U8,
    I16,
    U16,
    I24,
    U24,
    I32,
    U32,
    I64,
    U64,
    Float,
    Double,
    Decimal(DecimalShape),
    Bit(u8),
    Year,
    Date,
    Time2(u8),
    DateTime2(u8),
    Timestamp2(u8),
    OldTime,
    OldDateTime,
    OldTimestamp,
    Enum(u8),
    Set(u8),
    /// MySQL's binary JSON.
    JsonB(u8),
    /// Length, then bytes.
    String {
        len_bytes: u8,
        value: StringOp,
    },
    /// The same, with the bytes behind MariaDB's compression header.
    Compressed {
        len_bytes: u8,
        value: StringOp,
    },
}

/// What the bytes of a string are.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum StringOp {
    /// UTF-8 already.
    Text,
    Convert(Charset),
    Bytes,
    /// Bytes whose trailing zeros the server left out.
    Padded(u16),
    /// JSON text.
    Json(Charset),
    Geometry,
    Vector,
}

/// Reads the rows of one version of a table.
///
/// Holds for every row event behind a TABLE_MAP with the same [`super::TableMapEvent::definition`].
#[derive(Clone, Debug)]
pub struct TablePlan {
    pub(crate) name: TableName,
    pub(crate) columns: Vec<PlanColumn>,
    pub(crate) ops: Vec<Op>,
}

/// What messages say about a column.
#[derive(Clone, Debug)]
pub(crate) struct PlanColumn {
    pub(crate) name: Arc<str>,
    pub(crate) wire: Wire,
}

impl TablePlan {
    /// Compiles a plan. `info` has the same columns in the same order as `map`: the table as
    /// [`TableMap::table_info`] gives it, or enriched from the catalogue. The log decides how bytes are read; `info`
    /// adds what it does not tell: that a LONGTEXT of MariaDB is JSON, a BINARY a VECTOR, and, without full
    /// metadata, signs and character sets.
    ///
    /// # Errors
    /// `BinlogDecode` when the column counts differ, for an unknown character set, and for a temporal type in
    /// MariaDB's format of before 5.6, whose size the log does not tell.
    pub fn compile(map: &TableMap, info: &TableInfo, collations: &CollationTable) -> Result<Self> {
        if map.columns.len() != info.columns.len() {
            return Err(CdcError::new(
                ErrorCode::BinlogDecode,
                format_args!(
                    "the binlog has {} columns for {}, the schema {}",
                    map.columns.len(),
                    map.name,
                    info.columns.len()
                ),
            ));
        }
        let mut plan = TablePlan {
            name: map.name.clone(),
            columns: Vec::with_capacity(map.columns.len()),
            ops: Vec::with_capacity(map.columns.len()),
        };
        for (i, column) in map.columns.iter().enumerate() {
            let op = compile_column(map, info, collations, i).map_err(|why| {
                CdcError::new(
                    ErrorCode::BinlogDecode,
                    format_args!(
                        "cannot read column {}.{} of binlog type {}: {why}",
                        map.name,
                        info.columns[i].name,
                        column.wire.name()
                    ),
                )
            })?;
            plan.ops.push(op);
            plan.columns.push(PlanColumn {
                name: Arc::clone(&info.columns[i].name),
                wire: column.wire,
            });
        }
        Ok(plan)
    }

    /// The rows of `event`, in source order, as rows of `table`.
    ///
    /// Columns that an image leaves out are `Datum::Absent`, but in the after image of an update they have the value of
    /// the before image, if that has one. `table` must have as many columns as the plan.
    ///
    /// # Errors
    /// `BinlogDecode` naming table, column, binlog type and position when the bytes break the format;
    /// `PartialJSON` for a JSON diff without the document it applies to; `TxnTooLarge` when one event would take
    /// more than a few GiB.
    pub fn decode_rows(&self, event: &RowsEvent, table: Arc<TableInfo>) -> Result<RowBlock> {
        row::decode(self, event, table)
    }
}

fn compile_column(
    map: &TableMap,
    info: &TableInfo,
    collations: &CollationTable,
    i: usize,
) -> Result<Op, &'static str> {
    let column = &info.columns[i];
    let unsigned = map.unsigned(i).unwrap_or(column.unsigned);
    let wire = map.columns[i].wire;
    Ok(match wire {
        Wire::Int(bytes) => int_op(bytes, unsigned),
        Wire::Float => Op::Float,
        Wire::Double => Op::Double,
        Wire::Decimal { precision, scale } => Op::Decimal(DecimalShape::new(precision, scale)),
        Wire::Bit { bits } => Op::Bit(bits.div_ceil(8)),
        Wire::Year => Op::Year,
        Wire::Date => Op::Date,
        Wire::Time2 { fsp } => Op::Time2(fsp.div_ceil(2)),
        Wire::DateTime2 { fsp } => Op::DateTime2(fsp.div_ceil(2)),
        Wire::Timestamp2 { fsp } => Op::Timestamp2(fsp.div_ceil(2)),
        Wire::OldTime | Wire::OldDateTime | Wire::OldTimestamp => old_temporal(wire, map.flavour)?,
        Wire::Enum { bytes } => Op::Enum(bytes),
        Wire::Set { bytes } => Op::Set(bytes),
        Wire::Json { len_bytes } => Op::JsonB(len_bytes),
        Wire::Geometry { len_bytes } => Op::String {
            len_bytes,
            value: StringOp::Geometry,
        },
        Wire::Vector { len_bytes } => Op::String {
            len_bytes,
            value: StringOp::Vector,
        },
        Wire::Fixed { bytes } => {
            let charset = column_charset(map, info, collations, i)?;
            let value = match string_op(charset, &column.ty) {
                StringOp::Bytes => StringOp::Padded(bytes),
                other => other,
            };
            string(if bytes > 255 { 2 } else { 1 }, false, value)
        }
        Wire::Var { bytes, compressed } => {
            let charset = column_charset(map, info, collations, i)?;
            let len_bytes = if bytes > 255 { 2 } else { 1 };
            string(len_bytes, compressed, string_op(charset, &column.ty))
        }
        Wire::Blob {
            len_bytes,
            compressed,
        } => {
            let charset = column_charset(map, info, collations, i)?;
            string(len_bytes, compressed, string_op(charset, &column.ty))
        }
    })
}

fn int_op(bytes: u8, unsigned: bool) -> Op {
    match (bytes, unsigned) {
        (1, false) => Op::I8,
        (1, true) => Op::U8,
        (2, false) => Op::I16,
        (2, true) => Op::U16,
        (3, false) => Op::I24,
        (3, true) => Op::U24,
        (4, false) => Op::I32,
        (4, true) => Op::U32,
        (_, false) => Op::I64,
        (_, true) => Op::U64,
    }
}

/// MySQL's formats of before 5.6 have fixed sizes. MariaDB's grew with the fraction, and neither TABLE_MAP nor a
/// schema without its file format tells whether there is one: a guess could shift the rest of the row.
fn old_temporal(wire: Wire, flavour: Flavour) -> Result<Op, &'static str> {
    match (flavour, wire) {
        (Flavour::MariaDb, _) => {
            Err("its size is not logged: run ALTER TABLE .. FORCE with mysql56_temporal_format=ON")
        }
        (_, Wire::OldTime) => Ok(Op::OldTime),
        (_, Wire::OldDateTime) => Ok(Op::OldDateTime),
        _ => Ok(Op::OldTimestamp),
    }
}

/// The logged collation decides; the schema's character set stands in where none is logged.
fn column_charset(
    map: &TableMap,
    info: &TableInfo,
    collations: &CollationTable,
    i: usize,
) -> Result<Charset, &'static str> {
    match map.collation_id(i) {
        Some(id) => collations
            .get(id)
            .map(|collation| collation.charset)
            .ok_or("its collation number is unknown"),
        None => Charset::by_name(&info.columns[i].charset).ok_or("its character set is unknown"),
    }
}

fn string_op(charset: Charset, hint: &ColumnType) -> StringOp {
    match (charset, hint) {
        (Charset::Binary, ColumnType::Vector { .. }) => StringOp::Vector,
        (Charset::Binary, _) => StringOp::Bytes,
        (charset, ColumnType::Json) => StringOp::Json(charset),
        (Charset::Utf8 { .. }, _) => StringOp::Text,
        (other, _) => StringOp::Convert(other),
    }
}

fn string(len_bytes: u8, compressed: bool, value: StringOp) -> Op {
    if compressed {
        Op::Compressed { len_bytes, value }
    } else {
        Op::String { len_bytes, value }
    }
}

impl StringOp {
    /// Whether the bytes are UTF-8 as they stand.
    pub(crate) fn is_utf8(self) -> bool {
        matches!(self, StringOp::Text | StringOp::Json(Charset::Utf8 { .. }))
    }
}
