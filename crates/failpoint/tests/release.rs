//! Debug builds abort where they are told to; release builds hold nothing that could.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VARIABLE: &str = "TIDEGATE_FAILPOINTS";

/// Compiles the crate, and a program that passes a point, with or without debug assertions.
fn program(dir: &Path, debug_assertions: &str) -> PathBuf {
    let source = dir.join("main.rs");
    let main = "fn main() { tidegate_failpoint::hit(tidegate_failpoint::Point::Recovery); }";
    fs::write(&source, main).unwrap();
    let rustc = |arguments: &[&str], file: &Path| {
        let status = Command::new(std::env::var("RUSTC").unwrap_or("rustc".to_owned()))
            .current_dir(dir)
            .args(["--edition=2024", "-Copt-level=2"])
            .arg(format!("-Cdebug-assertions={debug_assertions}"))
            .args(arguments)
            .arg(file)
            .status()
            .unwrap();
        assert!(status.success());
    };
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    rustc(&["--crate-type=lib", "--crate-name=tidegate_failpoint"], &library);
    rustc(
        &[
            "-opassing",
            "--extern=tidegate_failpoint=libtidegate_failpoint.rlib",
        ],
        &source,
    );
    dir.join("passing")
}

fn run(program: &Path, failpoints: &str) -> Output {
    Command::new(program).env(VARIABLE, failpoints).output().unwrap()
}

fn names_the_variable(program: &Path) -> bool {
    let bytes = fs::read(program).unwrap();
    bytes
        .windows(VARIABLE.len())
        .any(|window| window == VARIABLE.as_bytes())
}

#[test]
fn only_builds_with_debug_assertions_have_failpoints() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failpoints");
    let build = |name: &str, debug_assertions| {
        let dir = base.join(name);
        fs::create_dir_all(&dir).unwrap();
        program(&dir, debug_assertions)
    };
    let (debug, release) = (build("debug", "on"), build("release", "off"));

    let aborted = run(&debug, "recovery=abort");
    assert!(!aborted.status.success());
    assert!(String::from_utf8_lossy(&aborted.stderr).contains("failpoint recovery reached"));
    assert!(run(&debug, "recovery=abort@2").status.success());
    assert!(run(&debug, "").status.success());
    assert!(!run(&debug, "no-such-point=abort").status.success());
    assert!(names_the_variable(&debug));

    assert!(run(&release, "recovery=abort").status.success());
    assert!(
        !names_the_variable(&release),
        "a release must not hold failpoints"
    );
}

/// The release profile must not turn debug assertions on.
#[test]
fn no_profile_of_releases_has_debug_assertions() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    assert!(!fs::read_to_string(manifest).unwrap().contains("debug-assertions"));
}
