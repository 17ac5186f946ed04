//! `tidegate secret`: what the settings of a server need and nobody makes by hand.

use std::io::{self, IsTerminal, Read};

use clap::Subcommand;
use tidegate_meta::Keyring;
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::server::{hash_password, new_token};

/// Longest input, in bytes.
const INPUT_BYTES_MAX: u64 = 64 << 10;

/// What to make.
#[derive(Subcommand)]
pub(super) enum SecretCommand {
    /// Read a password from standard input and print its hash for password-hash of [[security.users]].
    HashPassword,
    /// Print a new bearer token, and on a second line its hash for [[security.tokens]].
    NewToken,
    /// Print a new key for --encryption-key-file.
    NewKey,
}

/// Prints what was asked for.
///
/// # Errors
/// `APIInvalidParam` for a password that will not do; `EncryptionKey` or `InternalServerError` without random numbers.
#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(command: &SecretCommand) -> Result<()> {
    match command {
        SecretCommand::HashPassword => println!("{}", hash_password(&read_password()?)?),
        SecretCommand::NewToken => {
            let (token, hash) = new_token()?;
            println!("{token}\n{hash}");
        }
        SecretCommand::NewKey => println!("{}", Keyring::generate()?),
    }
    Ok(())
}

fn read_password() -> Result<String> {
    let mut input = io::stdin();
    if input.is_terminal() {
        eprintln!("Type the password, Enter, then Ctrl-D. It is shown while you type: a pipe hides it.");
    }
    let mut text = String::new();
    (&mut input)
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut text)
        .code(
            ErrorCode::APIInvalidParam,
            "cannot read the password from standard input",
        )?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.contains(['\r', '\n']) {
        return Err(CdcError::new(
            ErrorCode::APIInvalidParam,
            "the password has more than one line",
        ));
    }
    Ok(password.to_owned())
}
