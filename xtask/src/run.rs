//! `cargo xtask run`.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::process::{cargo, command, run as run_to_end};
use crate::{front, paths, setup};

/// Builds the release server with the console, then becomes it: the demo, or with `--upstream-uri` a plain server.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let own_database = is_server(arguments);
    if !own_database {
        setup::database()?;
    }
    setup::console()?;
    front::build()?;
    build_server()?;
    let has = |name: &str| arguments.iter().any(|argument| argument.starts_with(name));
    let mut server = command(&paths::server("release").display().to_string());
    server.arg(if own_database { "server" } else { "demo" });
    if !own_database && !has("--dir") {
        server.arg("--dir").arg(paths::root().join("target/demo"));
    }
    if own_database && !has("--data-dir") {
        server.arg("--data-dir").arg(paths::root().join("target/data"));
    }
    // Replaces this process, so that Ctrl-C and the exit code are the server's.
    Err(server.args(arguments).exec()).context("cannot start the server")
}

/// Builds `target/release/tidegate`.
pub(crate) fn build_server() -> Result<()> {
    run_to_end(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "-p",
        "tidegate",
        "--bin",
        "tidegate",
        "--features",
        "ssr",
    ]))
}

fn is_server(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|argument| argument == "--upstream-uri" || argument.starts_with("--upstream-uri="))
}
