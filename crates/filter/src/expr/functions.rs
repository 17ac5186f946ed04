//! The functions that are built, by name.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::compile::Fault;
use super::json::Path;
use super::kinds;
use super::node::{Node, Typed};
use super::value::{Kind, Text, Value};

/// A function of its arguments' values.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Function {
    Length,
    CharLength,
    Lower,
    Upper,
    Left,
    Right,
    Substring,
    Concat,
    Trim(Side),
    Locate,
    Instr,
    Abs,
    Sign,
    Round,
    Truncate,
    Floor,
    Ceil,
    Date,
    Part(DatePart),
    DateDiff,
    UnixTimestamp,
    /// Adds its second argument in a unit, or takes it away.
    AddSpan(Unit, bool),
    JsonExtract(Arc<Path>),
    JsonUnquote,
}

/// Which ends TRIM works on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Both,
    Leading,
    Trailing,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum DatePart {
    Year,
    Quarter,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Microsecond,
    DayOfWeek,
    Weekday,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    /// Whether it changes the time of day.
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Unit::Microsecond | Unit::Second | Unit::Minute | Unit::Hour)
    }
}

/// A function by its name, with how many arguments it takes.
pub(super) fn by_name(name: &str) -> Option<(Function, RangeInclusive<usize>)> {
    use DatePart as Part;
    Some(match name {
        "LENGTH" | "OCTET_LENGTH" => (Function::Length, 1..=1),
        "CHAR_LENGTH" | "CHARACTER_LENGTH" => (Function::CharLength, 1..=1),
        "LOWER" | "LCASE" => (Function::Lower, 1..=1),
        "UPPER" | "UCASE" => (Function::Upper, 1..=1),
        "LEFT" => (Function::Left, 2..=2),
        "RIGHT" => (Function::Right, 2..=2),
        "SUBSTRING" | "SUBSTR" | "MID" => (Function::Substring, 2..=3),
        "CONCAT" => (Function::Concat, 1..=64),
        "LTRIM" => (Function::Trim(Side::Leading), 1..=1),
        "RTRIM" => (Function::Trim(Side::Trailing), 1..=1),
        "LOCATE" | "POSITION" => (Function::Locate, 2..=2),
        "INSTR" => (Function::Instr, 2..=2),
        "ABS" => (Function::Abs, 1..=1),
        "SIGN" => (Function::Sign, 1..=1),
        "ROUND" => (Function::Round, 1..=2),
        "TRUNCATE" => (Function::Truncate, 2..=2),
        "FLOOR" => (Function::Floor, 1..=1),
        "CEIL" | "CEILING" => (Function::Ceil, 1..=1),
        "DATE" => (Function::Date, 1..=1),
        "YEAR" => (Function::Part(Part::Year), 1..=1),
        "QUARTER" => (Function::Part(Part::Quarter), 1..=1),
        "MONTH" => (Function::Part(Part::Month), 1..=1),
        "DAY" | "DAYOFMONTH" => (Function::Part(Part::Day), 1..=1),
        "HOUR" => (Function::Part(Part::Hour), 1..=1),
        "MINUTE" => (Function::Part(Part::Minute), 1..=1),
        "SECOND" => (Function::Part(Part::Second), 1..=1),
        "MICROSECOND" => (Function::Part(Part::Microsecond), 1..=1),
        "DAYOFWEEK" => (Function::Part(Part::DayOfWeek), 1..=1),
        "WEEKDAY" => (Function::Part(Part::Weekday), 1..=1),
        "DATEDIFF" => (Function::DateDiff, 2..=2),
        "UNIX_TIMESTAMP" => (Function::UnixTimestamp, 1..=1),
        "JSON_UNQUOTE" => (Function::JsonUnquote, 1..=1),
        _ => return None,
    })
}

/// The kind of a function's values.
///
/// # Errors
/// For arguments that do not go together or have no value.
pub(super) fn kind(function: &Function, args: &[Typed]) -> Result<Kind, Fault> {
    for arg in args {
        arg.kind.usable()?;
    }
    let first = args.first().map_or(Kind::Null, |arg| arg.kind);
    Ok(match function {
        Function::Length | Function::CharLength | Function::Sign | Function::Part(_) | Function::DateDiff => {
            Kind::Int
        }
        Function::Locate | Function::Instr => {
            let other = args.get(1).map_or(Kind::Null, |arg| arg.kind);
            kinds::order_of(first.text(), other.text())?;
            Kind::Int
        }
        Function::Lower
        | Function::Upper
        | Function::Left
        | Function::Right
        | Function::Substring
        | Function::JsonUnquote => Kind::Text(first.text()),
        Function::Trim(_) | Function::Concat => Kind::Text(merged(args)?),
        Function::Abs | Function::Round | Function::Truncate => match first {
            unsigned if unsigned.is_unsigned() => Kind::UInt,
            other => match other.numbers().kind() {
                Kind::Decimal { scale } => Kind::Decimal {
                    scale: rounded_scale(function, scale, args),
                },
                kind => kind,
            },
        },
        Function::Floor | Function::Ceil => match first.numbers().kind() {
            Kind::Double => Kind::Double,
            _ if first.is_unsigned() => Kind::UInt,
            _ => Kind::Int,
        },
        Function::Date => Kind::Date,
        Function::UnixTimestamp => match first {
            Kind::DateTime { fsp: 0 } | Kind::Date => Kind::Int,
            Kind::DateTime { fsp } => Kind::Decimal { scale: fsp },
            _ => Kind::Decimal { scale: 6 },
        },
        Function::AddSpan(unit, _) => match first {
            Kind::Date if !unit.is_time() => Kind::Date,
            Kind::Date => Kind::DateTime { fsp: 0 },
            Kind::DateTime { fsp } => Kind::DateTime { fsp },
            Kind::Time { .. } => {
                return Err(Fault::Unsupported(
                    "adding to a time of day is not supported".to_owned(),
                ));
            }
            _ => Kind::DateTime { fsp: 6 },
        },
        Function::JsonExtract(_) => Kind::Json(Text::LITERAL),
    })
}

/// Digits behind the point after ROUND and TRUNCATE; all of them while it is not known how many are left.
fn rounded_scale(function: &Function, scale: u8, args: &[Typed]) -> u8 {
    if *function == Function::Abs {
        return scale;
    }
    match args.get(1).map(|digits| &digits.node) {
        None => 0,
        Some(Node::Const(Value::Int(digits))) => u8::try_from((*digits).clamp(0, 38)).unwrap_or(scale),
        Some(_) => scale,
    }
}

fn merged(args: &[Typed]) -> Result<Text, Fault> {
    let mut texts = args.iter().map(|arg| arg.kind.text());
    let first = texts.next().unwrap_or(Text::NUMBER);
    texts
        .try_fold(first, Text::merge)
        .map_err(|_| Fault::Invalid("a function gets texts whose collations do not go together".to_owned()))
}
