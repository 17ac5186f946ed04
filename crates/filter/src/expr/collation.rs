//! Order and equality of texts.
//!
//! The weights of the Unicode collations are data under `collation/`, exact for the alphabetic scripts in common use.
//! Outside those ranges a character is equal only to itself and sorts by its code point, which is right for CJK.

mod weights;

use std::borrow::Cow;
use std::cmp::Ordering;

use weights::Weights;

/// How two texts compare.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Collation {
    order: Order,
    /// Trailing spaces count for nothing.
    pad: bool,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Order {
    /// Byte by byte: no characters at all.
    Bytes,
    CodePoint,
    Weights(Weights),
    /// The collation of a column whose order is not built in: nothing may be compared by it.
    Unknown,
}

/// Bytes without a character set.
pub(crate) const BINARY: Collation = Collation {
    order: Order::Bytes,
    pad: false,
};

/// Of literals and of what is made of numbers: TiDB's default, decides nothing next to a column.
pub(crate) const LITERAL: Collation = Collation {
    order: Order::CodePoint,
    pad: true,
};

/// See [`Order::Unknown`].
pub(crate) const UNKNOWN: Collation = Collation {
    order: Order::Unknown,
    pad: false,
};

impl Collation {
    /// A collation by its name; `None` for those whose order is not built in.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("binary") {
            return Some(BINARY);
        }
        let name = name.to_ascii_lowercase();
        let nopad = name.contains("_nopad_") || name.contains("_0900_");
        let plain = name.replace("_nopad_", "_");
        let order = if plain.ends_with("_bin") {
            Order::CodePoint
        } else {
            Order::Weights(weights_of(&plain)?)
        };
        Some(Collation { order, pad: !nopad })
    }

    /// The collation of a column whose collation is not known: its character set's usual one.
    pub(crate) fn of_charset(charset: &str) -> Option<Self> {
        match charset {
            "binary" => Some(BINARY),
            "latin1" => Self::by_name("latin1_swedish_ci"),
            "utf8" | "utf8mb3" | "utf8mb4" | "ucs2" | "utf16" | "utf16le" | "utf32" | "ascii" => {
                Self::by_name("utf8mb4_general_ci")
            }
            _ => None,
        }
    }

    /// Whether values are bytes, not characters.
    pub(crate) fn is_binary(self) -> bool {
        self.order == Order::Bytes
    }

    /// Whether it tells characters apart by their code points.
    pub(crate) fn is_bin(self) -> bool {
        self.order == Order::CodePoint
    }

    /// Whether its order is built in.
    pub(crate) fn is_known(self) -> bool {
        self.order != Order::Unknown
    }

    /// Whether upper and lower case are the same.
    pub(crate) fn ignores_case(self) -> bool {
        matches!(self.order, Order::Weights(_))
    }

    /// Compares two texts (UTF-8, or bytes for `binary`).
    pub(crate) fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self.order {
            Order::Bytes | Order::Unknown => a.cmp(b),
            // The order of UTF-8 bytes is the order of code points.
            Order::CodePoint if !self.pad => a.cmp(b),
            Order::CodePoint => padded(a.iter().copied(), b.iter().copied(), b' '),
            Order::Weights(weights) => {
                let (a, b) = (lossy(a), lossy(b));
                let (a, b) = (weights.of(&a), weights.of(&b));
                if self.pad {
                    padded(a, b, weights.space())
                } else {
                    a.cmp(b)
                }
            }
        }
    }

    /// Whether two characters are the same to LIKE.
    pub(crate) fn same_char(self, a: char, b: char) -> bool {
        match self.order {
            Order::Bytes | Order::CodePoint | Order::Unknown => a == b,
            Order::Weights(weights) => a == b || weights.same(a, b),
        }
    }
}

/// A text without what is no UTF-8.
pub(crate) fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// The shorter sequence counts as if `pad` followed it for ever.
fn padded<T: Ord>(mut a: impl Iterator<Item = T>, mut b: impl Iterator<Item = T>, pad: T) -> Ordering {
    loop {
        let ordering = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(a), None) => a.cmp(&pad),
            (None, Some(b)) => pad.cmp(&b),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// The weights of a collation by its name without padding.
fn weights_of(name: &str) -> Option<Weights> {
    const UNICODE: [&str; 8] = [
        "utf8", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32", "ascii",
    ];
    if name == "latin1_swedish_ci" {
        return Some(Weights::Swedish);
    }
    let (charset, rest) = name.split_once('_')?;
    if charset == "uca1400" && rest == "ai_ci" {
        return Some(Weights::Uca1400);
    }
    if !UNICODE.contains(&charset) {
        return None;
    }
    match rest {
        "general_ci" => Some(Weights::General),
        "unicode_ci" => Some(Weights::Uca400),
        "unicode_520_ci" => Some(Weights::Uca520),
        // The letters of Unicode 9 have the same order in version 14.
        "0900_ai_ci" | "uca1400_ai_ci" => Some(Weights::Uca1400),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_compare_by_their_collation() {
        let check = |name: &str, a: &str, b: &str, expect: Ordering| {
            let collation = Collation::by_name(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                collation.compare(a.as_bytes(), b.as_bytes()),
                expect,
                "{name} {a} {b}"
            );
            assert_eq!(
                collation.compare(b.as_bytes(), a.as_bytes()),
                expect.reverse(),
                "{name} {b} {a}"
            );
        };
        use Ordering::{Equal, Greater, Less};
        check("utf8mb4_bin", "a", "a  ", Equal);
        check("utf8mb4_bin", "a", "A", Greater);
        check("utf8mb4_nopad_bin", "a", "a ", Less);
        check("utf8mb4_0900_bin", "a", "a ", Less);
        check("binary", "a", "a ", Less);
        check("utf8mb4_general_ci", "MÜLLER", "muller ", Equal);
        check("utf8mb4_general_ci", "straße", "strase", Equal);
        check("utf8mb4_unicode_ci", "straße", "STRASSE", Equal);
        check("utf8mb4_general_ci", "_", "a", Greater);
        check("utf8mb4_unicode_ci", "_", "a", Less);
        check("utf8mb4_0900_ai_ci", "é", "E", Equal);
        check("utf8mb4_0900_ai_ci", "e", "e ", Less);
        check("utf8mb4_0900_ai_ci", "жук", "ЖУК", Equal);
        check("latin1_swedish_ci", "ä", "a", Greater);
        check("latin1_swedish_ci", "é", "e", Equal);
        check("utf8mb4_general_ci", "a\u{1}", "a", Less);
        check("utf8mb4_general_ci", "中", "文", Less);
        check("utf8mb4_general_ci", "😀", "🎉", Equal);
        check("utf8mb4_0900_ai_ci", "😀", "🎉", Greater);
    }

    #[test]
    fn unknown_orders_are_said_to_be_unknown() {
        for name in [
            "utf8mb4_czech_ci",
            "utf8mb4_0900_as_cs",
            "latin1_german1_ci",
            "gbk_chinese_ci",
        ] {
            assert_eq!(Collation::by_name(name), None, "{name}");
        }
        assert!(Collation::by_name("utf8mb3_general_ci").is_some());
        assert!(Collation::by_name("utf8mb4_uca1400_nopad_ai_ci").is_some());
    }
}
