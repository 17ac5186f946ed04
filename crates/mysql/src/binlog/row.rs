//! Rows: from the bytes of one event to a `RowBlock`.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{CdcError, Datum, ErrorCode, Result, RowBlock, RowBlockBuilder, RowOp, TableInfo};

use super::inflate::{inflate, inflate_column};
use super::jsonb;
use super::plan::{Op, StringOp, TablePlan};
use super::read::{Fault, Parse, Reader, bit};
use super::rows::RowsEvent;
use super::temporal;

/// Most values of one block: 1 GiB of cells.
const CELLS_MAX: usize = 1 << 26;
/// Most rendered bytes of one block, far below the 4 GiB that a block can address.
const ARENA_BYTES_MAX: usize = 3 << 30;
const TOO_LARGE: Fault = Fault::TooLarge("the rows of one event take more than 3 GiB");

/// Where decoding stopped, and why.
struct Stop {
    column: Option<usize>,
    fault: Fault,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop { column: None, fault }
    }
}

pub(crate) fn decode(plan: &TablePlan, event: &RowsEvent, table: Arc<TableInfo>) -> Result<RowBlock> {
    if event.columns != plan.ops.len() || table.columns.len() != plan.ops.len() {
        return Err(CdcError::new(
            ErrorCode::BinlogDecode,
            format_args!(
                "row event ending at {} has {} columns for {}, its TABLE_MAP {}, the schema {}",
                event.end_pos,
                event.columns,
                plan.name,
                plan.ops.len(),
                table.columns.len()
            ),
        ));
    }
    let source = match unpacked(event) {
        Ok(source) => source,
        Err(fault) => return Err(failure(plan, event, 0, fault.into())),
    };
    let mut decoder = Decoder {
        out: RowBlockBuilder::new(table, event.op, source.clone()),
        scratch: Vec::new(),
        cells: 0,
        json_before: Vec::new(),
    };
    let mut rows = 0;
    match decoder.rows(plan, event, &source, &mut rows) {
        Ok(()) => Ok(decoder.out.finish()),
        Err(stop) => Err(failure(plan, event, rows, stop)),
    }
}

fn unpacked(event: &RowsEvent) -> Parse<Bytes> {
    if event.compressed {
        inflate(&event.rows).map(Bytes::from)
    } else {
        Ok(event.rows.clone())
    }
}

/// Which columns the images of an event hold.
struct Presence<'a> {
    bits: &'a [u8],
    all: bool,
    null_bytes: usize,
    otherwise: Otherwise,
}

/// What a column is that the image leaves out.
#[derive(Copy, Clone)]
enum Otherwise {
    Absent,
    /// In the after image of an update: as it was before, if the before image has it.
    Unchanged,
}

impl<'a> Presence<'a> {
    fn new(bits: &'a [u8], columns: usize, otherwise: Otherwise) -> Self {
        let count = (0..columns).filter(|&i| bit(bits, i)).count();
        Presence {
            bits,
            all: count == columns,
            null_bytes: count.div_ceil(8),
            otherwise,
        }
    }
}

/// How many cells, or bytes, to make room for, after a first row of `row_bytes` that took `row_needs` of them.
fn room(bytes_left: usize, row_bytes: usize, row_needs: usize) -> usize {
    let all = (bytes_left / row_bytes).saturating_mul(row_needs);
    all.min(bytes_left).min(CELLS_MAX)
}

struct Decoder {
    out: RowBlockBuilder,
    /// Buffer for rendered JSON.
    scratch: Vec<u8>,
    cells: usize,
    /// For partial updates: the binary JSON of each column of the before image, as a range of the rows.
    json_before: Vec<Option<(usize, usize)>>,
}

impl Decoder {
    fn rows(
        &mut self,
        plan: &TablePlan,
        event: &RowsEvent,
        rows: &[u8],
        done: &mut usize,
    ) -> Result<(), Stop> {
        let first = Presence::new(&event.first_present, event.columns, Otherwise::Absent);
        let second = Presence::new(&event.second_present, event.columns, Otherwise::Unchanged);
        let mut reader = Reader::new(rows);
        // For the first row; it tells what the others need.
        let images = if event.op == RowOp::Update { 2 } else { 1 };
        self.out.reserve(event.columns * images);
        while !reader.is_empty() {
            let start = reader.position();
            if event.partial {
                self.partial_update(plan, &first, &second, &mut reader)?;
            } else {
                self.image(plan, &first, &mut reader)?;
                if event.op == RowOp::Update {
                    self.image(plan, &second, &mut reader)?;
                }
            }
            *done += 1;
            let row_bytes = reader.position() - start;
            if row_bytes == 0 {
                return Err(Fault::Invalid("a row takes no bytes").into());
            }
            if self.cells > CELLS_MAX || self.out.arena_bytes() > ARENA_BYTES_MAX {
                return Err(TOO_LARGE.into());
            }
            if *done == 1 {
                self.reserve(reader.rest().len(), row_bytes);
            }
        }
        Ok(())
    }

    /// Makes room for the rows behind the first, should they be of its size; for wide rows with few columns in
    /// them, no more than what ordinary rows would need.
    fn reserve(&mut self, bytes_left: usize, row_bytes: usize) {
        self.out.reserve(room(bytes_left, row_bytes, self.cells));
        self.out
            .reserve_arena(room(bytes_left, row_bytes, self.out.arena_bytes()));
    }

    fn image(
        &mut self,
        plan: &TablePlan,
        presence: &Presence<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        self.image_with(plan, presence, reader, |decoder, _, op, reader| {
            decoder.value(op, reader)
        })
    }

    #[inline]
    fn image_with<'a>(
        &mut self,
        plan: &TablePlan,
        presence: &Presence<'_>,
        reader: &mut Reader<'a>,
        mut value: impl FnMut(&mut Self, usize, Op, &mut Reader<'a>) -> Parse<()>,
    ) -> Result<(), Stop> {
        let nulls = reader.take(presence.null_bytes)?;
        let mut present = 0;
        for (i, &op) in plan.ops.iter().enumerate() {
            if !presence.all && !bit(presence.bits, i) {
                match presence.otherwise {
                    Otherwise::Absent => self.out.push(Datum::Absent),
                    Otherwise::Unchanged => self.out.push_unchanged(),
                }
                continue;
            }
            if bit(nulls, present) {
                self.out.push_null();
            } else {
                value(self, i, op, reader).map_err(|fault| Stop {
                    column: Some(i),
                    fault,
                })?;
            }
            present += 1;
        }
        self.cells += plan.ops.len();
        Ok(())
    }

    /// An update whose after image may hold diffs in place of JSON documents: it begins with options, and a bitmap
    /// with a bit for each JSON column of the table.
    fn partial_update(
        &mut self,
        plan: &TablePlan,
        first: &Presence<'_>,
        second: &Presence<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        const PARTIAL_JSON: u64 = 1;
        self.json_before.clear();
        self.json_before.resize(plan.ops.len(), None);
        self.image_with(plan, first, reader, |decoder, i, op, reader| {
            if let Op::JsonB(len_bytes) = op {
                let mut ahead = *reader;
                let len = ahead.uint(len_bytes.into())? as usize;
                decoder.json_before[i] = Some((ahead.position(), len));
            }
            decoder.value(op, reader)
        })?;
        let is_json = |op: &Op| matches!(op, Op::JsonB(_));
        let json_columns = plan.ops.iter().filter(|op| is_json(op)).count();
        let options = reader.lenenc()?;
        let diffs = if options & PARTIAL_JSON != 0 {
            reader.take(json_columns.div_ceil(8))?
        } else {
            &[]
        };
        self.image_with(plan, second, reader, |decoder, i, op, reader| {
            let Op::JsonB(len_bytes) = op else {
                return decoder.value(op, reader);
            };
            let nth_json = plan.ops[..i].iter().filter(|op| is_json(op)).count();
            if bit(diffs, nth_json) {
                decoder.json_diff(i, len_bytes, reader)
            } else {
                decoder.value(op, reader)
            }
        })
    }

    fn json_diff(&mut self, i: usize, len_bytes: u8, reader: &mut Reader<'_>) -> Parse<()> {
        let len = reader.uint(len_bytes.into())? as usize;
        let diffs = reader.take(len)?;
        let before = self.json_before.get(i).copied().flatten();
        let (start, len) = before.ok_or(Fault::PartialJson(
            "the document before a JSON diff is not logged",
        ))?;
        let source = self.out.source().clone();
        let document = source.get(start..start + len).ok_or(Fault::Truncated)?;
        self.scratch.clear();
        jsonb::apply_diffs(document, diffs, &mut self.scratch)?;
        self.push_scratch_json()
    }

    #[inline]
    fn value(&mut self, op: Op, reader: &mut Reader<'_>) -> Parse<()> {
        // The builder's own methods for the common types: `push` would tell the types apart a second time.
        match op {
            Op::I8 => self.out.push_int((reader.u8()? as i8).into()),
            Op::U8 => self.out.push_uint(reader.u8()?.into()),
            Op::I16 => self.out.push_int((reader.u16()? as i16).into()),
            Op::U16 => self.out.push_uint(reader.u16()?.into()),
            Op::I24 => self.out.push_int(temporal::sign_extend_24(reader.u24()?).into()),
            Op::U24 => self.out.push_uint(reader.u24()?.into()),
            Op::I32 => self.out.push_int((reader.u32()? as i32).into()),
            Op::U32 => self.out.push_uint(reader.u32()?.into()),
            Op::I64 => self.out.push_int(reader.u64()? as i64),
            Op::U64 => self.out.push_uint(reader.u64()?),
            Op::Float => self.out.push_float(f32::from_le_bytes(reader.array()?)),
            Op::Double => self.out.push_double(f64::from_le_bytes(reader.array()?)),
            Op::Decimal(shape) => {
                let bytes = reader.take(shape.bytes.into())?;
                if let Some(short) = shape.read_short(bytes)? {
                    self.out.push_decimal_with(|text| short.write(text));
                } else {
                    let decimal = shape.read(bytes)?;
                    self.out.push_decimal_with(|text| decimal.write(text));
                }
            }
            Op::Date => self.out.push_date(temporal::date(reader)?),
            Op::DateTime2(fraction_bytes) => {
                self.out
                    .push_datetime(temporal::datetime2(reader, fraction_bytes)?);
            }
            Op::Timestamp2(fraction_bytes) => {
                self.out
                    .push_timestamp(temporal::timestamp2(reader, fraction_bytes)?);
            }
            Op::String { len_bytes, value } => return self.string(len_bytes, value, reader),
            Op::Compressed { len_bytes, value } => return self.compressed(len_bytes, value, reader),
            Op::JsonB(len_bytes) => return self.jsonb(len_bytes, reader),
            other => return self.rare(other, reader),
        }
        Ok(())
    }

    /// The types that few columns have.
    fn rare(&mut self, op: Op, reader: &mut Reader<'_>) -> Parse<()> {
        let datum = match op {
            Op::Bit(bytes) => Datum::Bit(reader.uint_be(bytes.into())?),
            Op::Year => match reader.u8()? {
                0 => Datum::Year(0),
                since => Datum::Year(1900 + u16::from(since)),
            },
            Op::Time2(fraction_bytes) => Datum::Time(temporal::time2(reader, fraction_bytes)?),
            Op::OldTime => Datum::Time(temporal::old_time(reader)?),
            Op::OldDateTime => Datum::DateTime(temporal::old_datetime(reader)?),
            Op::OldTimestamp => Datum::Timestamp(temporal::old_timestamp(reader)?),
            Op::Enum(bytes) => Datum::Enum(reader.uint(bytes.into())?),
            Op::Set(bytes) => Datum::Set(reader.uint(bytes.into())?),
            Op::I8
            | Op::U8
            | Op::I16
            | Op::U16
            | Op::I24
            | Op::U24
            | Op::I32
            | Op::U32
            | Op::I64
            | Op::U64
            | Op::Float
            | Op::Double
            | Op::Decimal(_)
            | Op::Date
            | Op::DateTime2(_)
            | Op::Timestamp2(_)
            | Op::JsonB(_)
            | Op::String { .. }
            | Op::Compressed { .. } => return Err(Fault::Invalid("not one of the rare types")),
        };
        self.out.push(datum);
        Ok(())
    }

    #[inline]
    fn string(&mut self, len_bytes: u8, value: StringOp, reader: &mut Reader<'_>) -> Parse<()> {
        let len = match len_bytes {
            1 => usize::from(reader.u8()?),
            2 => usize::from(reader.u16()?),
            wide => reader.uint(wide.into())? as usize,
        };
        let start = reader.position();
        let bytes = reader.take(len)?;
        match value {
            StringOp::Text => self.out.push_source_text(start, len),
            StringOp::Bytes => self.out.push_source_bytes(start, len),
            StringOp::Geometry => self.out.push_source_geometry(start, len),
            StringOp::Vector => self.out.push_source_vector(start, len),
            StringOp::Padded(width) if len == usize::from(width) => self.out.push_source_bytes(start, len),
            StringOp::Convert(charset) if charset.keeps_ascii() && bytes.is_ascii() => {
                self.out.push_source_text(start, len);
            }
            StringOp::Json(_) if std::str::from_utf8(bytes).is_ok() && value.is_utf8() => {
                self.out.push_source_json(start, len);
            }
            StringOp::Padded(_) | StringOp::Convert(_) | StringOp::Json(_) => {
                return self.rendered(bytes, value);
            }
        }
        Ok(())
    }

    /// A string that is not a range of the source.
    fn rendered(&mut self, bytes: &[u8], value: StringOp) -> Parse<()> {
        match value {
            StringOp::Text => self.push_text(Datum::Text(bytes), bytes.len()),
            StringOp::Bytes => self.push_text(Datum::Bytes(bytes), bytes.len()),
            StringOp::Geometry => self.push_text(Datum::Geometry(bytes), bytes.len()),
            StringOp::Vector => self.push_text(Datum::Vector(bytes), bytes.len()),
            StringOp::Padded(width) => {
                let width = usize::from(width);
                if bytes.len() > width {
                    return Err(Fault::Invalid("a value is longer than its column"));
                }
                self.scratch.clear();
                self.scratch.extend_from_slice(bytes);
                self.scratch.resize(width, 0);
                self.out.push(Datum::Bytes(&self.scratch));
                Ok(())
            }
            StringOp::Convert(charset) => {
                let text = charset.decode(bytes);
                self.push_text(Datum::Text(text.as_bytes()), text.len())
            }
            StringOp::Json(charset) => {
                let text = charset.decode(bytes);
                self.push_text(Datum::Json(&text), text.len())
            }
        }
    }

    /// A COMPRESSED column: an empty value has no header.
    fn compressed(&mut self, len_bytes: u8, value: StringOp, reader: &mut Reader<'_>) -> Parse<()> {
        let len = reader.uint(len_bytes.into())? as usize;
        let bytes = reader.take(len)?;
        if bytes.is_empty() {
            return self.rendered(bytes, value);
        }
        match inflate_column(bytes)? {
            Some(unpacked) => self.rendered(&unpacked, value),
            None => self.rendered(bytes.get(1..).unwrap_or_default(), value),
        }
    }

    fn jsonb(&mut self, len_bytes: u8, reader: &mut Reader<'_>) -> Parse<()> {
        let len = reader.uint(len_bytes.into())? as usize;
        self.scratch.clear();
        jsonb::write_text(reader.take(len)?, &mut self.scratch)?;
        self.push_scratch_json()
    }

    fn push_scratch_json(&mut self) -> Parse<()> {
        let text = String::from_utf8_lossy(&self.scratch);
        check_arena(&self.out, text.len())?;
        self.out.push(Datum::Json(&text));
        Ok(())
    }

    fn push_text(&mut self, datum: Datum<'_>, len: usize) -> Parse<()> {
        check_arena(&self.out, len)?;
        self.out.push(datum);
        Ok(())
    }
}

fn check_arena(out: &RowBlockBuilder, more: usize) -> Parse<()> {
    if out.arena_bytes() + more > ARENA_BYTES_MAX {
        Err(TOO_LARGE)
    } else {
        Ok(())
    }
}

#[cold]
fn failure(plan: &TablePlan, event: &RowsEvent, row: usize, stop: Stop) -> CdcError {
    let code = match stop.fault {
        Fault::PartialJson(_) => ErrorCode::PartialJSON,
        Fault::TooLarge(_) => ErrorCode::TxnTooLarge,
        Fault::Truncated | Fault::Invalid(_) => ErrorCode::BinlogDecode,
    };
    let column = stop
        .column
        .and_then(|i| plan.columns.get(i))
        .map_or_else(String::new, |column| {
            format!(" column {} of binlog type {}", column.name, column.wire.name())
        });
    CdcError::new(
        code,
        format_args!(
            "cannot decode row {row} of {} in the event ending at {}:{column} {}",
            plan.name, event.end_pos, stop.fault
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of 1 GiB with a tiny first row asked for 16 GiB.
    #[test]
    fn no_more_room_is_made_than_a_block_may_take() {
        assert_eq!(room(1000, 10, 3), 300);
        assert_eq!(room(1000, 10, 30), 1000);
        assert_eq!(room(1 << 30, 1, 1), CELLS_MAX);
        assert_eq!(room(usize::MAX, 1, 4096), CELLS_MAX);
    }
}
