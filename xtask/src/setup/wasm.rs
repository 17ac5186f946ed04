//! The wasm32 standard library: from rustup, or built from Debian's copy of its source where rustup's server is out
//! of reach.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Outcome, announce, packages};
use crate::process::{command, output, privileged, run, succeeds_within};

const TARGET: &str = "wasm32-unknown-unknown";
/// rustup does not give up by itself when its server is out of reach.
const RUSTUP_LIMIT: Duration = Duration::from_secs(45);
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_LINKER: &str = "wasm-ld-19";

pub(super) const REMEDY: &str = "run `rustup target add wasm32-unknown-unknown`, then try again";

/// Which compiler builds the front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The ordinary one: it has the target.
    Default,
    /// Debian's, linked into rustup. The server is never built with it, so neither disturbs the other's output.
    Linked,
}

impl Toolchain {
    /// Name under which Debian's compiler is linked.
    pub(crate) const LINKED: &str = "tidegate-wasm";

    /// The one that is ready, if any.
    pub(crate) fn find() -> Result<Option<Self>> {
        if has_target(command("rustc").env_remove("RUSTUP_TOOLCHAIN")) {
            return Ok(Some(Self::Default));
        }
        let linked = has_target(command("rustc").env("RUSTUP_TOOLCHAIN", Self::LINKED));
        Ok(linked.then_some(Self::Linked))
    }

    /// Makes a command build with it.
    pub(crate) fn apply(self, command: &mut Command) {
        if self == Self::Linked {
            command.env("RUSTUP_TOOLCHAIN", Self::LINKED);
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
        }
    }
}

pub(super) fn install() -> Result<Outcome> {
    if Toolchain::find()?.is_some() {
        return Ok(Outcome::Present);
    }
    announce("rustup target add wasm32-unknown-unknown");
    let mut rustup = command("rustup");
    rustup
        .env_remove("RUSTUP_TOOLCHAIN")
        .args(["target", "add", TARGET]);
    let added = succeeds_within(&mut rustup, RUSTUP_LIMIT).unwrap_or(false);
    if !added {
        announce("rustup did not deliver it; building it from Debian's source, about two minutes");
        from_debian()?;
    }
    match Toolchain::find()? {
        Some(_) => Ok(Outcome::Installed),
        None => bail!("the target is still missing"),
    }
}

fn from_debian() -> Result<()> {
    packages::install(&DEBIAN_PACKAGES).or_else(|error| match packages::is_known("rustc-web") {
        Ok(false) => bail!("rustup cannot fetch the target and this system has no package rustc-web"),
        _ => Err(error),
    })?;
    let scratch = std::env::temp_dir().join(format!("tidegate-wasm-std-{}", std::process::id()));
    let built = build_std(&scratch);
    let result = built.and_then(|rlibs| install_rlibs(&rlibs));
    fs::remove_dir_all(&scratch).context("remove the scratch crate")?;
    result?;
    run(command("rustup").args(["toolchain", "link", Toolchain::LINKED, "/usr"]))
}

/// Builds the standard library by building an empty crate with it.
fn build_std(scratch: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(scratch.join("src"))?;
    fs::write(
        scratch.join("Cargo.toml"),
        "[package]\nname = \"scratch\"\nedition = \"2021\"\n[workspace]\n",
    )?;
    fs::write(scratch.join("src/lib.rs"), "")?;
    let mut cargo = command("/usr/bin/cargo");
    cargo
        .current_dir(scratch)
        .env("PATH", "/usr/bin:/bin")
        .env("CARGO_TARGET_DIR", scratch.join("target"));
    // Debian's compiler is a stable one, and building its own library is the one thing it needs a -Z option for.
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC");
    cargo.args([
        "build",
        "--release",
        "-Z",
        "build-std=std,panic_abort,panic_unwind,proc_macro",
    ]);
    run(cargo.args(["--target", TARGET]))?;
    let mut rlibs = Vec::new();
    for entry in fs::read_dir(scratch.join("target").join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libscratch-") {
            rlibs.push(path);
        }
    }
    Ok(rlibs)
}

fn install_rlibs(rlibs: &[PathBuf]) -> Result<()> {
    let sysroot = output(Command::new("/usr/bin/rustc").args(["--print", "sysroot"]))?;
    let dir = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib");
    run(privileged("mkdir")?.arg("-p").arg(&dir))?;
    run(privileged("cp")?.args(rlibs).arg(&dir))
}

fn has_target(rustc: &mut Command) -> bool {
    let Ok(dir) = output(rustc.args(["--print", "target-libdir", "--target", TARGET])) else {
        return false;
    };
    let Ok(entries) = fs::read_dir(dir.trim()) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}
