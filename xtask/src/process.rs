//! Runs other programs.

use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

/// A command in the repository's root, with our tools on `PATH` and the chosen target directory.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(paths::root())
        .env("CARGO_TARGET_DIR", paths::target());
    if let Ok(path) = env::join_paths(paths::search_path()) {
        command.env("PATH", path);
    }
    command
}

/// `cargo` for the workspace. What `cargo run` told xtask about itself must not leak into it.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command("cargo");
    let own = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
    ];
    for name in own {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Runs to the end, output shown.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let text = describe(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{text}`"))?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end; answers standard output, shows standard error only in the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let text = describe(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{text}`"))?;
    if !output.status.success() {
        bail!(
            "`{text}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs with a time limit, output hidden. `Ok(false)`: it failed or did not answer in time.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> Result<bool> {
    let text = describe(command);
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = quiet.spawn().with_context(|| format!("cannot start `{text}`"))?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// As root: directly when we are, else through sudo without asking for a password.
pub(crate) fn privileged(program: &str) -> Result<Command> {
    if output(Command::new("id").arg("-u"))?.trim() == "0" {
        return Ok(command(program));
    }
    let may = Command::new("sudo")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !may {
        bail!("neither root nor able to use sudo without a password");
    }
    let mut sudo = command("sudo");
    sudo.args(["-n", program]);
    Ok(sudo)
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
