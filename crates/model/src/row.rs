//! Rows, many at a time: one block per source event, values borrowed from the event's own bytes.
//!
//! A block holds one flat array of 16-byte cells for all its rows. Strings are ranges of either the source
//! bytes (nothing copied) or the block's arena (converted or rendered text). So a row costs no allocation.

use std::sync::Arc;

use bytes::Bytes;

use crate::datum::{Date, DateTime, Datum, Time, Timestamp};
use crate::table::TableInfo;

/// What happened to the rows of a block.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum RowOp {
    /// Only after images.
    Insert,
    /// Before and after images.
    Update,
    /// Only before images.
    Delete,
}

impl RowOp {
    const fn images(self) -> usize {
        match self {
            RowOp::Insert | RowOp::Delete => 1,
            RowOp::Update => 2,
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq)]
enum StrKind {
    Decimal,
    Bytes,
    Text,
    Json,
    Geometry,
    Vector,
}

#[derive(Copy, Clone, Debug, PartialEq)]
enum Cell {
    Absent,
    Null,
    Int(i64),
    UInt(u64),
    Float(f32),
    Double(f64),
    Date(Date),
    /// Microseconds in the low 20 bits, then second, minute, hour, day, month (6, 6, 5, 5, 4 bits), year above.
    DateTime(u64),
    Timestamp(Timestamp),
    Time(i64),
    Year(u16),
    Bit(u64),
    Enum(u64),
    Set(u64),
    Source(StrKind, u32, u32),
    Arena(StrKind, u32, u32),
}

/// Rows of one table and one operation, in source order.
///
/// Immutable once built; hand it on by value or in an `Arc`.
#[derive(Clone, Debug)]
pub struct RowBlock {
    table: Arc<TableInfo>,
    op: RowOp,
    source: Bytes,
    arena: Vec<u8>,
    cells: Vec<Cell>,
}

impl RowBlock {
    /// The table version the rows were written under.
    pub fn table(&self) -> &Arc<TableInfo> {
        &self.table
    }

    /// The operation of every row in the block.
    pub fn op(&self) -> RowOp {
        self.op
    }

    /// Number of rows; an update with its two images is one row.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width()).unwrap_or(0)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Row `index`.
    ///
    /// # Panics
    /// When `index >= len()`.
    pub fn row(&self, index: usize) -> Row<'_> {
        let width = self.width();
        Row {
            block: self,
            cells: &self.cells[index * width..(index + 1) * width],
        }
    }

    /// All rows in source order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Keeps the rows that `keep` says yes to, by their index, in source order. Copies no string and allocates
    /// nothing; the bytes that only dropped rows used stay until the block goes.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let width = self.width();
        let mut kept = 0;
        for index in 0..self.len() {
            if keep(index) {
                if kept != index {
                    self.cells
                        .copy_within(index * width..(index + 1) * width, kept * width);
                }
                kept += 1;
            }
        }
        self.cells.truncate(kept * width);
    }

    /// Bytes this block keeps in memory: the unit in which the memory quota is counted.
    pub fn memory_bytes(&self) -> usize {
        self.source.len()
            + self.arena.capacity()
            + self.cells.capacity() * size_of::<Cell>()
            + size_of::<Self>()
    }

    /// Bytes of the source event behind the block; what throughput figures count.
    pub fn source_bytes(&self) -> usize {
        self.source.len()
    }

    fn width(&self) -> usize {
        self.table.columns.len() * self.op.images()
    }

    fn datum(&self, cell: Cell) -> Datum<'_> {
        match cell {
            Cell::Absent => Datum::Absent,
            Cell::Null => Datum::Null,
            Cell::Int(v) => Datum::Int(v),
            Cell::UInt(v) => Datum::UInt(v),
            Cell::Float(v) => Datum::Float(v),
            Cell::Double(v) => Datum::Double(v),
            Cell::Date(v) => Datum::Date(v),
            Cell::DateTime(v) => Datum::DateTime(unpack_datetime(v)),
            Cell::Timestamp(v) => Datum::Timestamp(v),
            Cell::Time(micros) => Datum::Time(Time { micros }),
            Cell::Year(v) => Datum::Year(v),
            Cell::Bit(v) => Datum::Bit(v),
            Cell::Enum(v) => Datum::Enum(v),
            Cell::Set(v) => Datum::Set(v),
            Cell::Source(kind, start, len) => string_datum(kind, range(&self.source, start, len)),
            Cell::Arena(kind, start, len) => string_datum(kind, range(&self.arena, start, len)),
        }
    }
}

fn range(buffer: &[u8], start: u32, len: u32) -> &[u8] {
    let start = start as usize;
    &buffer[start..start + len as usize]
}

fn string_datum(kind: StrKind, bytes: &[u8]) -> Datum<'_> {
    match kind {
        StrKind::Bytes => Datum::Bytes(bytes),
        StrKind::Text => Datum::Text(bytes),
        StrKind::Geometry => Datum::Geometry(bytes),
        StrKind::Vector => Datum::Vector(bytes),
        // Both were pushed as `str`, see the builder.
        StrKind::Decimal => Datum::Decimal(std::str::from_utf8(bytes).unwrap_or_default()),
        StrKind::Json => Datum::Json(std::str::from_utf8(bytes).unwrap_or_default()),
    }
}

/// One row of a block.
#[derive(Copy, Clone)]
pub struct Row<'a> {
    block: &'a RowBlock,
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// The table version of the row.
    pub fn table(&self) -> &'a Arc<TableInfo> {
        &self.block.table
    }

    /// What happened to it.
    pub fn op(&self) -> RowOp {
        self.block.op
    }

    /// The row before the change: of updates and deletes.
    pub fn before(&self) -> Option<Image<'a>> {
        match self.block.op {
            RowOp::Insert => None,
            RowOp::Update | RowOp::Delete => Some(self.image(0)),
        }
    }

    /// The row after the change: of inserts and updates.
    pub fn after(&self) -> Option<Image<'a>> {
        match self.block.op {
            RowOp::Insert => Some(self.image(0)),
            RowOp::Update => Some(self.image(1)),
            RowOp::Delete => None,
        }
    }

    fn image(&self, index: usize) -> Image<'a> {
        let columns = self.block.table.columns.len();
        Image {
            block: self.block,
            cells: &self.cells[index * columns..(index + 1) * columns],
        }
    }
}

/// One image of a row: a value for each column of the table.
#[derive(Copy, Clone)]
pub struct Image<'a> {
    block: &'a RowBlock,
    cells: &'a [Cell],
}

impl<'a> Image<'a> {
    /// Number of values, equal to the number of columns.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether the table has no column.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The value of column `index`.
    ///
    /// # Panics
    /// When `index >= len()`.
    pub fn get(&self, index: usize) -> Datum<'a> {
        self.block.datum(self.cells[index])
    }

    /// All values in column order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Datum<'a>> + use<'a> {
        let block = self.block;
        self.cells.iter().map(move |&cell| block.datum(cell))
    }
}

/// Fills a block value by value: for each row the before image (update, delete), then the after image (insert,
/// update), each with one value per column.
pub struct RowBlockBuilder {
    block: RowBlock,
}

impl RowBlockBuilder {
    /// Starts a block whose borrowed strings are ranges of `source`.
    pub fn new(table: Arc<TableInfo>, op: RowOp, source: Bytes) -> Self {
        RowBlockBuilder {
            block: RowBlock {
                table,
                op,
                source,
                arena: Vec::new(),
                cells: Vec::new(),
            },
        }
    }

    /// Makes room for `cells` more values.
    pub fn reserve(&mut self, cells: usize) {
        self.block.cells.reserve(cells);
    }

    /// Makes room for `bytes` more of copied and rendered strings.
    pub fn reserve_arena(&mut self, bytes: usize) {
        self.block.arena.reserve(bytes);
    }

    /// The bytes that ranges refer to.
    pub fn source(&self) -> &Bytes {
        &self.block.source
    }

    /// Appends a value; strings are copied into the block's arena.
    #[inline]
    pub fn push(&mut self, datum: Datum<'_>) {
        let cell = match datum {
            Datum::Absent => Cell::Absent,
            Datum::Null => Cell::Null,
            Datum::Int(v) => Cell::Int(v),
            Datum::UInt(v) => Cell::UInt(v),
            Datum::Float(v) => Cell::Float(v),
            Datum::Double(v) => Cell::Double(v),
            Datum::Date(v) => Cell::Date(v),
            Datum::DateTime(v) => Cell::DateTime(pack_datetime(v)),
            Datum::Timestamp(v) => Cell::Timestamp(v),
            Datum::Time(v) => Cell::Time(v.micros),
            Datum::Year(v) => Cell::Year(v),
            Datum::Bit(v) => Cell::Bit(v),
            Datum::Enum(v) => Cell::Enum(v),
            Datum::Set(v) => Cell::Set(v),
            Datum::Decimal(text) => self.arena(StrKind::Decimal, text.as_bytes()),
            Datum::Bytes(bytes) => self.arena(StrKind::Bytes, bytes),
            Datum::Text(bytes) => self.arena(StrKind::Text, bytes),
            Datum::Json(text) => self.arena(StrKind::Json, text.as_bytes()),
            Datum::Geometry(bytes) => self.arena(StrKind::Geometry, bytes),
            Datum::Vector(bytes) => self.arena(StrKind::Vector, bytes),
        };
        self.block.cells.push(cell);
    }

    /// Appends `Datum::Null`.
    #[inline]
    pub fn push_null(&mut self) {
        self.block.cells.push(Cell::Null);
    }

    /// Appends `Datum::Int`.
    #[inline]
    pub fn push_int(&mut self, v: i64) {
        self.block.cells.push(Cell::Int(v));
    }

    /// Appends `Datum::UInt`.
    #[inline]
    pub fn push_uint(&mut self, v: u64) {
        self.block.cells.push(Cell::UInt(v));
    }

    /// Appends `Datum::Double`.
    #[inline]
    pub fn push_double(&mut self, v: f64) {
        self.block.cells.push(Cell::Double(v));
    }

    /// Appends `Datum::Float`.
    #[inline]
    pub fn push_float(&mut self, v: f32) {
        self.block.cells.push(Cell::Float(v));
    }

    /// Appends `Datum::Date`.
    #[inline]
    pub fn push_date(&mut self, v: Date) {
        self.block.cells.push(Cell::Date(v));
    }

    /// Appends `Datum::DateTime`.
    #[inline]
    pub fn push_datetime(&mut self, v: DateTime) {
        self.block.cells.push(Cell::DateTime(pack_datetime(v)));
    }

    /// Appends `Datum::Timestamp`.
    #[inline]
    pub fn push_timestamp(&mut self, v: Timestamp) {
        self.block.cells.push(Cell::Timestamp(v));
    }

    /// Appends `Datum::Text` for `len` source bytes from `start`, uncopied.
    ///
    /// # Panics
    /// Later, on reading, when the range leaves the source: check it first.
    #[inline]
    pub fn push_source_text(&mut self, start: usize, len: usize) {
        self.push_source(StrKind::Text, start, len);
    }

    /// Appends `Datum::Bytes` for `len` source bytes from `start`, uncopied.
    #[inline]
    pub fn push_source_bytes(&mut self, start: usize, len: usize) {
        self.push_source(StrKind::Bytes, start, len);
    }

    /// Appends `Datum::Geometry` for `len` source bytes from `start`, uncopied.
    #[inline]
    pub fn push_source_geometry(&mut self, start: usize, len: usize) {
        self.push_source(StrKind::Geometry, start, len);
    }

    /// Appends `Datum::Vector` for `len` source bytes from `start`, uncopied.
    #[inline]
    pub fn push_source_vector(&mut self, start: usize, len: usize) {
        self.push_source(StrKind::Vector, start, len);
    }

    /// Appends `Datum::Json` for `len` source bytes from `start`, uncopied. They must be UTF-8: check first, because
    /// other bytes read as an empty text.
    #[inline]
    pub fn push_source_json(&mut self, start: usize, len: usize) {
        self.push_source(StrKind::Json, start, len);
    }

    /// Appends `Datum::Decimal` whose text `render` appends to the buffer it is given. It must append ASCII only.
    #[inline]
    pub fn push_decimal_with(&mut self, render: impl FnOnce(&mut Vec<u8>)) {
        let start = self.block.arena.len();
        render(&mut self.block.arena);
        let cell = self.arena_from(StrKind::Decimal, start);
        self.block.cells.push(cell);
    }

    /// Appends to an after image the value that the before image of the same row has for this column.
    ///
    /// # Panics
    /// When no before image was pushed: only in blocks of updates, while their after images are filled.
    #[inline]
    pub fn push_unchanged(&mut self) {
        let before = self.block.cells.len() - self.block.table.columns.len();
        let cell = self.block.cells[before];
        self.block.cells.push(cell);
    }

    /// Bytes copied or rendered so far. The block can hold less than 4 GiB of them: check before pushing more.
    pub fn arena_bytes(&self) -> usize {
        self.block.arena.len()
    }

    /// Gives the column count the block expects per image.
    pub fn columns(&self) -> usize {
        self.block.table.columns.len()
    }

    /// The finished block.
    ///
    /// # Panics
    /// In debug builds, when the number of values is not a whole number of rows.
    pub fn finish(self) -> RowBlock {
        debug_assert!(
            self.block.width() == 0 || self.block.cells.len().is_multiple_of(self.block.width()),
            "a block ends with a whole row"
        );
        self.block
    }

    #[inline]
    fn push_source(&mut self, kind: StrKind, start: usize, len: usize) {
        debug_assert!(start + len <= self.block.source.len(), "range inside the source");
        self.block
            .cells
            .push(Cell::Source(kind, offset(start), offset(len)));
    }

    fn arena(&mut self, kind: StrKind, bytes: &[u8]) -> Cell {
        let start = self.block.arena.len();
        self.block.arena.extend_from_slice(bytes);
        self.arena_from(kind, start)
    }

    fn arena_from(&self, kind: StrKind, start: usize) -> Cell {
        Cell::Arena(kind, offset(start), offset(self.block.arena.len() - start))
    }
}

/// Source events are at most 1 GiB on the wire and the arena at most a few times that, so 32 bits hold.
#[inline]
fn offset(n: usize) -> u32 {
    u32::try_from(n).expect("a row block stays below 4 GiB")
}

fn pack_datetime(v: DateTime) -> u64 {
    u64::from(v.year) << 46
        | u64::from(v.month) << 42
        | u64::from(v.day) << 37
        | u64::from(v.hour) << 32
        | u64::from(v.minute) << 26
        | u64::from(v.second) << 20
        | u64::from(v.micros)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "each field is masked to its width"
)]
fn unpack_datetime(v: u64) -> DateTime {
    DateTime {
        year: (v >> 46) as u16,
        month: (v >> 42 & 0xf) as u8,
        day: (v >> 37 & 0x1f) as u8,
        hour: (v >> 32 & 0x1f) as u8,
        minute: (v >> 26 & 0x3f) as u8,
        second: (v >> 20 & 0x3f) as u8,
        micros: (v & 0xf_ffff) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnInfo, ColumnType, Generated, TableId, TableName, Ts};

    fn table(columns: usize) -> Arc<TableInfo> {
        let column = |i: usize| ColumnInfo {
            name: format!("c{i}").into(),
            ty: ColumnType::Int,
            nullable: true,
            unsigned: false,
            zerofill: false,
            charset: "binary".into(),
            collation: None,
            default: None,
            generated: Generated::No,
            display_width: None,
        };
        Arc::new(TableInfo {
            name: TableName::new("s", "t"),
            id: TableId(1),
            version: Ts::ZERO,
            columns: (0..columns).map(column).collect(),
            indexes: vec![],
        })
    }

    #[test]
    fn cells_stay_sixteen_bytes() {
        assert_eq!(size_of::<Cell>(), 16);
    }

    #[test]
    fn kept_rows_move_together_with_all_their_cells() {
        let mut builder = RowBlockBuilder::new(table(2), RowOp::Update, Bytes::new());
        for value in 0..16 {
            builder.push(Datum::Int(value));
        }
        let mut block = builder.finish();
        block.retain(|index| index % 2 == 1);
        let images = |row: Row<'_>| -> Vec<Datum<'static>> {
            let numbers = row.before().into_iter().chain(row.after()).flat_map(|i| i.iter());
            numbers
                .map(|datum| match datum {
                    Datum::Int(value) => Datum::Int(value),
                    _ => Datum::Null,
                })
                .collect()
        };
        let rows: Vec<_> = block.rows().map(images).collect();
        let numbers = |range: std::ops::Range<i64>| range.map(Datum::Int).collect::<Vec<_>>();
        assert_eq!(rows, [numbers(4..8), numbers(12..16)]);
        block.retain(|_| false);
        assert!(block.is_empty());
    }

    #[test]
    fn an_update_has_both_images_in_column_order() {
        let mut builder = RowBlockBuilder::new(table(2), RowOp::Update, Bytes::from_static(b"abcdef"));
        for datum in [Datum::Int(1), Datum::Text(b"old")] {
            builder.push(datum);
        }
        builder.push(Datum::Int(1));
        builder.push_source_text(2, 3);
        let block = builder.finish();
        assert_eq!(block.len(), 1);
        let row = block.row(0);
        let before: Vec<_> = row.before().expect("updates have one").iter().collect();
        let after: Vec<_> = row.after().expect("updates have one").iter().collect();
        assert_eq!(before, [Datum::Int(1), Datum::Text(b"old")]);
        assert_eq!(after, [Datum::Int(1), Datum::Text(b"cde")]);
    }

    #[test]
    fn every_value_reads_back_as_it_was_pushed() {
        let datetime = DateTime {
            year: 9999,
            month: 12,
            day: 31,
            hour: 23,
            minute: 59,
            second: 59,
            micros: 999_999,
        };
        let values = [
            Datum::Absent,
            Datum::Null,
            Datum::Int(i64::MIN),
            Datum::UInt(u64::MAX),
            Datum::Float(0.1),
            Datum::Double(-1e300),
            Datum::Decimal("-0.50"),
            Datum::Bytes(&[0, 255]),
            Datum::Text("é".as_bytes()),
            Datum::Date(Date {
                year: 2024,
                month: 0,
                day: 0,
            }),
            Datum::DateTime(datetime),
            Datum::DateTime(DateTime::default()),
            Datum::Timestamp(Timestamp {
                seconds: u32::MAX,
                micros: 1,
            }),
            Datum::Time(Time { micros: -1 }),
            Datum::Year(2155),
            Datum::Bit(1 << 63),
            Datum::Enum(0),
            Datum::Set(u64::MAX),
            Datum::Json("{}"),
            Datum::Geometry(b"g"),
            Datum::Vector(b"vvvv"),
        ];
        let mut builder = RowBlockBuilder::new(table(values.len()), RowOp::Insert, Bytes::new());
        for value in values {
            builder.push(value);
        }
        let block = builder.finish();
        let after = block.row(0).after().expect("inserts have one");
        assert_eq!(after.iter().collect::<Vec<_>>(), values);
    }
}
