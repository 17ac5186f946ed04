//! Text of scalars, as SELECT prints them.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::value::{
    DOUBLE, INT16, INT32, INT64, LITERAL, OPAQUE, STRING, UINT16, UINT32, UINT64, Value, read_len,
};
use crate::binlog::decimal::DecimalShape;
use crate::binlog::read::{Fault, Parse, Reader};
use crate::binlog::wire;

/// Appends a scalar's text. Gives the bytes it has in the document, at least 1.
pub(super) fn write_scalar(value: Value<'_>, out: &mut Vec<u8>) -> Parse<usize> {
    let mut reader = Reader::new(value.data);
    match value.kind {
        LITERAL => out.extend_from_slice(match reader.u8()? {
            0 => b"null",
            1 => b"true",
            2 => b"false",
            _ => return Err(Fault::Invalid("a JSON literal is unknown")),
        }),
        INT16 => print(out, i16::from_le_bytes(reader.array()?)),
        UINT16 => print(out, reader.u16()?),
        INT32 => print(out, i32::from_le_bytes(reader.array()?)),
        UINT32 => print(out, reader.u32()?),
        INT64 => print(out, i64::from_le_bytes(reader.array()?)),
        UINT64 => print(out, reader.u64()?),
        DOUBLE => write_double(f64::from_le_bytes(reader.array()?), out),
        STRING => {
            let len = read_len(&mut reader)?;
            write_string(reader.take(len)?, out);
        }
        OPAQUE => {
            let field_type = reader.u8()?;
            let len = read_len(&mut reader)?;
            write_opaque(field_type, reader.take(len)?, out)?;
        }
        _ => return Err(Fault::Invalid("a JSON value has an unknown type")),
    }
    Ok(match value.kind {
        STRING | OPAQUE => reader.position(),
        // Small values may stand in their entry, which is counted as one byte.
        _ => 1,
    })
}

/// Writing to a vector cannot fail.
fn print(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    let _ok = write!(out, "{number}");
}

/// Appends a quoted string with the escapes MySQL uses.
pub(super) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => {
                let _ok = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The shortest digits that read back as the same number: plain while the point is within 15 places of the first
/// digit, else with an exponent; whole numbers keep a `.0`.
fn write_double(number: f64, out: &mut Vec<u8>) {
    const PLACES_MAX: i32 = 15;
    let scientific = format!("{number:e}");
    let exponent = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    match exponent {
        Some(exponent) if number != 0.0 && !(-PLACES_MAX..PLACES_MAX).contains(&exponent) => {
            out.extend_from_slice(scientific.as_bytes());
        }
        // `{:?}` would switch to an exponent earlier.
        _ if number.fract() == 0.0 => print(out, format_args!("{number:.1}")),
        _ => print(out, number),
    }
}

/// A value of an SQL type that JSON has not.
fn write_opaque(field_type: u8, data: &[u8], out: &mut Vec<u8>) -> Parse<()> {
    let mut reader = Reader::new(data);
    match field_type {
        wire::NEWDECIMAL => {
            let (precision, scale) = (reader.u8()?, reader.u8()?);
            if precision == 0 || precision > 65 || scale > precision {
                return Err(Fault::Invalid("a DECIMAL in JSON has an impossible precision"));
            }
            let shape = DecimalShape::new(precision, scale);
            shape.read(reader.take(shape.bytes.into())?)?.write(out);
        }
        wire::DATE => {
            let (date, _) = packed_datetime(i64::from_le_bytes(reader.array()?));
            print(out, format_args!("\"{date}\""));
        }
        wire::DATETIME | wire::TIMESTAMP => {
            let (date, time) = packed_datetime(i64::from_le_bytes(reader.array()?));
            print(out, format_args!("\"{date} {time}\""));
        }
        wire::TIME => {
            let packed = i64::from_le_bytes(reader.array()?);
            let sign = if packed < 0 { "-" } else { "" };
            print(
                out,
                format_args!("\"{sign}{}\"", packed_time(packed.unsigned_abs(), 0x3ff)),
            );
        }
        other => {
            print(out, format_args!("\"base64:type{other}:"));
            write_base64(data, out);
            out.push(b'"');
        }
    }
    Ok(())
}

/// Year and month, day, hour, minute, second and microsecond as MySQL packs them into 64 bits.
fn packed_datetime(packed: i64) -> (String, String) {
    let packed = packed.unsigned_abs();
    let date = packed >> 41;
    let (year_month, day) = (date >> 5, date & 31);
    (
        format!("{:04}-{:02}-{day:02}", year_month / 13, year_month % 13),
        packed_time(packed, 31),
    )
}

fn packed_time(packed: u64, hour_mask: u64) -> String {
    let (time, micros) = (packed >> 24, packed & 0xff_ffff);
    let (hour, minute, second) = (time >> 12 & hour_mask, time >> 6 & 63, time & 63);
    format!("{hour:02}:{minute:02}:{second:02}.{micros:06}")
}

/// The server breaks the lines of its base64 after 76 characters, and the break is escaped like any other.
fn write_base64(data: &[u8], out: &mut Vec<u8>) {
    const LINE_BYTES: usize = 76 / 4 * 3;
    for (i, line) in data.chunks(LINE_BYTES).enumerate() {
        if i > 0 {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
    }
}
