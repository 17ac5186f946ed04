//! Reading, pausing, resuming and removing changefeeds.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::data::{FeedDetail, FeedPage, Overview};
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, PostUrl};

/// One page of the changefeeds of every namespace, finished ones too, as the query of the list's address asks for it.
#[server(name = ListChangefeeds, endpoint = "changefeeds", input = GetUrl)]
pub async fn list_changefeeds(query: String) -> Result<FeedPage, ConsoleError> {
    let console = context::console()?;
    context::answer(console.feed_page(&query))
}

/// What would be done, or was done, with several changefeeds: title, and HTML of the server's own making.
#[server(name = GetBulk, endpoint = "bulk", input = GetUrl)]
pub async fn get_bulk(query: String) -> Result<(String, String), ConsoleError> {
    let console = context::console()?;
    context::answer(console.bulk_page(&query))
}

/// What deserves a look.
#[server(name = GetOverview, endpoint = "overview", input = GetUrl)]
pub async fn get_overview() -> Result<Overview, ConsoleError> {
    let console = context::console()?;
    let mut overview = console.overview();
    overview.recent = crate::fns::activity::recent().await;
    Ok(overview)
}

/// One changefeed.
#[server(name = GetChangefeed, endpoint = "changefeed", input = GetUrl)]
pub async fn get_changefeed(namespace: String, id: String) -> Result<FeedDetail, ConsoleError> {
    let console = context::console()?;
    context::answer(console.feed_detail(&namespace, &id).await)
}

/// Stops replicating; the checkpoint stays.
#[server(name = PauseChangefeed, endpoint = "pause", input = PostUrl)]
pub async fn pause_changefeed(namespace: String, id: String) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.pause(&namespace, &id).await)
}

/// Goes on from the checkpoint.
#[server(name = ResumeChangefeed, endpoint = "resume", input = PostUrl)]
pub async fn resume_changefeed(namespace: String, id: String) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.resume(&namespace, &id).await)
}

/// Deletes the changefeed; `confirm` must repeat its id. The answer leads to the list.
#[server(name = RemoveChangefeed, endpoint = "remove", input = PostUrl)]
pub async fn remove_changefeed(namespace: String, id: String, confirm: String) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.remove(&namespace, &id, &confirm).await)?;
    leptos_axum::redirect("/ui/changefeeds");
    Ok(())
}
