//! Logging in and out of the console: pages without scripts.

use std::net::IpAddr;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use leptos::prelude::*;
use tidegate_model::{CdcError, ErrorCode};
use url::form_urlencoded;

use super::{Denied, Peer, seconds, session};
use crate::app::theme;
use crate::server::audit::Login;
use crate::server::extract::{Body, query_value};
use crate::server::state::App;

/// Address of the login page.
pub(crate) const PATH: &str = "/ui/login";
/// Where somebody goes who came from nowhere.
const HOME: &str = "/ui";

/// `GET /ui/login`
pub(crate) async fn show(State(app): State<App>, request: Request) -> Response {
    if !app.access.rules().has_users() {
        return page(StatusCode::OK, request.headers(), "Log in", no_users().into_any());
    }
    let next = query_value(request.uri().query(), "next");
    let form = form(String::new(), own_page(&next), None).into_any();
    page(StatusCode::OK, request.headers(), "Log in", form)
}

/// `POST /ui/login`: begins a session and leads to where somebody was going.
pub(crate) async fn log_in(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let sent = Sent::of(&body.0);
    let rules = app.access.rules();
    let address = peer.address.ip();
    let found = app
        .access
        .password(&rules, &sent.user, sent.password, address)
        .await;
    let outcome = found.and_then(|_| {
        let (_, hash) = rules.user(&sent.user).ok_or(Denied::Missing)?;
        app.access
            .sessions
            .begin(&sent.user, hash)
            .map_err(|_| Denied::Missing)
    });
    // A name that is not known may be a password in the wrong field.
    let name = rules.user(&sent.user).map(|_| sent.user.clone());
    audit(&app, name, address, outcome.as_ref().err()).await;
    match outcome {
        Ok(id) => {
            let mut response = Redirect::to(&sent.next).into_response();
            set_cookie(&mut response, &session::cookie(&id, peer.tls));
            response
        }
        Err(denied) => refused(&headers, sent.user, sent.next, &denied),
    }
}

/// `POST /ui/logout`: ends the session.
pub(crate) async fn log_out(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if let Some(id) = session::id_of(&headers) {
        app.access.sessions.end(id);
    }
    let mut response = Redirect::to(PATH).into_response();
    set_cookie(&mut response, &session::no_cookie(peer.tls));
    response
}

async fn audit(app: &App, name: Option<String>, address: IpAddr, denied: Option<&Denied>) {
    let login = Login {
        name,
        address,
        denied,
    };
    app.audit.login(login).await;
}

fn refused(headers: &HeaderMap, user: String, next: String, denied: &Denied) -> Response {
    let (status, text) = match denied {
        Denied::Wait(wait) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many failed logins. Try again in {} s.", seconds(*wait)),
        ),
        _ => (
            StatusCode::UNAUTHORIZED,
            "Wrong user name or password.".to_owned(),
        ),
    };
    let mut response = page(status, headers, "Log in", form(user, next, Some(text)).into_any());
    if let Denied::Wait(wait) = denied {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds(*wait)));
    }
    response
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// What the form sends.
struct Sent {
    user: String,
    password: String,
    next: String,
}

impl Sent {
    fn of(body: &[u8]) -> Sent {
        let value = |name: &str| {
            form_urlencoded::parse(body)
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        Sent {
            user: value("user"),
            password: value("password"),
            next: own_page(&value("next")),
        }
    }
}

/// `next` if it is a page of this server, else the first page: nobody is led elsewhere.
fn own_page(next: &str) -> String {
    let is_own =
        next == HOME || next.starts_with("/ui/") || next.starts_with("/ui?") || next.starts_with("/swagger");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own && is_plain && !next.starts_with(PATH) {
        next.to_owned()
    } else {
        HOME.to_owned()
    }
}

fn form(user: String, next: String, fault: Option<String>) -> impl IntoView {
    let invalid = fault.is_some().then_some("true");
    let fault = fault.map(|text| {
        view! {
            <p id="fault" role="alert" class="mb-4 rounded-card border border-failed bg-failed-fill p-4 text-sm text-failed">
                {text}
            </p>
        }
    });
    view! {
        {fault}
        <form method="post" action=PATH class="grid gap-3">
            <input type="hidden" name="next" value=next/>
            <div class="min-w-0">
                <label for="user" class="mb-1 block text-sm font-medium">"User"</label>
                <input class="input" type="text" id="user" name="user" value=user required autofocus
                    autocomplete="username" autocapitalize="none" spellcheck="false" aria-invalid=invalid/>
            </div>
            <div class="min-w-0">
                <label for="password" class="mb-1 block text-sm font-medium">"Password"</label>
                <input class="input" type="password" id="password" name="password" required
                    autocomplete="current-password" aria-invalid=invalid/>
            </div>
            <p class="mt-3"><button class="btn btn-primary" type="submit">"Log in"</button></p>
        </form>
    }
}

fn no_users() -> impl IntoView {
    view! {
        <p class="text-sm text-ink-2">"This server has no users with passwords. If it asks who you are, show a token or a client certificate."</p>
        <p class="mt-4"><a class="btn" href=HOME>"Overview"</a></p>
    }
}

/// What somebody sees whose role is not enough.
pub(crate) fn refusal_page(error: &CdcError) -> Response {
    let text = error.message().to_owned();
    let code = error.code().as_str();
    let step = match error.code() {
        ErrorCode::ServerReadOnly => error.code().remedy(),
        _ => "Ask for a role that allows it, or log in as somebody else.",
    };
    let body = view! {
        <div role="alert" class="rounded-card border border-failed bg-failed-fill p-4 text-sm text-failed">
            <p class="font-medium wrap-anywhere">{text}</p>
            <p class="mt-2 text-ink">{step}</p>
            <p class="mt-2 font-mono text-xs wrap-anywhere">{code}</p>
        </div>
        <p class="mt-4 flex gap-3">
            <a class="btn btn-primary" href=HOME>"Overview"</a>
            <a class="btn" href=PATH>"Log in"</a>
        </p>
    };
    page(
        StatusCode::FORBIDDEN,
        &HeaderMap::new(),
        "Not allowed",
        body.into_any(),
    )
}

/// A page of the console's look without its scripts.
fn page(status: StatusCode, headers: &HeaderMap, title: &'static str, body: AnyView) -> Response {
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|cookies| cookies.to_str().ok());
    let theme = theme::word_of_cookies(cookies.unwrap_or_default());
    let html = view! {
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" type="image/svg+xml" href="/ui/favicon.svg"/>
                <link rel="stylesheet" href="/ui/pkg/tidegate.css"/>
                <title>{format!("{title} · Tidegate")}</title>
            </head>
            <body>
                <main class="mx-auto max-w-sm px-4 pt-16 pb-16">
                    <p class="mb-4 font-semibold tracking-tight">"Tidegate"</p>
                    <h1 class="mb-5 text-xl">{title}</h1>
                    {body}
                </main>
            </body>
        </html>
    };
    let html = format!("<!DOCTYPE html>{}", html.to_html());
    (status, Html(html)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_server() {
        for own in ["/ui", "/ui/changefeeds?state=failed", "/ui?x=1", "/swagger"] {
            assert_eq!(own_page(own), own);
        }
        for other in [
            "",
            "//evil.example",
            "https://evil.example",
            "/ui\\..",
            "/uievil",
            "/ui/x\r\nSet-Cookie: a=b",
            "/ui/login",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_page(other), HOME, "{other}");
        }
    }

    #[tokio::test]
    async fn what_was_typed_is_escaped_and_the_password_does_not_come_back() {
        let sent = Sent::of(b"user=%22%3E%3Cscript%3E&password=s3cret&next=%2Fui%2Fcaptures");
        assert_eq!(
            (sent.user.as_str(), sent.next.as_str()),
            ("\"><script>", "/ui/captures")
        );
        let wrong = Denied::Wrong {
            name: sent.user.clone(),
            why: "x",
        };
        let answer = refused(&HeaderMap::new(), sent.user, sent.next, &wrong);
        assert_eq!(answer.status(), 401);
        let html = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let html = String::from_utf8_lossy(&html);
        assert!(
            html.starts_with("<!DOCTYPE html><html") && html.contains("/ui/captures"),
            "{html}"
        );
        assert!(!html.contains("<script>") && !html.contains("s3cret"), "{html}");
    }
}
