//! Any bytes as events of a binary log: format description, GTIDs, queries, table maps, rows, compressed ones.
//!
//! The first byte chooses the flavour, the rest is cut into events by their own headers; checksums are put right, or
//! nothing behind them would ever be reached.
#![no_main]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tidegate_model::{Result, TableId, TableInfo, Ts};
use tidegate_mysql::Flavour;
use tidegate_mysql::binlog::{
    CollationTable, EventBody, EventHeader, Framer, HEADER_BYTES, TableMap, TablePlan, fingerprint,
};

static COLLATIONS: LazyLock<CollationTable> = LazyLock::new(CollationTable::builtin);
/// Where the size stands in a header.
const SIZE: std::ops::Range<usize> = 9..13;
const CHECKSUM_BYTES: usize = 4;
/// A compressed transaction may unpack to this.
const PAYLOAD_BYTES_MAX: u64 = 1 << 20;

struct Tables {
    flavour: Flavour,
    by_id: HashMap<u64, (Arc<TableInfo>, TablePlan)>,
}

impl Tables {
    fn body(&mut self, framer: &Framer, body: &EventBody) -> Result<()> {
        match body {
            EventBody::TableMap(event) => {
                let map = TableMap::parse(event)?;
                let info = map.table_info(TableId(1), Ts::ZERO, &COLLATIONS)?;
                // Pure: what is asked twice is answered alike.
                assert_eq!(fingerprint(&info, self.flavour), fingerprint(&info, self.flavour));
                let plan = TablePlan::compile(&map, &info, &COLLATIONS)?;
                self.by_id.insert(event.table_id, (Arc::new(info), plan));
            }
            EventBody::Rows(rows) => {
                if let Some((info, plan)) = self.by_id.get(&rows.table_id) {
                    let block = plan.decode_rows(rows, Arc::clone(info))?;
                    for row in block.rows() {
                        for image in row.before().into_iter().chain(row.after()) {
                            assert_eq!(image.iter().count(), info.columns.len());
                        }
                    }
                }
            }
            EventBody::TransactionPayload(payload) => {
                for event in payload.events(framer, PAYLOAD_BYTES_MAX) {
                    self.body(framer, &event?.body)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The next event, with a size and a checksum that fit.
fn next<'a>(data: &mut &'a [u8]) -> Option<Bytes> {
    let header = data.get(..HEADER_BYTES)?;
    let wanted = u32::from_le_bytes(header[SIZE].try_into().ok()?) as usize;
    let size = wanted.clamp(HEADER_BYTES, data.len());
    let (packet, rest): (&'a [u8], &'a [u8]) = data.split_at(size);
    *data = rest;
    let mut packet = packet.to_vec();
    packet[SIZE].copy_from_slice(&u32::try_from(size).ok()?.to_le_bytes());
    let header = EventHeader::parse(&packet).ok()?;
    if let Some(body_end) = packet
        .len()
        .checked_sub(CHECKSUM_BYTES)
        .filter(|end| *end >= HEADER_BYTES)
    {
        let sum = header.checksum(&packet[HEADER_BYTES..body_end]);
        packet[body_end..].copy_from_slice(&sum.to_le_bytes());
    }
    Some(packet.into())
}

fuzz_target!(|data: &[u8]| {
    let Some((flavour, mut rest)) = data.split_first() else {
        return;
    };
    let flavour = if flavour % 2 == 0 {
        Flavour::MySql
    } else {
        Flavour::MariaDb
    };
    let mut framer = Framer::new(flavour);
    let mut tables = Tables {
        flavour,
        by_id: HashMap::new(),
    };
    while let Some(packet) = next(&mut rest) {
        let Ok(event) = framer.frame(&packet) else {
            continue;
        };
        // What is wrong is an error, never a panic.
        drop(tables.body(&framer, &event.body));
    }
});
