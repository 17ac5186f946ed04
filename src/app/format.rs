//! Text for numbers and times. One formatter for the server and the browser, so that both render the same string.

#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser writes less than the server does")
)]

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A duration of `ms` milliseconds: `840 ms`, `12.4 s`, `3 m 05 s`, `2 h 10 m`, `3 d 04 h`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..MINUTE_MS => format!("{}.{} s", ms / SECOND_MS, ms % SECOND_MS / 100),
        MINUTE_MS..HOUR_MS => format!("{} m {:02} s", ms / MINUTE_MS, ms % MINUTE_MS / SECOND_MS),
        HOUR_MS..DAY_MS => format!("{} h {:02} m", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS),
        _ => format!("{} d {:02} h", ms / DAY_MS, ms % DAY_MS / HOUR_MS),
    }
}

/// A number with three significant digits and a decimal prefix: `0`, `3.25`, `412`, `12.3 k`, `4.56 M`.
pub fn number(value: f64) -> String {
    if !value.is_finite() || value < 0.005 {
        return "0".to_owned();
    }
    // 999.5 would round up to four digits.
    match value {
        v if v < 999.5 => digits(v),
        v if v < 999_500.0 => format!("{} k", digits(v / 1e3)),
        v if v < 999_500_000.0 => format!("{} M", digits(v / 1e6)),
        v => format!("{} G", digits(v / 1e9)),
    }
}

/// A size with a binary prefix: `0 B`, `512 B`, `1.20 MiB`.
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = if value.is_finite() { value.max(0.0) } else { 0.0 };
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{value:.0} B");
    }
    format!("{} {}", digits(value), UNITS[unit])
}

/// `one` or `many` after its count: `1 changefeed`, `3 changefeeds`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// How long before `now_ms` a time is: `just now`, `40 s ago`, `3 m ago`, `2 h ago`, `5 d ago`. In full if it is later.
#[cfg(feature = "ssr")]
pub fn ago(ms: u64, now_ms: u64) -> String {
    match now_ms.saturating_sub(ms) {
        0 if ms > now_ms + MINUTE_MS => crate::app::facts::moment(ms),
        0..5_000 => "just now".to_owned(),
        past @ ..MINUTE_MS => format!("{} s ago", past / SECOND_MS),
        past @ ..HOUR_MS => format!("{} m ago", past / MINUTE_MS),
        past @ ..DAY_MS => format!("{} h ago", past / HOUR_MS),
        past => format!("{} d ago", past / DAY_MS),
    }
}

/// `2026-11-24 07:28:09 UTC` for unix milliseconds.
pub fn utc(ms: u64) -> String {
    format!("{} UTC", date_time(ms))
}

/// `2026-11-24 07:28:09` for unix milliseconds, UTC, where a heading says so.
pub fn date_time(ms: u64) -> String {
    let t = Civil::from_unix_ms(ms);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// `2026-11-24T07:28:09.123Z`, for `<time datetime>`.
pub fn rfc3339(ms: u64) -> String {
    let t = Civil::from_unix_ms(ms);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year,
        t.month,
        t.day,
        t.hour,
        t.minute,
        t.second,
        ms % SECOND_MS
    )
}

/// Reads a UTC time as a date-and-time field of a browser sends it (`2026-11-24T07:28`, seconds and their fraction
/// optional) or as people write it (a blank for `T`, ` UTC` or `Z` at the end). `None` for anything else, and
/// for years before 1970.
pub fn parse_utc(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' '])?;
    let mut date = date.split('-');
    let (year, month, day) = (field(&mut date)?, field(&mut date)?, field(&mut date)?);
    let mut time = time.split(':');
    let (hour, minute) = (field(&mut time)?, field(&mut time)?);
    let (second, millis) = match time.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            (decimal(whole)?, fraction_ms(fraction)?)
        }
    };
    let rest = date.next().is_some() || time.next().is_some();
    let fits =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if rest || !fits || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    Some(days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + millis)
}

/// Reads an RFC 3339 time with `Z` or an offset.
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    // Dashes of the date are no offset.
    let time_from = text.find(['T', ' ']).unwrap_or(text.len());
    let Some(at) = text.rfind(['+', '-']).filter(|at| *at > time_from) else {
        return parse_utc(text);
    };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let offset = decimal(hours)? * HOUR_MS + decimal(minutes)? * MINUTE_MS;
    let local = parse_utc(&text[..at])?;
    if text[at..].starts_with('+') {
        local.checked_sub(offset)
    } else {
        Some(local + offset)
    }
}

/// Text as the value of a query parameter.
pub fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn digits(value: f64) -> String {
    let text = match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    };
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole.to_owned(),
        _ => text,
    }
}

fn decimal(text: &str) -> Option<u64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn field<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<u64> {
    decimal(parts.next()?)
}

fn fraction_ms(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let padded: String = text.chars().chain("00".chars()).take(3).collect();
    padded.parse().ok()
}

/// Date and time in the proleptic Gregorian calendar, UTC.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Civil {
    fn from_unix_ms(ms: u64) -> Self {
        let in_day = ms % DAY_MS;
        let (year, month, day) = civil_from_days(ms / DAY_MS);
        Civil {
            year,
            month,
            day,
            hour: in_day / HOUR_MS,
            minute: in_day % HOUR_MS / MINUTE_MS,
            second: in_day % MINUTE_MS / SECOND_MS,
        }
    }
}

/// Days between 0000-03-01, where the 400-year cycle starts conveniently, and 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;
const CYCLE_DAYS: u64 = 146_097;

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + EPOCH_DAYS;
    let (cycle, day_of_cycle) = (z / CYCLE_DAYS, z % CYCLE_DAYS);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // Months are counted from March, so that the leap day is the last day of the year.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_cycle + cycle * 400 + u64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, year_of_cycle) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * CYCLE_DAYS + day_of_cycle - EPOCH_DAYS
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_two_units_at_most() {
        let check = |ms, expect: &str| assert_eq!(duration(ms), expect);
        check(0, "0 ms");
        check(999, "999 ms");
        check(12_440, "12.4 s");
        check(59_999, "59.9 s");
        check(185_000, "3 m 05 s");
        check(2 * HOUR_MS + 10 * MINUTE_MS, "2 h 10 m");
        check(3 * DAY_MS + 4 * HOUR_MS, "3 d 04 h");
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn past_times_are_told_by_their_largest_unit() {
        let check = |ms, expect: &str| assert_eq!(ago(ms, 2_000_000_000), expect);
        check(2_000_000_000, "just now");
        check(2_000_000_400, "just now");
        check(1_999_960_000, "40 s ago");
        check(1_999_700_000, "5 m ago");
        check(2_000_000_000 - 2 * HOUR_MS, "2 h ago");
        check(2_000_000_000 - 9 * DAY_MS, "9 d ago");
        check(2_000_100_000, "1970-01-24 03:35:00 UTC");
    }

    #[test]
    fn numbers_have_three_significant_digits() {
        let check = |v, expect: &str| assert_eq!(number(v), expect);
        check(0.0, "0");
        check(f64::NAN, "0");
        check(3.254, "3.25");
        check(4.0, "4");
        check(41.26, "41.3");
        check(999.4, "999");
        check(999.6, "1 k");
        check(12_340.0, "12.3 k");
        check(4_560_000.0, "4.56 M");
    }

    #[test]
    fn sizes_use_binary_prefixes() {
        let check = |v, expect: &str| assert_eq!(bytes(v), expect);
        check(0.0, "0 B");
        check(512.0, "512 B");
        check(1024.0, "1 KiB");
        check(1.2 * 1024.0 * 1024.0, "1.20 MiB");
    }

    #[test]
    fn times_are_civil() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(1_677_512_812_888), "2023-02-27 15:46:52 UTC");
        assert_eq!(rfc3339(951_782_400_007), "2000-02-29T00:00:00.007Z");
        assert_eq!(utc(4_107_542_399_000), "2100-02-28 23:59:59 UTC");
    }

    #[test]
    fn times_are_read_as_browsers_and_people_write_them() {
        let ms = 1_677_512_812_888;
        assert_eq!(parse_utc("2023-02-27T15:46:52.888"), Some(ms));
        assert_eq!(parse_utc(" 2023-02-27 15:46:52 UTC "), Some(ms - 888));
        assert_eq!(parse_utc("2023-02-27T15:46Z"), Some(ms - 52_888));
        assert_eq!(parse_utc(&rfc3339(ms)), Some(ms));
        for bad in [
            "",
            "2023-02-27",
            "2023-02-30T00:00",
            "2023-13-01T00:00",
            "2023-01-01T24:00",
            "x",
            "1969-01-01T00:00",
            "2023-01-01T00:00:00.",
            "2023-01-01T00:00:00:00",
            "-1-01-01T00:00",
            "２023-01-01T00:00",
        ] {
            assert_eq!(parse_utc(bad), None, "{bad}");
        }
    }

    #[test]
    fn offsets_are_taken_into_account() {
        let ms = 1_677_512_812_888;
        for text in [
            "2023-02-27T23:46:52.888+08:00",
            "2023-02-27T15:46:52.888Z",
            "2023-02-27T10:16:52.888-05:30",
        ] {
            assert_eq!(parse_rfc3339(text), Some(ms), "{text}");
        }
        assert_eq!(parse_rfc3339("2023-02-27"), None);
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00+01:00"), None);
    }

    #[test]
    fn every_day_round_trips() {
        for day in (0..80_000).step_by(13) {
            let (y, m, d) = civil_from_days(day);
            assert_eq!(days_from_civil(y, m, d), day);
            assert!(d <= days_of_month(y, m));
        }
    }
}
