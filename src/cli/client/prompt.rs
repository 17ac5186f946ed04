//! Questions to the person at the terminal, on stderr; answers from stdin.

use std::io::{BufRead, Write};

use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

/// Asks to go on. `skip` answers yes without asking.
///
/// # Errors
/// `CliAborted` for any answer but yes, and when nobody can answer.
pub(super) fn confirm(question: &str, skip: bool) -> Result<()> {
    if skip {
        return Ok(());
    }
    let answer = line(&format!("{question} [y/N] "))?;
    if matches!(answer.as_str(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(CdcError::new(ErrorCode::CliAborted, "not confirmed"))
    }
}

/// One line without the blanks around it; empty at the end of the input.
pub(super) fn line(question: &str) -> Result<String> {
    eprint!("{question}");
    std::io::stderr().flush().ok();
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .code(ErrorCode::CliAborted, "cannot read the answer")?;
    Ok(answer.trim().to_owned())
}

/// One line that is not shown while it is typed.
pub(super) fn secret(question: &str) -> Result<String> {
    rpassword::prompt_password(question).code(
        ErrorCode::CredentialNotFound,
        "no terminal to ask for the password: give it in TICDC_PASSWORD",
    )
}

/// A note for the person, not part of the output.
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}
