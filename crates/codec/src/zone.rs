//! Instants as local date and time, with the zone's offset remembered between neighbouring values.

use jiff::tz::TimeZone;
use tidegate_model::{DateTime, Timestamp};

/// A time zone plus the stretch of time in which the offset looked up last is known to hold.
#[derive(Clone, Debug)]
pub struct Zone {
    tz: TimeZone,
    from: i64,
    until: i64,
    offset: i64,
}

const SECONDS_PER_DAY: i64 = 86_400;

impl Zone {
    /// Wraps a zone.
    pub fn new(tz: TimeZone) -> Self {
        Zone {
            tz,
            from: 0,
            until: 0,
            offset: 0,
        }
    }

    /// Universal time.
    pub fn utc() -> Self {
        Zone::new(TimeZone::UTC)
    }

    /// The local date and time of an instant; the zero timestamp gives the zero date.
    pub fn local(&mut self, at: Timestamp) -> DateTime {
        if at.is_zero() {
            return DateTime::default();
        }
        let seconds = i64::from(at.seconds);
        civil(seconds + self.offset_at(seconds), at.micros)
    }

    /// The local date of a unix time in milliseconds.
    pub fn date_of_ms(&mut self, unix_ms: u64) -> DateTime {
        let seconds = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX / 4);
        civil(seconds + self.offset_at(seconds), 0)
    }

    fn offset_at(&mut self, seconds: i64) -> i64 {
        if seconds < self.from || seconds >= self.until {
            self.look_up(seconds);
        }
        self.offset
    }

    fn look_up(&mut self, seconds: i64) {
        let Ok(at) = jiff::Timestamp::from_second(seconds) else {
            return;
        };
        self.offset = i64::from(self.tz.to_offset(at).seconds());
        // `preceding` excludes `at` itself, so at a transition the stretch starts right there.
        let next_second = jiff::Timestamp::from_second(seconds + 1).unwrap_or(at);
        self.from = self
            .tz
            .preceding(next_second)
            .next()
            .map_or(i64::MIN, |t| t.timestamp().as_second());
        self.until = self
            .tz
            .following(at)
            .next()
            .map_or(i64::MAX, |t| t.timestamp().as_second());
    }
}

/// Proleptic Gregorian calendar from seconds since 1970-01-01 (days-to-civil by 400-year eras).
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "calendar fields are small"
)]
fn civil(local_seconds: i64, micros: u32) -> DateTime {
    let days = local_seconds.div_euclid(SECONDS_PER_DAY);
    let second_of_day = local_seconds.rem_euclid(SECONDS_PER_DAY);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    DateTime {
        year: year as u16,
        month: month as u8,
        day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8,
        hour: (second_of_day / 3600) as u8,
        minute: (second_of_day / 60 % 60) as u8,
        second: (second_of_day % 60) as u8,
        micros,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(zone: &mut Zone, seconds: u32) -> String {
        let t = zone.local(Timestamp { seconds, micros: 0 });
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            t.year, t.month, t.day, t.hour, t.minute, t.second
        )
    }

    #[test]
    fn a_daylight_saving_hole_and_overlap_follow_the_zone() {
        let mut zone = Zone::new(TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!(text(&mut zone, 1_711_846_799), "2024-03-31 01:59:59");
        assert_eq!(text(&mut zone, 1_711_846_800), "2024-03-31 03:00:00");
        assert_eq!(text(&mut zone, 1_729_990_799), "2024-10-27 02:59:59");
        assert_eq!(text(&mut zone, 1_729_990_800), "2024-10-27 02:00:00");
        assert_eq!(text(&mut zone, 1_711_846_799), "2024-03-31 01:59:59");
    }

    #[test]
    fn the_zero_timestamp_is_the_zero_date() {
        assert_eq!(text(&mut Zone::utc(), 0), "0000-00-00 00:00:00");
    }

    proptest! {
        #[test]
        fn agrees_with_the_library_in_any_order(seconds in proptest::collection::vec(1u32.., 1..20)) {
            let tz = TimeZone::get("America/Sao_Paulo").unwrap();
            let mut zone = Zone::new(tz.clone());
            for s in seconds {
                let expect = jiff::Timestamp::from_second(s.into()).unwrap().to_zoned(tz.clone());
                prop_assert_eq!(text(&mut zone, s), expect.strftime("%Y-%m-%d %H:%M:%S").to_string());
            }
        }
    }
}
