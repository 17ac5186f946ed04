//! Writes `docs/licences.txt`: every package that is built into the server or the console, with its licence.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::paths::root;

const FILE: &str = "docs/licences.txt";

/// Writes the file anew.
pub(crate) fn write() -> Result<()> {
    let text = listed(&metadata()?)?;
    std::fs::write(root().join(FILE), text).with_context(|| format!("cannot write {FILE}"))
}

/// Fails when the file does not say what is built.
pub(crate) fn check() -> Result<()> {
    let text = std::fs::read_to_string(root().join(FILE)).unwrap_or_default();
    ensure!(
        text == listed(&metadata()?)?,
        "{FILE} is stale: run `cargo xtask licences`"
    );
    Ok(())
}

fn metadata() -> Result<Value> {
    let output = Command::new("cargo")
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--features=tidegate/ssr",
        ])
        .current_dir(root())
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cannot read the answer of cargo metadata")
}

/// The packages that the root package is built from, by licence.
fn listed(metadata: &Value) -> Result<String> {
    let nodes: HashMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
        .map(|node| (word(&node["id"]), node))
        .collect();
    let members: HashSet<&str> = list(&metadata["workspace_members"]).map(word).collect();
    let packages = list(&metadata["packages"]);
    let named = packages.clone().find(|one| one["name"] == "tidegate");
    let start = word(&named.context("no package tidegate")?["id"]);
    let mut reached = HashSet::new();
    let mut next = vec![start];
    while let Some(id) = next.pop() {
        if !reached.insert(id) {
            continue;
        }
        let Some(node) = nodes.get(id) else { continue };
        next.extend(
            list(&node["deps"])
                .filter(|dep| is_shipped(dep))
                .map(|dep| word(&dep["pkg"])),
        );
    }
    let mut by_licence: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in
        packages.filter(|one| reached.contains(word(&one["id"])) && !members.contains(word(&one["id"])))
    {
        let licence = package["license"].as_str().unwrap_or("see its repository");
        let line = format!("{} {}", word(&package["name"]), word(&package["version"]));
        let line = match package["repository"].as_str() {
            Some(place) => format!("{line}  {place}"),
            None => line,
        };
        by_licence
            .entry(licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR "))
            .or_default()
            .insert(line);
    }
    let mut text = "Tidegate is under the Apache License 2.0. It is built from these packages.\n".to_owned();
    for (licence, lines) in by_licence {
        text.push_str(&format!("\n{licence}\n"));
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    }
    Ok(text)
}

/// Whether a dependency ends up in what is shipped: not one of tests or of build scripts.
fn is_shipped(dependency: &Value) -> bool {
    list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
