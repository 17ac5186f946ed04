//! Steps, their counts, and the table at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

/// What a step counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) counts: Counts,
    pub(crate) took: Duration,
}

/// Collects rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    faults: Vec<String>,
}

impl Report {
    /// Runs a step that passes or fails as a whole.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let failed = u64::from(result.is_err());
        if let Err(error) = result {
            println!("FAILED {name}: {error:#}");
            self.faults.push(format!("{name}: {error:#}"));
        }
        let counts = Counts {
            passed: 1 - failed,
            failed,
            skipped: 0,
        };
        self.rows.push(Row {
            name: name.to_owned(),
            counts,
            took,
        });
    }

    /// Runs a step that consists of many tests. A skipped test fails the step: nothing may look tested that was not.
    pub(crate) fn suite(&mut self, name: &str, work: impl FnOnce(&mut Vec<Row>) -> Result<()>) {
        println!("\n==> {name}");
        let start = Instant::now();
        let mut rows = Vec::new();
        let result = work(&mut rows);
        let total = rows.iter().fold(Counts::default(), |sum, row| Counts {
            passed: sum.passed + row.counts.passed,
            failed: sum.failed + row.counts.failed,
            skipped: sum.skipped + row.counts.skipped,
        });
        let fault = match result {
            Err(error) => Some(format!("{error:#}")),
            Ok(()) if total.skipped > 0 => Some(format!("{} tests were skipped", total.skipped)),
            Ok(()) if total.passed + total.failed == 0 => Some("no test ran".to_owned()),
            Ok(()) => None,
        };
        self.rows.append(&mut rows);
        if let Some(fault) = fault {
            println!("FAILED {name}: {fault}");
            // Failed tests count by themselves; anything else must show in the count too.
            let failed = u64::from(total.failed == 0);
            let counts = Counts {
                failed,
                ..Counts::default()
            };
            self.rows.push(Row {
                name: name.to_owned(),
                counts,
                took: start.elapsed(),
            });
            self.faults.push(format!("{name}: {fault}"));
        }
    }

    /// Prints the table, the failures, and as the last line the count.
    pub(crate) fn finish(self) -> ExitCode {
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0)
            .max(4);
        println!(
            "\n{:width$}  {:>7} {:>7} {:>8} {:>8}",
            "step", "passed", "failed", "skipped", "seconds"
        );
        let (mut passed, mut failed) = (0, 0);
        for Row { name, counts, took } in &self.rows {
            passed += counts.passed;
            failed += counts.failed;
            let Counts {
                passed,
                failed,
                skipped,
            } = counts;
            println!(
                "{name:width$}  {passed:>7} {failed:>7} {skipped:>8} {:>8.1}",
                took.as_secs_f64()
            );
        }
        for fault in &self.faults {
            println!("\nFAILED {fault}");
        }
        println!("\n{passed} passed, {failed} failed");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(counts: Counts) -> Report {
        let mut report = Report::default();
        report.suite("suite", |rows| {
            rows.push(Row {
                name: "a".to_owned(),
                counts,
                took: Duration::ZERO,
            });
            Ok(())
        });
        report
    }

    #[test]
    fn a_skipped_test_and_an_empty_suite_fail() {
        assert!(
            suite(Counts {
                passed: 3,
                failed: 0,
                skipped: 0
            })
            .faults
            .is_empty()
        );
        assert_eq!(
            suite(Counts {
                passed: 3,
                failed: 0,
                skipped: 1
            })
            .faults
            .len(),
            1
        );
        assert_eq!(suite(Counts::default()).faults.len(), 1);
    }

    #[test]
    fn a_step_that_fails_is_counted_once() {
        let mut report = Report::default();
        report.step("good", || Ok(()));
        report.step("bad", || anyhow::bail!("no"));
        let failed: u64 = report.rows.iter().map(|row| row.counts.failed).sum();
        assert_eq!((report.rows.len(), failed), (2, 1));
    }
}
