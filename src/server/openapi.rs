//! The OpenAPI document, built from one table of endpoints. `docs/openapi.json` is its committed copy.

use serde_json::{Map, Value, json};
use tidegate_api::ReplicaConfig;

/// One endpoint.
struct Endpoint {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    /// Name of the body's schema and whether it must be there.
    body: Option<(&'static str, bool)>,
    /// Status and name of the schema of a success.
    answer: (&'static str, &'static str),
    query: &'static [&'static str],
}

const fn read(
    path: &'static str,
    summary: &'static str,
    answer: &'static str,
    query: &'static [&'static str],
) -> Endpoint {
    Endpoint {
        path,
        method: "get",
        summary,
        body: None,
        answer: ("200", answer),
        query,
    }
}

const fn write(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    body: Option<(&'static str, bool)>,
    answer: &'static str,
) -> Endpoint {
    Endpoint {
        path,
        method,
        summary,
        body,
        answer: ("200", answer),
        query: NAMESPACE,
    }
}

const NAMESPACE: &[&str] = &["namespace"];

const ENDPOINTS: &[Endpoint] = &[
    read(
        "/api/v2/status",
        "Version and role of this server",
        "ServerStatus",
        &[],
    ),
    read(
        "/api/v2/health",
        "Whether the cluster works; an error says why not",
        "Empty",
        &[],
    ),
    read(
        "/api/v2/changefeeds",
        "Changefeeds of a namespace; state=all shows finished ones too",
        "ChangefeedList",
        &["namespace", "state"],
    ),
    write(
        "post",
        "/api/v2/changefeeds",
        "Create a changefeed",
        Some(("CreateChangefeed", true)),
        "Changefeed",
    ),
    read(
        "/api/v2/changefeeds/{changefeed_id}",
        "A changefeed with its configuration",
        "Changefeed",
        NAMESPACE,
    ),
    write(
        "put",
        "/api/v2/changefeeds/{changefeed_id}",
        "Change a stopped or failed changefeed; members left out keep their value",
        Some(("UpdateChangefeed", true)),
        "Changefeed",
    ),
    write(
        "delete",
        "/api/v2/changefeeds/{changefeed_id}",
        "Remove a changefeed; an unknown one is no error",
        None,
        "Empty",
    ),
    read(
        "/api/v2/changefeeds/{changefeed_id}/status",
        "State, checkpoint and last error",
        "ChangefeedStatus",
        NAMESPACE,
    ),
    read(
        "/api/v2/changefeeds/{changefeed_id}/meta_info",
        "The stored description, secrets masked",
        "Changefeed",
        NAMESPACE,
    ),
    write(
        "post",
        "/api/v2/changefeeds/{changefeed_id}/pause",
        "Stop replicating and keep the checkpoint",
        None,
        "Empty",
    ),
    write(
        "post",
        "/api/v2/changefeeds/{changefeed_id}/resume",
        "Go on from the checkpoint, or from another one",
        Some(("ResumeChangefeed", false)),
        "Empty",
    ),
    read(
        "/api/v2/changefeeds/{changefeed_id}/synced",
        "Whether the downstream has everything",
        "Synced",
        NAMESPACE,
    ),
    read(
        "/api/v2/changefeed/{changefeed_id}/synced",
        "The same under the name of the published page",
        "Synced",
        NAMESPACE,
    ),
    read(
        "/api/v2/captures",
        "Server processes of the cluster",
        "CaptureList",
        &[],
    ),
    write(
        "post",
        "/api/v2/captures/{capture_id}/drain",
        "Move all tables away from a capture; refused while there is one only",
        None,
        "Drained",
    ),
    read(
        "/api/v2/processors",
        "Which capture works on which changefeed",
        "ProcessorList",
        &[],
    ),
    read(
        "/api/v2/processors/{changefeed_id}/{capture_id}",
        "Tables of a changefeed on a capture",
        "Processor",
        NAMESPACE,
    ),
    write(
        "post",
        "/api/v2/owner/resign",
        "Let another capture become the owner",
        None,
        "Empty",
    ),
    write(
        "post",
        "/api/v2/log",
        "Change the log level",
        Some(("LogLevel", true)),
        "Empty",
    ),
    write(
        "post",
        "/api/v2/tso",
        "The upstream's clock",
        Some(("TsoRequest", true)),
        "Tso",
    ),
    write(
        "post",
        "/api/v2/verify_table",
        "Which tables a configuration selects, and which of them have no usable key",
        Some(("VerifyTable", true)),
        "VerifiedTables",
    ),
    read(
        "/api/tidegate/v1/server",
        "This server and its upstream",
        "Anything",
        &[],
    ),
    read(
        "/api/tidegate/v1/live",
        "Figures of all changefeeds, renewed every second",
        "Anything",
        &[],
    ),
    write(
        "post",
        "/api/tidegate/v1/filter/preview",
        "Which upstream tables the rules select, and which rule decided",
        Some(("FilterPreviewRequest", true)),
        "Anything",
    ),
    read(
        "/api/tidegate/v1/errors/{code}",
        "What an error code means and what to do",
        "Anything",
        &[],
    ),
    read(
        "/status",
        "Version and role, as the oldest clients ask",
        "ServerStatus",
        &[],
    ),
    read(
        "/metrics",
        "Figures in the text format of Prometheus",
        "Text",
        &[],
    ),
];

/// The document.
pub fn openapi_document() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        item[endpoint.method] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidegate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "TiCDC OpenAPI v2 and the extensions of Tidegate. 64-bit numbers are exact JSON integers.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas()},
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> = path_parameters(endpoint.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(
        endpoint.query.iter().map(
            |name| json!({"name": name, "in": "query", "required": false, "schema": {"type": "string"}}),
        ),
    );
    let (status, schema) = endpoint.answer;
    let content = if schema == "Text" {
        "text/plain"
    } else {
        "application/json"
    };
    let mut operation = json!({
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {
            status: {"description": "Done", "content": {content: {"schema": reference(schema)}}},
            "default": {"description": "Refused or failed", "content": {"application/json": {"schema": reference("Error")}}},
        },
    });
    if let Some((body, required)) = endpoint.body {
        operation["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": reference(body)}}});
    }
    operation
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object schema from `name: type` words; a `?` after the name makes it optional.
fn object(members: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in members {
        match name.strip_suffix('?') {
            Some(optional) => {
                properties.insert(optional.to_owned(), schema.clone());
            }
            None => {
                properties.insert((*name).to_owned(), schema.clone());
                required.push(*name);
            }
        }
    }
    json!({"type": "object", "properties": properties, "required": required})
}

fn list_of(item: &Value) -> Value {
    object(&[
        ("total", json!({"type": "integer"})),
        ("items", json!({"type": "array", "items": item})),
    ])
}

fn text() -> Value {
    json!({"type": "string"})
}

fn number() -> Value {
    json!({"type": "integer", "format": "uint64", "minimum": 0})
}

fn schemas() -> Value {
    let mut schemas = request_schemas();
    schemas.extend(answer_schemas());
    schemas.insert("ReplicaConfig".to_owned(), config_schema());
    Value::Object(schemas)
}

fn request_schemas() -> Map<String, Value> {
    let pd = || ("pd_addrs?", json!({"type": "array", "items": text()}));
    let config = || ("replica_config?", reference("ReplicaConfig"));
    [
        (
            "CreateChangefeed",
            object(&[
                ("changefeed_id?", text()), ("namespace?", text()), ("sink_uri", text()), ("start_ts?", number()),
                ("target_ts?", number()), config(), pd(),
            ]),
        ),
        ("UpdateChangefeed", object(&[("sink_uri?", text()), ("target_ts?", number()), config(), pd()])),
        ("ResumeChangefeed", object(&[("overwrite_checkpoint_ts?", number()), pd()])),
        ("LogLevel", object(&[("log_level?", json!({"type": "string", "enum": ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"]}))])),
        ("TsoRequest", object(&[("id?", number()), pd()])),
        ("VerifyTable", object(&[("sink_uri?", text()), ("start_ts?", number()), config(), pd()])),
        (
            "FilterPreviewRequest",
            object(&[("rules?", json!({"type": "array", "items": text()})), ("case_sensitive?", json!({"type": "boolean"}))]),
        ),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
}

#[allow(clippy::too_many_lines, reason = "one table")]
fn answer_schemas() -> Map<String, Value> {
    let flag = || json!({"type": "boolean"});
    let error = object(&[
        ("time?", text()),
        ("addr", text()),
        ("code", text()),
        ("message", text()),
    ]);
    let table = object(&[
        ("database_name", text()),
        ("table_name", text()),
        ("table_id", json!({"type": "integer"})),
        ("is_partition", flag()),
    ]);
    let tables = json!({"type": "array", "items": table});
    let ids = json!({"type": ["array", "null"], "items": {"type": "integer"}});
    let summary = object(&[
        ("upstream_id", number()),
        ("namespace", text()),
        ("id", text()),
        ("state", text()),
        ("checkpoint_tso", number()),
        ("checkpoint_time", text()),
        ("error", json!({"oneOf": [error.clone(), {"type": "null"}]})),
    ]);
    let capture = object(&[
        ("id", text()),
        ("is_owner", flag()),
        ("address", text()),
        ("cluster_id", text()),
    ]);
    let processor = object(&[
        ("namespace", text()),
        ("changefeed_id", text()),
        ("capture_id", text()),
    ]);
    [
        ("Anything", json!({"type": "object"})),
        ("Empty", json!({"type": "object", "maxProperties": 0})),
        ("Text", text()),
        ("Error", object(&[("error_msg", text()), ("error_code", text())])),
        (
            "Changefeed",
            object(&[
                ("upstream_id?", number()),
                ("namespace?", text()),
                ("id?", text()),
                ("sink_uri?", text()),
                ("create_time", text()),
                ("start_ts?", number()),
                ("target_ts?", number()),
                ("admin_job_type?", json!({"type": "integer"})),
                ("config?", reference("ReplicaConfig")),
                ("state?", text()),
                ("error?", error.clone()),
                ("creator_version?", text()),
                ("resolved_ts", number()),
                ("checkpoint_ts", number()),
                ("checkpoint_time", text()),
                (
                    "task_status?",
                    json!({"type": "array", "items": {"type": "object"}}),
                ),
            ]),
        ),
        ("ChangefeedList", list_of(&summary)),
        (
            "ChangefeedStatus",
            object(&[
                ("state?", text()),
                ("resolved_ts", number()),
                ("checkpoint_ts", number()),
                ("last_error?", error.clone()),
                ("last_warning?", error),
            ]),
        ),
        (
            "Synced",
            object(&[
                ("synced", flag()),
                ("sink_checkpoint_ts", text()),
                ("puller_resolved_ts", text()),
                ("last_synced_ts", text()),
                ("now_ts", text()),
                ("info", text()),
            ]),
        ),
        ("CaptureList", list_of(&capture)),
        ("ProcessorList", list_of(&processor)),
        ("Processor", object(&[("table_ids", ids)])),
        (
            "Drained",
            object(&[("current_table_count", json!({"type": "integer"}))]),
        ),
        (
            "ServerStatus",
            object(&[
                ("version", text()),
                ("git_hash", text()),
                ("id", text()),
                ("cluster_id?", text()),
                ("pid", number()),
                ("is_owner", flag()),
                ("liveness?", json!({"type": "integer"})),
            ]),
        ),
        (
            "Tso",
            object(&[("timestamp", number()), ("logic_time", number())]),
        ),
        (
            "VerifiedTables",
            object(&[
                ("ineligible_tables?", tables.clone()),
                ("eligible_tables?", tables),
            ]),
        ),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
}

/// The configuration's schema, read off its default object: every member with its type and default.
fn config_schema() -> Value {
    serde_json::to_value(ReplicaConfig::default()).map_or(Value::Null, |defaults| schema_of(&defaults))
}

fn schema_of(default: &Value) -> Value {
    match default {
        Value::Null => json!({}),
        Value::Bool(_) => json!({"type": ["boolean", "null"], "default": default}),
        Value::Number(_) => json!({"type": ["integer", "string", "null"], "default": default}),
        Value::String(_) => json!({"type": ["string", "null"], "default": default}),
        Value::Array(_) => json!({"type": ["array", "null"], "default": default}),
        Value::Object(members) => {
            let properties: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), schema_of(value)))
                .collect();
            json!({"type": ["object", "null"], "properties": properties})
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_openapi_document_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        let text = format!("{:#}\n", openapi_document());
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "docs/openapi.json is stale: run `cargo xtask openapi`"
        );
    }

    #[test]
    fn every_reference_in_the_openapi_document_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(target)) = members.get("$ref") {
                        found.push(target);
                    }
                    members.values().for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let document = openapi_document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }
}
