//! Functions, CASE, CAST and date arithmetic.

use std::sync::Arc;

use sqlparser::ast::{
    CaseWhen, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function as SqlFunction,
    FunctionArg, FunctionArgExpr, FunctionArguments, Interval, ObjectName, TrimWhereField,
};

use super::{Compiled, Compiler, Fault, folded};
use crate::expr::collation::{Collation, lossy};
use crate::expr::compare::How;
use crate::expr::functions::{self, DatePart, Function, Side, Unit};
use crate::expr::json::Path;
use crate::expr::kinds;
use crate::expr::node::{Arith, Branch, Case, Length, Node, Typed};
use crate::expr::value::{Kind, Rank, Text, Value};

type Result<T> = std::result::Result<T, Fault>;

impl Compiler<'_> {
    /// Everything that is no operator.
    pub(super) fn call(&mut self, expr: &Expr) -> Compiled {
        match expr {
            Expr::Function(function) => self.function(function),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Cast { expr, data_type, .. } => self.cast(expr, data_type),
            Expr::Convert {
                expr,
                data_type: Some(data_type),
                charset: None,
                ..
            } => self.cast(expr, data_type),
            Expr::Convert {
                expr,
                charset: Some(charset),
                data_type: None,
                ..
            } => self.using(expr, charset),
            Expr::Collate { expr, collation } => self.collate(expr, collation),
            Expr::Ceil { expr, field } => self.rounded(Function::Ceil, expr, field),
            Expr::Floor { expr, field } => self.rounded(Function::Floor, expr, field),
            Expr::Position { expr, r#in } => self.apply(Function::Locate, [&**expr, r#in]),
            Expr::Extract { field, expr, .. } => self.apply(Function::Part(date_part(field)?), [&**expr]),
            Expr::Substring {
                expr,
                substring_from: Some(from),
                substring_for,
                ..
            } => {
                let args = [Some(&**expr), Some(&**from), substring_for.as_deref()];
                self.apply(Function::Substring, args.into_iter().flatten())
            }
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters: None,
            } => {
                let side = match trim_where {
                    None | Some(TrimWhereField::Both) => Side::Both,
                    Some(TrimWhereField::Leading) => Side::Leading,
                    Some(TrimWhereField::Trailing) => Side::Trailing,
                };
                let args = [Some(&**expr), trim_what.as_deref()];
                self.apply(Function::Trim(side), args.into_iter().flatten())
            }
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => {
                Err(Fault::Unsupported("a subquery is not supported".to_owned()))
            }
            other => Err(Fault::Unsupported(format!("{other} is not supported"))),
        }
    }

    fn apply<'e>(&mut self, function: Function, args: impl IntoIterator<Item = &'e Expr>) -> Compiled {
        let args = args
            .into_iter()
            .map(|arg| self.compile(arg))
            .collect::<Result<Vec<Typed>>>()?;
        self.applied(function, args)
    }

    fn applied(&mut self, function: Function, args: Vec<Typed>) -> Compiled {
        let kind = functions::kind(&function, &args)?;
        folded(Typed {
            kind,
            node: Node::Call(function, args, self.zone.clone()),
        })
    }

    fn function(&mut self, function: &SqlFunction) -> Compiled {
        let name = function.name.to_string().to_ascii_uppercase();
        let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
        let args = match &function.args {
            FunctionArguments::List(list)
                if plain && list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                list.args.iter().map(argument).collect::<Option<Vec<&Expr>>>()
            }
            _ => None,
        };
        let unsupported = || Fault::Unsupported(format!("the function {name} is not supported"));
        let args = args.ok_or_else(unsupported)?;
        if let Some(compiled) = self.control(&name, &args)? {
            return Ok(compiled);
        }
        let (function, count) = functions::by_name(&name).ok_or_else(unsupported)?;
        if !count.contains(&args.len()) {
            return Err(argument_count(&name));
        }
        self.apply(function, args)
    }

    /// Functions whose arguments are not simply values.
    fn control(&mut self, name: &str, args: &[&Expr]) -> Result<Option<Typed>> {
        Ok(Some(match (name, args) {
            ("IF", [condition, then, otherwise]) => {
                let when = self.condition(condition)?;
                let (then, otherwise) = (self.compile(then)?, self.compile(otherwise)?);
                let branch = Branch {
                    how: How::Int,
                    when,
                    then,
                };
                case_of(None, vec![branch], Some(otherwise))?
            }
            ("IFNULL", [_, _]) | ("COALESCE", [_, ..]) => {
                let parts = args
                    .iter()
                    .map(|arg| self.compile(arg))
                    .collect::<Result<Vec<_>>>()?;
                let kind = kinds::common(parts.iter().map(|part| part.kind))?;
                Typed {
                    kind,
                    node: Node::Coalesce(parts, kind),
                }
            }
            ("NULLIF", [value, other]) => {
                let (value, other) = (self.compile(value)?, self.compile(other)?);
                let how = kinds::comparison(value.kind, other.kind)?;
                Typed {
                    kind: value.kind,
                    node: Node::NullIf(how, Box::new([value.node, other.node])),
                }
            }
            ("ISNULL", [value]) => self.is_null(value, false)?,
            ("MOD", [left, right]) => self.arith(Arith::Rem, left, right)?,
            ("DATE_ADD" | "ADDDATE", [date, Expr::Interval(interval)]) => {
                self.add_span(date, interval, false)?
            }
            ("DATE_SUB" | "SUBDATE", [date, Expr::Interval(interval)]) => {
                self.add_span(date, interval, true)?
            }
            ("JSON_EXTRACT", [document, path]) => self.json_extract(document, path)?,
            ("IF" | "IFNULL" | "COALESCE" | "NULLIF" | "ISNULL" | "MOD", _) => {
                return Err(argument_count(name));
            }
            ("DATE_ADD" | "ADDDATE" | "DATE_SUB" | "SUBDATE", _) => {
                return Err(Fault::Unsupported(format!("{name} needs INTERVAL n UNIT")));
            }
            ("JSON_EXTRACT", _) => {
                return Err(Fault::Unsupported(
                    "JSON_EXTRACT with several paths is not supported".to_owned(),
                ));
            }
            _ => return Ok(None),
        }))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Compiled {
        let operand = operand.map(|operand| self.compile(operand)).transpose()?;
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            let (how, when) = match &operand {
                Some(operand) => {
                    let when = self.compile(condition)?;
                    (kinds::comparison(operand.kind, when.kind)?, when.node)
                }
                None => (How::Int, self.condition(condition)?),
            };
            let then = self.compile(result)?;
            branches.push(Branch { how, when, then });
        }
        let otherwise = otherwise.map(|otherwise| self.compile(otherwise)).transpose()?;
        case_of(operand.map(|operand| operand.node), branches, otherwise)
    }

    fn rounded(&mut self, function: Function, value: &Expr, field: &CeilFloorKind) -> Compiled {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.apply(function, [value]),
            _ => Err(Fault::Unsupported(format!("{function:?} takes one argument"))),
        }
    }

    fn cast(&mut self, value: &Expr, data_type: &DataType) -> Compiled {
        let value = self.compile(value)?;
        let (kind, length) = cast_kind(data_type)?;
        value.kind.usable()?;
        folded(Typed {
            kind,
            node: Node::Convert(kind, length, Box::new(value)),
        })
    }

    /// CONVERT(value USING charset): texts are UTF-8 here whatever they were.
    fn using(&mut self, value: &Expr, charset: &ObjectName) -> Compiled {
        let name = charset.to_string().to_ascii_lowercase();
        match name.as_str() {
            "utf8mb4" | "utf8" | "utf8mb3" => self.cast(value, &DataType::Char(None)),
            "binary" => self.cast(value, &DataType::Binary(None)),
            _ => Err(Fault::Unsupported(format!(
                "the character set {name} is not supported"
            ))),
        }
    }

    fn collate(&mut self, value: &Expr, name: &ObjectName) -> Compiled {
        let value = self.compile(value)?;
        value.kind.usable()?;
        let name = name.to_string();
        let collation = Collation::by_name(name.trim_matches('`'))
            .ok_or_else(|| Fault::Unsupported(format!("the collation {name} is not supported")))?;
        let kind = Kind::Text(Text {
            collation,
            rank: Rank::Explicit,
            unicode: true,
        });
        folded(Typed {
            kind,
            node: Node::Convert(kind, None, Box::new(value)),
        })
    }

    /// `column -> path`, `column ->> path`.
    pub(super) fn arrow(&mut self, document: &Expr, path: &Expr, unquote: bool) -> Compiled {
        let extracted = self.json_extract(document, path)?;
        if unquote {
            self.applied(Function::JsonUnquote, vec![extracted])
        } else {
            Ok(extracted)
        }
    }

    fn json_extract(&mut self, document: &Expr, path: &Expr) -> Compiled {
        let path = self.compile(path)?;
        let Node::Const(Value::Text(text)) = &path.node else {
            return Err(Fault::Unsupported(
                "a JSON path that is no literal is not supported".to_owned(),
            ));
        };
        let text = lossy(text);
        let path = Path::parse(&text)
            .ok_or_else(|| Fault::Unsupported(format!("the JSON path '{text}' is not supported")))?;
        self.apply(Function::JsonExtract(Arc::new(path)), [document])
    }

    /// `date + INTERVAL ..`, `INTERVAL .. + date`, `date - INTERVAL ..`; `None` for other sums.
    pub(super) fn date_arith(&mut self, op: Arith, left: &Expr, right: &Expr) -> Result<Option<Typed>> {
        Ok(match (op, left, right) {
            (Arith::Add, Expr::Interval(interval), date) | (Arith::Add, date, Expr::Interval(interval)) => {
                Some(self.add_span(date, interval, false)?)
            }
            (Arith::Sub, date, Expr::Interval(interval)) => Some(self.add_span(date, interval, true)?),
            _ => None,
        })
    }

    fn add_span(&mut self, date: &Expr, interval: &Interval, negative: bool) -> Compiled {
        let unit = match &interval.leading_field {
            Some(field) if interval.last_field.is_none() => unit(field)?,
            _ => return Err(Fault::Unsupported("INTERVAL needs one unit".to_owned())),
        };
        self.apply(Function::AddSpan(unit, negative), [date, &*interval.value])
    }
}

fn case_of(operand: Option<Node>, branches: Vec<Branch>, otherwise: Option<Typed>) -> Compiled {
    let kinds = branches.iter().map(|branch| branch.then.kind);
    let kind = kinds::common(kinds.chain(otherwise.as_ref().map(|typed| typed.kind)))?;
    Ok(Typed {
        kind,
        node: Node::Case(Box::new(Case {
            operand,
            branches,
            otherwise,
            kind,
        })),
    })
}

fn argument(arg: &FunctionArg) -> Option<&Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn argument_count(name: &str) -> Fault {
    Fault::Invalid(format!("{name} has the wrong number of arguments"))
}

/// The kind that CAST makes, with its length or precision.
fn cast_kind(data_type: &DataType) -> Result<(Kind, Length)> {
    let unsupported = || Fault::Unsupported(format!("CAST AS {data_type} is not supported"));
    let small = |number: u64, max: u8| {
        u8::try_from(number)
            .ok()
            .filter(|number| *number <= max)
            .ok_or_else(unsupported)
    };
    let length = |length: Option<u64>| length.map(u32::try_from).transpose().map_err(|_| unsupported());
    let fsp = |fsp: Option<u64>| fsp.map_or(Ok(0), |fsp| small(fsp, 6));
    Ok(match data_type {
        DataType::Signed | DataType::SignedInteger => (Kind::Int, None),
        DataType::Unsigned | DataType::UnsignedInteger => (Kind::UInt, None),
        DataType::Char(size) | DataType::Character(size) => {
            let size = match size {
                Some(sqlparser::ast::CharacterLength::IntegerLength { length, .. }) => Some(*length),
                Some(sqlparser::ast::CharacterLength::Max) => return Err(unsupported()),
                None => None,
            };
            (
                Kind::Text(Text {
                    rank: Rank::Column,
                    ..Text::LITERAL
                }),
                length(size)?,
            )
        }
        DataType::Binary(size) => (
            Kind::Text(Text {
                rank: Rank::Column,
                ..Text::BYTES
            }),
            length(*size)?,
        ),
        DataType::Decimal(info) => {
            let (precision, scale) = match info {
                ExactNumberInfo::None => (10, 0),
                ExactNumberInfo::Precision(precision) => (small(*precision, 65)?, 0),
                ExactNumberInfo::PrecisionAndScale(precision, scale) => {
                    let scale = u64::try_from(*scale).map_err(|_| unsupported())?;
                    (small(*precision, 65)?, small(scale, 30)?)
                }
            };
            if scale > precision {
                return Err(unsupported());
            }
            (Kind::Decimal { scale }, Some(precision.into()))
        }
        DataType::Double(ExactNumberInfo::None) => (Kind::Double, None),
        DataType::Date => (Kind::Date, None),
        DataType::Datetime(digits) => (Kind::DateTime { fsp: fsp(*digits)? }, None),
        DataType::Time(digits, _) => (Kind::Time { fsp: fsp(*digits)? }, None),
        _ => return Err(unsupported()),
    })
}

fn unit(field: &DateTimeField) -> Result<Unit> {
    Ok(match field {
        DateTimeField::Microsecond => Unit::Microsecond,
        DateTimeField::Second => Unit::Second,
        DateTimeField::Minute => Unit::Minute,
        DateTimeField::Hour => Unit::Hour,
        DateTimeField::Day => Unit::Day,
        DateTimeField::Week(None) => Unit::Week,
        DateTimeField::Month => Unit::Month,
        DateTimeField::Quarter => Unit::Quarter,
        DateTimeField::Year => Unit::Year,
        other => return Err(Fault::Unsupported(format!("the unit {other} is not supported"))),
    })
}

fn date_part(field: &DateTimeField) -> Result<DatePart> {
    Ok(match field {
        DateTimeField::Year => DatePart::Year,
        DateTimeField::Quarter => DatePart::Quarter,
        DateTimeField::Month => DatePart::Month,
        DateTimeField::Day => DatePart::Day,
        DateTimeField::Hour => DatePart::Hour,
        DateTimeField::Minute => DatePart::Minute,
        DateTimeField::Second => DatePart::Second,
        DateTimeField::Microsecond => DatePart::Microsecond,
        other => return Err(Fault::Unsupported(format!("the unit {other} is not supported"))),
    })
}
