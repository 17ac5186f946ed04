//! `/capture/owner`: the oldest commands, as forms. Errors are plain text.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidegate_api::ResumeChangefeed;
use tidegate_model::{CdcError, ChangefeedId, DEFAULT_NAMESPACE, ErrorCode, Result, is_valid_id};
use url::form_urlencoded;

use super::access::{ADMIN, VIEWER};
use super::extract::{Body, Query};
use super::respond::{one_space, plain};
use super::routes::Routes;
use super::state::App;

/// Routes below `/capture/owner`.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .post("/resign", ADMIN, resign)
        // It can remove too.
        .post("/admin", ADMIN, admin)
        .post("/rebalance_trigger", ADMIN, rebalance)
        .post("/move_table", ADMIN, move_table)
        .post("/changefeed/query", VIEWER, query)
}

/// Fields of a form: those of the body come before those of the query.
struct Form(Vec<(String, String)>);

impl Form {
    fn new(query: Query, body: &Body) -> Self {
        let fields = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        let mut all = fields(&body.0);
        all.extend(fields(query.0.unwrap_or_default().as_bytes()));
        Form(all)
    }

    fn get(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(key, _)| key == name);
        field.map_or("", |(_, value)| value)
    }

    fn changefeed(&self) -> Result<ChangefeedId> {
        let id = self.get("cf-id");
        if is_valid_id(id) {
            Ok(ChangefeedId::new(DEFAULT_NAMESPACE, id))
        } else {
            Err(invalid(format_args!("invalid changefeed id: {id}")))
        }
    }
}

#[derive(Serialize)]
struct Done {
    status: bool,
    message: &'static str,
}

async fn resign(State(app): State<App>) -> Response {
    done(app.service.resign_owner().await)
}

/// `admin-job`: 1 pauses, 2 resumes, 3 removes the changefeed `cf-id`.
async fn admin(State(app): State<App>, query: Query, body: Body) -> Response {
    let form = Form::new(query, &body);
    done(run_job(&app, &form).await)
}

async fn run_job(app: &App, form: &Form) -> Result<()> {
    let job = form.get("admin-job");
    let id = form.changefeed()?;
    match job {
        "1" => app.service.pause_changefeed(&id).await,
        "2" => {
            app.service
                .resume_changefeed(&id, ResumeChangefeed::default())
                .await
        }
        "3" => app.service.remove_changefeed(&id).await,
        _ => Err(invalid(format_args!("invalid admin job type: {job}"))),
    }
}

/// Tables are where they belong while there is one server.
async fn rebalance(State(app): State<App>, query: Query, body: Body) -> Response {
    let id = Form::new(query, &body).changefeed();
    done(match id {
        Ok(id) => app.service.get_changefeed(&id).await.map(drop),
        Err(error) => Err(error),
    })
}

async fn move_table(State(app): State<App>, query: Query, body: Body) -> Response {
    let form = Form::new(query, &body);
    done(check_move(&app, &form).await)
}

async fn check_move(app: &App, form: &Form) -> Result<()> {
    let id = form.changefeed()?;
    let (to, table) = (form.get("target-cp-id"), form.get("table-id"));
    if !is_valid_id(to) {
        return Err(invalid(format_args!("invalid target capture id: {to}")));
    }
    if table.parse::<i64>().is_err() {
        return Err(invalid(format_args!("invalid tableID: {table}")));
    }
    app.service.get_changefeed(&id).await?;
    app.service.move_table(to).await
}

async fn query(State(app): State<App>, query: Query, body: Body) -> Response {
    match Form::new(query, &body).changefeed() {
        Ok(id) => one_space(&app.service.owner_changefeed(&id)).into_response(),
        Err(error) => plain(&error),
    }
}

fn done(result: Result<()>) -> Response {
    match result {
        Ok(()) => one_space(&Done {
            status: true,
            message: "",
        })
        .into_response(),
        Err(error) => plain(&error),
    }
}

fn invalid(text: std::fmt::Arguments<'_>) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, text)
}
