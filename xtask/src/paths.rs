//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Every clone at a new path leaves its own copies of our crates in the shared directory.
const SHARED_TARGET_BYTES_MAX: u64 = 25 << 30;

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.to_owned(), Path::to_owned)
}

/// What survives a fresh clone: installed tools, and the build output of CI.
pub(crate) fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    base.unwrap_or_else(home).join("tidegate")
}

/// Cargo's target directory for everything but xtask itself.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(dir) => root().join(dir),
        None if is_ci() => cache().join("target"),
        None => root().join("target"),
    }
}

/// The server of a profile directory (`debug`, `release`).
pub(crate) fn server(profile: &str) -> PathBuf {
    target().join(profile).join("tidegate")
}

/// Tools that set-up installs for this project alone.
pub(crate) fn tools() -> PathBuf {
    cache().join("tools")
}

/// Whether this is an automated run.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Full path of a program: our tools first, then the npm tools, then `PATH`, then the directories for system programs.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    search_path()
        .into_iter()
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// The directories that [`find`] looks through, which are also the `PATH` of every command we run.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let mut list = vec![tools().join("bin"), root().join("node_modules/.bin")];
    list.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    list.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    list
}

/// Empties the shared target directory of CI when it has grown beyond its limit.
pub(crate) fn bound_shared_target() -> Result<()> {
    let shared = cache().join("target");
    if target() == shared && shared.exists() && size(&shared)? > SHARED_TARGET_BYTES_MAX {
        println!(
            "setup: emptying {}, which has grown beyond its limit",
            shared.display()
        );
        std::fs::remove_dir_all(&shared).context("empty the shared target directory")?;
    }
    Ok(())
}

fn size(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() {
            size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(sum)
}
