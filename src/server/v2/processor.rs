//! Processors: the work of a capture on a changefeed.

use axum::extract::State;
use tidegate_api::List;

use crate::server::extract::{CaptureParam, FeedId};
use crate::server::respond::{Answer, compact};
use crate::server::state::App;

/// `GET /processors`
pub(crate) async fn list(State(app): State<App>) -> Answer {
    compact(&List::new(app.service.processors().await?))
}

/// `GET /processors/{changefeed}/{capture}`
pub(crate) async fn detail(State(app): State<App>, id: FeedId, capture: CaptureParam) -> Answer {
    compact(&app.service.processor(&id.0, &capture.0).await?)
}
