//! Schema files: the columns of a table version, or the text of a DDL, beside the data files.

use tidegate_model::{ColumnInfo, ColumnType, DdlEvent, Generated, TableInfo, TableName, Ts};

use crate::ddl_query;
use crate::json::{self, Flavour};
use crate::layout::{escape_name, schema_name};
use crate::text;

/// Content of one schema file.
#[derive(Clone, PartialEq, Debug)]
pub struct SchemaFile {
    schema: String,
    table: String,
    version: Ts,
    query: String,
    action: u8,
    columns: Option<Vec<Column>>,
}

#[derive(Clone, PartialEq, Debug)]
struct Column {
    id: Option<String>,
    name: String,
    ty: String,
    default: Option<String>,
    precision: String,
    scale: String,
    nullable: bool,
    primary: bool,
}

/// Directory of the schema files of a table, or of a schema when `table` is empty; relative to the root.
pub fn schema_dir(name: &TableName) -> String {
    if name.table.is_empty() {
        format!("{}/meta", schema_name(&name.schema))
    } else {
        format!("{}/{}/meta", schema_name(&name.schema), escape_name(&name.table))
    }
}

impl SchemaFile {
    /// The schema of a table version that no DDL of this stream made. `with_ids`: number the columns.
    pub fn of_table(table: &TableInfo, version: Ts, with_ids: bool) -> Self {
        SchemaFile {
            schema: table.name.schema.to_string(),
            table: table.name.table.to_string(),
            version,
            query: String::new(),
            action: 0,
            columns: Some(columns_of(table, with_ids)),
        }
    }

    /// The files of a DDL: one per table it touches, each with what the statement does to that table, or one for the
    /// schema of a schema-level statement. A table whose columns are not known (dropped, or the catalogue has moved
    /// on) has no columns listed.
    pub fn of_ddl(ddl: &DdlEvent, with_ids: bool) -> Vec<(TableName, SchemaFile)> {
        let file = |name: &TableName, query: &str, columns| {
            let file = SchemaFile {
                schema: name.schema.to_string(),
                table: name.table.to_string(),
                version: ddl.commit_ts,
                query: query.to_owned(),
                action: ddl.kind.action_code(),
                columns,
            };
            (name.clone(), file)
        };
        if let Some(schema) = &ddl.target_schema {
            return vec![file(&TableName::new(schema, ""), &ddl.query, None)];
        }
        let columns = |info: Option<&TableInfo>| info.map(|table| columns_of(table, with_ids));
        ddl.tables
            .iter()
            .map(|table| {
                let query = ddl_query::of_table(ddl, table);
                file(&table.name, &query, columns(table.info.as_deref()))
            })
            .collect()
    }

    /// CRC-32 over the columns in name order: equal for equal schemas, whatever made them.
    pub fn checksum(&self) -> u32 {
        let mut columns = self.columns.clone().unwrap_or_default();
        columns.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        let mut out = Vec::new();
        let mut object = Object::open(&mut out, 0);
        object.string("Table", &self.table);
        object.string("Schema", &self.schema);
        object.raw("Version", b"0");
        object.columns(Some(&columns));
        object.uint("TableColumnsTotal", columns.len() as u64);
        object.close();
        crc32fast::hash(&out)
    }

    /// `schema_{version}_{checksum}.json`.
    pub fn file_name(&self) -> String {
        format!("schema_{}_{:010}.json", self.version, self.checksum())
    }

    /// Version and checksum from the name of a schema file; `None` for every other name.
    pub fn parse_name(name: &str) -> Option<(Ts, u32)> {
        let (version, checksum) = name
            .strip_prefix("schema_")?
            .strip_suffix(".json")?
            .split_once('_')?;
        let checksum = Some(checksum).filter(|digits| digits.len() == 10)?;
        Some((version.parse().ok()?, checksum.parse().ok()?))
    }

    /// The file's content: JSON, indented by four spaces, no newline at the end.
    pub fn content(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out, 0);
        object.string("Table", &self.table);
        object.string("Schema", &self.schema);
        object.raw("Version", b"1");
        object.uint("TableVersion", self.version.as_u64());
        object.string("Query", &self.query);
        object.uint("Type", self.action.into());
        object.columns(self.columns.as_deref());
        object.uint(
            "TableColumnsTotal",
            self.columns.as_ref().map_or(0, Vec::len) as u64,
        );
        object.close();
        out
    }
}

/// Columns as consumers of data files see them: virtual generated ones have no values there, so they are left out.
fn columns_of(table: &TableInfo, with_ids: bool) -> Vec<Column> {
    let primary: Vec<usize> = table
        .indexes
        .iter()
        .filter(|index| index.primary)
        .flat_map(|index| index.columns.iter().copied())
        .collect();
    table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.generated != Generated::Virtual)
        .map(|(index, column)| {
            let (precision, scale) = precision_and_scale(column);
            Column {
                id: with_ids.then(|| (index + 1).to_string()),
                name: column.name.to_string(),
                ty: type_name(column),
                default: column.default.as_deref().map(str::to_owned),
                precision,
                scale,
                nullable: column.nullable,
                primary: primary.contains(&index),
            }
        })
        .collect()
}

fn type_name(column: &ColumnInfo) -> String {
    let mut name = column.ty.sql_name().to_uppercase();
    if column.unsigned && !matches!(column.ty, ColumnType::Year | ColumnType::Bit { .. }) {
        name.push_str(" UNSIGNED");
    }
    name
}

fn precision_and_scale(column: &ColumnInfo) -> (String, String) {
    let width = |signed: u32, unsigned: u32| {
        column
            .display_width
            .unwrap_or(if column.unsigned { unsigned } else { signed })
            .to_string()
    };
    let fsp = |fsp: u8| if fsp > 0 { fsp.to_string() } else { String::new() };
    match &column.ty {
        ColumnType::TinyInt => (width(4, 3), String::new()),
        ColumnType::SmallInt => (width(6, 5), String::new()),
        ColumnType::MediumInt => (width(9, 8), String::new()),
        ColumnType::Int => (width(11, 10), String::new()),
        ColumnType::BigInt => (width(20, 20), String::new()),
        ColumnType::Year => ("4".to_owned(), String::new()),
        ColumnType::Bit { bits } => (bits.to_string(), String::new()),
        ColumnType::Float => ("12".to_owned(), String::new()),
        ColumnType::Double => ("22".to_owned(), String::new()),
        ColumnType::Decimal { precision, scale } => (precision.to_string(), scale.to_string()),
        ColumnType::Char { chars } | ColumnType::VarChar { chars } => (chars.to_string(), String::new()),
        ColumnType::Binary { bytes } | ColumnType::VarBinary { bytes } => (bytes.to_string(), String::new()),
        ColumnType::TinyText | ColumnType::TinyBlob => ("255".to_owned(), String::new()),
        ColumnType::Text | ColumnType::Blob => ("65535".to_owned(), String::new()),
        ColumnType::MediumText | ColumnType::MediumBlob => ("16777215".to_owned(), String::new()),
        ColumnType::LongText | ColumnType::LongBlob => ("4294967295".to_owned(), String::new()),
        ColumnType::Time { fsp: n } | ColumnType::DateTime { fsp: n } | ColumnType::Timestamp { fsp: n } => {
            (String::new(), fsp(*n))
        }
        ColumnType::Vector { dimensions } if *dimensions > 0 => (dimensions.to_string(), String::new()),
        _ => (String::new(), String::new()),
    }
}

/// Writes an indented JSON object member by member.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>, depth: usize) -> Self {
        out.push(b'{');
        Object {
            out,
            depth: depth + 1,
            empty: true,
        }
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        indent(self.out, self.depth);
        json::string(self.out, key.as_bytes(), Flavour::Plain);
        self.out.extend_from_slice(b": ");
    }

    fn raw(&mut self, key: &str, value: &[u8]) {
        self.key(key);
        self.out.extend_from_slice(value);
    }

    fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        json::string(self.out, value.as_bytes(), Flavour::Plain);
    }

    fn string_unless_empty(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.string(key, value);
        }
    }

    fn uint(&mut self, key: &str, value: u64) {
        self.key(key);
        text::uint(self.out, value);
    }

    fn columns(&mut self, columns: Option<&[Column]>) {
        self.key("TableColumns");
        let Some(columns) = columns else {
            self.out.extend_from_slice(b"null");
            return;
        };
        self.out.push(b'[');
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            indent(self.out, self.depth + 1);
            write_column(column, Object::open(self.out, self.depth + 1));
        }
        if !columns.is_empty() {
            indent(self.out, self.depth);
        }
        self.out.push(b']');
    }

    fn close(self) {
        indent(self.out, self.depth - 1);
        self.out.push(b'}');
    }
}

fn write_column(column: &Column, mut object: Object<'_>) {
    if let Some(id) = &column.id {
        object.string("ColumnId", id);
    }
    object.string("ColumnName", &column.name);
    object.string("ColumnType", &column.ty);
    if let Some(default) = &column.default {
        object.string("ColumnDefault", default);
    }
    object.string_unless_empty("ColumnPrecision", &column.precision);
    object.string_unless_empty("ColumnScale", &column.scale);
    if !column.nullable {
        object.string("ColumnNullable", "false");
    }
    if column.primary {
        object.string("ColumnIsPk", "true");
    }
    object.close();
}

fn indent(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    for _ in 0..depth {
        out.extend_from_slice(b"    ");
    }
}
