//! From packets to complete transaction groups.
//!
//! In: the packets of one dump, in order. Out: [`Closed`] groups, each with its position. Row events are passed on
//! unread; only what begins, ends or interrupts a group is looked into. No I/O.

mod content;
mod open;
mod place;
mod prepared;
mod statement;

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_mysql::binlog::{CollationTable, Event, EventBody, Framer, XaPrepare, event_type};
use tidegate_mysql::{Flavour, GroupId, NameCase, Position, file_number};

pub(crate) use self::content::Content;
use self::open::Open;
use self::place::Place;
use self::prepared::{Parked, Prepared, XaStep};
use super::group::{Events, Group, LoggedDdl, Obstacle};

/// Where the type stands in an event header.
const TYPE_OFFSET: usize = 4;

/// A complete group that is not kept yet: its packets may still have to go to a file.
#[derive(Debug)]
pub(crate) struct Closed {
    id: GroupId,
    raw_ms: u64,
    file: Arc<str>,
    offset: u64,
    ddl: Option<Arc<LoggedDdl>>,
    obstacle: Option<Obstacle>,
    pub(crate) content: Content,
    framer: Framer,
    xa: Option<XaStep>,
}

impl Closed {
    /// Whether its rows wait for the end of an XA transaction.
    pub(crate) fn parks(&self) -> bool {
        matches!(self.xa, Some(XaStep::Prepare(_)))
    }
}

/// See the module's page.
pub(crate) struct Assembler {
    framer: Framer,
    flavour: Flavour,
    collations: Arc<CollationTable>,
    names: NameCase,
    place: Place,
    open: Option<Open>,
    prepared: Prepared,
    rotated: bool,
    /// Reading began at an offset, and no event has shown yet that a group begins there.
    unproven: bool,
}

impl Assembler {
    /// Begins at a position between two groups.
    pub(crate) fn new(flavour: Flavour, position: Position, collations: Arc<CollationTable>) -> Self {
        Assembler {
            framer: Framer::new(flavour),
            flavour,
            collations,
            names: NameCase::Exact,
            unproven: position.gtid.is_none(),
            place: Place::new(position),
            open: None,
            prepared: Prepared::default(),
            rotated: false,
        }
    }

    /// The same for a server that compares names like this.
    pub(crate) fn with_names(self, names: NameCase) -> Self {
        Assembler { names, ..self }
    }

    /// After the last group that was [settled](Assembler::settle), or after events behind it that belong to none.
    /// Where to go on reading after a break.
    pub(crate) fn position(&self) -> &Position {
        self.place.resume()
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

    /// Forgets every group that was not settled, because the connection broke. Reading goes on at
    /// [`Assembler::position`].
    pub(crate) fn reconnect(&mut self) {
        self.open = None;
        self.place.reconnect();
        self.unproven = self.position().gtid.is_none();
        self.framer = Framer::new(self.flavour);
    }

    /// Bytes of transactions that are open or prepared, as far as they are in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| open.content.bytes);
        open + self.prepared.memory_bytes()
    }

    /// Bytes of prepared XA transactions that wait in memory and in files.
    pub(crate) fn prepared_bytes(&self) -> (usize, u64) {
        (self.prepared.memory_bytes(), self.prepared.file_bytes())
    }

    /// Moves the position behind a group whose events are kept (`None`: they were too large to keep). Until then
    /// the group counts as not read: a failure to keep it must not skip it.
    pub(crate) fn settle(&mut self, closed: Closed, events: Option<Events>, bytes: usize) -> Group {
        self.place.settle(&closed.id, &closed.file, closed.offset);
        let mut group = Group {
            id: closed.id,
            commit_ts: Ts::ZERO,
            raw_ms: closed.raw_ms,
            file: closed.file,
            offset: closed.offset,
            ddl: closed.ddl,
            obstacle: closed.obstacle,
            events: Events::default(),
            bytes: 0,
            framer: closed.framer,
            prepared_open: false,
        };
        match closed.xa {
            None => group.fill(events, bytes),
            Some(XaStep::Prepare(xid)) => {
                let too_large = group.obstacle.take_if(|obstacle| *obstacle == Obstacle::TooLarge);
                let parked = Parked {
                    events: events.filter(|_| too_large.is_none()),
                    bytes,
                    framer: group.framer.clone(),
                };
                self.prepared.park(xid, parked);
            }
            Some(XaStep::Commit(xid)) => match self.prepared.take(&xid) {
                Some(parked) => {
                    group.framer = parked.framer;
                    group.fill(parked.events, parked.bytes);
                }
                None => group.obstacle = Some(Obstacle::UnknownXa(xid)),
            },
            Some(XaStep::Rollback(xid)) => {
                self.prepared.take(&xid);
            }
        }
        group.prepared_open = !self.prepared.is_empty();
        group
    }

    /// Takes the next packet. A group that it completes must be settled before the packet after it.
    ///
    /// # Errors
    /// `BinlogDecode` for what cannot be read or is out of place; `UpstreamDiverged` when no group begins at the
    /// offset that reading began at.
    pub(crate) fn push(&mut self, packet: Bytes) -> Result<Option<Closed>> {
        if packet.get(TYPE_OFFSET).is_some_and(|&kind| carries_rows(kind))
            && let Some(open) = &mut self.open
        {
            if open.obstacle.is_none() {
                open.content.push(packet);
            }
            return Ok(None);
        }
        let event = match self.framer.frame(&packet) {
            Err(error) if self.unproven => return Err(self.no_group_here().with_source(error)),
            framed => framed?,
        };
        if self.unproven {
            self.prove(&event)?;
        }
        self.place.advance(&event);
        let closed = self.event(&event, packet)?;
        if self.open.is_none() && closed.is_none() {
            self.place.rest();
        }
        Ok(closed)
    }

    /// A server does not tell a wrong offset from a right one: it sends what it finds there. Without GTIDs the first
    /// event has to be one that stands between groups.
    fn prove(&mut self, event: &Event) -> Result<()> {
        match event.body {
            EventBody::Gtid(_) | EventBody::MariaDbGtid(_) => self.unproven = false,
            EventBody::FormatDescription(_)
            | EventBody::PreviousGtids(_)
            | EventBody::GtidList(_)
            | EventBody::Rotate(_)
            | EventBody::Heartbeat
            | EventBody::Skip => {}
            _ => return Err(self.no_group_here()),
        }
        Ok(())
    }

    fn no_group_here(&self) -> CdcError {
        CdcError::new(
            ErrorCode::UpstreamDiverged,
            format!(
                "no transaction begins at {} in the upstream's binlog",
                self.position()
            ),
        )
    }

    fn event(&mut self, event: &Event, packet: Bytes) -> Result<Option<Closed>> {
        match &event.body {
            EventBody::MariaDbGtid(gtid) => self.begin(Open::mariadb(gtid), event)?,
            EventBody::Gtid(gtid) => self.begin(Open::mysql(gtid), event)?,
            EventBody::Query(query) => return self.query(query, event, packet),
            EventBody::Xid(_) => return self.close(event).map(Some),
            EventBody::XaPrepare(prepare) => return self.prepare(prepare, event),
            EventBody::TransactionPayload(_) => {
                if let Some(open) = &mut self.open {
                    open.content.push(packet);
                }
                return self.close(event).map(Some);
            }
            EventBody::Incident(incident) => {
                let open = self.open.get_or_insert_default();
                open.obstacle = Some(Obstacle::Incident(incident.message.clone()));
                return self.close(event).map(Some);
            }
            EventBody::Rotate(rotate) => {
                self.rotated |= !event.header.is_artificial();
                self.place.enter_file(&rotate.file, rotate.position);
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

    fn begin(&mut self, open: Open, event: &Event) -> Result<()> {
        if self.open.is_some() {
            // Its end was not understood. Whatever it holds must not be lost.
            return Err(self.misplaced(event, "the begin of a transaction inside another one"));
        }
        self.open = Some(open);
        Ok(())
    }

    fn prepare(&mut self, prepare: &XaPrepare, event: &Event) -> Result<Option<Closed>> {
        if !prepare.one_phase
            && let Some(open) = &mut self.open
        {
            open.xa = Some(XaStep::Prepare(prepare.xid.sql()));
        }
        self.close(event).map(Some)
    }

    fn close(&mut self, event: &Event) -> Result<Closed> {
        let Some(open) = self.open.take() else {
            return Err(self.misplaced(event, "the end of a transaction that has not begun"));
        };
        let (file, offset) = (self.place.file(), self.place.offset());
        Ok(Closed {
            id: open.id.unwrap_or(GroupId::Offset {
                file: file_number(file),
                end: offset,
            }),
            raw_ms: open.commit_ms.unwrap_or(u64::from(event.header.timestamp) * 1000),
            file: Arc::clone(file),
            offset,
            ddl: open.ddl,
            obstacle: open.obstacle,
            content: open.content,
            framer: self.framer.clone(),
            xa: open.xa,
        })
    }

    fn misplaced(&self, event: &Event, what: &str) -> CdcError {
        CdcError::new(
            ErrorCode::BinlogDecode,
            format!(
                "the binlog holds {what}, in {} before offset {}",
                self.place.file(),
                event.header.end_pos
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

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
