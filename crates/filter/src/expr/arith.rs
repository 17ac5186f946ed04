//! Calculation.

use super::convert::{to_bits, to_decimal, to_f64};
use super::eval::EvalError;
use super::node::{Arith, BitOp, Numbers};
use super::value::Value;

type Outcome = Result<Value<'static>, EvalError>;

const INT: EvalError = EvalError::OutOfRange("BIGINT");
const DECIMAL: EvalError = EvalError::OutOfRange("DECIMAL");
const DOUBLE: EvalError = EvalError::OutOfRange("DOUBLE");

/// `a op b`; NULL when one of them is, and for division by zero.
pub(super) fn calculate(op: Arith, numbers: Numbers, a: &Value<'_>, b: &Value<'_>) -> Outcome {
    if a.is_null() || b.is_null() {
        return Ok(Value::Null);
    }
    match (op, numbers) {
        (_, Numbers::Int) => whole(op, a, b),
        (Arith::IntDiv, _) => quotient(a, b),
        (_, Numbers::Decimal(_)) => exact(op, a, b),
        (_, Numbers::Double) => double(op, a, b),
    }
}

/// A whole number, and whether it is one without a sign.
fn int(value: &Value<'_>) -> Option<(i128, bool)> {
    match value {
        Value::Int(v) => Some(((*v).into(), false)),
        Value::UInt(v) | Value::Dual(v, _) => Some(((*v).into(), true)),
        other => Some((to_decimal(other)?.to_i128()?, false)),
    }
}

/// The result has no sign when one of the operands has none; for a remainder, when the first has none.
fn whole(op: Arith, a: &Value<'_>, b: &Value<'_>) -> Outcome {
    let (Some((a, a_unsigned)), Some((b, b_unsigned))) = (int(a), int(b)) else {
        return Err(INT);
    };
    let unsigned = a_unsigned || b_unsigned && op != Arith::Rem;
    let result = match op {
        Arith::Add => a.checked_add(b),
        Arith::Sub => a.checked_sub(b),
        Arith::Mul => a.checked_mul(b),
        _ if b == 0 => return Ok(Value::Null),
        Arith::Rem => a.checked_rem(b),
        Arith::IntDiv | Arith::Div => a.checked_div(b),
    };
    from_i128(result.ok_or(INT)?, unsigned)
}

fn from_i128(number: i128, unsigned: bool) -> Outcome {
    if unsigned {
        u64::try_from(number).map(Value::UInt).map_err(|_| INT)
    } else {
        i64::try_from(number).map(Value::Int).map_err(|_| INT)
    }
}

/// DIV of numbers with a fraction: calculated exactly, then cut off.
fn quotient(a: &Value<'_>, b: &Value<'_>) -> Outcome {
    let unsigned = [a, b]
        .iter()
        .any(|value| matches!(value, Value::UInt(_) | Value::Dual(..)));
    let (Some(a), Some(b)) = (to_decimal(a), to_decimal(b)) else {
        return Ok(Value::Null);
    };
    match a.div(b).map_err(|_| DECIMAL)? {
        Some(quotient) => from_i128(quotient.truncated(0).to_i128().ok_or(INT)?, unsigned),
        None => Ok(Value::Null),
    }
}

fn exact(op: Arith, a: &Value<'_>, b: &Value<'_>) -> Outcome {
    let (Some(a), Some(b)) = (to_decimal(a), to_decimal(b)) else {
        return Ok(Value::Null);
    };
    let result = match op {
        Arith::Add => a.add(b).map(Some),
        Arith::Sub => a.sub(b).map(Some),
        Arith::Mul => a.mul(b).map(Some),
        // Its digits beyond the scale count until it is compared or printed.
        Arith::Div => a.div(b),
        Arith::Rem | Arith::IntDiv => a.rem(b),
    };
    Ok(result.map_err(|_| DECIMAL)?.map_or(Value::Null, Value::Decimal))
}

fn double(op: Arith, a: &Value<'_>, b: &Value<'_>) -> Outcome {
    let (Some(a), Some(b)) = (to_f64(a), to_f64(b)) else {
        return Ok(Value::Null);
    };
    let result = match op {
        Arith::Add => a + b,
        Arith::Sub => a - b,
        Arith::Mul => a * b,
        _ if b == 0.0 => return Ok(Value::Null),
        Arith::Rem | Arith::IntDiv => a % b,
        Arith::Div => a / b,
    };
    if result.is_finite() {
        Ok(Value::Double(result))
    } else {
        Err(DOUBLE)
    }
}

/// `-value`.
pub(super) fn negate(numbers: Numbers, value: &Value<'_>) -> Outcome {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match numbers {
        Numbers::Int => {
            let (number, _) = int(value).ok_or(INT)?;
            i64::try_from(-number).map(Value::Int).map_err(|_| INT)
        }
        Numbers::Decimal(_) => {
            Ok(to_decimal(value).map_or(Value::Null, |number| Value::Decimal(number.neg())))
        }
        Numbers::Double => Ok(to_f64(value).map_or(Value::Null, |number| Value::Double(-number))),
    }
}

/// Bit operators, on 64 bits without a sign.
pub(super) fn bits(op: BitOp, a: &Value<'_>, b: &Value<'_>) -> Value<'static> {
    let (Some(a), Some(b)) = (to_bits(a), to_bits(b)) else {
        return Value::Null;
    };
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    Value::UInt(match op {
        BitOp::And => a & b,
        BitOp::Or => a | b,
        BitOp::Xor => a ^ b,
        BitOp::Left => a.checked_shl(shift).unwrap_or(0),
        BitOp::Right => a.checked_shr(shift).unwrap_or(0),
    })
}
