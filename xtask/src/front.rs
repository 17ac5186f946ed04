//! Builds the console's front end: WASM, JavaScript glue, style sheet and static files, into `target/site`.

use anyhow::{Context, Result};

use crate::process::{cargo, run};
use crate::setup::Toolchain;

/// Builds it with the size-optimised release profile, each file also compressed.
pub(crate) fn build() -> Result<()> {
    let mut leptos = cargo(&["leptos", "build", "--release", "--frontend-only", "--precompress"]);
    toolchain()?.apply(&mut leptos);
    run(&mut leptos)
}

/// Compiles the crates that the browser shares with the server for wasm32, alone and in the features they have there.
pub(crate) fn check_shared_crates() -> Result<()> {
    let mut check = cargo(&["check", "--target", "wasm32-unknown-unknown"]);
    check.args([
        "-p",
        "tidegate-model",
        "-p",
        "tidegate-api",
        "-p",
        "tidegate-filter",
    ]);
    check.env("CARGO_TARGET_DIR", crate::paths::target().join("front"));
    toolchain()?.apply(&mut check);
    run(&mut check)
}

fn toolchain() -> Result<Toolchain> {
    Toolchain::find()?.context("no compiler for wasm32: run `cargo xtask setup`")
}
