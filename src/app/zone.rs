//! The zone that times are written in. The server knows the rules of every zone; the browser gets those of the chosen one,
//! as the list of its changes, so that both write the same text and neither asks the other.

use crate::app::format;

/// Name of the cookie with the choice.
#[cfg(feature = "ssr")]
pub(crate) const COOKIE: &str = "tidegate_zone";
/// What stands before the name of the browser's own zone in a choice.
pub(crate) const LOCAL: &str = "local:";
/// The choice of the zone of the server.
pub(crate) const SERVER: &str = "server";

/// A zone: its name, and what holds from when on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Zone {
    /// As it was chosen: `UTC`, `Local`, `Server` or the name of a zone.
    pub(crate) name: String,
    /// By time, the first one for everything before the second.
    spans: Vec<Span>,
}

/// What holds from a time on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Span {
    from_s: u64,
    /// Seconds to the east of UTC.
    offset_s: i64,
    abbreviation: String,
}

impl Default for Zone {
    fn default() -> Self {
        Zone::read("UTC|0 0 UTC")
    }
}

impl Zone {
    /// Reads what [`Zone::write`] wrote. Anything else is UTC.
    pub(crate) fn read(text: &str) -> Zone {
        let mut parts = text.split('|');
        let name = parts.next().unwrap_or_default().to_owned();
        let spans: Vec<Span> = parts.filter_map(Span::read).collect();
        if spans.is_empty() {
            let span = Span {
                from_s: 0,
                offset_s: 0,
                abbreviation: "UTC".to_owned(),
            };
            return Zone {
                name: "UTC".to_owned(),
                spans: vec![span],
            };
        }
        Zone { name, spans }
    }

    /// The zone as a text: the name, then `seconds offset abbreviation` for each change.
    pub(crate) fn write(&self) -> String {
        let mut text = self.name.clone();
        for span in &self.spans {
            text.push_str(&format!(
                "|{} {} {}",
                span.from_s, span.offset_s, span.abbreviation
            ));
        }
        text
    }

    fn span(&self, ms: u64) -> &Span {
        let after = self.spans.partition_point(|span| span.from_s * 1000 <= ms);
        &self.spans[after.saturating_sub(1)]
    }

    /// `2026-11-24 08:28:09`
    pub(crate) fn date_time(&self, ms: u64) -> String {
        format::date_time(ms.saturating_add_signed(self.span(ms).offset_s * 1000))
    }

    /// `2026-11-24 08:28:09 CET`
    pub(crate) fn moment(&self, ms: u64) -> String {
        format!("{} {}", self.date_time(ms), self.span(ms).abbreviation)
    }
}

impl Span {
    fn read(text: &str) -> Option<Span> {
        let mut words = text.split(' ');
        let from_s = words.next()?.parse::<u64>().ok()?;
        let offset_s = words.next()?.parse::<i64>().ok()?;
        let is_known = from_s < u64::MAX / 1000 && offset_s.abs() < 200_000;
        is_known.then_some(Span {
            from_s,
            offset_s,
            abbreviation: words.next()?.to_owned(),
        })
    }
}

#[cfg(feature = "ssr")]
pub(crate) use rules::{chosen, is_zone};

#[cfg(feature = "ssr")]
mod rules {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use tidegate_model::{Clock, SystemClock};

    use super::{LOCAL, SERVER, Span, Zone};

    /// How far back the changes of a zone are known; before that, the oldest known rule is taken to hold.
    const BACK_S: i64 = 12 * 366 * 86_400;
    /// How far ahead.
    const AHEAD_S: i64 = 3 * 366 * 86_400;
    /// Changes at most: a few zones change four times a year.
    const SPANS_MAX: usize = 64;

    /// Whether there is a zone of this name.
    pub(crate) fn is_zone(name: &str) -> bool {
        !name.is_empty() && name.len() <= 64 && TimeZone::get(name).is_ok()
    }

    /// The zone of a choice; UTC for one that means nothing. `server`: the zone of the server.
    pub(crate) fn chosen(choice: &str, server: &TimeZone) -> Zone {
        let named = |name: &str, zone: &str| {
            let found = is_zone(zone).then(|| TimeZone::get(zone).ok()).flatten();
            found.map(|found| zone_of(name, &found)).unwrap_or_default()
        };
        match choice.strip_prefix(LOCAL) {
            Some(zone) => named("Local", zone),
            None if choice == SERVER => zone_of("Server", server),
            None if choice.is_empty() || choice == "UTC" => Zone::default(),
            None => named(choice, choice),
        }
    }

    fn zone_of(name: &str, zone: &TimeZone) -> Zone {
        let now = i64::try_from(SystemClock.unix_ms() / 1000).unwrap_or_default();
        let at = |second: i64| Timestamp::from_second(second.max(0)).unwrap_or_default();
        let (first, last) = (at(now - BACK_S), at(now + AHEAD_S));
        let mut spans = vec![span(zone, 0, first)];
        for change in zone.following(first).take(SPANS_MAX) {
            let from = change.timestamp();
            if from > last {
                break;
            }
            spans.push(span(zone, from.as_second(), from));
        }
        Zone {
            name: name.to_owned(),
            spans,
        }
    }

    fn span(zone: &TimeZone, from: i64, at: Timestamp) -> Span {
        let info = zone.to_offset_info(at);
        Span {
            from_s: u64::try_from(from).unwrap_or_default(),
            offset_s: i64::from(info.offset().seconds()),
            // Some zones have no abbreviation but their offset.
            abbreviation: match info.abbreviation() {
                word if word.starts_with(['+', '-']) => format!("UTC{word}"),
                word => word.replace([' ', '|'], ""),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_its_changes() {
        let zone = Zone::read("Local|0 3600 CET|1774746000 7200 CEST|1792890000 3600 CET");
        assert_eq!(zone.moment(1_774_745_999_000), "2026-03-29 01:59:59 CET");
        assert_eq!(zone.moment(1_774_746_000_000), "2026-03-29 03:00:00 CEST");
        assert_eq!(zone.moment(0), "1970-01-01 01:00:00 CET");
        assert_eq!(Zone::read(&zone.write()), zone);
        assert_eq!(Zone::read("x|y z"), Zone::default());
        let west = Zone::read("West|0 -18000 EST");
        assert_eq!(
            west.date_time(0),
            "1970-01-01 00:00:00",
            "nothing is before the first day"
        );
        assert_eq!(west.moment(86_400_000), "1970-01-01 19:00:00 EST");
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn choices_lead_to_zones() {
        let server = jiff::tz::TimeZone::get("Asia/Tokyo").unwrap();
        let of = |choice: &str| {
            let zone = chosen(choice, &server);
            (zone.moment(1_677_512_812_888), zone.name)
        };
        let is = |moment: &str, name: &str| (moment.to_owned(), name.to_owned());
        assert_eq!(of(""), is("2023-02-27 15:46:52 UTC", "UTC"));
        assert_eq!(of("UTC"), of("../../etc/passwd"));
        assert_eq!(of("server"), is("2023-02-28 00:46:52 JST", "Server"));
        assert_eq!(of("local:Europe/Berlin"), is("2023-02-27 16:46:52 CET", "Local"));
        assert_eq!(
            of("America/New_York"),
            is("2023-02-27 10:46:52 EST", "America/New_York")
        );
        assert_eq!(of("Asia/Kathmandu").0, "2023-02-27 21:31:52 UTC+0545");
        let summer = chosen("Europe/Berlin", &server).moment(1_688_000_000_000);
        assert_eq!(summer, "2023-06-29 02:53:20 CEST");
    }
}
