//! Tables, columns and indexes as the rows of one schema version see them.

use std::fmt;
use std::sync::Arc;

use crate::Ts;

/// Our own number of one incarnation of a table; a table dropped and made again gets another.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TableId(pub i64);

/// Schema and table, unquoted, as the upstream spells them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TableName {
    /// Schema (database).
    pub schema: Arc<str>,
    /// Table.
    pub table: Arc<str>,
}

impl TableName {
    /// Pairs the two names.
    pub fn new(schema: &str, table: &str) -> Self {
        TableName {
            schema: schema.into(),
            table: table.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// One version of a table: what a row of that version needs to be read, filtered, encoded and written.
#[derive(Clone, PartialEq, Debug)]
pub struct TableInfo {
    /// Schema and table.
    pub name: TableName,
    /// Incarnation.
    pub id: TableId,
    /// Commit-ts of the DDL that made this version, or the ts at which it was first seen.
    pub version: Ts,
    /// Columns in definition order, hidden generated ones included: row images have exactly these cells.
    pub columns: Vec<ColumnInfo>,
    /// Primary key and unique indexes, primary key first, then in `SHOW INDEX` order.
    /// Only the primary key is known from a binlog alone; unique ones come from the catalogue.
    pub indexes: Vec<IndexInfo>,
}

impl TableInfo {
    /// The index that identifies a row: the primary key, else among the unique indexes whose columns are all
    /// NOT NULL and none virtual the one with the fewest columns, the first of equals. `None`: the table is not
    /// eligible for replication unless forced. (Rule of TiCDC; see also "eligibility" in its documentation.)
    pub fn handle(&self) -> Option<&IndexInfo> {
        self.indexes.iter().find(|index| index.primary).or_else(|| {
            self.indexes
                .iter()
                .filter(|index| self.identifies_rows(index))
                .min_by_key(|index| index.columns.len())
        })
    }

    /// Position of a column by its exact name.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }

    /// Names of the primary key's columns in key order; empty without a primary key.
    pub fn primary_key_names(&self) -> impl Iterator<Item = &str> {
        self.indexes
            .iter()
            .find(|index| index.primary)
            .into_iter()
            .flat_map(|index| index.columns.iter().map(|&i| &*self.columns[i].name))
    }

    fn identifies_rows(&self, index: &IndexInfo) -> bool {
        index.columns.iter().all(|&i| {
            self.columns
                .get(i)
                .is_some_and(|c| !c.nullable && c.generated != Generated::Virtual)
        })
    }
}

/// A primary or unique index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexInfo {
    /// `PRIMARY` or the index's name.
    pub name: Arc<str>,
    /// Whether it is the primary key.
    pub primary: bool,
    /// Positions in [`TableInfo::columns`], in key order.
    pub columns: Vec<usize>,
}

/// One column.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnInfo {
    /// Name as the upstream spells it.
    pub name: Arc<str>,
    /// Type with its parameters.
    pub ty: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// UNSIGNED (also set for YEAR and BIT, which have no sign).
    pub unsigned: bool,
    /// ZEROFILL, known from the catalogue only.
    pub zerofill: bool,
    /// Character set name of text columns (`utf8mb4`, `latin1`, ...); `binary` for the others.
    pub charset: Arc<str>,
    /// Collation name where known (`utf8mb4_general_ci`).
    pub collation: Option<Arc<str>>,
    /// Text of the DEFAULT as the catalogue shows it, unquoted; `None`: no default or not known.
    pub default: Option<Arc<str>>,
    /// Whether and how the value is computed.
    pub generated: Generated,
    /// Explicit display width of an integer or YEAR column (`int(10)`), where the catalogue shows one.
    pub display_width: Option<u32>,
}

/// How a column gets its value.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Generated {
    /// Written by statements.
    #[default]
    No,
    /// Computed on read; never written, never replicated.
    Virtual,
    /// Computed on write; shown in messages, never written by the MySQL sink.
    Stored,
}

/// Column types of MySQL and MariaDB. Lengths of character types are in characters, of binary types in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the variants are the SQL type names")]
pub enum ColumnType {
    TinyInt,
    SmallInt,
    MediumInt,
    Int,
    BigInt,
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
    Time {
        fsp: u8,
    },
    DateTime {
        fsp: u8,
    },
    Timestamp {
        fsp: u8,
    },
    Char {
        chars: u32,
    },
    VarChar {
        chars: u32,
    },
    Binary {
        bytes: u32,
    },
    VarBinary {
        bytes: u32,
    },
    TinyText,
    Text,
    MediumText,
    LongText,
    TinyBlob,
    Blob,
    MediumBlob,
    LongBlob,
    Enum {
        members: Arc<[Box<str>]>,
    },
    Set {
        members: Arc<[Box<str>]>,
    },
    Json,
    Geometry,
    Vector {
        dimensions: u32,
    },
    /// MariaDB only; arrives as 16 bytes.
    Uuid,
    /// MariaDB only; arrives as 4 bytes.
    Inet4,
    /// MariaDB only; arrives as 16 bytes.
    Inet6,
}

impl ColumnType {
    /// The SQL type name without parameters, in lower case.
    pub fn sql_name(&self) -> &'static str {
        match self {
            ColumnType::TinyInt => "tinyint",
            ColumnType::SmallInt => "smallint",
            ColumnType::MediumInt => "mediumint",
            ColumnType::Int => "int",
            ColumnType::BigInt => "bigint",
            ColumnType::Float => "float",
            ColumnType::Double => "double",
            ColumnType::Decimal { .. } => "decimal",
            ColumnType::Bit { .. } => "bit",
            ColumnType::Year => "year",
            ColumnType::Date => "date",
            ColumnType::Time { .. } => "time",
            ColumnType::DateTime { .. } => "datetime",
            ColumnType::Timestamp { .. } => "timestamp",
            ColumnType::Char { .. } => "char",
            ColumnType::VarChar { .. } => "varchar",
            ColumnType::Binary { .. } => "binary",
            ColumnType::VarBinary { .. } => "varbinary",
            ColumnType::TinyText => "tinytext",
            ColumnType::Text => "text",
            ColumnType::MediumText => "mediumtext",
            ColumnType::LongText => "longtext",
            ColumnType::TinyBlob => "tinyblob",
            ColumnType::Blob => "blob",
            ColumnType::MediumBlob => "mediumblob",
            ColumnType::LongBlob => "longblob",
            ColumnType::Enum { .. } => "enum",
            ColumnType::Set { .. } => "set",
            ColumnType::Json => "json",
            ColumnType::Geometry => "geometry",
            ColumnType::Vector { .. } => "vector",
            ColumnType::Uuid => "uuid",
            ColumnType::Inet4 => "inet4",
            ColumnType::Inet6 => "inet6",
        }
    }

    /// Whether values are raw bytes without a character set.
    pub fn is_binary(&self) -> bool {
        matches!(
            self,
            ColumnType::Binary { .. }
                | ColumnType::VarBinary { .. }
                | ColumnType::TinyBlob
                | ColumnType::Blob
                | ColumnType::MediumBlob
                | ColumnType::LongBlob
                | ColumnType::Geometry
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, nullable: bool, generated: Generated) -> ColumnInfo {
        ColumnInfo {
            name: name.into(),
            ty: ColumnType::Int,
            nullable,
            unsigned: false,
            zerofill: false,
            charset: "binary".into(),
            collation: None,
            default: None,
            generated,
            display_width: None,
        }
    }

    fn table(indexes: Vec<(&str, bool, Vec<usize>)>) -> TableInfo {
        TableInfo {
            name: TableName::new("shop", "orders"),
            id: TableId(1),
            version: Ts::ZERO,
            columns: vec![
                column("a", false, Generated::No),
                column("b", false, Generated::No),
                column("n", true, Generated::No),
                column("v", false, Generated::Virtual),
            ],
            indexes: indexes
                .into_iter()
                .map(|(name, primary, columns)| IndexInfo {
                    name: name.into(),
                    primary,
                    columns,
                })
                .collect(),
        }
    }

    #[test]
    fn the_handle_is_the_primary_key_or_the_narrowest_not_null_unique_index() {
        let check = |indexes: Vec<(&str, bool, Vec<usize>)>, expect: Option<&str>| {
            assert_eq!(
                table(indexes).handle().map(|i| i.name.to_string()).as_deref(),
                expect
            );
        };
        check(
            vec![("PRIMARY", true, vec![0, 1]), ("u", false, vec![1])],
            Some("PRIMARY"),
        );
        check(
            vec![
                ("wide", false, vec![0, 1]),
                ("narrow", false, vec![1]),
                ("later", false, vec![0]),
            ],
            Some("narrow"),
        );
        check(
            vec![("nullable", false, vec![2]), ("virtual", false, vec![3])],
            None,
        );
        check(vec![], None);
    }
}
