//! Rules for what belongs to message queues. The original checks them for every sink that is no database.

use serde_json::Value;
use tidegate_model::{CdcError, ErrorCode, Result};

use super::rules::{check_text, fault};
use crate::config::{Findings, GlueSchemaRegistryConfig, LargeMessageHandle, SinkConfig};
use crate::sink_uri::{Scheme, SinkUri};

const OPTION: &str = "sink.kafka_config.large_message_handle.large_message_handle_option";
const COMPRESSION: &str = "sink.kafka_config.large_message_handle.large_message_handle_compression";
const CLAIM_URI: &str = "sink.kafka_config.large_message_handle.claim_check_storage_uri";
const CLAIM_RAW: &str = "sink.kafka_config.large_message_handle.claim_check_raw_value";
/// Members of `pulsar_config.oauth2` that must be there.
const OAUTH2: [&str; 4] = [
    "oauth2-issuer-url",
    "oauth2-audience",
    "oauth2-private-key",
    "oauth2-client-id",
];

/// Large messages, registries and OAuth2, in the original's order.
pub(super) fn check(sink: &mut SinkConfig, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
    let protocol = sink.protocol.clone().unwrap_or_default().to_lowercase();
    if let Some(large) = sink
        .kafka_config
        .as_mut()
        .and_then(|kafka| kafka.large_message_handle.as_mut())
    {
        check_large(large, &protocol, uri, findings)?;
    }
    let glue = sink
        .kafka_config
        .as_ref()
        .and_then(|kafka| kafka.glue_schema_registry_config.as_ref());
    if let Some(glue) = glue {
        if sink.schema_registry.as_deref().is_some_and(|uri| !uri.is_empty()) {
            let text = "it excludes kafka_config.glue_schema_registry_config: give one of them";
            fault("sink.schema_registry", text, findings)?;
        }
        check_glue(glue, findings)?;
    }
    let oauth2 = sink
        .pulsar_config
        .as_ref()
        .and_then(|pulsar| pulsar.get("oauth2"));
    oauth2.map_or(Ok(()), |oauth2| check_oauth2(oauth2, findings))
}

fn check_large(
    large: &mut LargeMessageHandle,
    protocol: &str,
    uri: &SinkUri,
    findings: &mut Findings,
) -> Result<()> {
    for word in [
        &mut large.large_message_handle_option,
        &mut large.large_message_handle_compression,
    ] {
        if word.is_empty() {
            "none".clone_into(word);
        }
    }
    let option = &large.large_message_handle_option;
    check_text(
        COMPRESSION,
        Some(&large.large_message_handle_compression),
        findings,
    )?;
    check_text(OPTION, Some(option), findings)?;
    if option == "none" {
        return Ok(());
    }
    if !matches!(protocol, "open-protocol" | "default" | "simple" | "canal-json") {
        let text = format!("{option} works with open-protocol, simple and canal-json, not with {protocol:?}");
        fault(OPTION, text, findings)?;
    }
    if protocol == "canal-json" && uri.param("enable-tidb-extension") != Some("true") {
        let text = format!("{option} with canal-json needs enable-tidb-extension=true in the sink URI");
        fault(OPTION, text, findings)?;
    }
    if option == "claim-check" && large.claim_check_storage_uri.is_empty() {
        fault(CLAIM_URI, "claim-check needs it", findings)?;
    }
    let is_open = matches!(protocol, "open-protocol" | "default");
    if option == "claim-check" && large.claim_check_raw_value && is_open {
        fault(CLAIM_RAW, "it does not work with open-protocol", findings)?;
    }
    Ok(())
}

fn check_glue(glue: &GlueSchemaRegistryConfig, findings: &mut Findings) -> Result<()> {
    let member = |name: &str| format!("sink.kafka_config.glue_schema_registry_config.{name}");
    for (name, value) in [("registry_name", &glue.registry_name), ("region", &glue.region)] {
        if value.is_empty() {
            fault(&member(name), "it must not be empty", findings)?;
        }
    }
    if !glue.access_key.is_empty() && glue.secret_access_key.is_empty() {
        fault(&member("access_key"), "it needs secret_access_key too", findings)?;
    }
    Ok(())
}

fn check_oauth2(oauth2: &Value, findings: &mut Findings) -> Result<()> {
    for name in OAUTH2 {
        let given = oauth2
            .get(name)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty());
        if !given {
            let text = format!("sink.pulsar_config.oauth2.{name} is missing");
            let pointer = format!("/replica_config/sink/pulsar_config/oauth2/{name}");
            findings.error(pointer, CdcError::new(ErrorCode::PulsarInvalidConfig, text))?;
        }
    }
    Ok(())
}

/// Topics of dispatchers. Comes after the filter in the original's order.
pub(super) fn check_topics(sink: &SinkConfig, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
    if !uri.kind().is_mq() {
        return Ok(());
    }
    let is_avro = sink.is_protocol("avro") || sink.is_protocol("flat-avro");
    for (index, rule) in sink.dispatchers.iter().enumerate() {
        let topic = rule.topic.as_str();
        let (valid, code) = if uri.kind() == Scheme::Pulsar {
            (is_pulsar_topic(topic), ErrorCode::PulsarTopicExprInvalid)
        } else {
            (is_kafka_topic(topic, is_avro), ErrorCode::KafkaTopicExprInvalid)
        };
        if !topic.is_empty() && !valid {
            let text = format!("sink.dispatchers[{index}].topic: {topic:?} is no topic");
            let pointer = format!("/replica_config/sink/dispatchers/{index}/topic");
            findings.error(pointer, CdcError::new(code, text))?;
        }
    }
    Ok(())
}

fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// A fixed name, or one with `{schema}` before `{table}`; avro needs both of them.
fn is_kafka_topic(topic: &str, is_avro: bool) -> bool {
    if is_plain(topic) {
        return true;
    }
    let (schema, rest) = match topic.split_once("{schema}") {
        Some((before, rest)) => (is_plain(before), rest),
        None if is_avro => return false,
        None => (true, topic),
    };
    let table = match rest.split_once("{table}") {
        Some((before, after)) => is_plain(before) && is_plain(after),
        None => !is_avro && is_plain(rest),
    };
    schema && table
}

fn is_pulsar_topic(topic: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '{' | '}' | '.' | '_' | '-'))
    };
    let full = topic
        .strip_prefix("persistent://")
        .or_else(|| topic.strip_prefix("non-persistent://"));
    match full {
        Some(place) => place.split('/').count() == 3 && place.split('/').all(is_part),
        None => is_part(topic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_names_with_placeholders_in_order() {
        for (topic, plain, avro) in [
            ("orders", true, true),
            ("a-{schema}", true, false),
            ("{table}", true, false),
            ("{schema}_{table}", true, true),
            ("x.{schema}.{table}.y", true, true),
            ("{table}_{schema}", false, false),
            ("{schema}{schema}", false, false),
            ("a b", false, false),
            ("a/b", false, false),
        ] {
            assert_eq!(
                (is_kafka_topic(topic, false), is_kafka_topic(topic, true)),
                (plain, avro),
                "{topic}"
            );
        }
        for (topic, expect) in [
            ("orders", true),
            ("persistent://t/n/{schema}-{table}", true),
            ("non-persistent://t/n/x", true),
            ("persistent://t/n", false),
            ("a/b", false),
            ("persistent://t//x", false),
        ] {
            assert_eq!(is_pulsar_topic(topic), expect, "{topic}");
        }
    }
}
