//! The playgrounds: what table rules and event filters do, tried with the engine's own code.
//!
//! In: the query of the page's address. Out: HTML, made on the server. Such a page is a form and an answer that changes
//! as a whole; made here it costs the browser no code, and cannot come out differently there.

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::PostUrl;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub(crate) mod events;
#[cfg(feature = "ssr")]
pub(crate) mod names;
#[cfg(feature = "ssr")]
pub(crate) mod rules;
#[cfg(feature = "ssr")]
mod values;

/// Which playground.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Table rules.
    Filter,
    /// Event filters.
    Expression,
}

impl Place {
    /// The address without a query.
    pub const fn address(self) -> &'static str {
        match self {
            Place::Filter => "/ui/playground/filter",
            Place::Expression => "/ui/playground/expression",
        }
    }
}

/// A playground after it was tried. All texts but the summary are HTML of the server's own making, with everything that
/// was typed escaped.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TriedOut {
    /// The fields, filled in.
    pub fields: String,
    /// What belongs below the fields.
    pub notes: String,
    /// What came out.
    pub answer: String,
    /// What came out, in a sentence, as plain text.
    pub summary: String,
}

/// Tries what the query of an address says; the address is the whole state.
#[server(name = TryOut, endpoint = "try_out", input = PostUrl)]
pub async fn try_out(place: Place, query: String) -> Result<TriedOut, ConsoleError> {
    let console = context::console()?;
    context::answer(match place {
        Place::Filter => rules::answer(&console, &query).await,
        Place::Expression => events::answer(&console, &query).await,
    })
}
