//! Dates and times: calendar arithmetic, and reading them.

mod read;

use tidegate_model::{Date, DateTime};

pub(crate) use read::{from_number, read_datetime, read_time, time_from_number};

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The midnight that begins a date.
pub(crate) fn midnight(date: Date) -> DateTime {
    DateTime {
        year: date.year,
        month: date.month,
        day: date.day,
        ..DateTime::default()
    }
}

pub(crate) fn date_of(at: DateTime) -> Date {
    Date {
        year: at.year,
        month: at.month,
        day: at.day,
    }
}

/// Microseconds since midnight.
pub(crate) fn time_of(at: DateTime) -> i64 {
    let seconds = i64::from(at.hour) * 3600 + i64::from(at.minute) * 60 + i64::from(at.second);
    seconds * MICROS_PER_SECOND + i64::from(at.micros)
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whether it stands in the calendar; months and days may be zero, as the servers allow.
fn is_valid(at: DateTime) -> bool {
    at.month <= 12
        && (at.day == 0 || at.day <= days_in_month(at.year, at.month))
        && at.hour < 24
        && at.minute < 60
        && at.second < 60
}

/// Days since the first of March of the year 0.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 306 + 5) / 10
        + day
        - 1
}

/// The number of a day; differences of two are days between them. `None` for a date with a zero in it.
pub(crate) fn day_number(date: Date) -> Option<i64> {
    let complete = date.month > 0 && date.day > 0;
    complete.then(|| days(date.year.into(), date.month.into(), date.day.into()))
}

/// Monday is 0.
pub(crate) fn weekday(date: Date) -> Option<i64> {
    // 1 March of the year 0 was a Wednesday.
    day_number(date).map(|days| (days + 2).rem_euclid(7))
}

/// The date of a day's number; `None` outside the years 0 to 9999.
fn date_of_day(number: i64) -> Option<Date> {
    let mut year = (number * 10_000 + 14_780).div_euclid(3_652_425);
    let mut rest = number - days(year, 3, 1);
    if rest < 0 {
        year -= 1;
        rest = number - days(year, 3, 1);
    }
    let month = (100 * rest + 52) / 3060;
    let day = rest - (month * 306 + 5) / 10 + 1;
    let year = year + i64::from(month >= 10);
    let month = (month + 2) % 12 + 1;
    let year = u16::try_from(year).ok().filter(|year| *year <= 9999)?;
    Some(Date {
        year,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
    })
}

/// A span to add to a time.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span {
    pub(crate) months: i64,
    pub(crate) micros: i64,
}

/// `at` later by a span. A day that the month does not have becomes its last one. `None`: the date has a zero in it,
/// or the result is out of range.
pub(crate) fn add_span(at: DateTime, span: Span) -> Option<DateTime> {
    let mut at = at;
    if span.months != 0 {
        let months = i64::from(at.year) * 12 + i64::from(at.month) - 1;
        let months = months.checked_add(span.months)?;
        at.year = u16::try_from(months.div_euclid(12))
            .ok()
            .filter(|year| *year <= 9999)?;
        at.month = u8::try_from(months.rem_euclid(12)).ok()? + 1;
        at.day = at.day.min(days_in_month(at.year, at.month));
    }
    if span.micros == 0 {
        return Some(at);
    }
    let micros = i128::from(day_number(date_of(at))?) * i128::from(MICROS_PER_DAY)
        + i128::from(time_of(at))
        + i128::from(span.micros);
    let day = i64::try_from(micros.div_euclid(MICROS_PER_DAY.into())).ok()?;
    let rest = i64::try_from(micros.rem_euclid(MICROS_PER_DAY.into())).ok()?;
    Some(at_time(midnight(date_of_day(day)?), rest))
}

/// The same day at another time: microseconds since midnight, less than a day of them.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "each part is below its bound"
)]
pub(crate) fn at_time(day: DateTime, micros: i64) -> DateTime {
    let seconds = micros / MICROS_PER_SECOND;
    DateTime {
        hour: (seconds / 3600) as u8,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        micros: (micros % MICROS_PER_SECOND) as u32,
        ..day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(at: DateTime) -> String {
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
            at.year, at.month, at.day, at.hour, at.minute, at.second, at.micros
        )
    }

    #[test]
    fn every_day_of_the_calendar_comes_back_from_its_number() {
        let mut expect = day_number(Date {
            year: 1,
            month: 1,
            day: 1,
        })
        .unwrap();
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    let date = Date { year, month, day };
                    assert_eq!(day_number(date), Some(expect));
                    assert_eq!(date_of_day(expect), Some(date));
                    expect += 1;
                }
            }
        }
        assert_eq!(
            weekday(Date {
                year: 2024,
                month: 2,
                day: 29
            }),
            Some(3)
        );
    }

    #[test]
    fn spans_keep_inside_the_month() {
        let add = |text: &str, months: i64, seconds: i64| {
            let span = Span {
                months,
                micros: seconds * MICROS_PER_SECOND,
            };
            add_span(read_datetime(text).unwrap().value, span).map(show)
        };
        assert_eq!(
            add("2020-01-31", 1, 0).as_deref(),
            Some("2020-02-29 00:00:00.000000")
        );
        assert_eq!(
            add("2020-01-31", -2, 0).as_deref(),
            Some("2019-11-30 00:00:00.000000")
        );
        assert_eq!(
            add("2020-01-01", 0, -1).as_deref(),
            Some("2019-12-31 23:59:59.000000")
        );
        assert_eq!(add("9999-12-31", 0, 86400), None);
        assert_eq!(add("2020-00-01", 0, 1), None);
    }
}
