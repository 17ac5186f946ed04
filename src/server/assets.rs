//! The console's files: WASM, script, style sheet, icon. They are inside the binary; `--ui-dir` serves a directory
//! instead. Each file may have compressed twins made at build time.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use super::respond::not_found;
use super::state::App;

/// `target/site` as it was when the binary was built; a debug build reads it from disk.
#[derive(Embed)]
#[folder = "target/site"]
#[allow_missing = true]
struct Site;

/// What the server is made of; `cargo xtask licences` writes it.
const LICENCES: &str = include_str!("../../docs/licences.txt");

/// Encodings of compressed twins, best first.
const TWINS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// `/ui/pkg/{*path}`
pub(crate) async fn package_file(
    State(app): State<App>,
    UrlPath(path): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    serve(&app, &format!("pkg/{path}"), &headers).await
}

/// `/ui/favicon.svg`
pub(crate) async fn icon(State(app): State<App>, headers: HeaderMap) -> Response {
    serve(&app, "favicon.svg", &headers).await
}

/// `/ui/licences.txt`
pub(crate) async fn licences() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (kind, LICENCES).into_response()
}

async fn serve(app: &App, path: &str, headers: &HeaderMap) -> Response {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    for (encoding, suffix) in TWINS {
        if accepted.contains(encoding)
            && let Some(content) = read(app.config.ui_dir.as_deref(), &format!("{path}{suffix}")).await
        {
            return respond(path, content, Some(encoding), headers);
        }
    }
    match read(app.config.ui_dir.as_deref(), path).await {
        Some(content) => respond(path, content, None, headers),
        None => not_found().await,
    }
}

async fn read(dir: Option<&Path>, path: &str) -> Option<Cow<'static, [u8]>> {
    match dir {
        Some(dir) => tokio::fs::read(below(dir, path)?).await.ok().map(Cow::Owned),
        None => Site::get(path).map(|file| file.data),
    }
}

/// `path` below `dir`; nothing when it would lead out of it.
fn below(dir: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then(|| dir.join(path))
}

fn respond(
    path: &str,
    content: Cow<'static, [u8]>,
    encoding: Option<&'static str>,
    headers: &HeaderMap,
) -> Response {
    let tag = format!("\"{:x}\"", crc32fast::hash(&content));
    let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return (axum::http::StatusCode::NOT_MODIFIED, common).into_response();
    }
    let mut response = (common, content.into_owned()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("wasm") => "application/wasm",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_directory() {
        let dir = Path::new("/site");
        assert_eq!(
            below(dir, "pkg/tidegate.js"),
            Some(PathBuf::from("/site/pkg/tidegate.js"))
        );
        for bad in ["../secret", "pkg/../../secret", "/etc/passwd", "pkg/./x/../../.."] {
            assert_eq!(below(dir, bad), None, "{bad}");
        }
    }
}
