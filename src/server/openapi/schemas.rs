//! Schemas of bodies.

use serde_json::{Map, Value, json};

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
    json!({"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX})
}

/// Every schema by name.
pub(super) fn schemas() -> Value {
    let mut schemas = request_schemas();
    schemas.extend(answer_schemas());
    schemas.extend(extension_schemas());
    schemas.insert("ReplicaConfig".to_owned(), super::config::schema());
    Value::Object(schemas)
}

/// A member of a request that may be left out, or be `null`, which says the same.
fn optional(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}

/// The body of a request: an object, or `null` for an empty one.
fn request(members: &[(&str, Value)]) -> Value {
    let members: Vec<(&str, Value)> = members
        .iter()
        .map(|(name, schema)| {
            (
                *name,
                if name.ends_with('?') {
                    optional(schema)
                } else {
                    schema.clone()
                },
            )
        })
        .collect();
    let is_open = members.iter().all(|(name, _)| name.ends_with('?'));
    let object = object(&members);
    if is_open { optional(&object) } else { object }
}

/// The addresses of another upstream. This server has one: only an empty list is taken.
fn pd_block() -> [(&'static str, Value); 5] {
    let texts = || json!({"type": "array", "items": text()});
    [
        (
            "pd_addrs?",
            json!({"type": "array", "items": text(), "maxItems": 0}),
        ),
        ("ca_path?", text()),
        ("cert_path?", text()),
        ("key_path?", text()),
        ("cert_allowed_cn?", texts()),
    ]
}

fn with_pd(members: &[(&'static str, Value)]) -> Value {
    let mut all = members.to_vec();
    all.extend(pd_block());
    request(&all)
}

/// A table of schemas by name.
fn named<const N: usize>(schemas: [(&str, Value); N]) -> Map<String, Value> {
    let pairs = schemas.into_iter();
    pairs.map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn config_member() -> (&'static str, Value) {
    ("replica_config?", reference("ReplicaConfig"))
}

/// An id that may be left empty.
pub(super) fn id() -> Value {
    json!({"type": "string", "maxLength": 128, "pattern": "^([a-zA-Z0-9]+(-[a-zA-Z0-9]+)*)?$"})
}

/// Bodies about changefeeds.
fn changefeed_requests() -> Map<String, Value> {
    let sink_uri = json!({"type": "string", "minLength": 1, "examples": ["blackhole://", "mysql://user:password@host:3306/"]});
    let synced = json!({"type": ["object", "null"], "properties": {"synced_status": {"type": ["object", "null"], "properties": {
        "synced_check_interval": {"type": ["integer", "null"], "format": "int64"},
        "checkpoint_interval": {"type": ["integer", "null"], "format": "int64"},
    }}}});
    named([
        (
            "CreateChangefeed",
            with_pd(&[
                ("changefeed_id?", id()),
                ("namespace?", id()),
                ("sink_uri", sink_uri),
                ("start_ts?", number()),
                ("target_ts?", number()),
                config_member(),
            ]),
        ),
        // What a creation would refuse is a finding here.
        (
            "ValidateChangefeed",
            with_pd(&[
                ("changefeed_id?", text()),
                ("namespace?", text()),
                ("sink_uri?", text()),
                ("start_ts?", number()),
                ("target_ts?", number()),
                config_member(),
            ]),
        ),
        (
            "UpdateChangefeed",
            with_pd(&[("sink_uri?", text()), ("target_ts?", number()), config_member()]),
        ),
        ("SyncedRequest", with_pd(&[("replica_config?", synced)])),
        (
            "ResumeChangefeed",
            with_pd(&[("overwrite_checkpoint_ts?", number())]),
        ),
        (
            "VerifyTable",
            with_pd(&[("sink_uri?", text()), ("start_ts?", number()), config_member()]),
        ),
    ])
}

fn request_schemas() -> Map<String, Value> {
    let levels = json!([
        "", "debug", "info", "warn", "error", "dpanic", "panic", "fatal", null
    ]);
    let mut all = changefeed_requests();
    all.extend(named([
        ("LogLevel", request(&[("log_level?", json!({"enum": levels}))])),
        ("TsoRequest", with_pd(&[("id?", number())])),
        (
            "ResolveLock",
            with_pd(&[("region_id", at_least_one()), ("ts", at_least_one())]),
        ),
        ("DrainCapture", request(&[("capture_id", id())])),
        (
            "FilterPreviewRequest",
            request(&[
                ("rules?", json!({"type": "array", "items": text()})),
                ("case_sensitive?", json!({"type": "boolean"})),
            ]),
        ),
        (
            "OwnerForm",
            json!({"type": "object", "additionalProperties": text()}),
        ),
    ]));
    all
}

fn at_least_one() -> Value {
    json!({"type": "integer", "format": "uint64", "minimum": 1, "maximum": u64::MAX})
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
    named([
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
                ("last_warning?", error.clone()),
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
        ("CaptureArray", json!({"type": "array", "items": capture})),
        (
            "Metadata",
            json!({"type": "array", "items": object(&[("key", text()), ("value", text())])}),
        ),
        ("OwnerDone", object(&[("status", flag()), ("message", text())])),
        (
            "OwnerChangefeed",
            object(&[
                ("state", text()),
                ("tso", number()),
                ("checkpoint", text()),
                ("error", json!({"oneOf": [error, {"type": "null"}]})),
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
    ])
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
fn series() -> Value {
    let figure = || json!({"type": "number"});
    let point = object(&[
        ("unix_ms", number()),
        ("checkpoint_lag_ms", figure()),
        ("resolved_lag_ms", or_null(figure())),
        ("inserts_per_second", figure()),
        ("updates_per_second", figure()),
        ("deletes_per_second", figure()),
        ("bytes_per_second", figure()),
    ]);
    let mark = object(&[
        ("unix_ms", number()),
        (
            "kind",
            json!({"enum": ["ddl", "error", "pause", "resume", "edit", "finish"]}),
        ),
        ("text", text()),
    ]);
    object(&[
        ("window", json!({"enum": ["5m", "1h", "24h"]})),
        ("unix_ms", number()),
        ("step_seconds", number()),
        ("points", list(point)),
        ("marks", list(mark)),
    ])
}

fn live_schema() -> Value {
    let figure = || json!({"type": "number"});
    let stage = object(&[
        ("name", json!({"enum": ["puller", "mounter", "filter", "sink"]})),
        ("watermark_ts", number()),
        ("rows_per_second", or_null(figure())),
    ]);
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
        ("inserts_per_second", figure()),
        ("updates_per_second", figure()),
        ("deletes_per_second", figure()),
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
        ("stages", list(stage)),
        (
            "ddls",
            list(object(&[("commit_ts", number()), ("query", text())])),
        ),
        ("edits", number()),
    ])
}

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

fn config_history() -> Value {
    let version = object(&[
        ("version", number()),
        ("time", text()),
        ("action", json!({"enum": ["create", "update", "remove", "found"]})),
        (
            "actor",
            object(&[("name", text()), ("kind", text()), ("role", text())]),
        ),
        ("sink_uri", text()),
        ("start_ts", number()),
        ("target_ts", number()),
        ("checkpoint_ts", number()),
        ("config", json!({})),
    ]);
    list_of(&version)
}

/// Bodies of `/api/tidegate/v1` and of the routes without a version.
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
    named([
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
        ("ConfigHistory", config_history()),
        ("Series", series()),
        (
            "FeedTables",
            list_of(&object(&[
                ("schema", text()),
                ("table", text()),
                ("table_id", json!({"type": "integer"})),
                ("replicated", flag()),
                ("key", or_null(text())),
                ("unsupported", or_null(text())),
            ])),
        ),
        (
            "ErrorHelp",
            object(&[
                ("code", text()),
                ("http_status", number()),
                ("retried", flag()),
                ("meaning", text()),
                ("cause", text()),
                ("remedy", text()),
            ]),
        ),
        (
            "FindingList",
            list_of(&object(&[
                ("pointer", text()),
                ("code", text()),
                ("severity", json!({"enum": ["error", "warning"]})),
                ("message", text()),
                ("hint", text()),
            ])),
        ),
        ("Settings", json!({"type": "object"})),
        (
            "LogLevelWord",
            json!({"enum": ["", "debug", "info", "warn", "error", "dpanic", "panic", "fatal"]}),
        ),
    ])
}
