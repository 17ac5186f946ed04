//! LIKE.

use super::collation::{Collation, lossy};

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub(crate) struct LikePattern {
    parts: Vec<Part>,
    collation: Collation,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Part {
    /// A character; for bytes, one of the first 256.
    Char(char),
    /// `_`
    One,
    /// `%`
    Any,
}

impl LikePattern {
    /// `escape`: the character that makes the next one plain; `None` for none.
    pub(crate) fn new(pattern: &[u8], escape: Option<char>, collation: Collation) -> Self {
        let mut parts = Vec::new();
        let mut push = |part: Part| {
            // Several `%` are one, and `%_` is `_%`: so a text is read back as little as possible.
            match (parts.last(), part) {
                (Some(Part::Any), Part::Any) => {}
                (Some(Part::Any), Part::One) => parts.insert(parts.len() - 1, Part::One),
                _ => parts.push(part),
            }
        };
        let chars: Vec<char> = chars(pattern, collation);
        let mut rest = chars.iter().copied().peekable();
        while let Some(c) = rest.next() {
            match c {
                _ if Some(c) == escape => push(Part::Char(rest.next().unwrap_or(c))),
                '%' => push(Part::Any),
                '_' => push(Part::One),
                _ => push(Part::Char(c)),
            }
        }
        LikePattern { parts, collation }
    }

    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        if self.collation.is_binary() {
            return self.run(text.iter().map(|byte| char::from(*byte)));
        }
        match std::str::from_utf8(text) {
            Ok(text) => self.run(text.chars()),
            Err(_) => self.run(lossy(text).chars()),
        }
    }

    /// Remembers the last `%` only: matching takes at most pattern times text steps.
    fn run(&self, text: impl Iterator<Item = char> + Clone) -> bool {
        let mut rest = text;
        let mut at = 0;
        let mut retry = None;
        loop {
            if self.parts.get(at) == Some(&Part::Any) {
                at += 1;
                if at == self.parts.len() {
                    return true;
                }
                retry = Some((at, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            let next = ahead.next();
            let fits = match (self.parts.get(at), next) {
                (None, None) => return true,
                (Some(Part::One), Some(_)) => true,
                (Some(Part::Char(expected)), Some(c)) => self.collation.same_char(*expected, c),
                _ => false,
            };
            if fits {
                rest = ahead;
                at += 1;
                continue;
            }
            let Some((from, mut later)) = retry.take() else {
                return false;
            };
            if later.next().is_none() {
                return false;
            }
            at = from;
            rest = later.clone();
            retry = Some((from, later));
        }
    }
}

fn chars(text: &[u8], collation: Collation) -> Vec<char> {
    if collation.is_binary() {
        text.iter().map(|byte| char::from(*byte)).collect()
    } else {
        lossy(text).chars().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let check = |collation: &str, pattern: &str, text: &str, expect: bool| {
            let collation = Collation::by_name(collation).unwrap();
            let pattern = LikePattern::new(pattern.as_bytes(), Some('\\'), collation);
            assert_eq!(pattern.matches(text.as_bytes()), expect, "{pattern:?} {text}");
        };
        let (bin, ci) = ("utf8mb4_bin", "utf8mb4_general_ci");
        check(bin, "a%", "abc", true);
        check(bin, "%c", "abc", true);
        check(bin, "a%b%c", "aXbXbXc", true);
        check(bin, "a%b%c", "aXcXc", false);
        check(bin, "%a_", "aaab", true);
        check(bin, "_", "é", true);
        check(bin, "__", "é", false);
        check(bin, "%_%_%", "ab", true);
        check(bin, "%_%_%", "a", false);
        check(bin, "", "", true);
        check(bin, "%", "", true);
        check(bin, "a", "a ", false);
        check(bin, r"a\%", "a%", true);
        check(bin, r"a\%", "ab", false);
        check(bin, "A%", "abc", false);
        check(ci, "A%É", "abcde", true);
        check("binary", "__", "é", true);
        check(bin, &"%a".repeat(40), &"a".repeat(39), false);
    }
}
