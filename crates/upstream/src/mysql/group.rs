//! One transaction group of the binlog, not decoded.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{DdlSession, Ts};
use tidegate_mysql::GroupId;
use tidegate_mysql::binlog::Framer;
use tidegate_mysql::ddl::Ddl;

use super::spill::SpillFile;
use super::timeline::TS_STEP;

/// A complete group with its place in time. Immutable once it is in the ring.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    /// Its first timestamp; [`Ts::ZERO`] before the timeline gave it one.
    pub(crate) commit_ts: Ts,
    /// Commit time by the server's clock, in milliseconds; may be forged.
    pub(crate) raw_ms: u64,
    /// File it ends in.
    pub(crate) file: Arc<str>,
    /// Offset after it.
    pub(crate) offset: u64,
    /// A schema change, before all rows.
    pub(crate) ddl: Option<Arc<LoggedDdl>>,
    /// What stops everybody who wants to read past it.
    pub(crate) obstacle: Option<Obstacle>,
    pub(crate) events: Events,
    /// Bytes of `events`.
    pub(crate) bytes: usize,
    /// Reads `events`.
    pub(crate) framer: Framer,
    /// Whether XA transactions that were prepared before it are still unfinished after it.
    pub(crate) prepared_open: bool,
}

/// Events of a group that carry rows or statements, as packets in source order.
#[derive(Debug)]
pub(crate) enum Events {
    Memory(Vec<Bytes>),
    /// Too large for memory. Packets with the numbers in the ranges were taken back.
    File(SpillFile, Vec<Range<usize>>),
}

impl Default for Events {
    fn default() -> Self {
        Events::Memory(Vec::new())
    }
}

impl Events {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Events::Memory(packets) if packets.is_empty())
    }
}

/// A schema change as it was logged.
#[derive(Debug)]
pub(crate) struct LoggedDdl {
    pub(crate) ddl: Ddl,
    /// The statement as UTF-8, without what only the server may write.
    pub(crate) query: Arc<str>,
    /// Default schema of the session.
    pub(crate) schema: Arc<str>,
    pub(crate) session: DdlSession,
}

/// Why nobody can know what a group changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// The server says that its log has a gap.
    Incident(String),
    /// XA COMMIT of a transaction whose rows were logged before the timeline begins.
    UnknownXa(String),
    /// It is larger than allowed.
    TooLarge,
}

impl Group {
    /// Gives it its events; `None`: they were too large to keep.
    pub(crate) fn fill(&mut self, events: Option<Events>, bytes: usize) {
        match events {
            Some(events) => (self.events, self.bytes) = (events, bytes),
            None => self.obstacle = Some(Obstacle::TooLarge),
        }
    }

    /// Bytes that its events keep in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self.events {
            Events::Memory(_) => self.bytes,
            Events::File(..) => 0,
        }
    }

    /// Bytes that its events keep on disk.
    pub(crate) fn file_bytes(&self) -> usize {
        self.bytes - self.memory_bytes()
    }

    /// How many timestamps it takes: a schema change and the rows behind it get one each.
    pub(crate) fn slots(&self) -> u64 {
        if self.ddl.is_some() && !self.events.is_empty() {
            2
        } else {
            1
        }
    }

    /// Its last timestamp.
    pub(crate) fn end_ts(&self) -> Ts {
        self.commit_ts.plus(TS_STEP * (self.slots() - 1))
    }

    /// Timestamp of its rows.
    pub(crate) fn rows_ts(&self) -> Ts {
        self.end_ts()
    }

    /// What an error says of it: where it came from, and the start-ts by which what was committed at `ts` can be
    /// skipped.
    pub(crate) fn named(&self, ts: Ts) -> String {
        format!("{} with start_ts {}", self.origin(), ts.prev())
    }

    /// Where it came from, for people.
    pub(crate) fn origin(&self) -> Arc<str> {
        format!("{} ({}:{})", self.id, self.file, self.offset).into()
    }
}
