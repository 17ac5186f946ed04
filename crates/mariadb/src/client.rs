//! Runs statements through the `mariadb` client.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::install::program;
use crate::{Error, Result};

/// Runs `statements` as root over the socket; answers the rows of all results, columns separated by tabs, one row per
/// line, special characters escaped as the client's batch mode does.
pub(crate) async fn run(socket: &Path, statements: &str) -> Result<String> {
    let mut child = Command::new(program("mariadb")?)
        .args([
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "--user=root",
            "--binary-mode",
        ])
        .arg("--default-character-set=utf8mb4")
        .arg(format!("--socket={}", socket.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::io("run the mariadb client"))?;
    let mut input = child.stdin.take().ok_or(Error::NotRunning)?;
    let feed = async move {
        // A client that stops at an error closes its end: its own message is the one to report.
        input.write_all(statements.as_bytes()).await.ok();
        input.shutdown().await.ok();
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output.map_err(Error::io("read from the mariadb client"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Sql {
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
