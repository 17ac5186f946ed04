//! The parts of a rule, for editors that colour them.

/// What a part of a rule is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// A line that is no rule.
    Comment,
    /// The `!` in front of a rule that leaves tables out.
    Not,
    /// Characters that stand for themselves, quoted or not.
    Name,
    /// `*` or `?`.
    Wild,
    /// `[a-z]`.
    Class,
    /// `/expression/`.
    Regexp,
    /// The dot between schema and table.
    Dot,
}

/// Cuts `rule` into its parts; together they are the rule as given. What is wrong in it is somebody else's business.
pub fn rule_tokens(rule: &str) -> Vec<(TokenKind, &str)> {
    if rule.trim_start().starts_with('#') {
        return vec![(TokenKind::Comment, rule)];
    }
    let mut tokens: Vec<(TokenKind, &str)> = Vec::new();
    let mut rest = rule;
    let mut is_first = true;
    // Where the text of the newest part begins.
    let mut from = 0;
    while let Some(c) = rest.chars().next() {
        let at = rule.len() - rest.len();
        let (kind, length) = match c {
            '!' if is_first => (TokenKind::Not, 1),
            '*' | '?' => (TokenKind::Wild, 1),
            '.' => (TokenKind::Dot, 1),
            '/' => (TokenKind::Regexp, closed(rest, '/', true)),
            '[' => (TokenKind::Class, closed(rest, ']', true)),
            '"' | '`' => (TokenKind::Name, closed(rest, c, false)),
            '\\' => (
                TokenKind::Name,
                1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            ),
            c => (TokenKind::Name, c.len_utf8()),
        };
        is_first = is_first && c.is_whitespace();
        rest = &rest[length..];
        let end = at + length;
        match tokens.last_mut() {
            Some((last, text)) if *last == kind && kind != TokenKind::Regexp => *text = &rule[from..end],
            _ => {
                from = at;
                tokens.push((kind, &rule[at..end]));
            }
        }
    }
    tokens
}

/// Bytes up to and including the `end` that closes what the first character opens; all, when nothing does.
fn closed(text: &str, end: char, escapes: bool) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if escapes => escaped = true,
            c if c == end => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(rule: &str, expect: &[(TokenKind, &str)]) {
        assert_eq!(rule_tokens(rule), expect, "{rule}");
    }

    #[test]
    fn rules_have_their_parts() {
        use TokenKind::{Class, Comment, Dot, Name, Not, Regexp, Wild};
        check("shop.*", &[(Name, "shop"), (Dot, "."), (Wild, "*")]);
        check(
            "!shop.tmp_*?",
            &[
                (Not, "!"),
                (Name, "shop"),
                (Dot, "."),
                (Name, "tmp_"),
                (Wild, "*?"),
            ],
        );
        check(
            r"/^log_[0-9]+\/$/.`a.b`",
            &[(Regexp, r"/^log_[0-9]+\/$/"), (Dot, "."), (Name, "`a.b`")],
        );
        check(
            r"a[!\]b].\*x",
            &[(Name, "a"), (Class, r"[!\]b]"), (Dot, "."), (Name, r"\*x")],
        );
        check(" # no rule", &[(Comment, " # no rule")]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn the_parts_are_the_rule(rule in "[a-z.*?!/\\[\\]`\"\\\\é ]{0,24}") {
            let parts: String = rule_tokens(&rule).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(parts, rule);
        }
    }
}
