//! `tidegate cli`: drives a server over `/api/v2`, with the commands, flags and answers of `cdc cli`.
//!
//! Everything is one request after another; nothing here needs the runtime.

mod api;
mod changefeed;
mod cluster;
mod config_file;
mod create;
mod credentials;
mod output;
mod progress;
mod prompt;
mod update;

use clap::{Args, Subcommand, ValueEnum};
use tidegate_model::Result;

use api::{Api, Connection};

/// Shown below `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  tidegate cli changefeed create -c orders --sink-uri 'mysql://root:secret@db2:3306/' --config orders.toml
  tidegate cli changefeed list -o table
  tidegate cli changefeed pause -c orders
  tidegate cli changefeed update -c orders --config orders.toml
  tidegate cli changefeed resume -c orders
  tidegate cli --server https://cdc.example.com:8300 --ca ca.pem --user ops capture list

User and password are looked for in the flags, in TICDC_USER and TICDC_PASSWORD, and in ~/.ticdc/credentials, which
'tidegate cli configure-credentials' writes; a token in --token, TIDEGATE_TOKEN, and as tidegate_token in the same file;
TLS files in --ca, --cert and --key, TICDC_CA_PATH, TICDC_CERT_PATH and
TICDC_KEY_PATH, and the same file.

Exit codes: 0 done; 1 refused or failed, with the reason on stderr; 2 wrong arguments.";

/// Arguments of `tidegate cli`.
#[derive(Args)]
pub(super) struct ClientArguments {
    #[command(flatten)]
    connection: Connection,
    /// Form of what is printed.
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "json",
        value_name = "FORM"
    )]
    output: Form,
    #[command(subcommand)]
    command: Command,
}

/// Form of what is printed.
#[derive(Copy, Clone, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Form {
    /// JSON, as `cdc cli` prints it.
    Json,
    /// Columns, for people.
    Table,
}

#[derive(Subcommand)]
enum Command {
    /// Create, list, look at and steer changefeeds.
    #[command(subcommand, arg_required_else_help = true)]
    Changefeed(changefeed::Command),
    /// The servers of the cluster.
    #[command(subcommand, arg_required_else_help = true)]
    Capture(cluster::CaptureCommand),
    /// The pipelines that run.
    #[command(subcommand, arg_required_else_help = true)]
    Processor(cluster::ProcessorCommand),
    /// The upstream's clock.
    #[command(subcommand, arg_required_else_help = true)]
    Tso(cluster::TsoCommand),
    /// Write user and password, a token, or TLS files to ~/.ticdc/credentials.
    ConfigureCredentials,
    /// Dangerous commands for repairs.
    #[command(subcommand, arg_required_else_help = true, hide = true)]
    Unsafe(cluster::UnsafeCommand),
}

/// Carries out one command and prints its answer on stdout.
///
/// # Errors
/// What the server answers, or what keeps the question from reaching it.
pub(super) fn run(arguments: ClientArguments) -> Result<()> {
    if matches!(arguments.command, Command::ConfigureCredentials) {
        return credentials::configure();
    }
    let api = Api::connect(arguments.connection)?;
    let form = arguments.output;
    match arguments.command {
        Command::Changefeed(command) => changefeed::run(&api, command, form),
        Command::Capture(command) => cluster::capture(&api, &command, form),
        Command::Processor(command) => cluster::processor(&api, command, form),
        Command::Tso(command) => cluster::tso(&api, &command),
        Command::ConfigureCredentials => Ok(()),
        Command::Unsafe(command) => cluster::unsafe_command(&api, command),
    }
}
