//! From one kind of value to another, as MySQL converts implicitly.

use std::borrow::Cow;
use std::fmt::Write;

use tidegate_model::DateTime;

use super::collation::lossy;
use super::decimal::Decimal;
use super::temporal::{self, MICROS_PER_SECOND, midnight};
use super::value::{Kind, Value};

/// The longest beginning of a text that is a number; empty when there is none. Leading blanks are skipped.
pub(crate) fn number_prefix(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return "";
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    &text[..end]
}

/// A text as a DOUBLE: its beginning as far as it is a number, else 0.
pub(crate) fn text_to_f64(text: &[u8]) -> f64 {
    // Numbers are ASCII: what follows does not matter.
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii())
        .unwrap_or(text.len());
    let number = number_prefix(std::str::from_utf8(&text[..end]).unwrap_or_default());
    let number: f64 = number.parse().unwrap_or(0.0);
    number.clamp(f64::MIN, f64::MAX)
}

/// `None` for NULL.
pub(crate) fn to_f64(value: &Value<'_>) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "as the servers do")]
    Some(match value {
        Value::Null => return None,
        Value::Int(v) => *v as f64,
        Value::UInt(v) | Value::Dual(v, _) => *v as f64,
        Value::Decimal(v) => v.to_f64(),
        Value::Double(v) => *v,
        Value::Text(text) => text_to_f64(text),
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => to_decimal(value)?.to_f64(),
    })
}

/// `None` for NULL.
pub(crate) fn to_decimal(value: &Value<'_>) -> Option<Decimal> {
    Some(match value {
        Value::Null => return None,
        Value::Int(v) => (*v).into(),
        Value::UInt(v) | Value::Dual(v, _) => (*v).into(),
        Value::Decimal(v) => *v,
        Value::Double(v) => Decimal::from_f64(*v),
        Value::Text(text) => Decimal::parse_prefix(&lossy(text)),
        Value::Date(date) => {
            let number = u64::from(date.year) * 10_000 + u64::from(date.month) * 100 + u64::from(date.day);
            number.into()
        }
        Value::DateTime(at) => {
            let date = u64::from(at.year) * 10_000 + u64::from(at.month) * 100 + u64::from(at.day);
            let time = u64::from(at.hour) * 10_000 + u64::from(at.minute) * 100 + u64::from(at.second);
            with_micros(i64::try_from(date * 1_000_000 + time).ok()?, at.micros.into())
        }
        Value::Time(micros) => {
            let seconds = micros / MICROS_PER_SECOND;
            let number = seconds / 3600 * 10_000 + seconds / 60 % 60 * 100 + seconds % 60;
            with_micros(number, micros % MICROS_PER_SECOND)
        }
    })
}

fn with_micros(number: i64, micros: i64) -> Decimal {
    if micros == 0 {
        return number.into();
    }
    let sign = if number < 0 || micros < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:06}", number.unsigned_abs(), micros.unsigned_abs());
    Decimal::parse(&text).unwrap_or(Decimal::ZERO)
}

/// Whether a value counts as true: any number but zero. `None` for NULL.
pub(crate) fn to_truth(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Null => None,
        Value::Int(v) => Some(*v != 0),
        Value::UInt(v) | Value::Dual(v, _) => Some(*v != 0),
        Value::Decimal(v) => Some(!v.is_zero()),
        other => to_f64(other).map(|v| v != 0.0),
    }
}

/// A whole number as the bit operators see it. `None` for NULL.
#[allow(clippy::cast_sign_loss, reason = "bits are kept")]
pub(crate) fn to_bits(value: &Value<'_>) -> Option<u64> {
    Some(match value {
        Value::Null => return None,
        Value::Int(v) => *v as u64,
        Value::UInt(v) | Value::Dual(v, _) => *v,
        Value::Decimal(v) => bits_of(v.to_i128()),
        Value::Double(v) => bits_of_f64(v.round()),
        Value::Text(text) => bits_of_f64(text_to_f64(text).round()),
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => bits_of(to_decimal(value)?.to_i128()),
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn bits_of(number: Option<i128>) -> u64 {
    match number {
        Some(number) if number < 0 => number.max(i64::MIN.into()) as i64 as u64,
        Some(number) => number.min(u64::MAX.into()) as u64,
        None => u64::MAX,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats saturate"
)]
fn bits_of_f64(number: f64) -> u64 {
    if number < 0.0 {
        number as i64 as u64
    } else {
        number as u64
    }
}

/// A value as text. `kind` is the kind of its expression. `None` for NULL.
pub(crate) fn to_text<'v>(value: Value<'v>, kind: Kind) -> Option<Cow<'v, [u8]>> {
    let text = match value {
        Value::Null => return None,
        Value::Text(text) | Value::Dual(_, text) => return Some(text),
        Value::Int(v) => v.to_string(),
        Value::UInt(v) => v.to_string(),
        Value::Decimal(v) => match kind {
            Kind::Decimal { scale } => v.rescaled(scale).to_string(),
            _ => v.to_string(),
        },
        Value::Double(v) => double_text(v, kind == Kind::Float),
        Value::Date(date) => format!("{:04}-{:02}-{:02}", date.year, date.month, date.day),
        Value::DateTime(at) => {
            let fsp = if let Kind::DateTime { fsp } = kind { fsp } else { 6 };
            let mut text = format!(
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                at.year, at.month, at.day, at.hour, at.minute, at.second
            );
            push_fraction(&mut text, at.micros, fsp);
            text
        }
        Value::Time(micros) => {
            let fsp = if let Kind::Time { fsp } = kind { fsp } else { 6 };
            time_text(micros, fsp)
        }
    };
    Some(Cow::Owned(text.into_bytes()))
}

fn time_text(micros: i64, fsp: u8) -> String {
    let size = micros.unsigned_abs();
    let seconds = size / 1_000_000;
    let sign = if micros < 0 { "-" } else { "" };
    let mut text = format!(
        "{sign}{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    push_fraction(
        &mut text,
        u32::try_from(size % 1_000_000).unwrap_or_default(),
        fsp,
    );
    text
}

fn push_fraction(text: &mut String, micros: u32, fsp: u8) {
    if fsp > 0 {
        let digits = format!("{micros:06}");
        text.push('.');
        text.push_str(&digits[..usize::from(fsp.min(6))]);
    }
}

/// The shortest digits that read back as the same number; with an exponent from 10^15 on and below 10^-15.
#[allow(clippy::cast_possible_truncation, reason = "a FLOAT that was widened")]
fn double_text(number: f64, single: bool) -> String {
    let scientific = if single {
        format!("{:e}", number as f32)
    } else {
        format!("{number:e}")
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-15..15).contains(&exponent) {
        return format!("{digits}e{exponent}");
    }
    let mut text = String::new();
    let written = if single {
        write!(text, "{}", number as f32)
    } else {
        write!(text, "{number}")
    };
    written.map_or(scientific, |()| text)
}

/// A value as a date and time; `None` for NULL and for what is none.
pub(crate) fn to_datetime(value: &Value<'_>) -> Option<DateTime> {
    match value {
        Value::Null | Value::Time(_) => None,
        Value::Date(date) => Some(midnight(*date)),
        Value::DateTime(at) => Some(*at),
        Value::Text(text) | Value::Dual(_, text) => {
            temporal::read_datetime(&lossy(text)).map(|read| read.value)
        }
        number => {
            let decimal = to_decimal(number)?;
            let whole = u64::try_from(decimal.truncated(0).to_i128()?).ok()?;
            let mut at = temporal::from_number(whole)?;
            at.micros = micros_of(decimal)?;
            Some(at)
        }
    }
}

/// A value as microseconds of TIME; `None` for NULL and for what is none.
pub(crate) fn to_time(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Null => None,
        Value::Date(_) => Some(0),
        Value::DateTime(at) => Some(temporal::time_of(*at)),
        Value::Time(micros) => Some(*micros),
        Value::Text(text) | Value::Dual(_, text) => {
            let text = lossy(text);
            if let Some(read) = temporal::read_datetime(&text)
                && read.timed
                && text.contains(['-', '/'])
            {
                return Some(temporal::time_of(read.value));
            }
            temporal::read_time(&text).map(|read| read.value)
        }
        number => {
            let decimal = to_decimal(number)?;
            let whole = i64::try_from(decimal.truncated(0).to_i128()?).ok()?;
            let micros = i64::from(micros_of(decimal.abs())?);
            let time = temporal::time_from_number(whole)?;
            Some(if decimal.is_negative() {
                time - micros
            } else {
                time + micros
            })
        }
    }
}

/// Digits behind the point as microseconds.
fn micros_of(decimal: Decimal) -> Option<u32> {
    if decimal.scale() == 0 {
        return Some(0);
    }
    let fraction = decimal.sub(decimal.truncated(0)).ok()?;
    let micros = fraction.truncated(6).mul(Decimal::from(1_000_000i64)).ok()?;
    u32::try_from(micros.truncated(0).to_i128()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_at_the_beginning_of_texts() {
        for (text, expect) in [
            ("12abc", "12"),
            (" -1.5e3x", "-1.5e3"),
            ("1e", "1"),
            ("1e+", "1"),
            (".5.", ".5"),
            ("5.", "5."),
            ("-", ""),
            (".", ""),
            ("abc", ""),
            ("", ""),
        ] {
            assert_eq!(number_prefix(text), expect, "{text:?}");
        }
        assert_eq!(text_to_f64("1ü".as_bytes()).to_bits(), 1f64.to_bits());
    }

    #[test]
    fn doubles_print_like_the_servers() {
        for (number, expect) in [
            (1e20, "1e20"),
            (1e15, "1e15"),
            (1e14, "100000000000000"),
            (0.1, "0.1"),
            (1e-5, "0.00001"),
            (1.0 / 3.0, "0.3333333333333333"),
            (-2.5, "-2.5"),
            (1.5e-20, "1.5e-20"),
        ] {
            assert_eq!(double_text(number, false), expect);
        }
        assert_eq!(double_text(f64::from(0.1f32), true), "0.1");
    }

    #[test]
    fn values_become_bits_with_their_range_kept() {
        assert_eq!(to_bits(&Value::Int(-1)), Some(u64::MAX));
        assert_eq!(to_bits(&Value::Decimal(Decimal::parse("5.5").unwrap())), Some(6));
        assert_eq!(to_bits(&Value::Double(2.5)), Some(3));
        assert_eq!(to_bits(&Value::Double(1e30)), Some(u64::MAX));
        assert_eq!(to_bits(&Value::Null), None);
    }
}
