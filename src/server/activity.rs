//! `/api/tidegate/v1`: who changed what, and the configurations of a changefeed.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tidegate_api::List;
use tidegate_model::{CdcError, ErrorCode};

use super::audit::{DOWNLOAD_MAX, PAGE_MAX, Selection, in_force, with_found};
use super::extract::{FeedId, Namespace, Query, query_value};
use super::respond::{Answer, compact};
use super::state::App;

/// Entries of a page, unless the request says otherwise.
const PAGE: usize = 50;

/// `GET /activity`. Query: `changefeed_id` with `namespace`, `actor`, `action`, `result`, `since`, `until`, `limit` (1 to
/// 200), and `cursor` from the page before; `format=ndjson` for all of them as a file, one a line.
pub(crate) async fn list(State(app): State<App>, namespace: Namespace, query: Query) -> Answer {
    let value = |name: &str| query_value(query.0.as_deref(), name);
    let number = |name: &str| match value(name).as_str() {
        "" => Ok(None),
        text => text.parse::<u64>().map(Some).map_err(|_| invalid(name, text)),
    };
    let cursor = number("cursor")?.unwrap_or(u64::MAX);
    let limit = match number("limit")? {
        None => PAGE,
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| invalid("limit", &limit.to_string()))?,
    };
    let wanted = Selection::read(&namespace.0, value)?;
    match value("format").as_str() {
        "" | "json" => compact(&app.audit.read(cursor, limit, wanted).await?),
        "ndjson" => download(&app, cursor, wanted).await,
        other => Err(invalid("format", other).into()),
    }
}

async fn download(app: &App, cursor: u64, wanted: Selection) -> Answer {
    let page = app.audit.read(cursor, DOWNLOAD_MAX, wanted).await?;
    let mut text = Vec::new();
    for entry in &page.items {
        let line = serde_json::to_vec(entry).map_err(|error| {
            let text = "an entry of the activity cannot be written";
            CdcError::new(ErrorCode::InternalServerError, text).with_source(error)
        })?;
        text.extend(line);
        text.push(b'\n');
    }
    Ok(file("application/x-ndjson", "activity.ndjson", text))
}

/// An answer that browsers keep as a file.
pub(crate) fn file(kind: &'static str, name: &str, content: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, Body::from(content)).into_response()
}

/// `GET /changefeeds/{id}/history`: also of a changefeed that was removed.
pub(crate) async fn history(State(app): State<App>, id: FeedId) -> Answer {
    let mut items = app.audit.versions(&id.0).await?;
    if items.is_empty() {
        // One that is older than the history exists, and has none yet.
        app.service.changefeed_status(&id.0).await?;
    }
    items.reverse();
    compact(&List::new(items))
}

/// `GET /changefeeds/{id}/config`: the configuration as a file. Query: `format` (`json` or `toml`), `only=set` for what
/// differs from the defaults, `version` for one of the past.
pub(crate) async fn config(State(app): State<App>, id: FeedId, query: Query) -> Answer {
    let value = |name: &str| query_value(query.0.as_deref(), name);
    let detail = app.service.get_changefeed(&id.0).await?;
    let format = Some(value("format")).filter(|text| !text.is_empty());
    let format = format.unwrap_or_else(|| "json".to_owned());
    let only = value("only");
    if !matches!(only.as_str(), "" | "set") {
        return Err(invalid("only", &only).into());
    }
    let version = match value("version").as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| invalid("version", text))?),
    };
    let versions = match version {
        None => Vec::new(),
        Some(_) => with_found(app.audit.versions(&id.0).await?, &in_force(&detail)),
    };
    let asked = (format.as_str(), only == "set", version);
    let (name, text) = crate::fns::history::file(&detail, &versions, asked)?;
    Ok(file("text/plain; charset=utf-8", &name, text.into_bytes()))
}

fn invalid(name: &str, value: &str) -> CdcError {
    CdcError::new(
        ErrorCode::APIInvalidParam,
        format_args!("invalid {name}: {value}"),
    )
}
