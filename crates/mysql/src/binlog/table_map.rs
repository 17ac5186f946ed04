//! TABLE_MAP: what the log itself says about a table.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{
    CdcError, ColumnInfo, ColumnType, ErrorCode, Generated, IndexInfo, Result, TableId, TableInfo, TableName,
    Ts,
};

use super::charset::{Charset, Collation, CollationTable};
use super::metadata::{Metadata, read_metadata};
use super::read::{Fault, Parse, Reader, bit};
use super::rows::COLUMNS_MAX;
use super::wire::Wire;
use crate::Flavour;

/// Collation id of raw bytes.
const BINARY_COLLATION: u32 = 63;

/// A TABLE_MAP event, framed: enough to look up a plan or to leave the table out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableMapEvent {
    /// The number that row events behind it use.
    pub table_id: u64,
    flavour: Flavour,
    schema: (usize, usize),
    table: (usize, usize),
    columns_at: usize,
    definition: Bytes,
}

impl TableMapEvent {
    pub(crate) fn parse(body: &Bytes, table_id_bytes: usize, flavour: Flavour) -> Parse<Self> {
        let mut reader = Reader::new(body);
        let table_id = reader.uint(table_id_bytes)?;
        let _flags = reader.u16()?;
        let definition = body.slice(reader.position()..);
        let mut reader = Reader::new(&definition);
        let schema = name(&mut reader)?;
        let table = name(&mut reader)?;
        Ok(TableMapEvent {
            table_id,
            flavour,
            schema,
            table,
            columns_at: reader.position(),
            definition: definition.clone(),
        })
    }

    /// Schema of the table.
    pub fn schema(&self) -> Cow<'_, str> {
        self.text(self.schema)
    }

    /// Name of the table.
    pub fn table(&self) -> Cow<'_, str> {
        self.text(self.table)
    }

    /// Everything but the number. Equal definitions may share a plan; the same number with another definition may
    /// not.
    pub fn definition(&self) -> &Bytes {
        &self.definition
    }

    fn text(&self, (start, len): (usize, usize)) -> Cow<'_, str> {
        String::from_utf8_lossy(self.definition.get(start..start + len).unwrap_or_default())
    }
}

fn name(reader: &mut Reader<'_>) -> Parse<(usize, usize)> {
    let len = usize::from(reader.u8()?);
    let start = reader.skip(len)?;
    if reader.u8()? != 0 {
        return Err(Fault::Invalid("a name does not end with a zero byte"));
    }
    Ok((start, len))
}

/// A TABLE_MAP, read whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableMap {
    pub(crate) name: TableName,
    pub(crate) flavour: Flavour,
    pub(crate) columns: Vec<MapColumn>,
    pub(crate) metadata: Metadata,
}

/// What every TABLE_MAP says about a column.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MapColumn {
    pub(crate) wire: Wire,
    pub(crate) nullable: bool,
}

impl TableMap {
    /// Reads columns and optional metadata.
    ///
    /// # Errors
    /// `BinlogDecode` for damage and for column types that we do not know, naming the table.
    pub fn parse(event: &TableMapEvent) -> Result<Self> {
        Self::read(event).map_err(|fault| {
            CdcError::new(
                ErrorCode::BinlogDecode,
                format_args!(
                    "cannot read the TABLE_MAP of {}.{}: {fault}",
                    event.schema(),
                    event.table()
                ),
            )
        })
    }

    fn read(event: &TableMapEvent) -> Parse<Self> {
        let mut reader = Reader::new(&event.definition);
        reader.take(event.columns_at)?;
        let count = reader.lenenc_len()?;
        if count > COLUMNS_MAX {
            return Err(Fault::Invalid("a table has too many columns"));
        }
        let types = reader.take(count)?;
        let mut meta = Reader::new(reader.lenenc_bytes()?);
        let nullable = reader.take(count.div_ceil(8))?;
        let columns = types
            .iter()
            .enumerate()
            .map(|(i, &type_byte)| {
                Ok(MapColumn {
                    wire: Wire::read(type_byte, &mut meta)?,
                    nullable: bit(nullable, i),
                })
            })
            .collect::<Parse<Vec<_>>>()?;
        let metadata = read_metadata(reader.rest(), &columns, event.flavour)?;
        Ok(TableMap {
            name: TableName::new(&event.schema(), &event.table()),
            flavour: event.flavour,
            columns,
            metadata,
        })
    }

    /// Schema and table.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// Number of columns.
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Whether it names its columns: only under `binlog_row_metadata=FULL`.
    pub fn has_column_names(&self) -> bool {
        !self.metadata.names.is_empty() || self.columns.is_empty()
    }

    /// The table as the log alone tells it: names, types, lengths, nullability, signs, character sets, members and
    /// primary key. MariaDB's UUID, INET and JSON look like BINARY and LONGTEXT.
    ///
    /// # Errors
    /// `UpstreamMisconfigured` when column names or character sets are not logged, with the statement that mends
    /// it. `BinlogDecode` for a collation that `collations` does not know.
    pub fn table_info(&self, id: TableId, version: Ts, collations: &CollationTable) -> Result<TableInfo> {
        if !self.has_column_names() {
            return Err(CdcError::new(
                ErrorCode::UpstreamMisconfigured,
                format_args!(
                    "the binlog does not name the columns of {}: SET GLOBAL binlog_row_metadata = 'FULL'",
                    self.name
                ),
            ));
        }
        let columns = (0..self.columns.len())
            .map(|i| self.column_info(i, collations))
            .collect::<Result<Vec<_>>>()?;
        let primary = (!self.metadata.primary_key.is_empty()).then(|| IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: self.metadata.primary_key.clone(),
        });
        Ok(TableInfo {
            name: self.name.clone(),
            id,
            version,
            columns,
            indexes: primary.into_iter().collect(),
        })
    }

    fn column_info(&self, i: usize, collations: &CollationTable) -> Result<ColumnInfo> {
        let MapColumn { wire, nullable } = self.columns[i];
        let name: Arc<str> = self.metadata.names.get(i).map_or("", |name| name).into();
        let collation = self.collation(i, &name, collations)?;
        let charset = collation.map_or(Charset::Binary, |collation| collation.charset);
        let binary = charset == Charset::Binary;
        Ok(ColumnInfo {
            ty: self.column_type(i, charset),
            name,
            nullable,
            unsigned: self.unsigned(i).unwrap_or(false) || matches!(wire, Wire::Bit { .. }),
            zerofill: false,
            charset: collation.map_or_else(
                || "binary".into(),
                |collation| Arc::clone(&collation.charset_name),
            ),
            collation: collation
                .filter(|_| !binary)
                .map(|collation| Arc::clone(&collation.name)),
            default: None,
            generated: Generated::No,
            display_width: None,
        })
    }

    /// Sign as logged; `None` for types without one and without metadata.
    pub(crate) fn unsigned(&self, i: usize) -> Option<bool> {
        self.metadata.unsigned.get(i).copied().flatten()
    }

    /// Collation id as logged; `None` for types without one and without metadata.
    pub(crate) fn collation_id(&self, i: usize) -> Option<u32> {
        self.metadata.collations.get(i).copied().flatten()
    }

    fn collation<'t>(
        &self,
        i: usize,
        name: &str,
        collations: &'t CollationTable,
    ) -> Result<Option<&'t Collation>> {
        let wire = self.columns[i].wire;
        if !wire.is_character() && !wire.is_enum_or_set() {
            return Ok(None);
        }
        let id = self.collation_id(i).ok_or_else(|| {
            CdcError::new(
                ErrorCode::UpstreamMisconfigured,
                format_args!(
                    "the binlog does not tell the character set of {}.{name}: \
                     SET GLOBAL binlog_row_metadata = 'FULL'",
                    self.name
                ),
            )
        })?;
        match collations.get(id) {
            Some(_) if id == BINARY_COLLATION => Ok(None),
            Some(collation) => Ok(Some(collation)),
            None => Err(CdcError::new(
                ErrorCode::BinlogDecode,
                format_args!(
                    "column {}.{name} has the unknown collation number {id}",
                    self.name
                ),
            )),
        }
    }

    fn column_type(&self, i: usize, charset: Charset) -> ColumnType {
        let binary = charset == Charset::Binary;
        let chars = |bytes: u32| bytes / charset.max_bytes();
        match self.columns[i].wire {
            Wire::Int(1) => ColumnType::TinyInt,
            Wire::Int(2) => ColumnType::SmallInt,
            Wire::Int(3) => ColumnType::MediumInt,
            Wire::Int(4) => ColumnType::Int,
            Wire::Int(_) => ColumnType::BigInt,
            Wire::Float => ColumnType::Float,
            Wire::Double => ColumnType::Double,
            Wire::Decimal { precision, scale } => ColumnType::Decimal { precision, scale },
            Wire::Bit { bits } => ColumnType::Bit { bits },
            Wire::Year => ColumnType::Year,
            Wire::Date => ColumnType::Date,
            Wire::Time2 { fsp } => ColumnType::Time { fsp },
            Wire::DateTime2 { fsp } => ColumnType::DateTime { fsp },
            Wire::Timestamp2 { fsp } => ColumnType::Timestamp { fsp },
            Wire::OldTime => ColumnType::Time { fsp: 0 },
            Wire::OldDateTime => ColumnType::DateTime { fsp: 0 },
            Wire::OldTimestamp => ColumnType::Timestamp { fsp: 0 },
            Wire::Fixed { bytes } if binary => ColumnType::Binary { bytes: bytes.into() },
            Wire::Fixed { bytes } => ColumnType::Char {
                chars: chars(bytes.into()),
            },
            Wire::Var { bytes, .. } if binary => ColumnType::VarBinary { bytes: bytes.into() },
            Wire::Var { bytes, .. } => ColumnType::VarChar {
                chars: chars(bytes.into()),
            },
            Wire::Blob { len_bytes, .. } => blob_type(len_bytes, binary),
            Wire::Enum { .. } => ColumnType::Enum {
                members: self.members(i, charset),
            },
            Wire::Set { .. } => ColumnType::Set {
                members: self.members(i, charset),
            },
            Wire::Json { .. } => ColumnType::Json,
            Wire::Geometry { .. } => ColumnType::Geometry,
            Wire::Vector { .. } => ColumnType::Vector {
                dimensions: self.metadata.dimensions.get(i).copied().unwrap_or(0),
            },
        }
    }

    fn members(&self, i: usize, charset: Charset) -> Arc<[Box<str>]> {
        let members = self
            .metadata
            .members
            .get(i)
            .map(Vec::as_slice)
            .unwrap_or_default();
        members
            .iter()
            .map(|member| charset.decode(member).into())
            .collect()
    }
}

fn blob_type(len_bytes: u8, binary: bool) -> ColumnType {
    match (len_bytes, binary) {
        (1, true) => ColumnType::TinyBlob,
        (2, true) => ColumnType::Blob,
        (3, true) => ColumnType::MediumBlob,
        (_, true) => ColumnType::LongBlob,
        (1, false) => ColumnType::TinyText,
        (2, false) => ColumnType::Text,
        (3, false) => ColumnType::MediumText,
        (_, false) => ColumnType::LongText,
    }
}
