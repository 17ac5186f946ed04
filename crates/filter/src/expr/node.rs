//! Compiled expressions.

use std::sync::Arc;

use jiff::tz::TimeZone;
use regex::Regex;
use tidegate_model::ColumnType;

use super::compare::How;
use super::functions::Function;
use super::like::LikePattern;
use super::value::{Kind, Value};

/// An expression with the kind of its values.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) node: Node,
    pub(crate) kind: Kind,
}

/// What is computed.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Const(Value<'static>),
    Column(Column),
    And(Vec<Node>),
    Or(Vec<Node>),
    Xor(Box<[Node; 2]>),
    Not(Box<Node>),
    IsNull(Box<Node>),
    /// IS TRUE, IS FALSE, IS UNKNOWN.
    IsTruth(Box<Node>, Option<bool>),
    Compare(Comparison, How, Box<[Node; 2]>),
    /// Value, low, high.
    Between(How, Box<[Node; 3]>),
    In(Box<Node>, Vec<(How, Node)>),
    /// The text's kind, and the text.
    Like(LikePattern, Box<Typed>),
    Regexp(Regex, Box<Typed>),
    Arith(Arith, Numbers, Box<[Typed; 2]>),
    Bits(BitOp, Box<[Node; 2]>),
    BitNot(Box<Node>),
    Neg(Numbers, Box<Node>),
    Case(Box<Case>),
    /// The first that is not NULL, converted to a common kind.
    Coalesce(Vec<Typed>, Kind),
    /// The first, unless it equals the second.
    NullIf(How, Box<[Node; 2]>),
    Convert(Kind, Length, Box<Typed>),
    Call(Function, Vec<Typed>, TimeZone),
}

/// Characters that CHAR(n) or BINARY(n) keeps; for DECIMAL its precision.
pub(crate) type Length = Option<u32>;

/// CASE.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What the branches are compared with; without one, they are conditions.
    pub(crate) operand: Option<Node>,
    pub(crate) branches: Vec<Branch>,
    pub(crate) otherwise: Option<Typed>,
    pub(crate) kind: Kind,
}

/// WHEN .. THEN.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) how: How,
    pub(crate) when: Node,
    pub(crate) then: Typed,
}

/// A column of the row.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) index: usize,
    pub(crate) read: Read,
}

/// What its raw value needs.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// Nothing.
    Plain,
    /// The texts of its members.
    Members(Arc<[Box<str>]>, bool),
    /// The local time of a zone.
    Local(TimeZone),
}

impl Read {
    pub(crate) fn of(ty: &ColumnType, zone: &TimeZone) -> Self {
        match ty {
            ColumnType::Enum { members } => Read::Members(Arc::clone(members), false),
            ColumnType::Set { members } => Read::Members(Arc::clone(members), true),
            ColumnType::Timestamp { .. } => Read::Local(zone.clone()),
            _ => Read::Plain,
        }
    }
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `<=>`
    Same,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    IntDiv,
    Rem,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum BitOp {
    And,
    Or,
    Xor,
    Left,
    Right,
}

/// In which numbers is calculated.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Numbers {
    Int,
    /// With as many digits behind the point.
    Decimal(u8),
    Double,
}
