//! Where the stream is in the log.

use std::sync::Arc;

use tidegate_mysql::binlog::{Event, EventBody};
use tidegate_mysql::{GroupId, Position};

/// First event of a file.
const FILE_START: u64 = 4;
/// Headers carry the low 32 bits of an offset.
const WRAP: u64 = 1 << 32;

/// Two places: behind the last event, and where to go on reading after a break.
pub(super) struct Place {
    /// Behind the last group that was kept, or behind events between groups.
    resume: Position,
    /// File of the last event.
    file: Arc<str>,
    /// Offset behind the last event; it may be inside a group.
    offset: u64,
}

impl Place {
    /// Begins at a position between two groups.
    pub(super) fn new(position: Position) -> Self {
        Place {
            file: Arc::clone(&position.file),
            offset: position.offset,
            resume: position,
        }
    }

    /// Where to go on reading after a break.
    pub(super) fn resume(&self) -> &Position {
        &self.resume
    }

    /// File of the last event.
    pub(super) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Offset behind the last event.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Nothing is lost by going on from here: no group has begun.
    pub(super) fn rest(&mut self) {
        if *self.resume.file != *self.file {
            self.resume.file = Arc::clone(&self.file);
        }
        self.resume.offset = self.offset;
    }

    /// A group that ends at this place of the log was kept.
    pub(super) fn settle(&mut self, id: &GroupId, file: &Arc<str>, offset: u64) {
        if let Some(gtid) = &mut self.resume.gtid {
            gtid.add(id);
        }
        self.resume.file = Arc::clone(file);
        self.resume.offset = offset;
    }

    /// The stream begins again at the place to go on from.
    pub(super) fn reconnect(&mut self) {
        self.file = Arc::clone(&self.resume.file);
        self.offset = self.resume.offset;
    }

    /// Moves behind an event. With GTIDs a new connection sends the head of the file again: offsets never go back.
    pub(super) fn advance(&mut self, event: &Event) {
        let low = u64::from(event.header.end_pos);
        // The head of a file is sent wherever reading begins in it. A low offset would then be taken for a wrap.
        let head = matches!(
            event.body,
            EventBody::FormatDescription(_)
                | EventBody::GtidList(_)
                | EventBody::PreviousGtids(_)
                | EventBody::Rotate(_)
        );
        if low == 0 || event.header.is_artificial() || (head && self.offset >= WRAP / 2) {
            return;
        }
        let candidate = (self.offset & !(WRAP - 1)) | low;
        let candidate = if candidate + WRAP / 2 < self.offset {
            candidate + WRAP
        } else {
            candidate
        };
        self.offset = self.offset.max(candidate);
    }

    /// The log goes on in `file`.
    pub(super) fn enter_file(&mut self, file: &str, offset: u64) {
        if *self.file != *file {
            self.file = file.into();
            self.offset = offset.max(FILE_START);
        }
    }
}
