//! From syntax to nodes bound to a table.

mod calls;
mod predicates;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use jiff::tz::TimeZone;
use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator};
use tidegate_model::{Image, Result, RowBlock, RowBlockBuilder, RowOp, TableId, TableInfo, TableName, Ts};

use super::decimal::Decimal;
use super::dialect::DIV;
use super::eval::EvalError;
use super::kinds;
use super::literals::{self, constant};
use super::node::{Arith, BitOp, Column, Comparison, Node, Read, Typed};
use super::parse::Expression;
use super::value::{Kind, Value};

/// How deep a compiled expression nests: bounds the stack that evaluation takes.
const DEPTH_MAX: usize = 100;

/// Why an expression cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The table has no such column.
    Column(String),
    /// It makes no sense, or not for this table.
    Invalid(String),
    /// It is SQL, and not built.
    Unsupported(String),
}

/// An expression bound to one version of a table.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    root: Typed,
    expression: Arc<Expression>,
}

impl Condition {
    /// Binds an expression to the columns of a table. TIMESTAMP values are local times of `zone`.
    ///
    /// # Errors
    /// `ExpressionColumnNotFound`; `InvalidFilterExpression` when kinds or collations do not go together.
    pub(crate) fn new(expression: &Arc<Expression>, table: &TableInfo, zone: &TimeZone) -> Result<Self> {
        let mut compiler = Compiler {
            table: Some(table),
            zone: zone.clone(),
            depth: 0,
        };
        let root = compiler
            .compile(&expression.ast)
            .map_err(|fault| expression.error(&table.name.to_string(), fault))?;
        Ok(Condition {
            root,
            expression: Arc::clone(expression),
        })
    }

    /// Whether the row is dropped: only the whole number 1 says so, as in the original.
    ///
    /// # Errors
    /// A number that leaves its range, a column that the image does not hold.
    pub(crate) fn is_met(&self, row: Image<'_>) -> std::result::Result<bool, EvalError> {
        Ok(matches!(self.root.eval(row)?, Value::Int(1) | Value::UInt(1)))
    }

    /// The expression as configured, for messages.
    pub(crate) fn text(&self) -> &str {
        self.expression.text()
    }

    /// The kind of its values.
    #[cfg(test)]
    pub(super) fn kind(&self) -> Kind {
        self.root.kind
    }

    /// What is computed.
    #[cfg(test)]
    pub(super) fn node(&self) -> &Node {
        &self.root.node
    }

    /// The value for a row.
    #[cfg(test)]
    pub(super) fn value<'v>(&'v self, row: Image<'v>) -> std::result::Result<Value<'v>, EvalError> {
        self.root.eval(row)
    }
}

type Compiled = std::result::Result<Typed, Fault>;

/// See the module's page.
pub(super) struct Compiler<'t> {
    /// `None`: every name is taken for a column whose values are unknown.
    table: Option<&'t TableInfo>,
    zone: TimeZone,
    depth: usize,
}

impl Compiler<'static> {
    /// Checks what can be checked without a table.
    pub(super) fn unbound(zone: TimeZone) -> Self {
        Compiler {
            table: None,
            zone,
            depth: 0,
        }
    }
}

impl Compiler<'_> {
    pub(super) fn compile(&mut self, expr: &Expr) -> Compiled {
        if self.depth >= DEPTH_MAX {
            return Err(Fault::Invalid("it nests too deeply".to_owned()));
        }
        self.depth += 1;
        let compiled = self.expression(expr);
        self.depth -= 1;
        compiled
    }

    fn expression(&mut self, expr: &Expr) -> Compiled {
        match expr {
            Expr::Nested(inner) => self.compile(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::CompoundIdentifier(names) => self.qualified(names),
            Expr::Value(value) => literals::literal(&value.value),
            Expr::Prefixed { prefix, value } => self.introduced(prefix, value),
            Expr::TypedString(typed) => {
                let text = typed.value.value.clone().into_string().unwrap_or_default();
                literals::typed(&typed.data_type, &text)
            }
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::Between { .. }
            | Expr::In { .. }
            | Expr::Like { .. }
            | Expr::RLike { .. } => self.predicate(expr),
            _ => self.call(expr),
        }
    }

    /// `_utf8mb4'text'`, `_binary'text'`.
    fn introduced(&mut self, prefix: &Ident, value: &Expr) -> Compiled {
        let inner = self.compile(value)?;
        match prefix.value.to_ascii_lowercase().as_str() {
            "_utf8mb4" | "_utf8" | "_utf8mb3" | "_ascii" => Ok(inner),
            "_binary" => Ok(Typed {
                kind: Kind::Text(super::value::Text::BYTES),
                node: inner.node,
            }),
            other => Err(Fault::Unsupported(format!(
                "the character set {other} is not supported"
            ))),
        }
    }

    fn column(&mut self, name: &Ident) -> Compiled {
        let Some(table) = self.table else {
            return Ok(unknown());
        };
        let fold = |name: &str| name.to_lowercase();
        let wanted = fold(&name.value);
        let found = table
            .columns
            .iter()
            .position(|column| fold(&column.name) == wanted);
        let index = found.ok_or_else(|| Fault::Column(name.value.clone()))?;
        let column = &table.columns[index];
        Ok(Typed {
            kind: kinds::of_column(column),
            node: Node::Column(Column {
                index,
                read: Read::of(&column.ty, &self.zone),
            }),
        })
    }

    /// `table.column` and `schema.table.column`, of this very table.
    fn qualified(&mut self, names: &[Ident]) -> Compiled {
        let whole = || {
            let parts: Vec<&str> = names.iter().map(|name| &*name.value).collect();
            parts.join(".")
        };
        let (column, table) = match names {
            [table, column] => (column, [None, Some(table)]),
            [schema, table, column] => (column, [Some(schema), Some(table)]),
            _ => return Err(Fault::Invalid(format!("{} is no column", whole()))),
        };
        if let Some(info) = self.table {
            let own = [&info.name.schema, &info.name.table];
            let differs = table
                .iter()
                .zip(own)
                .any(|(given, own)| given.is_some_and(|given| !given.value.eq_ignore_ascii_case(own)));
            if differs {
                return Err(Fault::Column(whole()));
            }
        }
        self.column(column)
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Expr) -> Compiled {
        let inner = self.compile(inner)?;
        let kind = inner.kind.usable()?;
        let compiled = match op {
            UnaryOperator::Plus => return Ok(inner),
            UnaryOperator::Minus => {
                if let Some(number) = large_negative(&inner) {
                    return Ok(number);
                }
                Typed {
                    kind: kind.numbers().kind(),
                    node: Node::Neg(kind.numbers(), Box::new(inner.node)),
                }
            }
            UnaryOperator::Not | UnaryOperator::BangNot => truth(Node::Not(Box::new(inner.node))),
            UnaryOperator::BitwiseNot => Typed {
                kind: Kind::UInt,
                node: Node::BitNot(Box::new(inner.node)),
            },
            other => {
                return Err(Fault::Unsupported(format!(
                    "the operator {other} is not supported"
                )));
            }
        };
        folded(compiled)
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Compiled {
        let compiled = match op {
            BinaryOperator::And => truth(Node::And(self.chain(left, right, is_and)?)),
            BinaryOperator::Or | BinaryOperator::StringConcat => {
                truth(Node::Or(self.chain(left, right, is_or)?))
            }
            BinaryOperator::Xor => {
                let sides = [self.condition(left)?, self.condition(right)?];
                truth(Node::Xor(Box::new(sides)))
            }
            BinaryOperator::Arrow | BinaryOperator::LongArrow => {
                return self.arrow(left, right, *op == BinaryOperator::LongArrow);
            }
            _ => {
                if let Some(comparison) = comparison(op) {
                    return self.comparison(comparison, left, right);
                }
                if let Some(arith) = arith(op) {
                    return self.arith(arith, left, right);
                }
                self.bits(op, left, right)?
            }
        };
        folded(compiled)
    }

    /// The parts of `a AND b AND c`, or of the same with OR: not nested, however many there are.
    fn chain(
        &mut self,
        left: &Expr,
        right: &Expr,
        same: fn(&BinaryOperator) -> bool,
    ) -> std::result::Result<Vec<Node>, Fault> {
        let mut parts = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp { left, op, right } = rest
            && same(op)
        {
            parts.push(right);
            rest = left;
        }
        parts.push(rest);
        parts.into_iter().rev().map(|part| self.condition(part)).collect()
    }

    fn condition(&mut self, expr: &Expr) -> std::result::Result<Node, Fault> {
        let compiled = self.compile(expr)?;
        compiled.kind.usable()?;
        Ok(compiled.node)
    }

    fn arith(&mut self, op: Arith, left: &Expr, right: &Expr) -> Compiled {
        if let Some(compiled) = self.date_arith(op, left, right)? {
            return Ok(compiled);
        }
        let (left, right) = (self.compile(left)?, self.compile(right)?);
        let (kind, numbers) = kinds::calculation(op, left.kind.usable()?, right.kind.usable()?);
        folded(Typed {
            kind,
            node: Node::Arith(op, numbers, Box::new([left, right])),
        })
    }

    fn bits(&mut self, op: &BinaryOperator, left: &Expr, right: &Expr) -> Compiled {
        let op = match op {
            BinaryOperator::BitwiseAnd => BitOp::And,
            BinaryOperator::BitwiseOr => BitOp::Or,
            BinaryOperator::BitwiseXor => BitOp::Xor,
            BinaryOperator::PGBitwiseShiftLeft => BitOp::Left,
            BinaryOperator::PGBitwiseShiftRight => BitOp::Right,
            other => {
                return Err(Fault::Unsupported(format!(
                    "the operator {other} is not supported"
                )));
            }
        };
        let sides = [self.condition(left)?, self.condition(right)?];
        Ok(Typed {
            kind: Kind::UInt,
            node: Node::Bits(op, Box::new(sides)),
        })
    }
}

/// The negative of a literal that no BIGINT holds.
fn large_negative(literal: &Typed) -> Option<Typed> {
    let number = match literal.node {
        Node::Const(Value::UInt(number)) if number > 1 << 63 => Decimal::from(number).neg(),
        Node::Const(Value::Int(i64::MIN)) => Decimal::from(i64::MIN).neg(),
        _ => return None,
    };
    Some(constant(Value::Decimal(number), Kind::Decimal { scale: 0 }))
}

fn unknown() -> Typed {
    Typed {
        kind: Kind::Null,
        // Not a constant, so that nothing is concluded from its value.
        node: Node::Column(Column {
            index: 0,
            read: Read::Plain,
        }),
    }
}

fn truth(node: Node) -> Typed {
    Typed {
        node,
        kind: Kind::Int,
    }
}

fn is_and(op: &BinaryOperator) -> bool {
    *op == BinaryOperator::And
}

fn is_or(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Or | BinaryOperator::StringConcat)
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Eq,
        BinaryOperator::NotEq => Comparison::Ne,
        BinaryOperator::Lt => Comparison::Lt,
        BinaryOperator::LtEq => Comparison::Le,
        BinaryOperator::Gt => Comparison::Gt,
        BinaryOperator::GtEq => Comparison::Ge,
        BinaryOperator::Spaceship => Comparison::Same,
        _ => return None,
    })
}

fn arith(op: &BinaryOperator) -> Option<Arith> {
    Some(match op {
        BinaryOperator::Plus => Arith::Add,
        BinaryOperator::Minus => Arith::Sub,
        BinaryOperator::Multiply => Arith::Mul,
        BinaryOperator::Divide => Arith::Div,
        BinaryOperator::Custom(name) if name == DIV => Arith::IntDiv,
        BinaryOperator::Modulo => Arith::Rem,
        _ => return None,
    })
}

/// A node whose operands are all constant as its value: computed once, not for each row.
fn folded(typed: Typed) -> Compiled {
    let is_const = |node: &Node| matches!(node, Node::Const(_));
    let foldable = match &typed.node {
        Node::Neg(_, inner) | Node::Not(inner) | Node::BitNot(inner) => is_const(inner),
        Node::Arith(_, _, sides) => sides.iter().all(|side| is_const(&side.node)),
        Node::Bits(_, sides) | Node::Xor(sides) => sides.iter().all(is_const),
        Node::Convert(_, _, inner) => is_const(&inner.node),
        Node::Call(_, args, _) => args.iter().all(|arg| is_const(&arg.node)),
        _ => false,
    };
    if !foldable {
        return Ok(typed);
    }
    let value = NO_ROW
        .row(0)
        .after()
        .map(|row| typed.node.eval(row).map(Value::into_owned))
        .transpose();
    match value {
        Ok(Some(value)) => Ok(constant(value, typed.kind)),
        Ok(None) => Ok(typed),
        Err(problem) => Err(Fault::Invalid(problem.to_string())),
    }
}

/// A row without columns, for what needs none.
static NO_ROW: LazyLock<RowBlock> = LazyLock::new(|| {
    let table = TableInfo {
        name: TableName::new("", ""),
        id: TableId(0),
        version: Ts::ZERO,
        columns: Vec::new(),
        indexes: Vec::new(),
    };
    RowBlockBuilder::new(Arc::new(table), RowOp::Insert, Bytes::new()).finish()
});
