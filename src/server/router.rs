//! All routes on the one port.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::get;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list, handle_server_fns_with_context};
use tower_http::catch_panic::CatchPanicLayer;

use super::host::{self, Hosts};
use super::state::App;
use super::{assets, document, extension, live, middleware, owner, respond, top, v1, v2};
use crate::app;
use crate::fns::context::Console;

/// The whole service.
pub(crate) fn router(app: App) -> Router {
    let api = Router::new()
        .nest("/api/v1", v1::routes())
        .nest("/api/v2", v2::routes())
        .nest("/api/tidegate/v1", extension::routes())
        .layer(from_fn_with_state(app.clone(), v2::only_when_ready));
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/ui") }))
        .merge(api)
        .merge(top::routes())
        .nest("/capture/owner", owner::routes())
        .merge(document::routes())
        .merge(console(&app))
        .layer(from_fn(middleware::in_time))
        .route("/ui/live", get(live::stream_events))
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::not_found)
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn(middleware::same_origin))
        .layer(from_fn(middleware::trailing_slash))
        .layer(from_fn_with_state(Hosts::of(&app.config), host::only_known))
        .layer(from_fn(middleware::browser_headers))
        .layer(from_fn(middleware::access_log))
        .with_state(app)
}

/// Pages, server functions and files below `/ui`.
fn console(app: &App) -> Router<App> {
    let console = Console::new(app.service.clone(), app.log.clone());
    let for_pages = console.clone();
    let options = app.leptos.clone();
    Router::new()
        .route(
            "/ui/fn/{*name}",
            get(server_functions(console.clone())).post(server_functions(console)),
        )
        .route("/ui/pkg/{*path}", get(assets::package_file))
        .route("/ui/favicon.svg", get(assets::icon))
        .leptos_routes_with_context(
            app,
            generate_route_list(app::App),
            move || {
                provide_context(for_pages.clone());
                middleware::allow_scripts_of_page();
            },
            move || app::shell(options.clone()),
        )
}

fn server_functions(
    console: Console,
) -> impl Fn(axum::extract::Request) -> std::pin::Pin<Box<dyn Future<Output = axum::response::Response> + Send>>
+ Clone {
    move |request| {
        let console = console.clone();
        Box::pin(async move {
            use axum::response::IntoResponse;
            handle_server_fns_with_context(move || provide_context(console.clone()), request)
                .await
                .into_response()
        })
    }
}
