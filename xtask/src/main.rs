//! `cargo xtask <command>`: sets up a machine, builds, runs, tests and measures Tidegate.
#![allow(clippy::print_stdout, reason = "a command line tool")]

mod bench;
mod browser;
mod budgets;
mod check;
mod contract;
mod front;
mod fuzz;
mod layering;
mod licences;
mod paths;
mod process;
mod report;
mod run;
mod setup;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask <command>

  run [--upstream-uri URI] [...]   build the release server with the console and start it: the demo, or that database
  watch [--upstream-uri URI] [...] the same as a debug build that follows every change of a file (cargo leptos watch)
  test                             everything: set-up, static checks, unit and end-to-end tests
  contract                         requests made from the OpenAPI document, against a debug server
  browser                          journeys through the console in a real browser
  budgets                          what the console weighs and how fast it is, against its limits, on a release server
  check                            static checks only: format, layering, file sizes, wasm, clippy
  setup                            install what is missing, nothing else
  front                            build the console's front end into target/site
  sim [--seed N] [--iters M]       simulation of the engine with faults
  fuzz [--seconds N] [TARGET ...]  arbitrary bytes into decoders and parsers; a minute for each target
  fuzz TARGET --input FILE         one input once, as when it was found
  fuzz --merge [TARGET ...]        keep found inputs that reach new code with the source
  chaos [--kills N] [--upstream-restarts N] [--downstream-restarts N] [--failovers 0|1] [--transactions N] [--pause-ms N]
        [--seed S]                 crashes, restarts and a failover under load, at full size unless told otherwise
  bench [NAME ...] [--rows N] [--no-build]
                                   end-to-end measurements against real MariaDB servers
  licences                         write docs/licences.txt again
  openapi                          write docs/openapi.json and docs/settings.md again

Build output goes to target/; with CI=true to the user's cache directory, so that a fresh clone builds warm.
CARGO_TARGET_DIR overrides both.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = |()| ExitCode::SUCCESS;
    match command {
        "run" => run::run(rest),
        "watch" => run::watch(rest),
        "test" => takes_none(rest).and_then(|()| test::test()),
        "contract" => takes_none(rest).and_then(|()| test::contract()),
        "browser" => takes_none(rest).and_then(|()| test::browser()),
        "budgets" => takes_none(rest).and_then(|()| test::budgets()),
        "check" => takes_none(rest).and_then(|()| check::check()),
        "setup" => takes_none(rest).and_then(|()| setup::all()).map(done),
        "front" => takes_none(rest)
            .and_then(|()| setup::console())
            .and_then(|()| front::build())
            .map(done),
        "sim" => test::simulate(rest).map(done),
        "fuzz" => setup::compiler().and_then(|()| fuzz::command(rest)).map(done),
        "chaos" => test::chaos(rest).map(done),
        "bench" => bench::bench(rest).map(done),
        "licences" => takes_none(rest).and_then(|()| licences::write()).map(done),
        "openapi" => takes_none(rest).and_then(|()| test::write_openapi()).map(done),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("no such command: {other}\n\n{HELP}"),
    }
}

fn takes_none(arguments: &[String]) -> Result<()> {
    match arguments.first() {
        Some(argument) => bail!("this command takes no arguments, but got {argument}"),
        None => Ok(()),
    }
}
