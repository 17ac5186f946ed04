//! `files`: the load into a directory, as csv and as canal-json.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;

use super::load::Shape;
use super::report::{Bound, Findings, Measure, Target};
use super::{QUOTA_DEFAULT_BYTES, loaded};

/// Of the table of 20 columns.
const ROWS_PER_SECOND_WANTED: f64 = 300_000.0;
/// Formats, and what the measurement is called.
const FORMATS: [(&str, &str); 2] = [
    ("csv", "tidegate to csv files"),
    ("canal-json", "tidegate to canal-json files"),
];

/// Lets the load be caught up into files, and checks that each row is in one.
pub(super) fn files(runtime: &Runtime, rows: u64, findings: &mut Findings) -> Result<()> {
    for (protocol, name) in FORMATS {
        // A server of its own for each format, so that the peak of memory is that of the format.
        let (_upstream, tidegate, load) = loaded(runtime, Shape::Bulk, rows)?;
        let dir = tempfile::tempdir()?;
        let uri = format!("file://{}?protocol={protocol}", dir.path().display());
        let took = tidegate.catch_up("files", &uri, QUOTA_DEFAULT_BYTES, &load)?;
        let written = written(dir.path())?;
        if written.lines != load.rows {
            bail!(
                "{protocol}: {} rows in the files, {} in the load",
                written.lines,
                load.rows
            );
        }
        println!(
            "{protocol}: {} files of {} MB together",
            written.files,
            written.bytes / 1_000_000
        );
        let measure = Measure {
            peak_rss_bytes: Some(tidegate.peak_rss_bytes()?),
            ..load.measure(name, took)
        };
        findings.targets.push(Target {
            name: protocol,
            unit: "rows/s",
            measured: measure.rows_per_second(),
            against: "into files".to_owned(),
            reference: ROWS_PER_SECOND_WANTED,
            bound: Bound::AtLeast,
            ratio: 1.0,
        });
        findings.measures.push(measure);
    }
    Ok(())
}

#[derive(Default)]
struct Written {
    files: u64,
    lines: u64,
    bytes: u64,
}

/// What the data files below `dir` hold.
fn written(dir: &Path) -> Result<Written> {
    let mut sum = Written::default();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let part = if path.is_dir() {
            written(&path)?
        } else if is_data_file(&path) {
            let content = fs::read(&path)?;
            Written {
                files: 1,
                lines: content.iter().filter(|byte| **byte == b'\n').count() as u64,
                bytes: content.len() as u64,
            }
        } else {
            Written::default()
        };
        sum.files += part.files;
        sum.lines += part.lines;
        sum.bytes += part.bytes;
    }
    Ok(sum)
}

fn is_data_file(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("CDC0"))
}
