//! `GET /api/tidegate/v1/activity`: who changed what.

use axum::extract::State;
use tidegate_model::{CdcError, ErrorCode, is_valid_id};

use super::audit::PAGE_MAX;
use super::extract::{Namespace, Query, query_value};
use super::respond::{Answer, compact};
use super::state::App;

/// Entries of a page, unless the request says otherwise.
const PAGE: usize = 50;

/// Query: `changefeed_id` with `namespace`, `limit` (1 to 200), and `cursor` from the page before.
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
    let id = value("changefeed_id");
    if !id.is_empty() && !is_valid_id(&id) {
        return Err(invalid("changefeed_id", &id).into());
    }
    let changefeed = (!id.is_empty()).then_some((namespace.0, id));
    compact(&app.audit.read(cursor, limit, changefeed).await?)
}

fn invalid(name: &str, value: &str) -> CdcError {
    CdcError::new(
        ErrorCode::APIInvalidParam,
        format_args!("invalid {name}: {value}"),
    )
}
