//! The colour theme of a browser without JavaScript; with it, the browser writes the cookie itself.

#![allow(clippy::unused_async, reason = "server functions are async")]

use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::PostUrl;

/// Remembers `system`, `light` or `dark` in a cookie; the answer leads back to the page. Another word changes
/// nothing.
#[server(name = SetTheme, endpoint = "theme", input = PostUrl)]
pub async fn set_theme(theme: String) -> Result<(), ConsoleError> {
    use crate::app::theme::{COOKIE, Theme};
    if let Some(theme) = Theme::from_word(&theme) {
        let cookie = format!(
            "{COOKIE}={}; Path=/ui; Max-Age=31536000; SameSite=Lax",
            theme.word()
        );
        let response = expect_context::<leptos_axum::ResponseOptions>();
        if let Ok(cookie) = axum::http::HeaderValue::from_str(&cookie) {
            response.insert_header(axum::http::header::SET_COOKIE, cookie);
        }
    }
    Ok(())
}
