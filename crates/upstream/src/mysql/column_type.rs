//! Reads `COLUMN_TYPE` and `COLUMN_DEFAULT` of the catalogue.

use tidegate_model::ColumnType;

/// What the text of a column type says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ParsedType {
    pub(crate) ty: ColumnType,
    pub(crate) unsigned: bool,
    pub(crate) zerofill: bool,
    pub(crate) display_width: Option<u32>,
}

/// Parses `int(10) unsigned zerofill`, `enum('a','b')`, ... An unknown type is taken for BLOB: its shape then differs
/// from the binlog's and the hint is not used.
pub(crate) fn parse_column_type(text: &str) -> ParsedType {
    let (name, rest) = text
        .split_once(['(', ' '])
        .map_or((text, ""), |(name, _)| (name, &text[name.len()..]));
    let (arguments, suffix) = arguments(rest);
    let ty = column_type(&name.to_ascii_lowercase(), &arguments);
    let signless = matches!(ty, ColumnType::Year | ColumnType::Bit { .. });
    let integer = matches!(
        ty,
        ColumnType::TinyInt
            | ColumnType::SmallInt
            | ColumnType::MediumInt
            | ColumnType::Int
            | ColumnType::BigInt
    );
    ParsedType {
        unsigned: signless || suffix.contains("unsigned"),
        zerofill: suffix.contains("zerofill"),
        display_width: number(&arguments, 0).filter(|_| integer || ty == ColumnType::Year),
        ty,
    }
}

fn column_type(name: &str, arguments: &[String]) -> ColumnType {
    let number = |index| number(arguments, index);
    let small = |index: usize, default: u8| {
        number(index)
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(default)
    };
    let length = number(0).unwrap_or(1);
    let fsp = small(0, 0);
    match name {
        "tinyint" => ColumnType::TinyInt,
        "smallint" => ColumnType::SmallInt,
        "mediumint" => ColumnType::MediumInt,
        "int" | "integer" => ColumnType::Int,
        "bigint" => ColumnType::BigInt,
        "float" => ColumnType::Float,
        "double" => ColumnType::Double,
        "decimal" => ColumnType::Decimal {
            precision: small(0, 10),
            scale: small(1, 0),
        },
        "bit" => ColumnType::Bit { bits: small(0, 1) },
        "year" => ColumnType::Year,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time { fsp },
        "datetime" => ColumnType::DateTime { fsp },
        "timestamp" => ColumnType::Timestamp { fsp },
        "char" => ColumnType::Char { chars: length },
        "varchar" => ColumnType::VarChar { chars: length },
        "binary" => ColumnType::Binary { bytes: length },
        "varbinary" => ColumnType::VarBinary { bytes: length },
        "tinytext" => ColumnType::TinyText,
        "text" => ColumnType::Text,
        "mediumtext" => ColumnType::MediumText,
        "longtext" => ColumnType::LongText,
        "tinyblob" => ColumnType::TinyBlob,
        "mediumblob" => ColumnType::MediumBlob,
        "longblob" => ColumnType::LongBlob,
        "enum" => ColumnType::Enum {
            members: members(arguments),
        },
        "set" => ColumnType::Set {
            members: members(arguments),
        },
        "json" => ColumnType::Json,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" | "geomcollection" => ColumnType::Geometry,
        "vector" => ColumnType::Vector { dimensions: length },
        "uuid" => ColumnType::Uuid,
        "inet4" => ColumnType::Inet4,
        "inet6" => ColumnType::Inet6,
        _ => ColumnType::Blob,
    }
}

fn number(arguments: &[String], index: usize) -> Option<u32> {
    arguments.get(index)?.trim().parse().ok()
}

fn members(arguments: &[String]) -> std::sync::Arc<[Box<str>]> {
    arguments.iter().map(|member| member.as_str().into()).collect()
}

/// Splits `(a,'b''c') rest` into its arguments, unquoted, and the rest.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let Some(inner) = text.strip_prefix('(') else {
        return (Vec::new(), text);
    };
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' if quoted && chars.peek().is_some_and(|&(_, next)| next == '\'') => {
                chars.next();
                push(&mut out, '\'');
            }
            '\'' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            ')' if !quoted => return (out, &inner[at + 1..]),
            other => push(&mut out, other),
        }
    }
    (out, "")
}

fn push(out: &mut [String], c: char) {
    if let Some(last) = out.last_mut() {
        last.push(c);
    }
}

/// MariaDB shows string defaults quoted, expressions plain, and no default of a nullable column as `NULL`.
pub(crate) fn unquote_default(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case("NULL") {
        return None;
    }
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    Some(inner.map_or_else(
        || text.to_owned(),
        |inner| inner.replace("''", "'").replace("\\\\", "\\"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_taken_apart() {
        let check = |text: &str, ty: ColumnType, unsigned: bool, width: Option<u32>| {
            let parsed = parse_column_type(text);
            assert_eq!(
                (parsed.ty, parsed.unsigned, parsed.display_width),
                (ty, unsigned, width),
                "{text}"
            );
        };
        check("int(10) unsigned", ColumnType::Int, true, Some(10));
        check("bigint", ColumnType::BigInt, false, None);
        check("tinyint(1)", ColumnType::TinyInt, false, Some(1));
        check("year(4)", ColumnType::Year, true, Some(4));
        check("bit(12)", ColumnType::Bit { bits: 12 }, true, None);
        check(
            "decimal(65,30)",
            ColumnType::Decimal {
                precision: 65,
                scale: 30,
            },
            false,
            None,
        );
        check("datetime(6)", ColumnType::DateTime { fsp: 6 }, false, None);
        check("timestamp", ColumnType::Timestamp { fsp: 0 }, false, None);
        check(
            "varchar(20) /*M!100301 COMPRESSED*/",
            ColumnType::VarChar { chars: 20 },
            false,
            None,
        );
        check("double unsigned", ColumnType::Double, true, None);
        check("point", ColumnType::Geometry, false, None);
        check("xmltype", ColumnType::Blob, false, None);
        assert!(parse_column_type("int(5) unsigned zerofill").zerofill);
    }

    #[test]
    fn members_may_hold_quotes_commas_and_brackets() {
        let ColumnType::Enum { members } = parse_column_type("enum('a','b''c','d,e','f)g','')").ty else {
            panic!("not an enum");
        };
        assert_eq!(
            members.iter().map(|m| &**m).collect::<Vec<_>>(),
            ["a", "b'c", "d,e", "f)g", ""]
        );
    }

    #[test]
    fn defaults_lose_their_quotes() {
        assert_eq!(unquote_default("NULL"), None);
        assert_eq!(unquote_default("'it''s'").as_deref(), Some("it's"));
        assert_eq!(
            unquote_default("current_timestamp()").as_deref(),
            Some("current_timestamp()")
        );
        assert_eq!(unquote_default("0").as_deref(), Some("0"));
    }
}
