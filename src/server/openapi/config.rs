//! The schema of `replica_config`, made from the table of settings.

use serde_json::{Map, Value, json};
use tidegate_api::{Kind, Rule, Setting, Support, default_config, settings};

/// Durations as text, such as `1h30m`: no more digits than surely fit 64 bits of nanoseconds.
const DURATION: &str = "^[-+]?(0|([0-9]{1,6}(\\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h)){1,2})$";

/// The schema. Requests may leave members out or give `null` for them.
pub(super) fn schema() -> Value {
    let defaults = default_config();
    let mut root = object();
    for setting in settings() {
        place(&mut root, setting.path, member(setting, &defaults));
    }
    root
}

fn object() -> Value {
    json!({"type": ["object", "null"], "properties": {}})
}

/// Puts a schema where its path leads to, through objects and the items of lists.
fn place(root: &mut Value, path: &str, schema: Value) {
    let mut here = root;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let (name, is_list) = match part.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (part, false),
        };
        let members = properties(here);
        if parts.peek().is_none() {
            members.insert(name.to_owned(), schema);
            return;
        }
        let next = members.entry(name.to_owned()).or_insert_with(object);
        here = if is_list { &mut next["items"] } else { next };
    }
}

fn properties(schema: &mut Value) -> &mut Map<String, Value> {
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]
        .as_object_mut()
        .expect("it was made an object")
}

fn member(setting: &Setting, defaults: &Value) -> Value {
    let mut schema = match setting.kind {
        Kind::Flag => json!({"type": ["boolean", "null"]}),
        Kind::Number => number(setting.path),
        Kind::Text | Kind::DurationText => json!({"type": ["string", "null"]}),
        Kind::Duration => {
            json!({"type": ["number", "string", "null"], "minimum": i64::MIN, "maximum": i64::MAX, "pattern": DURATION})
        }
        Kind::Texts => json!({"type": ["array", "null"], "items": {"type": "string"}}),
        Kind::Numbers => {
            json!({"type": ["array", "null"], "items": {"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX}})
        }
        Kind::Objects => json!({"type": ["array", "null"], "items": {"type": "object", "properties": {}}}),
        Kind::Object => object(),
    };
    if let Some(default) = setting.default_value(defaults) {
        schema["default"] = default;
    }
    schema["description"] = json!(description(setting));
    schema
}

/// The bounds of the type it is kept in; a request beyond them cannot be read.
fn number(path: &str) -> Value {
    let (format, min, max) = match path.rsplit('.').next().unwrap_or(path) {
        "memory_quota" | "advance_timeout" | "memory_quota_percentage" => {
            ("uint64", json!(0), json!(u64::MAX))
        }
        "partition_num" | "send_bootstrap_in_msg_count" => ("int32", json!(i32::MIN), json!(i32::MAX)),
        "replication_factor" => ("int16", json!(i16::MIN), json!(i16::MAX)),
        _ => ("int64", json!(i64::MIN), json!(i64::MAX)),
    };
    json!({"type": ["integer", "null"], "format": format, "minimum": min, "maximum": max})
}

fn description(setting: &Setting) -> String {
    let mut text = setting.about.to_owned();
    match setting.rule {
        Rule::OneOf(words) | Rule::OneOfAnyCase(words) => {
            let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
            text.push_str(&format!(" One of {}.", words.join(", ")));
        }
        Rule::Min(min) => text.push_str(&format!(" At least {min}.")),
        Rule::MinDuration(min) => text.push_str(&format!(" At least {min}.")),
        Rule::Cut(min, max) => text.push_str(&format!(" At least {min}, cut at {max}.")),
        Rule::Clamped(min, max) => text.push_str(&format!(" Brought into {min} to {max}.")),
        Rule::OrElse(min, max, other) => text.push_str(&format!(" {min} to {max}, else {other}.")),
        Rule::Said(said) => text.push_str(&format!(" Allowed: {said}.")),
        Rule::Any => {}
    }
    match setting.support {
        Support::Refused(why) => text.push_str(&format!(" Only its default is accepted: {why}.")),
        Support::NoEffect(why) => text.push_str(&format!(" Without effect: {why}.")),
        Support::Built => {}
    }
    text
}
