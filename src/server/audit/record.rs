//! Notes every change that a route makes: before, and when it is over.

use std::net::IpAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tidegate_api::{ActivityChange, ActivityEntry, ActivityTarget, ReplicaConfig};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Ts};
use url::form_urlencoded;

use super::diff::diff;
use super::file::BEGUN;
use super::history::InForce;
use super::{Refusal, actor};
use crate::app::format;
use crate::server::access::guard::{Asks, address_of};
use crate::server::access::{Need, OPERATOR, Principal};
use crate::server::extract::{self, Namespace};
use crate::server::list;
use crate::server::respond::Failure;
use crate::server::routes::RouteTable;
use crate::server::state::App;

/// Answers to changes are small; a longer one is passed on unread.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// What the console's form changes with; its other buttons look and check only.
const WRITES: [&str; 4] = ["create", "apply", "apply_resume", "apply_resume_at"];
/// Members of a description that a change is told by.
const MEMBERS: [&str; 5] = ["state", "sink_uri", "start_ts", "target_ts", "config"];

/// Routes that need an operator and change nothing.
const QUESTIONS: [&str; 4] = [
    "/api/tidegate/v1/changefeeds/validate",
    "/ui/fn/ask",
    "/ui/fn/save_draft",
    "/ui/fn/drop_draft",
];
/// Why a server that only shows makes no change.
const READ_ONLY: &str = "this server is read-only: nothing was changed";

/// What the recorder knows.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) app: App,
    pub(crate) routes: RouteTable,
}

/// The rule around every route: a change that cannot be noted is not made.
pub(crate) async fn note(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let principal = request.extensions().get::<Principal>().cloned();
    let (Some(route), Some(principal)) = (route, principal) else {
        return next.run(request).await;
    };
    let method = request.method().clone();
    if !is_change(&method, &route, recorder.routes.need(&method, &route)) {
        return next.run(request).await;
    }
    let asks = Asks::of(&request);
    let address = address_of(&request);
    let (mut parts, body) = match whole(request).await {
        Ok(whole) => whole,
        Err(failure) => return failure.into_response(),
    };
    let asked = Asked::of(&mut parts, &route, &body).await;
    let request = Request::from_parts(parts, Body::from(body));
    if asked.is_preview {
        return next.run(request).await;
    }
    let app = &recorder.app;
    if app.config.read_only {
        let error = CdcError::new(ErrorCode::ServerReadOnly, READ_ONLY);
        let refusal = Refusal::role(&principal, &method, &route, address, &error);
        app.audit.refused(refusal).await;
        return asks.forbidden(error);
    }
    // Each change of a batch is noted on its own.
    if route == list::BULK {
        return next.run(request).await;
    }
    let before = asked.facts(app).await;
    let entry = ActivityEntry {
        action: if asked.is_edit {
            "update".to_owned()
        } else {
            action(&method, &route)
        },
        actor: actor(&principal),
        address: address.to_string(),
        method: method.to_string(),
        route,
        changefeed: asked.about.as_ref().map(target),
        result: BEGUN.to_owned(),
        ..ActivityEntry::default()
    };
    let begun = match app.audit.write(entry).await {
        Ok(begun) => begun,
        Err(error) => return unwritten(error).into_response(),
    };
    // A client that goes away drops this future: the entry then says "begun", which is the truth.
    let (response, answer) = read(next.run(request).await).await;
    let outcome = Outcome::of(&response, &answer);
    end(app, begun, asked, before, outcome).await;
    response
}

/// Whether a route changes something: it is not for reading, and not for everybody. A few ask much of the server and
/// change nothing.
fn is_change(method: &Method, route: &str, need: Need) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    !reads && need >= OPERATOR && !QUESTIONS.contains(&route)
}

/// Makes one change of a batch and notes it as a request of its own would be.
///
/// # Errors
/// Those of the change; `MetaStore` when it cannot be noted, and is not made.
pub(crate) async fn note_one(
    app: &App,
    (principal, address): (&Principal, IpAddr),
    action: &str,
    id: &ChangefeedId,
    change: impl Future<Output = Result<(), CdcError>>,
) -> Result<(), CdcError> {
    let asked = Asked {
        about: Some(id.clone()),
        is_creation: false,
        is_edit: false,
        is_preview: false,
        overwritten: None,
    };
    let before = asked.facts(app).await;
    let entry = ActivityEntry {
        action: action.to_owned(),
        actor: actor(principal),
        address: address.to_string(),
        method: Method::POST.to_string(),
        route: list::BULK.to_owned(),
        changefeed: Some(target(id)),
        result: BEGUN.to_owned(),
        ..ActivityEntry::default()
    };
    let begun = app.audit.write(entry).await;
    let begun = begun.map_err(|error| unwritten(error).0)?;
    let result = change.await;
    let outcome = match &result {
        Ok(()) => Outcome {
            is_done: true,
            status: 200,
            ..Outcome::default()
        },
        Err(error) => Outcome {
            status: error.code().http_status(),
            code: error.code().to_string(),
            message: error.wire_message(),
            ..Outcome::default()
        },
    };
    end(app, begun, asked, before, outcome).await;
    result
}

fn unwritten(error: CdcError) -> Failure {
    let text = "the change was not made, because it cannot be noted in the activity";
    Failure(CdcError::new(ErrorCode::MetaStore, text).with_source(error))
}

async fn end(app: &App, mut entry: ActivityEntry, mut asked: Asked, before: Facts, outcome: Outcome) {
    if let (None, Some(created)) = (&asked.about, &outcome.created) {
        entry.changefeed = Some(target(created));
        asked.about = Some(created.clone());
    }
    let after = asked.facts(app).await;
    entry.changes = diff(&before.told, &after.told);
    if outcome.created.is_some() && !asked.is_edit {
        // Members that the sink has no use for are not shown, and no change.
        entry.changes.retain(|change| !change.to.is_null());
    }
    if outcome.is_done {
        entry.changes.extend(asked.overwritten);
    }
    entry.result = if outcome.is_done { "done" } else { "failed" }.to_owned();
    entry.status = outcome.status;
    entry.code = outcome.code;
    entry.message = outcome.message;
    // Also after a failure: the first step of two may have changed something.
    if let Some(id) = asked.about {
        let in_force = (before.in_force, after.in_force);
        let alive = app.service.changefeed_ids();
        app.audit.note_version(id, in_force, entry.clone(), alive).await;
    }
    app.audit.write_after(entry).await;
}

/// What a change may change, secrets masked.
struct Facts {
    told: Value,
    in_force: InForce,
}

/// What a request asks for.
struct Asked {
    /// The changefeed it names.
    about: Option<ChangefeedId>,
    is_creation: bool,
    /// The console's form about a changefeed that exists.
    is_edit: bool,
    /// A form that only wants to see what it would select.
    is_preview: bool,
    /// The checkpoint that a resume sets.
    overwritten: Option<ActivityChange>,
}

impl Asked {
    async fn of(parts: &mut Parts, route: &str, body: &[u8]) -> Asked {
        let is_creation = matches!(route, "/api/v2/changefeeds" | "/ui/fn/create");
        let mut asked = Asked {
            about: None,
            is_creation,
            is_edit: false,
            is_preview: false,
            overwritten: None,
        };
        if route.starts_with("/ui/fn/") {
            let field = |name: &str| {
                let mut pairs = form_urlencoded::parse(body);
                pairs
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.into_owned())
            };
            let intent = field("form[intent]");
            asked.is_preview = intent.is_some_and(|intent| !WRITES.contains(&intent.as_str()));
            let edited = field("form[edit]").and_then(|name| {
                let (namespace, id) = name.split_once('/')?;
                Some((namespace.to_owned(), id.to_owned()))
            });
            asked.is_edit = edited.is_some();
            asked.overwritten = field("form[intent]")
                .filter(|intent| intent == "apply_resume_at")
                .and_then(|_| {
                    let text = |name: &str| field(name).unwrap_or_default();
                    resume_point(&text("form[resume_time]"), &text("form[resume_tso]"))
                })
                .map(overwritten);
            let named = edited.or_else(|| field("namespace").zip(field("id")));
            asked.about = named.map(|(namespace, id)| ChangefeedId::new(&namespace, &id));
            return asked;
        }
        let params = RawPathParams::from_request_parts(parts, &()).await;
        let id = params.iter().flatten().find(|(name, _)| *name == "changefeed_id");
        if let Some((_, id)) = id {
            let Ok(namespace) = Namespace::from_request_parts(parts, &()).await;
            asked.about = Some(ChangefeedId::new(&namespace.0, id));
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let overwrite = body["overwrite_checkpoint_ts"].as_u64().filter(|ts| *ts != 0);
        asked.overwritten = overwrite.map(overwritten);
        asked
    }

    async fn facts(&self, app: &App) -> Facts {
        let mut told = json!({"log_level": app.log.level()});
        let mut in_force = InForce::default();
        let Some(id) = &self.about else {
            if self.is_creation {
                told["config"] = serde_json::to_value(ReplicaConfig::default().masked()).unwrap_or_default();
            }
            return Facts { told, in_force };
        };
        if let Ok(detail) = app.service.get_changefeed(id).await {
            in_force = super::in_force(&detail);
            let detail = serde_json::to_value(&detail).unwrap_or_default();
            for name in MEMBERS {
                told[name] = detail[name].clone();
            }
        }
        Facts { told, in_force }
    }
}

fn overwritten(ts: u64) -> ActivityChange {
    ActivityChange {
        path: "/checkpoint_ts".to_owned(),
        from: Value::Null,
        to: json!(ts),
    }
}

/// The point that a form goes on from.
fn resume_point(time: &str, tso: &str) -> Option<u64> {
    match format::parse_utc(time) {
        Some(ms) => Some(Ts::from_physical_ms(ms).as_u64()),
        None => tso.trim().parse().ok(),
    }
}

/// How a request ended.
#[derive(Debug, Default)]
struct Outcome {
    is_done: bool,
    status: u16,
    code: String,
    message: String,
    /// The changefeed that an answer describes or leads to.
    created: Option<ChangefeedId>,
}

impl Outcome {
    fn of(response: &Response, answer: &[u8]) -> Outcome {
        let body: Value = serde_json::from_slice(answer).unwrap_or_default();
        let text = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| body[*name].as_str());
            found.unwrap_or_default().to_owned()
        };
        let location = response.headers().get(header::LOCATION);
        let location = location
            .and_then(|location| location.to_str().ok())
            .unwrap_or_default();
        // A form without scripts is led back to its page with the fault, or with a draft of what was typed.
        let is_led_back = location.contains("__err=") || location.contains("draft=");
        let is_done =
            !response.status().is_client_error() && !response.status().is_server_error() && !is_led_back;
        if !is_done {
            return Outcome {
                status: response.status().as_u16(),
                code: text(["error_code", "code"]),
                message: text(["error_msg", "message"]),
                ..Outcome::default()
            };
        }
        let described = body["namespace"].as_str().zip(body["id"].as_str());
        let path = location.strip_prefix("/ui/changefeeds/");
        let led_to = path.and_then(|path| path.split_once('/'));
        Outcome {
            is_done,
            status: response.status().as_u16(),
            created: described
                .or(led_to)
                .map(|(namespace, id)| ChangefeedId::new(namespace, id)),
            ..Outcome::default()
        }
    }
}

/// The word for what a route does.
pub(super) fn action(method: &Method, route: &str) -> String {
    let last = route.rsplit('/').next().unwrap_or_default();
    let word = match (method.as_str(), last) {
        ("POST", "changefeeds" | "create") => "create",
        ("PUT", "{changefeed_id}") => "update",
        ("DELETE", "{changefeed_id}") => "remove",
        ("POST", "log" | "set_log_level") => "log_level",
        ("POST", word @ ("pause" | "resume" | "remove" | "resign" | "drain" | "update")) => word,
        _ => return format!("{method} {route}"),
    };
    word.to_owned()
}

fn target(id: &ChangefeedId) -> ActivityTarget {
    ActivityTarget {
        namespace: id.namespace.to_string(),
        id: id.id.to_string(),
    }
}

async fn whole(request: Request) -> Result<(Parts, Bytes), Failure> {
    let (parts, body) = request.into_parts();
    let body = extract::Body::from_request(Request::new(body), &()).await?;
    Ok((parts, body.0))
}

/// The answer with its body read, if it is one of known length.
async fn read(response: Response) -> (Response, Bytes) {
    let (parts, body) = response.into_parts();
    match to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(bytes) => (Response::from_parts(parts, Body::from(bytes.clone())), bytes),
        Err(_) => {
            let text = "the answer of a change is too long";
            let failure = Failure(CdcError::new(ErrorCode::InternalServerError, text));
            (failure.into_response(), Bytes::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_words() {
        for (method, route, word) in [
            (Method::POST, "/api/v2/changefeeds", "create"),
            (Method::PUT, "/api/v2/changefeeds/{changefeed_id}", "update"),
            (Method::DELETE, "/api/v2/changefeeds/{changefeed_id}", "remove"),
            (Method::POST, "/api/v2/changefeeds/{changefeed_id}/pause", "pause"),
            (Method::POST, "/ui/fn/create", "create"),
            (Method::POST, "/ui/fn/set_log_level", "log_level"),
            (Method::POST, "/admin/log", "log_level"),
            (
                Method::DELETE,
                "/api/v2/unsafe/service_gc_safepoint",
                "DELETE /api/v2/unsafe/service_gc_safepoint",
            ),
        ] {
            assert_eq!(action(&method, route), word);
        }
    }

    #[test]
    fn an_outcome_is_read_from_the_answer() {
        let answer = |status: u16, location: &str, body: &str| {
            let response = Response::builder().status(status).header("location", location);
            Outcome::of(&response.body(Body::empty()).unwrap(), body.as_bytes())
        };
        let failed = answer(400, "", r#"{"error_msg":"[CDC:ErrX]no","error_code":"CDC:ErrX"}"#);
        assert_eq!(
            (failed.is_done, failed.code.as_str(), failed.message.as_str()),
            (false, "CDC:ErrX", "[CDC:ErrX]no")
        );
        let created = answer(200, "", r#"{"namespace":"ns","id":"a"}"#);
        assert_eq!(created.created, Some(ChangefeedId::new("ns", "a")));
        let by_form = answer(302, "/ui/changefeeds/ns/a", "");
        assert_eq!(
            (by_form.is_done, by_form.created),
            (true, Some(ChangefeedId::new("ns", "a")))
        );
        assert!(!answer(302, "/ui/changefeeds/ns/a?__err=abc", "").is_done);
        assert!(!answer(302, "/ui/changefeeds/new?draft=1", "").is_done);
    }
}
