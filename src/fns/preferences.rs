//! What a reader prefers. Kept in cookies of the browser, so that the server makes the first page already as it is wanted.

#![allow(clippy::unused_async, reason = "server functions are async")]

use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::PostUrl;

/// Cookie: how times are written.
pub const TIMES: &str = "tidegate_times";
/// Its value for those who want them in full everywhere.
pub const ABSOLUTE: &str = "absolute";
/// Cookie: whether single keys do something.
pub const KEYS: &str = "tidegate_keys";
/// Its value for those who want them not to.
pub const OFF: &str = "off";
/// The choice that leaves the zone to the field for names.
pub const NAMED: &str = "named";

/// Remembers what a form says in cookies; the answer leads back to the page. What is left out, or no choice, stays as it
/// is. `zone`: `UTC`, `server`, `local:` with a name, a name, or `named` for the one in `zone_name`.
#[server(name = SetPreferences, endpoint = "preferences", input = PostUrl)]
pub async fn set_preferences(
    #[server(default)] theme: String,
    #[server(default)] zone: String,
    #[server(default)] zone_name: String,
    #[server(default)] times: String,
    #[server(default)] keys: String,
) -> Result<(), ConsoleError> {
    use crate::app::theme::{COOKIE as THEME, Theme};
    use crate::app::zone::{COOKIE as ZONE, LOCAL, SERVER, is_zone};
    if Theme::from_word(&theme).is_some() {
        remember(THEME, &theme);
    }
    let zone = if zone == NAMED { zone_name.trim() } else { &zone };
    let name = zone.strip_prefix(LOCAL).unwrap_or(zone);
    if zone == SERVER || is_zone(name) {
        remember(ZONE, zone);
    } else if !zone.is_empty() {
        let name: String = name.chars().take(64).collect();
        let name = crate::app::format::query_escape(&name);
        leptos_axum::redirect(&format!("/ui/settings?zone={name}#zone"));
    }
    if matches!(times.as_str(), "relative" | ABSOLUTE) {
        remember(TIMES, &times);
    }
    if matches!(keys.as_str(), "on" | OFF) {
        remember(KEYS, &keys);
    }
    Ok(())
}

/// Sets a cookie of the console for a year. The value must be one that is known.
#[cfg(feature = "ssr")]
fn remember(name: &str, value: &str) {
    use axum::http::{HeaderValue, header};
    let cookie = format!("{name}={value}; Path=/ui; Max-Age=31536000; SameSite=Lax");
    if let (Some(response), Ok(cookie)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        HeaderValue::from_str(&cookie),
    ) {
        response.append_header(header::SET_COOKIE, cookie);
    }
}
