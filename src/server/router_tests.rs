//! Every route with every role, from the router's own table.

use axum::body::Body;
use axum::http::{Method, Request, Response, header};
use serde_json::Value;
use tidegate_api::ActivityEntry;

use super::*;
use crate::server::access::{AccessSettings, Known, Role, hash_password, new_token};
use crate::server::audit::Selection;
use crate::server::openapi::openapi_document;
use crate::server::testing::{self, send, text};

const PASSWORD: &str = "correct horse";

/// A token for each role, and a user `alice` who is an operator.
fn settings() -> (AccessSettings, Vec<(Role, String)>) {
    let mut access = AccessSettings {
        requests_per_second: 0,
        users: vec![Known {
            name: "alice".to_owned(),
            role: Role::Operator,
            hash: hash_password(PASSWORD).unwrap(),
        }],
        ..AccessSettings::default()
    };
    let mut tokens = Vec::new();
    for role in Role::ALL {
        let (token, hash) = new_token().unwrap();
        access.tokens.push(Known {
            name: format!("the-{role}"),
            role,
            hash,
        });
        tokens.push((role, token));
    }
    (access, tokens)
}

fn filled(path: &str) -> String {
    path.split('/')
        .map(|part| match part {
            "{namespace}" => "default",
            "{changefeed_id}" | "{id}" => "no-such-feed",
            "{capture_id}" => "c2",
            part if part.starts_with('{') => "none",
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn request(method: &Method, path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "127.0.0.1:8300");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

async fn whole() -> (Router, RouteTable, Vec<(Role, String)>, App, tempfile::TempDir) {
    let (access, tokens) = settings();
    let (app, dir) = testing::app(access).await;
    let (routes, table) = all(&app).finish();
    (
        finish(app.clone(), routes, table.clone()),
        table,
        tokens,
        app,
        dir,
    )
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn each_route_lets_in_whom_it_names_and_nobody_else() {
    let (router, table, tokens, _app, _dir) = whole().await;
    let routes = table.all();
    assert!(routes.len() > 50, "{}", routes.len());
    for route in routes {
        // It answers 401 itself: its tests are in `login`.
        if route.path == "/ui/login" && route.method == Method::POST {
            continue;
        }
        let path = filled(&route.path);
        let open = send(&router, request(&route.method, &path, None)).await;
        assert_eq!(
            open.status() == 401,
            route.need.is_some(),
            "{route:?}: {}",
            open.status()
        );
        for (role, token) in &tokens {
            let answer = send(&router, request(&route.method, &path, Some(token))).await;
            let is_let_in = route.need.is_none_or(|need| *role >= need);
            assert_ne!(answer.status(), 401, "{route:?} {role}");
            assert_eq!(
                answer.status() != 403,
                is_let_in,
                "{route:?} {role}: {}",
                answer.status()
            );
        }
    }
}

#[tokio::test]
async fn roles_are_those_of_the_design() {
    let (_, table, ..) = whole().await;
    for (method, path, need) in [
        (Method::GET, "/metrics", Some(Role::Metrics)),
        (Method::GET, "/api/v2/changefeeds", VIEWER),
        (Method::GET, "/debug/info", VIEWER),
        (Method::GET, "/ui/live", VIEWER),
        (
            Method::POST,
            "/api/v2/changefeeds/{changefeed_id}/pause",
            OPERATOR,
        ),
        (Method::POST, "/ui/fn/pause", OPERATOR),
        (Method::GET, "/ui/changefeeds/new", OPERATOR),
        (Method::GET, "/api/tidegate/v1/activity", OPERATOR),
        (Method::GET, "/ui/activity", OPERATOR),
        (
            Method::GET,
            "/api/tidegate/v1/changefeeds/{changefeed_id}/history",
            VIEWER,
        ),
        (
            Method::GET,
            "/api/tidegate/v1/changefeeds/{changefeed_id}/tables",
            VIEWER,
        ),
        (
            Method::GET,
            "/api/tidegate/v1/changefeeds/{changefeed_id}/config",
            VIEWER,
        ),
        (Method::GET, "/ui/changefeeds/{namespace}/{id}/activity", OPERATOR),
        (Method::POST, "/ui/fn/save_draft", OPERATOR),
        (Method::POST, "/ui/fn/resign", ADMIN),
        (Method::POST, "/ui/fn/drain", ADMIN),
        (
            Method::GET,
            "/api/tidegate/v1/changefeeds/{changefeed_id}/series",
            VIEWER,
        ),
        (Method::DELETE, "/api/v2/changefeeds/{changefeed_id}", ADMIN),
        (Method::POST, "/ui/fn/remove", ADMIN),
        (Method::POST, "/api/v2/owner/resign", ADMIN),
        (Method::POST, "/api/tidegate/v1/changefeeds/validate", OPERATOR),
        (Method::POST, "/capture/owner/admin", ADMIN),
        (Method::POST, "/capture/owner/resign", ADMIN),
        (Method::POST, "/capture/owner/rebalance_trigger", ADMIN),
        (Method::POST, "/capture/owner/move_table", ADMIN),
        (Method::POST, "/capture/owner/changefeed/query", VIEWER),
        (Method::GET, "/api/v1/captures", VIEWER),
        (Method::PUT, "/api/v1/captures/drain", ADMIN),
        (Method::POST, "/api/v1/owner/resign", ADMIN),
        (Method::GET, "/api/v2/unsafe/metadata", ADMIN),
        (Method::GET, "/health", PUBLIC),
        (Method::PATCH, "/not/listed", ADMIN),
    ] {
        assert_eq!(table.need(&method, path), need, "{method} {path}");
    }
    assert_eq!(
        table.need(&Method::HEAD, "/metrics"),
        table.need(&Method::GET, "/metrics")
    );
}

#[tokio::test]
async fn the_openapi_document_names_routes_that_exist_and_their_role() {
    let (_, table, ..) = whole().await;
    let document = openapi_document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let listed = table
                .all()
                .into_iter()
                .find(|route| (&route.method, &route.path) == (&method, path));
            let listed = listed.unwrap_or_else(|| panic!("{method} {path} does not exist"));
            let role = listed.need.map_or("none", Role::word);
            assert_eq!(operation["x-required-role"], role, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn refusals_have_the_form_that_the_reader_understands() {
    let (router, _, tokens, ..) = whole().await;
    let api = send(&router, request(&Method::GET, "/api/v2/changefeeds", None)).await;
    assert!(!api.headers().contains_key(header::WWW_AUTHENTICATE));
    let body = text(api).await;
    assert_eq!(
        body,
        "{\n    \"error_msg\": \"[CDC:ErrCredentialNotFound]credential not found: please specify the user and \
         password\",\n    \"error_code\": \"CDC:ErrCredentialNotFound\"\n}"
    );
    let function = send(&router, request(&Method::GET, "/ui/fn/overview", None)).await;
    assert_eq!(function.status(), 401);
    assert_eq!(json(function).await["code"], "CDC:ErrCredentialNotFound");
    let mut page = request(&Method::GET, "/ui/changefeeds?state=failed", None);
    page.headers_mut()
        .insert(header::ACCEPT, "text/html".parse().unwrap());
    let page = send(&router, page).await;
    assert_eq!(
        (
            page.status().as_u16(),
            page.headers()[header::LOCATION].to_str().unwrap()
        ),
        (303, "/ui/login?next=%2Fui%2Fchangefeeds%3Fstate%3Dfailed")
    );
    let mut form = request(&Method::POST, "/ui/fn/pause", None);
    let headers = form.headers_mut();
    headers.insert(header::ACCEPT, "text/html".parse().unwrap());
    headers.insert(
        header::REFERER,
        "http://127.0.0.1:8300/ui/changefeeds/default/a?x=1"
            .parse()
            .unwrap(),
    );
    let form = send(&router, form).await;
    assert_eq!(
        form.headers()[header::LOCATION],
        "/ui/login?next=%2Fui%2Fchangefeeds%2Fdefault%2Fa%3Fx%3D1",
        "an ended session leads back to the form"
    );
    let (_, viewer) = &tokens[1];
    let pause = "/api/v2/changefeeds/a/pause";
    let forbidden = send(&router, request(&Method::POST, pause, Some(viewer))).await;
    assert_eq!(forbidden.status(), 403);
    assert_eq!(
        json(forbidden).await["error_msg"],
        "[CDC:ErrUnauthorized]user the-viewer unauthorized, error: the role operator is needed, the-viewer is viewer"
    );
    let mut page = request(&Method::GET, "/ui/changefeeds/new", Some(viewer));
    page.headers_mut()
        .insert(header::ACCEPT, "text/html".parse().unwrap());
    let page = send(&router, page).await;
    assert_eq!(page.status(), 403);
    assert!(text(page).await.contains("the role operator is needed"));
}

#[tokio::test]
async fn a_session_begins_with_the_password_and_ends_with_logout() {
    let (router, _, _, app, _dir) = whole().await;
    let log_in = |password: &str| {
        let mut login = request(&Method::POST, "/ui/login", None);
        *login.body_mut() = format!(
            "user=alice&password={}&next=%2Fui%2Fcaptures",
            password.replace(' ', "+")
        )
        .into();
        login
    };
    let wrong = send(&router, log_in("wrong")).await;
    assert_eq!(wrong.status(), 401);
    assert!(!wrong.headers().contains_key(header::SET_COOKIE));
    let right = send(&router, log_in(PASSWORD)).await;
    assert_eq!(
        (
            right.status().as_u16(),
            right.headers()[header::LOCATION].to_str().unwrap()
        ),
        (303, "/ui/captures")
    );
    let cookie = right.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with_cookie = |method: Method, path: &str| {
        let mut request = request(&method, path, None);
        request
            .headers_mut()
            .insert(header::COOKIE, cookie.parse().unwrap());
        request
    };
    let page = text(send(&router, with_cookie(Method::GET, "/ui/settings")).await).await;
    for part in [
        "data-user=\"alice\"",
        "data-role=\"operator\"",
        "data-facts=\"session\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let mut foreign = with_cookie(Method::POST, "/api/v2/changefeeds/a/pause");
    foreign
        .headers_mut()
        .insert(header::ORIGIN, "http://evil.example".parse().unwrap());
    assert_eq!(
        send(&router, foreign).await.status(),
        403,
        "another page cannot use the session"
    );
    assert_eq!(
        send(&router, with_cookie(Method::POST, "/ui/logout"))
            .await
            .status(),
        303
    );
    assert_eq!(
        send(&router, with_cookie(Method::GET, "/ui/fn/log_level"))
            .await
            .status(),
        401
    );

    let page = app.audit.read(u64::MAX, 10, Selection::default()).await.unwrap();
    let told: Vec<_> = page
        .items
        .iter()
        .map(|entry| (entry.actor.name.as_str(), entry.result.as_str()))
        .collect();
    assert_eq!(told, [("alice", "done"), ("alice", "refused")]);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let (mut access, tokens) = settings();
    access.requests_per_second = 1;
    let (app, _dir) = testing::app(access).await;
    let router = router(app);
    let (_, viewer) = &tokens[1];
    let mut last = send(&router, request(&Method::GET, "/api/v2/captures", Some(viewer))).await;
    for _ in 0..6 {
        last = send(&router, request(&Method::GET, "/api/v2/captures", Some(viewer))).await;
    }
    assert_eq!(last.status(), 429);
    assert_eq!(last.headers()[header::RETRY_AFTER], "1");
    assert!(text(last).await.contains("CDC:ErrTooManyRequests"));
    let (_, operator) = &tokens[2];
    let other = send(&router, request(&Method::GET, "/api/v2/captures", Some(operator))).await;
    assert_eq!(other.status(), 200, "each has a share of their own");
}

/// Action, changefeed, actor, result and status.
fn in_short(entry: &ActivityEntry) -> (&str, &str, &str, &str, u16) {
    let about = entry.changefeed.as_ref().map_or("", |feed| feed.id.as_str());
    let (action, actor) = (entry.action.as_str(), entry.actor.name.as_str());
    (action, about, actor, entry.result.as_str(), entry.status)
}

#[tokio::test]
async fn a_change_is_told_with_who_and_what_and_a_read_is_not() {
    let (router, _, tokens, app, _dir) = whole().await;
    let (_, admin) = &tokens[3];
    let mut create = request(&Method::POST, "/api/v2/changefeeds", Some(admin));
    *create.body_mut() = r#"{"changefeed_id":"a","sink_uri":"blackhole://","replica_config":{"filter":{"rules":["*.*"]},"force_replicate":true}}"#.into();
    let created = send(&router, create).await;
    assert_eq!(created.status(), 200, "{}", text(created).await);
    send(
        &router,
        request(&Method::GET, "/api/v2/changefeeds/a", Some(admin)),
    )
    .await;
    send(
        &router,
        request(&Method::POST, "/api/v2/changefeeds/a/pause", Some(admin)),
    )
    .await;
    send(
        &router,
        request(&Method::DELETE, "/api/v2/changefeeds/a", Some(&tokens[2].1)),
    )
    .await;
    send(
        &router,
        request(&Method::POST, "/api/v2/changefeeds/b/pause", Some(admin)),
    )
    .await;
    let page = app.audit.read(u64::MAX, 10, Selection::default()).await.unwrap();
    let told: Vec<_> = page.items.iter().map(in_short).collect();
    assert_eq!(
        told,
        [
            ("pause", "b", "the-admin", "failed", 400),
            ("remove", "", "the-operator", "refused", 403),
            ("pause", "a", "the-admin", "done", 200),
            ("create", "a", "the-admin", "done", 200),
        ]
    );
    let paths: Vec<_> = page.items[2]
        .changes
        .iter()
        .map(|change| change.path.as_str())
        .collect();
    assert_eq!(paths, ["/state"]);
    let created = &page.items[3].changes;
    assert!(
        created
            .iter()
            .any(|change| change.path == "/config/force_replicate"),
        "{created:?}"
    );
    assert!(
        created.iter().all(|change| change.path != "/config/memory_quota"),
        "{created:?}"
    );
    assert_eq!(page.items[0].code, "CDC:ErrChangeFeedNotExists");
    let one = app
        .audit
        .read(u64::MAX, 10, Selection::of("default", "a"))
        .await
        .unwrap();
    assert_eq!(one.items.len(), 2);
}

/// The console's form about the changefeed `a` as a browser sends it.
fn edit_form(base: &str, intent: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs
        .append_pair("form[edit]", "default/a")
        .append_pair("form[base]", base)
        .append_pair("form[sink_uri]", "blackhole://")
        .append_pair("form[rules]", "x.*")
        .append_pair("form[force_replicate]", "true")
        .append_pair("form[intent]", intent);
    pairs.finish()
}

/// An edit in the console was told as a creation.
#[tokio::test]
async fn configurations_are_kept_whichever_way_they_come_and_looking_is_not_told() {
    let (router, _, tokens, app, _dir) = whole().await;
    let (_, admin) = &tokens[3];
    let post = |path: &str, body: String| {
        let mut request = request(&Method::POST, path, Some(admin));
        *request.body_mut() = body.into();
        request.headers_mut().insert(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        request
    };
    let body = r#"{"changefeed_id":"a","sink_uri":"blackhole://","replica_config":{"force_replicate":true}}"#;
    let created = send(&router, post("/api/v2/changefeeds", body.to_owned())).await;
    assert_eq!(created.status(), 200, "{}", text(created).await);
    let paused = send(&router, post("/api/v2/changefeeds/a/pause", String::new())).await;
    assert_eq!(paused.status(), 200);
    let opened = send(
        &router,
        request(&Method::GET, "/ui/fn/form?begin[edit]=default%2Fa", Some(admin)),
    )
    .await;
    let base = json(opened).await["draft"]["form"]["base"]
        .as_str()
        .unwrap()
        .to_owned();
    send(&router, post("/ui/fn/ask", edit_form(&base, "look"))).await;
    let applied = send(&router, post("/ui/fn/create", edit_form(&base, "apply"))).await;
    assert!(applied.status().is_success(), "{}", text(applied).await);
    let deleted = send(
        &router,
        request(&Method::DELETE, "/api/v2/changefeeds/a", Some(admin)),
    )
    .await;
    assert_eq!(deleted.status(), 200);
    let page = app.audit.read(u64::MAX, 10, Selection::default()).await.unwrap();
    let told: Vec<_> = page.items.iter().map(in_short).map(|told| told.0).collect();
    assert_eq!(told, ["remove", "update", "pause", "create"]);

    let path = "/api/tidegate/v1/changefeeds/a/history";
    let kept = send(&router, request(&Method::GET, path, Some(&tokens[1].1))).await;
    let kept = json(kept).await;
    let actions: Vec<_> = kept["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| {
            (
                version["action"].as_str().unwrap(),
                version["actor"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        actions,
        [
            ("remove", "the-admin"),
            ("update", "the-admin"),
            ("create", "the-admin")
        ]
    );
    assert_eq!(
        kept["items"][1]["config"]["filter"]["rules"],
        serde_json::json!(["x.*"])
    );
    let lines = "/api/tidegate/v1/activity?format=ndjson&action=update";
    let lines = text(send(&router, request(&Method::GET, lines, Some(admin))).await).await;
    assert_eq!(lines.matches('\n').count(), 1, "{lines}");
}

#[tokio::test]
async fn a_change_that_cannot_be_noted_is_not_made_and_a_login_still_works() {
    let (router, _, tokens, app, _dir) = whole().await;
    let (_, admin) = &tokens[3];
    let mut create = request(&Method::POST, "/api/v2/changefeeds", Some(admin));
    *create.body_mut() =
        r#"{"changefeed_id":"a","sink_uri":"blackhole://","replica_config":{"force_replicate":true}}"#.into();
    assert_eq!(send(&router, create).await.status(), 200);
    app.audit.fill_disk();
    let pause = request(&Method::POST, "/api/v2/changefeeds/a/pause", Some(admin));
    let refused = send(&router, pause).await;
    assert_eq!(refused.status(), 500);
    let text = json(refused).await["error_msg"].to_string();
    assert!(
        text.contains("[CDC:ErrMetaStore]the change was not made"),
        "{text}"
    );
    let detail = send(
        &router,
        request(&Method::GET, "/api/v2/changefeeds/a", Some(admin)),
    )
    .await;
    assert_eq!(json(detail).await["state"], "normal");
    let mut login = request(&Method::POST, "/ui/login", None);
    *login.body_mut() = format!("user=alice&password={}", PASSWORD.replace(' ', "+")).into();
    assert_eq!(send(&router, login).await.status(), 303);
}

/// One that was forgotten would be refused to operators, and found out by nobody who is an admin.
#[test]
fn the_role_of_every_server_function_is_chosen() {
    let mut functions: Vec<String> = server_fn_paths()
        .map(|(path, _)| path.rsplit('/').next().unwrap_or_default().to_owned())
        .collect();
    functions.sort();
    functions.dedup();
    let chosen: Vec<&str> = FUNCTION_NEEDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(functions, chosen);
}

/// A server that only shows, and a token of an admin.
async fn read_only() -> (Router, RouteTable, String, App, tempfile::TempDir) {
    let (access, tokens) = settings();
    let (mut app, dir) = testing::app(access).await;
    let mut config = (*app.config).clone();
    config.read_only = true;
    app.config = Arc::new(config);
    let (routes, table) = all(&app).finish();
    let router = finish(app.clone(), routes, table.clone());
    (router, table, tokens[3].1.clone(), app, dir)
}

#[tokio::test]
async fn a_read_only_server_refuses_every_change_and_answers_every_question() {
    let (router, table, admin, app, _dir) = read_only().await;
    let mut refused = 0;
    for route in table.all() {
        let is_read = route.method == Method::GET || route.need < OPERATOR;
        // Drafts are the reader's own: they change nothing of the server.
        let is_question = [
            "/api/tidegate/v1/changefeeds/validate",
            "/ui/fn/ask",
            "/ui/fn/drop_draft",
            "/ui/fn/save_draft",
        ]
        .contains(&route.path.as_str());
        let answer = send(
            &router,
            request(&route.method, &filled(&route.path), Some(&admin)),
        )
        .await;
        let status = answer.status();
        let is_refused = status == 403 && text(answer).await.contains("CDC:ErrServerReadOnly");
        assert_eq!(is_refused, !is_read && !is_question, "{route:?}: {status}");
        refused += usize::from(is_refused);
    }
    assert!(refused > 10, "{refused}");
    let page = app.audit.read(u64::MAX, 200, Selection::default()).await.unwrap();
    let noted = page
        .items
        .iter()
        .filter(|entry| entry.code == "CDC:ErrServerReadOnly");
    assert_eq!(
        noted.filter(|entry| entry.result == "refused").count(),
        refused,
        "every refusal is noted"
    );
}

#[tokio::test]
async fn a_read_only_server_says_so_to_forms_and_still_checks_them() {
    let (router, _, admin, ..) = read_only().await;
    let form = |intent: &str| {
        let mut form = request(&Method::POST, "/ui/fn/create", Some(&admin));
        let headers = form.headers_mut();
        headers.insert(header::ACCEPT, "text/html".parse().unwrap());
        headers.insert(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        *form.body_mut() =
            format!("form[intent]={intent}&form[id]=a&form[sink_uri]=blackhole%3A%2F%2F").into();
        form
    };
    let refused = send(&router, form("create")).await;
    assert_eq!(refused.status(), 403);
    let page = text(refused).await;
    assert!(
        page.contains("read-only") && page.contains("--read-only"),
        "{page}"
    );
    assert_eq!(send(&router, form("look")).await.status(), 302);
    let page = text(send(&router, request(&Method::GET, "/ui/settings", Some(&admin))).await).await;
    assert!(
        page.contains("This server is read-only: it refuses every change"),
        "{page}"
    );
}

#[tokio::test]
async fn pages_run_their_own_scripts_only_and_stand_in_no_frame() {
    let (router, _, tokens, ..) = whole().await;
    let policy = |answer: &Response<Body>| {
        let policy = &answer.headers()[header::CONTENT_SECURITY_POLICY];
        let parts = policy.to_str().unwrap().split("; ");
        parts
            .filter_map(|part| part.split_once(' '))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<std::collections::HashMap<_, _>>()
    };
    let page = send(&router, request(&Method::GET, "/ui/settings", Some(&tokens[1].1))).await;
    let of_page = policy(&page);
    let html = text(page).await;
    let nonce = of_page["script-src"]
        .split('\'')
        .find_map(|word| word.strip_prefix("nonce-"))
        .unwrap()
        .to_owned();
    assert_eq!(
        of_page["script-src"],
        format!("'self' 'nonce-{nonce}' 'wasm-unsafe-eval'")
    );
    assert_eq!(of_page["frame-ancestors"], "'none'");
    assert_eq!(of_page["base-uri"], "'self'");
    assert!(html.contains(&nonce));
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let is_handler = |word: &str| word.starts_with("on") && word.contains("=\"");
        assert!(!tag.split(' ').any(is_handler), "{tag}");
    }
    let again = send(&router, request(&Method::GET, "/ui/settings", Some(&tokens[1].1))).await;
    assert_ne!(
        policy(&again)["script-src"],
        of_page["script-src"],
        "a nonce is used once"
    );
    let login = send(&router, request(&Method::GET, "/ui/login", None)).await;
    assert_eq!(policy(&login)["script-src"], "'none'");
}

#[tokio::test]
async fn choices_are_kept_in_cookies_and_unknown_ones_are_not() {
    let (router, _, tokens, ..) = whole().await;
    let choose = |body: &str| {
        let mut form = request(&Method::POST, "/ui/fn/preferences", None);
        let headers = form.headers_mut();
        headers.insert(header::ACCEPT, "text/html".parse().unwrap());
        headers.insert(
            header::CONTENT_TYPE,
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        *form.body_mut() = body.to_owned().into();
        form
    };
    let answer = send(
        &router,
        choose("zone=Asia%2FTokyo&theme=dark&times=absolute&keys=off"),
    )
    .await;
    let cookies: Vec<_> = answer.headers().get_all(header::SET_COOKIE).iter().collect();
    let cookies: Vec<_> = cookies
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect();
    assert_eq!(
        cookies,
        [
            "tidegate_theme=dark",
            "tidegate_zone=Asia/Tokyo",
            "tidegate_times=absolute",
            "tidegate_keys=off"
        ]
    );
    let wrong = send(
        &router,
        choose("zone=named&zone_name=Mars%3BX&theme=pink&keys=maybe"),
    )
    .await;
    assert!(!wrong.headers().contains_key(header::SET_COOKIE));
    assert_eq!(
        wrong.headers()[header::LOCATION],
        "/ui/settings?zone=Mars%3BX#zone"
    );
    let mut page = request(&Method::GET, "/ui/settings", Some(&tokens[1].1));
    page.headers_mut()
        .insert(header::COOKIE, cookies.join("; ").parse().unwrap());
    let page = text(send(&router, page).await).await;
    assert!(page.contains("data-zone=\"Asia/Tokyo|0 32400 JST\""), "{page}");
    assert!(page.contains("data-theme=\"dark\"") && page.contains("data-facts=\"absolute\""));
}

#[tokio::test]
async fn the_history_is_told_for_known_windows_of_known_changefeeds() {
    let (router, _, tokens, ..) = whole().await;
    let (_, admin) = &tokens[3];
    let mut create = request(&Method::POST, "/api/v2/changefeeds", Some(admin));
    *create.body_mut() =
        r#"{"changefeed_id":"a","sink_uri":"blackhole://","replica_config":{"force_replicate":true}}"#.into();
    assert_eq!(send(&router, create).await.status(), 200);
    let ask = |path: &str| {
        send(
            &router,
            request(&Method::GET, &format!("/api/tidegate/v1{path}"), Some(admin)),
        )
    };
    let day = ask("/changefeeds/a/series?window=24h").await;
    assert_eq!(day.status(), 200);
    let day = json(day).await;
    assert_eq!(
        (&day["window"], &day["step_seconds"]),
        (&"24h".into(), &60.into())
    );
    assert_eq!(ask("/changefeeds/a/series?window=7d").await.status(), 400);
    assert_eq!(ask("/changefeeds/b/series").await.status(), 400);
    let tables = ask("/changefeeds/a/tables").await;
    assert_eq!(tables.status(), 200);
    let tables = json(tables).await;
    assert_eq!(tables["total"], tables["items"].as_array().unwrap().len());
    assert!(tables["items"][0]["key"].is_string() || tables["items"][0]["key"].is_null());
    let help = json(ask("/errors/ErrTableIneligible").await).await;
    assert!(help["cause"].as_str().unwrap().contains("primary key"), "{help}");
}
