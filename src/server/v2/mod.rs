//! `/api/v2`: one handler per endpoint, a few lines each over the `ReplicationService`.

mod capture;
mod changefeed;
mod metadata;
mod owner;
mod processor;
mod server;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidegate_model::{CdcError, ErrorCode};

use super::access::{ADMIN, OPERATOR, VIEWER};
use super::respond::Failure;
use super::routes::Routes;
use super::state::App;

/// Routes below `/api/v2`.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/status", VIEWER, server::status)
        .get("/health", VIEWER, server::health)
        .post("/log", OPERATOR, server::set_log_level)
        .post("/tso", VIEWER, server::tso)
        .post("/verify_table", VIEWER, server::verify_table)
        .post("/owner/resign", ADMIN, owner::resign)
        .get("/captures", VIEWER, capture::list)
        .post("/captures/{capture_id}/drain", ADMIN, capture::drain)
        .get("/processors", VIEWER, processor::list)
        .get(
            "/processors/{changefeed_id}/{capture_id}",
            VIEWER,
            processor::detail,
        )
        .get("/changefeeds", VIEWER, changefeed::list)
        .post("/changefeeds", OPERATOR, changefeed::create)
        .get("/changefeeds/{changefeed_id}", VIEWER, changefeed::detail)
        .put("/changefeeds/{changefeed_id}", OPERATOR, changefeed::update)
        .delete("/changefeeds/{changefeed_id}", ADMIN, changefeed::remove)
        .get("/changefeeds/{changefeed_id}/status", VIEWER, changefeed::status)
        .get(
            "/changefeeds/{changefeed_id}/meta_info",
            VIEWER,
            changefeed::meta_info,
        )
        .post("/changefeeds/{changefeed_id}/pause", OPERATOR, changefeed::pause)
        .post("/changefeeds/{changefeed_id}/resume", OPERATOR, changefeed::resume)
        // The published page spells the first one, the original serves the second.
        .get("/changefeed/{changefeed_id}/synced", VIEWER, changefeed::synced)
        .get("/changefeeds/{changefeed_id}/synced", VIEWER, changefeed::synced)
        .get("/unsafe/metadata", ADMIN, metadata::list)
        .post("/unsafe/resolve_lock", ADMIN, metadata::resolve_lock)
        .delete("/unsafe/service_gc_safepoint", ADMIN, metadata::delete_safepoint)
}

/// 503 until the changefeeds are loaded.
pub(crate) async fn only_when_ready(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.service.is_ready() {
        next.run(request).await
    } else {
        Failure(CdcError::new(
            ErrorCode::ServerIsNotReady,
            "cdc server is not ready",
        ))
        .into_response()
    }
}
