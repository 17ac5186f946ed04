//! Routes without a version: what monitors and start scripts ask for.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};
use serde_json::{Value, json};
use tidegate_model::{CdcError, ErrorCode};

use super::access::{METRICS, OPERATOR, PUBLIC, VIEWER};
use super::extract::Body;
use super::respond::{Answer, Failure, compact, one_space, plain};
use super::routes::Routes;
use super::state::App;

/// Routes at the top.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/status", VIEWER, status)
        // What asks whether the server lives seldom has credentials.
        .get("/health", PUBLIC, health)
        .get("/metrics", METRICS, metrics)
        .get("/debug/info", VIEWER, debug_info)
        .get("/config", VIEWER, config)
        .post("/admin/log", OPERATOR, set_log_level)
}

async fn status(State(app): State<App>) -> Answer {
    let status = app.service.server_status().await?;
    let mut value = serde_json::to_value(&status).map_err(|error| {
        CdcError::new(ErrorCode::InternalServerError, "cannot write the status").with_source(error)
    })?;
    if let Value::Object(members) = &mut value {
        // The oldest form of the answer does not have these two.
        members.shift_remove("cluster_id");
        members.shift_remove("liveness");
    }
    one_space(&value)
}

async fn health(State(app): State<App>) -> Answer {
    app.service.health().await?;
    super::respond::empty()
}

async fn metrics() -> Response {
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    let families = prometheus::gather();
    if let Err(error) = encoder.encode(&families, &mut text) {
        let error =
            CdcError::new(ErrorCode::InternalServerError, "cannot write the metrics").with_source(error);
        return Failure(error).into_response();
    }
    ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response()
}

/// Start scripts of the original wait for the words `etcd info` here.
async fn debug_info(State(app): State<App>) -> Result<String, Failure> {
    let mut text = String::from("*** owner info ***\n\n");
    let live = app.service.live().borrow().clone();
    for feed in &live.changefeeds {
        let reason = feed.reason.as_deref().unwrap_or("-");
        line(
            &mut text,
            format_args!(
                "{}/{}: {}, checkpoint {}, {reason}",
                feed.namespace, feed.id, feed.state, feed.checkpoint_ts
            ),
        );
    }
    text.push_str("\n*** processors info ***\n\n");
    for processor in app.service.processors().await? {
        line(
            &mut text,
            format_args!(
                "{}/{} on {}",
                processor.namespace, processor.changefeed_id, processor.capture_id
            ),
        );
    }
    text.push_str("\n*** etcd info ***\n\n");
    for entry in app.service.metadata().await? {
        line(&mut text, format_args!("{}: {}", entry.key, entry.value));
    }
    let watermark = app.upstream.watermark().borrow().clone();
    line(
        &mut text,
        format_args!(
            "\n*** upstream info ***\n\nread up to {} at {}",
            watermark.resolved_ts, watermark.position
        ),
    );
    Ok(text)
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("a String takes any text");
}

async fn config(State(app): State<App>) -> Answer {
    let config = &app.config;
    let shown = json!({
        "addr": config.addr.to_string(),
        "advertise-addr": config.advertise_addr,
        "allowed-host": config.allowed_hosts,
        "log-level": app.log.level(),
        "data-dir": config.data_dir.display().to_string(),
        "tz": config.time_zone.iana_name().unwrap_or("System"),
        "read-only": config.read_only,
        "cluster-id": config.cluster_id,
        "upstream-uri": tidegate_model::mask_uri(&config.upstream_uri),
    });
    compact(&shown)
}

/// Body: one JSON string. Errors are plain text, as in the original.
async fn set_log_level(State(app): State<App>, body: Body) -> Response {
    let level = serde_json::from_slice::<String>(&body.0).map_err(|error| {
        let text = format!("invalid log level: {error}");
        CdcError::new(ErrorCode::APIInvalidParam, text)
    });
    match level.and_then(|level| app.log.set_level(&level)) {
        Ok(()) => one_space(&json!({})).into_response(),
        Err(error) => plain(&error),
    }
}
