//! From texts and numbers to dates and times.

use tidegate_model::DateTime;

use super::{MICROS_PER_SECOND, is_valid};

/// ±838:59:59.999999, the range of TIME.
const TIME_MAX: i64 = (838 * 3600 + 59 * 60 + 59) * MICROS_PER_SECOND + 999_999;

/// A date and time that was read, and whether the whole text belonged to it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) complete: bool,
    /// A time of day was given.
    pub(crate) timed: bool,
}

/// Reads a date, or a date and time: with any punctuation between the numbers, or without any.
pub(crate) fn read_datetime(text: &str) -> Option<Read<DateTime>> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let next = text.as_bytes().get(digits);
    if matches!(digits, 6 | 8 | 12 | 14) && !matches!(next, Some(b'-' | b'/' | b':')) {
        return read_compact(text, digits);
    }
    let mut scan = Scan { rest: text };
    let year = scan.number(4)?;
    let year = if digits <= 2 { full_year(year) } else { year };
    scan.punctuation()?;
    let month = scan.number(2)?;
    scan.punctuation()?;
    let day = scan.number(2)?;
    let mut at = DateTime {
        year: u16::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        ..DateTime::default()
    };
    let before = scan.rest;
    let timed = scan.separator() && scan.clock(&mut at);
    if !timed {
        scan.rest = before;
    }
    is_valid(at).then_some(Read {
        value: at,
        complete: scan.rest.is_empty(),
        timed,
    })
}

/// YYMMDD, YYYYMMDD, and the same with hhmmss.
fn read_compact(text: &str, digits: usize) -> Option<Read<DateTime>> {
    let (number, rest) = text.split_at(digits);
    let mut at = from_number(number.parse().ok()?)?;
    if digits >= 12 {
        // The number alone cannot tell YYMMDDhhmmss with leading zeros.
        at = compact_parts(number)?;
    }
    let mut scan = Scan { rest };
    if digits >= 12 && scan.rest.starts_with('.') {
        at.micros = scan.fraction();
    }
    Some(Read {
        value: at,
        complete: scan.rest.is_empty(),
        timed: digits >= 12,
    })
}

fn compact_parts(number: &str) -> Option<DateTime> {
    let (year, rest) = number.split_at(number.len() - 10);
    let part = |i: usize| rest[2 * i..2 * i + 2].parse::<u8>().ok();
    let year_number = year.parse().ok()?;
    let at = DateTime {
        year: u16::try_from(if year.len() == 2 {
            full_year(year_number)
        } else {
            year_number
        })
        .ok()?,
        month: part(0)?,
        day: part(1)?,
        hour: part(2)?,
        minute: part(3)?,
        second: part(4)?,
        micros: 0,
    };
    is_valid(at).then_some(at)
}

/// 70 to 99 are of the last century.
fn full_year(year: u32) -> u32 {
    match year {
        0..70 => 2000 + year,
        70..100 => 1900 + year,
        _ => year,
    }
}

/// YYMMDD, YYYYMMDD, YYMMDDhhmmss or YYYYMMDDhhmmss as a number.
#[allow(
    clippy::cast_possible_truncation,
    reason = "each part is below 100, the year below 10000"
)]
pub(crate) fn from_number(number: u64) -> Option<DateTime> {
    if number == 0 {
        return Some(DateTime::default());
    }
    let (date, time) = if number <= 99_991_231 {
        (number, 0)
    } else {
        (number / 1_000_000, number % 1_000_000)
    };
    let year = date / 10_000;
    let date = match date {
        0..101 => return None,
        101..=991_231 => date - year * 10_000 + u64::from(full_year(year as u32)) * 10_000,
        991_232..10_000_101 => return None,
        _ => date,
    };
    if date > 99_991_231 {
        return None;
    }
    let at = DateTime {
        year: (date / 10_000) as u16,
        month: (date / 100 % 100) as u8,
        day: (date % 100) as u8,
        hour: (time / 10_000) as u8,
        minute: (time / 100 % 100) as u8,
        second: (time % 100) as u8,
        micros: 0,
    };
    is_valid(at).then_some(at)
}

/// Reads `[-][D ]h:m:s`, `h:m`, `hhmmss`, each with a fraction.
pub(crate) fn read_time(text: &str) -> Option<Read<i64>> {
    let text = text.trim();
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |body| (true, body));
    let mut scan = Scan { rest: body };
    let first = scan.number(10)?;
    let (days, first) =
        if scan.rest.starts_with(' ') && scan.rest.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
            scan.rest = scan.rest.trim_start();
            (first, scan.number(2)?)
        } else {
            (0, first)
        };
    let (hour, minute, second) = if scan.rest.starts_with(':') {
        scan.rest = &scan.rest[1..];
        let minute = scan.number(2)?;
        let second = if scan.rest.starts_with(':') {
            scan.rest = &scan.rest[1..];
            scan.number(2)?
        } else {
            0
        };
        (first, minute, second)
    } else if days > 0 {
        (first, 0, 0)
    } else {
        (first / 10_000, first / 100 % 100, first % 100)
    };
    let micros = if scan.rest.starts_with('.') {
        scan.fraction()
    } else {
        0
    };
    if minute > 59 || second > 59 {
        return None;
    }
    let seconds =
        (i64::from(days) * 24 + i64::from(hour)) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let value = (seconds * MICROS_PER_SECOND + i64::from(micros)).min(TIME_MAX);
    Some(Read {
        value: if negative { -value } else { value },
        complete: scan.rest.is_empty(),
        timed: true,
    })
}

/// hhmmss as a number.
pub(crate) fn time_from_number(number: i64) -> Option<i64> {
    let size = number.unsigned_abs();
    let (hour, minute, second) = (size / 10_000, size / 100 % 100, size % 100);
    if minute > 59 || second > 59 || hour > 838 {
        return None;
    }
    let seconds = i64::try_from(hour * 3600 + minute * 60 + second).ok()?;
    Some(seconds * MICROS_PER_SECOND * number.signum())
}

/// What is left of a text.
struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    /// Up to `digits` digits, one at least.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let length = self
            .rest
            .bytes()
            .take(digits)
            .take_while(u8::is_ascii_digit)
            .count();
        let (number, rest) = self.rest.split_at(length);
        self.rest = rest;
        number.parse().ok()
    }

    fn punctuation(&mut self) -> Option<()> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_punctuation());
        let found = rest.len() < self.rest.len();
        self.rest = rest;
        found.then_some(())
    }

    /// Between a date and its time.
    fn separator(&mut self) -> bool {
        let rest = self
            .rest
            .strip_prefix('T')
            .unwrap_or_else(|| self.rest.trim_start());
        let found = rest.len() < self.rest.len();
        self.rest = rest;
        found
    }

    /// `h[:m[:s[.f]]]`.
    fn clock(&mut self, at: &mut DateTime) -> bool {
        let Some(hour) = self.number(2).and_then(|hour| u8::try_from(hour).ok()) else {
            return false;
        };
        at.hour = hour;
        for part in [&mut at.minute, &mut at.second] {
            if !self.rest.starts_with(':') {
                return true;
            }
            self.rest = &self.rest[1..];
            match self.number(2).and_then(|number| u8::try_from(number).ok()) {
                Some(number) => *part = number,
                None => return false,
            }
        }
        if self.rest.starts_with('.') {
            at.micros = self.fraction();
        }
        true
    }

    /// `.` and digits as microseconds; more than six are cut off.
    fn fraction(&mut self) -> u32 {
        let digits = &self.rest[1..];
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        self.rest = &digits[length..];
        let six = digits
            .bytes()
            .take(length.min(6))
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        six * 10u32.pow(6 - u32::try_from(length.min(6)).unwrap_or(6))
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
    fn dates_are_read_in_every_spelling() {
        let check = |text: &str, expect: Option<&str>| {
            let read = read_datetime(text).map(|read| show(read.value));
            assert_eq!(read.as_deref(), expect, "{text}");
        };
        check("2020-01-02", Some("2020-01-02 00:00:00.000000"));
        check("2020/1/2", Some("2020-01-02 00:00:00.000000"));
        check("20-1-2", Some("2020-01-02 00:00:00.000000"));
        check("99-1-2", Some("1999-01-02 00:00:00.000000"));
        check("20200102", Some("2020-01-02 00:00:00.000000"));
        check("200102", Some("2020-01-02 00:00:00.000000"));
        check("20200102030405.5", Some("2020-01-02 03:04:05.500000"));
        check("000102030405", Some("2000-01-02 03:04:05.000000"));
        check(" 2020-01-02T03:04", Some("2020-01-02 03:04:00.000000"));
        check("2020-01-02 03:04:05.1234567", Some("2020-01-02 03:04:05.123456"));
        check("0000-00-00", Some("0000-00-00 00:00:00.000000"));
        check("2020-02-30", None);
        check("2020-13-01", None);
        check("2020-01-01 24:00:00", None);
        check("abc", None);
        check("", None);
        assert!(!read_datetime("2020-01-02x").unwrap().complete);
        assert!(read_datetime("2020-01-02").unwrap().complete);
    }

    #[test]
    fn times_are_read_in_every_spelling() {
        let check = |text: &str, expect: Option<f64>| {
            #[allow(clippy::cast_precision_loss, reason = "small")]
            let read = read_time(text).map(|read| read.value as f64 / 1e6);
            assert_eq!(read, expect, "{text}");
        };
        check("10:11:12", Some(36672.0));
        check("-10:11", Some(-36660.0));
        check("101112.5", Some(36672.5));
        check("12", Some(12.0));
        check("1 01:00:00", Some(90000.0));
        check("900:00:00", Some(3_020_399.999_999));
        check("10:61:00", None);
        check("x", None);
    }
}
