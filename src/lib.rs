//! The full-stack half of Tidegate: the web console, rendered on the server and hydrated in the browser.
//!
//! Built twice: natively with the feature `ssr`, where it is a library of the server binary, and for
//! `wasm32-unknown-unknown` with the feature `hydrate`, where [`hydrate`] is the entry point.

// Views nest generic types as deep as the page.
#![recursion_limit = "512"]

#[cfg(not(erase_components))]
compile_error!(
    "server and browser are built with the flags of .cargo/config.toml; RUSTFLAGS in the environment hides them: \
     add `--cfg erase_components` to it"
);

pub mod app;
#[cfg(feature = "ssr")]
pub mod cli;
pub mod fns;
#[cfg(feature = "ssr")]
pub mod server;

/// Entry point in the browser: takes over the page that the server rendered.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
