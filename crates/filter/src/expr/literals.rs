//! Literals.

use std::borrow::Cow;

use sqlparser::ast::{DataType, Value as Literal};

use super::compile::Fault;
use super::decimal::Decimal;
use super::node::{Node, Typed};
use super::temporal::{self, date_of};
use super::value::{Kind, Text, Value};

/// A literal as it stands in the text.
pub(super) fn literal(literal: &Literal) -> Result<Typed, Fault> {
    match literal {
        Literal::Number(digits, _) => number(digits),
        Literal::SingleQuotedString(text)
        | Literal::DoubleQuotedString(text)
        | Literal::NationalStringLiteral(text) => Ok(text_constant(text)),
        Literal::HexStringLiteral(digits) => {
            let padded = if digits.len() % 2 == 1 {
                format!("0{digits}")
            } else {
                digits.clone()
            };
            let bytes = (0..padded.len() / 2).map(|i| padded.get(2 * i..2 * i + 2));
            let bytes: Option<Vec<u8>> = bytes.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
            bytes
                .map(bytes_constant)
                .ok_or_else(|| Fault::Invalid(format!("x'{digits}' is no hexadecimal literal")))
        }
        Literal::SingleQuotedByteStringLiteral(digits) => bit_literal(digits),
        Literal::Boolean(truth) => Ok(constant(Value::Int((*truth).into()), Kind::Int)),
        Literal::Null => Ok(constant(Value::Null, Kind::Null)),
        other => Err(Fault::Unsupported(format!(
            "the literal {other} is not supported"
        ))),
    }
}

/// A value that is the same for every row.
pub(super) fn constant(value: Value<'static>, kind: Kind) -> Typed {
    Typed {
        node: Node::Const(value),
        kind,
    }
}

fn text_constant(text: &str) -> Typed {
    let bytes = text.as_bytes().to_vec();
    constant(Value::Text(Cow::Owned(bytes)), Kind::Text(Text::LITERAL))
}

/// Whole numbers that fit, else DECIMAL; DOUBLE with an exponent.
fn number(digits: &str) -> Result<Typed, Fault> {
    let bad = || Fault::Invalid(format!("{digits} is no number that can be stored"));
    if digits.contains(['e', 'E']) {
        let number: f64 = digits.parse().map_err(|_| bad())?;
        return if number.is_finite() {
            Ok(constant(Value::Double(number), Kind::Double))
        } else {
            Err(bad())
        };
    }
    if let Ok(number) = digits.parse() {
        return Ok(constant(Value::Int(number), Kind::Int));
    }
    if let Ok(number) = digits.parse() {
        return Ok(constant(Value::UInt(number), Kind::UInt));
    }
    let number = Decimal::parse(digits).ok_or_else(bad)?;
    let kind = Kind::Decimal {
        scale: number.scale(),
    };
    Ok(constant(Value::Decimal(number), kind))
}

/// Bytes that are a number where one is needed: the last eight of them.
fn bytes_constant(bytes: Vec<u8>) -> Typed {
    let number = bytes
        .iter()
        .rev()
        .take(8)
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    constant(Value::Dual(number, Cow::Owned(bytes)), Kind::Dual(Text::BYTES))
}

fn bit_literal(digits: &str) -> Result<Typed, Fault> {
    let bits = u64::from_str_radix(digits, 2)
        .map_err(|_| Fault::Invalid(format!("b'{digits}' is no bit literal of up to 64 bits")))?;
    let size = digits.len().div_ceil(8).max(1);
    let bytes = bits.to_be_bytes();
    Ok(bytes_constant(bytes[8 - size.min(8)..].to_vec()))
}

/// DATE '..', TIME '..', TIMESTAMP '..'.
pub(super) fn typed(data_type: &DataType, text: &str) -> Result<Typed, Fault> {
    match data_type {
        DataType::Date => as_date(text).map(|typed| Typed {
            kind: Kind::Date,
            ..typed
        }),
        DataType::Time(..) => as_time(text),
        DataType::Timestamp(..) | DataType::Datetime(_) => as_datetime(text),
        other => Err(Fault::Unsupported(format!(
            "the literal {other} '..' is not supported"
        ))),
    }
}

/// The date and time that a text stands for beside a date or a time.
///
/// # Errors
/// When it is none: it could never be equal to one, so it is a mistake.
pub(super) fn as_datetime(text: &str) -> Result<Typed, Fault> {
    let read = temporal::read_datetime(text)
        .filter(|read| read.complete)
        .ok_or_else(|| Fault::Invalid(format!("'{text}' is no date or time")))?;
    Ok(constant(
        Value::DateTime(read.value),
        Kind::DateTime { fsp: fsp_of(text) },
    ))
}

fn as_date(text: &str) -> Result<Typed, Fault> {
    let read = temporal::read_datetime(text)
        .filter(|read| read.complete)
        .ok_or_else(|| Fault::Invalid(format!("'{text}' is no date")))?;
    Ok(constant(Value::Date(date_of(read.value)), Kind::Date))
}

/// As [`as_datetime`] for a time of day.
pub(super) fn as_time(text: &str) -> Result<Typed, Fault> {
    let read = temporal::read_time(text)
        .filter(|read| read.complete)
        .ok_or_else(|| Fault::Invalid(format!("'{text}' is no time")))?;
    Ok(constant(
        Value::Time(read.value),
        Kind::Time { fsp: fsp_of(text) },
    ))
}

fn fsp_of(text: &str) -> u8 {
    let fraction = text.rsplit_once('.').map_or("", |(_, fraction)| fraction);
    u8::try_from(fraction.len().min(6)).unwrap_or(6)
}
