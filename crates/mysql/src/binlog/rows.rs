//! Row events: what is known of them before their rows are decoded.

use bytes::Bytes;
use tidegate_model::RowOp;

use super::header::{EventHeader, event_type};
use super::read::{Fault, Parse, Reader, bit};

/// Most columns a table can have.
pub(crate) const COLUMNS_MAX: usize = 4096;
const FLAG_STMT_END: u16 = 0x01;
/// Table number of a made-up row event that only ends a statement.
const DUMMY_TABLE: u64 = 0x00ff_ffff;

/// One row event, undecoded.
#[derive(Clone, Debug)]
pub struct RowsEvent {
    /// The number that the TABLE_MAP before it gave to the table.
    pub table_id: u64,
    /// What happened to the rows.
    pub op: RowOp,
    /// Columns of the table.
    pub columns: usize,
    /// Offset of the next event in the file, for messages; 0 inside a compressed transaction.
    pub end_pos: u32,
    flags: u16,
    /// MySQL's event 39: JSON columns of after images may hold diffs.
    pub(crate) partial: bool,
    /// Whether `rows` is compressed (MariaDB).
    pub(crate) compressed: bool,
    /// Bitmap of the columns that before images hold (after images for inserts).
    pub(crate) first_present: Bytes,
    /// Bitmap of the columns that the after images of updates hold.
    pub(crate) second_present: Bytes,
    pub(crate) rows: Bytes,
}

struct Shape {
    op: RowOp,
    version: u8,
    compressed: bool,
    partial: bool,
}

fn shape(event: u8) -> Option<Shape> {
    let (op, version, compressed) = match event {
        event_type::WRITE_ROWS_V1 => (RowOp::Insert, 1, false),
        event_type::UPDATE_ROWS_V1 => (RowOp::Update, 1, false),
        event_type::DELETE_ROWS_V1 => (RowOp::Delete, 1, false),
        event_type::WRITE_ROWS => (RowOp::Insert, 2, false),
        event_type::UPDATE_ROWS | event_type::PARTIAL_UPDATE_ROWS => (RowOp::Update, 2, false),
        event_type::DELETE_ROWS => (RowOp::Delete, 2, false),
        event_type::WRITE_ROWS_COMPRESSED_V1 => (RowOp::Insert, 1, true),
        event_type::UPDATE_ROWS_COMPRESSED_V1 => (RowOp::Update, 1, true),
        event_type::DELETE_ROWS_COMPRESSED_V1 => (RowOp::Delete, 1, true),
        event_type::WRITE_ROWS_COMPRESSED => (RowOp::Insert, 2, true),
        event_type::UPDATE_ROWS_COMPRESSED => (RowOp::Update, 2, true),
        event_type::DELETE_ROWS_COMPRESSED => (RowOp::Delete, 2, true),
        _ => return None,
    };
    Some(Shape {
        op,
        version,
        compressed,
        partial: event == event_type::PARTIAL_UPDATE_ROWS,
    })
}

impl RowsEvent {
    /// `None` when the header does not announce a row event.
    pub(crate) fn parse(header: &EventHeader, body: Bytes, table_id_bytes: usize) -> Parse<Option<Self>> {
        let Some(shape) = shape(header.event_type) else {
            return Ok(None);
        };
        let mut reader = Reader::new(&body);
        let table_id = reader.uint(table_id_bytes)?;
        let flags = reader.u16()?;
        if shape.version == 2 {
            // The extra data counts its own two length bytes.
            let extra = usize::from(reader.u16()?);
            reader.take(
                extra
                    .checked_sub(2)
                    .ok_or(Fault::Invalid("the extra data has no length"))?,
            )?;
        }
        let columns = usize::try_from(reader.lenenc()?).unwrap_or(usize::MAX);
        if columns > COLUMNS_MAX {
            return Err(Fault::Invalid("a table has too many columns"));
        }
        let bitmap_bytes = columns.div_ceil(8);
        let first = reader.skip(bitmap_bytes)?;
        let second = if shape.op == RowOp::Update {
            reader.skip(bitmap_bytes)?
        } else {
            first
        };
        let rows = body.slice(reader.position()..);
        Ok(Some(RowsEvent {
            table_id,
            op: shape.op,
            columns,
            end_pos: header.end_pos,
            flags,
            partial: shape.partial,
            compressed: shape.compressed,
            first_present: body.slice(first..first + bitmap_bytes),
            second_present: body.slice(second..second + bitmap_bytes),
            rows,
        }))
    }

    /// Whether the statement ends here: table numbers lose their meaning.
    pub fn is_statement_end(&self) -> bool {
        self.flags & FLAG_STMT_END != 0
    }

    /// Whether it only ends a statement and holds no row of any table.
    pub fn is_dummy(&self) -> bool {
        self.table_id == DUMMY_TABLE && self.rows.is_empty()
    }

    /// Whether decoded images are complete. An after image that leaves out what did not change (FULL_NODUP) is
    /// completed from the before image. If not, [`tidegate_model::Datum::Absent`] stands for what is missing.
    pub fn is_full(&self) -> bool {
        (0..self.columns).all(|i| bit(&self.first_present, i))
    }

    /// Bytes of the row images as they arrived (packed, if they are compressed).
    pub fn rows_bytes(&self) -> usize {
        self.rows.len()
    }
}
