//! `/api/tidegate/v1`: what the original has no endpoint for.

use axum::extract::{RawPathParams, State};
use tidegate_api::{
    CreateChangefeed, ErrorHelp, FilterPreviewRequest, List, ServerInfo, UpstreamFacts, read_json,
};
use tidegate_engine::Reach;
use tidegate_model::{CdcError, ErrorCode, Result, RetryClass};

use super::access::{OPERATOR, VIEWER};
use super::activity;
use super::extract::{Body, FeedId, own_upstream};
use super::help::help;
use super::respond::{Answer, compact};
use super::routes::Routes;
use super::series;
use super::state::{App, VERSION_FOR_CLIENTS};

/// Routes below `/api/tidegate/v1`.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/server", VIEWER, server)
        .get("/live", VIEWER, live)
        .post("/filter/preview", VIEWER, preview)
        // It connects to whatever address it is given.
        .post("/changefeeds/validate", OPERATOR, validate)
        .get("/changefeeds/{changefeed_id}/series", VIEWER, series::show)
        .get("/changefeeds/{changefeed_id}/tables", VIEWER, tables)
        .get("/errors/{code}", VIEWER, error_help)
        .get("/activity", OPERATOR, activity::list)
        .get("/changefeeds/{changefeed_id}/history", VIEWER, activity::history)
        .get("/changefeeds/{changefeed_id}/config", VIEWER, activity::config)
}

async fn server(State(app): State<App>) -> Answer {
    compact(&server_info(&app).await?)
}

/// This server and its upstream.
///
/// # Errors
/// Those of the service.
pub(crate) async fn server_info(app: &App) -> Result<ServerInfo> {
    let status = app.service.server_status().await?;
    let (upstream, upstream_error) = match app.upstream.probe().await {
        Ok(info) => {
            let facts = UpstreamFacts {
                id: info.id,
                flavour: info.flavour,
                version: info.version,
                address: info.address,
                warnings: info.warnings,
            };
            (Some(facts), None)
        }
        Err(error) => (None, Some(error.wire_message())),
    };
    Ok(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_version: VERSION_FOR_CLIENTS.to_owned(),
        capture_id: status.id,
        cluster_id: status.cluster_id,
        uptime_seconds: app.started.elapsed().as_secs(),
        log_level: app.log.level().to_owned(),
        upstream,
        upstream_error,
    })
}

#[allow(clippy::unused_async, reason = "handlers are async")]
async fn live(State(app): State<App>) -> Answer {
    let snapshot = app.service.live().borrow().clone();
    compact(&*snapshot)
}

async fn preview(State(app): State<App>, body: Body) -> Answer {
    let request: FilterPreviewRequest = read_json(&body.0)?;
    compact(&app.service.preview_filter(request).await?)
}

/// Takes the body of a creation, answers everything that is wrong or odd with it, and creates nothing.
async fn validate(State(app): State<App>, body: Body) -> Answer {
    let request: CreateChangefeed = read_json(&body.0)?;
    own_upstream(&request.pd)?;
    compact(&List::new(
        app.service
            .validate_changefeed(request, Reach::Destination)
            .await?,
    ))
}

async fn tables(State(app): State<App>, id: FeedId) -> Answer {
    compact(&List::new(app.service.feed_tables(&id.0).await?))
}

/// The code may be written with or without `CDC:`.
async fn error_help(params: RawPathParams) -> Answer {
    let code = params.iter().next().map_or("", |(_, code)| code);
    let is_it =
        |known: &&ErrorCode| [known.as_str(), known.as_str().trim_start_matches("CDC:")].contains(&code);
    let Some(known) = ErrorCode::ALL.iter().find(is_it) else {
        return Err(CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!("unknown error code: {code}"),
        )
        .into());
    };
    let help = help(*known);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    compact(&ErrorHelp {
        code: known.to_string(),
        http_status: known.http_status(),
        retried: known.retry_class() == RetryClass::Retry,
        meaning: text(help.map(|help| help.meaning)),
        cause: text(help.map(|help| help.cause)),
        remedy: known.remedy().to_owned(),
    })
}
