//! Durations of the API: in as nanoseconds or as text like `1h30m`, out as nanoseconds.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// Signed nanoseconds.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GoDuration(pub i64);

/// Nanoseconds of each unit.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl GoDuration {
    /// Whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        GoDuration(seconds.saturating_mul(1_000_000_000))
    }

    /// Reads text such as `10m`, `1h30m`, `1.5h`, `-300ms` or `0`; `None` if it is no duration or too long for
    /// 64 bits of nanoseconds.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(GoDuration(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (nanos, after) = parse_part(rest)?;
            total = total.checked_add(nanos)?;
            rest = after;
        }
        let total = i64::try_from(total).ok()?;
        Some(GoDuration(if negative { -total } else { total }))
    }
}

/// One number with its unit: nanoseconds and what follows.
fn parse_part(text: &str) -> Option<(u64, &str)> {
    let number_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .filter(|end| *end > 0)?;
    let (number, rest) = text.split_at(number_end);
    let unit_end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some((
        whole.checked_mul(scale)?.checked_add(part_of(fraction, scale))?,
        rest,
    ))
}

/// `0.fraction` of `scale`, cut to whole nanoseconds.
fn part_of(fraction: &str, scale: u64) -> u64 {
    // More digits than nanoseconds of an hour cannot change the result.
    let digits = &fraction.as_bytes()[..fraction.len().min(15)];
    let mut number: u128 = 0;
    let mut whole: u128 = 1;
    for digit in digits {
        number = number * 10 + u128::from(digit - b'0');
        whole *= 10;
    }
    u64::try_from(number * u128::from(scale) / whole).unwrap_or(scale)
}

impl From<GoDuration> for Duration {
    /// Negative durations become zero.
    fn from(duration: GoDuration) -> Self {
        Duration::from_nanos(u64::try_from(duration.0).unwrap_or(0))
    }
}

impl fmt::Display for GoDuration {
    /// Whole hours or minutes, `30m`; else seconds with as many decimals as needed, `90.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let seconds = self.0.unsigned_abs() / 1_000_000_000;
        let nanos = self.0.unsigned_abs() % 1_000_000_000;
        if nanos == 0 {
            return match seconds {
                0 => f.write_str("0s"),
                _ if seconds.is_multiple_of(3600) => write!(f, "{sign}{}h", seconds / 3600),
                _ if seconds.is_multiple_of(60) => write!(f, "{sign}{}m", seconds / 60),
                _ => write!(f, "{sign}{seconds}s"),
            };
        }
        let fraction = format!("{nanos:09}");
        write!(f, "{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = GoDuration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration: nanoseconds, or text such as \"10m\"")
    }

    fn visit_i64<E: Error>(self, nanos: i64) -> Result<GoDuration, E> {
        Ok(GoDuration(nanos))
    }

    fn visit_u64<E: Error>(self, nanos: u64) -> Result<GoDuration, E> {
        i64::try_from(nanos)
            .map(GoDuration)
            .map_err(|_| E::custom("duration is too long"))
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "the fraction is cut; the range is checked first"
    )]
    fn visit_f64<E: Error>(self, nanos: f64) -> Result<GoDuration, E> {
        if nanos.abs() < 9.2e18 {
            Ok(GoDuration(nanos as i64))
        } else {
            Err(E::custom("duration is too long"))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<GoDuration, E> {
        GoDuration::parse(text).ok_or_else(|| E::custom(format_args!("invalid duration \"{text}\"")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_read_as_the_original_does() {
        let good: [(&str, i64); 12] = [
            ("0", 0),
            ("10m", 600_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("300ms", 300_000_000),
            ("2us3ns", 2_003),
            ("1\u{b5}s", 1_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-1m", -60_000_000_000),
            ("+1s", 1_000_000_000),
            ("0.1m", 6_000_000_000),
        ];
        for (text, nanos) in good {
            assert_eq!(GoDuration::parse(text), Some(GoDuration(nanos)), "{text}");
        }
        for bad in [
            "", "-", "1", "1d", "s", ".s", "1.2.3s", "10 m", "1e3s", "3000000h", "\u{e4}",
        ] {
            assert_eq!(GoDuration::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_takes_numbers_and_text_and_gives_numbers() {
        let read = |json: &str| serde_json::from_str::<GoDuration>(json);
        assert_eq!(read("600000000000").unwrap(), GoDuration::from_secs(600));
        assert_eq!(read("1.9").unwrap(), GoDuration(1));
        assert_eq!(read("\"10m\"").unwrap(), GoDuration::from_secs(600));
        assert!(read("true").is_err());
        assert!(read("\"ten\"").is_err());
        assert_eq!(
            serde_json::to_string(&GoDuration::from_secs(1)).unwrap(),
            "1000000000"
        );
        assert_eq!(GoDuration(90_500_000_000).to_string(), "90.5s");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            GoDuration::parse(&text);
        }

        #[test]
        fn shown_durations_read_back(nanos in any::<i32>()) {
            let duration = GoDuration(i64::from(nanos) * 1_000);
            prop_assert_eq!(GoDuration::parse(&duration.to_string()), Some(duration));
        }
    }
}
