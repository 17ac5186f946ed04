//! Functions of numbers.

use tidegate_model::Image;

use super::count;
use crate::expr::convert::{to_decimal, to_f64};
use crate::expr::decimal::Decimal;
use crate::expr::eval::EvalError;
use crate::expr::functions::Function;
use crate::expr::node::{Numbers, Typed};
use crate::expr::value::Value;

pub(super) fn call<'v>(
    function: &Function,
    args: &'v [Typed],
    row: Image<'v>,
) -> Result<Value<'v>, EvalError> {
    let first = &args[0];
    let value = first.eval(row)?;
    if value.is_null() {
        return Ok(Value::Null);
    }
    let digits = match args.get(1) {
        Some(arg) => match count(arg, row)? {
            Some(digits) => digits,
            None => return Ok(Value::Null),
        },
        None => 0,
    };
    let as_double = first.kind.numbers() == Numbers::Double;
    Ok(if as_double {
        to_f64(&value).map_or(Value::Null, |number| of_double(function, number, digits))
    } else if let Value::UInt(number) = value
        && *function == Function::Abs
    {
        Value::UInt(number)
    } else {
        let unsigned = first.kind.is_unsigned();
        let keeps_fraction = matches!(first.kind.numbers(), Numbers::Decimal(_));
        to_decimal(&value).map_or(Value::Null, |number| {
            of_decimal(function, number, digits, unsigned, keeps_fraction)
        })
    })
}

fn of_double(function: &Function, number: f64, digits: i64) -> Value<'static> {
    Value::Double(match function {
        Function::Abs => number.abs(),
        Function::Sign => return Value::Int(i64::from(number > 0.0) - i64::from(number < 0.0)),
        Function::Floor => number.floor(),
        Function::Ceil => number.ceil(),
        Function::Truncate => scaled(number, digits, f64::trunc),
        _ => scaled(number, digits, f64::round_ties_even),
    })
}

fn scaled(number: f64, digits: i64, round: impl Fn(f64) -> f64) -> f64 {
    let power = i32::try_from(digits.unsigned_abs().min(400)).unwrap_or(400);
    let unit = 10f64.powi(power);
    if digits < 0 {
        if unit.is_finite() {
            round(number / unit) * unit
        } else {
            0.0
        }
    } else {
        let shifted = number * unit;
        if shifted.is_finite() && unit.is_finite() {
            round(shifted) / unit
        } else {
            number
        }
    }
}

fn of_decimal(
    function: &Function,
    number: Decimal,
    digits: i64,
    unsigned: bool,
    keeps_fraction: bool,
) -> Value<'static> {
    let result = match function {
        Function::Abs => number.abs(),
        Function::Sign => {
            let sign = i64::from(!number.is_zero()) * if number.is_negative() { -1 } else { 1 };
            return Value::Int(sign);
        }
        Function::Floor => return whole(number.floor(), unsigned),
        Function::Ceil => return whole(number.ceil(), unsigned),
        Function::Truncate => number.truncated(digits),
        _ => number.round(digits),
    };
    if keeps_fraction {
        return Value::Decimal(result);
    }
    // Rounded up beyond its type it goes on as a DECIMAL.
    whole(result, unsigned)
}

/// A whole number as BIGINT where it fits.
fn whole(number: Decimal, unsigned: bool) -> Value<'static> {
    let fitting = number.to_i128().and_then(|number| {
        if unsigned {
            u64::try_from(number).map(Value::UInt).ok()
        } else {
            i64::try_from(number).map(Value::Int).ok()
        }
    });
    fitting.unwrap_or(Value::Decimal(number))
}
