//! The table of endpoints that the OpenAPI document is made from.

use super::Endpoint;

const NAMESPACE: &[&str] = &["namespace"];

const fn get(path: &'static str, summary: &'static str, answer: &'static str) -> Endpoint {
    Endpoint {
        path,
        method: "get",
        summary,
        body: None,
        status: "200",
        answer,
        plain_errors: false,
        form: false,
        query: &[],
    }
}

const fn post(path: &'static str, summary: &'static str, answer: &'static str) -> Endpoint {
    Endpoint {
        method: "post",
        ..get(path, summary, answer)
    }
}

impl Endpoint {
    const fn method(self, method: &'static str) -> Endpoint {
        Endpoint { method, ..self }
    }

    /// With a body of this schema that must be there.
    const fn takes(self, schema: &'static str) -> Endpoint {
        Endpoint {
            body: Some((schema, true)),
            ..self
        }
    }

    /// With a body of this schema that may be left out.
    const fn may_take(self, schema: &'static str) -> Endpoint {
        Endpoint {
            body: Some((schema, false)),
            ..self
        }
    }

    const fn query(self, query: &'static [&'static str]) -> Endpoint {
        Endpoint { query, ..self }
    }

    const fn in_namespace(self) -> Endpoint {
        self.query(NAMESPACE)
    }

    /// With errors as plain text.
    const fn plain(self) -> Endpoint {
        Endpoint {
            plain_errors: true,
            ..self
        }
    }

    /// With a form as the body, and errors as plain text.
    const fn form(self) -> Endpoint {
        Endpoint {
            form: true,
            ..self.may_take("OwnerForm").plain()
        }
    }

    const fn status(self, status: &'static str) -> Endpoint {
        Endpoint { status, ..self }
    }
}

/// Endpoints of the published API.
pub(super) const V2: &[Endpoint] = &[
    get(
        "/api/v2/status",
        "Version and role of this server",
        "ServerStatus",
    ),
    get(
        "/api/v2/health",
        "Whether the cluster works; an error says why not",
        "Empty",
    ),
    get(
        "/api/v2/changefeeds",
        "Changefeeds of a namespace; state=all shows finished ones too",
        "ChangefeedList",
    )
    .query(&["namespace", "state"]),
    post("/api/v2/changefeeds", "Create a changefeed", "Changefeed").takes("CreateChangefeed"),
    get(
        "/api/v2/changefeeds/{changefeed_id}",
        "A changefeed with its configuration",
        "Changefeed",
    )
    .in_namespace(),
    post(
        "/api/v2/changefeeds/{changefeed_id}",
        "Change a stopped or failed changefeed; members left out keep their value",
        "Changefeed",
    )
    .method("put")
    .takes("UpdateChangefeed")
    .in_namespace(),
    post(
        "/api/v2/changefeeds/{changefeed_id}",
        "Remove a changefeed; an unknown one is no error",
        "Empty",
    )
    .method("delete")
    .in_namespace(),
    get(
        "/api/v2/changefeeds/{changefeed_id}/status",
        "State, checkpoint and last error",
        "ChangefeedStatus",
    )
    .in_namespace(),
    get(
        "/api/v2/changefeeds/{changefeed_id}/meta_info",
        "The stored description, secrets masked",
        "Changefeed",
    )
    .in_namespace(),
    post(
        "/api/v2/changefeeds/{changefeed_id}/pause",
        "Stop replicating and keep the checkpoint",
        "Empty",
    )
    .in_namespace(),
    post(
        "/api/v2/changefeeds/{changefeed_id}/resume",
        "Go on from the checkpoint, or from another one",
        "Empty",
    )
    .may_take("ResumeChangefeed")
    .in_namespace(),
    get(
        "/api/v2/changefeeds/{changefeed_id}/synced",
        "Whether the downstream has everything",
        "Synced",
    )
    .may_take("SyncedRequest")
    .in_namespace(),
    get(
        "/api/v2/changefeed/{changefeed_id}/synced",
        "The same under the name of the published page",
        "Synced",
    )
    .may_take("SyncedRequest")
    .in_namespace(),
    get(
        "/api/v2/captures",
        "Server processes of the cluster",
        "CaptureList",
    ),
    post(
        "/api/v2/captures/{capture_id}/drain",
        "Move all tables away from a capture; refused while there is one only",
        "Drained",
    )
    .status("202"),
    get(
        "/api/v2/processors",
        "Which capture works on which changefeed",
        "ProcessorList",
    ),
    get(
        "/api/v2/processors/{changefeed_id}/{capture_id}",
        "Tables of a changefeed on a capture",
        "Processor",
    )
    .in_namespace(),
    post(
        "/api/v2/owner/resign",
        "Let another capture become the owner",
        "Empty",
    ),
    post("/api/v2/log", "Change the log level", "Empty").takes("LogLevel"),
    post("/api/v2/tso", "The upstream's clock", "Tso").takes("TsoRequest"),
    post(
        "/api/v2/verify_table",
        "Which tables a configuration selects, and which of them have no usable key",
        "VerifiedTables",
    )
    .takes("VerifyTable"),
    get(
        "/api/v2/unsafe/metadata",
        "Everything that is stored, secrets masked",
        "Metadata",
    ),
    post(
        "/api/v2/unsafe/resolve_lock",
        "Resolve locks of a TiKV region; refused, as no upstream has them",
        "Empty",
    )
    .takes("ResolveLock"),
    post(
        "/api/v2/unsafe/service_gc_safepoint",
        "Remove the hold on the upstream's log; a binlog has none",
        "Empty",
    )
    .method("delete")
    .takes("TsoRequest"),
];

/// What cluster managers still ask for.
pub(super) const V1: &[Endpoint] = &[
    get("/api/v1/status", "As /api/v2/status", "ServerStatus"),
    get("/api/v1/health", "200 without a body", "Nothing"),
    get(
        "/api/v1/captures",
        "Server processes, without an envelope",
        "CaptureArray",
    ),
    post(
        "/api/v1/captures/drain",
        "As /api/v2/captures/{capture_id}/drain",
        "Drained",
    )
    .method("put")
    .takes("DrainCapture")
    .status("202"),
    post("/api/v1/owner/resign", "As /api/v2/owner/resign", "Nothing").status("202"),
];

/// Endpoints that only this server has, and those without a version.
pub(super) const OTHERS: &[Endpoint] = &[
    get(
        "/api/tidegate/v1/server",
        "This server and its upstream",
        "ServerInfo",
    ),
    get(
        "/api/tidegate/v1/live",
        "Figures of all changefeeds, renewed every second",
        "LiveSnapshot",
    ),
    post(
        "/api/tidegate/v1/filter/preview",
        "Which upstream tables the rules select, and which rule decided",
        "FilterPreview",
    )
    .takes("FilterPreviewRequest"),
    post(
        "/api/tidegate/v1/changefeeds/validate",
        "Everything that would keep a changefeed from being created, and what is odd; creates nothing",
        "FindingList",
    )
    .takes("ValidateChangefeed"),
    get(
        "/api/tidegate/v1/errors/{code}",
        "What an error code means and what to do",
        "ErrorHelp",
    ),
    get(
        "/api/tidegate/v1/changefeeds/{changefeed_id}/series",
        "Lag, rows and bytes of the last 5 minutes, hour or day, and what happened meanwhile",
        "Series",
    )
    .query(&["window", "namespace"]),
    get(
        "/api/tidegate/v1/changefeeds/{changefeed_id}/tables",
        "Tables that the rules of a changefeed select",
        "FeedTables",
    )
    .query(&["namespace"]),
    get(
        "/api/tidegate/v1/activity",
        "Who changed what, newest first; the next page takes next_cursor as cursor. format=ndjson: all of it as a file",
        "ActivityPage",
    )
    .query(&[
        "changefeed_id",
        "namespace",
        "actor",
        "action",
        "result",
        "since",
        "until",
        "limit",
        "cursor",
        "format",
    ]),
    get(
        "/api/tidegate/v1/changefeeds/{changefeed_id}/history",
        "Every configuration that was applied, newest first, secrets masked; also of a removed changefeed",
        "ConfigHistory",
    )
    .query(&["namespace"]),
    get(
        "/api/tidegate/v1/changefeeds/{changefeed_id}/config",
        "The configuration as a file, json or toml; only=set: what differs from the defaults; version: one of the past",
        "Text",
    )
    .query(&["namespace", "format", "only", "version"]),
    get(
        "/status",
        "Version and role, as the oldest clients ask",
        "ServerStatus",
    ),
    get("/health", "As /api/v2/health", "Empty"),
    get("/metrics", "Figures in the text format of Prometheus", "Text"),
    get(
        "/debug/info",
        "State of owner, processors and upstream as text",
        "Text",
    ),
    get("/config", "Settings of this server, secrets masked", "Settings"),
    post(
        "/admin/log",
        "Change the log level; the body is one JSON string",
        "Empty",
    )
    .takes("LogLevelWord")
    .plain(),
    post("/capture/owner/resign", "As /api/v2/owner/resign", "OwnerDone").plain(),
    post(
        "/capture/owner/admin",
        "Fields cf-id and admin-job: 1 pauses, 2 resumes, 3 removes",
        "OwnerDone",
    )
    .form(),
    post(
        "/capture/owner/rebalance_trigger",
        "Spread the tables of cf-id over the servers",
        "OwnerDone",
    )
    .form(),
    post(
        "/capture/owner/move_table",
        "Move table-id of cf-id to target-cp-id; refused while there is one server",
        "OwnerDone",
    )
    .form(),
    post(
        "/capture/owner/changefeed/query",
        "State and checkpoint of cf-id",
        "OwnerChangefeed",
    )
    .form(),
];
