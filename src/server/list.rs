//! What the list of changefeeds asks for beside its pages: a batch, files, and the choice of columns.

use std::net::IpAddr;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures::{StreamExt, stream};
use serde_json::Value;
use tidegate_api::ResumeChangefeed;
use tidegate_model::{CdcError, ChangefeedId, ErrorCode};

use super::access::{OPERATOR, Peer, Principal, VIEWER};
use super::audit::note_one;
use super::extract::Body;
use super::respond::Failure;
use super::routes::Routes;
use super::state::App;
use crate::app::changefeeds::columns_of;
use crate::app::format;
use crate::app::ui::feed::tso_ms;
use crate::fns::bulk::{Action, Batch, Fate, phrase};
use crate::fns::choice::Column;
use crate::fns::context::Console;
use crate::fns::data::{FeedRow, FeedState};
use crate::fns::form;
use crate::fns::list::{COLUMNS_COOKIE, LIST, Wanted, full_name};
use crate::fns::query::Query;

/// The route of batches.
pub(crate) const BULK: &str = "/ui/changefeeds/bulk";
/// Changefeeds that are worked on at the same time.
const AT_ONCE: usize = 8;

pub(super) fn routes() -> Routes {
    Routes::default()
        .post(BULK, OPERATOR, run)
        .post("/ui/changefeeds/columns", VIEWER, choose_columns)
        .get("/ui/changefeeds/export", VIEWER, export)
        // The same, for more changefeeds than fit into an address.
        .post("/ui/changefeeds/export", VIEWER, export_posted)
}

fn invalid(text: impl std::fmt::Display) -> Failure {
    Failure(CdcError::new(ErrorCode::APIInvalidParam, text))
}

fn form_of(body: &Body) -> Result<Query, Failure> {
    let text = std::str::from_utf8(&body.0).map_err(|_| invalid("the form is not UTF-8"))?;
    Ok(Query::of_form(text))
}

fn names(form: &Query) -> Vec<ChangefeedId> {
    let pairs = form.all("feed").filter_map(|name| name.split_once('/'));
    let mut ids: Vec<ChangefeedId> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (namespace, id) in pairs {
        if seen.insert((namespace, id)) {
            ids.push(ChangefeedId::new(namespace, id));
        }
    }
    ids
}

/// Does the same to every changefeed that the form names; the answer leads to what came of it.
async fn run(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(principal): Extension<Principal>,
    body: Body,
) -> Result<Response, Failure> {
    let form = form_of(&body)?;
    let action = Action::from_word(form.get("action")).ok_or_else(|| invalid("unknown action"))?;
    if principal.role < action.role() {
        let text = format!(
            "the role {} is needed, {} is {}",
            action.role(),
            principal.name,
            principal.role
        );
        let mut response = Failure(CdcError::new(ErrorCode::Unauthorized, text)).into_response();
        *response.status_mut() = StatusCode::FORBIDDEN;
        return Ok(response);
    }
    let ids = names(&form);
    let mut batch = Batch {
        action,
        fates: Vec::new(),
        asked: Vec::new(),
    };
    if action == Action::Remove && form.get("confirm").trim() != phrase(ids.len()) {
        batch.asked = ids.iter().map(|id| full_name(&id.namespace, &id.id)).collect();
    } else {
        let who = (&principal, peer.address.ip());
        let app = &app;
        let work = stream::iter(ids).map(|id| async move {
            let fate = one(app, who, action, &id).await;
            (full_name(&id.namespace, &id.id), fate)
        });
        batch.fates = Box::pin(work.buffered(AT_ONCE).collect()).await;
    }
    let key = app.batches.keep(batch);
    Ok(Redirect::to(&format!("{BULK}?batch={key}")).into_response())
}

/// Does it to one, unless it is so already.
async fn one(app: &App, who: (&Principal, IpAddr), action: Action, id: &ChangefeedId) -> Fate {
    let detail = match app.service.get_changefeed(id).await {
        Ok(detail) => detail,
        Err(error) if error.code() == ErrorCode::ChangeFeedNotExists => {
            return Fate::Skipped("It is not there any more".to_owned());
        }
        Err(error) => return failed(&error),
    };
    if let Some(why) = action.why_not(FeedState::from_wire(&detail.state)) {
        return Fate::Skipped(why.to_owned());
    }
    let change = async {
        match action {
            Action::Pause => app.service.pause_changefeed(id).await,
            Action::Resume => {
                app.service
                    .resume_changefeed(id, ResumeChangefeed::default())
                    .await
            }
            Action::Remove => app.service.remove_changefeed(id).await,
        }
    };
    match Box::pin(note_one(app, who, action.word(), id, change)).await {
        Ok(()) => Fate::Done,
        Err(error) => failed(&error),
    }
}

fn failed(error: &CdcError) -> Fate {
    let code = error.code().to_string();
    let message = error.wire_message();
    let bare = message.strip_prefix(&format!("[{code}]")).unwrap_or(&message);
    Fate::Failed {
        message: bare.to_owned(),
        code,
    }
}

/// Remembers which columns this browser shows, and goes back to the list with them in its address.
#[allow(clippy::unused_async, reason = "handlers are async")]
async fn choose_columns(body: Body) -> Result<Response, Failure> {
    let form = form_of(&body)?;
    let words: Vec<&str> = form.all("cols").collect();
    let columns = Column::list(&words.join(","));
    let words = columns_of(&columns);
    let query = form.get("back").split_once('?').map_or("", |(_, query)| query);
    let query = Query::parse(query).map_err(|error| invalid(error.message))?;
    let address = query.with("cols", &words).address(LIST);
    let cookie = format!(
        "{COLUMNS_COOKIE}={}; Path=/ui; Max-Age=31536000; SameSite=Lax",
        words.replace(',', ".")
    );
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&address)).into_response())
}

async fn export(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Query::parse(&query.unwrap_or_default()).map_err(|error| invalid(error.message))?;
    files(&app, &query).await
}

async fn export_posted(State(app): State<App>, body: Body) -> Result<Response, Failure> {
    files(&app, &form_of(&body)?).await
}

/// Figures as CSV, or configs. Without a selection: everything that matches.
async fn files(app: &App, query: &Query) -> Result<Response, Failure> {
    let console = Console::new(app.service.clone(), app.log.clone());
    let none_ticked = query.all("feed").next().is_none();
    let rows = match query.get("scope") {
        "" | "ticked" if none_ticked => console.picked(&query.with("scope", "matching")),
        _ => console.picked(query),
    };
    let (kind, name, text) = match query.get("format") {
        "csv" => (
            "text/csv; charset=utf-8",
            "changefeeds.csv".to_owned(),
            csv(&rows, &Wanted::new(query, None).columns),
        ),
        "json" => (
            "application/json",
            file_name(&rows, "json"),
            json(app, &rows).await?,
        ),
        "toml" => (
            "application/toml",
            file_name(&rows, "toml"),
            toml(app, &rows).await?,
        ),
        _ => return Err(invalid("the format is csv, json or toml")),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok((
        [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        text,
    )
        .into_response())
}

/// Ids hold only letters, digits and dashes.
fn file_name(rows: &[FeedRow], end: &str) -> String {
    match rows {
        [one] => format!("{}.{end}", one.id),
        _ => format!("changefeeds.{end}"),
    }
}

/// A value of a CSV file. One that a spreadsheet would take for a formula becomes text.
fn quoted(value: &str) -> String {
    let guard = if value.starts_with(['=', '+', '-', '@', '\t']) {
        "'"
    } else {
        ""
    };
    if value.contains(['"', ',', '\n', '\r']) {
        return format!("\"{guard}{}\"", value.replace('"', "\"\""));
    }
    format!("{guard}{value}")
}

fn csv(rows: &[FeedRow], columns: &[Column]) -> String {
    let fixed = ["namespace", "id", "state", "lag_ms"];
    let shown = columns.iter().map(|column| column.word());
    let mut lines = vec![fixed.into_iter().chain(shown).collect::<Vec<_>>().join(",")];
    for row in rows {
        let vitals = &row.vitals;
        let mut cells = vec![
            row.namespace.clone(),
            row.id.clone(),
            vitals.state.word().to_owned(),
            vitals.lag_ms.to_string(),
        ];
        cells.extend(columns.iter().map(|column| {
            match column {
                Column::Checkpoint => format::rfc3339(tso_ms(vitals.checkpoint_ts)),
                Column::Rate => vitals.rows_per_s.to_string(),
                Column::Sink => row.sink.clone(),
                Column::Tables => vitals.tables.to_string(),
                Column::Error => vitals
                    .problem
                    .as_ref()
                    .map(|problem| problem.code.clone())
                    .unwrap_or_default(),
            }
        }));
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        lines.push(cells.join(","));
    }
    lines.join("\r\n") + "\r\n"
}

/// JSON body of a creation, and TOML file of the command line, secrets masked.
async fn texts(app: &App, row: &FeedRow) -> Result<(Value, String), Failure> {
    let detail = app
        .service
        .get_changefeed(&ChangefeedId::new(&row.namespace, &row.id))
        .await?;
    let mut like = form::like(&detail);
    like.id.clone_from(&row.id);
    let text = form::write(&like);
    Ok((serde_json::from_str(&text.json).unwrap_or_default(), text.toml))
}

/// An array of bodies, each as `POST /api/v2/changefeeds` takes it.
async fn json(app: &App, rows: &[FeedRow]) -> Result<String, Failure> {
    let mut bodies = Vec::new();
    for row in rows {
        bodies.push(texts(app, row).await?.0);
    }
    serde_json::to_string_pretty(&bodies).map_err(invalid)
}

/// Files as `tidegate cli changefeed create --config` takes them, one below the other.
async fn toml(app: &App, rows: &[FeedRow]) -> Result<String, Failure> {
    let mut out = String::new();
    for row in rows {
        let config = texts(app, row).await?.1;
        out += &format!(
            "# ==== {}\n# tidegate cli changefeed create --namespace {} --changefeed-id {} --sink-uri '{}' --config THIS-FILE\n{config}\n",
            full_name(&row.namespace, &row.id),
            row.namespace,
            row.id,
            row.sink.replace('\'', "%27"),
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_reads_text_as_text() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a,\"b"), "\"a,\"\"b\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }

    #[test]
    fn a_form_names_each_once() {
        let form = Query::of_form("feed=default%2Fa&feed=ns%2Fb&feed=default%2Fa&feed=broken");
        assert_eq!(
            names(&form),
            [ChangefeedId::new("default", "a"), ChangefeedId::new("ns", "b")]
        );
    }
}
