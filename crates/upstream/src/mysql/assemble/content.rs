//! The packets of a group that is still being received.

use std::ops::Range;

use bytes::Bytes;

use crate::mysql::spill::SpillWriter;

/// Packets of a group: those in memory come after those in the file.
#[derive(Default, Debug)]
pub(crate) struct Content {
    pub(crate) packets: Vec<Bytes>,
    /// Bytes of `packets`.
    pub(crate) bytes: usize,
    pub(crate) spill: Option<SpillWriter>,
    /// Packets in `spill`.
    spilled: usize,
    /// Packets of the file that a ROLLBACK TO took back, by number.
    pub(crate) taken_back: Vec<Range<usize>>,
}

impl Content {
    pub(crate) fn push(&mut self, packet: Bytes) {
        self.bytes += packet.len();
        self.packets.push(packet);
    }

    /// Bytes in memory and in the file.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.bytes as u64 + self.spill.as_ref().map_or(0, SpillWriter::bytes)
    }

    /// Packets so far.
    pub(crate) fn count(&self) -> usize {
        self.spilled + self.packets.len()
    }

    /// Takes back everything behind the first `count` packets.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.packets.truncate(count.saturating_sub(self.spilled));
        self.bytes = self.packets.iter().map(Bytes::len).sum();
        if count < self.spilled {
            self.taken_back.push(count..self.spilled);
        }
    }

    /// Notes that the packets went to the file.
    pub(crate) fn spilled(&mut self, packets: usize) {
        self.spilled += packets;
        self.bytes = 0;
    }
}
