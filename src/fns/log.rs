//! The server's log and its level.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, PostUrl};
use serde::{Deserialize, Serialize};

/// Name of the server-sent event that carries lines.
pub const EVENT: &str = "lines";

/// The level in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LevelNow {
    /// One of [`LEVELS`], or another word of the API.
    pub level: String,
    /// The level to which it returns by itself, and when, in unix milliseconds.
    pub back: Option<(String, u64)>,
}

/// The newest lines that a query asks for. Texts but the addresses are HTML of the server's own making.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogPage {
    /// The fields of the filter, filled in.
    pub fields: String,
    /// The lines, oldest first.
    pub lines: String,
    /// Whether long lines are wrapped.
    pub wraps: bool,
    /// The address with the other choice.
    pub wrap_address: String,
    /// Where new lines come from, but for the number of the last line that is there.
    pub stream: String,
    /// That number.
    pub next: u64,
    /// Where all lines are as text.
    pub download: String,
}

/// The level in force.
#[server(name = GetLogLevel, endpoint = "log_level", input = GetUrl)]
pub async fn get_log_level() -> Result<LevelNow, ConsoleError> {
    Ok(context::console()?.log_level())
}

/// Sets the level, until the server restarts or for ten minutes.
#[server(name = SetLogLevel, endpoint = "set_log_level", input = PostUrl)]
pub async fn set_log_level(level: String, #[server(default)] back: bool) -> Result<(), ConsoleError> {
    let console = context::console()?;
    context::answer(console.set_log_level(&level, back))
}

/// The newest lines that the query of an address asks for by `level`, `target` and `q`.
#[server(name = ReadLog, endpoint = "log", input = GetUrl)]
pub async fn read_log(query: String) -> Result<LogPage, ConsoleError> {
    let console = context::console()?;
    context::answer(console.log_page(&query))
}

/// The levels on offer, quietest last, each with what it shows.
pub const LEVELS: [(&str, &str); 4] = [
    ("debug", "Everything, for hunting a fault. Many lines."),
    ("info", "What the server does, in a few lines. The usual choice."),
    ("warn", "Only what needs attention soon, and errors."),
    ("error", "Only what failed."),
];
