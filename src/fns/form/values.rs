//! Between the texts of the fields and the values of a config.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_api::{GoDuration, Kind, Setting, default_config, settings};

use super::groups::OWN;
use crate::fns::error::FieldError;

/// Texts by path below `replica_config`; items of lists by their number: `filter.event_filters.0.matcher`.
pub(crate) type Texts = BTreeMap<String, String>;

/// The config that holds what was typed and nothing else. Faults go to `faults`, by path.
pub(super) fn config(texts: &Texts, faults: &mut Vec<FieldError>) -> Value {
    let mut config = Value::Object(Map::new());
    for (path, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
        let value = match setting(path) {
            Some(setting) => value(setting.kind, text),
            None => Err("This setting does not exist.".to_owned()),
        };
        match value {
            Ok(value) => insert(&mut config, path, value),
            Err(message) => faults.push(FieldError {
                field: path.clone(),
                message,
            }),
        }
    }
    lists(&mut config);
    config
}

/// The text that stands for the default of a setting; empty when nothing does.
pub(super) fn default_of(path: &str) -> String {
    setting(path).map_or_else(String::new, |setting| {
        super::groups::default_text(setting, &default_config())
    })
}

/// Adds an untouched item to the list at `list`.
pub(crate) fn add_item(texts: &mut Texts, list: &str) {
    let next = items(texts, list).last().map_or(0, |last| last.saturating_add(1));
    texts.insert(format!("{list}.{next}.matcher"), String::new());
}

/// Removes the item at `place`, such as `filter.event_filters.2`.
pub(crate) fn remove_item(texts: &mut Texts, place: &str) {
    texts.retain(|path, _| path.strip_prefix(place).is_none_or(|rest| !rest.starts_with('.')));
}

/// The numbers of the items of the list at `list`, in order.
pub(super) fn items(texts: &Texts, list: &str) -> Vec<u64> {
    let number = |path: &String| -> Option<u64> {
        let rest = path.strip_prefix(list)?.strip_prefix('.')?;
        rest.split('.').next()?.parse().ok()
    };
    let mut numbers: Vec<u64> = texts.keys().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The setting that a path with numbers means.
fn setting(path: &str) -> Option<&'static Setting> {
    let mut pattern = String::new();
    for name in path.split('.') {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            pattern.push_str("[]");
            continue;
        }
        if !pattern.is_empty() {
            pattern.push('.');
        }
        pattern.push_str(name);
    }
    settings().find(|setting| setting.path == pattern)
}

/// What a text means in a field of this kind.
///
/// # Errors
/// What is wrong with it, one sentence.
fn value(kind: Kind, text: &str) -> Result<Value, String> {
    let whole = |text: &str| {
        let number = text.trim().parse::<u64>().map(Value::from);
        number.or_else(|_negative| text.trim().parse::<i64>().map(Value::from))
    };
    match kind {
        Kind::Flag => match text.trim() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err("Choose true or false.".to_owned()),
        },
        Kind::Number => whole(text).map_err(|_no_number| "Enter a whole number.".to_owned()),
        // A blank may be meant, as a delimiter for one: the text is taken as it is.
        Kind::Text => Ok(json!(text)),
        Kind::Duration => match whole(text) {
            Ok(nanos) => Ok(nanos),
            Err(_no_number) => Ok(json!(text.trim())),
        },
        Kind::DurationText => Ok(json!(text.trim())),
        Kind::Texts => Ok(lines(text).map(Value::from).collect()),
        Kind::Numbers => {
            let numbers: Result<Vec<Value>, _> = lines(text).map(whole).collect();
            numbers
                .map(Value::Array)
                .map_err(|_no_number| "Enter whole numbers, one a line.".to_owned())
        }
        Kind::Object | Kind::Objects => {
            serde_json::from_str(text).map_err(|error| format!("This is no JSON: {error}."))
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn insert(config: &mut Value, path: &str, value: Value) {
    let place = path.split('.').fold(config, |object, name| &mut object[name]);
    *place = value;
}

/// Objects whose names are numbers become lists, in the order of the numbers.
fn lists(value: &mut Value) {
    let Value::Object(members) = value else {
        return;
    };
    members.values_mut().for_each(lists);
    let is_list = !members.is_empty()
        && members
            .keys()
            .all(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    if is_list {
        let mut items: Vec<(u64, Value)> = std::mem::take(members)
            .into_iter()
            .map(|(name, item)| (name.parse().unwrap_or(u64::MAX), item))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        *value = items.into_iter().map(|(_, item)| item).collect();
    }
}

/// The texts of what differs from the defaults in `config`, without the fields that the form has a place of its own
/// for. Members that are no settings are listed in `unknown`.
pub(super) fn texts(config: &Value, unknown: &mut Vec<String>) -> Texts {
    let mut texts = Texts::new();
    let defaults = default_config();
    flatten("", config, &defaults, &mut texts, unknown);
    texts
}

fn flatten(path: &str, value: &Value, default: &Value, texts: &mut Texts, unknown: &mut Vec<String>) {
    if value.is_null() || OWN.contains(&path) {
        return;
    }
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(&below(name), value, &default[name.as_str()], texts, unknown);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&below(&number.to_string()), item, &Value::Null, texts, unknown);
            }
        }
        _ if value == default => {}
        _ => match setting(path) {
            Some(setting) => {
                texts.insert(path.to_owned(), text(setting.kind, value));
            }
            None => unknown.push(path.to_owned()),
        },
    }
}

fn text(kind: Kind, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| text(kind, item)).collect();
            items.join("\n")
        }
        _ if kind == Kind::Duration => duration_text(value),
        _ => value.to_string(),
    }
}

/// Nanoseconds as `30m0s`.
pub(super) fn duration_text(value: &Value) -> String {
    let duration = serde_json::from_value::<GoDuration>(value.clone());
    duration.map_or_else(|_other| value.to_string(), |duration| duration.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &[(&str, &str)]) -> (Value, Vec<String>) {
        let texts = typed
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let mut faults = Vec::new();
        let config = config(&texts, &mut faults);
        (config, faults.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn only_what_was_typed_is_in_the_config() {
        let (config, faults) = read(&[
            ("sink.csv.delimiter", "\t"),
            ("sink.csv.quote", ""),
            ("sink.csv.include_commit_ts", "true"),
            ("memory_quota", "18446744073709551615"),
            ("changefeed_error_stuck_duration", "40m"),
            ("filter.ignore_txn_start_ts", "439749918821711875\n\n 2"),
            ("filter.event_filters.10.matcher", "a.*\n!a.b"),
            ("filter.event_filters.2.ignore_insert_value_expr", "id > 1"),
        ]);
        assert_eq!(faults, Vec::<String>::new());
        let expect = json!({
            "sink": {"csv": {"delimiter": "\t", "include_commit_ts": true}},
            "memory_quota": u64::MAX,
            "changefeed_error_stuck_duration": "40m",
            "filter": {
                "ignore_txn_start_ts": [439_749_918_821_711_875_u64, 2],
                "event_filters": [{"ignore_insert_value_expr": "id > 1"}, {"matcher": ["a.*", "!a.b"]}],
            },
        });
        assert_eq!(config, expect);
    }

    #[test]
    fn what_cannot_be_meant_is_told_at_its_field() {
        let (config, faults) = read(&[
            ("memory_quota", "much"),
            ("bdr_mode", "perhaps"),
            ("sink.none", "1"),
        ]);
        assert_eq!(faults, ["bdr_mode", "memory_quota", "sink.none"]);
        assert_eq!(config, json!({}));
    }

    #[test]
    fn items_are_counted_by_their_numbers() {
        let mut texts: Texts = ["f.10.a", "f.2.b", "f.2.a", "f", "g.1.a", "f.x.a"]
            .map(|path| (path.to_owned(), String::new()))
            .into();
        assert_eq!(items(&texts, "f"), [2, 10]);
        add_item(&mut texts, "f");
        remove_item(&mut texts, "f.1");
        remove_item(&mut texts, "f.2");
        assert_eq!(items(&texts, "f"), [10, 11]);
    }

    #[test]
    fn a_config_comes_back_as_it_was_typed() {
        let typed = [
            ("changefeed_error_stuck_duration", "40m0s"),
            ("filter.event_filters.0.ignore_event", "insert\nall ddl"),
            ("sink.csv.null", "NULL"),
            ("sink.mysql_config.worker_count", "3"),
        ];
        let mut unknown = Vec::new();
        let (mut config, _) = read(&typed);
        config["sink"]["secret_member"] = json!(1);
        config["sink"]["csv"]["quote"] = default_config()["sink"]["csv"]["quote"].clone();
        let expect: Texts = typed
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        assert_eq!(texts(&config, &mut unknown), expect);
        assert_eq!(unknown, ["sink.secret_member"]);
    }
}
