//! Brings a machine to where Tidegate builds and its tests run. Every step is skipped when there is nothing to do.

mod packages;
mod python;
mod tools;
mod wasm;

use std::time::Instant;

use anyhow::{Context, Result};

pub(crate) use packages::chromium;
pub(crate) use python::schemathesis;
pub(crate) use wasm::Toolchain;

/// For the tests: everything.
pub(crate) fn all() -> Result<()> {
    step(
        "Rust components",
        "install rustfmt and clippy: rustup component add rustfmt clippy",
        tools::components,
    )?;
    database()?;
    console()?;
    step("browser", packages::remedy("chromium"), packages::browser)?;
    step(
        "schemathesis",
        "check that python3 with venv is there and PyPI is reachable, then try again",
        python::install,
    )
}

/// MariaDB, for the demo and for the tests.
pub(crate) fn database() -> Result<()> {
    step("MariaDB", packages::remedy("mariadb-server"), packages::mariadb)
}

/// What some dependencies and the fuzzing engine are compiled with.
pub(crate) fn compiler() -> Result<()> {
    step(
        "C and C++ compiler",
        packages::remedy("build-essential"),
        packages::compiler,
    )
}

/// What builds the console's front end.
pub(crate) fn console() -> Result<()> {
    compiler()?;
    step("Node.js", packages::remedy("nodejs npm"), packages::node)?;
    step(
        "front-end tools (npm)",
        "check that the npm registry is reachable, then try again",
        tools::npm,
    )?;
    step("wasm32 standard library", wasm::REMEDY, wasm::install)?;
    step(
        "wasm-bindgen",
        "check that the crate registry is reachable, then try again",
        tools::wasm_bindgen,
    )?;
    step(
        "cargo-leptos",
        "check that the crate registry is reachable, then try again",
        tools::cargo_leptos,
    )
}

/// What a step found.
enum Outcome {
    /// Nothing to do.
    Present,
    /// Installed now.
    Installed,
}

fn step(name: &str, remedy: impl AsRef<str>, work: impl FnOnce() -> Result<Outcome>) -> Result<()> {
    let start = Instant::now();
    let outcome =
        work().with_context(|| format!("set-up of {name} failed. To mend it: {}", remedy.as_ref()))?;
    match outcome {
        Outcome::Present => println!("setup: {name}: there"),
        Outcome::Installed => println!(
            "setup: {name}: installed in {:.0} s",
            start.elapsed().as_secs_f64()
        ),
    }
    Ok(())
}

/// Says that a step has work to do, and how long that takes.
fn announce(text: &str) {
    println!("setup: {text} ...");
}
