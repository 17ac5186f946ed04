//! Rules for every request.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::nonce::use_nonce;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use tidegate_model::{CdcError, ErrorCode};
use tokio::time::timeout;

use super::access::Principal;
use super::console::is_watched;
use super::extract;
use super::respond::Failure;

/// Longest time for one answer; removing a changefeed may wait about a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

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

/// An answer that takes too long is given up with an error. Event streams are not covered: they have no end.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    match timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Failure(CdcError::new(
            ErrorCode::InternalServerError,
            "the request took too long",
        ))
        .into_response(),
    }
}

/// Server functions read the body of a form without a limit of their own: they get it read already.
pub(crate) async fn whole_form(request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/ui/fn/") || *request.method() == Method::GET {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match extract::Body::from_request(Request::new(body), &()).await {
        Ok(body) => next.run(Request::from_parts(parts, body.0.into())).await,
        Err(failure) => failure.into_response(),
    }
}

/// One line for each request: writes at `info`, reads at `debug`. Queries and bodies are left out.
pub(crate) async fn access_log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let client = request.headers().get("x-client-version").cloned();
    let response = next.run(request).await;
    let user = response.extensions().get::<Principal>();
    let user = user.map_or("", |user| user.name.as_str());
    let status = response.status().as_u16();
    let millis = started.elapsed().as_millis();
    let client = client
        .as_ref()
        .and_then(|client| client.to_str().ok())
        .unwrap_or_default();
    if method == Method::GET || method == Method::HEAD {
        tracing::debug!(%method, path, status, millis, user, client, "request");
    } else {
        tracing::info!(%method, path, status, millis, user, client, "request");
    }
    response
}

/// What a page may load and run. Scripts are those of this server; inline ones need the nonce.
fn content_policy(nonce: Option<&str>) -> String {
    // Hydration starts from an inline script and instantiates WebAssembly.
    let scripts = match nonce {
        Some(nonce) => format!("'self' 'nonce-{nonce}' 'wasm-unsafe-eval'"),
        None => "'none'".to_owned(),
    };
    // The page reloads itself over a port of cargo-leptos.
    let connections = if is_watched() { "'self' ws:" } else { "'self'" };
    format!(
        "default-src 'self'; connect-src {connections}; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    )
}

/// Called while a page of the console is made: lets the inline scripts that Leptos writes run, and no others.
pub(crate) fn allow_scripts_of_page() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    if let Ok(policy) = HeaderValue::from_str(&content_policy(Some(&nonce.to_string()))) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Headers that make browsers careful. Pages that did not ask for scripts get none.
pub(crate) async fn browser_headers(request: Request, next: Next) -> Response {
    let console = request.uri().path().starts_with("/ui");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("text/html")) {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if !headers.contains_key(header::CONTENT_SECURITY_POLICY)
            && let Ok(policy) = HeaderValue::from_str(&content_policy(None))
        {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
    if console && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
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

    #[tokio::test]
    async fn a_handler_that_panics_answers_in_json() {
        use tower_http::catch_panic::ResponseForPanic;
        let mut handler = panicked;
        let response = handler.response_for_panic(Box::new("secret detail"));
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(
            text.contains("CDC:ErrInternalServerError") && !text.contains("secret"),
            "{text}"
        );
    }

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
