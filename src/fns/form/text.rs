//! The form as text, and back: the body of the API's request as JSON, the file of the command line as TOML.

use serde_json::Value;
use tidegate_api::{ChangefeedDetail, kebab_from_snake, snake_from_kebab};
use tidegate_model::mask_uri;

use super::{ALL_TABLES, body, faulty, values};
use crate::fns::create::{CreateForm, FormText};
use crate::fns::error::{ConsoleError, FieldError};

/// What stands for a secret.
pub(super) const MASK: &str = "******";
/// How names of secrets end.
const SECRETS: [&str; 4] = ["password", "secret", "access_key", "token"];

/// Whether the setting at `path` is a secret.
pub(crate) fn is_secret(path: &str) -> bool {
    SECRETS.iter().any(|word| path.ends_with(word))
}

/// What the form says, without its secrets.
pub(crate) fn write(form: &CreateForm) -> FormText {
    let mut body = body(form, &mut Vec::new());
    let sink_uri = body["sink_uri"].as_str().unwrap_or_default();
    body["sink_uri"] = if sink_uri.is_empty() {
        sink_uri.into()
    } else {
        mask_uri(sink_uri).into()
    };
    hide_secrets(&mut body["replica_config"]);
    if body["replica_config"].is_null()
        && let Some(members) = body.as_object_mut()
    {
        members.remove("replica_config");
    }
    let config = body.get("replica_config").cloned().unwrap_or_default();
    FormText {
        json: serde_json::to_string_pretty(&body).unwrap_or_default(),
        toml: toml::to_string_pretty(&kebab_from_snake(config)).unwrap_or_default(),
    }
}

fn hide_secrets(config: &mut Value) {
    let Value::Object(members) = config else {
        return;
    };
    for (name, value) in members {
        if value.is_string() && is_secret(name) {
            *value = MASK.into();
        }
        hide_secrets(value);
    }
}

/// The form that a text means; what the text does not name is as untouched. Secrets that the text hides stay as they
/// are in `form`.
///
/// # Errors
/// Where the text cannot be read, at the field `text`.
pub(crate) fn read(text: &str, form: &CreateForm) -> Result<CreateForm, ConsoleError> {
    let body = parse(text).map_err(|message| {
        faulty(vec![FieldError {
            field: "text".to_owned(),
            message,
        }])
    })?;
    Ok(from_body(&body, form))
}

pub(super) fn from_body(body: &Value, form: &CreateForm) -> CreateForm {
    let config = &body["replica_config"];
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let shown_uri = mask_uri(form.sink_uri.trim());
    let sink_uri = match word("sink_uri") {
        hidden if hidden == shown_uri => form.sink_uri.clone(),
        typed => typed,
    };
    let rules = match &config["filter"]["rules"] {
        Value::Array(rules) => {
            let rules: Vec<&str> = rules.iter().filter_map(Value::as_str).collect();
            rules.join("\n")
        }
        _ => ALL_TABLES.to_owned(),
    };
    let (start, start_tso) = moment(&body["start_ts"], "now");
    let (target, target_tso) = moment(&body["target_ts"], "none");
    let mut unknown = unknown_members(body);
    let set = values::texts(config, &mut unknown);
    CreateForm {
        draft: form.draft.clone(),
        edit: form.edit.clone(),
        base: form.base.clone(),
        namespace: word("namespace"),
        id: word("changefeed_id"),
        sink_uri,
        sink_password: form.sink_password.clone(),
        start,
        start_tso,
        target,
        target_tso,
        rules,
        case_sensitive: config["case_sensitive"] == true,
        force_replicate: config["force_replicate"] == true,
        ignore_ineligible_table: config["ignore_ineligible_table"] == true,
        set,
        unknown: unknown.join(", "),
        ..CreateForm::default()
    }
}

/// What was typed as a sink URI with its secrets masked. A text that is no URI may be a password alone: it is not shown
/// again unless it holds none of the characters that separate one.
pub(crate) fn hidden(typed: &str) -> String {
    let typed = typed.trim();
    if !typed.contains("://") && !typed.contains(['@', ':']) {
        return typed.to_owned();
    }
    mask_uri(typed)
}

/// A text that could not be read, with what looks like a secret masked.
pub(crate) fn hidden_in_text(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || c == '"' || c == '\'';
    let line = |line: &str| {
        if SECRETS.iter().any(|word| line.contains(word)) {
            let name = line.split([':', '=']).next().unwrap_or_default();
            return format!("{name}# left out: type it again");
        }
        let word = |word: &str| {
            if word.contains("://") {
                mask_uri(word)
            } else {
                word.to_owned()
            }
        };
        let mut shown = String::new();
        let mut rest = line;
        while let Some(end) = rest.find(is_end) {
            let after = end + rest[end..].chars().next().map_or(0, char::len_utf8);
            shown.push_str(&word(&rest[..end]));
            shown.push_str(&rest[end..after]);
            rest = &rest[after..];
        }
        shown + &word(rest)
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A form that creates a changefeed like another one.
pub(crate) fn like(detail: &ChangefeedDetail) -> CreateForm {
    let body = serde_json::json!({
        "namespace": detail.namespace,
        "sink_uri": detail.sink_uri,
        "replica_config": detail.config,
    });
    let mut form = from_body(&body, &CreateForm::default());
    // What the API adds to a config that it shows.
    form.unknown.clear();
    form
}

/// JSON when it begins with a brace, TOML otherwise. A config alone counts as a body without anything else.
fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        let body: Value = serde_json::from_str(text).map_err(|error| format!("This is no JSON: {error}."))?;
        let is_body = BODY.iter().any(|name| body.get(name).is_some());
        return Ok(if is_body {
            body
        } else {
            serde_json::json!({"replica_config": body})
        });
    }
    let config: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let line = line.map_or_else(String::new, |line| format!(" in line {line}"));
        format!(
            "This is neither JSON, which begins with {{, nor TOML: {}{line}.",
            error.message()
        )
    })?;
    let config = serde_json::to_value(config).map_err(|error| error.to_string())?;
    Ok(serde_json::json!({"replica_config": snake_from_kebab(config)}))
}

/// Members of the body that the form shows.
const BODY: [&str; 6] = [
    "changefeed_id",
    "namespace",
    "sink_uri",
    "start_ts",
    "target_ts",
    "replica_config",
];

fn unknown_members(body: &Value) -> Vec<String> {
    let members = body.as_object().into_iter().flatten();
    let unknown = members.filter(|(name, _)| !BODY.contains(&name.as_str()));
    unknown.map(|(name, _)| name.clone()).collect()
}

/// Choice and TSO. A number is never rounded.
fn moment(ts: &Value, open: &str) -> (String, String) {
    match ts.as_u64().filter(|ts| *ts != 0) {
        Some(ts) => ("tso".to_owned(), ts.to_string()),
        None => (open.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> CreateForm {
        CreateForm {
            id: "orders".to_owned(),
            sink_uri: "mysql://u:hunter2@h:3306/".to_owned(),
            start: "tso".to_owned(),
            start_tso: "439749918821711875".to_owned(),
            rules: "shop.*\n!shop.tmp".to_owned(),
            force_replicate: true,
            set: [
                ("sink.mysql_config.worker_count", "3"),
                ("filter.event_filters.0.ignore_event", "delete"),
            ]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into(),
            ..CreateForm::default()
        }
    }

    #[test]
    fn both_texts_lead_back_to_the_form() {
        let form = form();
        let FormText { json, toml } = write(&form);
        assert!(
            !json.contains("hunter2") && json.contains("439749918821711875"),
            "{json}"
        );
        assert_eq!(read(&json, &form).unwrap(), form);
        let back = read(&toml, &form).unwrap();
        assert_eq!(
            (back.set, back.rules, back.force_replicate),
            (form.set, form.rules, true)
        );
    }

    #[test]
    fn an_untouched_form_is_almost_empty() {
        assert_eq!(write(&CreateForm::default()).json, "{\n  \"sink_uri\": \"\"\n}");
    }

    #[test]
    fn a_text_with_an_error_says_where() {
        let fault = |text| read(text, &form()).unwrap_err().of_field("text").unwrap();
        assert!(fault("{\"sink_uri\":\n1,}").contains("line 2"));
        assert!(fault("memory-quota = 1\nx = = 2").contains("line 2"));
    }

    #[test]
    fn plain_words_stay_and_credentials_without_scheme_do_not() {
        assert_eq!(hidden("blackhole"), "blackhole");
        assert_eq!(hidden("root:secret@host"), "<invalid uri>");
    }

    #[test]
    fn a_text_that_cannot_be_read_comes_back_without_its_secrets() {
        let text = "{\"sink_uri\": \"mysql://u:hunter2@h:1/\",\n\"sasl_password\": \"hunter2\"";
        let shown = hidden_in_text(text);
        assert_eq!(
            shown,
            "{\"sink_uri\": \"mysql://u:xxxxx@h:1/\",\n\"sasl_password\"# left out: type it again"
        );
    }

    #[test]
    fn members_that_the_form_does_not_know_are_named() {
        let back = read(
            r#"{"sink_uri": "blackhole://", "colour": 1, "replica_config": {"sink": {"speed": 2}}}"#,
            &form(),
        );
        assert_eq!(back.unwrap().unknown, "colour, sink.speed");
    }
}
