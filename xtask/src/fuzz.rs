//! `cargo xtask fuzz`: libFuzzer over the targets of `fuzz/`, two of them side by side.
//!
//! Coverage counters are plain code generation flags, so the stable compiler builds them. No address sanitizer: the code
//! under test has no `unsafe`; panics, failed assertions, hangs and memory are what there is to find.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::process::{cargo, output, run};

const TARGETS: [&str; 6] = [
    "binlog",
    "encoders",
    "event_filter",
    "filter_rules",
    "sink_uri",
    "statement",
];
/// Time for each target when nothing else is asked for.
const SECONDS: u64 = 60;
const AT_ONCE: usize = 2;
/// An input that takes longer is a hang.
const TIMEOUT: &str = "-timeout=10";
const MEMORY_MIB_MAX: &str = "-rss_limit_mb=2048";
const INPUT_BYTES_MAX: &str = "-max_len=8192";
/// What a compiler must do to every function.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// With the caller's time and targets.
pub(crate) fn command(arguments: &[String]) -> Result<()> {
    let mut seconds = SECONDS;
    let mut targets = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let value = rest.next().context("--seconds needs a number")?;
            seconds = value.parse().with_context(|| format!("--seconds {value}"))?;
        } else if let Some(target) = TARGETS.iter().find(|target| *target == argument) {
            targets.push(*target);
        } else {
            bail!(
                "fuzz takes --seconds N and targets ({}), not {argument}",
                TARGETS.join(", ")
            );
        }
    }
    if targets.is_empty() {
        targets = TARGETS.to_vec();
    }
    fuzz(&targets, seconds)
}

fn fuzz(targets: &[&str], seconds: u64) -> Result<()> {
    let programs = build()?;
    let mut failed = Vec::new();
    for pair in targets.chunks(AT_ONCE) {
        let running: Result<Vec<_>> = pair
            .iter()
            .map(|target| Ok((*target, start_target(&programs, target, seconds)?)))
            .collect();
        for (target, child) in running? {
            let outcome = child.wait_with_output()?;
            let text = String::from_utf8_lossy(&outcome.stderr);
            let passed = outcome.status.success();
            println!("{target}: {}", last_lines(&text, if passed { 1 } else { 60 }));
            if !passed {
                failed.push(target);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "{} found something; the input is in {}: mend it and keep the input",
        failed.join(", "),
        corpus("").display()
    )
}

/// Answers the directory of the programs.
fn build() -> Result<PathBuf> {
    // Naming the host's own target keeps the flags away from build scripts and macros.
    let rustc = output(Command::new("rustc").arg("-vV"))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not name its host")?;
    let target_dir = paths::target().join("fuzz");
    let mut build = cargo(&["build", "--release", "--locked", "--bins"]);
    build
        .current_dir(paths::root().join("fuzz"))
        .args(["--target", host])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", FLAGS);
    run(&mut build)?;
    Ok(target_dir.join(host).join("release"))
}

/// Inputs that are kept with the source.
fn corpus(target: &str) -> PathBuf {
    paths::root().join("fuzz/corpus").join(target)
}

fn start_target(programs: &Path, target: &str, seconds: u64) -> Result<std::process::Child> {
    let kept = corpus(target);
    // What is new goes here, and is used again by the next run on this machine.
    let found = paths::target().join("fuzz/corpus").join(target);
    for dir in [&kept, &found] {
        fs::create_dir_all(dir)?;
    }
    Command::new(programs.join(target))
        .args([TIMEOUT, MEMORY_MIB_MAX, INPUT_BYTES_MAX, "-print_final_stats=0"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/found-", kept.display()))
        .args([&found, &kept])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start the fuzz target {target}"))
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that nobody runs finds nothing.
    #[test]
    fn every_target_is_run() {
        let dir = paths::root().join("fuzz/fuzz_targets");
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, TARGETS);
    }

    #[test]
    fn only_known_targets_are_taken() {
        let error = command(&["no_such".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("binlog"), "{error}");
    }
}
