//! What kinds of values go together.

use tidegate_model::{ColumnInfo, ColumnType};

use super::collation::{self, Collation};
use super::compare::How;
use super::compile::Fault;
use super::node::{Arith, Numbers};
use super::value::{Kind, Rank, Text};

/// Digits behind the point that a result can have.
const SCALE_MAX: u8 = 38;

/// The kind of a column's values.
pub(super) fn of_column(column: &ColumnInfo) -> Kind {
    match &column.ty {
        ColumnType::TinyInt
        | ColumnType::SmallInt
        | ColumnType::MediumInt
        | ColumnType::Int
        | ColumnType::BigInt => {
            if column.unsigned {
                Kind::UInt
            } else {
                Kind::Int
            }
        }
        ColumnType::Bit { .. } => Kind::UInt,
        ColumnType::Year => Kind::Year,
        ColumnType::Float => Kind::Float,
        ColumnType::Double => Kind::Double,
        ColumnType::Decimal { scale, .. } => Kind::Decimal { scale: *scale },
        ColumnType::Date => Kind::Date,
        ColumnType::Time { fsp } => Kind::Time { fsp: *fsp },
        ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp } => Kind::DateTime { fsp: *fsp },
        ColumnType::Enum { .. } | ColumnType::Set { .. } => Kind::Dual(text_of(column)),
        ColumnType::Json => Kind::Json(Text {
            collation: collation::LITERAL,
            rank: Rank::Column,
            unicode: true,
        }),
        ColumnType::Geometry
        | ColumnType::Vector { .. }
        | ColumnType::Uuid
        | ColumnType::Inet4
        | ColumnType::Inet6 => Kind::Opaque(column.ty.sql_name()),
        ColumnType::Binary { .. }
        | ColumnType::VarBinary { .. }
        | ColumnType::TinyBlob
        | ColumnType::Blob
        | ColumnType::MediumBlob
        | ColumnType::LongBlob => Kind::Text(Text {
            rank: Rank::Column,
            ..Text::BYTES
        }),
        ColumnType::Char { .. }
        | ColumnType::VarChar { .. }
        | ColumnType::TinyText
        | ColumnType::Text
        | ColumnType::MediumText
        | ColumnType::LongText => Kind::Text(text_of(column)),
    }
}

/// A collation whose order is not built in is no fault as long as nothing is compared by it.
fn text_of(column: &ColumnInfo) -> Text {
    let collation = match &column.collation {
        Some(name) => Collation::by_name(name),
        None => Collation::of_charset(&column.charset),
    };
    Text {
        collation: collation.unwrap_or(collation::UNKNOWN),
        rank: Rank::Column,
        unicode: matches!(
            &*column.charset,
            "utf8" | "utf8mb3" | "utf8mb4" | "ucs2" | "utf16" | "utf16le" | "utf32"
        ),
    }
}

/// The collation by which two texts are compared.
///
/// # Errors
/// When there is none, or its order is not built in.
pub(super) fn order_of(a: Text, b: Text) -> Result<Collation, Fault> {
    let merged = a.merge(b).map_err(|_| {
        Fault::Invalid("two texts are compared whose collations do not go together".to_owned())
    })?;
    if merged.collation.is_known() {
        return Ok(merged.collation);
    }
    let problem =
        "a text is compared by a collation whose order is not known here: use CAST(.. AS BINARY) or COLLATE";
    Err(Fault::Invalid(problem.to_owned()))
}

impl Kind {
    fn is_number(self) -> bool {
        matches!(
            self,
            Kind::Int | Kind::UInt | Kind::Year | Kind::Decimal { .. } | Kind::Double | Kind::Float
        )
    }

    fn is_date(self) -> bool {
        matches!(self, Kind::Date | Kind::DateTime { .. })
    }

    /// As a text beside other texts.
    pub(super) fn text(self) -> Text {
        match self {
            Kind::Text(text) | Kind::Dual(text) | Kind::Json(text) => text,
            _ => Text::NUMBER,
        }
    }

    /// Refuses what has no value to calculate or compare with.
    pub(super) fn usable(self) -> Result<Kind, Fault> {
        match self {
            Kind::Opaque(name) => Err(Fault::Invalid(format!(
                "a column of type {name} can only be tested with IS NULL"
            ))),
            kind => Ok(kind),
        }
    }

    /// Whether its whole numbers have no sign: of ENUM and SET they have.
    pub(super) fn is_unsigned(self) -> bool {
        match self {
            Kind::UInt | Kind::Year => true,
            Kind::Dual(text) => text.rank == Rank::Literal,
            _ => false,
        }
    }

    /// In which numbers it takes part in a calculation.
    pub(super) fn numbers(self) -> Numbers {
        match self {
            Kind::Null | Kind::Int | Kind::UInt | Kind::Year | Kind::Dual(_) | Kind::Date => Numbers::Int,
            Kind::Decimal { scale } => Numbers::Decimal(scale),
            Kind::DateTime { fsp } | Kind::Time { fsp } => {
                if fsp == 0 {
                    Numbers::Int
                } else {
                    Numbers::Decimal(fsp)
                }
            }
            Kind::Double | Kind::Float | Kind::Text(_) | Kind::Json(_) | Kind::Opaque(_) => Numbers::Double,
        }
    }
}

impl Numbers {
    pub(super) fn kind(self) -> Kind {
        match self {
            Numbers::Int => Kind::Int,
            Numbers::Decimal(scale) => Kind::Decimal { scale },
            Numbers::Double => Kind::Double,
        }
    }

    fn scale(self) -> u8 {
        match self {
            Numbers::Decimal(scale) => scale,
            Numbers::Int | Numbers::Double => 0,
        }
    }
}

/// The kind of an operator's result, and in which numbers it calculates.
pub(super) fn calculation(op: Arith, left: Kind, right: Kind) -> (Kind, Numbers) {
    let numbers = calculated(op, left, right);
    let unsigned = left.is_unsigned() || right.is_unsigned() && op != Arith::Rem;
    let kind = match (numbers, op) {
        (Numbers::Int, _) if unsigned => Kind::UInt,
        (_, Arith::IntDiv) => Kind::Int,
        _ => numbers.kind(),
    };
    (kind, numbers)
}

fn calculated(op: Arith, left: Kind, right: Kind) -> Numbers {
    let (a, b) = (left.numbers(), right.numbers());
    let scale = match op {
        Arith::Add | Arith::Sub | Arith::Rem => a.scale().max(b.scale()),
        Arith::Mul => a.scale().saturating_add(b.scale()).min(SCALE_MAX),
        Arith::Div => a.scale().saturating_add(4).min(SCALE_MAX),
        Arith::IntDiv => 0,
    };
    match (a, b) {
        (Numbers::Double, _) | (_, Numbers::Double) => Numbers::Double,
        (Numbers::Int, Numbers::Int) if op != Arith::Div => Numbers::Int,
        _ => Numbers::Decimal(scale),
    }
}

/// How two kinds of values are compared.
pub(super) fn comparison(left: Kind, right: Kind) -> Result<How, Fault> {
    let (left, right) = (left.usable()?, right.usable()?);
    Ok(match (left, right) {
        (Kind::Null, Kind::Null) => How::Int,
        (Kind::Null, other) | (other, Kind::Null) => return comparison(other, other),
        (Kind::Json(a), Kind::Json(b)) => How::Text(order_of(a, b)?),
        (Kind::Json(a), Kind::Text(b) | Kind::Dual(b)) => How::JsonLeft(order_of(a, b)?),
        (Kind::Text(a) | Kind::Dual(a), Kind::Json(b)) => How::JsonRight(order_of(a, b)?),
        (Kind::Text(a) | Kind::Dual(a), Kind::Text(b) | Kind::Dual(b)) => How::Text(order_of(a, b)?),
        (Kind::Time { .. }, other) | (other, Kind::Time { .. }) if other.is_date() => {
            return Err(Fault::Invalid(
                "a time of day is compared with a date, which depends on the current day".to_owned(),
            ));
        }
        (Kind::Time { .. }, _) | (_, Kind::Time { .. }) => How::Time,
        (a, b) if a.is_date() || b.is_date() => How::DateTime,
        (Kind::Double | Kind::Float | Kind::Text(_) | Kind::Json(_), _)
        | (_, Kind::Double | Kind::Float | Kind::Text(_) | Kind::Json(_)) => How::Double,
        (Kind::Decimal { .. }, _) | (_, Kind::Decimal { .. }) => How::Decimal,
        _ => How::Int,
    })
}

/// The common kind of values of which one is chosen (CASE, IF, COALESCE).
pub(super) fn common(kinds: impl IntoIterator<Item = Kind>) -> Result<Kind, Fault> {
    let mut all = Kind::Null;
    for kind in kinds {
        all = common_of_two(all, kind.usable()?)?;
    }
    Ok(all)
}

fn common_of_two(a: Kind, b: Kind) -> Result<Kind, Fault> {
    Ok(match (a, b) {
        (Kind::Null, kind) | (kind, Kind::Null) => kind,
        (a, b) if a == b => a,
        (a, b) if a.is_number() && b.is_number() => match (a, b) {
            (Kind::Double | Kind::Float, _) | (_, Kind::Double | Kind::Float) => Kind::Double,
            (Kind::Decimal { scale: a }, Kind::Decimal { scale: b }) => Kind::Decimal { scale: a.max(b) },
            (Kind::Decimal { scale }, _) | (_, Kind::Decimal { scale }) => Kind::Decimal { scale },
            // With and without a sign: only a DECIMAL holds both.
            _ => Kind::Decimal { scale: 0 },
        },
        (Kind::DateTime { fsp: a }, Kind::DateTime { fsp: b }) => Kind::DateTime { fsp: a.max(b) },
        (Kind::DateTime { fsp }, Kind::Date) | (Kind::Date, Kind::DateTime { fsp }) => Kind::DateTime { fsp },
        (Kind::Time { fsp: a }, Kind::Time { fsp: b }) => Kind::Time { fsp: a.max(b) },
        (a, b) => Kind::Text(a.text().merge(b.text()).map_err(|_| {
            Fault::Invalid("one of two texts is chosen whose collations do not go together".to_owned())
        })?),
    })
}
