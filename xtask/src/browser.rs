//! Playwright, whose result is read from the file it writes.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{command, run};
use crate::report::{Counts, Row};
use crate::{paths, setup};

/// Runs the tests of a configuration against the server of a build.
///
/// # Errors
/// A test that failed.
pub(crate) fn playwright(config: &str, name: &str, profile: &str, rows: &mut Vec<Row>) -> Result<()> {
    let json = paths::target().join("playwright.json");
    if json.exists() {
        std::fs::remove_file(&json)?;
    }
    let start = Instant::now();
    let mut playwright = command("npx");
    playwright.args(["playwright", "test", "--config", config, "--reporter=list,json"]);
    playwright
        .env("PLAYWRIGHT_JSON_OUTPUT_NAME", &json)
        .env("TIDEGATE_BIN", paths::server(profile));
    if let Some(chromium) = setup::chromium() {
        playwright.env("CHROMIUM", chromium);
    }
    let result = run(&mut playwright);
    let text = std::fs::read_to_string(&json).context("Playwright wrote no result")?;
    let counts =
        playwright_counts(&serde_json::from_str(&text)?).context("Playwright's result has no counts")?;
    rows.push(Row {
        name: name.to_owned(),
        counts,
        took: start.elapsed(),
    });
    result
}

/// A test that passed only when it was tried again counts as failed.
fn playwright_counts(result: &Value) -> Option<Counts> {
    let number = |name: &str| result["stats"][name].as_u64();
    Some(Counts {
        passed: number("expected")?,
        failed: number("unexpected")? + number("flaky")?,
        skipped: number("skipped")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaky_browser_test_is_a_failure() {
        let result = serde_json::json!({"stats": {"expected": 5, "unexpected": 1, "flaky": 2, "skipped": 3}});
        assert_eq!(
            playwright_counts(&result),
            Some(Counts {
                passed: 5,
                failed: 3,
                skipped: 3
            })
        );
        assert_eq!(playwright_counts(&serde_json::json!({})), None);
    }
}
