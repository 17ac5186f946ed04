//! Reads settings: a parameter of the URI wins over a member of the config, which wins over the default.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_api::{GoDuration, SinkUri, setting_at};
use tidegate_model::{CdcError, ErrorCode, Result};

/// Settings of one sink.
#[derive(Copy, Clone)]
pub(crate) struct Settings<'a> {
    pub(crate) uri: &'a SinkUri,
    /// Code of what is wrong with them.
    pub(crate) code: ErrorCode,
}

impl<'a> Settings<'a> {
    /// Refuses parameters that mean nothing to this sink: they would be a typing mistake without effect.
    pub(crate) fn only(&self, known: &[&str]) -> Result<()> {
        match self.uri.params().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(self.error(format_args!(
                "the sink URI has the unknown parameter {name:?}; known are {}",
                known.join(", ")
            ))),
        }
    }

    /// A number; one above the range is cut, as in the original, one below it is an error.
    pub(crate) fn number(
        &self,
        name: &str,
        member: Option<i64>,
        default: i64,
        range: RangeInclusive<i64>,
    ) -> Result<usize> {
        let number = self.integer(name, member)?.unwrap_or(default);
        if number < *range.start() {
            return Err(self.error(format_args!(
                "{name} is {number}, it must be at least {}",
                range.start()
            )));
        }
        usize::try_from(number.min(*range.end())).map_err(|error| self.error(name).with_source(error))
    }

    /// As [`Settings::number`], with parameter, default and range of the table of settings.
    pub(crate) fn number_at(&self, path: &str, member: Option<i64>) -> Result<usize> {
        let setting = setting_at(path);
        let (Some(parameter), Some((default, min, max))) = (setting.parameter, setting.number()) else {
            return Err(self.error(format_args!("{path} is no number that the URI may give")));
        };
        self.number(parameter, member, default, min..=max)
    }

    /// A number as given, if it is.
    pub(crate) fn integer(&self, name: &str, member: Option<i64>) -> Result<Option<i64>> {
        match self.uri.param(name) {
            None => Ok(member),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.error(format_args!("{name} is {text:?}, it must be a number"))),
            },
        }
    }

    /// A switch, in the spellings of the original.
    pub(crate) fn switch(&self, name: &str, member: Option<bool>, default: bool) -> Result<bool> {
        match self.uri.param(name) {
            None => Ok(member.unwrap_or(default)),
            Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
            Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
            Some(text) => Err(self.error(format_args!("{name} is {text:?}, it must be true or false"))),
        }
    }

    /// A duration such as `2m`; an empty one is the default.
    pub(crate) fn duration(&self, name: &str, member: Option<&str>, default: Duration) -> Result<Duration> {
        match self.uri.param(name).or(member) {
            None | Some("") => Ok(default),
            Some(text) => GoDuration::parse(text)
                .and_then(|duration| u64::try_from(duration.0).ok())
                .map(Duration::from_nanos)
                .ok_or_else(|| {
                    self.error(format_args!(
                        "{name} is {text:?}, it must be a duration such as 10s or 2m"
                    ))
                }),
        }
    }

    /// A text, if it is given.
    pub(crate) fn text(&self, name: &str, member: Option<&'a str>) -> Option<&'a str> {
        self.uri.param(name).or(member)
    }

    /// Something is wrong with a setting.
    pub(crate) fn error(&self, message: impl Display) -> CdcError {
        CdcError::new(self.code, message)
    }
}

/// A setting whose function this version does not have.
pub(crate) fn not_supported(message: impl Display) -> CdcError {
    CdcError::new(ErrorCode::NotSupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_wins_and_bounds_hold() {
        let uri = SinkUri::parse("mysql://h/?n=7&big=9999&low=0&on=T&d=1m30s&word=x").unwrap();
        let settings = Settings {
            uri: &uri,
            code: ErrorCode::MySQLInvalidConfig,
        };
        assert_eq!(settings.number("n", Some(3), 1, 1..=10).unwrap(), 7);
        assert_eq!(settings.number("absent", Some(3), 1, 1..=10).unwrap(), 3);
        assert_eq!(settings.number("absent", None, 1, 1..=10).unwrap(), 1);
        assert_eq!(settings.number("big", None, 1, 1..=10).unwrap(), 10);
        assert!(settings.switch("on", Some(false), false).unwrap());
        assert_eq!(
            settings.duration("d", None, Duration::ZERO).unwrap(),
            Duration::from_secs(90)
        );
        assert_eq!(
            settings.duration("e", Some("5s"), Duration::ZERO).unwrap(),
            Duration::from_secs(5)
        );
        for error in [
            settings.number("low", None, 1, 1..=10).unwrap_err(),
            settings.number("word", None, 1, 1..=10).unwrap_err(),
            settings.switch("word", None, true).unwrap_err(),
            settings.duration("word", None, Duration::ZERO).unwrap_err(),
            settings.only(&["n", "big", "low", "on", "d"]).unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::MySQLInvalidConfig);
        }
    }
}
