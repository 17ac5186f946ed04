//! From packets to complete transaction groups.
//!
//! In: the packets of one dump, in order. Out: [`Closed`] groups, each with its position. Row events are passed on
//! unread; only what begins, ends or interrupts a group is looked into. No I/O.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{CdcError, ErrorCode, Result};
use tidegate_mysql::binlog::{
    CollationTable, Event, EventBody, Framer, MariaDbGtid, MySqlGtid, Query, XaPrepare, event_type,
};
use tidegate_mysql::ddl::{Classified, Control, classify};
use tidegate_mysql::{Flavour, GroupId, Position, file_number};

use super::group::{LoggedDdl, Obstacle};
use super::logged::{logged_ddl, statement_text};
use super::spill::SpillWriter;

/// Where the type stands in an event header.
const TYPE_OFFSET: usize = 4;
/// First event of a file.
const FILE_START: u64 = 4;
/// Bytes of prepared XA transactions that may wait in memory for their end.
const PREPARED_BYTES_MAX: usize = 64 << 20;

/// A complete group, before the timeline gave it its place.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) id: GroupId,
    pub(crate) raw_ms: u64,
    pub(crate) file: Arc<str>,
    pub(crate) offset: u64,
    pub(crate) ddl: Option<Arc<LoggedDdl>>,
    pub(crate) obstacle: Option<Obstacle>,
    pub(crate) content: Content,
    pub(crate) framer: Framer,
    pub(crate) prepared_open: bool,
}

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
    fn push(&mut self, packet: Bytes) {
        self.bytes += packet.len();
        self.packets.push(packet);
    }

    fn count(&self) -> usize {
        self.spilled + self.packets.len()
    }

    fn truncate(&mut self, count: usize) {
        self.packets.truncate(count.saturating_sub(self.spilled));
        self.bytes = self.packets.iter().map(Bytes::len).sum();
        if count < self.spilled {
            self.taken_back.push(count..self.spilled);
        }
    }
}

/// A group that has begun.
#[derive(Default)]
struct Open {
    id: Option<GroupId>,
    /// One event makes the group.
    standalone: bool,
    /// BEGIN was seen, or the flavour has none.
    begun: bool,
    /// From the GTID event, where it has one.
    commit_ms: Option<u64>,
    content: Content,
    savepoints: Vec<(String, usize)>,
    ddl: Option<Arc<LoggedDdl>>,
    obstacle: Option<Obstacle>,
}

/// See the module's page.
pub(crate) struct Assembler {
    framer: Framer,
    flavour: Flavour,
    collations: Arc<CollationTable>,
    position: Position,
    open: Option<Open>,
    prepared: HashMap<String, Content>,
    prepared_bytes: usize,
    rotated: bool,
}

impl Assembler {
    /// Begins at a position between two groups.
    pub(crate) fn new(flavour: Flavour, position: Position, collations: Arc<CollationTable>) -> Self {
        Assembler {
            framer: Framer::new(flavour),
            flavour,
            collations,
            position,
            open: None,
            prepared: HashMap::new(),
            prepared_bytes: 0,
            rotated: false,
        }
    }

    /// After the last complete group: its GTID set, and where the stream is in the file now.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Whether a group has begun and not ended.
    pub(crate) fn in_group(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the log went on in a new file since the last call.
    pub(crate) fn take_rotated(&mut self) -> bool {
        std::mem::take(&mut self.rotated)
    }

    /// The content of the open group, for spilling.
    pub(crate) fn open_content(&mut self) -> Option<&mut Content> {
        self.open.as_mut().map(|open| &mut open.content)
    }

    /// Gives up the content of the open group: it is too large.
    pub(crate) fn overflow(&mut self) {
        if let Some(open) = &mut self.open {
            open.content = Content::default();
            open.obstacle = Some(Obstacle::TooLarge);
        }
    }

    /// Forgets the group that has begun, because the connection broke inside it. Reading goes on after the last
    /// complete one.
    pub(crate) fn reconnect(&mut self) {
        self.open = None;
        self.framer = Framer::new(self.flavour);
    }

    /// Takes the next packet.
    ///
    /// # Errors
    /// `BinlogDecode` for what cannot be read or is out of place.
    pub(crate) fn push(&mut self, packet: Bytes) -> Result<Option<Closed>> {
        if packet.get(TYPE_OFFSET).is_some_and(|&kind| carries_rows(kind))
            && let Some(open) = &mut self.open
        {
            if open.obstacle.is_none() {
                open.content.push(packet);
            }
            return Ok(None);
        }
        let event = self.framer.frame(&packet)?;
        self.advance(&event);
        self.event(&event, packet)
    }

    fn event(&mut self, event: &Event, packet: Bytes) -> Result<Option<Closed>> {
        match &event.body {
            EventBody::MariaDbGtid(gtid) => self.begin_mariadb(gtid),
            EventBody::Gtid(gtid) => self.begin_mysql(gtid),
            EventBody::Query(query) => return self.query(query, event, packet),
            EventBody::Xid(_) => return self.close(event).map(Some),
            EventBody::XaPrepare(prepare) => return self.prepare(prepare, event),
            EventBody::TransactionPayload(_) => {
                if let Some(open) = &mut self.open {
                    open.content.push(packet);
                }
                return self.close(event).map(Some);
            }
            EventBody::LoadData => {
                if let Some(open) = &mut self.open {
                    open.content.push(packet);
                }
            }
            EventBody::Incident(incident) => {
                let open = self.open.get_or_insert_default();
                open.obstacle = Some(Obstacle::Incident(incident.message.clone()));
                return self.close(event).map(Some);
            }
            EventBody::Rotate(rotate) => {
                self.rotated |= !event.header.is_artificial();
                self.enter_file(&rotate.file, rotate.position);
            }
            EventBody::FormatDescription(description) => {
                if description.created != 0 {
                    // The server died in the middle of it and wrote no end.
                    self.open = None;
                }
            }
            EventBody::TableMap(_) | EventBody::Rows(_) => {
                return Err(self.misplaced(event, "rows outside of a transaction"));
            }
            EventBody::Unknown {
                event_type,
                ignorable: false,
            } => return Err(self.misplaced(event, &format!("an event of the unknown type {event_type}"))),
            EventBody::Unknown { .. }
            | EventBody::GtidList(_)
            | EventBody::PreviousGtids(_)
            | EventBody::Heartbeat
            | EventBody::StatementContext
            | EventBody::Skip => {}
        }
        Ok(None)
    }

    fn begin_mariadb(&mut self, gtid: &MariaDbGtid) {
        self.open = Some(Open {
            id: Some(gtid.id()),
            standalone: gtid.is_standalone(),
            begun: !gtid.is_standalone(),
            ..Open::default()
        });
    }

    fn begin_mysql(&mut self, gtid: &MySqlGtid) {
        let commit_us = match gtid.original_commit_us {
            0 => gtid.immediate_commit_us,
            original => original,
        };
        self.open = Some(Open {
            id: gtid.id.clone(),
            commit_ms: (commit_us != 0).then_some(commit_us / 1000),
            ..Open::default()
        });
    }

    fn query(&mut self, query: &Query, event: &Event, packet: Bytes) -> Result<Option<Closed>> {
        let text = statement_text(query, &self.collations);
        let schema = String::from_utf8_lossy(&query.schema);
        let classified = classify(&text, &schema, query.status.ansi_quotes());
        let Some(open) = &mut self.open else {
            // Servers without GTID events begin a group by BEGIN; a lone statement is a group of its own.
            self.open = Some(Open::default());
            return self.query(query, event, packet);
        };
        let alone = open.standalone || !open.begun;
        match classified {
            Classified::Control(control) => return self.control(control, event),
            Classified::Ddl(ddl) => {
                let rows_follow = ddl.rows_follow();
                let stays_open = rows_follow && !open.standalone;
                open.begun |= stays_open;
                open.ddl = Some(Arc::new(logged_ddl(
                    ddl,
                    &text,
                    query,
                    &self.collations,
                    event.header.timestamp,
                )));
                if !alone || stays_open {
                    return Ok(None);
                }
            }
            Classified::Dml(_) => {
                open.content.push(packet);
                if !open.standalone {
                    open.begun = true;
                    return Ok(None);
                }
            }
            Classified::Temporary | Classified::Ignored(_) if !alone => return Ok(None),
            Classified::Temporary | Classified::Ignored(_) => {}
            Classified::Other(words) => {
                tracing::warn!(statement = %words, position = %self.position, "statement of an unknown kind is not replicated");
                if !alone {
                    return Ok(None);
                }
            }
        }
        self.close(event).map(Some)
    }

    fn control(&mut self, control: Control, event: &Event) -> Result<Option<Closed>> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        match control {
            Control::Begin | Control::XaStart(_) => open.begun = true,
            Control::Savepoint(name) => {
                let count = open.content.count();
                open.savepoints.push((name, count));
            }
            Control::RollbackTo(name) => {
                let at = open
                    .savepoints
                    .iter()
                    .rposition(|(savepoint, _)| savepoint.eq_ignore_ascii_case(&name));
                if let Some(at) = at {
                    let count = open.savepoints.get(at).map_or(0, |(_, count)| *count);
                    open.savepoints.truncate(at + 1);
                    open.content.truncate(count);
                }
            }
            Control::Rollback => {
                open.content = Content::default();
                return self.close(event).map(Some);
            }
            Control::Commit => return self.close(event).map(Some),
            Control::XaCommit { xid, .. } => {
                let xid = xid.to_string();
                match self.prepared.remove(&xid) {
                    Some(content) => {
                        self.prepared_bytes -= content.bytes;
                        open.content = content;
                    }
                    None => open.obstacle = Some(Obstacle::UnknownXa(xid)),
                }
                return self.close(event).map(Some);
            }
            Control::XaRollback(xid) => {
                if let Some(content) = self.prepared.remove(&xid.to_string()) {
                    self.prepared_bytes -= content.bytes;
                }
                return self.close(event).map(Some);
            }
            Control::Release(_) | Control::XaEnd(_) | Control::XaPrepare(_) => {}
        }
        Ok(None)
    }

    fn prepare(&mut self, prepare: &XaPrepare, event: &Event) -> Result<Option<Closed>> {
        if !prepare.one_phase
            && let Some(open) = &mut self.open
        {
            let content = std::mem::take(&mut open.content);
            self.prepared_bytes += content.bytes;
            let before = self.prepared.insert(prepare.xid.sql(), content);
            self.prepared_bytes -= before.map_or(0, |content| content.bytes);
            if self.prepared_bytes > PREPARED_BYTES_MAX {
                return Err(CdcError::new(
                    ErrorCode::TxnTooLarge,
                    format!(
                        "prepared XA transactions hold more than {PREPARED_BYTES_MAX} bytes: finish them on the upstream"
                    ),
                ));
            }
        }
        self.close(event).map(Some)
    }

    fn close(&mut self, event: &Event) -> Result<Closed> {
        let Some(open) = self.open.take() else {
            return Err(self.misplaced(event, "the end of a transaction that has not begun"));
        };
        let Position { file, offset, .. } = &self.position;
        let id = open.id.unwrap_or(GroupId::Offset {
            file: file_number(file),
            end: *offset,
        });
        let closed = Closed {
            raw_ms: open.commit_ms.unwrap_or(u64::from(event.header.timestamp) * 1000),
            file: Arc::clone(file),
            offset: *offset,
            ddl: open.ddl,
            obstacle: open.obstacle,
            content: open.content,
            framer: self.framer.clone(),
            prepared_open: !self.prepared.is_empty(),
            id,
        };
        if let Some(gtid) = &mut self.position.gtid {
            gtid.add(&closed.id);
        }
        Ok(closed)
    }

    /// Headers carry the low 32 bits of the offset only. After a reconnect offsets come again that were seen before.
    fn advance(&mut self, event: &Event) {
        const WRAP: u64 = 1 << 32;
        let low = u64::from(event.header.end_pos);
        // The description of the file is sent first wherever reading begins.
        let opening = matches!(
            event.body,
            EventBody::FormatDescription(_)
                | EventBody::GtidList(_)
                | EventBody::PreviousGtids(_)
                | EventBody::Rotate(_)
        );
        if low == 0 || opening || event.header.is_artificial() {
            return;
        }
        let offset = self.position.offset;
        let candidate = (offset & !(WRAP - 1)) | low;
        let candidate = if candidate + WRAP / 2 < offset {
            candidate + WRAP
        } else {
            candidate
        };
        self.position.offset = offset.max(candidate);
    }

    fn enter_file(&mut self, file: &str, offset: u64) {
        if *self.position.file != *file {
            self.position.file = file.into();
            self.position.offset = offset.max(FILE_START);
        }
    }

    fn misplaced(&self, event: &Event, what: &str) -> CdcError {
        CdcError::new(
            ErrorCode::BinlogDecode,
            format!(
                "the binlog holds {what}, in {} before offset {}",
                self.position.file, event.header.end_pos
            ),
        )
    }
}

fn carries_rows(kind: u8) -> bool {
    matches!(
        kind,
        event_type::TABLE_MAP
            | event_type::WRITE_ROWS_V1..=event_type::DELETE_ROWS_V1
            | event_type::WRITE_ROWS..=event_type::DELETE_ROWS
            | event_type::PARTIAL_UPDATE_ROWS
            | event_type::WRITE_ROWS_COMPRESSED_V1..=event_type::DELETE_ROWS_COMPRESSED
    )
}

impl Content {
    /// Notes that the packets went to the file.
    pub(crate) fn spilled(&mut self, packets: usize) {
        self.spilled += packets;
        self.bytes = 0;
    }
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
