//! What the page of one changefeed shows beside its row: HTML of the server's own making, asked for again while the page
//! is open.

#![allow(clippy::unused_async, reason = "server functions are async")]

use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};

/// How a changefeed has been in a window of time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    /// Links to the windows, and to the other way to show them.
    pub links: String,
    /// Estimate, progress and stages of the pipeline.
    pub strip: String,
    /// The charts, or their figures as a table.
    pub charts: String,
    /// What the lag did, and what happened.
    pub story: String,
    /// What each moment of the charts says, from left to right; empty for a gap. None for a table.
    pub moments: Vec<String>,
    /// After how many seconds there is something new; 0: what is shown stands still.
    pub period_s: u32,
}

/// The window that the query of the page's address asks for.
#[server(name = GetWatch, endpoint = "watch", input = GetUrl)]
pub async fn get_watch(namespace: String, id: String, query: String) -> Result<Watch, ConsoleError> {
    made::answer(&namespace, &id, &query, async |page| page.watch().await).await
}

/// Facts about a changefeed, and what the query of the page's address asks to convert.
#[server(name = GetFacts, endpoint = "facts", input = GetUrl)]
pub async fn get_facts(namespace: String, id: String, query: String) -> Result<String, ConsoleError> {
    made::answer(&namespace, &id, &query, async |page| page.facts().await).await
}

/// What is wrong with a changefeed, and what to do; empty when nothing is.
#[server(name = GetTrouble, endpoint = "trouble", input = GetUrl)]
pub async fn get_trouble(namespace: String, id: String) -> Result<String, ConsoleError> {
    made::answer(&namespace, &id, "", async |page| page.trouble().await).await
}

/// The tables that a changefeed's rules select, as the query of the page's address asks for them.
#[server(name = GetTables, endpoint = "tables", input = GetUrl)]
pub async fn get_tables(namespace: String, id: String, query: String) -> Result<String, ConsoleError> {
    made::answer(&namespace, &id, &query, async |page| page.tables().await).await
}

#[cfg(feature = "ssr")]
mod made {
    use axum::http::request::Parts;
    use leptos::prelude::use_context;
    use tidegate_api::ChangefeedLive;
    use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, SystemClock};

    use super::Watch;
    use crate::app::changefeed::made::{charts, facts, panel, strip, tables};
    use crate::fns::context;
    use crate::fns::error::ConsoleError;
    use crate::fns::query::Query;
    use crate::server::App;
    use crate::server::Principal;
    use crate::server::series::Window;

    /// A page that is asked for.
    pub(super) struct Asked {
        app: App,
        id: ChangefeedId,
        query: Query,
    }

    /// The answer about a changefeed, with its status.
    pub(super) async fn answer<T>(
        namespace: &str,
        id: &str,
        query: &str,
        ask: impl AsyncFnOnce(Asked) -> Result<T, ConsoleError>,
    ) -> Result<T, ConsoleError> {
        // Nothing is shown before the changefeeds are loaded.
        context::console()?;
        let Some(app) = use_context::<App>() else {
            let error = CdcError::new(ErrorCode::InternalServerError, "the console is not connected");
            return context::answer(Err(error.into()));
        };
        let query = Query::parse(query.trim_start_matches('?'));
        let asked = query.map(|query| Asked {
            app,
            id: ChangefeedId::new(namespace, id),
            query,
        });
        match asked {
            Ok(asked) => context::answer(ask(asked).await),
            Err(error) => context::answer(Err(error)),
        }
    }

    impl Asked {
        /// The newest figures, and the server's clock when they were taken.
        fn live(&self) -> (Option<ChangefeedLive>, u64) {
            let snapshot = self.app.service.live().borrow().clone();
            let mut all = snapshot.changefeeds.iter();
            let found = all.find(|live| live.namespace == *self.id.namespace && live.id == *self.id.id);
            (found.cloned(), snapshot.unix_ms)
        }

        pub(super) async fn watch(self) -> Result<Watch, ConsoleError> {
            let detail = self.app.service.get_changefeed(&self.id).await?;
            // A word that is none is the usual window: an address may be old.
            let window = Window::of(self.query.get("window")).unwrap_or_default();
            let is_table = self.query.get("table") == "1";
            let (live, now_ms) = self.live();
            let recent = self.app.histories.series(&self.id, Window::FiveMinutes);
            let series = match window {
                Window::FiveMinutes => recent.clone(),
                window => self.app.histories.series(&self.id, window),
            };
            let mut watch = Watch {
                links: charts::links(&self.id, window, is_table),
                story: charts::story(&series),
                strip: strip::strip(&detail, live.as_ref(), &recent.points, now_ms),
                ..Watch::default()
            };
            if is_table {
                watch.charts = charts::table(&series);
            } else {
                let drawn = charts::Drawn::new(&series, window);
                watch.charts = drawn.html();
                watch.moments = drawn.moments();
                watch.period_s = u32::try_from(window.step_ms() / 1_000).unwrap_or(1);
            }
            Ok(watch)
        }

        pub(super) async fn facts(self) -> Result<String, ConsoleError> {
            let service = &self.app.service;
            let detail = service.get_changefeed(&self.id).await?;
            let synced = service.synced(&self.id, None).await?;
            Ok(facts::facts(&facts::Known {
                tables: self.live().0.map(|live| live.tables),
                detail: &detail,
                synced: &synced,
                oldest: service.oldest_kept(),
                position: &service.read_position(),
                query: &self.query,
                now_ms: SystemClock.unix_ms(),
            }))
        }

        pub(super) async fn trouble(self) -> Result<String, ConsoleError> {
            let detail = self.app.service.get_changefeed(&self.id).await?;
            let live = self.live().0;
            let error = live.and_then(|live| live.error).filter(|_| {
                // The detail is the newer of the two.
                matches!(detail.state.as_str(), "warning" | "pending" | "failed")
            });
            let may_write = use_context::<Parts>()
                .and_then(|parts| parts.extensions.get::<Principal>().cloned())
                .is_none_or(|principal| principal.may(crate::server::OPERATOR));
            Ok(panel::panel(&panel::Trouble {
                detail: &detail,
                error: error.as_ref(),
                seen: self.app.histories.error(&self.id),
                may_write,
            }))
        }

        pub(super) async fn tables(self) -> Result<String, ConsoleError> {
            let all = self.app.service.feed_tables(&self.id).await?;
            Ok(tables::page(&self.id, all, &self.query))
        }
    }
}
