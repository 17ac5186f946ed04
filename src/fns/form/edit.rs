//! A changefeed that exists, as a form, and the form as an update of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidegate_api::{ChangefeedDetail, ResumeChangefeed, UpdateChangefeed, default_config};
use tidegate_model::{CdcError, ErrorCode};

use super::text::{MASK, is_secret};
use super::{body, fault, faulty, like, moment, values, write};
use crate::fns::create::{CreateForm, Draft, FieldChange, FormView};
use crate::fns::data::FeedState;
use crate::fns::error::{ConsoleError, FieldError};

/// The form that says what holds now.
pub(crate) fn edit_view(detail: &ChangefeedDetail) -> FormView {
    let mut form = like(detail);
    form.edit = format!("{}/{}", detail.namespace, detail.id);
    form.id.clone_from(&detail.id);
    form.namespace.clone_from(&detail.namespace);
    if detail.target_ts != 0 {
        form.target = "tso".to_owned();
        form.target_tso = detail.target_ts.to_string();
    }
    form.base = write(&form).json;
    FormView {
        draft: Draft {
            form,
            ..Draft::default()
        },
        state: Some(FeedState::from_wire(&detail.state)),
        checkpoint: detail.checkpoint_time.clone(),
        ..FormView::default()
    }
}

/// The page of a changefeed that exists has no fields for its name, which would count as changes otherwise.
pub(crate) fn name_edited(form: &mut CreateForm) {
    if let Some((namespace, id)) = form.edit.split_once('/') {
        (form.namespace, form.id) = (namespace.to_owned(), id.to_owned());
    }
}

/// The sink URI that is stored, as the page showed it.
pub(super) fn stored_uri(form: &CreateForm) -> String {
    base(form)["sink_uri"].as_str().unwrap_or_default().to_owned()
}

fn base(form: &CreateForm) -> Value {
    serde_json::from_str(&form.base).unwrap_or_default()
}

/// The update that the form means: the complete config, because what an update leaves out keeps its stored value.
///
/// # Errors
/// Every fault that can be seen without asking the engine, by field.
pub(crate) fn update(form: &CreateForm) -> Result<UpdateChangefeed, ConsoleError> {
    let mut faults = Vec::new();
    let body = body(form, &mut faults);
    let base = base(form);
    if body["target_ts"].is_null() && !base["target_ts"].is_null() {
        let text = "A target can be moved, and not taken away: enter one far away.";
        fault(&mut faults, "target", text);
    }
    let mut texts = values::texts(&body["replica_config"], &mut Vec::new());
    for path in values::texts(&base["replica_config"], &mut Vec::new()).into_keys() {
        let default = values::default_of(&path);
        texts.entry(path).or_insert(default);
    }
    let mut config = default_config();
    merge(&mut config, values::config(&texts, &mut faults));
    merge(&mut config, body["replica_config"].clone());
    if !faults.is_empty() {
        return Err(faulty(faults));
    }
    let mut update = Map::new();
    update.insert("replica_config".to_owned(), config);
    for name in ["sink_uri", "target_ts"] {
        if body[name] != base[name] && !body[name].is_null() {
            update.insert(name.to_owned(), body[name].clone());
        }
    }
    serde_json::from_value(Value::Object(update)).map_err(|error| {
        CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!("the form makes no update: {error}"),
        )
        .into()
    })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from,
    }
}

/// Whether a form asks for nothing but what `now` says. A secret that was typed is a change that does not show.
pub(crate) fn says_what_holds(form: &CreateForm, now: &str) -> bool {
    let stored: Value = serde_json::from_str(now).unwrap_or_default();
    let is_typed = |(path, text): (&String, &String)| is_secret(path) && !matches!(text.as_str(), "" | MASK);
    changes(now, &write(form).json).is_empty()
        && form.sink_password.is_empty()
        && stored["sink_uri"] == form.sink_uri.trim()
        && !form.set.iter().any(is_typed)
}

/// How the changefeed goes on once it is changed; nothing: it stays paused.
///
/// # Errors
/// A point that is none, at its field.
pub(crate) fn resume(form: &CreateForm) -> Result<Option<ResumeChangefeed>, ConsoleError> {
    let mut faults = Vec::new();
    let resume = match form.intent.as_str() {
        "apply_resume" => Some(ResumeChangefeed::default()),
        "apply_resume_at" => {
            let choice = if form.resume_time.trim().is_empty() {
                "tso"
            } else {
                "time"
            };
            let (time, tso) = (form.resume_time.as_str(), form.resume_tso.as_str());
            Some(ResumeChangefeed {
                overwrite_checkpoint_ts: moment(
                    choice,
                    ("resume_time", time),
                    ("resume_tso", tso),
                    &mut faults,
                ),
                ..ResumeChangefeed::default()
            })
        }
        _ => None,
    };
    if faults.is_empty() {
        Ok(resume)
    } else {
        Err(faulty(faults))
    }
}

/// Says that the first of two steps is done and the second is not.
pub(crate) fn stayed_paused(error: ConsoleError) -> ConsoleError {
    ConsoleError {
        message: format!(
            "The changes are applied, but it could not be resumed and stays where it is: {}",
            error.message
        ),
        ..error
    }
}

/// Says what somebody else has changed meanwhile.
pub(crate) fn overtaken(others: &[FieldChange]) -> ConsoleError {
    let fields = others.iter().map(|change| FieldError {
        field: String::new(),
        message: format!(
            "{} is {} now; it was {}.",
            change.path,
            shown(&change.to),
            shown(&change.from)
        ),
    });
    ConsoleError {
        code: String::new(),
        message: "Somebody else has changed this changefeed since you opened the page.".to_owned(),
        remedy: "Your text stands below. Open the page again to begin from what holds now.".to_owned(),
        fields: fields.collect(),
    }
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "the default" } else { value }
}

/// What differs between two bodies as JSON.
pub(crate) fn changes(before: &str, after: &str) -> Vec<FieldChange> {
    let leaves = |text: &str| {
        let mut leaves = BTreeMap::new();
        collect("", &serde_json::from_str(text).unwrap_or_default(), &mut leaves);
        leaves
    };
    let (before, mut after) = (leaves(before), leaves(after));
    let mut changes: Vec<FieldChange> = before
        .into_iter()
        .filter_map(|(path, from)| {
            let to = after.remove(&path).unwrap_or_default();
            (from != to).then_some(FieldChange { path, from, to })
        })
        .collect();
    changes.extend(after.into_iter().map(|(path, to)| FieldChange {
        path,
        from: String::new(),
        to,
    }));
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

fn collect(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| collect(&below(name), value, leaves)),
        Value::Array(items) if items.iter().any(Value::is_object) => items
            .iter()
            .enumerate()
            .for_each(|(number, item)| collect(&below(&number.to_string()), item, leaves)),
        Value::Null => {}
        _ => {
            leaves.insert(path.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detail() -> ChangefeedDetail {
        serde_json::from_value(json!({
            "namespace": "default", "id": "orders", "sink_uri": "mysql://u:xxxxx@h:3306/", "create_time": "",
            "state": "stopped", "resolved_ts": 0, "checkpoint_ts": 9, "checkpoint_time": "then",
            "config": {"memory_quota": 4096, "check_gc_safe_point": true, "sink": {"mysql_config": {"worker_count": 3}}, "force_replicate": true},
        }))
        .unwrap()
    }

    #[test]
    fn an_untouched_form_changes_nothing() {
        let mut form = edit_view(&detail()).draft.form;
        // As a browser sends it.
        form.namespace.clear();
        form.id.clear();
        name_edited(&mut form);
        assert_eq!(changes(&form.base, &write(&form).json), []);
        assert!(says_what_holds(&form, &form.base));
        for secret in [
            CreateForm {
                sink_password: "new".to_owned(),
                ..form.clone()
            },
            CreateForm {
                sink_uri: "mysql://u:new@h:3306/".to_owned(),
                ..form.clone()
            },
        ] {
            assert!(!says_what_holds(&secret, &form.base));
        }
        assert_eq!(update(&form).unwrap().sink_uri, "");
    }

    #[test]
    fn what_was_emptied_goes_back_to_its_default() {
        let mut form = edit_view(&detail()).draft.form;
        assert_eq!(form.set["sink.mysql_config.worker_count"], "3");
        form.set.clear();
        form.force_replicate = false;
        form.set.insert("sink.safe_mode".to_owned(), "true".to_owned());
        let config = update(&form).unwrap().replica_config.unwrap();
        let stored = detail().config.unwrap();
        let changed = serde_json::to_value(config.apply(&stored).unwrap()).unwrap();
        assert_eq!(changed["memory_quota"], default_config()["memory_quota"]);
        assert_eq!(changed["sink"]["mysql_config"]["worker_count"], 16);
        assert_eq!(
            (&changed["sink"]["safe_mode"], &changed["force_replicate"]),
            (&json!(true), &json!(false))
        );
        let paths: Vec<String> = changes(&form.base, &write(&form).json)
            .into_iter()
            .map(|change| change.path)
            .collect();
        assert_eq!(
            paths,
            [
                "replica_config.force_replicate",
                "replica_config.memory_quota",
                "replica_config.sink.mysql_config.worker_count",
                "replica_config.sink.safe_mode"
            ]
        );
    }

    #[test]
    fn it_goes_on_from_the_checkpoint_from_a_point_or_not_at_all() {
        let asked = |intent: &str, time: &str, tso: &str| {
            resume(&CreateForm {
                intent: intent.to_owned(),
                resume_time: time.to_owned(),
                resume_tso: tso.to_owned(),
                ..CreateForm::default()
            })
            .map(|resume| resume.map(|resume| resume.overwrite_checkpoint_ts))
        };
        assert_eq!(asked("apply", "x", "y"), Ok(None));
        assert_eq!(asked("apply_resume", "x", "y"), Ok(Some(0)));
        let tso = "439749918821711875";
        assert_eq!(
            asked("apply_resume_at", "", tso),
            Ok(Some(439_749_918_821_711_875))
        );
        let by_time = asked("apply_resume_at", "2023-02-27T15:46:52", tso)
            .unwrap()
            .unwrap();
        assert_eq!(by_time >> 18, 1_677_512_812_000);
        for (time, tso, field) in [("", "", "resume_tso"), ("soon", "", "resume_time")] {
            let refused = asked("apply_resume_at", time, tso).unwrap_err();
            assert!(refused.of_field(field).is_some(), "{field}");
        }
    }

    #[test]
    fn a_new_address_needs_its_password() {
        let mut form = edit_view(&detail()).draft.form;
        form.sink_uri = "mysql://u:xxxxx@elsewhere:3306/".to_owned();
        assert!(update(&form).unwrap_err().of_field("sink_uri").is_some());
        form.sink_password = "secret".to_owned();
        assert_eq!(
            update(&form).unwrap().sink_uri,
            "mysql://u:secret@elsewhere:3306/"
        );
    }
}
