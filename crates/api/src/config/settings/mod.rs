//! The table of settings: what each is called, what it may be, where it counts, and whether it is built.
//!
//! Validation, the refusal of what is not built, the schema of the API and the reference for readers all come from it.

mod queue;
mod reference;
mod table;

use serde_json::Value;
use tidegate_model::ErrorCode;

use super::ReplicaConfig;
use crate::duration::GoDuration;
use crate::sink_uri::Scheme;

pub use reference::settings_reference;

/// One member of `replica_config`.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Place below `replica_config`, `sink.csv.quote`; `[]` stands for the items of a list.
    pub path: &'static str,
    /// Type in JSON.
    pub kind: Kind,
    /// Which values are allowed.
    pub rule: Rule,
    /// Code of a value that is not.
    pub code: ErrorCode,
    /// Sinks that look at it.
    pub sinks: Sinks,
    /// Parameter of the sink URI that wins over it.
    pub parameter: Option<&'static str>,
    /// What absence means, where the default object does not have it.
    pub unset: Option<&'static str>,
    /// Whether it does anything.
    pub support: Support,
    /// One sentence.
    pub about: &'static str,
}

/// Type of a setting in JSON.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// Whole number.
    Number,
    /// Text.
    Text,
    /// Nanoseconds, or text such as `10m`; always written as nanoseconds.
    Duration,
    /// Text such as `10s`.
    DurationText,
    /// List of texts.
    Texts,
    /// List of whole numbers.
    Numbers,
    /// List of objects.
    Objects,
    /// Object.
    Object,
}

/// Which values are allowed.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Rule {
    /// All of the type.
    Any,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words in upper or lower case.
    OneOfAnyCase(&'static [&'static str]),
    /// At least this number.
    Min(i64),
    /// At least this long.
    MinDuration(GoDuration),
    /// Below the first is refused, above the second is cut.
    Cut(i64, i64),
    /// Brought into this range.
    Clamped(i64, i64),
    /// Outside of this range counts as this number.
    OrElse(i64, i64, i64),
    /// What the words say; checked by code of its own.
    Said(&'static str),
}

/// A set of kinds of sinks.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Sinks(u8);

impl Sinks {
    /// Databases.
    pub const DATABASE: Sinks = Sinks(1);
    /// Files and object storage.
    pub const STORAGE: Sinks = Sinks(2);
    /// Kafka.
    pub const KAFKA: Sinks = Sinks(4);
    /// Pulsar.
    pub const PULSAR: Sinks = Sinks(8);
    /// Message queues.
    pub const QUEUE: Sinks = Sinks(4 | 8);
    /// Everything but databases.
    pub const FORMATTED: Sinks = Sinks(2 | 4 | 8);
    /// Databases and storage.
    pub const NOT_QUEUE: Sinks = Sinks(1 | 2);
    /// All.
    pub const ALL: Sinks = Sinks(255);

    /// Whether a sink of this scheme looks at the setting. `blackhole` takes everything and looks at what all do.
    pub const fn has(self, scheme: Scheme) -> bool {
        let bit = match scheme {
            Scheme::Mysql => 1,
            Scheme::File | Scheme::S3 | Scheme::Gcs | Scheme::Azure | Scheme::Noop => 2,
            Scheme::Kafka => 4,
            Scheme::Pulsar => 8,
            Scheme::Blackhole | Scheme::Unknown => 16,
        };
        self.0 & bit != 0
    }
}

/// Whether a setting does anything.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Support {
    /// It works.
    Built,
    /// Accepted, and it changes nothing; why.
    NoEffect(&'static str),
    /// Every value but the default is refused; why.
    Refused(&'static str),
}

impl Setting {
    /// Place of the setting in the body of a request, as a JSON pointer.
    pub fn pointer(&self) -> String {
        pointer(self.path)
    }

    /// Its value in a config written as JSON; `None` when unset.
    pub fn value_in<'a>(&self, config: &'a Value) -> Option<&'a Value> {
        let found = self
            .path
            .split('.')
            .try_fold(config, |value, name| value.get(name));
        found.filter(|value| !value.is_null())
    }

    /// Its default as the API writes it.
    pub fn default_value(&self, defaults: &Value) -> Option<Value> {
        self.value_in(defaults).cloned()
    }

    /// Default and bounds of a number that is cut or clamped.
    pub fn number(&self) -> Option<(i64, i64, i64)> {
        let unset = self.unset?.parse().ok()?;
        match self.rule {
            Rule::Cut(min, max) | Rule::Clamped(min, max) | Rule::OrElse(min, max, _) => {
                Some((unset, min, max))
            }
            _ => None,
        }
    }

    const fn sinks(self, sinks: Sinks) -> Setting {
        Setting { sinks, ..self }
    }

    const fn code(self, code: ErrorCode) -> Setting {
        Setting { code, ..self }
    }

    const fn rule(self, rule: Rule) -> Setting {
        Setting { rule, ..self }
    }

    const fn parameter(self, parameter: &'static str) -> Setting {
        Setting {
            parameter: Some(parameter),
            ..self
        }
    }

    const fn unset(self, unset: &'static str) -> Setting {
        Setting {
            unset: Some(unset),
            ..self
        }
    }

    const fn refused(self, why: &'static str) -> Setting {
        Setting {
            support: Support::Refused(why),
            ..self
        }
    }

    const fn no_effect(self, why: &'static str) -> Setting {
        Setting {
            support: Support::NoEffect(why),
            ..self
        }
    }
}

/// A setting that all values of the type are allowed for.
const fn setting(path: &'static str, kind: Kind, about: &'static str) -> Setting {
    Setting {
        path,
        kind,
        rule: Rule::Any,
        code: ErrorCode::InvalidReplicaConfig,
        sinks: Sinks::ALL,
        parameter: None,
        unset: None,
        support: Support::Built,
        about,
    }
}

/// Every setting, in the order in which the API writes them.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    table::TOP
        .iter()
        .chain(table::SINK)
        .chain(queue::QUEUE)
        .chain(table::SINK_REST)
        .chain(table::REST)
}

/// The setting at `path`.
///
/// # Panics
/// When there is none: paths are written in code, and a test looks each up.
pub fn setting_at(path: &str) -> &'static Setting {
    settings()
        .find(|setting| setting.path == path)
        .unwrap_or_else(|| panic!("no setting {path}"))
}

/// The JSON pointer of a path below `replica_config`.
pub(crate) fn pointer(path: &str) -> String {
    format!("/replica_config/{}", path.replace('.', "/"))
}

/// The default config as the API writes it.
pub fn default_config() -> Value {
    serde_json::to_value(ReplicaConfig::default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_member_is_in_the_table_once() {
        let mut seen = HashSet::new();
        for setting in settings() {
            assert!(seen.insert(setting.path), "{} twice", setting.path);
        }
        let defaults = default_config();
        let mut missing = Vec::new();
        leaves(&defaults, "", &mut |path| {
            if !seen.contains(path) {
                missing.push(path.to_owned());
            }
        });
        assert_eq!(missing, Vec::<String>::new());
    }

    fn leaves(value: &Value, path: &str, each: &mut impl FnMut(&str)) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    leaves(value, &path, each);
                }
            }
            _ => each(path),
        }
    }
}
