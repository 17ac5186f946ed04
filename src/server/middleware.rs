//! Rules for every request.

use std::any::Any;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tidegate_model::{CdcError, ErrorCode};

use super::respond::Failure;

/// Refuses writes that another web page sends through the reader's browser. Programs send no `Origin`.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reading && is_foreign(request.headers()) {
        let error = CdcError::new(ErrorCode::Unauthorized, "the request comes from another web page");
        let mut response = Failure(error).into_response();
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    next.run(request).await
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").map(|(_, rest)| rest) != Some(host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// `/path/` goes to `/path`, as the original's router does it: 301 for GET, 307 for everything else.
pub(crate) async fn trailing_slash(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') {
        // One leading slash only: `//host/` would lead to another server.
        let trimmed = format!("/{}", path.trim_matches('/'));
        let target = match request.uri().query() {
            Some(query) => format!("{trimmed}?{query}"),
            None => trimmed,
        };
        if *request.method() == Method::GET {
            let moved = (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)]);
            return moved.into_response();
        }
        return Redirect::temporary(&target).into_response();
    }
    next.run(request).await
}

/// Headers that make browsers careful.
pub(crate) async fn browser_headers(request: Request, next: Next) -> Response {
    let page = request.uri().path().starts_with("/ui");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if page {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        // Hydration starts from an inline script and instantiates WebAssembly.
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; \
                 style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; \
                 form-action 'self'",
            ),
        );
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
    response
}

/// A handler that panicked still answers in JSON.
#[allow(clippy::needless_pass_by_value, reason = "the signature is given")]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let detail = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(panic = detail, "a request handler panicked");
    Failure(CdcError::new(
        ErrorCode::InternalServerError,
        "the request could not be handled",
    ))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_pages_are_foreign() {
        let check = |headers: &[(&'static str, &'static str)], expect: bool| {
            let map = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(is_foreign(&map), expect, "{headers:?}");
        };
        check(&[("host", "127.0.0.1:8300")], false);
        check(
            &[("host", "127.0.0.1:8300"), ("origin", "http://127.0.0.1:8300")],
            false,
        );
        check(
            &[("host", "127.0.0.1:8300"), ("origin", "http://evil.example")],
            true,
        );
        check(&[("host", "127.0.0.1:8300"), ("origin", "null")], true);
        check(&[("host", "h"), ("sec-fetch-site", "cross-site")], true);
        check(
            &[
                ("host", "h"),
                ("origin", "http://proxy"),
                ("sec-fetch-site", "same-origin"),
            ],
            false,
        );
    }
}
