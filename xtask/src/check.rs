//! `cargo xtask check`: what can be said without running anything.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::{cargo, run};
use crate::report::Report;
use crate::{front, layering, licences, setup};

/// Features of the server's half of the root package.
pub(crate) const SERVER: [&str; 2] = ["--features", "tidegate/ssr"];

pub(crate) fn check() -> Result<ExitCode> {
    setup::console()?;
    let mut report = Report::default();
    steps(&mut report);
    Ok(report.finish())
}

/// The quickest first.
pub(crate) fn steps(report: &mut Report) {
    report.step("format", || run(&mut cargo(&["fmt", "--all", "--check"])));
    report.step("layering", layering::dependencies);
    report.step("file sizes", layering::file_sizes);
    report.step("licences", licences::check);
    report.step("wasm crates", front::check_shared_crates);
    report.step("clippy", || {
        let mut clippy = cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
        run(clippy.args(SERVER).args(["--", "-D", "warnings"]))
    });
}
