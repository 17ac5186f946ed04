//! Settings of the console's pages.

use std::net::SocketAddr;

use leptos::config::{LeptosOptions, get_config_from_str};
use tidegate_model::{ErrorCode, Result, ResultExt};

/// Built in, so that the server needs no file beside it.
const SETTINGS: &str = include_str!("../../Leptos.toml");

/// The settings of `Leptos.toml` for a server that listens on `addr`.
///
/// # Errors
/// `InternalServerError` for a `LEPTOS_*` variable of the environment that cannot be read.
pub(crate) fn leptos_options(addr: SocketAddr) -> Result<LeptosOptions> {
    let mut options = get_config_from_str(SETTINGS).code(
        ErrorCode::InternalServerError,
        "the settings of the console cannot be read",
    )?;
    options.site_addr = addr;
    Ok(options)
}

/// Whether `cargo leptos watch` started this server; its pages then reload themselves over a connection of their own.
pub(crate) fn is_watched() -> bool {
    std::env::var_os("LEPTOS_WATCH").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cargo-leptos reads one file, the server the other.
    #[test]
    fn both_files_say_the_same() {
        let read = |text: &str| -> toml::Table { text.parse().unwrap() };
        let section = |file: &toml::Table| file["package"]["metadata"]["leptos"].as_table().unwrap().clone();
        let (server, build) = (
            section(&read(SETTINGS)),
            section(&read(include_str!("../../Cargo.toml"))),
        );
        for (name, value) in &server {
            assert_eq!(build.get(name), Some(value), "{name}");
        }
        let options = leptos_options("127.0.0.1:1".parse().unwrap()).unwrap();
        assert_eq!(&*options.output_name, "tidegate");
        assert_eq!(options.site_addr.port(), 1);
    }
}
