//! CAST, and the common kind of values of which one is chosen.

use std::borrow::Cow;

use crate::expr::collation::lossy;
use crate::expr::convert::{to_bits, to_datetime, to_decimal, to_f64, to_text, to_time};
use crate::expr::node::Length;
use crate::expr::temporal::date_of;
use crate::expr::value::{Kind, Value};

/// A value of one kind as one of another that holds it.
pub(in crate::expr) fn coerce<'v>(value: Value<'v>, from: Kind, to: Kind) -> Value<'v> {
    if from == to || value.is_null() {
        return value;
    }
    match to {
        Kind::Decimal { scale } => {
            to_decimal(&value).map_or(Value::Null, |number| Value::Decimal(number.rescaled(scale)))
        }
        Kind::Double | Kind::Float => to_f64(&value).map_or(Value::Null, Value::Double),
        Kind::Text(_) => to_text(value, from).map_or(Value::Null, Value::Text),
        Kind::DateTime { .. } => to_datetime(&value).map_or(Value::Null, Value::DateTime),
        _ => value,
    }
}

/// CAST(value AS kind), with the length or precision of the type.
pub(in crate::expr) fn convert<'v>(value: Value<'v>, from: Kind, to: Kind, length: Length) -> Value<'v> {
    if value.is_null() {
        return Value::Null;
    }
    match to {
        Kind::Int => to_signed(&value),
        Kind::UInt => to_unsigned(&value),
        Kind::Decimal { scale } => {
            let precision = length.and_then(|length| u8::try_from(length).ok()).unwrap_or(10);
            to_decimal(&value).map_or(Value::Null, |number| {
                Value::Decimal(number.cast(precision, scale))
            })
        }
        Kind::Double | Kind::Float => to_f64(&value).map_or(Value::Null, Value::Double),
        Kind::Date => to_datetime(&value).map_or(Value::Null, |at| Value::Date(date_of(at))),
        Kind::DateTime { fsp } => to_datetime(&value).map_or(Value::Null, |mut at| {
            let unit = 10u32.pow(6 - u32::from(fsp.min(6)));
            at.micros -= at.micros % unit;
            Value::DateTime(at)
        }),
        Kind::Time { fsp } => to_time(&value).map_or(Value::Null, |micros| {
            let unit = 10i64.pow(6 - u32::from(fsp.min(6)));
            Value::Time(micros - micros % unit)
        }),
        Kind::Text(text) => to_text(value, from).map_or(Value::Null, |bytes| {
            Value::Text(with_length(bytes, length, text.collation.is_binary()))
        }),
        _ => value,
    }
}

/// CHAR(n) cuts off after n characters, BINARY(n) has exactly n bytes.
fn with_length(text: Cow<'_, [u8]>, length: Length, binary: bool) -> Cow<'_, [u8]> {
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
        return text;
    };
    if !binary {
        return super::text::part(text, false, 0, length);
    }
    let mut bytes = text.into_owned();
    bytes.resize(length, 0);
    Cow::Owned(bytes)
}

/// The whole number at the beginning of a text; a fraction or an exponent ends it.
fn whole_prefix(text: &[u8]) -> i128 {
    let text = lossy(text);
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let number = digits.fold(0i128, |number, digit| {
        number.saturating_mul(10).saturating_add((digit - b'0').into())
    });
    if negative { -number } else { number }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the bits are kept, as the servers do"
)]
fn to_signed(value: &Value<'_>) -> Value<'static> {
    Value::Int(match value {
        Value::UInt(number) | Value::Dual(number, _) => *number as i64,
        Value::Double(number) => number.round_ties_even() as i64,
        Value::Decimal(number) => number.to_i128().map_or_else(
            || if number.is_negative() { i64::MIN } else { i64::MAX },
            |number| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
        ),
        Value::Text(text) => {
            let number = whole_prefix(text);
            if number > i128::from(i64::MAX) {
                number.min(u64::MAX.into()) as u64 as i64
            } else {
                number.max(i64::MIN.into()) as i64
            }
        }
        other => to_bits(other).map_or(0, |bits| bits as i64),
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn to_unsigned(value: &Value<'_>) -> Value<'static> {
    Value::UInt(match value {
        Value::Text(text) => {
            let number = whole_prefix(text);
            if number < 0 {
                number.max(i64::MIN.into()) as i64 as u64
            } else {
                number.min(u64::MAX.into()) as u64
            }
        }
        // Below zero there is nothing for numbers with a fraction.
        Value::Decimal(number) if number.is_negative() => 0,
        // A cast of a negative float saturates at zero.
        Value::Double(number) => number.round_ties_even() as u64,
        other => to_bits(other).unwrap_or(0),
    })
}
