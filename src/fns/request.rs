//! From the create form to a request, and from its refusal back to the fields.

use serde_json::{Map, Value, json};
use tidegate_api::{CreateChangefeed, ReplicaConfig, read_json};
use tidegate_model::{CdcError, ErrorCode, Ts};

use crate::fns::create::CreateForm;
use crate::fns::error::{ConsoleError, FieldError};

/// Rules of a text, one a line.
pub fn rules(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The request that a form means.
///
/// # Errors
/// With the field that cannot be read.
pub fn from_form(form: &CreateForm) -> Result<CreateChangefeed, ConsoleError> {
    let start_ts = timestamp(&form.start, "start", &form.start_time, &form.start_tso)?;
    let target_ts = timestamp(&form.target, "target", &form.target_time, &form.target_tso)?;
    let body = json!({
        "namespace": form.namespace.trim(),
        "changefeed_id": form.id.trim(),
        "sink_uri": form.sink_uri.trim(),
        "start_ts": start_ts,
        "target_ts": target_ts,
        "replica_config": config(form),
    });
    let request: CreateChangefeed = read_json(body.to_string().as_bytes()).map_err(|error| with_fields(&error))?;
    Ok(request)
}

/// Members that differ from the defaults.
fn config(form: &CreateForm) -> Value {
    let mut sink = Map::new();
    let given = |text: &str| !text.is_empty();
    if given(&form.protocol) {
        sink.insert("protocol".to_owned(), json!(form.protocol));
    }
    if given(&form.date_separator) {
        sink.insert("date_separator".to_owned(), json!(form.date_separator));
    }
    if form.content_compatible {
        sink.insert("content_compatible".to_owned(), json!(true));
    }
    if form.delete_only_key {
        sink.insert("delete_only_output_handle_key_columns".to_owned(), json!(true));
    }
    let mut csv = json!({
        "include_commit_ts": form.csv_include_commit_ts,
        "output_field_header": form.csv_header,
        "output_old_value": form.csv_old_value,
    });
    for (name, text) in [
        ("delimiter", &form.csv_delimiter),
        ("quote", &form.csv_quote),
        ("null", &form.csv_null),
        ("binary_encoding_method", &form.csv_binary_encoding),
    ] {
        if given(text) {
            csv[name] = json!(text);
        }
    }
    if form.protocol == "csv" || ReplicaConfig::default().sink.csv.is_some() {
        sink.insert("csv".to_owned(), csv);
    }
    json!({
        "case_sensitive": form.case_sensitive,
        "force_replicate": form.force_replicate,
        "ignore_ineligible_table": form.ignore_ineligible_table,
        "filter": {"rules": rules(&form.rules)},
        "sink": sink,
    })
}

fn timestamp(choice: &str, name: &str, time: &str, tso: &str) -> Result<u64, ConsoleError> {
    match choice {
        "time" => parse_time(time).ok_or_else(|| {
            field_error(&format!("{name}_time"), "Write a UTC time such as 2026-05-01T12:30.")
        }),
        "tso" => tso.trim().parse().map_err(|_| field_error(&format!("{name}_tso"), "Write a TSO: a whole number.")),
        _ => Ok(0),
    }
}

/// The first TSO of a UTC time.
fn parse_time(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches('Z').replace(' ', "T");
    let time: jiff::civil::DateTime = text.parse().ok()?;
    let at = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    u64::try_from(at).ok().map(|ms| Ts::from_physical_ms(ms).as_u64())
}

fn field_error(field: &str, message: &str) -> ConsoleError {
    ConsoleError {
        code: ErrorCode::APIInvalidParam.as_str().to_owned(),
        message: message.to_owned(),
        remedy: String::new(),
        fields: vec![FieldError { field: field.to_owned(), message: message.to_owned() }],
    }
}

/// An error of the service with the field of the form that it belongs to, if one is to blame.
pub fn with_fields(error: &CdcError) -> ConsoleError {
    let mut console = ConsoleError::from(error);
    if let Some(field) = field_of(error) {
        console.fields.push(FieldError { field: field.to_owned(), message: console.message.clone() });
    }
    console
}

fn field_of(error: &CdcError) -> Option<&'static str> {
    let text = error.message();
    match error.code() {
        ErrorCode::FilterRuleInvalid => Some("rules"),
        ErrorCode::TableIneligible => Some("ignore_ineligible_table"),
        ErrorCode::ChangeFeedAlreadyExists => Some("id"),
        ErrorCode::TargetTsBeforeStartTs => Some("target_tso"),
        ErrorCode::StartTsBeforeGC => Some("start_tso"),
        ErrorCode::SinkUnknownProtocol => Some("protocol"),
        ErrorCode::SinkURIInvalid
        | ErrorCode::MySQLConnectionError
        | ErrorCode::MySQLInvalidConfig
        | ErrorCode::StorageSinkInvalidConfig
        | ErrorCode::ExternalStorageAPI => Some("sink_uri"),
        ErrorCode::SinkInvalidConfig => {
            [("csv.delimiter", "csv_delimiter"), ("csv.quote", "csv_quote"), ("date_separator", "date_separator")]
                .into_iter()
                .find(|(word, _)| text.contains(word))
                .map(|(_, field)| field)
        }
        ErrorCode::APIInvalidParam if text.contains("changefeed_id") => Some("id"),
        ErrorCode::APIInvalidParam if text.contains("namespace") => Some("namespace"),
        ErrorCode::APIInvalidParam if text.contains("start-ts") => Some("start_tso"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_request() {
        let form = CreateForm {
            id: " orders ".to_owned(),
            sink_uri: "file:///x".to_owned(),
            protocol: "csv".to_owned(),
            csv_delimiter: "|".to_owned(),
            rules: "shop.*\n\n !shop.tmp ".to_owned(),
            start: "time".to_owned(),
            start_time: "1970-01-01T00:00:01".to_owned(),
            ..CreateForm::default()
        };
        let request = from_form(&form).unwrap();
        assert_eq!((request.changefeed_id.as_str(), request.start_ts), ("orders", 1000 << 18));
        assert_eq!(request.replica_config.filter.rules, ["shop.*", "!shop.tmp"]);
        assert_eq!(request.replica_config.sink.protocol.as_deref(), Some("csv"));
        let csv = request.replica_config.sink.csv.unwrap();
        assert_eq!((csv.delimiter.as_str(), csv.quote.as_str()), ("|", "\""));
    }

    #[test]
    fn an_unreadable_time_is_shown_at_its_field() {
        let form = CreateForm { start: "time".to_owned(), start_time: "soon".to_owned(), ..CreateForm::default() };
        assert!(from_form(&form).unwrap_err().of_field("start_time").is_some());
        let error = CdcError::new(ErrorCode::FilterRuleInvalid, "filter rule is invalid");
        assert!(with_fields(&error).of_field("rules").is_some());
    }
}
