//! One rule: `[!] part . part`.

use std::fmt::{self, Write};

use tidegate_model::{CdcError, ErrorCode};

use crate::pattern::Pattern;
use crate::regexp;

/// Longest rule, in bytes. Two quoted names of 64 characters each, all doubled, need less than 1 KiB.
const RULE_BYTES_MAX: usize = 8 << 10;
/// The only expression that counts as "all tables" for schema-level statements besides the glob `*`: the text into
/// which the original turns that glob.
const MATCH_ALL_REGEXP: &str = "(?s)^.*$";

/// A compiled rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) positive: bool,
    pub(crate) schema: Pattern,
    pub(crate) table: Pattern,
}

/// What is wrong with a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// Position of the rule in its list, from 0.
    pub rule: usize,
    /// Position of the offending character in the rule as given, in characters from 1.
    pub column: usize,
    /// What was expected and what was found, without the position.
    pub problem: String,
}

impl RuleError {
    pub(crate) fn whole(rule: usize, problem: String) -> Self {
        RuleError {
            rule,
            column: 1,
            problem,
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "filter rule {}, column {}: {}",
            self.rule + 1,
            self.column,
            self.problem
        )
    }
}

impl std::error::Error for RuleError {}

impl From<RuleError> for CdcError {
    fn from(error: RuleError) -> Self {
        CdcError::new(ErrorCode::FilterRuleInvalid, error)
    }
}

/// Compiles the rule at `index` of its list; `None` for blank lines and comments.
pub(crate) fn parse_rule(index: usize, text: &str, case_sensitive: bool) -> Result<Option<Rule>, RuleError> {
    if text.len() > RULE_BYTES_MAX {
        return Err(RuleError::whole(
            index,
            format!("expected at most {RULE_BYTES_MAX} bytes in one rule"),
        ));
    }
    let blank = [' ', '\t'];
    let end = text.trim_end_matches(blank).len();
    let mut parser = Parser {
        index,
        text: &text[..end],
        at: 0,
        case_sensitive,
    };
    parser.at = end - text[..end].trim_start_matches(blank).len();
    match parser.peek() {
        None | Some('#') => return Ok(None),
        Some('@') => return Err(parser.error("expected a rule: files cannot be imported here")),
        _ => {}
    }
    let positive = !parser.eat('!');
    let schema = parser.part()?;
    if !parser.eat('.') {
        return Err(parser.expected("'.' between schema and table"));
    }
    let table = parser.part()?;
    if parser.peek().is_some() {
        return Err(parser.expected("the end of the rule"));
    }
    Ok(Some(Rule {
        positive,
        schema,
        table,
    }))
}

struct Parser<'a> {
    index: usize,
    text: &'a str,
    at: usize,
    case_sensitive: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn error_at(&self, at: usize, problem: impl Into<String>) -> RuleError {
        let column = self.text[..at].chars().count() + 1;
        RuleError {
            rule: self.index,
            column,
            problem: problem.into(),
        }
    }

    fn error(&self, problem: impl Into<String>) -> RuleError {
        self.error_at(self.at, problem)
    }

    fn expected(&self, what: &str) -> RuleError {
        match self.peek() {
            Some(found) => self.error(format!("expected {what}, found {found:?}")),
            None => self.error(format!("expected {what}, found the end")),
        }
    }

    fn part(&mut self) -> Result<Pattern, RuleError> {
        match self.peek() {
            Some('/') => self.regexp(),
            Some(quote @ ('"' | '`')) => self.quoted(quote),
            _ => self.glob(),
        }
    }

    fn regexp(&mut self) -> Result<Pattern, RuleError> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(self.error_at(open, "expected a closing '/' for this regular expression")),
                Some('/') => break,
                Some('\\') => {
                    self.at += 1;
                    self.next();
                }
                Some(c) => self.at += c.len_utf8(),
            }
        }
        let body = &self.text[start..self.at];
        if body.is_empty() {
            return Err(self.error("expected a regular expression between the slashes"));
        }
        self.at += 1;
        if body == MATCH_ALL_REGEXP {
            return Ok(Pattern::All);
        }
        regexp::translate(body)
            .and_then(|expression| Pattern::regex(&expression, self.case_sensitive))
            .map_err(|problem| self.error_at(start, format!("expected a regular expression: {problem}")))
    }

    fn quoted(&mut self, quote: char) -> Result<Pattern, RuleError> {
        let open = self.at;
        self.at += 1;
        let mut name = String::new();
        loop {
            match self.next() {
                None => return Err(self.error_at(open, "expected a closing quote for this name")),
                Some(c) if c == quote && !self.eat(quote) => break,
                Some(c) => name.push(c),
            }
        }
        if name.is_empty() {
            return Err(self.error_at(open, "expected a name between the quotes"));
        }
        Ok(Pattern::literal(&name, self.case_sensitive))
    }

    /// Builds the literal and the expression side by side and keeps the one that is needed.
    fn glob(&mut self) -> Result<Pattern, RuleError> {
        let start = self.at;
        let mut literal = String::new();
        let mut expression = String::from("(?s)^");
        let mut wild = false;
        while let Some(c) = self.peek().filter(|&c| c != '.') {
            match c {
                '*' | '?' => {
                    wild = true;
                    self.at += 1;
                    expression.push_str(if c == '*' { ".*" } else { "." });
                    continue;
                }
                '[' => {
                    wild = true;
                    self.class(&mut expression)?;
                    continue;
                }
                '\\' => literal.push(self.escaped()?),
                c if is_bare(c) => {
                    self.at += c.len_utf8();
                    literal.push(c);
                }
                _ => {
                    return Err(self.expected(
                        "a name, a pattern, '/', a quote or '.' (other characters need quotes or a backslash)",
                    ));
                }
            }
            let last = literal.len() - literal.chars().next_back().map_or(0, char::len_utf8);
            expression.push_str(&regex::escape(&literal[last..]));
        }
        match &self.text[start..self.at] {
            "" => Err(self.expected("a name or a pattern")),
            "*" => Ok(Pattern::All),
            _ if !wild => Ok(Pattern::literal(&literal, self.case_sensitive)),
            _ => {
                expression.push('$');
                Pattern::regex(&expression, self.case_sensitive)
                    .map_err(|problem| self.error_at(start, problem))
            }
        }
    }

    /// The character after a backslash.
    fn escaped(&mut self) -> Result<char, RuleError> {
        let backslash = self.at;
        self.at += 1;
        match self.next() {
            Some(c) if !c.is_ascii_alphanumeric() => Ok(c),
            Some(_) => Err(self.error_at(
                backslash,
                "expected no letter or digit after '\\': such escapes are reserved",
            )),
            None => Err(self.error_at(backslash, "expected a character after '\\'")),
        }
    }

    fn class(&mut self, expression: &mut String) -> Result<(), RuleError> {
        let open = self.at;
        self.at += 1;
        let negated = self.eat('!');
        // Members, and whether each was escaped: an escaped '-' makes no range.
        let mut members: Vec<(char, bool)> = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.error_at(open, "expected a closing ']' for this class")),
                Some(']') => break,
                Some('\\') => members.push((self.escaped()?, true)),
                Some(c) => {
                    self.at += c.len_utf8();
                    members.push((c, false));
                }
            }
        }
        if members.is_empty() {
            return Err(self.expected("a member of the class"));
        }
        self.at += 1;
        expression.push_str(if negated { "[^" } else { "[" });
        let mut rest = members.as_slice();
        while let Some((&(low, _), after)) = rest.split_first() {
            let (high, after) = match after {
                [('-', false), (high, _), after @ ..] => (*high, after),
                _ => (low, after),
            };
            if high < low {
                return Err(self.error_at(
                    open,
                    format!("expected ascending bounds, found {low:?} to {high:?}"),
                ));
            }
            // Numbers need no escaping, whatever is special inside a class of the library's syntax.
            write!(
                expression,
                r"\x{{{:x}}}-\x{{{:x}}}",
                u32::from(low),
                u32::from(high)
            )
            .expect("strings grow");
            rest = after;
        }
        expression.push(']');
        Ok(())
    }
}

/// Characters that stand for themselves outside quotes.
fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}
