//! `/swagger`: the OpenAPI document, and a page to read it that needs no script.

mod page;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use super::access::VIEWER;
use super::openapi::openapi_document;
use super::routes::Routes;

/// The document as it is served.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi_document().to_string());
static PAGE: LazyLock<String> = LazyLock::new(|| page::render(&openapi_document()));

/// Routes below `/swagger`.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/swagger", VIEWER, page)
        .get("/swagger/index.html", VIEWER, page)
        .get("/swagger/doc.json", VIEWER, document)
}

async fn document() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (kind, DOCUMENT.as_str()).into_response()
}

async fn page() -> Html<&'static str> {
    Html(PAGE.as_str())
}
