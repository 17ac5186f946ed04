//! Schemas of bodies.

use serde_json::{Map, Value, json};
use tidegate_api::ReplicaConfig;

/// A reference to a schema of [`schemas`].
pub(super) fn reference(name: &str) -> Value {
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

/// Every schema by name.
pub(super) fn schemas() -> Value {
    let mut schemas = request_schemas();
    schemas.extend(answer_schemas());
    schemas.extend(extension_schemas());
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
        ("SyncedRequest", object(&[config(), pd()])),
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

/// A list of items.
fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

fn or_null(item: Value) -> Value {
    json!({"oneOf": [item, {"type": "null"}]})
}

/// The database a server reads from.
fn upstream_schema() -> Value {
    object(&[
        ("id", number()),
        ("flavour", text()),
        ("version", text()),
        ("address", text()),
        ("warnings", list(text())),
    ])
}

/// What moves of a changefeed.
fn live_schema() -> Value {
    let figure = || json!({"type": "number"});
    let running_error = object(&[
        ("time", text()),
        ("addr", text()),
        ("code", text()),
        ("message", text()),
    ]);
    object(&[
        ("namespace", text()),
        ("id", text()),
        ("state", text()),
        ("checkpoint_ts", number()),
        ("resolved_ts", number()),
        ("checkpoint_lag_ms", number()),
        ("resolved_lag_ms", number()),
        ("rows_per_second", figure()),
        ("bytes_per_second", figure()),
        ("rows_total", number()),
        ("bytes_total", number()),
        ("error", or_null(running_error)),
        ("reason", or_null(text())),
        ("attempt", or_null(number())),
        ("retry_at_ms", or_null(number())),
        ("lag_history", list(number())),
        ("rows_history", list(figure())),
        ("tables", number()),
        ("memory_quota_bytes", number()),
        ("memory_used_bytes", number()),
    ])
}

/// Bodies of `/api/tidegate/v1` and of the routes without a version.
fn activity_page() -> Value {
    let any = || json!({});
    let change = object(&[("path", text()), ("from", any()), ("to", any())]);
    let feed = object(&[("namespace", text()), ("id", text())]);
    let entry = object(&[
        ("id", number()),
        ("time", json!({"type": "string", "format": "date-time"})),
        ("action", text()),
        (
            "actor",
            object(&[("name", text()), ("kind", text()), ("role", text())]),
        ),
        ("address", text()),
        ("method", text()),
        ("route", text()),
        ("changefeed", json!({"anyOf": [feed, {"type": "null"}]})),
        ("result", json!({"enum": ["done", "failed", "refused", "begun"]})),
        ("status", json!({"type": "integer"})),
        ("code", text()),
        ("message", text()),
        ("changes", json!({"type": "array", "items": change})),
    ]);
    object(&[
        ("items", json!({"type": "array", "items": entry})),
        ("next_cursor?", number()),
    ])
}

fn extension_schemas() -> Map<String, Value> {
    let flag = || json!({"type": "boolean"});
    let table = object(&[
        ("schema", text()),
        ("table", text()),
        ("accepted", flag()),
        ("rule", or_null(number())),
        ("eligible", flag()),
        ("unsupported", or_null(text())),
    ]);
    let schemas = [
        (
            "ServerInfo",
            object(&[
                ("version", text()),
                ("api_version", text()),
                ("capture_id", text()),
                ("cluster_id", text()),
                ("uptime_seconds", number()),
                ("log_level", text()),
                ("upstream", or_null(upstream_schema())),
                ("upstream_error", or_null(text())),
            ]),
        ),
        (
            "LiveSnapshot",
            object(&[("unix_ms", number()), ("changefeeds", list(live_schema()))]),
        ),
        ("FilterPreview", object(&[("tables", list(table))])),
        ("ActivityPage", activity_page()),
        (
            "ErrorHelp",
            object(&[
                ("code", text()),
                ("http_status", number()),
                ("retried", flag()),
                ("remedy", text()),
            ]),
        ),
        ("Settings", json!({"type": "object"})),
        ("LogLevelWord", text()),
    ];
    schemas
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
