//! Rules for `sink`, with what is adjusted silently.

use tidegate_model::{CdcError, ErrorCode, Result};

use super::rules::{check_number, check_text, fault};
use super::{PROTOCOLS, queue};
use crate::config::settings::{Rule, setting_at};
use crate::config::{CsvConfig, Findings, ReplicaConfig, SinkConfig};
use crate::sink_uri::{Scheme, SinkUri};

const TERMINATOR_DEFAULT: &str = "\r\n";
const ADVANCE_TIMEOUT_DEFAULT: u64 = 150;
const PROTOCOL: &str = "/replica_config/sink/protocol";

impl ReplicaConfig {
    pub(super) fn check_sink(&mut self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        self.sink.take_parameters(uri, findings);
        self.sink.check_atomicity(uri, findings)?;
        self.sink.check_protocol(uri, findings)?;
        if uri.kind().is_database() {
            return Ok(());
        }
        queue::check(&mut self.sink, uri, findings)?;
        self.sink.check_formatted(uri, findings)
    }
}

impl SinkConfig {
    /// Parameters of the URI win over members.
    fn take_parameters(&mut self, uri: &SinkUri, findings: &mut Findings) {
        for (parameter, name, member) in [
            (
                "transaction-atomicity",
                "transaction_atomicity",
                &mut self.transaction_atomicity,
            ),
            ("protocol", "protocol", &mut self.protocol),
        ] {
            let Some(value) = uri.param(parameter) else {
                continue;
            };
            if let Some(own) = member.as_deref().filter(|own| !own.eq_ignore_ascii_case(value)) {
                let text =
                    format!("sink.{name} is {own:?}, but the sink URI says {parameter}={value}, which wins");
                let pointer = format!("/replica_config/sink/{name}");
                findings.warning(pointer, ErrorCode::IncompatibleSinkConfig, text);
            }
            *member = Some(value.to_owned());
        }
    }

    fn check_atomicity(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        match self.transaction_atomicity.as_deref() {
            None | Some("" | "none") => Ok(()),
            Some("table") if !uri.kind().is_mq() => Ok(()),
            Some(level) => {
                let text = format!(
                    "{level} level atomicity is not supported by {} scheme",
                    uri.scheme()
                );
                fault("sink.transaction_atomicity", text, findings)
            }
        }
    }

    fn check_protocol(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        let protocol = self.protocol.as_deref();
        if uri.kind().is_database() {
            return protocol.map_or(Ok(()), |protocol| {
                findings.error(PROTOCOL, incompatible(protocol, uri))
            });
        }
        if !uri.kind().is_mq() && !uri.kind().is_storage() {
            return Ok(());
        }
        let protocol = protocol.unwrap_or_default();
        if !PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(protocol)) {
            return findings.error(PROTOCOL, unknown_protocol(protocol));
        }
        if uri.kind() == Scheme::Pulsar && !protocol.eq_ignore_ascii_case("canal-json") {
            return findings.error(PROTOCOL, incompatible(protocol, uri));
        }
        Ok(())
    }

    fn check_formatted(&mut self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        check_number("sink.encoder_concurrency", self.encoder_concurrency, findings)?;
        if self.is_protocol("csv") && self.delete_only_output_handle_key_columns == Some(true) {
            let text = "it does not work with csv";
            fault("sink.delete_only_output_handle_key_columns", text, findings)?;
        }
        self.terminator
            .get_or_insert_with(|| TERMINATOR_DEFAULT.to_owned());
        if self.advance_timeout.unwrap_or(0) == 0 {
            self.advance_timeout = Some(ADVANCE_TIMEOUT_DEFAULT);
        }
        if uri.kind().is_storage() {
            self.check_storage(findings)
        } else {
            Ok(())
        }
    }

    fn check_storage(&mut self, findings: &mut Findings) -> Result<()> {
        check_text("sink.date_separator", self.date_separator.as_deref(), findings)?;
        if let Rule::OrElse(min, max, other) = setting_at("sink.file_index_width").rule {
            match self.file_index_width {
                Some(width) if (min..=max).contains(&width) => {}
                given => {
                    if let Some(width) = given {
                        let text =
                            format!("sink.file_index_width: {width} is not {min} to {max}; {other} is taken");
                        let pointer = "/replica_config/sink/file_index_width";
                        findings.warning(pointer, ErrorCode::SinkInvalidConfig, text);
                    }
                    self.file_index_width = Some(other);
                }
            }
        }
        self.csv.as_ref().map_or(Ok(()), |csv| csv.check(findings))
    }

    /// Whether messages have this format.
    pub(super) fn is_protocol(&self, name: &str) -> bool {
        self.protocol
            .as_deref()
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case(name))
    }
}

impl CsvConfig {
    fn check(&self, findings: &mut Findings) -> Result<()> {
        let breaks_lines = |text: &str| text.contains(['\r', '\n']);
        if self.quote.len() > 1 || breaks_lines(&self.quote) {
            fault(
                "sink.csv.quote",
                "it must be empty or 1 byte, no line break",
                findings,
            )?;
        }
        if self.delimiter.is_empty() || self.delimiter.len() > 3 || breaks_lines(&self.delimiter) {
            fault(
                "sink.csv.delimiter",
                "it must be 1 to 3 bytes, no line break",
                findings,
            )?;
        }
        if self.quote.chars().any(|c| self.delimiter.contains(c)) {
            fault(
                "sink.csv.delimiter",
                "it must share no character with csv.quote",
                findings,
            )?;
        }
        check_text(
            "sink.csv.binary_encoding_method",
            Some(&self.binary_encoding_method),
            findings,
        )
    }
}

fn incompatible(protocol: &str, uri: &SinkUri) -> CdcError {
    CdcError::new(
        ErrorCode::SinkURIInvalid,
        format_args!("protocol {protocol} is incompatible with {} scheme", uri.scheme()),
    )
}

/// The refusal of a protocol nobody knows, or of none.
pub(super) fn unknown_protocol(protocol: &str) -> CdcError {
    let missing = if protocol.is_empty() {
        ": give sink.protocol, or protocol=... in the sink URI"
    } else {
        ""
    };
    CdcError::new(
        ErrorCode::SinkUnknownProtocol,
        format_args!("unknown '{protocol}' message protocol for sink{missing}"),
    )
}
