//! `cargo xtask fuzz`: libFuzzer over the targets of `fuzz/`, two of them side by side.
//!
//! Coverage counters are plain code generation flags, so the stable compiler builds them. No address sanitizer: the code
//! under test has no `unsafe`; panics, failed assertions, hangs and memory are what there is to find.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::process::{cargo, output, run};
use crate::report::{Counts, Row};

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
/// Lines of a target's last words that are shown.
const FAULT_LINES: usize = 60;
/// An input that takes longer is a hang.
const TIMEOUT: &str = "-timeout=30";
const MEMORY_MIB_MAX: &str = "-rss_limit_mb=2048";
const INPUT_BYTES_MAX: &str = "-max_len=8192";
/// Size of an input that is kept with the source.
const KEPT_BYTES_MAX: &str = "-max_len=1024";
/// What a compiler must do to every function.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// What people ask for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    /// Look for inputs that end a target, for so many seconds each.
    Search {
        targets: Vec<&'static str>,
        seconds: u64,
    },
    /// One input once, as when it was found.
    Reproduce { target: &'static str, input: PathBuf },
    /// Keep what was found with the source.
    Merge { targets: Vec<&'static str> },
}

/// With the caller's time and targets.
pub(crate) fn command(arguments: &[String]) -> Result<()> {
    match parse(arguments)? {
        Request::Search { targets, seconds } => search(&targets, seconds, &mut Vec::new()),
        Request::Reproduce { target, input } => {
            run(Command::new(build()?.join(target)).arg(TIMEOUT).arg(input))
        }
        Request::Merge { targets } => merge(&targets),
    }
}

/// All targets, as part of the test run.
pub(crate) fn suite(rows: &mut Vec<Row>) -> Result<()> {
    search(&TARGETS, SECONDS, rows)
}

fn parse(arguments: &[String]) -> Result<Request> {
    let (mut seconds, mut input, mut merges) = (SECONDS, None, false);
    let mut targets = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--seconds" => {
                let value = rest.next().context("--seconds needs a number")?;
                seconds = value.parse().with_context(|| format!("--seconds {value}"))?;
            }
            "--input" => input = Some(PathBuf::from(rest.next().context("--input needs a file")?)),
            "--merge" => merges = true,
            other => match TARGETS.iter().find(|target| **target == other) {
                Some(target) => targets.push(*target),
                None => bail!(
                    "fuzz takes --seconds N, --input FILE, --merge and targets ({}), not {other}",
                    TARGETS.join(", ")
                ),
            },
        }
    }
    if let Some(input) = input {
        let [target] = targets[..] else {
            bail!("--input needs one target");
        };
        return Ok(Request::Reproduce { target, input });
    }
    if targets.is_empty() {
        targets = TARGETS.to_vec();
    }
    Ok(if merges {
        Request::Merge { targets }
    } else {
        Request::Search { targets, seconds }
    })
}

fn search(targets: &[&str], seconds: u64, rows: &mut Vec<Row>) -> Result<()> {
    let programs = build()?;
    let mut faults = Vec::new();
    for pair in targets.chunks(AT_ONCE) {
        let running: Result<Vec<_>> = pair
            .iter()
            .map(|target| Ok((*target, start_target(&programs, target, seconds)?)))
            .collect();
        for (target, child) in running? {
            let outcome = child.wait_with_output()?;
            let text = String::from_utf8_lossy(&outcome.stderr);
            let passed = outcome.status.success();
            println!("fuzz {target}: {}", figures(&text));
            if !passed {
                println!("{}", last_lines(&text, FAULT_LINES));
                faults.push(fault(target, &text));
            }
            rows.push(Row {
                name: format!("fuzz: {target}"),
                counts: Counts {
                    passed: passed.into(),
                    failed: (!passed).into(),
                    skipped: 0,
                },
                took: Duration::from_secs(seconds),
            });
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}\nmend it, and keep the input", faults.join("\n"))
}

/// How much was tried and reached: from the last line of libFuzzer's own.
fn figures(text: &str) -> String {
    let is_status = |line: &&str| {
        let number = line.strip_prefix('#').unwrap_or_default();
        number.starts_with(|first: char| first.is_ascii_digit())
    };
    let last = text.lines().rfind(is_status).unwrap_or_default();
    let words: Vec<&str> = last.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name);
        at.and_then(|at| words.get(at + 1)).copied().unwrap_or("?")
    };
    let tried = words.first().map_or("?", |word| word.trim_start_matches('#'));
    format!(
        "{tried} inputs, {} a second, {} edges and {} features reached, corpus {}",
        after("exec/s:"),
        after("cov:"),
        after("ft:"),
        after("corp:")
    )
}

/// Which input it was, and how to see it again.
fn fault(target: &str, text: &str) -> String {
    match text.split_once("Test unit written to ") {
        Some((_, rest)) => {
            let file = rest.lines().next().unwrap_or_default();
            format!("{file} ends {target}: cargo xtask fuzz {target} --input {file}")
        }
        None => format!("{target} ended without an input, see above"),
    }
}

/// Adds to the kept inputs those found on this machine that reach an edge which none of them does.
fn merge(targets: &[&str]) -> Result<()> {
    let programs = build()?;
    for target in targets {
        let (kept, found) = (corpus(target), found(target));
        fs::create_dir_all(&found)?;
        // Edges alone, not how often each is passed: thousands of inputs differ in that.
        run(Command::new(programs.join(target))
            .args(["-merge=1", "-use_counters=0", KEPT_BYTES_MAX])
            .args([&kept, &found])
            .stderr(Stdio::null()))?;
    }
    Ok(())
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

/// What is new goes here, and is used again by the next run on this machine.
fn found(target: &str) -> PathBuf {
    paths::target().join("fuzz/corpus").join(target)
}

fn start_target(programs: &Path, target: &str, seconds: u64) -> Result<std::process::Child> {
    let (kept, found) = (corpus(target), found(target));
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

    fn parsed(arguments: &[&str]) -> Request {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        parse(&arguments).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_done() {
        assert_eq!(
            parsed(&["--seconds", "5", "binlog"]),
            Request::Search {
                targets: vec!["binlog"],
                seconds: 5
            }
        );
        assert_eq!(
            parsed(&["binlog", "--input", "x"]),
            Request::Reproduce {
                target: "binlog",
                input: "x".into()
            }
        );
        let all = TARGETS.to_vec();
        assert_eq!(parsed(&["--merge"]), Request::Merge { targets: all });
        assert!(parse(&["--input".to_owned(), "x".to_owned()]).is_err());
    }

    #[test]
    fn a_fault_names_its_input_and_the_figures_are_the_last() {
        let text = "\
#2\tINITED cov: 5 ft: 6 corp: 1/1b exec/s: 0 rss: 27Mb
#131\tDONE   cov: 90 ft: 245 corp: 13/51Kb lim: 73 exec/s: 1059 rss: 53Mb
###### Recommended dictionary. ######
artifact_prefix='/w/found-'; Test unit written to /w/found-crash-1
Base64: x";
        assert_eq!(
            figures(text),
            "131 inputs, 1059 a second, 90 edges and 245 features reached, corpus 13/51Kb"
        );
        assert_eq!(
            fault("binlog", text),
            "/w/found-crash-1 ends binlog: cargo xtask fuzz binlog --input /w/found-crash-1"
        );
    }
}
