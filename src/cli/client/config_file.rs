//! The TOML file of a changefeed: the members of `replica_config` in kebab-case, nothing else.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};
use tidegate_api::{ConfigPatch, snake_from_kebab};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads the file.
///
/// # Errors
/// `APIInvalidParam` that names the line of a fault, the member of a wrong value, or the keys that nothing reads.
pub(super) fn read(path: &Path) -> Result<ConfigPatch> {
    let bytes = read_bounded(path, FILE_BYTES_MAX)?;
    let text = std::str::from_utf8(&bytes).code(
        ErrorCode::APIInvalidParam,
        format_args!("{} is not UTF-8", path.display()),
    )?;
    parse(text).map_err(|why| {
        CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!("{}: {why}", path.display()),
        )
    })
}

fn parse(text: &str) -> std::result::Result<ConfigPatch, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..start].matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    let kebab = serde_json::to_value(table).map_err(|error| error.to_string())?;
    let patch: ConfigPatch = serde_json::from_value(snake_from_kebab(kebab))
        .map_err(|error: serde_json::Error| error.to_string())?;
    let unknown = patch.unknown_members();
    if unknown.is_empty() {
        Ok(patch)
    } else {
        let names = unknown.join(", ").replace('_', "-");
        Err(format!("contained unknown configuration options: {names}"))
    }
}

/// The whole file, if it is not larger than `max` bytes.
pub(super) fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).code(ErrorCode::APIInvalidParam, unreadable())?;
    let mut bytes = Vec::new();
    file.take(max + 1)
        .read_to_end(&mut bytes)
        .code(ErrorCode::APIInvalidParam, unreadable())?;
    if bytes.len() as u64 > max {
        let text = format!("{}: larger than {max} bytes", unreadable());
        return Err(CdcError::new(ErrorCode::APIInvalidParam, text));
    }
    Ok(bytes)
}

/// Every path whose value differs, with both values; secrets are masked in both already.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    let empty = Map::new();
    match (before, after) {
        (Value::Object(_), Value::Object(_) | Value::Null) | (Value::Null, Value::Object(_)) => {
            let before = before.as_object().unwrap_or(&empty);
            let after = after.as_object().unwrap_or(&empty);
            let new = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(new) {
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let value = |object: &Map<String, Value>| object.get(key).cloned().unwrap_or(Value::Null);
                compare(&inner, &value(before), &value(after), found);
            }
        }
        _ if before != after => found.push(format!("{path}: {before} -> {after}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use tidegate_api::ReplicaConfig;

    use super::*;

    #[test]
    fn the_members_of_a_file_are_those_of_the_api_with_dashes() {
        let patch = parse(
            "memory-quota = 1048576\ncase-sensitive = true\n[filter]\nrules = ['shop.*']\n\
             [[filter.event-filters]]\nmatcher = ['shop.a']\nignore-event = ['insert']\n\
             [sink]\nfile-index-digit = 9\n[sink.csv]\ninclude-commit-ts = true\n",
        )
        .unwrap();
        let config = patch.apply(&ReplicaConfig::default()).unwrap();
        assert_eq!((config.memory_quota, config.case_sensitive), (1 << 20, true));
        assert_eq!(config.filter.rules, ["shop.*"]);
        assert_eq!(config.filter.event_filters.len(), 1);
        assert_eq!(parse("").unwrap(), ConfigPatch::default());
    }

    #[test]
    fn faults_name_the_line_the_member_or_the_keys() {
        assert!(parse("a = 1\nb = = 2").unwrap_err().starts_with("line 2: "));
        assert_eq!(
            parse("enable-old-value = true\n[filter]\nrulez = []\n").unwrap_err(),
            "contained unknown configuration options: enable-old-value, filter.rulez"
        );
        assert!(
            parse("memory-quota = 'much'")
                .unwrap_err()
                .contains("invalid type")
        );
    }

    #[test]
    fn differences_name_each_path_once() {
        let before = json!({"a": 1, "b": {"c": [1], "d": null}, "same": "x"});
        let after = json!({"a": 2, "b": {"c": [1, 2], "d": {"e": true}}, "same": "x"});
        assert_eq!(
            differences(&before, &after),
            ["a: 1 -> 2", "b.c: [1] -> [1,2]", "b.d.e: null -> true"]
        );
    }
}
