//! One part of a rule: a literal, everything, or a regular expression.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

/// Bound on one compiled expression. Real table patterns need a few KiB; a class like `\pL` some tens.
const REGEX_BYTES_MAX: usize = 256 << 10;

/// A compiled part.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// The glob `*`, or the regexp by which the original writes it.
    All,
    Literal(Box<str>),
    Regex(Regex),
}

impl Pattern {
    /// `name` is folded already when letters match in either case.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::All => true,
            Pattern::Literal(literal) => **literal == *name,
            Pattern::Regex(regex) => regex.is_match(name),
        }
    }

    pub(crate) fn is_match_all(&self) -> bool {
        matches!(self, Pattern::All)
    }

    pub(crate) fn literal(text: &str, case_sensitive: bool) -> Self {
        Pattern::Literal(if case_sensitive {
            text.into()
        } else {
            fold(text).into()
        })
    }

    /// Compiles `expression`, which is in the syntax of the `regex` crate.
    pub(crate) fn regex(expression: &str, case_sensitive: bool) -> Result<Self, String> {
        compile(expression, case_sensitive).map(Pattern::Regex)
    }
}

/// Compiles `expression`, which is in the syntax of the `regex` crate; the error is one line.
pub(crate) fn compile(expression: &str, case_sensitive: bool) -> Result<Regex, String> {
    RegexBuilder::new(expression)
        .case_insensitive(!case_sensitive)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
            // The last line says what is wrong; those before it draw the expression.
            other => other
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        })
}

/// Lower case, character by character: what counts as equal must not depend on a character's neighbours.
pub(crate) fn fold(name: &str) -> Cow<'_, str> {
    let folds = |c: char| {
        if c.is_ascii() {
            c.is_ascii_uppercase()
        } else {
            !c.to_lowercase().eq([c])
        }
    };
    if name.chars().any(folds) {
        Cow::Owned(name.chars().flat_map(char::to_lowercase).collect())
    } else {
        Cow::Borrowed(name)
    }
}
