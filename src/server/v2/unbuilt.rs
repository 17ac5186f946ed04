//! Endpoints of the original that this version does not have. They say so.

use axum::extract::OriginalUri;
use tidegate_model::{CdcError, ErrorCode};

use crate::server::respond::Answer;

/// Any endpoint below `/unsafe`.
pub(crate) async fn answer(uri: OriginalUri) -> Answer {
    let path = uri.path();
    Err(CdcError::new(
        ErrorCode::NotSupported,
        format_args!("{path} is not supported by this upstream"),
    )
    .into())
}
