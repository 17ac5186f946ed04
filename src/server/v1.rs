//! The five routes of `/api/v1` that cluster managers still ask for. Commands answer 202.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tidegate_api::{DrainCapture, read_json};
use tidegate_model::{CdcError, ErrorCode, is_valid_id};

use super::access::{ADMIN, VIEWER};
use super::extract::Body;
use super::respond::{Answer, Failure, bodiless, compact, four_spaces};
use super::routes::Routes;
use super::state::App;

/// Routes below `/api/v1`.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/status", VIEWER, status)
        .get("/health", VIEWER, health)
        .get("/captures", VIEWER, captures)
        .put("/captures/drain", ADMIN, drain)
        .post("/owner/resign", ADMIN, resign)
}

async fn status(State(app): State<App>) -> Answer {
    four_spaces(&app.service.server_status().await?)
}

async fn health(State(app): State<App>) -> Result<Response, Failure> {
    app.service.health().await?;
    Ok(bodiless(StatusCode::OK))
}

/// An array without an envelope.
async fn captures(State(app): State<App>) -> Answer {
    four_spaces(&app.service.captures().await?)
}

async fn drain(State(app): State<App>, body: Body) -> Answer {
    let request: DrainCapture = read_json(&body.0)?;
    if !is_valid_id(&request.capture_id) {
        let text = format!("invalid capture_id: {}", request.capture_id);
        return Err(CdcError::new(ErrorCode::APIInvalidParam, text).into());
    }
    let left = app.service.drain_capture(&request.capture_id).await?;
    let mut answer = compact(&json!({"current_table_count": left}))?;
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}

async fn resign(State(app): State<App>) -> Result<Response, Failure> {
    app.service.resign_owner().await?;
    Ok(bodiless(StatusCode::ACCEPTED))
}
