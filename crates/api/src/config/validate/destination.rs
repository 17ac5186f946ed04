//! Rules that the original checks when it builds the sink, as far as they can be checked without a connection.

use tidegate_model::{CdcError, ErrorCode, Result};

use super::queue::check_topics;
use super::sink::unknown_protocol;
use crate::config::{Findings, ReplicaConfig};
use crate::sink_uri::{Scheme, SinkUri};

const PROTOCOL: &str = "/replica_config/sink/protocol";

impl ReplicaConfig {
    /// Topics of a message queue. Comes after the filter in the original's order.
    ///
    /// # Errors
    /// `KafkaTopicExprInvalid`, `PulsarTopicExprInvalid`, where `findings` ends at the first.
    pub fn check_topics(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        check_topics(&self.sink, uri, findings)
    }

    /// What the destination's kind, format and options mean for each other. The last check before a connection.
    ///
    /// # Errors
    /// `StorageSinkInvalidConfig`, `KafkaInvalidConfig`, `KafkaNewProducer`, `SinkInvalidConfig`, `SinkURIInvalid` for a
    /// scheme that is not supported; where `findings` ends at the first.
    pub fn check_destination(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        let kind = uri.kind();
        if kind.is_storage() {
            self.check_storage_format(findings)?;
        }
        if kind == Scheme::Kafka {
            self.check_kafka(uri, findings)?;
        }
        if kind.is_mq() || (kind.is_storage() && self.sink.is_protocol("canal-json")) {
            self.check_codec(uri, findings)?;
        }
        // An unknown one was told before.
        if kind.is_supported() || kind == Scheme::Unknown {
            return Ok(());
        }
        findings.error("/sink_uri", unsupported(uri))
    }

    fn check_storage_format(&self, findings: &mut Findings) -> Result<()> {
        let protocol = self.sink.protocol.as_deref().unwrap_or_default();
        let known = super::PROTOCOLS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(protocol));
        if !known || self.sink.is_protocol("csv") || self.sink.is_protocol("canal-json") {
            return Ok(());
        }
        let text = format!("the protocol {protocol} is not written to files: use csv or canal-json");
        let error =
            CdcError::new(ErrorCode::StorageSinkInvalidConfig, text).with_source(unknown_protocol(protocol));
        findings.error(PROTOCOL, error)
    }

    fn check_kafka(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        if uri.path().trim_matches('/').is_empty() {
            let error = CdcError::new(ErrorCode::KafkaInvalidConfig, "no topic is specified in sink-uri");
            findings.error("/sink_uri", error)?;
        }
        if self.sink.is_protocol("csv") {
            let error = CdcError::new(
                ErrorCode::KafkaNewProducer,
                "csv is for files, not for Kafka messages",
            );
            findings.error(PROTOCOL, error.with_source(unknown_protocol("csv")))?;
        }
        Ok(())
    }

    /// Each rule: whether it is broken, the member, and why.
    fn check_codec(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        let sink = &self.sink;
        let kafka = sink.kafka_config.as_ref();
        let is_avro = sink.is_protocol("avro") || sink.is_protocol("flat-avro");
        let registry = uri.param("schema-registry").or(sink.schema_registry.as_deref());
        let registry = registry.is_some_and(|uri| !uri.is_empty());
        let glue = kafka.is_some_and(|kafka| kafka.glue_schema_registry_config.is_some());
        let large = kafka
            .and_then(|kafka| kafka.large_message_handle.as_ref())
            .is_some_and(|large| !matches!(large.large_message_handle_option.as_str(), "" | "none"));
        let handle_key = sink.delete_only_output_handle_key_columns == Some(true);
        let checks_rows = is_avro && self.integrity.integrity_check_level == "correctness";
        for (is_broken, member, why) in [
            (
                is_avro && self.force_replicate,
                "force_replicate",
                "avro needs a key, and force_replicate allows tables without one",
            ),
            (
                is_avro && !registry && !glue,
                "sink/schema_registry",
                "avro needs a schema registry",
            ),
            (
                checks_rows && !self.writes_checksums(uri),
                "integrity/integrity_check_level",
                "avro with correctness needs enable-tidb-extension=true, avro-decimal-handling-mode=string and \
                 avro-bigint-unsigned-handling-mode=string",
            ),
            (
                large && self.force_replicate,
                "force_replicate",
                "messages that are too large are found by key, and force_replicate allows tables without one",
            ),
            (
                handle_key && self.force_replicate,
                "sink/delete_only_output_handle_key_columns",
                "it needs a key, and force_replicate allows tables without one",
            ),
        ] {
            if is_broken {
                let text = format!("sink config invalid: {}: {why}", member.replace('/', "."));
                let error = CdcError::new(ErrorCode::SinkInvalidConfig, text)
                    .with_source(CdcError::new(ErrorCode::CodecInvalidConfig, why));
                findings.error(format!("/replica_config/{member}"), error)?;
            }
        }
        Ok(())
    }

    /// Whether avro messages can carry checksums.
    fn writes_checksums(&self, uri: &SinkUri) -> bool {
        let codec = self
            .sink
            .kafka_config
            .as_ref()
            .and_then(|kafka| kafka.codec_config.as_ref());
        let extension = match uri.param("enable-tidb-extension") {
            Some(text) => text == "true",
            None => codec.is_some_and(|codec| codec.enable_tidb_extension == Some(true)),
        };
        let is_text =
            |parameter: &str, member: Option<&str>| uri.param(parameter).or(member) == Some("string");
        extension
            && is_text(
                "avro-decimal-handling-mode",
                codec.and_then(|codec| codec.avro_decimal_handling_mode.as_deref()),
            )
            && is_text(
                "avro-bigint-unsigned-handling-mode",
                codec.and_then(|codec| codec.avro_bigint_unsigned_handling_mode.as_deref()),
            )
    }
}

/// The refusal of a scheme that nothing can be delivered to.
pub(super) fn unsupported(uri: &SinkUri) -> CdcError {
    CdcError::new(
        ErrorCode::SinkURIInvalid,
        format_args!(
            "the sink scheme ({}) is not supported; supported are {}",
            uri.scheme(),
            Scheme::SUPPORTED_NAMES
        ),
    )
}
