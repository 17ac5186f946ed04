//! A number that tells whether two views of a table are of the same version.

use std::hash::{DefaultHasher, Hash, Hasher};

use tidegate_model::{ColumnType, TableInfo};

use crate::Flavour;

/// Digest of the ordered column names, types, nullability, signs and character sets.
///
/// A `TableInfo` from a TABLE_MAP and one from the catalogue give the same number while they describe the same
/// version, because types are compared as the log shows them: on MariaDB JSON is LONGTEXT, UUID and INET are BINARY
/// and VECTOR is VARBINARY. Only for comparing inside one process: the number may change between releases.
pub fn fingerprint(table: &TableInfo, flavour: Flavour) -> u64 {
    let mut hasher = DefaultHasher::new();
    for column in &table.columns {
        column.name.hash(&mut hasher);
        column.nullable.hash(&mut hasher);
        column.unsigned.hash(&mut hasher);
        let charset = match &*column.charset {
            "utf8" => "utf8mb3",
            other => other,
        };
        charset.hash(&mut hasher);
        hash_type(&column.ty, flavour, &mut hasher);
    }
    hasher.finish()
}

fn hash_type(ty: &ColumnType, flavour: Flavour, hasher: &mut DefaultHasher) {
    let mariadb = flavour == Flavour::MariaDb;
    let seen = match ty {
        ColumnType::Json if mariadb => ColumnType::LongText,
        ColumnType::Uuid | ColumnType::Inet6 => ColumnType::Binary { bytes: 16 },
        ColumnType::Inet4 => ColumnType::Binary { bytes: 4 },
        ColumnType::Vector { dimensions } if mariadb => ColumnType::VarBinary {
            bytes: dimensions.saturating_mul(4),
        },
        other => other.clone(),
    };
    seen.sql_name().hash(hasher);
    match seen {
        ColumnType::Decimal { precision, scale } => (precision, scale).hash(hasher),
        ColumnType::Bit { bits } => bits.hash(hasher),
        ColumnType::Time { fsp } | ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp } => {
            fsp.hash(hasher);
        }
        ColumnType::Char { chars: length }
        | ColumnType::VarChar { chars: length }
        | ColumnType::Binary { bytes: length }
        | ColumnType::VarBinary { bytes: length }
        | ColumnType::Vector { dimensions: length } => length.hash(hasher),
        ColumnType::Enum { members } | ColumnType::Set { members } => members.hash(hasher),
        _ => {}
    }
}
