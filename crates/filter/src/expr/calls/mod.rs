//! Functions and conversions of values.

mod cast;
mod math;
mod text;
mod time;

use jiff::tz::TimeZone;
use tidegate_model::Image;

pub(super) use cast::{coerce, convert};

use super::convert::{to_datetime, to_decimal, to_f64};
use super::eval::EvalError;
use super::functions::Function;
use super::json;
use super::node::Typed;
use super::value::{Kind, Value};

/// The value of a function; NULL when an argument is.
pub(super) fn call<'v>(
    function: &'v Function,
    args: &'v [Typed],
    zone: &TimeZone,
    row: Image<'v>,
) -> Result<Value<'v>, EvalError> {
    let Some(first) = args.first() else {
        return Ok(Value::Null);
    };
    match function {
        Function::Length
        | Function::CharLength
        | Function::Lower
        | Function::Upper
        | Function::Left
        | Function::Right
        | Function::Substring
        | Function::Concat
        | Function::Trim(_)
        | Function::Locate
        | Function::Instr => text::call(function, args, row),
        Function::JsonExtract(path) => Ok(first
            .text(row)?
            .and_then(|text| json::extract(&text, path))
            .map_or(Value::Null, |text| Value::Text(text.into()))),
        Function::JsonUnquote => Ok(first.text(row)?.map_or(Value::Null, |text| {
            Value::Text(json::unquote(&text).into_owned().into())
        })),
        Function::Abs
        | Function::Sign
        | Function::Round
        | Function::Truncate
        | Function::Floor
        | Function::Ceil => math::call(function, args, row),
        Function::Date => {
            let value = first.eval(row)?;
            Ok(to_datetime(&value).map_or(Value::Null, |at| Value::Date(super::temporal::date_of(at))))
        }
        Function::Part(part) => Ok(time::part(*part, &first.eval(row)?)),
        Function::DateDiff => {
            let (a, b) = (first.eval(row)?, second(args, row)?);
            Ok(time::date_diff(&a, &b))
        }
        Function::UnixTimestamp => Ok(time::unix_timestamp(&first.eval(row)?, zone)),
        Function::AddSpan(unit, negative) => {
            let value = first.eval(row)?;
            let amount = second(args, row)?;
            let is_date = first.kind == Kind::Date && !unit.is_time();
            Ok(time::add(&value, &amount, *unit, *negative, is_date))
        }
    }
}

fn second<'v>(args: &'v [Typed], row: Image<'v>) -> Result<Value<'v>, EvalError> {
    args.get(1).map_or(Ok(Value::Null), |arg| arg.eval(row))
}

/// An argument that is a count or a position. `None` for NULL.
fn count(arg: &Typed, row: Image<'_>) -> Result<Option<i64>, EvalError> {
    Ok(whole(&arg.eval(row)?))
}

/// A value as a whole number: texts are cut off, DOUBLE is rounded half to even. `None` for NULL.
#[allow(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn whole(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::UInt(number) | Value::Dual(number, _) => Some(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::Double(number) => Some(number.round_ties_even() as i64),
        Value::Text(_) => to_f64(value).map(|number| number.trunc() as i64),
        other => {
            let number = to_decimal(other)?.to_i128()?;
            i64::try_from(number).ok()
        }
    }
}
