//! Literals that a server stores back as the very value they were made from.

use std::io::Write;

use tidegate_model::{Date, DateTime, Datum, Time, Timestamp};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// Appends `datum` as a literal for an INSERT, an assignment or a comparison with its column.
///
/// * FLOAT and DOUBLE carry all digits of their 64-bit value, so that they also compare equal.
/// * Character data that is no valid UTF-8 goes as a binary literal: the server sees the original bytes.
/// * ENUM and SET go by number: names may be ambiguous (`'1'`), and the empty error value has none.
/// * A NaN, which no column can hold, becomes the bare word `NaN`, which the server refuses.
/// * [`Datum::Absent`] becomes `DEFAULT`; callers that cannot accept that check for it first.
pub fn push_literal(out: &mut Vec<u8>, datum: Datum<'_>) {
    match datum {
        Datum::Absent => out.extend_from_slice(b"DEFAULT"),
        Datum::Null => out.extend_from_slice(b"NULL"),
        Datum::Int(v) => push_int(out, v),
        Datum::UInt(v) | Datum::Bit(v) | Datum::Enum(v) | Datum::Set(v) => push_uint(out, v),
        Datum::Year(v) => push_uint(out, u64::from(v)),
        Datum::Float(v) => push_double(out, f64::from(v)),
        Datum::Double(v) => push_double(out, v),
        Datum::Decimal(text) => out.extend_from_slice(text.as_bytes()),
        Datum::Text(bytes) => push_text(out, bytes),
        Datum::Json(text) => push_string(out, text),
        Datum::Bytes(bytes) | Datum::Geometry(bytes) | Datum::Vector(bytes) => push_binary(out, bytes),
        Datum::Date(v) => quoted(out, |out| push_date(out, v)),
        Datum::DateTime(v) => quoted(out, |out| push_datetime(out, v)),
        Datum::Timestamp(v) => quoted(out, |out| push_datetime(out, civil(v))),
        Datum::Time(v) => quoted(out, |out| push_time(out, v)),
    }
}

/// Appends `text` as a quoted string with backslash escapes.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    push_escaped(out, text.as_bytes());
}

/// Appends `bytes` as `_binary'..'`, a string without a character set: hardly longer than the bytes, where
/// hexadecimal digits take twice as much. Other bytes than quotes and backslashes stand for themselves.
pub fn push_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"_binary");
    push_escaped(out, bytes);
}

fn push_text(out: &mut Vec<u8>, bytes: &[u8]) {
    if std::str::from_utf8(bytes).is_ok() {
        push_escaped(out, bytes);
    } else {
        push_binary(out, bytes);
    }
}

/// Servers need no more than quotes and backslashes escaped; a zero byte is one of the text.
fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 2);
    out.push(b'\'');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\'' | b'\\')) {
        // The byte stands twice.
        out.extend_from_slice(&rest[..=at]);
        out.push(rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'\'');
}

fn quoted(out: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'\'');
    push(out);
    out.push(b'\'');
}

fn push_int(out: &mut Vec<u8>, v: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes());
}

fn push_uint(out: &mut Vec<u8>, v: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes());
}

fn push_double(out: &mut Vec<u8>, v: f64) {
    // The exponent makes it an approximate literal; without one the server would parse a DECIMAL.
    write!(out, "{v:e}").expect("a vector takes every byte");
}

fn push_date(out: &mut Vec<u8>, v: Date) {
    push_digits(out, u64::from(v.year), 4);
    out.push(b'-');
    push_digits(out, u64::from(v.month), 2);
    out.push(b'-');
    push_digits(out, u64::from(v.day), 2);
}

fn push_datetime(out: &mut Vec<u8>, v: DateTime) {
    let DateTime { year, month, day, .. } = v;
    push_date(out, Date { year, month, day });
    out.push(b' ');
    push_digits(out, u64::from(v.hour), 2);
    out.push(b':');
    push_digits(out, u64::from(v.minute), 2);
    out.push(b':');
    push_digits(out, u64::from(v.second), 2);
    push_micros(out, u64::from(v.micros));
}

fn push_time(out: &mut Vec<u8>, v: Time) {
    if v.micros < 0 {
        out.push(b'-');
    }
    let micros = v.micros.unsigned_abs();
    let seconds = micros / MICROS_PER_SECOND;
    push_digits(out, seconds / 3600, 2);
    out.push(b':');
    push_digits(out, seconds / 60 % 60, 2);
    out.push(b':');
    push_digits(out, seconds % 60, 2);
    push_micros(out, micros % MICROS_PER_SECOND);
}

/// A fraction only where there is one: the column's own precision cuts or fills the rest.
fn push_micros(out: &mut Vec<u8>, micros: u64) {
    if micros != 0 {
        out.push(b'.');
        push_digits(out, micros, 6);
    }
}

/// Appends `v` in decimal with at least `width` digits.
fn push_digits(out: &mut Vec<u8>, v: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(v);
    for _ in digits.len()..width {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

/// UTC calendar of a timestamp; the zero date for the zero timestamp.
pub fn civil(v: Timestamp) -> DateTime {
    if v.is_zero() {
        return DateTime::default();
    }
    let (days, second) = (v.seconds / 86_400, v.seconds % 86_400);
    let (year, month, day) = civil_from_days(days);
    DateTime {
        year,
        month,
        day,
        hour: narrow(second / 3600),
        minute: narrow(second / 60 % 60),
        second: narrow(second % 60),
        micros: v.micros,
    }
}

/// Gregorian date of a day number counted from 1970-01-01, by eras of 400 years that start on 1 March.
fn civil_from_days(days: u32) -> (u16, u8, u8) {
    // Days from 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (
        u16::try_from(year).expect("32-bit seconds end in 2106"),
        narrow(month),
        narrow(day),
    )
}

/// Calendar fields are below 100.
fn narrow(v: u32) -> u8 {
    u8::try_from(v).expect("a calendar field")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(datum: Datum<'_>, expect: &str) {
        let mut out = Vec::new();
        push_literal(&mut out, datum);
        assert_eq!(String::from_utf8(out).unwrap(), expect, "{datum:?}");
    }

    #[test]
    fn numbers() {
        check(Datum::Null, "NULL");
        check(Datum::Int(i64::MIN), "-9223372036854775808");
        check(Datum::UInt(u64::MAX), "18446744073709551615");
        check(Datum::Float(0.1), "1.0000000149011612e-1");
        check(Datum::Double(-1e300), "-1e300");
        check(Datum::Double(0.0), "0e0");
        check(Datum::Double(f64::NAN), "NaN");
        check(Datum::Decimal("-0.50"), "-0.50");
        check(Datum::Bit(1 << 63), "9223372036854775808");
        check(Datum::Enum(0), "0");
        check(Datum::Set(5), "5");
        check(Datum::Year(0), "0");
        check(Datum::Year(2155), "2155");
    }

    #[test]
    fn strings() {
        check(Datum::Text(b""), "''");
        check(
            Datum::Text("O'Neil \\ \0 ü\n\"%_".as_bytes()),
            "'O''Neil \\\\ \0 ü\n\"%_'",
        );
        check(Datum::Json(r#"{"a": "\"it's\""}"#), r#"'{"a": "\\"it''s\\""}'"#);
        check(Datum::Bytes(b"\0a'\\"), "_binary'\0a''\\\\'");
        check(Datum::Bytes(b""), "_binary''");
    }

    #[test]
    fn bytes_that_are_no_text_stand_for_themselves() {
        for datum in [Datum::Text(b"a\xff'"), Datum::Bytes(b"a\xff'")] {
            let mut out = Vec::new();
            push_literal(&mut out, datum);
            assert_eq!(out, b"_binary'a\xff'''");
        }
    }

    #[test]
    fn times() {
        let date = |year, month, day| Datum::Date(Date { year, month, day });
        check(date(2024, 5, 1), "'2024-05-01'");
        check(date(0, 0, 0), "'0000-00-00'");
        check(Datum::DateTime(DateTime::default()), "'0000-00-00 00:00:00'");
        let full = DateTime {
            year: 9999,
            month: 12,
            day: 31,
            hour: 23,
            minute: 59,
            second: 58,
            micros: 250_000,
        };
        check(Datum::DateTime(full), "'9999-12-31 23:59:58.250000'");
        check(Datum::Time(Time { micros: -1 }), "'-00:00:00.000001'");
        check(
            Datum::Time(Time {
                micros: 3_020_399_000_000,
            }),
            "'838:59:59'",
        );
        let stamp = |seconds, micros| Datum::Timestamp(Timestamp { seconds, micros });
        check(stamp(0, 0), "'0000-00-00 00:00:00'");
        check(stamp(1, 0), "'1970-01-01 00:00:01'");
        check(stamp(951_782_400, 1), "'2000-02-29 00:00:00.000001'");
        check(stamp(1_714_566_600, 0), "'2024-05-01 12:30:00'");
        check(stamp(u32::MAX, 0), "'2106-02-07 06:28:15'");
    }

    /// Walks every day of the range by the plain rule of leap years.
    #[test]
    fn the_calendar_agrees_with_counting() {
        let (mut year, mut month, mut day) = (1970u16, 1u8, 1u8);
        for days in 0..=u32::MAX / 86_400 {
            assert_eq!(civil_from_days(days), (year, month, day));
            let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            let last = match month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, d) if d == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}
