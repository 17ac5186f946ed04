//! Evaluation.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use jiff::tz::TimeZone;
use tidegate_model::{DateTime, Datum, Image, Timestamp};

use super::arith::{bits, calculate, negate};
use super::calls::call;
use super::compare::{How, compare};
use super::convert::{to_bits, to_text, to_truth};
use super::decimal::Decimal;
use super::node::{Case, Column, Comparison, Node, Read, Typed};
use super::value::Value;

/// Why a row has no result.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum EvalError {
    /// A number became larger than its type.
    OutOfRange(&'static str),
    /// The row image does not hold the column with this position.
    Absent(usize),
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalError::OutOfRange(ty) => write!(f, "a {ty} value is out of range"),
            EvalError::Absent(index) => write!(f, "the row was logged without its column {}", index + 1),
        }
    }
}

type Outcome<'v> = Result<Value<'v>, EvalError>;

impl Typed {
    pub(super) fn eval<'v>(&'v self, row: Image<'v>) -> Outcome<'v> {
        self.node.eval(row)
    }

    /// The value where a number is needed: that of an ENUM has a sign, that of a hexadecimal literal has none.
    fn number<'v>(&'v self, row: Image<'v>) -> Outcome<'v> {
        Ok(match self.eval(row)? {
            Value::Dual(number, _) if !self.kind.is_unsigned() => {
                Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
            }
            other => other,
        })
    }

    /// The value as text; `None` for NULL.
    pub(super) fn text<'v>(&'v self, row: Image<'v>) -> Result<Option<Cow<'v, [u8]>>, EvalError> {
        Ok(to_text(self.eval(row)?, self.kind))
    }
}

impl Node {
    pub(super) fn eval<'v>(&'v self, row: Image<'v>) -> Outcome<'v> {
        Ok(match self {
            Node::Const(value) => borrowed(value),
            Node::Column(column) => return column.eval(row),
            Node::And(parts) => Value::truth(all(parts, row)?),
            Node::Or(parts) => Value::truth(any(parts, row)?),
            Node::Xor(sides) => Value::truth(xor(&sides[0], &sides[1], row)?),
            Node::Not(inner) => Value::truth(inner.truth(row)?.map(|truth| !truth)),
            Node::IsNull(inner) => Value::Int(inner.eval(row)?.is_null().into()),
            Node::IsTruth(inner, wanted) => Value::Int((inner.truth(row)? == *wanted).into()),
            Node::Compare(op, how, sides) => {
                let left = sides[0].eval(row)?;
                if left.is_null() && *op != Comparison::Same {
                    return Ok(Value::Null);
                }
                compared(*op, *how, &left, &sides[1].eval(row)?)
            }
            Node::Between(how, parts) => Value::truth(between(*how, parts, row)?),
            Node::In(value, list) => Value::truth(is_in(value, list, row)?),
            Node::Like(pattern, text) => text
                .text(row)?
                .map_or(Value::Null, |text| Value::Int(pattern.matches(&text).into())),
            Node::Regexp(regex, text) => text.text(row)?.map_or(Value::Null, |text| {
                Value::Int(regex.is_match(&String::from_utf8_lossy(&text)).into())
            }),
            Node::Arith(op, numbers, sides) => {
                let left = sides[0].number(row)?;
                // What follows is not even looked at: it could leave its range for nothing.
                if left.is_null() {
                    return Ok(Value::Null);
                }
                return calculate(*op, *numbers, &left, &sides[1].number(row)?);
            }
            Node::Bits(op, sides) => {
                let left = sides[0].eval(row)?;
                if left.is_null() {
                    return Ok(Value::Null);
                }
                bits(*op, &left, &sides[1].eval(row)?)
            }
            Node::BitNot(inner) => to_bits(&inner.eval(row)?).map_or(Value::Null, |bits| Value::UInt(!bits)),
            Node::Neg(numbers, inner) => return negate(*numbers, &inner.eval(row)?),
            Node::Case(case) => return case.eval(row),
            Node::Coalesce(parts, kind) => {
                for part in parts {
                    let value = part.eval(row)?;
                    if !value.is_null() {
                        return Ok(super::calls::coerce(value, part.kind, *kind));
                    }
                }
                Value::Null
            }
            Node::NullIf(how, sides) => {
                let value = sides[0].eval(row)?;
                if compare(*how, &value, &sides[1].eval(row)?) == Some(Ordering::Equal) {
                    Value::Null
                } else {
                    value
                }
            }
            Node::Convert(kind, length, inner) => {
                super::calls::convert(inner.eval(row)?, inner.kind, *kind, *length)
            }
            Node::Call(function, args, zone) => return call(function, args, zone, row),
        })
    }

    pub(super) fn truth(&self, row: Image<'_>) -> Result<Option<bool>, EvalError> {
        Ok(to_truth(&self.eval(row)?))
    }
}

fn borrowed<'v>(value: &'v Value<'static>) -> Value<'v> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        Value::Dual(number, text) => Value::Dual(*number, Cow::Borrowed(text)),
        other => other.clone(),
    }
}

/// False as soon as one is false, else NULL if one is.
fn all(parts: &[Node], row: Image<'_>) -> Result<Option<bool>, EvalError> {
    let mut result = Some(true);
    for part in parts {
        match part.truth(row)? {
            Some(false) => return Ok(Some(false)),
            Some(true) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// True as soon as one is true, else NULL if one is.
fn any(parts: &[Node], row: Image<'_>) -> Result<Option<bool>, EvalError> {
    let mut result = Some(false);
    for part in parts {
        match part.truth(row)? {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => result = None,
        }
    }
    Ok(result)
}

fn xor(a: &Node, b: &Node, row: Image<'_>) -> Result<Option<bool>, EvalError> {
    let (a, b) = (a.truth(row)?, b.truth(row)?);
    Ok(a.zip(b).map(|(a, b)| a != b))
}

fn compared(op: Comparison, how: How, a: &Value<'_>, b: &Value<'_>) -> Value<'static> {
    if op == Comparison::Same {
        let same = if a.is_null() || b.is_null() {
            a.is_null() && b.is_null()
        } else {
            compare(how, a, b) == Some(Ordering::Equal)
        };
        return Value::Int(same.into());
    }
    Value::truth(compare(how, a, b).map(|ordering| match op {
        Comparison::Eq | Comparison::Same => ordering.is_eq(),
        Comparison::Ne => ordering.is_ne(),
        Comparison::Lt => ordering.is_lt(),
        Comparison::Le => ordering.is_le(),
        Comparison::Gt => ordering.is_gt(),
        Comparison::Ge => ordering.is_ge(),
    }))
}

/// As `value >= low AND value <= high`.
fn between(how: How, parts: &[Node; 3], row: Image<'_>) -> Result<Option<bool>, EvalError> {
    let [value, low, high] = parts;
    let value = value.eval(row)?;
    if value.is_null() {
        return Ok(None);
    }
    let low = compare(how, &value, &low.eval(row)?).map(Ordering::is_ge);
    let high = compare(how, &value, &high.eval(row)?).map(Ordering::is_le);
    Ok(match (low, high) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    })
}

fn is_in(value: &Node, list: &[(How, Node)], row: Image<'_>) -> Result<Option<bool>, EvalError> {
    let value = value.eval(row)?;
    if value.is_null() {
        return Ok(None);
    }
    let mut result = Some(false);
    for (how, item) in list {
        match compare(*how, &value, &item.eval(row)?) {
            Some(Ordering::Equal) => return Ok(Some(true)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

impl Case {
    fn eval<'v>(&'v self, row: Image<'v>) -> Outcome<'v> {
        let operand = match &self.operand {
            Some(operand) => Some(operand.eval(row)?),
            None => None,
        };
        for branch in &self.branches {
            let taken = match &operand {
                Some(operand) => {
                    compare(branch.how, operand, &branch.when.eval(row)?) == Some(Ordering::Equal)
                }
                None => branch.when.truth(row)? == Some(true),
            };
            if taken {
                return Ok(super::calls::coerce(
                    branch.then.eval(row)?,
                    branch.then.kind,
                    self.kind,
                ));
            }
        }
        match &self.otherwise {
            Some(otherwise) => Ok(super::calls::coerce(
                otherwise.eval(row)?,
                otherwise.kind,
                self.kind,
            )),
            None => Ok(Value::Null),
        }
    }
}

impl Column {
    fn eval<'v>(&'v self, row: Image<'v>) -> Outcome<'v> {
        Ok(match (row.get(self.index), &self.read) {
            (Datum::Absent, _) => return Err(EvalError::Absent(self.index)),
            (Datum::Null, _) => Value::Null,
            (Datum::Int(v), _) => Value::Int(v),
            (Datum::UInt(v) | Datum::Bit(v), _) => Value::UInt(v),
            (Datum::Float(v), _) => Value::Double(v.into()),
            (Datum::Double(v), _) => Value::Double(v),
            (Datum::Decimal(text), _) => Decimal::parse(text).map_or(Value::Null, Value::Decimal),
            (Datum::Bytes(bytes) | Datum::Text(bytes) | Datum::Geometry(bytes) | Datum::Vector(bytes), _) => {
                Value::Text(Cow::Borrowed(bytes))
            }
            (Datum::Json(text), _) => Value::Text(Cow::Borrowed(text.as_bytes())),
            (Datum::Date(date), _) => Value::Date(date),
            (Datum::DateTime(at), _) => Value::DateTime(at),
            (Datum::Timestamp(at), Read::Local(zone)) => Value::DateTime(local(at, zone)),
            (Datum::Timestamp(at), _) => Value::DateTime(local(at, &TimeZone::UTC)),
            (Datum::Time(time), _) => Value::Time(time.micros),
            (Datum::Year(year), _) => Value::UInt(year.into()),
            (Datum::Enum(number) | Datum::Set(number), read) => Value::Dual(number, members(number, read)),
        })
    }
}

/// The text of an ENUM's member, or of a SET's members.
fn members(number: u64, read: &Read) -> Cow<'_, [u8]> {
    let Read::Members(members, is_set) = read else {
        return Cow::Borrowed(b"");
    };
    if !is_set {
        let index = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let member = index.and_then(|index| members.get(index));
        return Cow::Borrowed(member.map_or(&b""[..], |member| member.as_bytes()));
    }
    if let [only] = &members[..]
        && number == 1
    {
        return Cow::Borrowed(only.as_bytes());
    }
    let set = members
        .iter()
        .take(64)
        .enumerate()
        .filter(|(bit, _)| number >> bit & 1 == 1);
    let set: Vec<&[u8]> = set.map(|(_, member)| member.as_bytes()).collect();
    Cow::Owned(set.join(&b','))
}

/// An instant as the local time of a zone.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "civil fields are in range"
)]
fn local(at: Timestamp, zone: &TimeZone) -> DateTime {
    if at.is_zero() {
        return DateTime::default();
    }
    let instant = jiff::Timestamp::new(at.seconds.into(), 0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let civil = zone.to_datetime(instant);
    DateTime {
        year: civil.year() as u16,
        month: civil.month() as u8,
        day: civil.day() as u8,
        hour: civil.hour() as u8,
        minute: civil.minute() as u8,
        second: civil.second() as u8,
        micros: at.micros,
    }
}
