//! Functions of dates and times.

use jiff::civil;
use jiff::tz::TimeZone;
use tidegate_model::DateTime;

use crate::expr::convert::{to_datetime, to_decimal, to_time};
use crate::expr::decimal::Decimal;
use crate::expr::functions::{DatePart, Unit};
use crate::expr::temporal::{self, MICROS_PER_SECOND, Span, add_span, date_of, day_number};
use crate::expr::value::Value;

/// A part of a date or of a time of day; NULL for what is neither.
pub(super) fn part(part: DatePart, value: &Value<'_>) -> Value<'static> {
    let number = match part {
        DatePart::Hour => to_time(value).map(|micros| micros.abs() / MICROS_PER_SECOND / 3600),
        DatePart::Minute => to_time(value).map(|micros| micros.abs() / MICROS_PER_SECOND / 60 % 60),
        DatePart::Second => to_time(value).map(|micros| micros.abs() / MICROS_PER_SECOND % 60),
        DatePart::Microsecond => to_time(value).map(|micros| micros.abs() % MICROS_PER_SECOND),
        _ => to_datetime(value).and_then(|at| date_part(part, at)),
    };
    number.map_or(Value::Null, Value::Int)
}

fn date_part(part: DatePart, at: DateTime) -> Option<i64> {
    match part {
        DatePart::Year => Some(at.year.into()),
        DatePart::Quarter => Some((i64::from(at.month) + 2) / 3),
        DatePart::Month => Some(at.month.into()),
        DatePart::Day => Some(at.day.into()),
        DatePart::DayOfWeek => temporal::weekday(date_of(at)).map(|day| (day + 1) % 7 + 1),
        _ => temporal::weekday(date_of(at)),
    }
}

pub(super) fn date_diff(a: &Value<'_>, b: &Value<'_>) -> Value<'static> {
    let day = |value: &Value<'_>| to_datetime(value).and_then(|at| day_number(date_of(at)));
    match (day(a), day(b)) {
        (Some(a), Some(b)) => Value::Int(a - b),
        _ => Value::Null,
    }
}

/// Seconds since 1970; NULL for what is no date, 0 for a date that no TIMESTAMP can hold.
pub(super) fn unix_timestamp(value: &Value<'_>, zone: &TimeZone) -> Value<'static> {
    let Some(at) = to_datetime(value) else {
        return Value::Null;
    };
    let seconds = instant(at, zone)
        .filter(|seconds| (0..=i64::from(u32::MAX)).contains(seconds))
        .unwrap_or(0);
    if at.micros == 0 || seconds == 0 {
        return Value::Int(seconds);
    }
    let text = format!("{seconds}.{:06}", at.micros);
    Decimal::parse(&text).map_or(Value::Null, Value::Decimal)
}

fn instant(at: DateTime, zone: &TimeZone) -> Option<i64> {
    let small = |number: u8| i8::try_from(number).ok();
    let civil = civil::DateTime::new(
        i16::try_from(at.year).ok()?,
        small(at.month)?,
        small(at.day)?,
        small(at.hour)?,
        small(at.minute)?,
        small(at.second)?,
        0,
    )
    .ok()?;
    let instant = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(instant.as_second())
}

/// A date later by an amount of a unit; NULL for what is no date and when the result is out of range.
pub(super) fn add(
    value: &Value<'_>,
    amount: &Value<'_>,
    unit: Unit,
    negative: bool,
    is_date: bool,
) -> Value<'static> {
    let later = to_datetime(value)
        .zip(span(amount, unit, negative))
        .and_then(|(at, span)| add_span(at, span));
    match later {
        Some(at) if is_date => Value::Date(date_of(at)),
        Some(at) => Value::DateTime(at),
        None => Value::Null,
    }
}

fn span(amount: &Value<'_>, unit: Unit, negative: bool) -> Option<Span> {
    let whole = || {
        let number = super::whole(amount)?;
        if negative {
            number.checked_neg()
        } else {
            Some(number)
        }
    };
    let of_seconds = |seconds: i64| {
        Some(Span {
            months: 0,
            micros: whole()?.checked_mul(seconds)?.checked_mul(MICROS_PER_SECOND)?,
        })
    };
    let of_months = |months: i64| {
        Some(Span {
            months: whole()?.checked_mul(months)?,
            micros: 0,
        })
    };
    match unit {
        Unit::Microsecond => Some(Span {
            months: 0,
            micros: whole()?,
        }),
        // The only unit that has a fraction.
        Unit::Second => {
            let amount = to_decimal(amount)?;
            let amount = if negative { amount.neg() } else { amount };
            let micros = amount.truncated(6).mul(Decimal::from(MICROS_PER_SECOND)).ok()?;
            Some(Span {
                months: 0,
                micros: i64::try_from(micros.to_i128()?).ok()?,
            })
        }
        Unit::Minute => of_seconds(60),
        Unit::Hour => of_seconds(3600),
        Unit::Day => of_seconds(86_400),
        Unit::Week => of_seconds(7 * 86_400),
        Unit::Month => of_months(1),
        Unit::Quarter => of_months(3),
        Unit::Year => of_months(12),
    }
}
