//! schemathesis in a Python environment of its own, in a version that is pinned here.

use std::path::PathBuf;

use anyhow::Result;

use super::{Outcome, announce, packages};
use crate::paths::{self, find};
use crate::process::{command, output, run};

const SCHEMATHESIS: &str = "4.32.5";

/// The program.
pub(crate) fn schemathesis() -> PathBuf {
    environment().join("bin/schemathesis")
}

/// A directory for each version, so that another one never finds the leftovers of this one.
fn environment() -> PathBuf {
    paths::tools().join(format!("schemathesis-{SCHEMATHESIS}"))
}

pub(super) fn install() -> Result<Outcome> {
    if output(command(&schemathesis().display().to_string()).arg("--version")).is_ok() {
        return Ok(Outcome::Present);
    }
    if find("python3").is_none() || output(command("python3").args(["-c", "import ensurepip, venv"])).is_err()
    {
        packages::install(&["python3", "python3-venv"])?;
    }
    announce(&format!("installing schemathesis {SCHEMATHESIS}"));
    let dir = environment();
    run(command("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
    let mut pip = command(&dir.join("bin/pip").display().to_string());
    run(pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &format!("schemathesis=={SCHEMATHESIS}"),
    ]))?;
    Ok(Outcome::Installed)
}
