//! `cargo xtask run`.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::process::{cargo, command, run as run_to_end};
use crate::setup::Toolchain;
use crate::{front, paths, setup};

/// Builds the release server with the console, then becomes it: the demo, or with `--upstream-uri` a plain server.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    set_up(arguments)?;
    front::build()?;
    build_server()?;
    let mut server = command(&paths::server("release").display().to_string());
    // Replaces this process, so that Ctrl-C and the exit code are the server's.
    Err(server.args(server_words(arguments)).exec()).context("cannot start the server")
}

/// `cargo leptos watch` with everything it needs: builds a debug server and the front end again whenever a file
/// changes, starts the server anew and lets the browser reload.
pub(crate) fn watch(arguments: &[String]) -> Result<ExitCode> {
    set_up(arguments)?;
    let mut leptos = cargo(&["leptos", "watch", "--"]);
    Toolchain::find()?
        .context("no compiler for wasm32: run `cargo xtask setup`")?
        .apply(&mut leptos);
    Err(leptos.args(server_words(arguments)).exec()).context("cannot start cargo leptos")
}

fn set_up(arguments: &[String]) -> Result<()> {
    if !is_server(arguments) {
        setup::database()?;
    }
    setup::console()
}

/// The server's command line: the demo, or a server of the database that is named.
fn server_words(arguments: &[String]) -> Vec<String> {
    let has = |name: &str| arguments.iter().any(|argument| argument.starts_with(name));
    let (command, option, dir) = if is_server(arguments) {
        ("server", "--data-dir", "target/data")
    } else {
        ("demo", "--dir", "target/demo")
    };
    let mut words = vec![command.to_owned()];
    if !has(option) {
        words.push(format!("{option}={}", paths::root().join(dir).display()));
    }
    words.extend_from_slice(arguments);
    words
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_database_is_served_and_otherwise_the_demo_starts() {
        let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let demo = server_words(&[]);
        assert!(demo[0] == "demo" && demo[1].starts_with("--dir=/"), "{demo:?}");
        let own = server_words(&words("--upstream-uri mysql://h/ --data-dir d"));
        assert_eq!(own, words("server --upstream-uri mysql://h/ --data-dir d"));
    }
}
