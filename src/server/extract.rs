//! What handlers take from a request. By hand, because the stock extractors answer with plain text, 405, 415 or 422,
//! and clients of the original know none of these.

use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use tidegate_api::PdBlock;
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, is_valid_id};
use tokio::time::timeout;
use url::form_urlencoded;

use super::respond::Failure;

/// Largest request body.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Longest time until a body is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// First value of a query parameter; empty when absent. A client of the original repeats earlier parameters.
pub(crate) fn query_value(query: Option<&str>, name: &str) -> String {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The `namespace` query parameter, or its later name `keyspace`; `default` when both are empty.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    fn of(parts: &Parts) -> Self {
        let query = parts.uri.query();
        let name = [query_value(query, "namespace"), query_value(query, "keyspace")]
            .into_iter()
            .find(|v| !v.is_empty());
        Namespace(name.unwrap_or_else(|| tidegate_model::DEFAULT_NAMESPACE.to_owned()))
    }
}

impl<S: Sync> FromRequestParts<S> for Namespace {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Namespace::of(parts))
    }
}

/// Raw query text.
pub(crate) struct Query(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Query(parts.uri.query().map(str::to_owned)))
    }
}

/// The changefeed a path names, its id checked.
pub(crate) struct FeedId(pub(crate) ChangefeedId);

impl<S: Send + Sync> FromRequestParts<S> for FeedId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let id = path_value(parts, state, "changefeed_id").await?;
        if !is_valid_id(&id) {
            return Err(invalid(format_args!("invalid changefeed_id: {id}")));
        }
        Ok(FeedId(ChangefeedId::new(&Namespace::of(parts).0, &id)))
    }
}

/// The capture a path names, its id checked.
pub(crate) struct CaptureParam(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for CaptureParam {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let id = path_value(parts, state, "capture_id").await?;
        if !is_valid_id(&id) {
            return Err(invalid(format_args!("invalid capture_id: {id}")));
        }
        Ok(CaptureParam(id))
    }
}

async fn path_value<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Failure> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|error| invalid(format_args!("invalid {name}: {error}")))?;
    Ok(params
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default())
}

/// The whole body, whatever its content type says.
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let read = timeout(BODY_TIMEOUT, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
        match read {
            Ok(Ok(bytes)) => Ok(Body(bytes)),
            Ok(Err(_)) => Err(invalid(format_args!(
                "the request body is broken or larger than {BODY_BYTES_MAX} bytes"
            ))),
            Err(_elapsed) => Err(invalid("the request body did not arrive in time")),
        }
    }
}

/// Refuses a body that names another upstream: this server reads from the one it was started with.
pub(crate) fn own_upstream(pd: &PdBlock) -> Result<(), Failure> {
    if pd.pd_addrs.is_empty() {
        return Ok(());
    }
    let text = "pd_addrs is not supported: the server reads from the upstream it was started with";
    Err(Failure(CdcError::new(ErrorCode::NotSupported, text)))
}

fn invalid(message: impl std::fmt::Display) -> Failure {
    Failure(CdcError::new(ErrorCode::APIInvalidParam, message))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_refused_in_time() {
        let start = tokio::time::Instant::now();
        let never = stream::pending::<std::io::Result<Bytes>>();
        let request = Request::new(axum::body::Body::from_stream(never));
        let refused = Body::from_request(request, &()).await.map(|_| ()).unwrap_err();
        assert_eq!(
            refused.0.wire_message(),
            "[CDC:ErrAPIInvalidParam]the request body did not arrive in time"
        );
        assert_eq!(start.elapsed(), BODY_TIMEOUT);
    }

    #[test]
    fn the_first_value_counts_and_is_decoded() {
        assert_eq!(
            query_value(Some("a=1&namespace=x%2Dy&namespace=z"), "namespace"),
            "x-y"
        );
        assert_eq!(query_value(Some("a=1"), "namespace"), "");
        assert_eq!(query_value(None, "namespace"), "");
    }
}
