//! From URI and config to the [`Format`] of the data files.

use tidegate_api::SinkConfig;
use tidegate_codec::{BinaryEncoding, CanalJsonOptions, CsvOptions};
use tidegate_model::{CdcError, ErrorCode, Result};

use super::config::Format;
use crate::opener::SinkSpec;
use crate::settings::{Settings, not_supported};

/// Reads and checks the format and its options.
///
/// # Errors
/// `SinkUnknownProtocol`; `SinkInvalidConfig`; `NotSupported` for an option that only the other format has; those of
/// `settings`.
pub(super) fn read(spec: &SinkSpec, settings: &Settings<'_>) -> Result<Format> {
    let sink = &spec.config.sink;
    let protocol = settings
        .text("protocol", sink.protocol.as_deref())
        .unwrap_or_default()
        .to_lowercase();
    match protocol.as_str() {
        "csv" => {
            refuse_canal_settings(settings, sink)?;
            csv(spec, sink)
        }
        "canal-json" => canal_json(spec, settings, sink),
        other => Err(CdcError::new(
            ErrorCode::SinkUnknownProtocol,
            format_args!(
                "unknown '{other}' message protocol for a storage sink; supported are csv and canal-json"
            ),
        )),
    }
}

fn canal_json(spec: &SinkSpec, settings: &Settings<'_>, sink: &SinkConfig) -> Result<Format> {
    let handle_key_only = sink.delete_only_output_handle_key_columns.unwrap_or(false);
    if handle_key_only && spec.config.force_replicate {
        return Err(invalid(
            "delete_only_output_handle_key_columns cannot be used with force_replicate: tables without a key have no \
             handle key",
        ));
    }
    let content_compatible = settings.switch("content-compatible", sink.content_compatible, false)?;
    Ok(Format::CanalJson(CanalJsonOptions {
        enable_tidb_extension: settings.switch("enable-tidb-extension", None, false)?,
        only_output_updated_columns: content_compatible
            || settings.switch(
                "only-output-updated-columns",
                sink.only_output_updated_columns,
                false,
            )?,
        delete_only_output_handle_key_columns: handle_key_only,
        content_compatible,
        terminator: terminator(sink),
        time_zone: spec.time_zone.clone(),
    }))
}

/// Switches of canal-json that would change nothing in a csv file.
fn refuse_canal_settings(settings: &Settings<'_>, sink: &SinkConfig) -> Result<()> {
    for (name, member) in [
        ("enable-tidb-extension", None),
        ("content-compatible", sink.content_compatible),
        ("only-output-updated-columns", sink.only_output_updated_columns),
    ] {
        if settings.switch(name, member, false)? {
            return Err(not_supported(format_args!(
                "{name} is not supported with the protocol csv: it is for canal-json"
            )));
        }
    }
    Ok(())
}

fn csv(spec: &SinkSpec, sink: &SinkConfig) -> Result<Format> {
    if sink.delete_only_output_handle_key_columns == Some(true) {
        return Err(invalid(
            "delete_only_output_handle_key_columns cannot be used with csv",
        ));
    }
    let csv = sink.csv.clone().unwrap_or_default();
    let has_line_break = |text: &str| text.contains(['\r', '\n']);
    if csv.delimiter.is_empty() || csv.delimiter.len() > 3 || has_line_break(&csv.delimiter) {
        return Err(invalid("csv.delimiter must be 1 to 3 bytes without line breaks"));
    }
    if csv.quote.len() > 1 || has_line_break(&csv.quote) {
        return Err(invalid("csv.quote must be 0 or 1 byte and no line break"));
    }
    if csv.quote.chars().any(|c| csv.delimiter.contains(c)) {
        return Err(invalid("csv.quote and csv.delimiter must share no character"));
    }
    Ok(Format::Csv(CsvOptions {
        delimiter: csv.delimiter,
        quote: csv.quote.chars().next(),
        null: csv.null,
        include_commit_ts: csv.include_commit_ts,
        binary_encoding: match csv.binary_encoding_method.as_str() {
            "base64" => BinaryEncoding::Base64,
            "hex" => BinaryEncoding::Hex,
            other => {
                return Err(invalid(format!(
                    "csv.binary_encoding_method is {other:?}, it must be base64 or hex"
                )));
            }
        },
        output_old_value: csv.output_old_value,
        output_handle_key: csv.output_handle_key,
        output_field_header: csv.output_field_header,
        terminator: terminator(sink),
        time_zone: spec.time_zone.clone(),
    }))
}

/// An empty one would join all rows of a file: it means the default.
fn terminator(sink: &SinkConfig) -> String {
    sink.terminator
        .clone()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "\r\n".to_owned())
}

/// Something is wrong with an option of the format.
pub(super) fn invalid(message: impl std::fmt::Display) -> CdcError {
    CdcError::new(ErrorCode::SinkInvalidConfig, message)
}
