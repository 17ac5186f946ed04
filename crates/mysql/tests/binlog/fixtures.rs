//! The committed files, without a server.

use std::path::Path;

use super::decode::{Decoder, file_text};
use super::live::assert_same_lines;

/// Every fixture: name, file and expected rows.
pub(crate) fn all() -> Vec<(String, Vec<u8>, Option<String>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "binlog"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let expected = std::fs::read_to_string(path.with_extension("txt")).ok();
            (name, std::fs::read(path).unwrap(), expected)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn rows_of_the_committed_files() {
    let mut checked = 0;
    for (name, file, expected) in all() {
        let Some(expected) = expected else { continue };
        assert_same_lines(&name, &file_text(&mut Decoder::new(), &file), &expected);
        checked += 1;
    }
    assert!(checked >= 4, "the fixtures are there");
}
