//! Rows per second of the decoder, beside framing alone: a 20-column table, 8 KiB row events as servers write them.
//!
//! `cargo bench -p tidegate-mysql --bench decode`. Items are row images.
#![allow(clippy::unwrap_used, reason = "the input is made here")]

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tidegate_model::{ColumnType, TableId, TableInfo, Ts};
use tidegate_mysql::Flavour;
use tidegate_mysql::binlog::{
    CollationTable, Event, EventBody, EventHeader, Framer, HEADER_BYTES, TableMap, TablePlan, event_type,
};

const EVENTS: usize = 2000;
const EVENT_BYTES: usize = 8192;

fn main() {
    divan::main();
}

fn event(event_type: u8, body: &[u8]) -> Bytes {
    let header = EventHeader {
        event_type,
        size: (HEADER_BYTES + body.len() + 4) as u32,
        ..EventHeader::default()
    };
    let mut packet = [&header.to_bytes()[..], body].concat();
    packet.extend(header.checksum(body).to_le_bytes());
    packet.into()
}

fn format_description() -> Bytes {
    let mut body = vec![4, 0];
    let mut version = b"10.11.19-MariaDB-log".to_vec();
    version.resize(50, 0);
    body.extend(version);
    body.extend([0, 0, 0, 0, 19]);
    body.extend([8; 171]);
    body.push(1);
    event(event_type::FORMAT_DESCRIPTION, &body)
}

/// Four integers, a double, two decimals, seven strings, DATETIME, TIMESTAMP(3), DATE, TEXT, ENUM, JSON of MariaDB.
fn table_map() -> Bytes {
    let types = [
        8, 3, 3, 2, 5, 246, 246, 15, 15, 15, 15, 15, 15, 254, 18, 17, 10, 252, 254, 252,
    ];
    let mut meta = vec![8, 12, 2, 20, 6];
    for bytes in [80_u16, 80, 160, 400, 400, 1020] {
        meta.extend(bytes.to_le_bytes());
    }
    meta.extend([254, 8, 0, 3, 2, 247, 1, 4]);
    let mut body = vec![1, 0, 0, 0, 0, 0, 1, 0, 1, b's', 0, 1, b't', 0, 20];
    body.extend(types);
    body.push(meta.len() as u8);
    body.extend(meta);
    body.extend([0xfe, 0xff, 0x0f]);
    let names: Vec<u8> = (0..20).flat_map(|i| [2, b'c', b'a' + i]).collect();
    for (field, value) in [
        (1, &[0x40][..]),
        (2, &[45]),
        (4, &names),
        (6, b"\x03\x03new\x04paid\x04sent"),
        (8, &[0]),
        (10, &[45]),
    ] {
        body.push(field);
        body.push(value.len() as u8);
        body.extend(value);
    }
    event(event_type::TABLE_MAP, &body)
}

fn push_row(row: u64, out: &mut Vec<u8>) {
    out.extend([0, 0, 0]);
    out.extend(row.to_le_bytes());
    out.extend((row as u32).to_le_bytes());
    out.extend((row as u32 * 7).to_le_bytes());
    out.extend((row as u16).to_le_bytes());
    out.extend((row as f64 * 1.5).to_le_bytes());
    // DECIMAL(12,2): 3 + 7 digits, then 2; DECIMAL(20,6): 5 + 9 digits, then 6.
    out.extend([0x80, 0, 0, 0, (row % 100) as u8, 19]);
    out.extend([0x80, 0, 1, 0, 0, (row % 250) as u8, 7, 0, 0x12, 0x34]);
    let names = ["Anna", "Schmidt", "anna.schmidt@example.org"];
    names.iter().for_each(|text| push_string(text, 1, out));
    let address = ["Example Street 12", "Berlin"];
    address.iter().for_each(|text| push_string(text, 2, out));
    push_string("a comment of ordinary length that somebody wrote", 2, out);
    push_string("DE", 1, out);
    out.extend([0x99, 0xb2, 0x7b, 0x7c, 0xb0]);
    out.extend([0x65, 0x53, 0xf1, 0, 0x26, 0xac]);
    out.extend([0x5d, 0xd0, 0x0f]);
    push_string(
        "some more text, as it is found in a description column of a table",
        2,
        out,
    );
    out.push(2);
    push_string(r#"{"source": "web", "tags": ["a", "b"], "score": 12}"#, 4, out);
}

fn push_string(text: &str, len_bytes: usize, out: &mut Vec<u8>) {
    out.extend(&text.len().to_le_bytes()[..len_bytes]);
    out.extend(text.as_bytes());
}

struct Input {
    packets: Vec<Bytes>,
    rows: usize,
    bytes: usize,
}

fn input() -> Input {
    let mut packets = Vec::new();
    let mut rows = 0_u64;
    for _ in 0..EVENTS {
        let mut body = vec![1, 0, 0, 0, 0, 0, 1, 0, 20, 0xff, 0xff, 0x0f];
        while body.len() < EVENT_BYTES {
            push_row(rows, &mut body);
            rows += 1;
        }
        packets.push(event(event_type::WRITE_ROWS_V1, &body));
    }
    Input {
        bytes: packets.iter().map(Bytes::len).sum(),
        packets,
        rows: rows as usize,
    }
}

fn framer() -> Framer {
    let mut framer = Framer::new(Flavour::MariaDb);
    framer.frame(&format_description()).unwrap();
    framer
}

fn plan(framer: &mut Framer) -> (TablePlan, Arc<TableInfo>) {
    let Event {
        body: EventBody::TableMap(map),
        ..
    } = framer.frame(&table_map()).unwrap()
    else {
        panic!("a TABLE_MAP")
    };
    let map = TableMap::parse(&map).unwrap();
    let collations = CollationTable::builtin();
    let mut info = map.table_info(TableId(1), Ts::ZERO, &collations).unwrap();
    info.columns[19].ty = ColumnType::Json;
    let plan = TablePlan::compile(&map, &info, &collations).unwrap();
    (plan, Arc::new(info))
}

/// Header, checksum, body of the events; rows left alone.
#[divan::bench]
fn frame(bencher: Bencher) {
    let input = input();
    bencher
        .counter(ItemsCount::new(input.rows))
        .counter(BytesCount::new(input.bytes))
        .bench_local(|| {
            let mut framer = framer();
            for packet in &input.packets {
                black_box(framer.frame(packet).unwrap());
            }
        });
}

/// Framing and decoding.
#[divan::bench]
fn decode_rows(bencher: Bencher) {
    let input = input();
    let (plan, info) = plan(&mut framer());
    bencher
        .counter(ItemsCount::new(input.rows))
        .counter(BytesCount::new(input.bytes))
        .bench_local(|| {
            let mut framer = framer();
            let mut rows = 0;
            for packet in &input.packets {
                let Event {
                    body: EventBody::Rows(event),
                    ..
                } = framer.frame(packet).unwrap()
                else {
                    panic!("a row event")
                };
                rows += black_box(plan.decode_rows(&event, Arc::clone(&info)).unwrap()).len();
            }
            assert_eq!(rows, input.rows);
        });
}

/// Reading a TABLE_MAP and compiling its plan: once per table version.
#[divan::bench]
fn compile_plan(bencher: Bencher) {
    let mut framer = framer();
    let Event {
        body: EventBody::TableMap(event),
        ..
    } = framer.frame(&table_map()).unwrap()
    else {
        panic!("a TABLE_MAP")
    };
    let collations = CollationTable::builtin();
    bencher.bench_local(|| {
        let map = TableMap::parse(&event).unwrap();
        let info = map.table_info(TableId(1), Ts::ZERO, &collations).unwrap();
        black_box(TablePlan::compile(&map, &info, &collations).unwrap())
    });
}
