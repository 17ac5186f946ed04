//! `cargo xtask test`, and the commands that are one test run with another setting.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::check::SERVER;
use crate::process::{cargo, run};
use crate::report::{Counts, Report, Row};
use crate::{browser, budgets, check, contract, front, fuzz, paths, setup};

pub(crate) fn test() -> Result<ExitCode> {
    paths::bound_shared_target()?;
    setup::all()?;
    let mut report = Report::default();
    check::steps(&mut report);
    report.step("front end", front::build);
    report.step("weight of the front end", budgets::weights);
    report.suite("Rust tests", rust_tests);
    report.suite("API against its document", contract::conformance);
    report.suite("fuzzing", fuzz::suite);
    report.suite("browser tests", browser_tests);
    Ok(report.finish())
}

/// Weight and speed of the console.
pub(crate) fn budgets() -> Result<ExitCode> {
    setup::all()?;
    let mut report = Report::default();
    report.step("front end", front::build);
    report.step("weight of the front end", budgets::weights);
    report.suite("budgets of the console", budgets::times);
    Ok(report.finish())
}

/// The served OpenAPI document against a debug server.
pub(crate) fn contract() -> Result<ExitCode> {
    setup::all()?;
    let mut report = Report::default();
    report.step("server", debug_server);
    report.suite("API against its document", contract::conformance);
    Ok(report.finish())
}

/// Playwright against a debug server.
pub(crate) fn browser() -> Result<ExitCode> {
    setup::all()?;
    let mut report = Report::default();
    report.step("front end", front::build);
    report.step("server", debug_server);
    report.suite("browser tests", browser_tests);
    Ok(report.finish())
}

/// The server of the same build as the tests': pages and front end must be of one state.
fn debug_server() -> Result<()> {
    run(cargo(&["build", "--workspace", "--bins", "--locked"]).args(SERVER))
}

fn rust_tests(rows: &mut Vec<Row>) -> Result<()> {
    let mut cargo = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    cargo.args(SERVER);
    let mut parser = Parser::default();
    let success = stream(&mut cargo, |line| rows.extend(parser.line(line)))?;
    let failed: u64 = rows.iter().map(|row| row.counts.failed).sum();
    if !success || failed > 0 {
        bail!("cargo test failed: {}", parser.failures.join(", "));
    }
    Ok(())
}

/// Runs a command, shows what it prints and passes each line on; answers whether it succeeded.
fn stream(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().context("cannot start cargo")?;
    // The command object holds the writing ends open as long as it lives.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        each(&line);
    }
    Ok(child.wait()?.success())
}

/// Reads the output of `cargo test`.
#[derive(Debug, Default)]
struct Parser {
    package: String,
    binary: String,
    failures: Vec<String>,
}

impl Parser {
    fn line(&mut self, line: &str) -> Option<Row> {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("Running ") {
            self.running(rest);
        } else if let Some(package) = text.strip_prefix("Doc-tests ") {
            self.binary = format!("{package}: documentation");
        } else if let Some(name) = text
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(format!("{}: {name}", self.binary));
        } else if let Some(result) = text.strip_prefix("test result: ") {
            return row(&self.binary, result);
        }
        None
    }

    /// `unittests src/lib.rs (target/debug/deps/tidegate_model-0123)` or `tests/main.rs (target/...)`. Only the former
    /// names the package, and comes first.
    fn running(&mut self, rest: &str) {
        let Some((source, file)) = rest.split_once(" (") else {
            return;
        };
        if source.starts_with("unittests") {
            let file = file.trim_end_matches(')').rsplit('/').next().unwrap_or_default();
            self.package = file.rsplit_once('-').map_or(file, |(name, _)| name).to_owned();
        }
        self.binary = format!("{}: {}", self.package, source.trim_start_matches("unittests "));
    }
}

/// `ok. 8 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 4.80s`; nothing when it had no tests.
fn row(name: &str, result: &str) -> Option<Row> {
    let number = |what: &str| -> Option<u64> {
        let (before, _) = result.split_once(what)?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    let counts = Counts {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
    };
    let seconds = result
        .rsplit_once("finished in ")
        .and_then(|(_, rest)| rest.trim_end_matches('s').parse().ok());
    let took = Duration::from_secs_f64(seconds.unwrap_or(0.0));
    (counts != Counts::default()).then(|| Row {
        name: name.to_owned(),
        counts,
        took,
    })
}

fn browser_tests(rows: &mut Vec<Row>) -> Result<()> {
    browser::playwright("end2end/playwright.config.ts", "browser tests", "debug", rows)
}

/// From so many histories on, building for speed is quicker.
const MANY_SEEDS: u64 = 3_000;

/// The simulation, with a seed and a number of histories of the caller's choice.
pub(crate) fn simulate(arguments: &[String]) -> Result<()> {
    let mut cargo = cargo(&["test", "-p", "tidegate-engine", "--test", "sim", "--locked"]);
    let mut filter = "";
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let variable = match name.as_str() {
            "--seed" => "TIDEGATE_SIM_SEED",
            "--iters" => "TIDEGATE_SIM_SEEDS",
            other => bail!("sim takes --seed N and --iters M, not {other}"),
        };
        let value = rest.next().with_context(|| format!("{name} needs a number"))?;
        let value: u64 = value.parse().with_context(|| format!("{name} {value}"))?;
        cargo.env(variable, value.to_string());
        if variable == "TIDEGATE_SIM_SEEDS" && value >= MANY_SEEDS {
            cargo.arg("--release");
        }
        filter = "no_seed";
    }
    run(cargo.args(["--", "--nocapture", filter]))
}

/// The full size of the chaos test: 200 crashes, and what goes with them.
const CHAOS: &str =
    "kills=200,upstream-restarts=10,downstream-restarts=10,failovers=1,transactions=200000,pause-ms=3000";

/// Crashes under load. The names are the test's own settings; the last of one name counts.
pub(crate) fn chaos(arguments: &[String]) -> Result<()> {
    let mut settings = CHAOS.to_owned();
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let setting = name.strip_prefix("--");
        let setting = setting.with_context(|| format!("chaos takes --kills N and the like, not {name}"))?;
        let value = rest.next().with_context(|| format!("{name} needs a number"))?;
        let value: u64 = value.parse().with_context(|| format!("{name} {value}"))?;
        settings.push_str(&format!(",{setting}={value}"));
    }
    let mut cargo = cargo(&["test", "-p", "tidegate", "--release", "--locked", "--test", "e2e"]);
    cargo.args(SERVER).args(["whatever_dies", "--", "--nocapture"]);
    run(cargo.env("TIDEGATE_CHAOS", settings))
}

/// Writes the OpenAPI document and the reference of settings that tests otherwise compare.
pub(crate) fn write_openapi() -> Result<()> {
    let mut cargo = cargo(&[
        "test",
        "-p",
        "tidegate",
        "--locked",
        "--features",
        "ssr",
        "openapi",
    ]);
    run(cargo.env("UPDATE_OPENAPI", "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_output_becomes_rows() {
        let text = "\
   Compiling tidegate-model v0.1.0
     Running unittests src/lib.rs (target/debug/deps/tidegate_mariadb-90f3a7)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/main.rs (target/debug/deps/main-90f3a7)
test slow ... ok
test bad ... FAILED
test result: FAILED. 7 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 4.80s
   Doc-tests tidegate_mariadb
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        let mut parser = Parser::default();
        let rows: Vec<Row> = text.lines().filter_map(|line| parser.line(line)).collect();
        let brief: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.counts.passed, row.counts.skipped))
            .collect();
        assert_eq!(
            brief,
            [
                ("tidegate_mariadb: tests/main.rs", 7, 2),
                ("tidegate_mariadb: documentation", 1, 0)
            ]
        );
        assert_eq!(rows[0].took, Duration::from_millis(4800));
        assert_eq!(parser.failures, ["tidegate_mariadb: tests/main.rs: bad"]);
    }
}
