//! `sqlType` numbers and `mysqlType` texts of canal-json.

use tidegate_model::{ColumnInfo, ColumnType, Datum};

/// The java.sql.Types number of a column, before promotion.
pub(crate) fn sql_type(column: &ColumnInfo) -> i32 {
    match &column.ty {
        ColumnType::TinyInt => -6,
        ColumnType::SmallInt => 5,
        ColumnType::MediumInt | ColumnType::Int | ColumnType::Enum { .. } => 4,
        ColumnType::BigInt => -5,
        ColumnType::Float => 7,
        ColumnType::Double => 8,
        ColumnType::Decimal { .. } => 3,
        ColumnType::Date => 91,
        ColumnType::DateTime { .. } | ColumnType::Timestamp { .. } => 93,
        ColumnType::Time { .. } => 92,
        ColumnType::Char { .. } => 1,
        ColumnType::Year
        | ColumnType::VarChar { .. }
        | ColumnType::Json
        | ColumnType::Vector { .. }
        | ColumnType::Uuid
        | ColumnType::Inet4
        | ColumnType::Inet6 => 12,
        ColumnType::Binary { .. }
        | ColumnType::VarBinary { .. }
        | ColumnType::TinyBlob
        | ColumnType::Blob
        | ColumnType::MediumBlob
        | ColumnType::LongBlob
        | ColumnType::Geometry => 2004,
        ColumnType::TinyText | ColumnType::Text | ColumnType::MediumText | ColumnType::LongText => 2005,
        ColumnType::Set { .. } | ColumnType::Bit { .. } => -7,
    }
}

/// The number an unsigned column takes when its value does not fit the signed type: `(limit, promoted)`.
pub(crate) fn promotion(column: &ColumnInfo) -> Option<(u64, i32)> {
    if !column.unsigned {
        return None;
    }
    match column.ty {
        ColumnType::TinyInt => Some((127, 5)),
        ColumnType::SmallInt => Some((32_767, 4)),
        ColumnType::Int => Some((2_147_483_647, -5)),
        ColumnType::BigInt => Some((9_223_372_036_854_775_807, 3)),
        _ => None,
    }
}

/// `sqlType` of one value.
pub(crate) fn sql_type_of(base: i32, promotion: Option<(u64, i32)>, datum: Datum<'_>) -> i32 {
    match (promotion, datum) {
        (Some((limit, promoted)), Datum::UInt(value)) if value > limit => promoted,
        _ => base,
    }
}

/// The `mysqlType` text: bare type names by default, with lengths and members for content-compatible output.
pub(crate) fn mysql_type(column: &ColumnInfo, content_compatible: bool) -> String {
    let mut text = column.ty.sql_name().to_owned();
    if content_compatible {
        text.push_str(&parameters(column));
    }
    let has_sign = !matches!(column.ty, ColumnType::Year | ColumnType::Bit { .. });
    if column.unsigned && has_sign {
        text.push_str(" unsigned");
    }
    if column.zerofill && has_sign {
        text.push_str(" zerofill");
    }
    text
}

fn parameters(column: &ColumnInfo) -> String {
    let width = |signed: u32, unsigned: u32| {
        let width = column
            .display_width
            .unwrap_or(if column.unsigned { unsigned } else { signed });
        format!("({width})")
    };
    match &column.ty {
        ColumnType::TinyInt => width(4, 3),
        ColumnType::SmallInt => width(6, 5),
        ColumnType::MediumInt => width(9, 8),
        ColumnType::Int => width(11, 10),
        ColumnType::BigInt => width(20, 20),
        ColumnType::Year => width(4, 4),
        ColumnType::Decimal { precision, scale } => format!("({precision},{scale})"),
        ColumnType::Char { chars } | ColumnType::VarChar { chars } => format!("({chars})"),
        ColumnType::Binary { bytes } | ColumnType::VarBinary { bytes } => format!("({bytes})"),
        ColumnType::Bit { bits } => format!("({bits})"),
        ColumnType::Vector { dimensions } if *dimensions > 0 => format!("({dimensions})"),
        ColumnType::Time { fsp } | ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp }
            if *fsp > 0 =>
        {
            format!("({fsp})")
        }
        ColumnType::Enum { members } | ColumnType::Set { members } => {
            let quoted: Vec<String> = members
                .iter()
                .map(|m| format!("'{}'", m.replace('\'', "''")))
                .collect();
            format!("({})", quoted.join(","))
        }
        _ => String::new(),
    }
}
