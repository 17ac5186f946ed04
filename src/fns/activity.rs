//! Who changed what.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;

/// The entries that the query of a page asks for, of one changefeed (`namespace/id`) if it is named: HTML of the
/// server's own making.
#[server(name = GetActivity, endpoint = "activity", input = GetUrl)]
pub async fn get_activity(feed: String, query: String) -> Result<String, ConsoleError> {
    context::answer(made::page(&feed, &query).await)
}

#[cfg(feature = "ssr")]
pub(crate) use made::recent;

#[cfg(feature = "ssr")]
mod made {
    use crate::app::activity::made::{Page, page as html, recent as lines};
    use crate::app::ui::copy::SHELL_BASE;
    use crate::app::ui::feed::feed_address;
    use crate::fns::error::ConsoleError;
    use crate::fns::query::Query;
    use crate::server::{App, OPERATOR, Principal, Selection};
    use axum::http::request::Parts;
    use leptos::prelude::use_context;

    /// Entries of a page, and of the first page of the console.
    const PAGE: usize = 50;
    const RECENT: usize = 10;
    const API: &str = "/api/tidegate/v1/activity";

    pub(super) async fn page(feed: &str, query: &str) -> Result<String, ConsoleError> {
        let Some(app) = use_context::<App>() else {
            return Ok(String::new());
        };
        let query = Query::parse(query.trim_start_matches('?'))?;
        let named = feed.split_once('/');
        let (namespace, id) = named.unwrap_or(("default", ""));
        let value = |name: &str| match name {
            "changefeed_id" => id.to_owned(),
            _ => query.get(name).to_owned(),
        };
        // A time that cannot be read is told beside the field, above everything there is of the changefeed.
        let (wanted, fault) = match Selection::read(namespace, value) {
            Ok(wanted) => (wanted, None),
            Err(error) if named.is_none() => (Selection::default(), Some(error.message().to_owned())),
            Err(error) => (Selection::of(namespace, id), Some(error.message().to_owned())),
        };
        let cursor = query.get("cursor").parse().unwrap_or(u64::MAX);
        let found = app.audit.read(cursor, PAGE, wanted).await?;
        let address = match named {
            Some((namespace, id)) => format!("{}/activity", feed_address(namespace, id)),
            None => "/ui/activity".to_owned(),
        };
        let mut asked = Query::default();
        for name in ["actor", "action", "result", "since", "until"] {
            asked = asked.with(name, query.get(name));
        }
        let by_api = match named {
            Some((namespace, id)) => asked.with("changefeed_id", id).with("namespace", namespace),
            None => asked.clone(),
        };
        let older = found.next_cursor.map(|cursor| {
            let cursor = cursor.to_string();
            asked.with("cursor", &cursor).address(&address)
        });
        // A browser takes no other text into a field for a time.
        let time = |name: &str| {
            if fault.is_none() {
                query.get(name).to_owned()
            } else {
                String::new()
            }
        };
        let (since, until) = (time("since"), time("until"));
        let alive = app.service.changefeed_ids();
        Ok(html(Page {
            older,
            of_feed: named.is_some(),
            actor: query.get("actor").to_owned(),
            action: query.get("action").to_owned(),
            result: query.get("result").to_owned(),
            since,
            until,
            fault,
            entries: found.items,
            download: by_api.with("format", "ndjson").address(API),
            curl: format!("curl {SHELL_BASE}{}\"", by_api.address(API)),
            alive: alive
                .iter()
                .map(|id| format!("{}/{}", id.namespace, id.id))
                .collect(),
            address,
        }))
    }

    /// The newest entries for the first page; nothing for those who may not read the activity.
    pub(crate) async fn recent() -> Option<String> {
        let app = use_context::<App>()?;
        let parts = use_context::<Parts>()?;
        let reader = parts.extensions.get::<Principal>()?;
        if !reader.may(OPERATOR) {
            return None;
        }
        let page = app.audit.read(u64::MAX, RECENT, Selection::default()).await;
        page.ok().map(|page| lines(page.items))
    }
}
