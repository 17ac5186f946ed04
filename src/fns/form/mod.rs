//! From the text of the form to a request, and from an error of the engine to the field it belongs to. Pure.

mod edit;
mod groups;
mod html;
mod past;
mod setting;
mod text;
mod values;

use serde_json::{Map, Value};
use tidegate_api::{CreateChangefeed, Finding, Severity, SinkUri};
use tidegate_model::{CdcError, ErrorCode, Ts, is_valid_id};

use crate::app::format;
use crate::fns::create::CreateForm;
use crate::fns::error::{ConsoleError, FieldError};

pub(crate) use edit::{
    changes, edit_view, name_edited, overtaken, resume, says_what_holds, stayed_paused, update,
};
pub(crate) use groups::groups;
pub(crate) use html::html;
pub(crate) use past::{recreated, restored};
pub(crate) use text::{hidden, hidden_in_text, is_secret, like, read, write};
pub(crate) use values::{add_item, remove_item};

/// What an untouched field of rules says, and what holds without one.
pub(crate) const ALL_TABLES: &str = "*.*";

/// The rules of the text field: one a line, blank lines left out.
pub(crate) fn rules(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The request that the form means.
///
/// # Errors
/// Every fault that can be seen without asking the engine, by field.
pub(crate) fn request(form: &CreateForm) -> Result<CreateChangefeed, ConsoleError> {
    let mut faults = Vec::new();
    let body = body(form, &mut faults);
    if !faults.is_empty() {
        return Err(faulty(faults));
    }
    serde_json::from_value(body).map_err(|error| {
        CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!("the form makes no request: {error}"),
        )
        .into()
    })
}

fn faulty(fields: Vec<FieldError>) -> ConsoleError {
    ConsoleError {
        code: String::new(),
        message: "The form has faults.".to_owned(),
        remedy: String::new(),
        fields,
    }
}

/// The body of the request: only what was typed, so that a later change of a default reaches the changefeed. With the
/// password.
fn body(form: &CreateForm, faults: &mut Vec<FieldError>) -> Value {
    check_name("id", &form.id, faults);
    check_name("namespace", &form.namespace, faults);
    let sink_uri = sink_uri(form, faults);
    let start_ts = moment(
        &form.start,
        ("start_time", &form.start_time),
        ("start_tso", &form.start_tso),
        faults,
    );
    let target_ts = moment(
        &form.target,
        ("target_time", &form.target_time),
        ("target_tso", &form.target_tso),
        faults,
    );
    let config = config(form, faults);
    let mut body = Map::new();
    for (name, text) in [("changefeed_id", &form.id), ("namespace", &form.namespace)] {
        if !text.trim().is_empty() {
            body.insert(name.to_owned(), text.trim().into());
        }
    }
    body.insert("sink_uri".to_owned(), sink_uri.into());
    for (name, ts) in [("start_ts", start_ts), ("target_ts", target_ts)] {
        if ts != 0 {
            body.insert(name.to_owned(), ts.into());
        }
    }
    if config.as_object().is_some_and(|config| !config.is_empty()) {
        body.insert("replica_config".to_owned(), config);
    }
    Value::Object(body)
}

fn config(form: &CreateForm, faults: &mut Vec<FieldError>) -> Value {
    let rules = rules(&form.rules);
    if rules.is_empty() {
        fault(
            faults,
            "rules",
            "Write at least one rule; *.* selects every table.",
        );
    }
    let mut config = values::config(&form.set, faults);
    if rules != [ALL_TABLES] {
        config["filter"]["rules"] = rules.into();
    }
    for (name, on) in [
        ("case_sensitive", form.case_sensitive),
        ("force_replicate", form.force_replicate),
        ("ignore_ineligible_table", form.ignore_ineligible_table),
    ] {
        if on {
            config[name] = true.into();
        }
    }
    config
}

/// The sink URI with the password of its own field.
fn sink_uri(form: &CreateForm, faults: &mut Vec<FieldError>) -> String {
    let typed = form.sink_uri.trim();
    if typed.is_empty() {
        fault(faults, "sink_uri", "Say where the changes go.");
    }
    // As a password the mask would be taken for a real one. What is no URI at all is the engine's to refuse.
    let is_stored = !form.edit.is_empty() && typed == edit::stored_uri(form);
    if form.sink_password.is_empty() && !is_stored && SinkUri::parse(typed).is_ok_and(|uri| uri.has_mask()) {
        fault(
            faults,
            "sink_uri",
            "Type the password again: the address was changed.",
        );
    }
    if form.sink_password.is_empty() {
        return typed.to_owned();
    }
    with_password(typed, &form.sink_password).unwrap_or_else(|| {
        fault(
            faults,
            "sink_password",
            "Name the user in the sink URI, such as mysql://user@host:3306/, or leave this empty.",
        );
        typed.to_owned()
    })
}

/// `scheme://user@rest` with a password; one that stands there already, or its mask, makes room. Nothing without a user.
fn with_password(uri: &str, password: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let (user, _) = authority.rsplit_once('@')?;
    let user = user.split(':').next().filter(|user| !user.is_empty())?;
    let after = &rest[authority.rfind('@')?..];
    let password = format::query_escape(password);
    Some(format!("{scheme}://{user}:{password}{after}"))
}

/// The engine's refusal, at the field it belongs to where there is one.
pub(crate) fn refusal(error: CdcError, field: &str) -> ConsoleError {
    let mut error = ConsoleError::from(error);
    if !field.is_empty() {
        error.fields = vec![FieldError {
            field: field.to_owned(),
            message: error.message.clone(),
        }];
    }
    error
}

/// What a check found of one severity, by field. Without a field: about the changefeed as a whole.
pub(crate) fn found(findings: &[Finding], severity: Severity, form: &CreateForm) -> Vec<FieldError> {
    let of_severity = findings.iter().filter(|finding| finding.severity == severity);
    of_severity
        .map(|finding| FieldError {
            field: field_of(&finding.pointer, form),
            message: finding.message.clone(),
        })
        .collect()
}

/// The field for a place in the request: the deepest that the form has; empty when it has none.
fn field_of(pointer: &str, form: &CreateForm) -> String {
    let moment = |name: &str, choice: &str| match choice {
        "time" => format!("{name}_time"),
        "tso" => format!("{name}_tso"),
        _ => name.to_owned(),
    };
    match pointer {
        "/changefeed_id" => return "id".to_owned(),
        "/namespace" | "/sink_uri" => return pointer[1..].to_owned(),
        "/start_ts" => return moment("start", &form.start),
        "/target_ts" => return moment("target", &form.target),
        _ => {}
    }
    let Some(path) = pointer.strip_prefix("/replica_config/") else {
        return String::new();
    };
    let path = path.replace('/', ".");
    if path == "filter" || path.starts_with("filter.rules") {
        return "rules".to_owned();
    }
    let mut name = path.as_str();
    loop {
        if groups::is_field(name) {
            return name.to_owned();
        }
        match name.rsplit_once('.') {
            Some((above, _)) => name = above,
            None => return String::new(),
        }
    }
}

fn check_name(field: &str, typed: &str, faults: &mut Vec<FieldError>) {
    let name = typed.trim();
    if !name.is_empty() && !is_valid_id(name) {
        fault(
            faults,
            field,
            "Use letters and digits, with single hyphens inside; 128 at most.",
        );
    }
}

/// The TSO that a choice means; 0 for the open one.
fn moment(choice: &str, time: (&str, &str), tso: (&str, &str), faults: &mut Vec<FieldError>) -> u64 {
    match choice {
        "time" => match format::parse_utc(time.1) {
            Some(ms) if ms > Ts::PHYSICAL_MS_MAX => {
                fault(faults, time.0, "Enter a time before the year 4199.");
                0
            }
            Some(ms) => Ts::from_physical_ms(ms).as_u64(),
            None => {
                fault(
                    faults,
                    time.0,
                    "Enter a date and a time, such as 2026-11-24 07:28, in UTC.",
                );
                0
            }
        },
        "tso" => match tso.1.trim().parse() {
            Ok(tso) if tso > 0 => tso,
            _ => {
                fault(
                    faults,
                    tso.0,
                    "Enter a TSO: a whole number such as 439749918821711874.",
                );
                0
            }
        },
        _ => 0,
    }
}

fn fault(faults: &mut Vec<FieldError>, field: &str, message: &str) {
    faults.push(FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use tidegate_api::ReplicaConfig;

    use super::*;

    fn form() -> CreateForm {
        CreateForm {
            sink_uri: " blackhole:// ".to_owned(),
            ..CreateForm::default()
        }
    }

    fn faulty(form: &CreateForm) -> Vec<String> {
        request(form)
            .unwrap_err()
            .fields
            .into_iter()
            .map(|fault| fault.field)
            .collect()
    }

    #[test]
    fn an_untouched_form_asks_for_the_defaults() {
        let request = request(&form()).unwrap();
        assert_eq!(request.replica_config, ReplicaConfig::default());
        assert_eq!((request.start_ts, request.target_ts), (0, 0));
        assert_eq!(request.sink_uri, "blackhole://");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let form = CreateForm {
            id: "a_b".to_owned(),
            sink_uri: String::new(),
            start: "time".to_owned(),
            start_time: "yesterday".to_owned(),
            target: "tso".to_owned(),
            target_tso: "-1".to_owned(),
            rules: " \n".to_owned(),
            ..CreateForm::default()
        };
        assert_eq!(
            faulty(&form),
            ["id", "sink_uri", "start_time", "target_tso", "rules"]
        );
    }

    #[test]
    fn a_tso_beyond_the_numbers_of_javascript_survives() {
        let form = CreateForm {
            start: "tso".to_owned(),
            start_tso: "439749918821711875".to_owned(),
            ..form()
        };
        assert_eq!(request(&form).unwrap().start_ts, 439_749_918_821_711_875);
    }

    #[test]
    fn a_time_becomes_the_first_timestamp_of_its_millisecond() {
        let form = CreateForm {
            start: "time".to_owned(),
            start_time: "2023-02-27T15:46:52".to_owned(),
            ..form()
        };
        assert_eq!(request(&form).unwrap().start_ts >> 18, 1_677_512_812_000);
    }

    #[test]
    fn a_mask_is_no_password() {
        let form = CreateForm {
            sink_uri: "mysql://u:xxxxx@h/".to_owned(),
            ..form()
        };
        assert_eq!(faulty(&form), ["sink_uri"]);
    }

    /// A URI that merely contains the letters of the mask was refused.
    #[test]
    fn the_letters_of_the_mask_may_stand_anywhere_else() {
        for uri in ["file:///data/xxxxx?protocol=csv", "mysql://xxxxx:p@xxxxx/"] {
            let form = CreateForm {
                sink_uri: uri.to_owned(),
                ..form()
            };
            assert_eq!(request(&form).unwrap().sink_uri, uri);
        }
    }

    #[test]
    fn a_password_of_its_own_field_goes_into_the_uri() {
        let with = |uri: &str| {
            let form = CreateForm {
                sink_uri: uri.to_owned(),
                sink_password: "p@s/s %+".to_owned(),
                ..form()
            };
            request(&form).map(|request| SinkUri::parse(&request.sink_uri).unwrap())
        };
        for uri in [
            "mysql://u@h:1/?a=b",
            "mysql://u:xxxxx@h:1/?a=b",
            "mysql://u:old@h:1/?a=b",
        ] {
            let parsed = with(uri).unwrap();
            assert_eq!(
                (parsed.user(), parsed.password()),
                (Some("u"), Some("p@s/s %+")),
                "{uri}"
            );
            assert_eq!(
                (parsed.host(), parsed.port(), parsed.param("a")),
                ("h", Some(1), Some("b"))
            );
        }
        for uri in ["mysql://h/", "blackhole://", "file:///data/a@b"] {
            let fields: Vec<_> = with(uri).unwrap_err().fields;
            assert_eq!(fields[0].field, "sink_password", "{uri}");
        }
    }

    /// The shift into a TSO wrapped: a far target became one in the past.
    #[test]
    fn a_time_beyond_the_timestamps_is_refused_at_its_field() {
        let form = CreateForm {
            target: "time".to_owned(),
            target_time: "4200-01-01T00:00".to_owned(),
            ..form()
        };
        assert_eq!(faulty(&form), ["target_time"]);
    }

    #[test]
    fn touched_settings_reach_the_config_beside_the_defaults() {
        let form = CreateForm {
            set: [
                ("sink.protocol", "csv"),
                ("sink.csv.delimiter", "\t"),
                ("sink.csv.output_field_header", "true"),
            ]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into(),
            rules: "shop.*\r\n\r\n!shop.tmp_*\r\n".to_owned(),
            ..form()
        };
        let config = request(&form).unwrap().replica_config;
        let csv = config.sink.csv.unwrap();
        assert_eq!(
            (
                csv.delimiter.as_str(),
                csv.quote.as_str(),
                csv.output_field_header
            ),
            ("\t", "\"", true)
        );
        assert_eq!(config.sink.protocol.as_deref(), Some("csv"));
        assert_eq!(config.filter.rules, ["shop.*", "!shop.tmp_*"]);
    }

    #[test]
    fn a_finding_stands_at_the_deepest_field_there_is() {
        let check = |pointer: &str, field: &str| assert_eq!(field_of(pointer, &form()), field, "{pointer}");
        check("", "");
        check("/changefeed_id", "id");
        check("/start_ts", "start");
        check("/replica_config/filter", "rules");
        check("/replica_config/filter/rules/2", "rules");
        check("/replica_config/sink/csv/quote", "sink.csv.quote");
        check(
            "/replica_config/filter/event_filters/3/ignore_sql/0",
            "filter.event_filters.3.ignore_sql",
        );
        check("/replica_config/filter/event_filters", "filter.event_filters");
        check("/replica_config/sink/none", "");
    }
}
