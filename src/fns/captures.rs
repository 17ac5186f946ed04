//! Server processes.

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::data::Captures;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;

/// Every capture, and facts of the one that answers.
#[server(name = ListCaptures, endpoint = "captures", input = GetUrl)]
pub async fn list_captures() -> Result<Captures, ConsoleError> {
    let console = context::console()?;
    context::answer(console.captures().await)
}
