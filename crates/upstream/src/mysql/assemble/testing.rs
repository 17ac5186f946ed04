//! Hand-made packets for tests: what a server would log, in as few bytes as possible.

use bytes::Bytes;
use tidegate_mysql::binlog::{EventHeader, event_type};

/// Writes a log: one packet per call, offsets and sizes kept.
pub(crate) struct Log {
    pub(crate) packets: Vec<Bytes>,
    pub(crate) offset: u32,
    pub(crate) seconds: u32,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log {
            packets: Vec::new(),
            offset: 4,
            seconds: 1_700_000_000,
        }
    }

    pub(crate) fn event(&mut self, event_type: u8, body: &[u8]) -> &mut Self {
        let size = u32::try_from(19 + body.len()).unwrap();
        self.offset += size;
        let header = EventHeader {
            timestamp: self.seconds,
            event_type,
            server_id: 1,
            size,
            end_pos: self.offset,
            flags: 0,
        };
        self.packets.push([&header.to_bytes()[..], body].concat().into());
        self
    }

    pub(crate) fn mariadb_gtid(&mut self, seq: u64, flags: u8) -> &mut Self {
        self.mariadb_xa_gtid(seq, flags, b'x')
    }

    /// `xid` matters with flags of XA only.
    pub(crate) fn mariadb_xa_gtid(&mut self, seq: u64, flags: u8, xid: u8) -> &mut Self {
        let mut body = seq.to_le_bytes().to_vec();
        body.extend(0u32.to_le_bytes());
        body.push(flags);
        if flags & (0x40 | 0x80) != 0 {
            body.extend(1u32.to_le_bytes());
            body.extend([1, 0, xid]);
        }
        body.resize(body.len().max(19), 0);
        self.event(event_type::MARIADB_GTID, &body)
    }

    /// Begins a part of a two-phase ALTER TABLE; 2, 4 and 8 are START, COMMIT and ROLLBACK.
    pub(crate) fn mariadb_alter_gtid(&mut self, seq: u64, extra: u8) -> &mut Self {
        let mut body = seq.to_le_bytes().to_vec();
        body.extend(0u32.to_le_bytes());
        body.extend([0x29, extra]);
        if extra & 12 != 0 {
            body.extend(1u64.to_le_bytes());
        }
        body.resize(body.len().max(19), 0);
        self.event(event_type::MARIADB_GTID, &body)
    }

    pub(crate) fn mysql_gtid(&mut self, gno: u64, commit_us: u64) -> &mut Self {
        let mut body = vec![1];
        body.extend([9; 16]);
        body.extend(gno.to_le_bytes());
        body.push(2);
        body.extend([0; 16]);
        body.extend(&commit_us.to_le_bytes()[..7]);
        self.event(event_type::GTID, &body)
    }

    /// Begins a group of a server that has GTIDs off.
    pub(crate) fn anonymous_gtid(&mut self) -> &mut Self {
        self.event(event_type::ANONYMOUS_GTID, &[0; 25])
    }

    pub(crate) fn query(&mut self, text: &str) -> &mut Self {
        let mut body = vec![0; 8];
        body.push(4);
        body.extend([0, 0, 0, 0]);
        body.extend(b"shop\0");
        body.extend(text.as_bytes());
        self.event(event_type::QUERY, &body)
    }

    pub(crate) fn rows(&mut self, mark: u8) -> &mut Self {
        self.event(event_type::WRITE_ROWS_V1, &[mark; 12])
    }

    pub(crate) fn xid(&mut self) -> &mut Self {
        self.event(event_type::XID, &[0; 8])
    }

    pub(crate) fn xa_prepare(&mut self, xid: u8) -> &mut Self {
        self.xa_prepared(0, xid)
    }

    pub(crate) fn xa_prepare_one_phase(&mut self) -> &mut Self {
        self.xa_prepared(1, b'x')
    }

    fn xa_prepared(&mut self, one_phase: u8, xid: u8) -> &mut Self {
        let mut body = vec![one_phase];
        for number in [1u32, 1, 0] {
            body.extend(number.to_le_bytes());
        }
        body.push(xid);
        self.event(event_type::XA_PREPARE, &body)
    }

    /// The packets so far; offsets go on.
    pub(crate) fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.packets)
    }
}
