//! Checks which crate may depend on which, and how large files may grow.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::paths;
use crate::process::{cargo, output};

/// A crate may depend on crates of lower layers only.
const LAYERS: [(&str, u8); 16] = [
    ("tidegate-failpoint", 0),
    ("tidegate-model", 0),
    ("tidegate-mariadb", 0),
    ("tidegate-s3server", 0),
    ("tidegate-api", 1),
    ("tidegate-filter", 1),
    ("tidegate-codec", 1),
    ("tidegate-mysql", 1),
    ("tidegate-meta", 1),
    ("tidegate-upstream", 2),
    ("tidegate-sink", 2),
    ("tidegate-engine", 3),
    ("tidegate-testkit", 4),
    ("tidegate", 5),
    ("xtask", 5),
    ("tidegate-sim", 5),
];
/// What the browser's half of the root package may see.
const BROWSER: [&str; 3] = ["tidegate-model", "tidegate-api", "tidegate-filter"];
/// May appear under `[dev-dependencies]` of any crate.
const FOR_TESTS: [&str; 3] = ["tidegate-testkit", "tidegate-mariadb", "tidegate-s3server"];
/// What the data model must do without: it is compiled everywhere and frozen by nobody's format.
const NOT_IN_MODEL: [&str; 3] = ["serde", "serde_json", "tokio"];
/// A Rust source file above this is to be split, tests included.
const FILE_LINES_MAX: usize = 800;

/// One dependency of one package.
#[derive(Debug)]
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    dev: bool,
    optional: bool,
}

/// Checks the workspace's dependencies.
pub(crate) fn dependencies() -> Result<()> {
    let text = output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let mut faults = Vec::new();
    for edge in edges(&metadata)? {
        faults.extend(fault(&edge));
    }
    report("dependencies against the layering of ARCHITECTURE.md", &faults)
}

/// Checks the sizes of source files.
pub(crate) fn file_sizes() -> Result<()> {
    let mut faults = Vec::new();
    for dir in ["src", "crates", "xtask", "tests", "fuzz"] {
        let dir = paths::root().join(dir);
        if dir.exists() {
            visit(&dir, &mut faults)?;
        }
    }
    report("files too long to read", &faults)
}

fn report(what: &str, faults: &[String]) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{what}:\n  {}", faults.join("\n  "))
}

fn edges(metadata: &Value) -> Result<Vec<Edge<'_>>> {
    let mut list = Vec::new();
    for package in metadata["packages"].as_array().context("packages")? {
        let from = package["name"].as_str().context("name")?;
        for dependency in package["dependencies"].as_array().context("dependencies")? {
            list.push(Edge {
                from,
                to: dependency["name"].as_str().context("name")?,
                dev: dependency["kind"] == "dev",
                optional: dependency["optional"] == true,
            });
        }
    }
    Ok(list)
}

fn fault(edge: &Edge<'_>) -> Option<String> {
    let Edge {
        from,
        to,
        dev,
        optional,
    } = *edge;
    let text = |why: &str| Some(format!("{from} -> {to}: {why}"));
    if from == "tidegate-model" && !dev && NOT_IN_MODEL.contains(&to) {
        return text("the model stays free of it");
    }
    let Some(to_layer) = layer(to) else {
        return (to.starts_with("tidegate-"))
            .then(|| text("has no layer: add it to xtask/src/layering.rs"))?;
    };
    let Some(from_layer) = layer(from) else {
        return text("has no layer: add it to xtask/src/layering.rs");
    };
    if FOR_TESTS.contains(&to) {
        let allowed = dev || from_layer >= 4;
        return if allowed {
            None
        } else {
            text("only tests may use it")
        };
    }
    if from == "tidegate" && !dev && !optional && !BROWSER.contains(&to) {
        return text("must be optional: the browser's half cannot have it");
    }
    if to_layer < from_layer {
        None
    } else {
        text("points up or sideways")
    }
}

fn layer(name: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, layer)| *layer)
}

fn visit(dir: &Path, faults: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            visit(&path, faults)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(&path)?.lines().count();
            if lines > FILE_LINES_MAX {
                faults.push(format!(
                    "{}: {lines} lines, at most {FILE_LINES_MAX}",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, dev: bool, optional: bool) -> bool {
        fault(&Edge {
            from,
            to,
            dev,
            optional,
        })
        .is_none()
    }

    #[test]
    fn dependencies_point_down() {
        assert!(check("tidegate-engine", "tidegate-sink", false, false));
        assert!(check("tidegate-codec", "tidegate-model", false, false));
        assert!(!check("tidegate-model", "tidegate-codec", false, false));
        assert!(!check("tidegate-sink", "tidegate-upstream", false, false));
        assert!(!check("tidegate-sink", "tidegate-engine", true, false));
    }

    #[test]
    fn tests_may_use_the_launcher_and_the_fakes() {
        assert!(check("tidegate-engine", "tidegate-testkit", true, false));
        assert!(check("tidegate-mysql", "tidegate-mariadb", true, false));
        assert!(!check("tidegate-mysql", "tidegate-mariadb", false, false));
        assert!(check("tidegate", "tidegate-mariadb", false, true));
    }

    #[test]
    fn the_browser_sees_three_crates() {
        assert!(check("tidegate", "tidegate-api", false, false));
        assert!(check("tidegate", "tidegate-engine", false, true));
        assert!(!check("tidegate", "tidegate-engine", false, false));
    }

    #[test]
    fn the_model_has_no_serialisation_and_no_runtime() {
        assert!(!check("tidegate-model", "serde", false, false));
        assert!(check("tidegate-model", "serde", true, false));
        assert!(check("tidegate-model", "bytes", false, false));
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        assert!(!check("tidegate", "tidegate-new", false, true));
    }
}
