//! Who changed what.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;

/// Entries below `cursor`, or the newest: HTML of the server's own making.
#[server(name = GetActivity, endpoint = "activity", input = GetUrl)]
pub async fn get_activity(cursor: Option<u64>) -> Result<String, ConsoleError> {
    /// Entries of a page.
    const PAGE: usize = 50;
    let Some(app) = use_context::<crate::server::App>() else {
        return Ok(String::new());
    };
    let page = app.audit.read(cursor.unwrap_or(u64::MAX), PAGE, None).await;
    let page = context::answer(page.map_err(ConsoleError::from))?;
    Ok(crate::app::activity::entries(page.items, page.next_cursor))
}
