//! `/unsafe`: what is stored, and what only a TiKV upstream has.

use axum::extract::State;
use tidegate_api::{ResolveLock, TsoRequest, read_json};
use tidegate_model::{CdcError, ErrorCode};

use crate::server::extract::{Body, own_upstream};
use crate::server::respond::{Answer, empty, four_spaces};
use crate::server::state::App;

/// `GET /unsafe/metadata`: an array, secrets masked.
pub(crate) async fn list(State(app): State<App>) -> Answer {
    four_spaces(&app.service.metadata().await?)
}

/// `POST /unsafe/resolve_lock`. Only a TiKV upstream has regions with locks.
pub(crate) async fn resolve_lock(body: Body) -> Answer {
    let request: ResolveLock = read_json(&body.0)?;
    if request.region_id == 0 || request.ts == 0 {
        let text = "invalid api parameter: region_id and ts must not be 0";
        return Err(CdcError::new(ErrorCode::APIInvalidParam, text).into());
    }
    own_upstream(&request.pd)?;
    let text = "resolve_lock is not supported by this upstream: its log has no locks";
    Err(CdcError::new(ErrorCode::NotSupported, text).into())
}

/// `DELETE /unsafe/service_gc_safepoint`. A binlog has no safepoint that this server could have set: there is none
/// left when this answers.
pub(crate) async fn delete_safepoint(State(app): State<App>, body: Body) -> Answer {
    let request: TsoRequest = read_json(&body.0)?;
    own_upstream(&request.pd)?;
    app.service.check_upstream(request.id).await?;
    empty()
}
