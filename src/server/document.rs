//! `/swagger`: the OpenAPI document, and a plain page to read it.

use std::fmt::Write;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::access::VIEWER;
use super::openapi::openapi_document;
use super::routes::Routes;

/// Routes below `/swagger`.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/swagger", VIEWER, page)
        .get("/swagger/doc.json", VIEWER, document)
}

async fn document() -> Response {
    let text = openapi_document().to_string();
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}

async fn page() -> Html<String> {
    Html(render(&openapi_document()))
}

fn render(document: &Value) -> String {
    let mut html = String::from(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidegate API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <style>:root{color-scheme:light dark}body{font:14px/1.45 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}\
         code{font-family:ui-monospace,monospace}dt{margin-top:1rem;font-weight:600}</style></head><body>\
         <h1>Tidegate API</h1><p>OpenAPI document: <a href=\"/swagger/doc.json\">/swagger/doc.json</a></p><dl>",
    );
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let summary = operation["summary"].as_str().unwrap_or_default();
            write!(
                html,
                "<dt><code>{} {path}</code></dt><dd>{summary}</dd>",
                method.to_uppercase()
            )
            .expect("a String takes any text");
        }
    }
    html.push_str("</dl></body></html>");
    html
}
