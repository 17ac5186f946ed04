//! Typed cells of a sample row, as the binlog would have them.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::civil;
use jiff::tz::TimeZone;
use tidegate_model::{ColumnInfo, ColumnType, Date, DateTime, Datum, RowBlockBuilder, Time, Timestamp};

const TIME_MICROS_MAX: i64 = (838 * 3600 + 59 * 60 + 60) * 1_000_000 - 1;

/// What an empty cell of a column stands for: NULL where it is allowed, otherwise the type's own nothing.
pub(crate) fn stands_for(column: &ColumnInfo) -> String {
    if column.nullable {
        return "NULL".to_owned();
    }
    match &column.ty {
        ColumnType::Date => "0000-00-00",
        ColumnType::DateTime { .. } | ColumnType::Timestamp { .. } => "0000-00-00 00:00:00",
        ColumnType::Time { .. } => "00:00:00",
        ColumnType::Json => "null",
        ColumnType::Uuid => "00000000-0000-0000-0000-000000000000",
        ColumnType::Inet4 => "0.0.0.0",
        ColumnType::Inet6 => "::",
        ColumnType::Enum { members } => members.first().map_or("", |member| member),
        ty if is_text(ty) || ty.is_binary() => "''",
        ColumnType::Set { .. } | ColumnType::Vector { .. } => "''",
        _ => "0",
    }
    .to_owned()
}

/// Adds the cell that `typed` means to a row. TIMESTAMP values are local times of `zone`.
///
/// # Errors
/// What is wrong with it, without the name of the column.
pub(crate) fn push(
    builder: &mut RowBlockBuilder,
    column: &ColumnInfo,
    typed: &str,
    zone: &TimeZone,
) -> Result<(), String> {
    let instead = stands_for(column);
    let text = if typed.is_empty() { instead.as_str() } else { typed };
    if text == "NULL" {
        if !column.nullable {
            return Err("NULL is not allowed here".to_owned());
        }
        builder.push(Datum::Null);
        return Ok(());
    }
    let text = unquoted(text);
    if let ColumnType::Decimal { precision, scale } = column.ty {
        let digits = decimal(text, precision, scale)?;
        builder.push(Datum::Decimal(&digits));
    } else if let Some(bytes) = bytes_of(&column.ty, text)? {
        builder.push(match column.ty {
            ColumnType::Geometry => Datum::Geometry(&bytes),
            ColumnType::Vector { .. } => Datum::Vector(&bytes),
            _ => Datum::Bytes(&bytes),
        });
    } else {
        builder.push(plain(column, text, zone)?);
    }
    Ok(())
}

/// A value that is made of the text without a buffer.
fn plain<'t>(column: &ColumnInfo, text: &'t str, zone: &TimeZone) -> Result<Datum<'t>, String> {
    Ok(match &column.ty {
        ColumnType::TinyInt => integer(text, column.unsigned, 8)?,
        ColumnType::SmallInt => integer(text, column.unsigned, 16)?,
        ColumnType::MediumInt => integer(text, column.unsigned, 24)?,
        ColumnType::Int => integer(text, column.unsigned, 32)?,
        ColumnType::BigInt => integer(text, column.unsigned, 64)?,
        ColumnType::Float => Datum::Float(number(text)? as f32),
        ColumnType::Double => Datum::Double(number(text)?),
        ColumnType::Bit { bits } => Datum::Bit(bits_of(text, *bits)?),
        ColumnType::Year => Datum::Year(year(text)?),
        ColumnType::Date => Datum::Date(date(text)?),
        ColumnType::Time { .. } => Datum::Time(time(text)?),
        ColumnType::DateTime { .. } => Datum::DateTime(date_time(text)?),
        ColumnType::Timestamp { .. } => Datum::Timestamp(timestamp(text, zone)?),
        // The binlog has it without the blanks at its end.
        ColumnType::Char { .. } => Datum::Text(text.trim_end_matches(' ').as_bytes()),
        ColumnType::Enum { members } => Datum::Enum(member(text, members)? as u64 + 1),
        ColumnType::Set { members } => Datum::Set(set(text, members)?),
        ColumnType::Json => {
            serde_json::from_str::<serde_json::Value>(text).map_err(|error| format!("no JSON: {error}"))?;
            Datum::Json(text)
        }
        _ => Datum::Text(text.as_bytes()),
    })
}

/// The bytes of a value of a type that has bytes; nothing for other types.
fn bytes_of(ty: &ColumnType, text: &str) -> Result<Option<Vec<u8>>, String> {
    Ok(Some(match ty {
        ColumnType::Uuid => {
            let id: uuid::Uuid = text.parse().map_err(|_| "no UUID")?;
            id.as_bytes().to_vec()
        }
        ColumnType::Inet4 => {
            let address: Ipv4Addr = text.parse().map_err(|_| "no IPv4 address")?;
            address.octets().to_vec()
        }
        ColumnType::Inet6 => {
            let address: Ipv6Addr = text.parse().map_err(|_| "no IPv6 address")?;
            address.octets().to_vec()
        }
        ColumnType::Binary { bytes } => {
            let mut padded = binary(text)?;
            padded.resize(padded.len().max(*bytes as usize), 0);
            padded
        }
        ColumnType::Vector { .. } => binary(text)?,
        ty if ty.is_binary() => binary(text)?,
        _ => return Ok(None),
    }))
}

fn is_text(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::Char { .. }
            | ColumnType::VarChar { .. }
            | ColumnType::TinyText
            | ColumnType::Text
            | ColumnType::MediumText
            | ColumnType::LongText
    )
}

/// `'NULL'` is a text, `''` an empty one.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.unwrap_or(text)
}

fn integer(text: &str, unsigned: bool, bits: u32) -> Result<Datum<'static>, String> {
    let text = text.trim();
    if unsigned {
        let max = u64::MAX >> (64 - bits);
        let value: u64 = text
            .parse()
            .map_err(|_| format!("no whole number from 0 to {max}"))?;
        return match value <= max {
            true => Ok(Datum::UInt(value)),
            false => Err(format!("larger than {max}")),
        };
    }
    let max = i64::MAX >> (64 - bits);
    let value: i64 = text.parse().map_err(|_| "no whole number".to_owned())?;
    match (-max - 1..=max).contains(&value) {
        true => Ok(Datum::Int(value)),
        false => Err(format!("outside of {} to {max}", -max - 1)),
    }
}

fn number(text: &str) -> Result<f64, String> {
    let value: f64 = text.trim().parse().map_err(|_| "no number".to_owned())?;
    match value.is_finite() {
        true => Ok(value),
        false => Err("no number".to_owned()),
    }
}

/// All digits of the scale, as the binlog has them.
fn decimal(text: &str, precision: u8, scale: u8) -> Result<String, String> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return Err("no decimal number".to_owned());
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > usize::from(precision - scale.min(precision)) || fraction.len() > usize::from(scale) {
        return Err(format!("does not fit into decimal({precision},{scale})"));
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let scale = usize::from(scale);
    Ok(match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction:0<scale$}"),
    })
}

fn bits_of(text: &str, bits: u8) -> Result<u64, String> {
    let text = text.trim();
    let value = match text.strip_prefix("b'").map(|text| text.trim_end_matches('\'')) {
        Some(digits) => u64::from_str_radix(digits, 2),
        None => text.parse(),
    };
    let value = value.map_err(|_| "no number and no b'101'".to_owned())?;
    match bits >= 64 || value >> bits == 0 {
        true => Ok(value),
        false => Err(format!("needs more than {bits} bits")),
    }
}

fn year(text: &str) -> Result<u16, String> {
    let value: u16 = text.trim().parse().map_err(|_| "no year".to_owned())?;
    match value == 0 || (1901..=2155).contains(&value) {
        true => Ok(value),
        false => Err("no year from 1901 to 2155".to_owned()),
    }
}

/// Numbers between separators, exactly as many as asked for, each with at most `digits` digits.
fn parts<const N: usize>(text: &str, separator: char, digits: usize) -> Option<[u32; N]> {
    let mut values = [0; N];
    let mut parts = text.split(separator);
    for value in &mut values {
        let part = parts.next()?;
        let is_number = !part.is_empty() && part.len() <= digits && part.bytes().all(|b| b.is_ascii_digit());
        *value = is_number.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(values)
}

fn date(text: &str) -> Result<Date, String> {
    let [year, month, day] = parts(text.trim(), '-', 4).ok_or("no date: write 2024-01-31")?;
    let date = Date {
        year: year as u16,
        month: month.min(99) as u8,
        day: day.min(99) as u8,
    };
    // Zero and partly zero dates exist; days that no month has do not.
    let real = civil::Date::new(date.year as i16, date.month.max(1) as i8, date.day.max(1) as i8);
    match real.is_ok() || (year, month, day) == (0, 0, 0) {
        true => Ok(date),
        false => Err("there is no such day".to_owned()),
    }
}

fn date_time(text: &str) -> Result<DateTime, String> {
    let text = text.trim();
    let (day, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let date = date(day)?;
    let (clock, micros) = fraction(clock)?;
    let [hour, minute, second] = parts(clock, ':', 2).ok_or("no time: write 2024-01-31 23:59:59")?;
    if hour > 23 || minute > 59 || second > 59 {
        return Err("there is no such time".to_owned());
    }
    Ok(DateTime {
        year: date.year,
        month: date.month,
        day: date.day,
        hour: hour as u8,
        minute: minute as u8,
        second: second as u8,
        micros,
    })
}

fn timestamp(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let at = date_time(text)?;
    if at.year == 0 && at.month == 0 && at.day == 0 {
        return Ok(Timestamp::default());
    }
    let outside = || "outside of 1970 to 2106".to_owned();
    let day = civil::Date::new(at.year as i16, at.month as i8, at.day as i8).map_err(|_| outside())?;
    let clock =
        civil::Time::new(at.hour as i8, at.minute as i8, at.second as i8, 0).map_err(|_| outside())?;
    let instant = day
        .to_datetime(clock)
        .to_zoned(zone.clone())
        .map_err(|_| outside())?;
    let seconds = u32::try_from(instant.timestamp().as_second()).map_err(|_| outside())?;
    Ok(Timestamp {
        seconds,
        micros: at.micros,
    })
}

fn time(text: &str) -> Result<Time, String> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (clock, micros) = fraction(rest)?;
    let [hours, minutes, seconds] = parts(clock, ':', 3).ok_or("no time: write 23:59:59")?;
    if minutes > 59 || seconds > 59 {
        return Err("there is no such time".to_owned());
    }
    let total = i64::from(hours * 3600 + minutes * 60 + seconds) * 1_000_000 + i64::from(micros);
    match total <= TIME_MICROS_MAX {
        true => Ok(Time { micros: sign * total }),
        false => Err("longer than 838:59:59".to_owned()),
    }
}

/// A time of day without its fraction, and that in microseconds.
fn fraction(clock: &str) -> Result<(&str, u32), String> {
    let Some((clock, digits)) = clock.split_once('.') else {
        return Ok((clock, 0));
    };
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a fraction has one to six digits".to_owned());
    }
    Ok((clock, format!("{digits:0<6}").parse().unwrap_or_default()))
}

fn member(text: &str, members: &[Box<str>]) -> Result<usize, String> {
    let found = members
        .iter()
        .position(|member| member.eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("not one of: {}", members.join(", ")))
}

fn set(text: &str, members: &[Box<str>]) -> Result<u64, String> {
    let chosen = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    chosen
        .map(|name| member(name, members))
        .try_fold(0, |bits, place| Ok(bits | 1 << place?))
}

/// `0x` and digits, or the bytes of the text.
fn binary(text: &str) -> Result<Vec<u8>, String> {
    let Some(digits) = text.strip_prefix("0x") else {
        return Ok(text.as_bytes().to_vec());
    };
    let odd = || "0x needs pairs of hexadecimal digits".to_owned();
    if digits.len() % 2 != 0 || !digits.is_ascii() {
        return Err(odd());
    }
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| odd()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tidegate_model::{Generated, RowOp, TableId, TableInfo, TableName, Ts};

    use super::*;

    fn column(ty: ColumnType, nullable: bool, unsigned: bool) -> ColumnInfo {
        ColumnInfo {
            name: "c".into(),
            ty,
            nullable,
            unsigned,
            zerofill: false,
            charset: "utf8mb4".into(),
            collation: None,
            default: None,
            generated: Generated::No,
            display_width: None,
        }
    }

    /// The cell in words, or what is wrong with it.
    fn cell(column: &ColumnInfo, typed: &str) -> String {
        let table = Arc::new(TableInfo {
            name: TableName::new("s", "t"),
            id: TableId(1),
            version: Ts::ZERO,
            columns: vec![column.clone()],
            indexes: Vec::new(),
        });
        let mut builder = RowBlockBuilder::new(table, RowOp::Insert, Bytes::new());
        match push(&mut builder, column, typed, &TimeZone::UTC) {
            Ok(()) => format!("{:?}", builder.finish().row(0).after().unwrap().get(0)),
            Err(problem) => problem,
        }
    }

    fn check(ty: ColumnType, typed: &str, expect: &str) {
        assert_eq!(
            cell(&column(ty.clone(), true, false), typed),
            expect,
            "{ty:?} {typed}"
        );
    }

    #[test]
    fn numbers_have_the_range_of_their_column() {
        check(ColumnType::TinyInt, "-128", "Int(-128)");
        check(ColumnType::TinyInt, "128", "outside of -128 to 127");
        check(
            ColumnType::BigInt,
            "-9223372036854775808",
            "Int(-9223372036854775808)",
        );
        check(ColumnType::Int, "x", "no whole number");
        let unsigned = column(ColumnType::BigInt, true, true);
        assert_eq!(
            cell(&unsigned, "18446744073709551615"),
            "UInt(18446744073709551615)"
        );
        let medium = column(ColumnType::MediumInt, true, true);
        assert_eq!(cell(&medium, "16777216"), "larger than 16777215");
        let decimal = || ColumnType::Decimal {
            precision: 5,
            scale: 2,
        };
        check(decimal(), "-0.5", "Decimal(\"-0.50\")");
        check(decimal(), "1234", "does not fit into decimal(5,2)");
        check(ColumnType::Double, "1e400", "no number");
        check(ColumnType::Bit { bits: 3 }, "b'101'", "Bit(5)");
        check(ColumnType::Bit { bits: 3 }, "8", "needs more than 3 bits");
        check(ColumnType::Year, "1900", "no year from 1901 to 2155");
    }

    #[test]
    fn times_are_those_that_exist() {
        let at = "DateTime(DateTime { year: 2024, month: 2, day: 29, hour: 1, minute: 2, second: 3, micros: 40000 })";
        check(ColumnType::DateTime { fsp: 6 }, "2024-02-29 01:02:03.04", at);
        check(ColumnType::Date, "2023-02-29", "there is no such day");
        check(
            ColumnType::Date,
            "2023-00-00",
            "Date(Date { year: 2023, month: 0, day: 0 })",
        );
        check(
            ColumnType::Time { fsp: 0 },
            "-01:00:00",
            "Time(Time { micros: -3600000000 })",
        );
        check(ColumnType::Time { fsp: 0 }, "839:00:00", "longer than 838:59:59");
        let timestamp = || ColumnType::Timestamp { fsp: 0 };
        check(
            timestamp(),
            "1970-01-01 00:00:01",
            "Timestamp(Timestamp { seconds: 1, micros: 0 })",
        );
        check(timestamp(), "1969-01-01", "outside of 1970 to 2106");
    }

    #[test]
    fn texts_bytes_and_members_are_read() {
        check(ColumnType::Text, "'NULL'", "Text([78, 85, 76, 76])");
        check(ColumnType::Char { chars: 3 }, "a  ", "Text([97])");
        check(ColumnType::VarBinary { bytes: 3 }, "0x0aFF", "Bytes([10, 255])");
        check(ColumnType::Binary { bytes: 2 }, "a", "Bytes([97, 0])");
        check(ColumnType::Blob, "0xf", "0x needs pairs of hexadecimal digits");
        let members: Arc<[Box<str>]> = ["a".into(), "b".into()].into();
        check(
            ColumnType::Enum {
                members: Arc::clone(&members),
            },
            "B",
            "Enum(2)",
        );
        check(
            ColumnType::Set {
                members: Arc::clone(&members),
            },
            "b, a",
            "Set(3)",
        );
        check(ColumnType::Set { members }, "c", "not one of: a, b");
        assert!(cell(&column(ColumnType::Json, true, false), "{").starts_with("no JSON"));
    }

    #[test]
    fn an_empty_cell_stands_for_nothing_in_particular() {
        let members: Arc<[Box<str>]> = ["a".into()].into();
        for ty in [
            ColumnType::Int,
            ColumnType::Decimal {
                precision: 3,
                scale: 1,
            },
            ColumnType::Date,
            ColumnType::Time { fsp: 0 },
            ColumnType::Timestamp { fsp: 0 },
            ColumnType::Text,
            ColumnType::Blob,
            ColumnType::Json,
            ColumnType::Uuid,
            ColumnType::Inet4,
            ColumnType::Inet6,
            ColumnType::Bit { bits: 1 },
            ColumnType::Year,
            ColumnType::Set {
                members: Arc::clone(&members),
            },
            ColumnType::Enum { members },
        ] {
            check(ty.clone(), "", "Null");
            let needed = column(ty.clone(), false, false);
            let stands_for = stands_for(&needed);
            assert_eq!(cell(&needed, ""), cell(&needed, &stands_for), "{ty:?}");
            assert!(cell(&needed, "").contains('('), "{ty:?}: {}", cell(&needed, ""));
            assert_eq!(cell(&needed, "NULL"), "NULL is not allowed here");
        }
    }
}
