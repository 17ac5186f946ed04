//! From a text to an expression.

use jiff::tz::TimeZone;
use sqlparser::ast::Expr;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use tidegate_model::{CdcError, ErrorCode, Result};

use super::compile::{Compiler, Fault};
use super::dialect::Grammar;

/// Longest text, in bytes: bounds how deep the tree of a chain of operators gets.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// How deep brackets may nest.
const NESTING_MAX: usize = 50;

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
            ast: syntax(text).map_err(|problem| invalid(name, text, &problem))?,
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
                    self.text, self.name
                ),
            ),
            Fault::Invalid(problem) => invalid(&self.name, &self.text, &format!("{problem} (for {table})")),
            Fault::Unsupported(problem) => invalid(&self.name, &self.text, &problem),
        }
    }

    /// Its text as configured, for messages.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn invalid(name: &str, text: &str, problem: &str) -> CdcError {
    CdcError::new(
        ErrorCode::InvalidFilterExpression,
        format_args!("invalid filter expression {name}: {problem} in: '{text}'"),
    )
}

fn syntax(text: &str) -> Result<Expr, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let message = |error: ParserError| match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => format!("syntax error: {text}"),
        ParserError::RecursionLimitExceeded => "its brackets nest too deeply".to_owned(),
    };
    let mut parser = Parser::new(&Grammar)
        .with_recursion_limit(NESTING_MAX)
        .try_with_sql(text)
        .map_err(message)?;
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
