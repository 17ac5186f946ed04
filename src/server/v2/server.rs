//! The server itself, its clock, its log, and the tables it sees.

use axum::extract::State;
use tidegate_api::{LogLevelRequest, TsoRequest, VerifyTable, read_json};

use crate::server::extract::{Body, own_upstream};
use crate::server::respond::{Answer, compact, empty, four_spaces};
use crate::server::state::App;

/// `GET /status`
pub(crate) async fn status(State(app): State<App>) -> Answer {
    four_spaces(&app.service.server_status().await?)
}

/// `GET /health`
pub(crate) async fn health(State(app): State<App>) -> Answer {
    app.service.health().await?;
    empty()
}

/// `POST /log`
#[allow(clippy::unused_async, reason = "handlers are async")]
pub(crate) async fn set_log_level(State(app): State<App>, body: Body) -> Answer {
    let request: LogLevelRequest = read_json(&body.0)?;
    app.log.set_level(&request.log_level)?;
    empty()
}

/// `POST /tso`
pub(crate) async fn tso(State(app): State<App>, body: Body) -> Answer {
    let request: TsoRequest = read_json(&body.0)?;
    own_upstream(&request.pd)?;
    app.service.check_upstream(request.id).await?;
    four_spaces(&app.service.tso().await?)
}

/// `POST /verify_table`
pub(crate) async fn verify_table(State(app): State<App>, body: Body) -> Answer {
    let request: VerifyTable = read_json(&body.0)?;
    own_upstream(&request.pd)?;
    compact(&app.service.verify_table(request).await?)
}
