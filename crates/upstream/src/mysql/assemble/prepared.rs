//! XA transactions that are prepared and not finished.

use std::collections::HashMap;

use bytes::Bytes;
use tidegate_mysql::binlog::Framer;

use crate::mysql::group::Events;

/// What a group does to a prepared XA transaction. Each names it as the servers log it.
#[derive(Debug)]
pub(crate) enum XaStep {
    /// The group's rows wait for the end of the transaction.
    Prepare(String),
    /// The rows that wait become the group's.
    Commit(String),
    /// The rows that wait are dropped.
    Rollback(String),
}

/// Rows that wait for the end of their transaction.
pub(super) struct Parked {
    /// `None`: they were too large to keep.
    pub(super) events: Option<Events>,
    pub(super) bytes: usize,
    /// Reads `events`: the log may change its format before the transaction ends.
    pub(super) framer: Framer,
}

/// Parked rows by the transaction's name.
#[derive(Default)]
pub(super) struct Prepared {
    transactions: HashMap<String, Parked>,
    memory_bytes: usize,
    file_bytes: u64,
}

impl Prepared {
    pub(super) fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Bytes that wait in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Bytes that wait in files.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    pub(super) fn park(&mut self, xid: String, mut parked: Parked) {
        if let Some(Events::Memory(packets)) = &mut parked.events {
            // Copies: each packet shares its allocation with many others, which would wait along.
            for packet in packets {
                *packet = Bytes::copy_from_slice(packet);
            }
        }
        // A reader that begins again before the preparation sees it a second time.
        self.take(&xid);
        self.count(&parked, true);
        self.transactions.insert(xid, parked);
    }

    pub(super) fn take(&mut self, xid: &str) -> Option<Parked> {
        let parked = self.transactions.remove(xid)?;
        self.count(&parked, false);
        Some(parked)
    }

    fn count(&mut self, parked: &Parked, more: bool) {
        match &parked.events {
            None => {}
            Some(Events::Memory(_)) if more => self.memory_bytes += parked.bytes,
            Some(Events::Memory(_)) => self.memory_bytes -= parked.bytes,
            Some(Events::File(..)) if more => self.file_bytes += parked.bytes as u64,
            Some(Events::File(..)) => self.file_bytes -= parked.bytes as u64,
        }
    }
}
