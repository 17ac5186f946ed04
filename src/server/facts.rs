//! What pages of the console know from the first byte on: who asks, what the server allows, how times are written.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use leptos::prelude::use_context;
use tidegate_model::{CdcError, ErrorCode};

use super::access::{Principal, Proof};
use super::state::App;
use crate::app::facts::Facts;
use crate::app::settings::Shown;
use crate::app::zone::{self, Zone};
use crate::fns::error::ConsoleError;
use crate::fns::preferences::{ABSOLUTE, KEYS, OFF, TIMES};

/// The value of a cookie; empty without it.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map_or("", |(_, value)| value)
}

/// The zone that a request wants times in.
pub(crate) fn zone(app: &App, headers: &HeaderMap) -> Zone {
    zone::chosen(cookie(headers, zone::COOKIE), &app.config.time_zone)
}

/// The facts of a request.
pub(crate) fn of(app: &App, parts: &Parts) -> Facts {
    let known = parts
        .extensions
        .get::<Principal>()
        .filter(|principal| principal.proof != Proof::None);
    let is_far = !app.config.addr.ip().is_loopback();
    Facts {
        user: known.map(|known| known.name.clone()).unwrap_or_default(),
        role: known.map(|known| known.role.to_string()).unwrap_or_default(),
        session: known.is_some_and(|known| known.proof == Proof::Session),
        read_only: app.config.read_only,
        exposed: is_far && app.access.rules().is_open(),
        absolute: cookie(&parts.headers, TIMES) == ABSOLUTE,
        zone: zone(app, &parts.headers),
    }
}

/// What the page of settings shows.
///
/// # Errors
/// Outside of a request of the console.
pub(crate) async fn settings_shown() -> Result<Shown, ConsoleError> {
    let (Some(app), Some(parts)) = (use_context::<App>(), use_context::<Parts>()) else {
        let error = CdcError::new(ErrorCode::InternalServerError, "the console is not connected");
        return Err(error.into());
    };
    let config = &app.config;
    let server = super::extension::server_info(&app).await;
    Ok(Shown {
        server: server.map_err(|error| error.wire_message()),
        address: match &config.advertise_addr {
            Some(address) => address.clone(),
            None => config.addr.to_string(),
        },
        server_zone: config.time_zone.iana_name().unwrap_or("as the system").to_owned(),
        zone: cookie(&parts.headers, zone::COOKIE).to_owned(),
        keys: cookie(&parts.headers, KEYS) != OFF,
    })
}
