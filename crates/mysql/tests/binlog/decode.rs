//! From a binlog file to text that can be compared with what SELECT prints.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tidegate_model::{ColumnInfo, ColumnType, Datum, Image, Result, RowBlock, TableId, TableInfo, Ts};
use tidegate_mysql::Flavour;
use tidegate_mysql::binlog::{
    CollationTable, Event, EventBody, EventHeader, Framer, HEADER_BYTES, RowsEvent, TableMap, TablePlan,
};

/// The events of a binlog file, in order.
pub(crate) fn packets(file: &[u8]) -> Vec<Bytes> {
    assert_eq!(&file[..4], b"\xfebin", "a binlog file");
    let mut rest = Bytes::copy_from_slice(&file[4..]);
    let mut packets = Vec::new();
    while rest.len() >= HEADER_BYTES {
        let size = EventHeader::parse(&rest).unwrap().size as usize;
        packets.push(rest.split_to(size));
    }
    assert!(rest.is_empty(), "the file ends with a whole event");
    packets
}

static COLLATIONS: LazyLock<CollationTable> = LazyLock::new(CollationTable::builtin);

/// Decodes what a reader would, and keeps the tables that row events name by number.
pub(crate) struct Decoder {
    framer: Framer,
    collations: &'static CollationTable,
    tables: HashMap<u64, (Arc<TableInfo>, TablePlan)>,
    /// Types that only the catalogue tells, by column name.
    pub(crate) hints: HashMap<&'static str, ColumnType>,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Decoder {
            framer: Framer::new(Flavour::MariaDb),
            collations: &COLLATIONS,
            tables: HashMap::new(),
            hints: HashMap::new(),
        }
    }

    pub(crate) fn frame(&mut self, packet: &Bytes) -> Result<Event> {
        self.framer.frame(packet)
    }

    /// Frames an event; of row events also the rows.
    pub(crate) fn event(&mut self, packet: &Bytes) -> Result<Option<RowBlock>> {
        let event = self.frame(packet)?;
        self.body(&event.body)
    }

    pub(crate) fn body(&mut self, body: &EventBody) -> Result<Option<RowBlock>> {
        match body {
            EventBody::TableMap(event) => {
                let map = TableMap::parse(event)?;
                let info = self.enrich(map.table_info(TableId(1), Ts::ZERO, self.collations)?);
                let plan = TablePlan::compile(&map, &info, self.collations)?;
                self.tables.insert(event.table_id, (Arc::new(info), plan));
                Ok(None)
            }
            EventBody::Rows(rows) => self.rows(rows),
            EventBody::TransactionPayload(payload) => {
                let framer = self.framer.clone();
                let mut last = None;
                for event in payload.events(&framer, 1 << 24) {
                    last = self.body(&event?.body)?.or(last);
                }
                Ok(last)
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn table(&self, table_id: u64) -> Option<&Arc<TableInfo>> {
        self.tables.get(&table_id).map(|(info, _)| info)
    }

    /// Every table that the file maps.
    pub(crate) fn tables_of(&mut self, file: &[u8]) -> Vec<Arc<TableInfo>> {
        let mut tables = Vec::new();
        for packet in packets(file) {
            let event = self.frame(&packet).unwrap();
            self.body(&event.body).unwrap();
            if let EventBody::TableMap(map) = &event.body {
                tables.extend(self.table(map.table_id).cloned());
            }
        }
        tables
    }

    fn rows(&self, rows: &RowsEvent) -> Result<Option<RowBlock>> {
        match self.tables.get(&rows.table_id) {
            Some((info, plan)) => plan.decode_rows(rows, Arc::clone(info)).map(Some),
            None => Ok(None),
        }
    }

    fn enrich(&self, mut info: TableInfo) -> TableInfo {
        for column in &mut info.columns {
            if let Some(ty) = self.hints.get(&*column.name) {
                column.ty = ty.clone();
            }
        }
        info
    }
}

/// Every row of a file, one per line: table, operation, images.
pub(crate) fn file_text(decoder: &mut Decoder, file: &[u8]) -> String {
    let mut text = String::new();
    for packet in packets(file) {
        if let Some(block) = decoder.event(&packet).unwrap() {
            write_block(&block, &mut text);
        }
    }
    text
}

pub(crate) fn write_block(block: &RowBlock, text: &mut String) {
    for row in block.rows() {
        let operation = format!("{:?}", block.op()).to_lowercase();
        let images: Vec<String> = [row.before(), row.after()]
            .into_iter()
            .flatten()
            .map(|image| image_text(&block.table().columns, image))
            .collect();
        writeln!(
            text,
            "{} {operation}\t{}",
            block.table().name.table,
            images.join("\t=>\t")
        )
        .unwrap();
    }
}

fn image_text(columns: &[ColumnInfo], image: Image<'_>) -> String {
    let values = columns.iter().zip(image.iter());
    values
        .map(|(column, datum)| value_text(column, datum))
        .collect::<Vec<_>>()
        .join("\t")
}

/// Numbers and times as SELECT prints them, strings as HEX() of their UTF-8 or raw bytes.
fn value_text(column: &ColumnInfo, datum: Datum<'_>) -> String {
    match datum {
        Datum::Absent => "-".to_owned(),
        Datum::Null => "NULL".to_owned(),
        Datum::Int(number) => number.to_string(),
        Datum::UInt(number) | Datum::Bit(number) => number.to_string(),
        Datum::Float(number) => number.to_string(),
        Datum::Double(number) => number.to_string(),
        Datum::Decimal(text) => text.to_owned(),
        Datum::Bytes(bytes) | Datum::Text(bytes) | Datum::Geometry(bytes) | Datum::Vector(bytes) => {
            hex(bytes)
        }
        Datum::Json(text) => hex(text.as_bytes()),
        Datum::Date(d) => format!("{:04}-{:02}-{:02}", d.year, d.month, d.day),
        Datum::DateTime(d) => {
            let date = format!("{:04}-{:02}-{:02}", d.year, d.month, d.day);
            let time = format!("{:02}:{:02}:{:02}", d.hour, d.minute, d.second);
            format!("{date} {time}{}", fraction(&column.ty, d.micros))
        }
        // The scenarios select UNIX_TIMESTAMP().
        Datum::Timestamp(t) => format!("{}{}", t.seconds, fraction(&column.ty, t.micros)),
        Datum::Time(t) => {
            let sign = if t.micros < 0 { "-" } else { "" };
            let size = t.micros.unsigned_abs();
            let seconds = size / 1_000_000;
            let time = format!(
                "{:02}:{:02}:{:02}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            );
            format!("{sign}{time}{}", fraction(&column.ty, (size % 1_000_000) as u32))
        }
        Datum::Year(year) => format!("{year:04}"),
        Datum::Enum(index) => hex(member(&column.ty, index).as_bytes()),
        Datum::Set(mask) => {
            let members = (1..=64).filter(|n| mask >> (n - 1) & 1 == 1);
            hex(members
                .map(|n| member(&column.ty, n))
                .collect::<Vec<_>>()
                .join(",")
                .as_bytes())
        }
    }
}

fn member(ty: &ColumnType, index: u64) -> &str {
    let (ColumnType::Enum { members } | ColumnType::Set { members }) = ty else {
        panic!("{ty:?} has members");
    };
    match index {
        0 => "",
        index => &members[index as usize - 1],
    }
}

fn fraction(ty: &ColumnType, micros: u32) -> String {
    let fsp = match ty {
        ColumnType::Time { fsp } | ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp } => *fsp,
        _ => 0,
    };
    if fsp == 0 {
        String::new()
    } else {
        format!(".{}", &format!("{micros:06}")[..fsp.into()])
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}
