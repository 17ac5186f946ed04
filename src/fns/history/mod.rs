//! The configuration of a changefeed: what holds, what held before, and what is different.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
mod diff;
#[cfg(feature = "ssr")]
mod html;
#[cfg(feature = "ssr")]
mod read;

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub(crate) use read::{Past, file};

/// A configuration as a page shows it: HTML of the server's own making around a text to copy.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConfigView {
    /// Which view, which version.
    pub head: String,
    /// The text of a view that is text.
    pub code: String,
    /// What the text is, for the reader.
    pub what: String,
    /// Settings, versions and differences.
    pub rest: String,
}

/// The configuration that the query of its page asks for.
#[server(name = GetConfig, endpoint = "config", input = GetUrl)]
pub async fn get_config(namespace: String, id: String, query: String) -> Result<ConfigView, ConsoleError> {
    let console = context::console()?;
    context::answer(console.config_view(&namespace, &id, &query).await)
}
