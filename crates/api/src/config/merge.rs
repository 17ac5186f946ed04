//! Laying the members of a request over a config that is complete.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tidegate_model::Result;

use super::ReplicaConfig;
use super::settings::settings;
use crate::json::{bind_error, from_value};

/// Members of a `replica_config` as a request gives them. Absent members are not part of it.
///
/// Reading one checks every type, so that [`ConfigPatch::apply`] cannot fail later on account of the request.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ConfigPatch(Map<String, Value>);

/// Spellings of members that newer versions of the original use: theirs, ours.
const ALIASES: [(&str, &str); 2] = [
    ("advance_timeout_in_sec", "advance_timeout"),
    ("send_all_bootstrap_at_start", "send-all-bootstrap-at-start"),
];
/// Objects all of whose members may be unset by `null`.
const NULLABLE_OBJECTS: [&str; 6] = [
    "sink",
    "kafka_config",
    "pulsar_config",
    "mysql_config",
    "cloud_storage_config",
    "codec_config",
];
/// Members elsewhere that may be unset by `null`.
const NULLABLE_MEMBERS: [&str; 4] = [
    "enable_sync_point",
    "enable_table_monitor",
    "bdr_mode",
    "memory_usage",
];

impl ConfigPatch {
    /// `base` with the members of the patch. Objects are merged member by member, lists are replaced. `null` unsets
    /// a member that can be unset, brings back the default of a duration or a top-level object, and changes nothing
    /// otherwise. A secret that is a mask keeps the secret of `base`.
    ///
    /// # Errors
    /// `APIInvalidParam` that names the member.
    pub fn apply(&self, base: &ReplicaConfig) -> Result<ReplicaConfig> {
        let mut config = self.merged(base).map_err(|text| bind_error(&text))?;
        config.keep_secrets_of(base);
        Ok(config)
    }

    /// Whether the request named no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Members that nothing reads, by their paths: typing mistakes, or settings of another version.
    pub fn unknown_members(&self) -> Vec<String> {
        let mut whole = to_map(&ReplicaConfig::default()).unwrap_or_default();
        merge(&mut whole, &self.0, "");
        let mut unknown = Vec::new();
        let read: Result<ReplicaConfig, _> = serde_ignored::deserialize(Value::Object(whole), |path| {
            unknown.push(path.to_string().replace(".?", ""));
        });
        // A member that cannot be read was refused when the patch was.
        drop(read);
        unknown.sort_unstable();
        unknown
    }

    /// Refuses a list where an object belongs: serde would take its items for the members in order.
    fn check_shapes(&self) -> Result<(), String> {
        for setting in settings() {
            let mut parts = setting.path.split('.').collect::<Vec<_>>();
            parts.pop();
            check_objects(&self.0, &parts, "")?;
        }
        Ok(())
    }

    fn merged(&self, base: &ReplicaConfig) -> Result<ReplicaConfig, String> {
        let mut whole = to_map(base)?;
        merge(&mut whole, &self.0, "");
        from_value(Value::Object(whole)).map_err(|text| format!("replica_config: {text}"))
    }
}

impl From<&ReplicaConfig> for ConfigPatch {
    /// Every member that is set.
    fn from(config: &ReplicaConfig) -> Self {
        ConfigPatch(to_map(config).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for ConfigPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let patch = ConfigPatch(Map::deserialize(deserializer)?);
        patch.check_shapes().map_err(serde::de::Error::custom)?;
        patch
            .merged(&ReplicaConfig::default())
            .map_err(serde::de::Error::custom)?;
        Ok(patch)
    }
}

fn to_map(config: &ReplicaConfig) -> Result<Map<String, Value>, String> {
    match serde_json::to_value(config) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("a config is an object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks that the members on a path below `object` are objects where they are given; `[]` leads through all items.
fn check_objects(object: &Map<String, Value>, path: &[&str], within: &str) -> Result<(), String> {
    let Some((part, rest)) = path.split_first() else {
        return Ok(());
    };
    let name = part.trim_end_matches("[]");
    let place = if within.is_empty() {
        name.to_owned()
    } else {
        format!("{within}.{name}")
    };
    let inside = |value: &Value, place: &str| match value {
        Value::Object(members) => check_objects(members, rest, place),
        Value::Null => Ok(()),
        _ => Err(format!("{place}: an object is needed")),
    };
    match object.get(name) {
        None => Ok(()),
        Some(Value::Array(items)) if part.ends_with("[]") => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| inside(item, &format!("{place}[{index}]")))
        }
        // What is no list although it should be one is told by its type.
        Some(_) if part.ends_with("[]") => Ok(()),
        Some(value) => inside(value, &place),
    }
}

/// `within` is the name of the object that `base` is, empty for the whole config.
fn merge(base: &mut Map<String, Value>, patch: &Map<String, Value>, within: &str) {
    for (name, value) in patch {
        let name = ALIASES
            .iter()
            .find(|(alias, _)| alias == name)
            .map_or(name.as_str(), |(_, ours)| ours);
        match (value, base.get_mut(name)) {
            (Value::Null, _) => set_null(base, name, within),
            (Value::Object(members), Some(Value::Object(inner))) => merge(inner, members, name),
            _ => {
                base.insert(name.to_owned(), without_nulls(value));
            }
        }
    }
}

fn set_null(base: &mut Map<String, Value>, name: &str, within: &str) {
    if NULLABLE_OBJECTS.contains(&within)
        || NULLABLE_MEMBERS.contains(&name)
        || base.get(name).is_some_and(Value::is_array)
    {
        base.remove(name);
    } else if within.is_empty() {
        let default = to_map(&ReplicaConfig::default()).unwrap_or_default();
        match default.get(name) {
            Some(default) if default.is_object() || base.get(name).is_none() || is_duration(name) => {
                base.insert(name.to_owned(), default.clone());
            }
            _ => {}
        }
    }
}

fn is_duration(name: &str) -> bool {
    matches!(
        name,
        "sync_point_interval" | "sync_point_retention" | "changefeed_error_stuck_duration"
    )
}

/// Inside something new, `null` says the same as nothing.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}
