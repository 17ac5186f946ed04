//! Cron specs as the original takes them: second, minute, hour, day of month, month and, if wanted, day of week.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;

/// Points in time that come again and again.
#[derive(Clone)]
pub(crate) struct Schedule(Cron);

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Schedule {
    /// Reads a spec.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(spec: &str) -> Result<Schedule, String> {
        let mut fields: Vec<&str> = spec.split_whitespace().collect();
        if fields.len() == 5 {
            fields.push("*");
        }
        if fields.len() != 6 {
            return Err(
                "it must have 5 or 6 fields: second minute hour day-of-month month [day-of-week]".to_owned(),
            );
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .build();
        parser
            .parse(&fields.join(" "))
            .map(Schedule)
            .map_err(|error| error.to_string())
    }

    /// The first point after `now`; `None` when there is none, as for February 30th.
    pub(crate) fn next(&self, now: &Zoned) -> Option<Zoned> {
        self.0.find_next_occurrence(now, false).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(spec: &str, now: &str) -> String {
        let next = Schedule::parse(spec).unwrap().next(&now.parse().unwrap());
        next.map_or_else(|| "never".to_owned(), |at| at.datetime().to_string())
    }

    #[test]
    fn the_fields_are_those_of_the_original() {
        let now = "2024-05-01T12:30:05[UTC]";
        for (spec, expect) in [
            ("0 0 2 * * *", "2024-05-02T02:00:00"),
            ("0 0 2 * *", "2024-05-02T02:00:00"),
            ("*/10 * * * * *", "2024-05-01T12:30:10"),
            ("0 15 3 1 * ?", "2024-06-01T03:15:00"),
            ("0 0 0 * * 0", "2024-05-05T00:00:00"),
            ("0 0 0 30 2 *", "never"),
        ] {
            assert_eq!(next(spec, now), expect, "{spec}");
        }
    }

    #[test]
    fn the_hour_that_does_not_exist_is_no_obstacle() {
        let at = next("0 30 2 * * *", "2024-03-30T12:00:00[Europe/Berlin]");
        assert!(at.starts_with("2024-03-31T0"), "{at}");
    }

    #[test]
    fn a_bad_spec_is_refused() {
        for spec in [
            "",
            "x",
            "* * * *",
            "61 * * * * *",
            "0 0 25 * * *",
            "0 0 2 * * * 2024",
            "0 0 2 * * boo",
        ] {
            assert!(Schedule::parse(spec).is_err(), "{spec}");
        }
    }
}
