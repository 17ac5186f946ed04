//! Column types as TABLE_MAP writes them.

use super::read::{Fault, Parse, Reader};

pub(crate) const TINY: u8 = 1;
pub(crate) const SHORT: u8 = 2;
pub(crate) const LONG: u8 = 3;
pub(crate) const FLOAT: u8 = 4;
pub(crate) const DOUBLE: u8 = 5;
pub(crate) const NULL: u8 = 6;
pub(crate) const TIMESTAMP: u8 = 7;
pub(crate) const LONGLONG: u8 = 8;
pub(crate) const INT24: u8 = 9;
pub(crate) const DATE: u8 = 10;
pub(crate) const TIME: u8 = 11;
pub(crate) const DATETIME: u8 = 12;
pub(crate) const YEAR: u8 = 13;
pub(crate) const NEWDATE: u8 = 14;
pub(crate) const VARCHAR: u8 = 15;
pub(crate) const BIT: u8 = 16;
pub(crate) const TIMESTAMP2: u8 = 17;
pub(crate) const DATETIME2: u8 = 18;
pub(crate) const TIME2: u8 = 19;
pub(crate) const BLOB_COMPRESSED: u8 = 140;
pub(crate) const VARCHAR_COMPRESSED: u8 = 141;
pub(crate) const VECTOR: u8 = 242;
pub(crate) const JSON: u8 = 245;
pub(crate) const NEWDECIMAL: u8 = 246;
pub(crate) const ENUM: u8 = 247;
pub(crate) const SET: u8 = 248;
pub(crate) const TINY_BLOB: u8 = 249;
pub(crate) const MEDIUM_BLOB: u8 = 250;
pub(crate) const LONG_BLOB: u8 = 251;
pub(crate) const BLOB: u8 = 252;
pub(crate) const VAR_STRING: u8 = 253;
pub(crate) const STRING: u8 = 254;
pub(crate) const GEOMETRY: u8 = 255;

/// A column's type with what its metadata says, the hidden bits of STRING resolved.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Wire {
    /// TINY, SHORT, INT24, LONG, LONGLONG: bytes.
    Int(u8),
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Bit {
        bits: u8,
    },
    Year,
    Date,
    Time2 {
        fsp: u8,
    },
    DateTime2 {
        fsp: u8,
    },
    Timestamp2 {
        fsp: u8,
    },
    /// The formats before 5.6.
    OldTime,
    OldDateTime,
    OldTimestamp,
    /// CHAR and BINARY: bytes.
    Fixed {
        bytes: u16,
    },
    /// VARCHAR and VARBINARY: most bytes; `compressed` for MariaDB's COMPRESSED attribute.
    Var {
        bytes: u16,
        compressed: bool,
    },
    /// TEXT and BLOB: bytes of the length.
    Blob {
        len_bytes: u8,
        compressed: bool,
    },
    /// Bytes of the number.
    Enum {
        bytes: u8,
    },
    /// Bytes of the mask.
    Set {
        bytes: u8,
    },
    Json {
        len_bytes: u8,
    },
    Geometry {
        len_bytes: u8,
    },
    Vector {
        len_bytes: u8,
    },
}

impl Wire {
    /// Reads the metadata that belongs to `type_byte`.
    pub(crate) fn read(type_byte: u8, meta: &mut Reader<'_>) -> Parse<Self> {
        Ok(match type_byte {
            TINY => Wire::Int(1),
            SHORT => Wire::Int(2),
            INT24 => Wire::Int(3),
            LONG => Wire::Int(4),
            LONGLONG => Wire::Int(8),
            FLOAT => {
                meta.u8()?;
                Wire::Float
            }
            DOUBLE => {
                meta.u8()?;
                Wire::Double
            }
            YEAR => Wire::Year,
            DATE | NEWDATE => Wire::Date,
            TIME => Wire::OldTime,
            DATETIME => Wire::OldDateTime,
            TIMESTAMP => Wire::OldTimestamp,
            TIME2 => Wire::Time2 { fsp: fsp(meta)? },
            DATETIME2 => Wire::DateTime2 { fsp: fsp(meta)? },
            TIMESTAMP2 => Wire::Timestamp2 { fsp: fsp(meta)? },
            NEWDECIMAL => decimal(meta)?,
            BIT => {
                let (bits, bytes) = (meta.u8()?, meta.u8()?);
                match bytes.checked_mul(8).and_then(|whole| whole.checked_add(bits)) {
                    Some(bits @ 1..=64) => Wire::Bit { bits },
                    _ => return Err(Fault::Invalid("a BIT column has no width between 1 and 64")),
                }
            }
            VARCHAR | VAR_STRING => Wire::Var {
                bytes: meta.u16()?,
                compressed: false,
            },
            VARCHAR_COMPRESSED => Wire::Var {
                bytes: meta.u16()?,
                compressed: true,
            },
            STRING | ENUM | SET => string(meta)?,
            TINY_BLOB | MEDIUM_BLOB | LONG_BLOB | BLOB => Wire::Blob {
                len_bytes: len_bytes(meta)?,
                compressed: false,
            },
            BLOB_COMPRESSED => Wire::Blob {
                len_bytes: len_bytes(meta)?,
                compressed: true,
            },
            JSON => Wire::Json {
                len_bytes: len_bytes(meta)?,
            },
            GEOMETRY => Wire::Geometry {
                len_bytes: len_bytes(meta)?,
            },
            VECTOR => Wire::Vector {
                len_bytes: len_bytes(meta)?,
            },
            NULL => return Err(Fault::Invalid("a column has type NULL")),
            _ => return Err(Fault::Invalid("a column has an unknown type")),
        })
    }

    /// Name for messages: type and what matters of its metadata.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Wire::Int(1) => "TINY",
            Wire::Int(2) => "SHORT",
            Wire::Int(3) => "INT24",
            Wire::Int(4) => "LONG",
            Wire::Int(_) => "LONGLONG",
            Wire::Float => "FLOAT",
            Wire::Double => "DOUBLE",
            Wire::Decimal { .. } => "NEWDECIMAL",
            Wire::Bit { .. } => "BIT",
            Wire::Year => "YEAR",
            Wire::Date => "DATE",
            Wire::Time2 { .. } => "TIME2",
            Wire::DateTime2 { .. } => "DATETIME2",
            Wire::Timestamp2 { .. } => "TIMESTAMP2",
            Wire::OldTime => "TIME (before 5.6)",
            Wire::OldDateTime => "DATETIME (before 5.6)",
            Wire::OldTimestamp => "TIMESTAMP (before 5.6)",
            Wire::Fixed { .. } => "STRING",
            Wire::Var {
                compressed: false, ..
            } => "VARCHAR",
            Wire::Var { .. } => "VARCHAR_COMPRESSED",
            Wire::Blob {
                compressed: false, ..
            } => "BLOB",
            Wire::Blob { .. } => "BLOB_COMPRESSED",
            Wire::Enum { .. } => "ENUM",
            Wire::Set { .. } => "SET",
            Wire::Json { .. } => "JSON",
            Wire::Geometry { .. } => "GEOMETRY",
            Wire::Vector { .. } => "VECTOR",
        }
    }

    /// Whether the signedness list of TABLE_MAP has a bit for it.
    pub(crate) fn has_sign(self) -> bool {
        matches!(
            self,
            Wire::Int(_) | Wire::Float | Wire::Double | Wire::Decimal { .. } | Wire::Year
        )
    }

    /// Whether the list of character sets of TABLE_MAP has an entry for it.
    pub(crate) fn is_character(self) -> bool {
        matches!(self, Wire::Fixed { .. } | Wire::Var { .. } | Wire::Blob { .. })
    }

    pub(crate) fn is_enum_or_set(self) -> bool {
        matches!(self, Wire::Enum { .. } | Wire::Set { .. })
    }
}

fn fsp(meta: &mut Reader<'_>) -> Parse<u8> {
    match meta.u8()? {
        fsp @ 0..=6 => Ok(fsp),
        _ => Err(Fault::Invalid("a column has more than 6 fractional digits")),
    }
}

fn decimal(meta: &mut Reader<'_>) -> Parse<Wire> {
    let (precision, scale) = (meta.u8()?, meta.u8()?);
    if precision == 0 || precision > 65 || scale > precision {
        return Err(Fault::Invalid("a DECIMAL column has an impossible precision"));
    }
    Ok(Wire::Decimal { precision, scale })
}

fn len_bytes(meta: &mut Reader<'_>) -> Parse<u8> {
    match meta.u8()? {
        bytes @ 1..=4 => Ok(bytes),
        _ => Err(Fault::Invalid("a column's length has not 1 to 4 bytes")),
    }
}

/// CHAR longer than 255 bytes hides bits 8 and 9 of its length, inverted, in the type byte.
fn string(meta: &mut Reader<'_>) -> Parse<Wire> {
    let (real_type, low) = (meta.u8()?, meta.u8()?);
    if real_type & 0x30 != 0x30 {
        let high = u16::from((real_type & 0x30) ^ 0x30) << 4;
        return Ok(Wire::Fixed {
            bytes: high | u16::from(low),
        });
    }
    match (real_type, low) {
        (ENUM, bytes @ 1..=2) => Ok(Wire::Enum { bytes }),
        (SET, bytes @ 1..=8) => Ok(Wire::Set { bytes }),
        (STRING, bytes) => Ok(Wire::Fixed { bytes: bytes.into() }),
        _ => Err(Fault::Invalid("a STRING column has an unknown real type")),
    }
}
