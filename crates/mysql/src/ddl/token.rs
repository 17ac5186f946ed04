//! Words, names, strings and punctuation of a statement, comments removed.

use std::borrow::Cow;
use std::collections::VecDeque;

use tidegate_model::TableName;

/// Versions from here on belong to no server: tools use them to write comments that nobody executes.
const VERSION_NEVER: u32 = 990_000;

/// A piece of a statement.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'a> {
    /// Keyword, unquoted name or number.
    Word(&'a str),
    /// Quoted name, unquoted.
    Name(Cow<'a, str>),
    /// What stands between the quotes of a string, escapes untouched.
    Str(&'a str),
    /// Any other character.
    Punct(char),
    /// Nothing follows: the text or the statement is over.
    End,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    ansi_quotes: bool,
    /// Whether a backslash inside a string escapes the next character.
    backslash: bool,
    /// Inside `/*! .. */`, whose content is executed.
    versioned: bool,
    /// A string or a quoted name did not end.
    broken: bool,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Moves behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, end: &str) {
        self.at += self
            .rest()
            .find(end)
            .map_or(self.rest().len(), |found| found + end.len());
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let bytes = rest.as_bytes();
            match bytes {
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => self.at += 1,
                [b'#', ..] => self.skip_past("\n"),
                [b'-', b'-'] => self.at += 2,
                [b'-', b'-', after, ..] if *after <= b' ' => self.skip_past("\n"),
                [b'/', b'*', b'!', ..] => self.open_versioned(3),
                [b'/', b'*', b'M', b'!', ..] => self.open_versioned(4),
                [b'/', b'*', ..] => {
                    self.at += 2;
                    self.skip_past("*/");
                }
                [b'*', b'/', ..] if self.versioned => {
                    self.versioned = false;
                    self.at += 2;
                }
                _ => return,
            }
        }
    }

    /// Enters a comment whose content counts. A version has five or six digits; fewer are content.
    fn open_versioned(&mut self, prefix: usize) {
        let digits = &self.text[self.at + prefix..];
        let length = digits.bytes().take(6).take_while(u8::is_ascii_digit).count();
        let version = if length >= 5 {
            digits[..length].parse().unwrap_or(0)
        } else {
            0
        };
        if version >= VERSION_NEVER {
            self.skip_past("*/");
            return;
        }
        self.at += prefix + if length >= 5 { length } else { 0 };
        self.versioned = true;
    }

    fn token(&mut self) -> Token<'a> {
        self.skip_blanks();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Token::End;
        };
        match first {
            ';' => {
                self.at = self.text.len();
                Token::End
            }
            '`' => Token::Name(self.quoted('`', false)),
            '"' if self.ansi_quotes => Token::Name(self.quoted('"', false)),
            '"' | '\'' => {
                let start = self.at + 1;
                self.quoted(first, self.backslash);
                let end = if self.broken { self.text.len() } else { self.at - 1 };
                Token::Str(self.text.get(start..end).unwrap_or_default())
            }
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                self.at += length;
                Token::Word(&rest[..length])
            }
            c => {
                self.at += c.len_utf8();
                Token::Punct(c)
            }
        }
    }

    /// Reads from the opening quote to the closing one; a doubled quote stands for itself.
    fn quoted(&mut self, quote: char, backslash: bool) -> Cow<'a, str> {
        let start = self.at + 1;
        let mut doubled = false;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let quote_byte = quote as u8;
        while at < bytes.len() {
            if backslash && bytes[at] == b'\\' {
                at += 2;
            } else if bytes[at] != quote_byte {
                at += 1;
            } else if bytes.get(at + 1) == Some(&quote_byte) {
                doubled = true;
                at += 2;
            } else {
                self.at = at + 1;
                let inner = &self.text[start..at];
                return if doubled {
                    Cow::Owned(inner.replace(&format!("{quote}{quote}"), &quote.to_string()))
                } else {
                    Cow::Borrowed(inner)
                };
            }
        }
        self.at = bytes.len();
        self.broken = true;
        Cow::Borrowed(&self.text[start..])
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// Reads a statement token by token, looking ahead as far as needed.
pub(super) struct Cursor<'a> {
    lexer: Lexer<'a>,
    ahead: VecDeque<(usize, Token<'a>)>,
    default_schema: &'a str,
    /// Whether every table name read so far named its schema.
    pub(super) qualified: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, default_schema: &'a str, ansi_quotes: bool, backslash: bool) -> Self {
        let lexer = Lexer {
            text,
            at: 0,
            ansi_quotes,
            backslash,
            versioned: false,
            broken: false,
        };
        Cursor {
            lexer,
            ahead: VecDeque::new(),
            default_schema,
            qualified: true,
        }
    }

    pub(super) fn default_schema(&self) -> &'a str {
        self.default_schema
    }

    /// Whether a string or quoted name met so far did not end.
    pub(super) fn is_broken(&self) -> bool {
        self.lexer.broken
    }

    /// The token `n` places ahead.
    pub(super) fn peek_at(&mut self, n: usize) -> &Token<'a> {
        while self.ahead.len() <= n {
            self.lexer.skip_blanks();
            let at = self.lexer.at;
            let token = self.lexer.token();
            self.ahead.push_back((at, token));
        }
        &self.ahead[n].1
    }

    pub(super) fn peek(&mut self) -> &Token<'a> {
        self.peek_at(0)
    }

    /// Where the next token begins in the text.
    pub(super) fn position(&mut self) -> usize {
        self.peek();
        self.ahead[0].0
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        self.peek();
        self.ahead.pop_front().map_or(Token::End, |(_, token)| token)
    }

    pub(super) fn at_end(&mut self) -> bool {
        *self.peek() == Token::End
    }

    pub(super) fn is_word(&mut self, n: usize, word: &str) -> bool {
        matches!(self.peek_at(n), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_any(&mut self, n: usize, words: &[&str]) -> bool {
        matches!(self.peek_at(n), Token::Word(found) if words.iter().any(|word| found.eq_ignore_ascii_case(word)))
    }

    pub(super) fn is_punct(&mut self, n: usize, punct: char) -> bool {
        *self.peek_at(n) == Token::Punct(punct)
    }

    /// Takes the words when all of them come next.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        for (n, word) in words.iter().enumerate() {
            if !self.is_word(n, word) {
                return false;
            }
        }
        self.ahead.drain(..words.len());
        true
    }

    /// Takes the next word when it is one of `words`.
    pub(super) fn eat_any(&mut self, words: &[&str]) -> bool {
        let found = self.is_any(0, words);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn eat_punct(&mut self, punct: char) -> bool {
        let found = self.is_punct(0, punct);
        if found {
            self.next();
        }
        found
    }

    /// Takes one whole value: a token, or everything up to the matching parenthesis.
    pub(super) fn skip_value(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.next() {
                Token::End => return,
                Token::Punct('(') => depth += 1,
                Token::Punct(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    pub(super) fn if_exists(&mut self) {
        let _ = self.eat(&["IF", "EXISTS"]) || self.eat(&["IF", "NOT", "EXISTS"]);
    }

    /// MariaDB's `WAIT n` and `NOWAIT`.
    pub(super) fn wait(&mut self) {
        if self.eat(&["WAIT"]) {
            self.next();
        } else {
            self.eat(&["NOWAIT"]);
        }
    }

    /// A name, quoted or not.
    pub(super) fn name(&mut self) -> Option<String> {
        match self.peek() {
            Token::Word(_) | Token::Name(_) => {}
            Token::Str(_) | Token::Punct(_) | Token::End => return None,
        }
        match self.next() {
            Token::Word(word) => Some(word.to_owned()),
            Token::Name(name) => Some(name.into_owned()),
            _ => None,
        }
    }

    /// `[schema .] table`.
    pub(super) fn table_name(&mut self) -> Option<TableName> {
        let leading_dot = self.eat_punct('.');
        let first = self.name()?;
        if !leading_dot && self.eat_punct('.') {
            let table = self.name()?;
            return Some(TableName::new(&first, &table));
        }
        self.qualified = false;
        Some(TableName::new(self.default_schema, &first))
    }
}
