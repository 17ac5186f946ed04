//! `/api/v2`: one handler per endpoint, a few lines each over the `ReplicationService`.

mod capture;
mod changefeed;
mod metadata;
mod owner;
mod processor;
mod server;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tidegate_model::{CdcError, ErrorCode};

use super::respond::Failure;
use super::state::App;

/// Routes below `/api/v2`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/status", get(server::status))
        .route("/health", get(server::health))
        .route("/log", post(server::set_log_level))
        .route("/tso", post(server::tso))
        .route("/verify_table", post(server::verify_table))
        .route("/owner/resign", post(owner::resign))
        .route("/captures", get(capture::list))
        .route("/captures/{capture_id}/drain", post(capture::drain))
        .route("/processors", get(processor::list))
        .route("/processors/{changefeed_id}/{capture_id}", get(processor::detail))
        .route("/changefeeds", get(changefeed::list).post(changefeed::create))
        .route(
            "/changefeeds/{changefeed_id}",
            get(changefeed::detail).put(changefeed::update).delete(changefeed::remove),
        )
        .route("/changefeeds/{changefeed_id}/status", get(changefeed::status))
        .route("/changefeeds/{changefeed_id}/meta_info", get(changefeed::meta_info))
        .route("/changefeeds/{changefeed_id}/pause", post(changefeed::pause))
        .route("/changefeeds/{changefeed_id}/resume", post(changefeed::resume))
        // The published page spells the first one, the original serves the second.
        .route("/changefeed/{changefeed_id}/synced", get(changefeed::synced))
        .route("/changefeeds/{changefeed_id}/synced", get(changefeed::synced))
        .route("/unsafe/metadata", get(metadata::list))
        .route("/unsafe/resolve_lock", post(metadata::resolve_lock))
        .route("/unsafe/service_gc_safepoint", delete(metadata::delete_safepoint))
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
