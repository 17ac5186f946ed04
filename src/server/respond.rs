//! Answers with exactly the bytes that clients of the original know.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use tidegate_api::ApiError;
use tidegate_model::{CdcError, ErrorCode};

/// Content type of the API.
const JSON_UTF8: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A failed request: the error's status and the error body, indented by four spaces.
pub(crate) struct Failure(pub(crate) CdcError);

impl From<CdcError> for Failure {
    fn from(error: CdcError) -> Self {
        Failure(error)
    }
}

/// What handlers return.
pub(crate) type Answer = Result<Response, Failure>;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(error = ?self.0, "request failed");
        }
        let body = ApiError {
            error_msg: self.0.wire_message(),
            error_code: self.0.code().to_string(),
        };
        indented(status, &body, b"    ", JSON_UTF8)
    }
}

/// 200 with compact JSON.
pub(crate) fn compact(value: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        CdcError::new(ErrorCode::InternalServerError, "cannot write the answer").with_source(error)
    })?;
    Ok(bytes_response(StatusCode::OK, bytes, JSON_UTF8))
}

/// 200 with exactly `{}`.
pub(crate) fn empty() -> Answer {
    Ok(bytes_response(StatusCode::OK, b"{}".to_vec(), JSON_UTF8))
}

/// 200 with JSON indented by four spaces.
#[allow(clippy::unnecessary_wraps, reason = "the shape of all handlers' answers")]
pub(crate) fn four_spaces(value: &impl Serialize) -> Answer {
    Ok(indented(StatusCode::OK, value, b"    ", JSON_UTF8))
}

/// 200 with JSON indented by one space, as the oldest routes answer.
#[allow(clippy::unnecessary_wraps, reason = "the shape of all handlers' answers")]
pub(crate) fn one_space(value: &impl Serialize) -> Answer {
    Ok(indented(
        StatusCode::OK,
        value,
        b" ",
        HeaderValue::from_static("application/json"),
    ))
}

/// A failure as the oldest routes answer it: its status and its message as plain text.
pub(crate) fn plain(error: &CdcError) -> Response {
    let status =
        StatusCode::from_u16(error.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    bytes_response(status, error.wire_message().into_bytes(), kind)
}

/// A status without a body, as `/api/v1` answers to commands.
pub(crate) fn bodiless(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// `404 page not found`, for unknown paths and wrong methods alike.
pub(crate) async fn not_found() -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    bytes_response(StatusCode::NOT_FOUND, b"404 page not found".to_vec(), kind)
}

fn indented(status: StatusCode, value: &impl Serialize, indent: &[u8], kind: HeaderValue) -> Response {
    let mut bytes = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent));
    if let Err(error) = value.serialize(&mut writer) {
        tracing::error!(%error, "cannot write an answer");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    bytes_response(status, bytes, kind)
}

fn bytes_response(status: StatusCode, bytes: Vec<u8>, kind: HeaderValue) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn errors_are_indented_by_four_spaces_and_carry_the_code_twice() {
        let error = CdcError::new(
            ErrorCode::ChangeFeedNotExists,
            "changefeed not exists, default/no-such-feed",
        );
        let response = Failure(error).into_response();
        assert_eq!(response.status(), 400);
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(
            body,
            "{\n    \"error_msg\": \"[CDC:ErrChangeFeedNotExists]changefeed not exists, default/no-such-feed\",\n    \
             \"error_code\": \"CDC:ErrChangeFeedNotExists\"\n}"
        );
    }
}
