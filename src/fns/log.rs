//! The level of the server's log.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, PostUrl};

/// The level in force: one of [`LEVELS`].
#[server(name = GetLogLevel, endpoint = "log_level", input = GetUrl)]
pub async fn get_log_level() -> Result<String, ConsoleError> {
    Ok(context::console()?.log_level())
}

/// Sets the level until the server restarts.
#[server(name = SetLogLevel, endpoint = "set_log_level", input = PostUrl)]
pub async fn set_log_level(level: String) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.set_log_level(&level))
}

/// The levels on offer, quietest last, each with what it shows.
pub const LEVELS: [(&str, &str); 4] = [
    ("debug", "Everything, for hunting a fault. Many lines."),
    ("info", "What the server does, in a few lines. The usual choice."),
    ("warn", "Only what needs attention soon, and errors."),
    ("error", "Only what failed."),
];
