//! Makes a release build notice a new front end and name the commit it was built from.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_server = std::env::var_os("CARGO_FEATURE_SSR").is_some();
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    // A debug build reads the front end from disk, and is made too often to be made anew for every commit.
    if !(is_server && is_release) {
        return;
    }
    println!("cargo::rerun-if-changed=target/site");
    // A path that is missing counts as changed every time.
    if Path::new(".git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=.git/logs/HEAD");
    }
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Ok(commit) = commit
        && commit.status.success()
    {
        println!(
            "cargo::rustc-env=TIDEGATE_GIT_HASH={}",
            String::from_utf8_lossy(&commit.stdout).trim()
        );
    }
}
