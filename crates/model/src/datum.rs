//! One value of a row, borrowed from its block.

use std::borrow::Cow;

/// A value as read from the upstream. Rendering belongs to the codecs and sinks.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Datum<'a> {
    /// The image does not carry this column (partial row images). Differs from NULL.
    Absent,
    /// SQL NULL.
    Null,
    /// Signed integer of any width.
    Int(i64),
    /// Unsigned integer of any width.
    UInt(u64),
    /// FLOAT: print with the shortest text that reads back as the same f32.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// DECIMAL as text with all digits of its scale: `19.90`, `-0.50`.
    Decimal(&'a str),
    /// BINARY, VARBINARY, BLOB family, and MariaDB UUID/INET as raw bytes. BINARY is padded to its length.
    Bytes(&'a [u8]),
    /// Character data as UTF-8. Text of a UTF-8 column is passed on unchecked: use [`Datum::text_lossy`] where
    /// a `str` is needed. Text of any other character set was converted (U+FFFD for undecodable bytes).
    Text(&'a [u8]),
    /// DATE; may be zero or partly zero.
    Date(Date),
    /// DATETIME; may be zero or partly zero; without time zone.
    DateTime(DateTime),
    /// TIMESTAMP in UTC.
    Timestamp(Timestamp),
    /// TIME, negative ones included.
    Time(Time),
    /// YEAR; 0 is `0000`.
    Year(u16),
    /// BIT(n) as a number.
    Bit(u64),
    /// ENUM: 1-based member, 0 is the empty error value.
    Enum(u64),
    /// SET: bit 0 is the first member.
    Set(u64),
    /// JSON text, formatted as the upstream's SELECT prints it.
    Json(&'a str),
    /// GEOMETRY: 4-byte little-endian SRID, then WKB.
    Geometry(&'a [u8]),
    /// VECTOR: little-endian f32 values.
    Vector(&'a [u8]),
}

impl<'a> Datum<'a> {
    /// Whether it is SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    /// UTF-8 text of `Text`, `Json` and `Decimal` values, undecodable bytes replaced by U+FFFD; `None` for others.
    pub fn text_lossy(&self) -> Option<Cow<'a, str>> {
        match *self {
            Datum::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
            Datum::Json(text) | Datum::Decimal(text) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }
}

/// Calendar date as stored: month and day may be 0.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(missing_docs, reason = "plain calendar fields")]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

/// Date and time of day as stored, microsecond precision.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(missing_docs, reason = "plain calendar fields")]
pub struct DateTime {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub micros: u32,
}

/// Instant in UTC. `seconds == 0` is the zero date `0000-00-00 00:00:00`, not the epoch.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp {
    /// Unix seconds.
    pub seconds: u32,
    /// Microseconds inside the second.
    pub micros: u32,
}

impl Timestamp {
    /// Whether it is the zero date.
    pub fn is_zero(self) -> bool {
        self.seconds == 0 && self.micros == 0
    }
}

/// TIME as signed microseconds, within ±838:59:59.999999.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time {
    /// Signed microseconds.
    pub micros: i64,
}
