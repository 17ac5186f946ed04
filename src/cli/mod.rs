//! The command line.

mod access;
mod client;
mod demo;
mod file;
mod secret;
mod server;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

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
    /// Create, look at and steer changefeeds of a server.
    #[command(after_help = client::EXAMPLES, arg_required_else_help = true)]
    Cli(Box<client::ClientArguments>),
    /// Print a script that completes commands and flags, for: tidegate completion bash > /etc/bash_completion.d/tidegate
    Completion {
        /// Shell to print it for
        shell: clap_complete::Shell,
    },
    /// Make passwords, tokens and keys for the server's settings.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
}

/// Runs the command that the process was started with.
///
/// Exit codes: 0 done, for a server: told to stop, and stopped; 1 it could not start or run, or the command was refused,
/// with one line on stderr; 2 wrong arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Server(arguments) => on_runtime(|| server::run(*arguments)),
        Command::Demo(arguments) => on_runtime(|| demo::run(arguments)),
        Command::Cli(arguments) => client::run(*arguments),
        Command::Completion { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "tidegate",
                &mut std::io::stdout(),
            );
            Ok(())
        }
        Command::Secret(command) => secret::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidegate: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn on_runtime<F: Future<Output = Result<()>>>(work: impl FnOnce() -> F) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .code(ErrorCode::InternalServerError, "cannot start the runtime")?;
    runtime.block_on(work())
}

/// The error, its causes and the remedy, without line breaks.
fn one_line(error: &CdcError) -> String {
    let text = format!("{} {}", error.wire_message(), error.code().remedy());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
