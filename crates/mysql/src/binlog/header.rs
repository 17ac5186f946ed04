//! The 19 bytes in front of every event, and its CRC-32.

use tidegate_model::{CdcError, ErrorCode, Result};

use super::read::{Parse, Reader};

/// Bytes of an event header.
pub const HEADER_BYTES: usize = 19;
/// Bytes of the checksum behind an event.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// Header flag: the file is being written. The FDE's checksum is made with this flag cleared.
const FLAG_IN_USE: u16 = 0x01;
/// Header flag: made up by the dump thread, not in the file.
const FLAG_ARTIFICIAL: u16 = 0x20;
/// Header flag: a reader that does not know the type may skip it.
const FLAG_IGNORABLE: u16 = 0x80;

/// Numbers of event types.
#[allow(missing_docs, reason = "names of the wire protocol")]
pub mod event_type {
    pub const START_V3: u8 = 1;
    pub const QUERY: u8 = 2;
    pub const STOP: u8 = 3;
    pub const ROTATE: u8 = 4;
    pub const INTVAR: u8 = 5;
    pub const APPEND_BLOCK: u8 = 9;
    pub const DELETE_FILE: u8 = 11;
    pub const RAND: u8 = 13;
    pub const USER_VAR: u8 = 14;
    pub const FORMAT_DESCRIPTION: u8 = 15;
    pub const XID: u8 = 16;
    pub const BEGIN_LOAD_QUERY: u8 = 17;
    pub const EXECUTE_LOAD_QUERY: u8 = 18;
    pub const TABLE_MAP: u8 = 19;
    pub const WRITE_ROWS_V1: u8 = 23;
    pub const UPDATE_ROWS_V1: u8 = 24;
    pub const DELETE_ROWS_V1: u8 = 25;
    pub const INCIDENT: u8 = 26;
    pub const HEARTBEAT: u8 = 27;
    pub const IGNORABLE: u8 = 28;
    pub const ROWS_QUERY: u8 = 29;
    pub const WRITE_ROWS: u8 = 30;
    pub const UPDATE_ROWS: u8 = 31;
    pub const DELETE_ROWS: u8 = 32;
    pub const GTID: u8 = 33;
    pub const ANONYMOUS_GTID: u8 = 34;
    pub const PREVIOUS_GTIDS: u8 = 35;
    pub const TRANSACTION_CONTEXT: u8 = 36;
    pub const VIEW_CHANGE: u8 = 37;
    pub const XA_PREPARE: u8 = 38;
    pub const PARTIAL_UPDATE_ROWS: u8 = 39;
    pub const TRANSACTION_PAYLOAD: u8 = 40;
    pub const HEARTBEAT_V2: u8 = 41;
    pub const GTID_TAGGED: u8 = 42;
    pub const ANNOTATE_ROWS: u8 = 160;
    pub const BINLOG_CHECKPOINT: u8 = 161;
    pub const MARIADB_GTID: u8 = 162;
    pub const GTID_LIST: u8 = 163;
    pub const START_ENCRYPTION: u8 = 164;
    pub const QUERY_COMPRESSED: u8 = 165;
    pub const WRITE_ROWS_COMPRESSED_V1: u8 = 166;
    pub const UPDATE_ROWS_COMPRESSED_V1: u8 = 167;
    pub const DELETE_ROWS_COMPRESSED_V1: u8 = 168;
    pub const WRITE_ROWS_COMPRESSED: u8 = 169;
    pub const UPDATE_ROWS_COMPRESSED: u8 = 170;
    pub const DELETE_ROWS_COMPRESSED: u8 = 171;
}

/// The common header of events.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct EventHeader {
    /// Unix seconds at which the statement began; 0 for made-up events.
    pub timestamp: u32,
    /// One of [`event_type`], or a number that we do not know.
    pub event_type: u8,
    /// `server_id` of the server that first wrote it.
    pub server_id: u32,
    /// Bytes of header, body and checksum.
    pub size: u32,
    /// Offset of the next event in the file, modulo 2^32; 0 where it has none (made up, or inside a payload).
    pub end_pos: u32,
    /// Flag bits.
    pub flags: u16,
}

impl EventHeader {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// `BinlogDecode` with fewer than [`HEADER_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map_err(|fault| {
            CdcError::new(
                ErrorCode::BinlogDecode,
                format_args!("cannot read an event header: {fault}"),
            )
        })
    }

    fn read(bytes: &[u8]) -> Parse<Self> {
        let mut reader = Reader::new(bytes);
        Ok(EventHeader {
            timestamp: reader.u32()?,
            event_type: reader.u8()?,
            server_id: reader.u32()?,
            size: reader.u32()?,
            end_pos: reader.u32()?,
            flags: reader.u16()?,
        })
    }

    /// The header as it stands on the wire.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..4].copy_from_slice(&self.timestamp.to_le_bytes());
        out[4] = self.event_type;
        out[5..9].copy_from_slice(&self.server_id.to_le_bytes());
        out[9..13].copy_from_slice(&self.size.to_le_bytes());
        out[13..17].copy_from_slice(&self.end_pos.to_le_bytes());
        out[17..19].copy_from_slice(&self.flags.to_le_bytes());
        out
    }

    /// Whether the dump thread made the event up: it is in no file and moves no position.
    pub fn is_artificial(&self) -> bool {
        self.flags & FLAG_ARTIFICIAL != 0
    }

    /// Whether a reader that does not know the type may skip it.
    pub fn is_ignorable(&self) -> bool {
        self.flags & FLAG_IGNORABLE != 0
    }

    /// CRC-32 of the event with this header and `body` (without the checksum itself).
    pub fn checksum(&self, body: &[u8]) -> u32 {
        let mut header = *self;
        if header.event_type == event_type::FORMAT_DESCRIPTION {
            header.flags &= !FLAG_IN_USE;
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&header.to_bytes());
        hasher.update(body);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_written() {
        let header = EventHeader {
            timestamp: 1_700_000_000,
            event_type: event_type::MARIADB_GTID,
            server_id: 7,
            size: 42,
            end_pos: u32::MAX,
            flags: 0xa8,
        };
        assert_eq!(EventHeader::parse(&header.to_bytes()).unwrap(), header);
        assert!(header.is_artificial() && header.is_ignorable());
        assert!(EventHeader::parse(&header.to_bytes()[..18]).is_err());
    }
}
