//! Values while an expression is evaluated, and what is known of them before.

use std::borrow::Cow;

use tidegate_model::{Date, DateTime};

use super::collation::Collation;
use super::decimal::Decimal;

/// A value. Texts are borrowed from the row or the expression where possible.
#[derive(Clone, Debug)]
pub(crate) enum Value<'v> {
    Null,
    Int(i64),
    UInt(u64),
    Decimal(Decimal),
    Double(f64),
    Text(Cow<'v, [u8]>),
    /// ENUM, SET and hexadecimal literals: a number and a text at once.
    Dual(u64, Cow<'v, [u8]>),
    Date(Date),
    DateTime(DateTime),
    /// Signed microseconds.
    Time(i64),
}

impl Value<'_> {
    pub(crate) fn truth(truth: Option<bool>) -> Value<'static> {
        truth.map_or(Value::Null, |truth| Value::Int(truth.into()))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// A copy that borrows nothing.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Dual(number, text) => Value::Dual(number, Cow::Owned(text.into_owned())),
            Value::Null => Value::Null,
            Value::Int(v) => Value::Int(v),
            Value::UInt(v) => Value::UInt(v),
            Value::Decimal(v) => Value::Decimal(v),
            Value::Double(v) => Value::Double(v),
            Value::Date(v) => Value::Date(v),
            Value::DateTime(v) => Value::DateTime(v),
            Value::Time(v) => Value::Time(v),
        }
    }
}

/// The type of an expression, known from the table and the text alone.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    /// Nothing but NULL.
    Null,
    Int,
    UInt,
    /// A number beside which the literals 1 to 99 are years too.
    Year,
    Decimal {
        scale: u8,
    },
    Double,
    /// Printed with the shortest digits of a 32-bit number.
    Float,
    Text(Text),
    /// ENUM, SET, hexadecimal literals.
    Dual(Text),
    Json(Text),
    Date,
    DateTime {
        fsp: u8,
    },
    Time {
        fsp: u8,
    },
    /// Of no use but for IS NULL; the name of its type.
    Opaque(&'static str),
}

/// The collation of a text, and how much it counts beside another one.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Text {
    pub(crate) collation: Collation,
    pub(crate) rank: Rank,
    /// Whether the character set is one of Unicode's, which wins over others.
    pub(crate) unicode: bool,
}

/// Lower wins.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Rank {
    /// COLLATE.
    Explicit,
    Column,
    Literal,
    /// Made of a number or a time.
    Number,
}

/// Why two texts have no common collation.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct IllegalMix;

impl Text {
    pub(crate) const LITERAL: Text = Text {
        collation: super::collation::LITERAL,
        rank: Rank::Literal,
        unicode: true,
    };
    pub(crate) const NUMBER: Text = Text {
        rank: Rank::Number,
        ..Text::LITERAL
    };
    pub(crate) const BYTES: Text = Text {
        collation: super::collation::BINARY,
        rank: Rank::Literal,
        unicode: false,
    };

    /// The collation of two texts together.
    pub(crate) fn merge(self, other: Text) -> Result<Text, IllegalMix> {
        if self.rank != other.rank {
            let winner = if self.rank < other.rank { self } else { other };
            return Ok(winner);
        }
        if self.collation == other.collation {
            return Ok(self);
        }
        if self.rank == Rank::Explicit {
            return Err(IllegalMix);
        }
        if self.collation.is_binary() {
            return Ok(self);
        }
        if other.collation.is_binary() {
            return Ok(other);
        }
        match (self.unicode, other.unicode) {
            (true, false) => Ok(self),
            (false, true) => Ok(other),
            _ if self.collation.is_bin() => Ok(self),
            _ if other.collation.is_bin() => Ok(other),
            _ => Err(IllegalMix),
        }
    }
}
