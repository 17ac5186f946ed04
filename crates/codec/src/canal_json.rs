//! The canal-json format: one JSON document per row change.
//!
//! Key order, escapes and type numbers are those that TiCDC emits; see its documentation of canal-json.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_model::{
    ColumnType, Datum, DdlEvent, ErrorCode, Generated, Image, Result, Row, RowOp, TableInfo, Ts,
};

use crate::canal_type::{mysql_type, promotion, sql_type, sql_type_of};
use crate::encoder::Encoder;
use crate::json::{self, Flavour};
use crate::table_cache::TableCache;
use crate::text;
use crate::zone::Zone;

/// Settings of the format.
#[derive(Clone, Debug)]
pub struct CanalJsonOptions {
    /// Adds `_tidb` with the commit-ts, and makes watermarks meaningful.
    pub enable_tidb_extension: bool,
    /// `old` of an update carries only the columns whose value changed.
    pub only_output_updated_columns: bool,
    /// Deletes carry only the columns of the handle key.
    pub delete_only_output_handle_key_columns: bool,
    /// `mysqlType` with lengths and members, as the original Canal writes it. Implies
    /// `only_output_updated_columns`.
    pub content_compatible: bool,
    /// Written after each document; files use CR LF unless configured otherwise.
    pub terminator: String,
    /// TIMESTAMP values are shown in this zone.
    pub time_zone: TimeZone,
}

impl Default for CanalJsonOptions {
    fn default() -> Self {
        CanalJsonOptions {
            enable_tidb_extension: false,
            only_output_updated_columns: false,
            delete_only_output_handle_key_columns: false,
            content_compatible: false,
            terminator: "\r\n".to_owned(),
            time_zone: TimeZone::UTC,
        }
    }
}

/// Encodes rows, DDL and watermarks as canal-json.
pub struct CanalJsonEncoder {
    options: CanalJsonOptions,
    zone: Zone,
    tables: TableCache<Prepared>,
}

/// The parts of a table's documents that never change.
struct Prepared {
    /// From `{"id":0,` up to and with `"type":"`.
    head: Vec<u8>,
    /// Columns shown for inserts and updates.
    all: Columns,
    /// Columns shown for deletes when only the handle key is wanted.
    handle: Columns,
}

struct Columns {
    shown: Vec<Shown>,
    /// The numbers that depend on a value, each with the text before it.
    promoted: Vec<Promoted>,
    /// What follows the last of them, up to and with `"mysqlType":{...},"old":`.
    types_end: Vec<u8>,
}

struct Shown {
    index: usize,
    /// `"name":`, with the comma that sets it apart from the column before.
    key: Vec<u8>,
}

/// A column whose `sqlType` grows with its value.
struct Promoted {
    before: Vec<u8>,
    index: usize,
    sql_type: i32,
    promotion: Option<(u64, i32)>,
}

impl CanalJsonEncoder {
    /// An encoder with these settings.
    pub fn new(options: CanalJsonOptions) -> Self {
        let zone = Zone::new(options.time_zone.clone());
        CanalJsonEncoder {
            options,
            zone,
            tables: TableCache::default(),
        }
    }

    /// Appends the message of a schema change, without terminator. The table named is the one after the change.
    pub fn ddl(&self, ddl: &DdlEvent, now_ms: u64, out: &mut Vec<u8>) {
        let (schema, table) = match ddl.tables.first() {
            Some(table) => (&*table.name.schema, &*table.name.table),
            None => (ddl.target_schema.as_deref().unwrap_or(&ddl.schema), ""),
        };
        let message = Message {
            schema,
            table,
            is_ddl: true,
            kind: ddl.kind.canal_type(),
            sql: &ddl.query,
        };
        self.message(&message, ddl.commit_ts, "commitTs", now_ms, out);
    }

    /// Appends a watermark message, without terminator: every event with `commit_ts <= ts` was sent.
    pub fn watermark(&self, ts: Ts, now_ms: u64, out: &mut Vec<u8>) {
        let message = Message {
            schema: "",
            table: "",
            is_ddl: false,
            kind: "TIDB_WATERMARK",
            sql: "",
        };
        self.message(&message, ts, "watermarkTs", now_ms, out);
    }

    fn message(&self, message: &Message<'_>, ts: Ts, ts_key: &str, now_ms: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":0,\"database\":");
        json::string(out, message.schema.as_bytes(), Flavour::Canal);
        out.extend_from_slice(b",\"table\":");
        json::string(out, message.table.as_bytes(), Flavour::Canal);
        out.extend_from_slice(b",\"pkNames\":null,\"isDdl\":");
        out.extend_from_slice(if message.is_ddl { b"true" } else { b"false" });
        out.extend_from_slice(b",\"type\":");
        json::string(out, message.kind.as_bytes(), Flavour::Canal);
        times(out, ts, now_ms);
        out.extend_from_slice(b",\"sql\":");
        json::string(out, message.sql.as_bytes(), Flavour::Canal);
        out.extend_from_slice(b",\"sqlType\":null,\"mysqlType\":null,\"data\":null,\"old\":null");
        if self.options.enable_tidb_extension {
            extension(out, ts_key, ts);
        }
        out.push(b'}');
    }

    fn document(
        &mut self,
        row: Row<'_>,
        prepared: &Prepared,
        commit_ts: Ts,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(data) = row.after().or(row.before()) else {
            return Ok(());
        };
        let columns = if row.op() == RowOp::Delete && self.options.delete_only_output_handle_key_columns {
            &prepared.handle
        } else {
            &prepared.all
        };
        out.extend_from_slice(&prepared.head);
        out.extend_from_slice(match row.op() {
            RowOp::Insert => b"INSERT\"",
            RowOp::Update => b"UPDATE\"",
            RowOp::Delete => b"DELETE\"",
        });
        times(out, commit_ts, now_ms);
        for column in &columns.promoted {
            out.extend_from_slice(&column.before);
            let number = sql_type_of(column.sql_type, column.promotion, data.get(column.index));
            text::int(out, number.into());
        }
        out.extend_from_slice(&columns.types_end);
        match (row.op(), row.before()) {
            (RowOp::Update, Some(before)) => self.old(row.table(), columns, before, data, out)?,
            _ => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"data\":[{");
        self.image(row.table(), columns, data, |_| true, out)?;
        out.extend_from_slice(b"}]");
        if self.options.enable_tidb_extension {
            extension(out, "commitTs", commit_ts);
        }
        out.push(b'}');
        out.extend_from_slice(self.options.terminator.as_bytes());
        Ok(())
    }

    fn old(
        &mut self,
        table: &TableInfo,
        columns: &Columns,
        before: Image<'_>,
        after: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let changed_only = self.options.only_output_updated_columns || self.options.content_compatible;
        out.extend_from_slice(b"[{");
        self.image(
            table,
            columns,
            before,
            |i| !changed_only || before.get(i) != after.get(i),
            out,
        )?;
        out.extend_from_slice(b"}]");
        Ok(())
    }

    fn image(
        &mut self,
        table: &TableInfo,
        columns: &Columns,
        image: Image<'_>,
        wanted: impl Fn(usize) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut first = true;
        for shown in columns.shown.iter().filter(|shown| wanted(shown.index)) {
            let comma = usize::from(first);
            first = false;
            out.extend_from_slice(shown.key.get(comma..).unwrap_or_default());
            self.value(table, shown.index, image.get(shown.index), out)?;
        }
        Ok(())
    }

    /// Every value is a JSON string or null.
    fn value(&mut self, table: &TableInfo, index: usize, datum: Datum<'_>, out: &mut Vec<u8>) -> Result<()> {
        let column = &table.columns[index];
        match datum {
            Datum::Absent => return Err(text::absent(column)),
            Datum::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Datum::Text(bytes) => {
                json::string(out, bytes, Flavour::Canal);
                return Ok(());
            }
            Datum::Json(value) => {
                json::string(out, value.as_bytes(), Flavour::Canal);
                return Ok(());
            }
            Datum::Bytes(bytes)
                if matches!(
                    column.ty,
                    ColumnType::Uuid | ColumnType::Inet4 | ColumnType::Inet6
                ) =>
            {
                out.push(b'"');
                if !text::address(out, &column.ty, bytes) {
                    return Err(tidegate_model::CdcError::new(
                        ErrorCode::CorruptedDataMutation,
                        format_args!("column {} holds {} bytes", column.name, bytes.len()),
                    ));
                }
                out.push(b'"');
                return Ok(());
            }
            Datum::Bytes(bytes) | Datum::Geometry(bytes) => {
                json::latin1(out, bytes);
                return Ok(());
            }
            _ => {}
        }
        out.push(b'"');
        match datum {
            Datum::Int(v) => text::int(out, v),
            Datum::UInt(v) | Datum::Bit(v) | Datum::Enum(v) | Datum::Set(v) => text::uint(out, v),
            Datum::Year(v) => text::uint(out, v.into()),
            Datum::Float(v) => text::float(out, v),
            Datum::Double(v) => text::double(out, v),
            Datum::Decimal(v) => out.extend_from_slice(v.as_bytes()),
            Datum::Vector(bytes) => text::vector(out, bytes),
            other => {
                text::temporal(out, column, other, &mut self.zone);
            }
        }
        out.push(b'"');
        Ok(())
    }
}

impl Encoder for CanalJsonEncoder {
    fn start_file(&mut self, _table: &TableInfo, _out: &mut Vec<u8>) {}

    fn row(&mut self, row: Row<'_>, commit_ts: Ts, now_ms: u64, out: &mut Vec<u8>) -> Result<()> {
        let options = &self.options;
        let prepared: Arc<Prepared> = self.tables.get(row.table(), |table| prepare(table, options));
        let start = out.len();
        let result = self.document(row, &prepared, commit_ts, now_ms, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn extension(&self) -> &'static str {
        "json"
    }
}

struct Message<'a> {
    schema: &'a str,
    table: &'a str,
    is_ddl: bool,
    kind: &'a str,
    sql: &'a str,
}

fn times(out: &mut Vec<u8>, ts: Ts, now_ms: u64) {
    out.extend_from_slice(b",\"es\":");
    text::uint(out, ts.physical_ms());
    out.extend_from_slice(b",\"ts\":");
    text::uint(out, now_ms);
}

fn extension(out: &mut Vec<u8>, key: &str, ts: Ts) {
    out.extend_from_slice(b",\"_tidb\":{\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    text::uint(out, ts.as_u64());
    out.push(b'}');
}

fn prepare(table: &TableInfo, options: &CanalJsonOptions) -> Prepared {
    let mut head = b"{\"id\":0,\"database\":".to_vec();
    json::string(&mut head, table.name.schema.as_bytes(), Flavour::Canal);
    head.extend_from_slice(b",\"table\":");
    json::string(&mut head, table.name.table.as_bytes(), Flavour::Canal);
    head.extend_from_slice(b",\"pkNames\":[");
    for (i, name) in table.primary_key_names().enumerate() {
        if i > 0 {
            head.push(b',');
        }
        json::string(&mut head, name.as_bytes(), Flavour::Canal);
    }
    head.extend_from_slice(b"],\"isDdl\":false,\"type\":\"");
    let key_columns: &[usize] = table.handle().map_or(&[], |index| &index.columns);
    let compatible = options.content_compatible;
    Prepared {
        head,
        all: columns(table, compatible, |_| true),
        handle: columns(table, compatible, |i| key_columns.contains(&i)),
    }
}

fn columns(table: &TableInfo, content_compatible: bool, wanted: impl Fn(usize) -> bool) -> Columns {
    let mut mysql_types = b"},\"mysqlType\":{".to_vec();
    let mut fixed = b",\"sql\":\"\",\"sqlType\":{".to_vec();
    let (mut shown, mut promoted) = (Vec::new(), Vec::new());
    for (index, column) in table.columns.iter().enumerate() {
        if column.generated == Generated::Virtual || !wanted(index) {
            continue;
        }
        let mut key = b",".to_vec();
        json::string(&mut key, column.name.as_bytes(), Flavour::Canal);
        key.push(b':');
        let comma = usize::from(shown.is_empty());
        let apart = key.get(comma..).unwrap_or_default();
        mysql_types.extend_from_slice(apart);
        json::string(
            &mut mysql_types,
            mysql_type(column, content_compatible).as_bytes(),
            Flavour::Canal,
        );
        fixed.extend_from_slice(apart);
        match promotion(column) {
            None => text::int(&mut fixed, sql_type(column).into()),
            promotion => promoted.push(Promoted {
                before: std::mem::take(&mut fixed),
                index,
                sql_type: sql_type(column),
                promotion,
            }),
        }
        shown.push(Shown { index, key });
    }
    fixed.append(&mut mysql_types);
    fixed.extend_from_slice(b"},\"old\":");
    Columns {
        shown,
        promoted,
        types_end: fixed,
    }
}
