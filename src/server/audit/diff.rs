//! What is different between two descriptions.

use serde_json::Value;
use tidegate_api::ActivityChange;

/// Differences of one entry; more are left out, and the last one says so.
const CHANGES_MAX: usize = 200;
/// Longest text of a value, in bytes of JSON.
const VALUE_BYTES_MAX: usize = 2048;

/// The values that differ, by their place. Lists are compared as a whole.
pub(crate) fn diff(from: &Value, to: &Value) -> Vec<ActivityChange> {
    let mut changes = Vec::new();
    walk(String::new(), from, to, &mut changes);
    if changes.len() > CHANGES_MAX {
        let left_out = changes.len() - CHANGES_MAX;
        changes.truncate(CHANGES_MAX);
        changes.push(ActivityChange {
            path: String::new(),
            from: Value::Null,
            to: Value::from(format!("{left_out} more changes are not kept")),
        });
    }
    changes
}

fn walk(path: String, from: &Value, to: &Value, changes: &mut Vec<ActivityChange>) {
    if from == to {
        return;
    }
    match (from, to) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
            for (name, _) in old.iter().chain(added) {
                let value =
                    |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(format!("{path}/{name}"), &value(old), &value(new), changes);
            }
        }
        _ => changes.push(ActivityChange {
            path,
            from: bounded(from),
            to: bounded(to),
        }),
    }
}

fn bounded(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES_MAX {
        return value.clone();
    }
    let mut end = VALUE_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Value::from(format!("{}… ({} bytes)", &text[..end], text.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_place() {
        let old = json!({"state": "normal", "config": {"a/b": 1, "rules": ["x"], "same": true}, "gone": 1});
        let new = json!({"state": "stopped", "config": {"a/b": 2, "rules": ["x", "y"], "same": true}, "new": {"x": 1}});
        let found: Vec<_> = diff(&old, &new)
            .into_iter()
            .map(|change| (change.path, change.from, change.to))
            .collect();
        let expected = [
            ("/state", json!("normal"), json!("stopped")),
            ("/config/a~1b", json!(1), json!(2)),
            ("/config/rules", json!(["x"]), json!(["x", "y"])),
            ("/gone", json!(1), json!(null)),
            ("/new", json!(null), json!({"x": 1})),
        ];
        assert_eq!(
            found,
            expected.map(|(path, from, to)| (path.to_owned(), from, to))
        );
        assert!(diff(&old, &old).is_empty());
    }

    #[test]
    fn an_entry_stays_small() {
        let many: serde_json::Map<_, _> = (0..500).map(|n| (n.to_string(), json!(n))).collect();
        let changes = diff(&json!({}), &Value::Object(many));
        assert_eq!(changes.len(), CHANGES_MAX + 1);
        assert_eq!(changes[CHANGES_MAX].to, json!("300 more changes are not kept"));
        let long = diff(&json!({"a": null}), &json!({"a": "ü".repeat(9000)}));
        assert!(long[0].to.as_str().unwrap().len() < VALUE_BYTES_MAX + 40);
    }
}
