//! Comparisons and predicates.

use std::borrow::Cow;

use sqlparser::ast::{Expr, InTarget, Value as Literal};

use super::{Compiled, Compiler, Fault, truth};
use crate::expr::collation::lossy;
use crate::expr::compare::How;
use crate::expr::convert::{to_f64, to_text};
use crate::expr::kinds;
use crate::expr::like::LikePattern;
use crate::expr::literals::{as_datetime, as_time, constant};
use crate::expr::node::{Comparison, Node, Typed};
use crate::expr::value::{Kind, Value};
use crate::pattern::compile as compile_regex;
use crate::regexp::translate;

/// Digits of a DECIMAL.
const DIGITS_MAX: u32 = 65;
/// Longest regular expression, in bytes.
const REGEXP_BYTES_MAX: usize = 8 << 10;

impl Compiler<'_> {
    pub(super) fn predicate(&mut self, expr: &Expr) -> Compiled {
        match expr {
            Expr::IsNull(inner) => self.is_null(inner, false),
            Expr::IsNotNull(inner) => self.is_null(inner, true),
            Expr::IsTrue(inner) => self.is_truth(inner, Some(true), false),
            Expr::IsNotTrue(inner) => self.is_truth(inner, Some(true), true),
            Expr::IsFalse(inner) => self.is_truth(inner, Some(false), false),
            Expr::IsNotFalse(inner) => self.is_truth(inner, Some(false), true),
            Expr::IsUnknown(inner) => self.is_truth(inner, None, false),
            Expr::IsNotUnknown(inner) => self.is_truth(inner, None, true),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, low, high, *negated),
            Expr::In {
                expr,
                target,
                negated,
                ..
            } => self.is_in(expr, target, *negated),
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(expr, pattern, escape_char.as_deref(), *negated),
            Expr::RLike {
                negated,
                expr,
                pattern,
                ..
            } => self.regexp(expr, pattern, *negated),
            other => Err(Fault::Unsupported(format!("{other} is not supported"))),
        }
    }

    pub(super) fn is_null(&mut self, inner: &Expr, negated: bool) -> Compiled {
        let node = Node::IsNull(Box::new(self.compile(inner)?.node));
        Ok(negate_if(negated, node))
    }

    fn is_truth(&mut self, inner: &Expr, wanted: Option<bool>, negated: bool) -> Compiled {
        let node = Node::IsTruth(Box::new(self.condition(inner)?), wanted);
        Ok(negate_if(negated, node))
    }

    pub(super) fn comparison(&mut self, op: Comparison, left: &Expr, right: &Expr) -> Compiled {
        let (left, right) = (self.compile(left)?, self.compile(right)?);
        let (how, left, right) = comparable(left, right)?;
        Ok(truth(Node::Compare(op, how, Box::new([left.node, right.node]))))
    }

    /// All three are compared in the same way.
    fn between(&mut self, value: &Expr, low: &Expr, high: &Expr, negated: bool) -> Compiled {
        let value = self.compile(value)?;
        let (low, high) = (self.compile(low)?, self.compile(high)?);
        let low_how = kinds::comparison(value.kind, low.kind)?;
        let high_how = kinds::comparison(value.kind, high.kind)?;
        let how = together(low_how, high_how)?;
        let low = for_how(low, how, value.kind)?;
        let high = for_how(high, how, value.kind)?;
        let value = for_how(value, how, Kind::Null)?;
        let node = Node::Between(how, Box::new([value.node, low.node, high.node]));
        Ok(negate_if(negated, node))
    }

    /// Each item is compared in its own way.
    fn is_in(&mut self, value: &Expr, target: &InTarget, negated: bool) -> Compiled {
        let InTarget::List(items) = target else {
            return Err(Fault::Unsupported("a subquery is not supported".to_owned()));
        };
        let value = self.compile(value)?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let item = self.compile(item)?;
            let how = kinds::comparison(value.kind, item.kind)?;
            list.push((how, for_how(item, how, value.kind)?.node));
        }
        Ok(negate_if(negated, Node::In(Box::new(value.node), list)))
    }

    fn like(&mut self, text: &Expr, pattern: &Expr, escape: Option<&Expr>, negated: bool) -> Compiled {
        let text = self.compile(text)?;
        text.kind.usable()?;
        let pattern = self.compile(pattern)?;
        let order = kinds::order_of(text.kind.text(), pattern.kind.text())?;
        let Some(pattern) = constant_text(&pattern)? else {
            return Ok(null());
        };
        let escape = match escape {
            None => Some('\\'),
            Some(expr) => escape_char(expr)?,
        };
        let pattern = LikePattern::new(&pattern, escape, order);
        Ok(negate_if(negated, Node::Like(pattern, Box::new(text))))
    }

    fn regexp(&mut self, text: &Expr, pattern: &Expr, negated: bool) -> Compiled {
        let text = self.compile(text)?;
        text.kind.usable()?;
        let pattern = self.compile(pattern)?;
        let order = kinds::order_of(text.kind.text(), pattern.kind.text())?;
        let Some(pattern) = constant_text(&pattern)? else {
            return Ok(null());
        };
        if pattern.len() > REGEXP_BYTES_MAX {
            return Err(Fault::Invalid("a regular expression is too long".to_owned()));
        }
        let case_sensitive = !order.ignores_case();
        let regex = translate(&lossy(&pattern))
            .and_then(|pattern| compile_regex(&pattern, case_sensitive))
            .map_err(|problem| Fault::Invalid(format!("bad regular expression: {problem}")))?;
        Ok(negate_if(negated, Node::Regexp(regex, Box::new(text))))
    }
}

fn negate_if(negated: bool, node: Node) -> Typed {
    truth(if negated { Node::Not(Box::new(node)) } else { node })
}

fn null() -> Typed {
    constant(Value::Null, Kind::Null)
}

/// The text of a pattern, which must be the same for every row; `None` for NULL.
fn constant_text(pattern: &Typed) -> Result<Option<Vec<u8>>, Fault> {
    match &pattern.node {
        Node::Const(value) => Ok(to_text(value.clone(), pattern.kind).map(Cow::into_owned)),
        _ => Err(Fault::Unsupported(
            "a pattern that is no literal is not supported".to_owned(),
        )),
    }
}

fn escape_char(expr: &Expr) -> Result<Option<char>, Fault> {
    let text = match expr {
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) | Literal::DoubleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    };
    let text = text.ok_or_else(|| Fault::Invalid("ESCAPE needs a literal".to_owned()))?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (first, None) => Ok(first),
        _ => Err(Fault::Invalid("ESCAPE needs one character".to_owned())),
    }
}

/// Two operands and how they are compared, constants converted beforehand.
fn comparable(left: Typed, right: Typed) -> Result<(How, Typed, Typed), Fault> {
    let how = kinds::comparison(left.kind, right.kind)?;
    let (left_kind, right_kind) = (left.kind, right.kind);
    let left = as_shown(for_how(left, how, right_kind)?, how);
    let right = as_shown(for_how(right, how, left_kind)?, how);
    Ok((how, left, right))
}

/// The one way to compare all three of BETWEEN.
fn together(a: How, b: How) -> Result<How, Fault> {
    Ok(match (a, b) {
        (a, b) if a == b => a,
        (How::DateTime, How::Time) | (How::Time, How::DateTime) => {
            return Err(Fault::Invalid("a time of day is compared with a date".to_owned()));
        }
        (How::DateTime, _) | (_, How::DateTime) => How::DateTime,
        (How::Time, _) | (_, How::Time) => How::Time,
        (How::Text(_) | How::JsonLeft(_) | How::JsonRight(_), How::Text(collation)) => How::Text(collation),
        (How::Decimal | How::Int, How::Decimal | How::Int) => How::Decimal,
        _ => How::Double,
    })
}

/// A quotient has more digits than it shows; those that it shows are compared.
fn as_shown(typed: Typed, how: How) -> Typed {
    match (how, typed.kind, &typed.node) {
        (How::Decimal, kind @ Kind::Decimal { scale }, Node::Const(Value::Decimal(number))) => {
            constant(Value::Decimal(number.rescaled(scale)), kind)
        }
        (How::Decimal | How::Double, kind @ Kind::Decimal { .. }, Node::Arith(..) | Node::Neg(..)) => Typed {
            kind,
            node: Node::Convert(kind, Some(DIGITS_MAX), Box::new(typed)),
        },
        _ => typed,
    }
}

/// An operand as it is compared with one of another kind: constants are converted beforehand.
///
/// # Errors
/// For a literal that is no date where a date is needed.
fn for_how(typed: Typed, how: How, other: Kind) -> Compiled {
    let Node::Const(value) = &typed.node else {
        return Ok(typed);
    };
    match (how, value) {
        (How::DateTime, Value::Text(text)) => as_datetime(&lossy(text)),
        (How::Time, Value::Text(text)) => as_time(&lossy(text)),
        (How::Double, Value::Text(_) | Value::Decimal(_)) => Ok(match to_f64(value) {
            Some(number) => constant(Value::Double(number), Kind::Double),
            None => typed,
        }),
        (How::Int, Value::Int(year @ 1..100)) if other == Kind::Year => {
            let century = if *year < 70 { 2000 } else { 1900 };
            Ok(constant(Value::Int(century + year), Kind::Int))
        }
        _ => Ok(typed),
    }
}
