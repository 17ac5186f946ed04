//! Compares what the storage sink wrote with committed files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Data files of a sink directory by table, concatenated in the order in which they were written. The table version
/// in the path changes with every run, so it is replaced by its rank.
pub(crate) fn read_files(root: &Path, extension: &str) -> BTreeMap<String, String> {
    let mut files = Vec::new();
    collect(root, root, &mut files);
    let mut tables: BTreeMap<String, Vec<(u64, String, PathBuf)>> = BTreeMap::new();
    for file in files {
        let parts: Vec<String> = file
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let [schema, table, version, name] = parts.as_slice() else {
            continue;
        };
        let Ok(version) = version.parse() else { continue };
        if name.ends_with(extension) {
            tables.entry(format!("{schema}.{table}")).or_default().push((
                version,
                name.clone(),
                root.join(&file),
            ));
        }
    }
    tables
        .into_iter()
        .map(|(table, files)| (table, concatenate(files)))
        .collect()
}

/// Compares the files with `golden/<name>`; with `UPDATE_GOLDEN=1` writes them.
#[track_caller]
pub(crate) fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/e2e/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (left, right)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(left, right, "{name}, line {}", number + 1);
    }
    assert_eq!(
        expected.lines().count(),
        actual.lines().count(),
        "{name}: number of lines\n{actual}"
    );
}

/// One canal-json line with the members that change with every run set to zero.
pub(crate) fn normalise_canal_json(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for member in ["es", "ts"] {
        assert!(value[member].is_u64(), "{member} in {line}");
        value[member] = 0.into();
    }
    if let Some(extension) = value.get_mut("_tidb") {
        assert!(extension["commitTs"].is_u64(), "{line}");
        extension["commitTs"] = 0.into();
    }
    value.to_string()
}

fn concatenate(mut files: Vec<(u64, String, PathBuf)>) -> String {
    files.sort();
    let mut text = String::new();
    let mut last = None;
    for (version, _, path) in files {
        if last.replace(version) != Some(version) {
            text.push_str("-- table version\n");
        }
        text.push_str(&std::fs::read_to_string(path).unwrap());
    }
    text
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}
