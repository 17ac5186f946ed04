//! Comparison of two values.

use std::cmp::Ordering;

use super::collation::Collation;
use super::convert::{to_datetime, to_decimal, to_f64, to_time};
use super::json;
use super::value::Value;

/// As what two values are compared.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum How {
    Int,
    Decimal,
    Double,
    Text(Collation),
    /// One side is JSON, whose strings are compared without their quotes.
    JsonLeft(Collation),
    JsonRight(Collation),
    DateTime,
    Time,
}

/// The order of two values; `None` when it is not known, because one is NULL or no value of the common kind.
pub(crate) fn compare(how: How, a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    if a.is_null() || b.is_null() {
        return None;
    }
    match how {
        How::Int => Some(to_int(a)?.cmp(&to_int(b)?)),
        How::Decimal => Some(to_decimal(a)?.cmp(&to_decimal(b)?)),
        How::Double => to_f64(a)?.partial_cmp(&to_f64(b)?),
        How::Text(collation) => Some(collation.compare(text(a)?, text(b)?)),
        How::JsonLeft(collation) => Some(collation.compare(&json::unquote(text(a)?), text(b)?)),
        How::JsonRight(collation) => Some(collation.compare(text(a)?, &json::unquote(text(b)?))),
        How::DateTime => match (to_datetime(a), to_datetime(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => as_numbers(a, b),
        },
        How::Time => match (to_time(a), to_time(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => as_numbers(a, b),
        },
    }
}

/// A time and a number that is no time.
fn as_numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    let is_text = |value: &Value<'_>| matches!(value, Value::Text(_) | Value::Dual(..));
    if is_text(a) || is_text(b) {
        return None;
    }
    to_f64(a)?.partial_cmp(&to_f64(b)?)
}

fn to_int(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(v) => Some((*v).into()),
        Value::UInt(v) | Value::Dual(v, _) => Some((*v).into()),
        other => to_decimal(other)?.to_i128(),
    }
}

fn text<'a>(value: &'a Value<'_>) -> Option<&'a [u8]> {
    match value {
        Value::Text(text) | Value::Dual(_, text) => Some(text),
        _ => None,
    }
}
