//! Pages and components of the web console.
//!
//! In: plain data from the server functions of `crate::fns` and the event stream `/ui/live`. Out: HTML, on the
//! server and in the browser alike. The address is the state of a page; every page reads, and every plain form
//! works, without JavaScript. Nothing here knows the engine.

#![allow(
    unreachable_pub,
    reason = "the component macro makes the type of the properties public"
)]

pub(crate) mod activity;
mod announce;
pub(crate) mod captures;
pub(crate) mod changefeed;
pub(crate) mod changefeed_new;
pub(crate) mod changefeeds;
pub(crate) mod explorer;
pub(crate) mod facts;
pub(crate) mod format;
mod layout;
mod live;
pub(crate) mod log;
mod overview;
pub(crate) mod palette;
pub(crate) mod playground;
pub(crate) mod processors;
mod served;
pub(crate) mod settings;
pub(crate) mod theme;
mod topbar;
pub(crate) mod ui;
pub(crate) mod zone;

use leptos::prelude::*;
use leptos_meta::{MetaTags, Stylesheet, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

/// The document around the application. Rendered on the server only.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let (user, role, words, zone) = facts::with(|facts| {
        let zone = facts.zone.write();
        (facts.user.clone(), facts.role.clone(), facts.words(), zone)
    });
    view! {
        <!DOCTYPE html>
        <html
            lang="en"
            data-theme=theme::current().word()
            data-user=user
            data-role=role
            data-facts=words
            data-zone=zone
        >
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" type="image/svg+xml" href="/ui/favicon.svg"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options root="/ui"/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Pages are sent whole: what arrives later would need scripts to find its place.
const WHOLE: SsrMode = SsrMode::Async;

/// The application: every route below `/ui`.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let live = live::Live::new();
    provide_context(live);
    live::start(live);
    mark_hydrated();
    view! {
        <Stylesheet href="/ui/pkg/tidegate.css"/>
        <Router>
            <Routes fallback=layout::NotFound>
                <ParentRoute path=path!("/ui") view=layout::Layout>
                    <Route path=path!("") view=overview::Overview ssr=WHOLE/>
                    <Route path=path!("changefeeds") view=changefeeds::Changefeeds ssr=WHOLE/>
                    <Route path=path!("changefeeds/bulk") view=changefeeds::Bulk ssr=WHOLE/>
                    <Route path=path!("changefeeds/new") view=changefeed_new::ChangefeedNew ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id") view=changefeed::Summary ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id/tables") view=changefeed::Tables ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id/config") view=changefeed::Config ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id/activity") view=changefeed::Activity ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id/api") view=changefeed::Api ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id/edit") view=changefeed::Edit ssr=WHOLE/>
                    <Route path=path!("changefeeds/:namespace/:id/remove") view=changefeed::Remove ssr=WHOLE/>
                    <Route path=path!("playground/filter") view=playground::Rules ssr=WHOLE/>
                    <Route path=path!("playground/expression") view=playground::Events ssr=WHOLE/>
                    <Route path=path!("captures") view=captures::Captures ssr=WHOLE/>
                    <Route path=path!("captures/:id") view=captures::Capture ssr=WHOLE/>
                    <Route path=path!("processors") view=processors::Processors ssr=WHOLE/>
                    <Route path=path!("activity") view=activity::Activity ssr=WHOLE/>
                    <Route path=path!("logs") view=log::Log ssr=WHOLE/>
                    <Route path=path!("api") view=explorer::Explorer ssr=WHOLE/>
                    <Route path=path!("settings") view=settings::Settings ssr=WHOLE/>
                    <Route path=path!("*any") view=layout::NotFound ssr=WHOLE/>
                </ParentRoute>
            </Routes>
        </Router>
    }
    .into_any()
}

/// Tells style sheet and tests that the page answers to clicks now.
fn mark_hydrated() {
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            let _cannot_fail = root.set_attribute("data-hydrated", "");
        }
    });
}
