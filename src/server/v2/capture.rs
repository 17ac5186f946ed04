//! Captures.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use tidegate_api::List;

use crate::server::extract::CaptureParam;
use crate::server::respond::{Answer, compact};
use crate::server::state::App;

/// `GET /captures`
pub(crate) async fn list(State(app): State<App>) -> Answer {
    compact(&List::new(app.service.captures().await?))
}

/// `POST /captures/{id}/drain`
pub(crate) async fn drain(State(app): State<App>, capture: CaptureParam) -> Answer {
    let left = app.service.drain_capture(&capture.0).await?;
    let mut answer = compact(&json!({"current_table_count": left}))?;
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}
