//! Between the API's snake_case spelling of a replica config and the kebab-case one of the store and of TOML files.

use serde_json::{Map, Value};

/// Members whose two spellings differ by more than the dash: API, the other.
const IRREGULAR: [(&str, &str); 3] = [
    ("file_index_width", "file-index-digit"),
    ("advance_timeout", "advance-timeout-in-sec"),
    ("send-all-bootstrap-at-start", "send-all-bootstrap-at-start"),
];
/// Members whose own members are spelled with dashes in the API too.
const KEBAB_IN_API: [&str; 1] = ["pulsar_config"];

/// From the spelling of the API.
pub fn kebab_from_snake(value: Value) -> Value {
    rename(value, &|key| {
        let irregular = IRREGULAR.iter().find(|(api, _)| *api == key);
        irregular.map_or_else(|| key.replace('_', "-"), |(_, store)| (*store).to_owned())
    })
}

/// To the spelling of the API.
pub fn snake_from_kebab(value: Value) -> Value {
    let renamed = rename(value, &|key| {
        let irregular = IRREGULAR.iter().find(|(_, store)| *store == key);
        irregular.map_or_else(|| key.replace('-', "_"), |(api, _)| (*api).to_owned())
    });
    keep_kebab(renamed)
}

fn rename(value: Value, spell: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| (spell(&key), rename(value, spell)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| rename(item, spell)).collect()),
        scalar => scalar,
    }
}

/// Puts the dashes back into the objects that have them in the API.
fn keep_kebab(mut config: Value) -> Value {
    if let Some(sink) = config.get_mut("sink").and_then(Value::as_object_mut) {
        for name in KEBAB_IN_API {
            if let Some(object) = sink.get_mut(name) {
                *object = kebab_from_snake(object.take());
            }
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_lead_back_to_each_other() {
        let api = json!({
            "memory_quota": 1,
            "sink": {
                "csv": {"include_commit_ts": true},
                "file_index_width": 20,
                "advance_timeout": 150,
                "send-all-bootstrap-at-start": false,
                "pulsar_config": {"compression-type": "lz4", "oauth2": {"oauth2-scope": "x"}},
                "dispatchers": [{"matcher": ["a_b.*"]}]
            }
        });
        let store = json!({
            "memory-quota": 1,
            "sink": {
                "csv": {"include-commit-ts": true},
                "file-index-digit": 20,
                "advance-timeout-in-sec": 150,
                "send-all-bootstrap-at-start": false,
                "pulsar-config": {"compression-type": "lz4", "oauth2": {"oauth2-scope": "x"}},
                "dispatchers": [{"matcher": ["a_b.*"]}]
            }
        });
        assert_eq!(kebab_from_snake(api.clone()), store);
        assert_eq!(snake_from_kebab(store), api);
    }
}
