//! Tools from the crate registry and from npm. Crates go to a directory of ours, npm packages into `node_modules`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Outcome, announce};
use crate::paths;
use crate::process::{command, output, run, succeeds_within};

/// The newest whose own lock file holds nothing beyond the compiler that the workspace asks for (0.3.11 wants 1.96).
/// Without its lock file the build would depend on the day.
const CARGO_LEPTOS: &str = "0.3.10";

pub(super) fn components() -> Result<Outcome> {
    let present = |tool: &str| output(command("cargo").args([tool, "--version"])).is_ok();
    if present("fmt") && present("clippy") {
        return Ok(Outcome::Present);
    }
    let limit = Duration::from_secs(120);
    if !succeeds_within(
        command("rustup").args(["component", "add", "rustfmt", "clippy"]),
        limit,
    )? {
        bail!(
            "rustup component add failed, or did not answer within {} s",
            limit.as_secs()
        );
    }
    Ok(Outcome::Installed)
}

/// `npm ci`, again whenever the lock file changed.
pub(super) fn npm() -> Result<Outcome> {
    let lock = fs::read(paths::root().join("package-lock.json")).context("package-lock.json")?;
    let stamp = paths::root().join("node_modules/.tidegate-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(Outcome::Present);
    }
    announce("npm ci");
    let mut npm = command("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    run(&mut npm)?;
    fs::write(stamp, lock)?;
    Ok(Outcome::Installed)
}

/// The command must have exactly the version of the library in `Cargo.lock`.
pub(super) fn wasm_bindgen() -> Result<Outcome> {
    let lock = fs::read_to_string(paths::root().join("Cargo.lock")).context("Cargo.lock")?;
    let version = locked_version(&lock, "wasm-bindgen").context("no wasm-bindgen in Cargo.lock")?;
    let installed = output(command("wasm-bindgen").arg("--version")).unwrap_or_default();
    if installed.trim() == format!("wasm-bindgen {version}") {
        return Ok(Outcome::Present);
    }
    announce(&format!("building wasm-bindgen {version}, about two minutes"));
    let mut cargo = cargo_install();
    run(cargo.args(["wasm-bindgen-cli", "--locked", "--version", version]))?;
    cleared()
}

pub(super) fn cargo_leptos() -> Result<Outcome> {
    if output(command("cargo").args(["leptos", "--version"])).is_ok() {
        return Ok(Outcome::Present);
    }
    announce(&format!(
        "building cargo-leptos {CARGO_LEPTOS}, about a quarter of an hour on two cores"
    ));
    let mut cargo = cargo_install();
    // Its other tools come from npm and from the step before, in versions that are pinned here.
    cargo.args(["cargo-leptos", "--locked", "--features", "no_downloads"]);
    cargo.args(["--version", CARGO_LEPTOS]);
    run(&mut cargo)?;
    cleared()
}

/// `cargo install` into our own directory with cheap settings: these tools run for seconds.
fn cargo_install() -> Command {
    let mut cargo = command("cargo");
    cargo.args(["install", "--force", "--root"]).arg(paths::tools());
    cargo.env("CARGO_TARGET_DIR", paths::tools().join("build"));
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    cargo
}

fn cleared() -> Result<Outcome> {
    fs::remove_dir_all(paths::tools().join("build")).context("remove build output")?;
    Ok(Outcome::Installed)
}

/// Version of a package in the text of `Cargo.lock`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split_once('"').map(|(version, _)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.126\"\nsource = \"x\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.126"));
        assert_eq!(locked_version(lock, "bindgen"), None);
    }
}
