//! The owner.

use axum::extract::State;

use crate::server::respond::{Answer, empty};
use crate::server::state::App;

/// `POST /owner/resign`
pub(crate) async fn resign(State(app): State<App>) -> Answer {
    app.service.resign_owner().await?;
    empty()
}
