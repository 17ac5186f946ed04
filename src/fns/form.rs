//! From the text of the form to a request, and from an error of the engine to the field it belongs to. Pure.

use crate::app::format;
use crate::fns::create::CreateForm;
use crate::fns::error::{ConsoleError, FieldError};
use tidegate_api::{CreateChangefeed, ReplicaConfig, SinkUri};
use tidegate_model::{CdcError, ErrorCode, Ts, is_valid_id};

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
    check_name("id", &form.id, &mut faults);
    check_name("namespace", &form.namespace, &mut faults);
    let sink_uri = sink_uri(form, &mut faults);
    let start_ts = moment(
        &form.start,
        ("start_time", &form.start_time),
        ("start_tso", &form.start_tso),
        &mut faults,
    );
    let target_ts = moment(
        &form.target,
        ("target_time", &form.target_time),
        ("target_tso", &form.target_tso),
        &mut faults,
    );
    let rules = rules(&form.rules);
    if rules.is_empty() {
        fault(
            &mut faults,
            "rules",
            "Write at least one rule; *.* selects every table.",
        );
    }
    if !faults.is_empty() {
        return Err(ConsoleError {
            code: String::new(),
            message: "The form has faults.".to_owned(),
            remedy: String::new(),
            fields: faults,
        });
    }
    Ok(CreateChangefeed {
        namespace: form.namespace.trim().to_owned(),
        changefeed_id: form.id.trim().to_owned(),
        sink_uri,
        start_ts,
        target_ts,
        replica_config: config(form, rules),
        ..CreateChangefeed::default()
    })
}

/// The sink URI with the password of its own field.
fn sink_uri(form: &CreateForm, faults: &mut Vec<FieldError>) -> String {
    let typed = form.sink_uri.trim();
    if typed.is_empty() {
        fault(faults, "sink_uri", "Say where the changes go.");
    }
    // As a password the mask would be taken for a real one. What is no URI at all is the engine's to refuse.
    if form.sink_password.is_empty() && SinkUri::parse(typed).is_ok_and(|uri| uri.has_mask()) {
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
pub(crate) fn refusal(error: CdcError, form: &CreateForm) -> ConsoleError {
    let field = field_of(error.code(), error.message(), form);
    let mut error = ConsoleError::from(error);
    if let Some(field) = field {
        error.fields = vec![FieldError {
            field: field.to_owned(),
            message: error.message.clone(),
        }];
    }
    error
}

fn config(form: &CreateForm, rules: Vec<String>) -> ReplicaConfig {
    let mut config = ReplicaConfig {
        case_sensitive: form.case_sensitive,
        force_replicate: form.force_replicate,
        ignore_ineligible_table: form.ignore_ineligible_table,
        ..ReplicaConfig::default()
    };
    config.filter.rules = rules;
    let sink = &mut config.sink;
    set(&mut sink.protocol, &form.protocol);
    set(&mut sink.date_separator, &form.date_separator);
    if form.content_compatible {
        sink.content_compatible = Some(true);
    }
    if form.delete_only_key {
        sink.delete_only_output_handle_key_columns = Some(true);
    }
    let mut csv = sink.csv.take().unwrap_or_default();
    // A blank may be meant here: the text is taken as it is.
    for (value, typed) in [
        (&mut csv.delimiter, &form.csv_delimiter),
        (&mut csv.quote, &form.csv_quote),
        (&mut csv.null, &form.csv_null),
        (&mut csv.binary_encoding_method, &form.csv_binary_encoding),
    ] {
        if !typed.is_empty() {
            value.clone_from(typed);
        }
    }
    csv.include_commit_ts = form.csv_include_commit_ts;
    csv.output_field_header = form.csv_header;
    csv.output_old_value = form.csv_old_value;
    sink.csv = Some(csv);
    config
}

fn set(value: &mut Option<String>, typed: &str) {
    if !typed.trim().is_empty() {
        *value = Some(typed.trim().to_owned());
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

/// The field that mends an error. Settings of files share one code: there the message names the setting.
fn field_of(code: ErrorCode, message: &str, form: &CreateForm) -> Option<&'static str> {
    let start = match form.start.as_str() {
        "time" => "start_time",
        "tso" => "start_tso",
        _ => "start",
    };
    let target = if form.target == "tso" {
        "target_tso"
    } else {
        "target_time"
    };
    match code {
        ErrorCode::ChangeFeedAlreadyExists => Some("id"),
        ErrorCode::SinkURIInvalid
        | ErrorCode::MySQLConnectionError
        | ErrorCode::MySQLInvalidConfig
        | ErrorCode::ExternalStorageAPI => Some("sink_uri"),
        ErrorCode::SinkUnknownProtocol => Some("protocol"),
        ErrorCode::FilterRuleInvalid | ErrorCode::TableIneligible => Some("rules"),
        ErrorCode::StartTsBeforeGC => Some(start),
        ErrorCode::APIInvalidParam if message.contains("start-ts") => Some(start),
        ErrorCode::TargetTsBeforeStartTs => Some(target),
        ErrorCode::SinkInvalidConfig | ErrorCode::StorageSinkInvalidConfig => {
            let named = [
                ("csv.delimiter", "csv_delimiter"),
                ("csv.quote", "csv_quote"),
                ("csv.binary_encoding_method", "csv_binary_encoding"),
                ("date_separator", "date_separator"),
            ];
            let named = named
                .iter()
                .filter_map(|(key, field)| Some((message.find(key)?, *field)));
            Some(named.min().map_or("sink_uri", |(_, field)| field))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
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
    fn file_settings_reach_the_config() {
        let form = CreateForm {
            protocol: "csv".to_owned(),
            csv_delimiter: "\t".to_owned(),
            csv_header: true,
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
    fn a_refusal_stands_at_its_field() {
        let check = |code, message: &str, field: &str| {
            let error = refusal(CdcError::new(code, message), &form());
            let fields: Vec<_> = error.fields.iter().map(|fault| fault.field.as_str()).collect();
            assert_eq!(fields, [field], "{message}");
        };
        check(ErrorCode::ChangeFeedAlreadyExists, "exists", "id");
        check(ErrorCode::FilterRuleInvalid, "rule 1", "rules");
        check(
            ErrorCode::SinkInvalidConfig,
            "csv.quote and csv.delimiter must not share a character",
            "csv_quote",
        );
        check(
            ErrorCode::APIInvalidParam,
            "invalid start-ts 9, larger than current tso 3",
            "start",
        );
    }
}
