//! All routes on the one port.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use leptos::prelude::{provide_context, use_context};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::{LeptosRoutes, generate_route_list};
use tower_http::catch_panic::CatchPanicLayer;

use super::access::guard::{self, Guard};
use super::access::{ADMIN, Need, OPERATOR, PUBLIC, VIEWER, login};
use super::audit::{self, Recorder};
use super::host::{self, Hosts};
use super::routes::{RouteTable, Routes};
use super::state::App;
use super::{assets, document, extension, facts, list, live, log, middleware, owner, respond, top, v1, v2};
use crate::app;
use crate::fns::context::Console;

/// The whole service.
pub(crate) fn router(app: App) -> Router {
    let (router, routes) = all(&app).finish();
    finish(app, router, routes)
}

/// Every route and the role that it needs.
fn all(app: &App) -> Routes {
    let ready = from_fn_with_state(app.clone(), v2::only_when_ready);
    Routes::default()
        .nest("/api/v1", v1::routes())
        .nest("/api/v2", v2::routes())
        .nest("/api/tidegate/v1", extension::routes())
        .map(|api| api.layer(ready))
        .get("/", PUBLIC, || async { Redirect::temporary("/ui") })
        .merge(top::routes())
        .nest("/capture/owner", owner::routes())
        .merge(document::routes())
        .merge(console(app))
        .map(|router| router.layer(from_fn(middleware::in_time)))
        .get("/ui/live", VIEWER, live::stream_events)
        .get("/ui/logs/live", VIEWER, log::stream_lines)
        .get("/ui/logs/download", VIEWER, log::download)
}

/// What holds for every request, the outermost rule last.
fn finish(app: App, router: Router<App>, routes: RouteTable) -> Router {
    let recorder = Recorder {
        app: app.clone(),
        routes: routes.clone(),
    };
    let guard = Guard {
        app: app.clone(),
        routes,
    };
    router
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::not_found)
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn(middleware::whole_form))
        .layer(from_fn_with_state(recorder, audit::note))
        .layer(from_fn_with_state(guard, guard::check))
        .layer(from_fn(middleware::same_origin))
        .layer(from_fn(middleware::trailing_slash))
        .layer(from_fn_with_state(Hosts::of(&app.config), host::only_known))
        .layer(from_fn(middleware::browser_headers))
        .layer(from_fn(middleware::access_log))
        .with_state(app)
}

/// Pages, server functions and files below `/ui`.
fn console(app: &App) -> Routes {
    let console = Console::new(app.service.clone(), app.log.clone());
    let of_app = app.clone();
    let options = app.leptos.clone();
    let pages = generate_route_list(app::App);
    let mut routes = Routes::default()
        .get("/ui/login", PUBLIC, login::show)
        .post("/ui/login", PUBLIC, login::log_in)
        .post("/ui/logout", PUBLIC, login::log_out)
        .merge(list::routes())
        .get("/ui/pkg/{*path}", PUBLIC, assets::package_file)
        .get("/ui/favicon.svg", PUBLIC, assets::icon)
        .get("/ui/licences.txt", VIEWER, assets::licences);
    for page in &pages {
        routes = routes.listed(Method::GET, page.path(), page_need(page.path()));
    }
    for (path, method) in server_fn_paths() {
        routes = routes.listed(method, path, function_need(path));
    }
    routes.map(|router| {
        router.leptos_routes_with_context(
            app,
            pages,
            move || {
                provide_context(console.clone());
                provide_context(of_app.clone());
                if let Some(parts) = use_context::<Parts>() {
                    provide_context(Arc::new(facts::of(&of_app, &parts)));
                }
                middleware::allow_scripts_of_page();
            },
            move || app::shell(options.clone()),
        )
    })
}

/// The role that a page of the console needs.
fn page_need(path: &str) -> Need {
    match path.rsplit('/').next() {
        Some("new" | "edit" | "activity" | "bulk") => OPERATOR,
        Some("remove") => ADMIN,
        _ => VIEWER,
    }
}

/// The role that each server function needs.
const FUNCTION_NEEDS: [(&str, Need); 30] = [
    ("activity", OPERATOR),
    ("ask", OPERATOR),
    ("bulk", OPERATOR),
    ("capture", VIEWER),
    ("captures", VIEWER),
    ("changefeed", VIEWER),
    ("changefeeds", VIEWER),
    ("commands", VIEWER),
    ("config", VIEWER),
    ("create", OPERATOR),
    ("drain", ADMIN),
    ("drop_draft", OPERATOR),
    ("facts", VIEWER),
    ("form", OPERATOR),
    ("log", VIEWER),
    ("log_level", VIEWER),
    ("overview", VIEWER),
    ("pause", OPERATOR),
    ("preferences", PUBLIC),
    ("preview", VIEWER),
    ("remove", ADMIN),
    ("resign", ADMIN),
    ("resume", OPERATOR),
    ("save_draft", OPERATOR),
    ("served", VIEWER),
    ("set_log_level", OPERATOR),
    ("tables", VIEWER),
    ("trouble", VIEWER),
    ("try_out", VIEWER),
    ("watch", VIEWER),
];

/// The role that a server function needs; one that is not in the table is for the highest only.
fn function_need(path: &str) -> Need {
    let name = path.rsplit('/').next().unwrap_or_default();
    let named = FUNCTION_NEEDS.iter().find(|(function, _)| *function == name);
    named.map_or(ADMIN, |(_, need)| *need)
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
