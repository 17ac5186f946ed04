//! Who changed what.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};
use tidegate_api::ActivityEntry;

/// One page of the activity, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Activity {
    /// The entries.
    pub entries: Vec<ActivityEntry>,
    /// Where the next page begins, if there is one.
    pub older: Option<u64>,
}

/// Entries below `cursor`, or the newest.
#[server(name = GetActivity, endpoint = "activity", input = GetUrl)]
pub async fn get_activity(cursor: Option<u64>) -> Result<Activity, ConsoleError> {
    /// Entries of a page.
    const PAGE: usize = 50;
    let Some(app) = use_context::<crate::server::App>() else {
        return Ok(Activity::default());
    };
    let page = app.audit.read(cursor.unwrap_or(u64::MAX), PAGE, None).await;
    let page = context::answer(page.map_err(ConsoleError::from))?;
    Ok(Activity {
        entries: page.items,
        older: page.next_cursor,
    })
}
