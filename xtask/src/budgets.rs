//! `cargo xtask budgets`: what the console may cost to download and to run; `docs/performance.md` says what is measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::browser::playwright;
use crate::paths;
use crate::process::{cargo, run};
use crate::report::Row;

/// A file of the front end, and what it may weigh, in bytes.
struct Weight {
    file: &'static str,
    target: u64,
    limit: u64,
}

const WEIGHTS: [Weight; 4] = [
    Weight {
        file: "tidegate.wasm.br",
        target: 400_000,
        limit: 550_000,
    },
    Weight {
        file: "tidegate.wasm",
        target: 1_400_000,
        limit: 2_000_000,
    },
    Weight {
        file: "tidegate.js.br",
        target: 12_000,
        limit: 20_000,
    },
    Weight {
        file: "tidegate.css.br",
        target: 12_000,
        limit: 20_000,
    },
];

/// Weighs the front end that was built last.
///
/// # Errors
/// A file beyond its hard limit.
pub(crate) fn weights() -> Result<()> {
    let package = paths::root().join("target/site/pkg");
    let heavy: Vec<String> = WEIGHTS
        .iter()
        .filter_map(|weight| weigh(&package, weight).transpose())
        .collect::<Result<_>>()?;
    if heavy.is_empty() {
        return Ok(());
    }
    bail!("too heavy: {}", heavy.join(", "))
}

/// Measures the console on a server built for release. Times: for a machine with nothing else to do.
///
/// # Errors
/// A figure beyond its hard limit.
pub(crate) fn times(rows: &mut Vec<Row>) -> Result<()> {
    release_server()?;
    playwright(
        "end2end/budgets.config.ts",
        "budgets of the console",
        "release",
        rows,
    )
}

/// Prints what a file weighs; answers its name when it is too heavy.
fn weigh(package: &Path, weight: &Weight) -> Result<Option<String>> {
    let Weight { file, target, limit } = *weight;
    let path = package.join(file);
    let bytes = fs::metadata(&path)
        .with_context(|| format!("{}: build the front end first", path.display()))?
        .len();
    println!("budget  {file}: {bytes} bytes (target {target}, limit {limit})");
    Ok((bytes > limit).then(|| file.to_owned()))
}

fn release_server() -> Result<()> {
    run(cargo(&["build", "--release", "--locked", "--bin", "tidegate"]).args(crate::check::SERVER))
}
