//! From a text to an expression.

use std::thread::{self, ScopedJoinHandle};

use jiff::tz::TimeZone;
use sqlparser::ast::Expr;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};
use tidegate_model::{CdcError, ErrorCode, Result};

use super::compile::{Compiler, Fault};
use super::dialect::{Grammar, spell_out};

/// Longest text, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Most operators. A chain of them is a tree as deep as it is long, which the parser builds in a loop and lets go of by
/// recursion: this bounds the stack that it takes.
const OPERATORS_MAX: usize = 1000;
/// How much of a text messages show, in bytes.
const SHOWN_BYTES_MAX: usize = 500;
/// How deep brackets may nest.
const NESTING_MAX: usize = 40;
/// Stack for parsing: the parser needs much for each bracket.
const STACK_BYTES: usize = 16 << 20;

/// A parsed expression, not yet bound to a table.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    /// Where it stands in the config, for messages.
    name: String,
    text: String,
    pub(super) ast: Expr,
}

impl Expression {
    /// Parses `text` and checks everything that no table is needed for. `name` is the config's name of it.
    ///
    /// # Errors
    /// `InvalidFilterExpression` with the position of a syntax error or with the name of what is not supported.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let expression = Expression {
            ast: on_own_stack(text).map_err(|problem| invalid(name, text, &problem))?,
            name: name.to_owned(),
            text: text.to_owned(),
        };
        Compiler::unbound(TimeZone::UTC)
            .compile(&expression.ast)
            .map_err(|fault| expression.error("any table", fault))?;
        Ok(expression)
    }

    /// What is wrong with it for one table.
    pub(super) fn error(&self, table: &str, fault: Fault) -> CdcError {
        match fault {
            Fault::Column(column) => CdcError::new(
                ErrorCode::ExpressionColumnNotFound,
                format_args!(
                    "invalid filter expression(s). Cannot find column '{column}' from table '{table}' in: {} ({})",
                    self.text(),
                    self.name
                ),
            ),
            Fault::Invalid(problem) => invalid(&self.name, &self.text, &format!("{problem} (for {table})")),
            Fault::Unsupported(problem) => invalid(&self.name, &self.text, &problem),
        }
    }

    /// Its text as configured, for messages: the beginning of a long one.
    pub(crate) fn text(&self) -> &str {
        beginning(&self.text)
    }
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
}

fn invalid(name: &str, text: &str, problem: &str) -> CdcError {
    let text = beginning(text);
    CdcError::new(
        ErrorCode::InvalidFilterExpression,
        format_args!("invalid filter expression {name}: {problem} in: '{text}'"),
    )
}

/// Parses on a thread that has room for every text within the limits, whoever asks.
fn on_own_stack(text: &str) -> Result<Expr, String> {
    thread::scope(|scope| {
        let parser = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || syntax(text));
        match parser.map(ScopedJoinHandle::join) {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(_panic)) => Err("the parser failed on it".to_owned()),
            Err(error) => Err(format!("no thread to parse it: {error}")),
        }
    })
}

fn syntax(text: &str) -> Result<Expr, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let message = |error: ParserError| match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => format!("syntax error: {text}"),
        ParserError::RecursionLimitExceeded => "its brackets nest too deeply".to_owned(),
    };
    let mut tokens = Tokenizer::new(&Grammar, text)
        .tokenize_with_location()
        .map_err(|error| message(error.into()))?;
    if tokens.iter().filter(|token| is_operator(&token.token)).count() > OPERATORS_MAX {
        return Err(format!(
            "it has more than {OPERATORS_MAX} operators: use IN for long lists"
        ));
    }
    spell_out(&mut tokens);
    let mut parser = Parser::new(&Grammar)
        .with_recursion_limit(NESTING_MAX)
        .with_tokens_with_locations(tokens);
    let ast = parser.parse_expr().map_err(message)?;
    let rest = parser.peek_token_ref();
    if rest.token != Token::EOF {
        return Err(format!(
            "syntax error: nothing may follow the condition, but '{}' does at column {}",
            rest.token, rest.span.start.column
        ));
    }
    Ok(ast)
}

/// Whether a token can make the tree deeper by one.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none() && word.keyword != Keyword::NoKeyword,
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Period
        | Token::Whitespace(_)
        | Token::EOF => false,
        _ => true,
    }
}
