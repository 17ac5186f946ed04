//! MySQL's operators as its grammar binds them.
//!
//! The parser's own MySQL dialect keeps the order of precedence of standard SQL: XOR above comparison, `^` below `+`,
//! `||` as a concatenation. An expression that parses into something else than it says is worse than one that is
//! refused, so the order is spelled out here.

use std::any::TypeId;

use sqlparser::ast::{CastKind, DataType, Expr, UnaryOperator};
use sqlparser::dialect::{Dialect, MySqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

const OR: u8 = 5;
const XOR: u8 = 7;
const AND: u8 = 10;
const NOT: u8 = 15;
/// Comparisons and IS, from left to right.
const COMPARISON: u8 = 17;
/// IN, BETWEEN, LIKE, REGEXP: their operands hold no comparison.
const PREDICATE: u8 = 20;
const BIT_OR: u8 = 21;
const BIT_AND: u8 = 22;
const SHIFT: u8 = 23;
const SUM: u8 = 30;
const PRODUCT: u8 = 40;
const BIT_XOR: u8 = 45;
const UNARY: u8 = 48;
const ARROW: u8 = 50;
const PERIOD: u8 = 100;

/// How the tree names DIV.
pub(super) const DIV: &str = "DIV";

/// See the module's page.
#[derive(Debug)]
pub(super) struct Grammar;

const MYSQL: MySqlDialect = MySqlDialect {};

impl Dialect for Grammar {
    fn dialect(&self) -> TypeId {
        TypeId::of::<MySqlDialect>()
    }

    /// No `@`: variables are not columns.
    fn is_identifier_start(&self, ch: char) -> bool {
        ch != '@' && MYSQL.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch != '@' && MYSQL.is_identifier_part(ch)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn ignores_wildcard_escapes(&self) -> bool {
        true
    }

    fn supports_string_literal_concatenation(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn requires_single_line_comment_whitespace(&self) -> bool {
        true
    }

    fn supports_hash_comment(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_double_ampersand_operator(&self) -> bool {
        true
    }

    fn require_interval_qualifier(&self) -> bool {
        true
    }

    fn supports_data_type_signed_suffix(&self) -> bool {
        true
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Or => OR,
            Precedence::Xor => XOR,
            Precedence::And => AND,
            Precedence::UnaryNot => NOT,
            Precedence::Is | Precedence::Eq => COMPARISON,
            Precedence::Between | Precedence::Like => PREDICATE,
            Precedence::Pipe | Precedence::Colon => BIT_OR,
            Precedence::Ampersand => BIT_AND,
            Precedence::PlusMinus => SUM,
            Precedence::MulDivModOp => PRODUCT,
            Precedence::Caret => BIT_XOR,
            Precedence::AtTz | Precedence::DoubleColon | Precedence::PgOther => ARROW,
            Precedence::Period => PERIOD,
        }
    }

    /// Every operator there is; anything else ends the expression.
    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let precedence = match &parser.peek_token_ref().token {
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::NOT => match &parser.peek_nth_token_ref(1).token {
                    Token::Word(next) => predicate(next.keyword),
                    _ => 0,
                },
                Keyword::OR => OR,
                Keyword::XOR => XOR,
                Keyword::AND => AND,
                Keyword::IS => COMPARISON,
                keyword => predicate(keyword),
            },
            Token::StringConcat => OR,
            Token::Overlap => AND,
            Token::Eq | Token::Lt | Token::LtEq | Token::Neq | Token::Gt | Token::GtEq | Token::Spaceship => {
                COMPARISON
            }
            Token::Pipe => BIT_OR,
            Token::Ampersand => BIT_AND,
            Token::ShiftLeft | Token::ShiftRight => SHIFT,
            Token::Plus | Token::Minus => SUM,
            Token::Mul | Token::Div | Token::Mod | Token::CustomBinaryOperator(_) => PRODUCT,
            Token::Caret => BIT_XOR,
            Token::Arrow | Token::LongArrow => ARROW,
            Token::Period => PERIOD,
            _ => 0,
        };
        Some(Ok(precedence))
    }

    /// Unary operators bind tighter than any binary one, NOT excepted.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let op = match &parser.peek_token_ref().token {
            Token::Minus => Some(UnaryOperator::Minus),
            Token::Plus => Some(UnaryOperator::Plus),
            Token::Tilde => Some(UnaryOperator::BitwiseNot),
            Token::ExclamationMark => Some(UnaryOperator::BangNot),
            Token::Word(word) if word.keyword == Keyword::BINARY && word.quote_style.is_none() => None,
            _ => return None,
        };
        parser.advance_token();
        let operand = parser.parse_subexpr(UNARY).map(Box::new);
        Some(operand.map(|expr| match op {
            Some(op) => Expr::UnaryOp { op, expr },
            None => Expr::Cast {
                kind: CastKind::Cast,
                expr,
                data_type: DataType::Binary(None),
                format: None,
            },
        }))
    }
}

fn predicate(keyword: Keyword) -> u8 {
    match keyword {
        Keyword::IN | Keyword::BETWEEN | Keyword::LIKE | Keyword::RLIKE | Keyword::REGEXP => PREDICATE,
        _ => 0,
    }
}

/// Writes DIV and MOD between operands as operators that the parser builds without looking back. Left to a dialect they
/// would cost a copy of everything to their left.
pub(super) fn spell_out(tokens: &mut [TokenWithSpan]) {
    let mut after_operand = false;
    for token in tokens {
        let operator = match &token.token {
            Token::Word(word) if word.quote_style.is_none() && after_operand => match &*word.value {
                div if div.eq_ignore_ascii_case("DIV") => Some(Token::CustomBinaryOperator(DIV.to_owned())),
                name if name.eq_ignore_ascii_case("MOD") => Some(Token::Mod),
                _ => None,
            },
            _ => None,
        };
        if let Some(operator) = operator {
            token.token = operator;
        }
        after_operand = match &token.token {
            Token::Whitespace(_) => after_operand,
            Token::Word(word) => word.quote_style.is_some() || !expects_operand(word.keyword),
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::RParen => true,
            _ => false,
        };
    }
}

/// Words after which an operand begins.
fn expects_operand(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::XOR
            | Keyword::NOT
            | Keyword::IN
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::ESCAPE
            | Keyword::CASE
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::BINARY
            | Keyword::INTERVAL
            | Keyword::FROM
            | Keyword::FOR
            | Keyword::BOTH
            | Keyword::LEADING
            | Keyword::TRAILING
    )
}
