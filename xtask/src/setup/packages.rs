//! Packages of the operating system (Debian and Ubuntu through apt).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{Outcome, announce};
use crate::paths::find;
use crate::process::{command, privileged, run, succeeds_within};

pub(super) fn remedy(packages: &str) -> String {
    format!("install {packages} (Debian, Ubuntu: apt-get install {packages}), then try again")
}

pub(super) fn mariadb() -> Result<Outcome> {
    let needed = ["mariadbd", "mariadb", "mariadb-install-db"];
    if needed.iter().all(|program| find(program).is_some()) {
        return Ok(Outcome::Present);
    }
    without_autostart(|| install(&["mariadb-server"]))?;
    // We start servers of our own; the machine's service stays off unless its owner wants it.
    if Path::new("/run/systemd/system").exists() {
        run(privileged("systemctl")?.args(["disable", "--now", "mariadb"]))?;
    }
    Ok(Outcome::Installed)
}

pub(super) fn compiler() -> Result<Outcome> {
    install_unless(&["cc", "c++"], &["build-essential"])
}

pub(super) fn node() -> Result<Outcome> {
    install_unless(&["node", "npm"], &["nodejs", "npm"])
}

/// A Chromium: the system's own, else the one that Playwright brings.
pub(super) fn browser() -> Result<Outcome> {
    if chromium().is_some() {
        return Ok(Outcome::Present);
    }
    if install(&["chromium"]).is_ok() && chromium().is_some() {
        return Ok(Outcome::Installed);
    }
    announce("no chromium package here, taking Playwright's");
    run(command("npx").args(["playwright", "install", "--with-deps", "chromium"]))?;
    Ok(Outcome::Installed)
}

/// The system's Chromium.
pub(crate) fn chromium() -> Option<std::path::PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find_map(find)
}

fn install_unless(programs: &[&str], packages: &[&str]) -> Result<Outcome> {
    if programs.iter().all(|program| find(program).is_some()) {
        return Ok(Outcome::Present);
    }
    install(packages)?;
    Ok(Outcome::Installed)
}

/// Installs packages.
///
/// # Errors
/// No apt here, no rights, or apt failed.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    if find("apt-get").is_none() {
        bail!("no apt-get on this machine");
    }
    announce(&format!("installing {}", packages.join(" ")));
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut apt = privileged("env")?;
        run(apt
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"])
            .args(arguments))
    };
    // Package lists may be missing altogether, as in container images, or be out of date.
    apt(&["update"]).context("the package lists cannot be fetched")?;
    let mut arguments = vec!["install", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

/// Whether apt knows a package.
pub(super) fn is_known(package: &str) -> Result<bool> {
    if find("apt-cache").is_none() {
        return Ok(false);
    }
    let limit = std::time::Duration::from_secs(60);
    succeeds_within(command("apt-cache").args(["show", package]), limit)
}

/// Keeps packages from starting their services while `work` runs.
fn without_autostart(work: impl FnOnce() -> Result<()>) -> Result<()> {
    const POLICY: &str = "/usr/sbin/policy-rc.d";
    if Path::new(POLICY).exists() {
        return work();
    }
    let script = std::env::temp_dir().join(format!("tidegate-policy-{}", std::process::id()));
    fs::write(&script, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    run(privileged("cp")?.arg("-p").arg(&script).arg(POLICY))?;
    let result = work();
    run(privileged("rm")?.args(["-f", POLICY]))?;
    fs::remove_file(&script)?;
    result
}
