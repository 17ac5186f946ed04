//! The command line.

mod access;
mod demo;
mod file;
mod secret;
mod server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tidegate_model::CdcError;

/// Reads committed row changes from MySQL or MariaDB and delivers them, in order and without loss, to databases
/// and files. Driven by the TiCDC OpenAPI v2 and by a web console on the same port.
#[derive(Parser)]
#[command(
    name = "tidegate",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the console, and replicate.
    #[command(after_help = server::EXAMPLES)]
    Server(Box<server::ServerArguments>),
    /// Try it out: starts two private MariaDB servers with a small live workload and two changefeeds.
    Demo(demo::DemoArguments),
    /// Make passwords, tokens and keys for the server's settings.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
}

/// Runs the command that the process was started with.
///
/// Exit codes: 0 the server was told to stop and did so; 1 it could not start or run, with one line on stderr; 2 wrong
/// arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tidegate: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = match arguments.command {
        Command::Server(arguments) => runtime.block_on(server::run(*arguments)),
        Command::Secret(command) => secret::run(&command),
        Command::Demo(arguments) => runtime.block_on(demo::run(arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidegate: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error, its causes and the remedy, without line breaks.
fn one_line(error: &CdcError) -> String {
    let text = format!("{} {}", error.wire_message(), error.code().remedy());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
