//! Values as text, appended to a byte buffer without intermediate strings.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidegate_model::{CdcError, ColumnInfo, ColumnType, DateTime, Datum, ErrorCode, Result, Time};

use crate::zone::Zone;

/// Appends a signed integer.
#[inline]
pub(crate) fn int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned integer.
#[inline]
pub(crate) fn uint(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the shortest text that reads back as the same f32, never with an exponent. What is no number is 0.
pub(crate) fn float(out: &mut Vec<u8>, value: f32) {
    let value = if value.is_finite() { value } else { 0.0 };
    write!(out, "{value}").expect("a Vec takes any number of bytes");
}

/// Appends the shortest text that reads back as the same f64, never with an exponent. What is no number is 0.
pub(crate) fn double(out: &mut Vec<u8>, value: f64) {
    let value = if value.is_finite() { value } else { 0.0 };
    write!(out, "{value}").expect("a Vec takes any number of bytes");
}

fn two(out: &mut Vec<u8>, value: u8) {
    out.extend_from_slice(&[b'0' + value / 10 % 10, b'0' + value % 10]);
}

fn fraction(out: &mut Vec<u8>, micros: u32, fsp: u8) {
    if fsp == 0 {
        return;
    }
    out.push(b'.');
    let mut digit_value = 100_000;
    for _ in 0..fsp.min(6) {
        out.push(b'0' + u8::try_from(micros / digit_value % 10).unwrap_or(0));
        digit_value /= 10;
    }
}

/// Appends `YYYY-MM-DD`.
pub(crate) fn date(out: &mut Vec<u8>, year: u16, month: u8, day: u8) {
    two(out, u8::try_from(year / 100 % 100).unwrap_or(0));
    two(out, u8::try_from(year % 100).unwrap_or(0));
    out.push(b'-');
    two(out, month);
    out.push(b'-');
    two(out, day);
}

/// Appends `YYYY-MM-DD HH:MM:SS[.fraction]` with exactly `fsp` fraction digits.
pub(crate) fn datetime(out: &mut Vec<u8>, value: DateTime, fsp: u8) {
    date(out, value.year, value.month, value.day);
    out.push(b' ');
    two(out, value.hour);
    out.push(b':');
    two(out, value.minute);
    out.push(b':');
    two(out, value.second);
    fraction(out, value.micros, fsp);
}

/// Appends `[-]HH:MM:SS[.fraction]`, hours with two or three digits.
pub(crate) fn time(out: &mut Vec<u8>, value: Time, fsp: u8) {
    if value.micros < 0 {
        out.push(b'-');
    }
    let micros = value.micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    let hours = seconds / 3600;
    if hours >= 100 {
        uint(out, hours);
    } else {
        two(out, u8::try_from(hours).unwrap_or(0));
    }
    out.push(b':');
    two(out, u8::try_from(seconds / 60 % 60).unwrap_or(0));
    out.push(b':');
    two(out, u8::try_from(seconds % 60).unwrap_or(0));
    fraction(out, u32::try_from(micros % 1_000_000).unwrap_or(0), fsp);
}

/// Appends a vector of little-endian f32 as `[1,2.5]`.
pub(crate) fn vector(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'[');
    for (i, chunk) in bytes.chunks_exact(4).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        float(out, f32::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    out.push(b']');
}

/// Appends the text of MariaDB's UUID, INET4 and INET6 values; `false` when the type or the length does not fit.
pub(crate) fn address(out: &mut Vec<u8>, ty: &ColumnType, bytes: &[u8]) -> bool {
    match (ty, bytes.len()) {
        (ColumnType::Uuid, 16) => {
            for (i, byte) in bytes.iter().enumerate() {
                if matches!(i, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                hex_byte(out, *byte);
            }
            true
        }
        (ColumnType::Inet4, 4) => <[u8; 4]>::try_from(bytes)
            .is_ok_and(|octets| write!(out, "{}", std::net::Ipv4Addr::from(octets)).is_ok()),
        (ColumnType::Inet6, 16) => <[u8; 16]>::try_from(bytes)
            .is_ok_and(|octets| write!(out, "{}", std::net::Ipv6Addr::from(octets)).is_ok()),
        _ => false,
    }
}

/// Appends bytes in base64 with the standard alphabet, padded.
pub(crate) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(
        written,
        Ok(out.len() - start),
        "padded base64 has exactly this length"
    );
}

/// Appends a byte as two lower-case hexadecimal digits.
pub(crate) fn hex_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Fraction digits of a temporal column.
pub(crate) fn fsp(ty: &ColumnType) -> u8 {
    match *ty {
        ColumnType::Time { fsp } | ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp } => fsp,
        _ => 0,
    }
}

/// Appends a temporal value as every format writes it; `false` when `datum` is not temporal.
#[inline]
pub(crate) fn temporal(out: &mut Vec<u8>, column: &ColumnInfo, datum: Datum<'_>, zone: &mut Zone) -> bool {
    match datum {
        Datum::Date(d) => date(out, d.year, d.month, d.day),
        Datum::DateTime(v) => datetime(out, v, fsp(&column.ty)),
        Datum::Timestamp(v) => {
            let local = zone.local(v);
            datetime(out, local, fsp(&column.ty));
        }
        Datum::Time(v) => time(out, v, fsp(&column.ty)),
        _ => return false,
    }
    true
}

/// The member of an ENUM value; 0 is the empty error value.
pub(crate) fn enum_member(column: &ColumnInfo, value: u64) -> Result<&str> {
    if value == 0 {
        return Ok("");
    }
    let ColumnType::Enum { members } = &column.ty else {
        return Err(no_member(column, value));
    };
    let index = usize::try_from(value - 1).unwrap_or(usize::MAX);
    members
        .get(index)
        .map(|member| &**member)
        .ok_or_else(|| no_member(column, value))
}

/// The members of a SET value in definition order.
pub(crate) fn set_members(column: &ColumnInfo, value: u64) -> Result<impl Iterator<Item = &str>> {
    let members: &[Box<str>] = match &column.ty {
        ColumnType::Set { members } => members,
        _ => &[],
    };
    if members.len() < 64 && value >> members.len() != 0 {
        return Err(no_member(column, value));
    }
    Ok(members
        .iter()
        .enumerate()
        .filter(move |(bit, _)| value >> bit & 1 == 1)
        .map(|(_, member)| &**member))
}

fn no_member(column: &ColumnInfo, value: u64) -> CdcError {
    CdcError::new(
        ErrorCode::CorruptedDataMutation,
        format_args!(
            "column {} has no {} member for the value {value}",
            column.name,
            column.ty.sql_name()
        ),
    )
}

/// The error for an image that lacks a column.
pub(crate) fn absent(column: &ColumnInfo) -> CdcError {
    CdcError::new(
        ErrorCode::PartialRowImage,
        format_args!(
            "the row image has no value for column {}: binlog_row_image must be FULL",
            column.name
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_keep_sign_hours_and_digits() {
        let check =
            |micros, fsp, expect: &str| assert_eq!(written(|o| time(o, Time { micros }, fsp)), expect);
        check(0, 0, "00:00:00");
        check(-1, 6, "-00:00:00.000001");
        check(3_020_399_999_999, 6, "838:59:59.999999");
        check(-3_020_399_000_000, 0, "-838:59:59");
        check(3_600_000_000 * 7 + 120_000, 2, "07:00:00.12");
    }

    #[test]
    fn zero_dates_and_fractions_are_kept() {
        assert_eq!(
            written(|o| datetime(o, DateTime::default(), 3)),
            "0000-00-00 00:00:00.000"
        );
        let v = DateTime {
            year: 987,
            month: 1,
            day: 0,
            hour: 23,
            minute: 5,
            second: 9,
            micros: 250_000,
        };
        assert_eq!(written(|o| datetime(o, v, 1)), "0987-01-00 23:05:09.2");
    }

    #[test]
    fn floats_never_have_an_exponent() {
        assert_eq!(written(|o| float(o, 0.1)), "0.1");
        assert_eq!(written(|o| double(o, 1e30)), "1000000000000000000000000000000");
        assert_eq!(written(|o| float(o, -1e-7)), "-0.0000001");
        assert_eq!(written(|o| double(o, f64::NEG_INFINITY)), "0");
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, expect) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\xff\xfe\xfd\xfc", "//79/A=="),
        ] {
            assert_eq!(written(|o| base64(o, bytes)), expect);
        }
    }

    #[test]
    fn mariadb_addresses_have_their_usual_text() {
        let text = |ty, bytes: &[u8]| written(|o| assert!(address(o, &ty, bytes)));
        assert_eq!(text(ColumnType::Inet4, &[10, 0, 0, 1]), "10.0.0.1");
        assert_eq!(text(ColumnType::Inet6, &[0; 16]), "::");
        let uuid: Vec<u8> = (0..16).collect();
        assert_eq!(
            text(ColumnType::Uuid, &uuid),
            "00010203-0405-0607-0809-0a0b0c0d0e0f"
        );
        assert!(!address(&mut Vec::new(), &ColumnType::Uuid, b"short"));
    }
}
