//! Hints in the metadata store: what the catalogue said, for rows that are read again after a restart.
//!
//! One key for what a table looks like now and one for each version before a schema change. Values are a version byte
//! and fields with their lengths, big-endian.

use std::sync::Arc;

use tidegate_meta::Write;
use tidegate_model::{ColumnInfo, ColumnType, Generated, IndexInfo, TableName, Ts};

use super::catalogue::{CatalogueTable, TableKind};
use super::column_type::parse_column_type;
use super::schema_log::stable_hash;

const VERSION: u8 = 1;

/// Prefix of the keys of an upstream's hints.
pub(crate) fn prefix(upstream_id: u64) -> String {
    format!("/tidegate/upstream/{upstream_id:016x}/hint/")
}

/// A stored hint: until when it holds (zero: still), the table's name, and what the catalogue said.
pub(crate) type Stored = (Ts, TableName, CatalogueTable);

/// Makes a hint durable. `until`: when a schema change ended it; zero: it still holds.
pub(crate) fn put(prefix: &str, name: &TableName, until: Ts, table: &CatalogueTable) -> Write {
    Write::Put(key(prefix, name, until), encode(name, until, table))
}

/// Removes what [`put`] wrote.
pub(crate) fn delete(prefix: &str, name: &TableName, until: Ts) -> Write {
    Write::Delete(key(prefix, name, until))
}

/// Names may hold anything, so the key has a hash of them.
fn key(prefix: &str, name: &TableName, until: Ts) -> String {
    let names = name.schema.bytes().chain([0]).chain(name.table.bytes());
    format!("{prefix}{:016x}/{:020}", stable_hash(names), until.as_u64())
}

fn encode(name: &TableName, until: Ts, table: &CatalogueTable) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend(until.as_u64().to_be_bytes());
    put_text(&mut out, &name.schema);
    put_text(&mut out, &name.table);
    let (kind, other) = match &table.kind {
        TableKind::Table => (0, ""),
        TableKind::View => (1, ""),
        TableKind::Sequence => (2, ""),
        TableKind::Versioned => (3, ""),
        TableKind::Other(name) => (4, name.as_str()),
    };
    out.push(kind);
    put_text(&mut out, other);
    put_number(&mut out, table.columns.len());
    for column in &table.columns {
        put_column(&mut out, column);
    }
    put_number(&mut out, table.indexes.len());
    for index in &table.indexes {
        put_text(&mut out, &index.name);
        out.push(u8::from(index.primary));
        put_number(&mut out, index.columns.len());
        for &column in &index.columns {
            put_number(&mut out, column);
        }
    }
    out
}

fn put_column(out: &mut Vec<u8>, column: &ColumnInfo) {
    put_text(out, &column.name);
    put_text(out, &type_text(&column.ty));
    out.extend([column.nullable, column.unsigned, column.zerofill].map(u8::from));
    out.push(match column.generated {
        Generated::No => 0,
        Generated::Virtual => 1,
        Generated::Stored => 2,
    });
    put_text(out, &column.charset);
    for text in [&column.collation, &column.default] {
        out.push(u8::from(text.is_some()));
        put_text(out, text.as_deref().unwrap_or_default());
    }
    // No width is zero.
    put_number(out, column.display_width.unwrap_or(0) as usize);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend(text.bytes());
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    out.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

/// As the catalogue writes it.
fn type_text(ty: &ColumnType) -> String {
    let name = ty.sql_name();
    match ty {
        ColumnType::Decimal { precision, scale } => format!("{name}({precision},{scale})"),
        ColumnType::Bit { bits } => format!("{name}({bits})"),
        ColumnType::Time { fsp } | ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp } => {
            format!("{name}({fsp})")
        }
        ColumnType::Char { chars } | ColumnType::VarChar { chars } => format!("{name}({chars})"),
        ColumnType::Binary { bytes } | ColumnType::VarBinary { bytes } => format!("{name}({bytes})"),
        ColumnType::Vector { dimensions } => format!("{name}({dimensions})"),
        ColumnType::Enum { members } | ColumnType::Set { members } => {
            let quoted: Vec<String> = members
                .iter()
                .map(|member| format!("'{}'", member.replace('\'', "''")))
                .collect();
            format!("{name}({})", quoted.join(","))
        }
        _ => name.to_owned(),
    }
}

/// `None`: it is damaged.
pub(crate) fn decode(bytes: &[u8]) -> Option<Stored> {
    let mut input = Input(bytes);
    if input.byte()? != VERSION {
        return None;
    }
    let until = Ts::from_u64(u64::from_be_bytes(*input.bytes(8)?.first_chunk()?));
    let name = TableName::new(input.text()?, input.text()?);
    let (kind, other) = (input.byte()?, input.text()?);
    let kind = match kind {
        0 => TableKind::Table,
        1 => TableKind::View,
        2 => TableKind::Sequence,
        3 => TableKind::Versioned,
        4 => TableKind::Other(other.to_owned()),
        _ => return None,
    };
    let columns = input.list(Input::column)?;
    let indexes = input.list(Input::index)?;
    let table = CatalogueTable {
        columns,
        indexes,
        kind,
    };
    input.0.is_empty().then_some((until, name, table))
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        self.0.split_off(..count)
    }

    fn byte(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    fn flag(&mut self) -> Option<bool> {
        self.byte().map(|byte| byte != 0)
    }

    fn number(&mut self) -> Option<usize> {
        let number = u32::from_be_bytes(*self.bytes(4)?.first_chunk()?);
        usize::try_from(number).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.number()?;
        std::str::from_utf8(self.bytes(len)?).ok()
    }

    fn optional(&mut self) -> Option<Option<Arc<str>>> {
        let there = self.flag()?;
        let text = self.text()?;
        Some(there.then(|| text.into()))
    }

    /// Grows with what is there, whatever number the list claims to have.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn column(&mut self) -> Option<ColumnInfo> {
        Some(ColumnInfo {
            name: self.text()?.into(),
            ty: parse_column_type(self.text()?).ty,
            nullable: self.flag()?,
            unsigned: self.flag()?,
            zerofill: self.flag()?,
            generated: match self.byte()? {
                0 => Generated::No,
                1 => Generated::Virtual,
                2 => Generated::Stored,
                _ => return None,
            },
            charset: self.text()?.into(),
            collation: self.optional()?,
            default: self.optional()?,
            display_width: u32::try_from(self.number()?).ok().filter(|width| *width > 0),
        })
    }

    fn index(&mut self) -> Option<IndexInfo> {
        Some(IndexInfo {
            name: self.text()?.into(),
            primary: self.flag()?,
            columns: self.list(Input::number)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(ty: ColumnType) -> ColumnInfo {
        ColumnInfo {
            name: "c`/'é".into(),
            ty,
            nullable: true,
            unsigned: false,
            zerofill: true,
            charset: "utf8mb4".into(),
            collation: Some("utf8mb4_bin".into()),
            default: Some("".into()),
            generated: Generated::Stored,
            display_width: Some(11),
        }
    }

    fn table() -> CatalogueTable {
        use ColumnType as T;
        let members: Arc<[Box<str>]> = ["a", "b'c", "d,e)", ""].map(Box::from).into();
        let types = [
            T::TinyInt,
            T::SmallInt,
            T::MediumInt,
            T::Int,
            T::BigInt,
            T::Float,
            T::Double,
            T::Decimal {
                precision: 65,
                scale: 30,
            },
            T::Bit { bits: 64 },
            T::Year,
            T::Date,
            T::Time { fsp: 6 },
            T::DateTime { fsp: 0 },
            T::Timestamp { fsp: 3 },
            T::Char { chars: 0 },
            T::VarChar { chars: 16_383 },
            T::Binary { bytes: 16 },
            T::VarBinary { bytes: 65_535 },
            T::TinyText,
            T::Text,
            T::MediumText,
            T::LongText,
            T::TinyBlob,
            T::Blob,
            T::MediumBlob,
            T::LongBlob,
            T::Enum {
                members: Arc::clone(&members),
            },
            T::Set { members },
            T::Json,
            T::Geometry,
            T::Vector { dimensions: 2048 },
            T::Uuid,
            T::Inet4,
            T::Inet6,
        ];
        let mut columns: Vec<ColumnInfo> = types.into_iter().map(column).collect();
        columns.push(ColumnInfo {
            collation: None,
            default: None,
            display_width: None,
            nullable: false,
            generated: Generated::Virtual,
            ..column(T::Int)
        });
        CatalogueTable {
            columns,
            indexes: vec![IndexInfo {
                name: "PRIMARY".into(),
                primary: true,
                columns: vec![0, 34],
            }],
            kind: TableKind::Other("kind".to_owned()),
        }
    }

    #[test]
    fn every_type_reads_back_as_it_was() {
        let (name, until) = (TableName::new("s/1", "t"), Ts::from_u64(77));
        let bytes = encode(&name, until, &table());
        assert_eq!(decode(&bytes), Some((until, name, table())));
    }

    #[test]
    fn damage_is_noticed_wherever_it_cuts() {
        let bytes = encode(&TableName::new("s", "t"), Ts::ZERO, &table());
        assert!((0..bytes.len()).all(|len| decode(&bytes[..len]).is_none()));
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
    }
}
