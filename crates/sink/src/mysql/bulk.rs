//! Long runs of inserted rows as one prepared statement with many rows of parameters: MariaDB's COM_STMT_BULK_EXECUTE.
//!
//! The server parses one row's worth of SQL and is sent values, where a multi-row INSERT makes it read a text as long as
//! all rows: half the work. It is INSERT or REPLACE all the same, with the same checks, errors and triggers. What the
//! protocol or the driver might carry wrongly is left to text: see [`BulkPlan::new`] and [`carries`].

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mysql_async::Value;
use tidegate_model::{ColumnType, DateTime, Datum, Image, RowBlock, RowOp, TableInfo, Time, TxnEvent};
use tidegate_mysql::sql::{civil, push_ident, push_table};

use super::config::MysqlConfig;
use super::script::Form;
use super::session::Facts;

/// A run of fewer rows goes as text: it shares a round trip with what stands before and behind it, a bulk has its own.
const RUN_ROWS_MIN: usize = 500;
/// An event whose rows take more memory than this goes as text: one of them may not fit into a packet.
const EVENT_BYTES_MAX: usize = 512 << 10;
/// A server must take packets of this size: then any row of such an event fits.
const SERVER_PACKET_BYTES_MIN: usize = 4 << 20;
/// Bytes of one packet. Its values stand beside it in memory while it is made.
const PACKET_BYTES_MAX: usize = 256 << 10;
/// Parameters of one packet: a value takes 32 bytes of memory, however short it is.
const PACKET_VALUES_MAX: usize = 16 << 10;
/// Parameters of a statement, by the protocol.
const COLUMNS_MAX: usize = u16::MAX as usize;

/// Whether bulks may be sent: shared by the builder that makes them and the applier that may find that they cannot be.
#[derive(Clone, Debug)]
pub(crate) struct BulkSwitch(Arc<AtomicBool>);

impl BulkSwitch {
    pub(crate) fn new(on: bool) -> Self {
        BulkSwitch(Arc::new(AtomicBool::new(on)))
    }

    /// On where configuration and server allow it.
    pub(crate) fn for_server(config: &MysqlConfig, facts: &Facts) -> Self {
        let large_packets = facts.max_allowed_packet >= SERVER_PACKET_BYTES_MIN;
        Self::new(config.cache_statements && facts.takes_bulks && large_packets)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns whether it was on.
    pub(crate) fn turn_off(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// The prepared statements of one table version.
pub(crate) struct BulkPlan {
    insert: Arc<str>,
    replace: Arc<str>,
    /// Columns that are written, in the order of the parameters.
    columns: Arc<[usize]>,
}

impl BulkPlan {
    /// `None` for a table with columns whose values are not safe to send as parameters: text and number would mean
    /// something else there, or have never been tried; and with names in which the driver would see parameters.
    pub(crate) fn new(table: &TableInfo, written: &[usize]) -> Option<BulkPlan> {
        let columns = || written.iter().map(|&at| &table.columns[at]);
        let names = || columns().map(|column| &*column.name);
        let mut all_names = names().chain([&*table.name.schema, &*table.name.table]);
        let is_plain = written.len() <= COLUMNS_MAX
            && !written.is_empty()
            && !all_names.any(|name| name.contains(['?', ':', '\'', '"', '#', '-', '/', '\\', '`']))
            && columns().all(|column| is_plain(&column.ty));
        is_plain.then(|| BulkPlan {
            insert: statement("INSERT", table, names()),
            replace: statement("REPLACE", table, names()),
            columns: written.into(),
        })
    }
}

fn statement<'a>(verb: &str, table: &TableInfo, names: impl Iterator<Item = &'a str>) -> Arc<str> {
    let mut list = Vec::new();
    let mut marks = String::new();
    for name in names {
        if !list.is_empty() {
            list.push(b',');
            marks.push(',');
        }
        push_ident(&mut list, name);
        marks.push('?');
    }
    let mut target = Vec::new();
    push_table(&mut target, &table.name);
    let (target, list) = (String::from_utf8_lossy(&target), String::from_utf8_lossy(&list));
    format!("{verb} INTO {target} ({list}) VALUES ({marks})").into()
}

/// Types whose values the server takes as parameters exactly as it takes literals.
fn is_plain(ty: &ColumnType) -> bool {
    !matches!(
        ty,
        ColumnType::Geometry
            | ColumnType::Vector { .. }
            | ColumnType::Uuid
            | ColumnType::Inet4
            | ColumnType::Inet6
    )
}

/// How many of the blocks from `first` on are one run that is worth a bulk, and can be one; 0: none.
pub(crate) fn run_of(blocks: &[RowBlock], first: usize) -> usize {
    let Some(head) = blocks.get(first) else {
        return 0;
    };
    let belongs = |block: &&RowBlock| {
        block.op() == RowOp::Insert
            && Arc::ptr_eq(block.table(), head.table())
            && block.memory_bytes() <= EVENT_BYTES_MAX
    };
    let run = || blocks[first..].iter().take_while(belongs);
    let rows: usize = run().map(RowBlock::len).sum();
    if rows < RUN_ROWS_MIN || !run().all(carries) {
        return 0;
    }
    run().count()
}

/// Whether the server would read every value of a block as it reads the literal.
fn carries(block: &RowBlock) -> bool {
    block
        .rows()
        .filter_map(|row| row.after())
        .all(|image| image.iter().all(|datum| value_is_plain(datum)))
}

fn value_is_plain(datum: Datum<'_>) -> bool {
    match datum {
        // Text says what is missing.
        Datum::Absent => false,
        // As a parameter it would become NULL in silence.
        Datum::Float(v) => v.is_finite(),
        Datum::Double(v) => v.is_finite(),
        // Text that is not valid goes as bytes, which a parameter of a text column cannot.
        Datum::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

/// A run of rows on its way to the server.
pub(crate) struct Bulk {
    pub(crate) statement: Arc<str>,
    columns: Arc<[usize]>,
    txn: Arc<TxnEvent>,
    blocks: Range<usize>,
}

impl Bulk {
    /// The blocks are what [`run_of`] found.
    pub(crate) fn new(plan: &BulkPlan, txn: &Arc<TxnEvent>, blocks: Range<usize>, form: Form) -> Bulk {
        let statement = match form {
            Form::Plain => &plan.insert,
            Form::Safe => &plan.replace,
        };
        Bulk {
            statement: Arc::clone(statement),
            columns: Arc::clone(&plan.columns),
            txn: Arc::clone(txn),
            blocks,
        }
    }

    /// Bytes of the source, about those that are sent.
    pub(crate) fn bytes(&self) -> usize {
        self.txn.blocks[self.blocks.clone()]
            .iter()
            .map(RowBlock::source_bytes)
            .sum()
    }

    /// The rows, cut into packets of at most `bytes_max` bytes or a single row. Values are made as they are asked for.
    pub(crate) fn packets(&self, bytes_max: usize) -> impl Iterator<Item = Vec<Vec<Value>>> {
        let bytes_max = bytes_max.min(PACKET_BYTES_MAX);
        let rows_max = (PACKET_VALUES_MAX / self.columns.len().max(1)).max(1);
        let images = self.txn.blocks[self.blocks.clone()]
            .iter()
            .flat_map(RowBlock::rows)
            .filter_map(|row| row.after());
        let mut rows = images.map(|image| self.row(image)).peekable();
        std::iter::from_fn(move || {
            let mut packet = Vec::new();
            let mut bytes = 0;
            while let Some((_, row_bytes)) = rows.peek() {
                bytes += row_bytes;
                if !packet.is_empty() && (bytes > bytes_max || packet.len() >= rows_max) {
                    break;
                }
                packet.extend(rows.next().map(|(row, _)| row));
            }
            (!packet.is_empty()).then_some(packet)
        })
    }

    /// The values of a row, and the bytes they take in a packet.
    fn row(&self, image: Image<'_>) -> (Vec<Value>, usize) {
        let row: Vec<Value> = self.columns.iter().map(|&at| value(image.get(at))).collect();
        let bytes = row.iter().map(|value| 1 + value.bin_len() as usize).sum();
        (row, bytes)
    }
}

/// The parameter that means the same as the literal of `datum`.
fn value(datum: Datum<'_>) -> Value {
    match datum {
        // `run_of` lets no row with a missing value pass.
        Datum::Null | Datum::Absent => Value::NULL,
        Datum::Int(v) => Value::Int(v),
        Datum::UInt(v) | Datum::Bit(v) | Datum::Enum(v) | Datum::Set(v) => Value::UInt(v),
        Datum::Year(v) => Value::UInt(v.into()),
        Datum::Float(v) => Value::Double(v.into()),
        Datum::Double(v) => Value::Double(v),
        Datum::Decimal(text) | Datum::Json(text) => Value::Bytes(text.as_bytes().to_vec()),
        Datum::Text(bytes) | Datum::Bytes(bytes) | Datum::Geometry(bytes) | Datum::Vector(bytes) => {
            Value::Bytes(bytes.to_vec())
        }
        Datum::Date(v) => Value::Date(v.year, v.month, v.day, 0, 0, 0, 0),
        Datum::DateTime(v) => date_time(v),
        Datum::Timestamp(v) => date_time(civil(v)),
        Datum::Time(v) => time(v),
    }
}

fn date_time(v: DateTime) -> Value {
    Value::Date(v.year, v.month, v.day, v.hour, v.minute, v.second, v.micros)
}

fn time(v: Time) -> Value {
    const MICROS: u64 = 1_000_000;
    let micros = v.micros.unsigned_abs();
    let seconds = micros / MICROS;
    // Below 839 hours, so that nothing is cut.
    let narrow = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    Value::Time(
        v.micros < 0,
        u32::try_from(seconds / 86_400).unwrap_or(u32::MAX),
        narrow(seconds / 3600 % 24),
        narrow(seconds / 60 % 60),
        narrow(seconds % 60),
        u32::try_from(micros % MICROS).unwrap_or(u32::MAX),
    )
}
