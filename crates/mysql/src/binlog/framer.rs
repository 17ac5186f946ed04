//! From packets to events: header, checksum, body.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{CdcError, ErrorCode, Result};

use super::body::{self, QueryForm};
use super::event::{Event, EventBody, FormatDescription};
use super::header::{CHECKSUM_BYTES, EventHeader, HEADER_BYTES, event_type};
use super::payload::TransactionPayload;
use super::read::{Fault, Parse};
use super::rows::RowsEvent;
use super::table_map::TableMapEvent;
use crate::Flavour;

/// Frames the events of one stream or file, in order: it remembers the last FORMAT_DESCRIPTION.
#[derive(Clone, Debug)]
pub struct Framer {
    description: Option<Arc<FormatDescription>>,
    flavour: Flavour,
}

impl Framer {
    /// A framer for a stream that has not begun. `flavour` holds until the first FORMAT_DESCRIPTION tells.
    pub fn new(flavour: Flavour) -> Self {
        Framer {
            description: None,
            flavour,
        }
    }

    /// The last FORMAT_DESCRIPTION.
    pub fn description(&self) -> Option<&Arc<FormatDescription>> {
        self.description.as_ref()
    }

    /// Frames one event: header, body and checksum, as the file has it or as the dump sends it behind its OK byte.
    ///
    /// # Errors
    /// `BinlogDecode` when it is cut off, when its checksum is wrong or its body breaks the format; the message has
    /// the type and the end position.
    pub fn frame(&mut self, packet: &Bytes) -> Result<Event> {
        let header = EventHeader::parse(packet)?;
        let body = packet.slice(HEADER_BYTES..);
        if header.size as usize != packet.len() {
            return Err(bad_event(&header, "its size is not the packet's"));
        }
        let body = self
            .strip_checksum(&header, body)
            .map_err(|fault| bad_event(&header, fault))?;
        let event = self.frame_inner(header, body)?;
        if let EventBody::FormatDescription(description) = &event.body {
            self.flavour = description.flavour;
            self.description = Some(Arc::clone(description));
        }
        Ok(event)
    }

    /// Frames an event that has no checksum.
    pub(crate) fn frame_inner(&self, header: EventHeader, body: Bytes) -> Result<Event> {
        let body = self
            .parse(&header, body)
            .map_err(|fault| bad_event(&header, fault))?;
        Ok(Event { header, body })
    }

    fn strip_checksum(&self, header: &EventHeader, body: Bytes) -> Parse<Bytes> {
        let is_description = header.event_type == event_type::FORMAT_DESCRIPTION;
        let verify = if is_description {
            // It carries four bytes in any case; the byte before them says whether they are a checksum.
            let at = body
                .len()
                .checked_sub(CHECKSUM_BYTES + 1)
                .ok_or(Fault::Truncated)?;
            body.get(at) == Some(&1)
        } else {
            match &self.description {
                Some(description) => description.checksum,
                // MariaDB puts a checksum behind the made-up ROTATE in front of the FDE, MySQL does not, and
                // nothing announces it. A name that ends in its own checksum by chance is not to be feared.
                None => return Ok(without_own_checksum(header, body)),
            }
        };
        if !verify && !is_description {
            return Ok(body);
        }
        let at = body.len().checked_sub(CHECKSUM_BYTES).ok_or(Fault::Truncated)?;
        let content = body.slice(..at);
        if verify && !ends_with_checksum(header, &body, &content) {
            return Err(Fault::Invalid("its checksum is wrong"));
        }
        Ok(content)
    }

    fn parse(&self, header: &EventHeader, body: Bytes) -> Parse<EventBody> {
        Ok(match header.event_type {
            event_type::FORMAT_DESCRIPTION => {
                EventBody::FormatDescription(Arc::new(body::format_description(&body)?))
            }
            event_type::ROTATE => EventBody::Rotate(body::rotate(&body)?),
            event_type::QUERY => EventBody::Query(body::query(&body, QueryForm::Plain)?),
            event_type::QUERY_COMPRESSED => EventBody::Query(body::query(&body, QueryForm::Compressed)?),
            event_type::EXECUTE_LOAD_QUERY => EventBody::Query(body::query(&body, QueryForm::Load)?),
            event_type::XID => EventBody::Xid(super::read::Reader::new(&body).u64()?),
            event_type::GTID => EventBody::Gtid(body::mysql_gtid(&body, false)?),
            event_type::ANONYMOUS_GTID => EventBody::Gtid(body::mysql_gtid(&body, true)?),
            event_type::GTID_TAGGED => EventBody::Gtid(body::mysql_gtid_tagged(&body)?),
            event_type::MARIADB_GTID => EventBody::MariaDbGtid(body::mariadb_gtid(&body, header.server_id)?),
            event_type::GTID_LIST => EventBody::GtidList(body::gtid_list(&body)?),
            event_type::PREVIOUS_GTIDS => EventBody::PreviousGtids(body::previous_gtids(&body)?),
            event_type::TABLE_MAP => {
                EventBody::TableMap(TableMapEvent::parse(&body, self.table_id_bytes(), self.flavour)?)
            }
            event_type::TRANSACTION_PAYLOAD => {
                EventBody::TransactionPayload(TransactionPayload::parse(&body)?)
            }
            event_type::HEARTBEAT | event_type::HEARTBEAT_V2 => EventBody::Heartbeat,
            event_type::INCIDENT => EventBody::Incident(body::incident(&body)?),
            event_type::XA_PREPARE => EventBody::XaPrepare(body::xa_prepare(&body)?),
            event_type::INTVAR | event_type::RAND | event_type::USER_VAR => EventBody::StatementContext,
            event_type::STOP
            | event_type::BEGIN_LOAD_QUERY
            | event_type::APPEND_BLOCK
            | event_type::DELETE_FILE
            | event_type::IGNORABLE
            | event_type::ROWS_QUERY
            | event_type::ANNOTATE_ROWS
            | event_type::BINLOG_CHECKPOINT
            | event_type::START_ENCRYPTION
            | event_type::TRANSACTION_CONTEXT
            | event_type::VIEW_CHANGE => EventBody::Skip,
            other => match RowsEvent::parse(header, body, self.table_id_bytes())? {
                Some(rows) => EventBody::Rows(rows),
                None => EventBody::Unknown {
                    event_type: other,
                    ignorable: header.is_ignorable(),
                },
            },
        })
    }

    /// Table numbers take 4 bytes in logs of ancient servers, whose TABLE_MAP post-header has 6 bytes, else 6.
    fn table_id_bytes(&self) -> usize {
        const TABLE_MAP_INDEX: usize = event_type::TABLE_MAP as usize - 1;
        let post_header = self
            .description
            .as_ref()
            .and_then(|description| description.post_header_bytes.get(TABLE_MAP_INDEX));
        match post_header {
            Some(6) => 4,
            _ => 6,
        }
    }
}

fn ends_with_checksum(header: &EventHeader, body: &[u8], content: &[u8]) -> bool {
    body.get(content.len()..) == Some(&header.checksum(content).to_le_bytes()[..])
}

fn without_own_checksum(header: &EventHeader, body: Bytes) -> Bytes {
    match body.len().checked_sub(CHECKSUM_BYTES) {
        Some(at) if ends_with_checksum(header, &body, &body[..at]) => body.slice(..at),
        _ => body,
    }
}

fn bad_event(header: &EventHeader, why: impl std::fmt::Display) -> CdcError {
    CdcError::new(
        ErrorCode::BinlogDecode,
        format_args!(
            "cannot read the binlog event of type {} that ends at {}: {why}",
            header.event_type, header.end_pos
        ),
    )
}
