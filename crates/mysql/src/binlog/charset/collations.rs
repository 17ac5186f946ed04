//! Collation numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::convert::Charset;

/// Numbers and names of MySQL and MariaDB, one pair per line. The two agree wherever both use a number, except for
/// the five Croatian collations of 2012, which keep MariaDB's name here.
const BUILTIN: &str = include_str!("collations.txt");

/// MariaDB's UCA-14 collations: 256 numbers for each character set, 8 for each language.
const UCA14_FIRST: u32 = 2048;
const UCA14_CHARSETS: [&str; 5] = ["utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"];
/// `None` is a number that no collation has.
const UCA14_LANGUAGES: [Option<&str>; 25] = [
    Some(""),
    Some("_icelandic"),
    Some("_latvian"),
    Some("_romanian"),
    Some("_slovenian"),
    Some("_polish"),
    Some("_estonian"),
    Some("_spanish"),
    Some("_swedish"),
    Some("_turkish"),
    Some("_czech"),
    Some("_danish"),
    Some("_lithuanian"),
    Some("_slovak"),
    Some("_spanish2"),
    Some("_roman"),
    Some("_persian"),
    Some("_esperanto"),
    Some("_hungarian"),
    Some("_sinhala"),
    Some("_german2"),
    None,
    None,
    Some("_vietnamese"),
    Some("_croatian"),
];
const UCA14_VARIANTS: [&str; 8] = [
    "_ai_ci",
    "_ai_cs",
    "_as_ci",
    "_as_cs",
    "_nopad_ai_ci",
    "_nopad_ai_cs",
    "_nopad_as_ci",
    "_nopad_as_cs",
];

/// A collation and its character set.
#[derive(Clone, PartialEq, Debug)]
pub struct Collation {
    /// `utf8mb4_general_ci`.
    pub name: Arc<str>,
    /// `utf8mb4`.
    pub charset_name: Arc<str>,
    /// How its bytes read.
    pub charset: Charset,
}

/// Collations by number.
#[derive(Clone, Debug)]
pub struct CollationTable {
    by_id: HashMap<u32, Collation>,
}

impl CollationTable {
    /// The collations of MySQL up to 9 and MariaDB up to 11.
    pub fn builtin() -> Self {
        let mut table = CollationTable {
            by_id: HashMap::new(),
        };
        for line in BUILTIN.lines() {
            if let Some((id, name)) = line.split_once(' ')
                && let Ok(id) = id.parse()
            {
                table.insert_builtin(id, name);
            }
        }
        for (id, charset) in (UCA14_FIRST..).step_by(256).zip(UCA14_CHARSETS) {
            for (id, language) in (id..).step_by(8).zip(UCA14_LANGUAGES) {
                let Some(language) = language else { continue };
                for (id, variant) in (id..).zip(UCA14_VARIANTS) {
                    table.insert_builtin(id, &format!("{charset}_uca1400{language}{variant}"));
                }
            }
        }
        table
    }

    /// Adds or replaces a collation as the server lists it. `false`: the character set is not one that we can
    /// convert, and the table stays as it was.
    pub fn insert(&mut self, id: u32, name: &str, charset: &str) -> bool {
        let Some(conversion) = Charset::by_name(charset) else {
            return false;
        };
        let collation = Collation {
            name: name.into(),
            charset_name: charset.into(),
            charset: conversion,
        };
        self.by_id.insert(id, collation);
        true
    }

    /// The collation with this number.
    pub fn get(&self, id: u32) -> Option<&Collation> {
        self.by_id.get(&id)
    }

    /// A collation's name begins with that of its character set.
    fn insert_builtin(&mut self, id: u32, name: &str) {
        let charset = name.split('_').next().unwrap_or(name);
        let known = self.insert(id, name, charset);
        debug_assert!(known, "{name} has a character set");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_matter() {
        let table = CollationTable::builtin();
        let check = |id, name: &str, charset: &str| {
            let collation = table.get(id).unwrap();
            assert_eq!(
                (&*collation.name, &*collation.charset_name),
                (name, charset),
                "{id}"
            );
        };
        check(8, "latin1_swedish_ci", "latin1");
        check(33, "utf8mb3_general_ci", "utf8mb3");
        check(45, "utf8mb4_general_ci", "utf8mb4");
        check(63, "binary", "binary");
        check(248, "gb18030_chinese_ci", "gb18030");
        check(255, "utf8mb4_0900_ai_ci", "utf8mb4");
        check(2048, "utf8mb3_uca1400_ai_ci", "utf8mb3");
        check(2471, "utf8mb4_uca1400_german2_nopad_as_cs", "utf8mb4");
        check(2488, "utf8mb4_uca1400_vietnamese_ai_ci", "utf8mb4");
        check(3271, "utf32_uca1400_croatian_nopad_as_cs", "utf32");
        assert!(table.get(0).is_none());
    }

    #[test]
    fn the_servers_list_wins() {
        let mut table = CollationTable::builtin();
        assert!(table.insert(45, "made_up", "latin1"));
        assert_eq!(
            table.get(45).unwrap().charset,
            Charset::by_name("latin1").unwrap()
        );
        assert!(!table.insert(46, "made_up", "klingon"));
        assert_eq!(&*table.get(46).unwrap().name, "utf8mb4_bin");
    }
}
