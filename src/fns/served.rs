//! Pages that only the server makes: settings, and the API explorer.

use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};

/// Which page.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Preferences and facts of the server.
    Settings,
    /// Every endpoint, to be tried.
    Api,
}

/// The page for the query of its address: HTML of the server's own making, with everything that was typed escaped.
#[server(name = GetServed, endpoint = "served", input = GetUrl)]
pub async fn get_served(part: Part, query: String) -> Result<String, ConsoleError> {
    use crate::fns::{context, query::Query};
    let _ready = context::console()?;
    let query = Query::parse(&query)?;
    Ok(match part {
        Part::Settings => crate::app::settings::page(&crate::server::settings_shown().await?, &query),
        Part::Api => crate::app::explorer::page::page(&query),
    })
}
