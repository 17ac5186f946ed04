//! Lets a request through to its route, or says why not.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tidegate_model::{CdcError, ErrorCode};

use super::{Denied, Need, PUBLIC, Peer, Principal, login, seconds};
use crate::fns::error::ConsoleError;
use crate::server::audit::Refusal;
use crate::server::respond::Failure;
use crate::server::routes::RouteTable;
use crate::server::state::App;

/// Where the server functions of the console are.
const FUNCTIONS: &str = "/ui/fn/";

/// What the guard knows.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: App,
    pub(crate) routes: RouteTable,
}

/// The rule in front of every route. The principal goes with the request to the handler, and with the answer to the
/// access log.
pub(crate) async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().cloned() else {
        // Whoever serves connections forgot to say where they come from.
        let error = CdcError::new(
            ErrorCode::InternalServerError,
            "the address of the client is not known",
        );
        return Failure(error).into_response();
    };
    let matched = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let Some(path) = matched else {
        return next.run(request).await;
    };
    let need = guard.routes.need(request.method(), &path);
    let asks = Asks::of(&request);
    let access = &guard.app.access;
    let address = peer.address.ip();
    if need == PUBLIC {
        return match access.take(None, address) {
            Ok(()) => next.run(request).await,
            Err(wait) => asks.refuse(too_many(wait), Some(wait)),
        };
    }
    let found = access.identify(request.headers(), &peer).await;
    if let Err(wait) = access.take(found.as_ref().ok(), address) {
        return asks.refuse(too_many(wait), Some(wait));
    }
    let principal = match found {
        Ok(principal) => principal,
        Err(denied) => {
            if matches!(denied, Denied::Wrong { .. }) {
                let refusal = Refusal::login(&denied, request.method(), &path, address);
                guard.app.audit.refused(refusal).await;
            }
            return asks.denied(&denied, &guard.app);
        }
    };
    if !principal.may(need) {
        let error = forbidden(&principal, need);
        let refusal = Refusal::role(&principal, request.method(), &path, address, &error);
        guard.app.audit.refused(refusal).await;
        return with_principal(asks.forbidden(error), principal);
    }
    request.extensions_mut().insert(principal.clone());
    with_principal(next.run(request).await, principal)
}

fn with_principal(mut response: Response, principal: Principal) -> Response {
    response.extensions_mut().insert(principal);
    response
}

fn forbidden(principal: &Principal, need: Need) -> CdcError {
    let needed = need.map_or("other", super::Role::word);
    CdcError::new(
        ErrorCode::Unauthorized,
        format_args!(
            "user {} unauthorized, error: the role {needed} is needed, {} is {}",
            principal.name, principal.name, principal.role
        ),
    )
}

fn too_many(wait: Duration) -> CdcError {
    CdcError::new(
        ErrorCode::TooManyRequests,
        format_args!("too many requests: try again in {} s", seconds(wait)),
    )
}

/// In which form an answer is understood.
pub(crate) enum Asks {
    /// JSON of the API.
    Api,
    /// A page, at this address.
    Page(Uri),
    /// A server function, called by a script of the console.
    Function,
    /// A server function, called by a form without scripts on the page at this address.
    Form(Uri),
}

impl Asks {
    pub(crate) fn of(request: &Request) -> Asks {
        let wants_page = accepts_html(request.headers());
        if request.uri().path().starts_with(FUNCTIONS) {
            return if wants_page {
                Asks::Form(page_of(request.headers()))
            } else {
                Asks::Function
            };
        }
        if wants_page && *request.method() == Method::GET {
            return Asks::Page(request.uri().clone());
        }
        Asks::Api
    }

    /// Nobody knows who asks: people are led to the login page if there is one for them.
    fn denied(&self, denied: &Denied, app: &App) -> Response {
        let retry = match denied {
            Denied::Wait(wait) => Some(*wait),
            _ => None,
        };
        match self {
            Asks::Page(uri) | Asks::Form(uri) if app.access.rules().has_users() && retry.is_none() => {
                let target = uri.path_and_query().map_or("/ui", |target| target.as_str());
                let target = utf8_percent_encode(target, NON_ALPHANUMERIC);
                Redirect::to(&format!("{}?next={target}", login::PATH)).into_response()
            }
            _ => self.refuse(denied.error(), retry),
        }
    }

    /// The answer to somebody who may not.
    pub(crate) fn forbidden(&self, error: CdcError) -> Response {
        let mut response = match self {
            Asks::Page(_) | Asks::Form(_) => login::refusal_page(&error),
            _ => self.refuse(error, None),
        };
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    }

    fn refuse(&self, error: CdcError, retry: Option<Duration>) -> Response {
        let mut response = match self {
            Asks::Function => {
                let status =
                    StatusCode::from_u16(error.code().http_status()).unwrap_or(StatusCode::UNAUTHORIZED);
                let mut answer = ConsoleError::from(error);
                if status == StatusCode::UNAUTHORIZED {
                    "Log in: open /ui/login.".clone_into(&mut answer.remedy);
                }
                let json = serde_json::to_string(&answer).unwrap_or_default();
                (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
            }
            _ => Failure(error).into_response(),
        };
        if let Some(wait) = retry {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        response
    }
}

/// The page that a form stands on, as its browser says; the first page if it does not.
fn page_of(headers: &HeaderMap) -> Uri {
    let page = headers.get(header::REFERER).and_then(|page| page.to_str().ok());
    page.and_then(|page| page.parse().ok())
        .unwrap_or_else(|| Uri::from_static("/ui"))
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// The address of the client of a request.
pub(crate) fn address_of(request: &Request) -> IpAddr {
    request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.address.ip())
}
