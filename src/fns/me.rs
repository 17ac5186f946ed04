//! Who uses the console.

#![allow(clippy::unused_async, reason = "server functions are async")]

use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};

/// Somebody who uses the console.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Me {
    /// Name of the user, token or certificate.
    pub name: String,
    /// `viewer`, `operator` or `admin`; empty on a server that asks nobody.
    pub role: String,
    /// Whether there is a session that can be ended.
    pub session: bool,
}

/// Who asks.
#[server(name = GetMe, endpoint = "me", input = GetUrl)]
pub async fn get_me() -> Result<Me, ConsoleError> {
    use crate::server::{Principal, Proof};
    let parts = use_context::<axum::http::request::Parts>();
    let principal = parts
        .as_ref()
        .and_then(|parts| parts.extensions.get::<Principal>());
    Ok(match principal {
        Some(known) if known.proof != Proof::None => Me {
            name: known.name.clone(),
            role: known.role.to_string(),
            session: known.proof == Proof::Session,
        },
        _ => Me::default(),
    })
}
