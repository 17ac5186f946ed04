//! Events, framed: what a reader has to know about each, with rows left undecoded.

use std::sync::Arc;

use bytes::Bytes;

use super::header::EventHeader;
use super::payload::TransactionPayload;
use super::rows::RowsEvent;
use super::table_map::TableMapEvent;
use crate::gtid::GtidSet;
use crate::{Flavour, GroupId};

/// One event. Owns its bytes (a reference-counted slice of the packet), so it can be kept and sent on cheaply.
#[derive(Clone, Debug)]
pub struct Event {
    /// The common header.
    pub header: EventHeader,
    /// What follows it.
    pub body: EventBody,
}

/// The body of an event.
#[derive(Clone, Debug)]
pub enum EventBody {
    /// Start of a file, or of the stream: how the events behind it look.
    FormatDescription(Arc<FormatDescription>),
    /// The log goes on in another file. Made-up ones ([`EventHeader::is_artificial`]) only tell the current name.
    Rotate(Rotate),
    /// A statement: transaction control, DDL, or statement-based content, LOAD DATA included.
    Query(Query),
    /// Commit of a transaction, with the server's internal number.
    Xid(u64),
    /// MySQL: a transaction group begins.
    Gtid(MySqlGtid),
    /// MariaDB: a transaction group begins.
    MariaDbGtid(MariaDbGtid),
    /// MariaDB: last groups of every domain and server before this file (or before the start position).
    GtidList(GtidList),
    /// MySQL: all groups before this file; always `GtidSet::MySql`.
    PreviousGtids(GtidSet),
    /// The table that row events behind it name by number.
    TableMap(TableMapEvent),
    /// Row changes.
    Rows(RowsEvent),
    /// MySQL: a compressed transaction; its events come out of [`TransactionPayload::events`].
    TransactionPayload(TransactionPayload),
    /// The connection lives. Carries no time.
    Heartbeat,
    /// The server says that its log has a gap.
    Incident(Incident),
    /// An XA transaction is prepared.
    XaPrepare(XaPrepare),
    /// Context of a statement-based event behind it: INTVAR, RAND, USER_VAR.
    StatementContext,
    /// Known and without meaning here: STOP, ROWS_QUERY, ANNOTATE_ROWS, BINLOG_CHECKPOINT, START_ENCRYPTION,
    /// IGNORABLE, the events of group replication, and the parts of a file that LOAD DATA read.
    Skip,
    /// A type that we do not know. Skip it if it is ignorable, else stop: never guess.
    Unknown {
        /// Number of the type.
        event_type: u8,
        /// Whether its header allows to skip it.
        ignorable: bool,
    },
}

/// How the events of a file look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatDescription {
    /// Version text of the server that wrote the file.
    pub server_version: String,
    /// By that version.
    pub flavour: Flavour,
    /// Unix seconds of the server's start when this is the first file after it, else 0.
    pub created: u32,
    /// Whether events end with a CRC-32.
    pub checksum: bool,
    /// Bytes between header and payload for each event type, from type 1 on.
    pub post_header_bytes: Vec<u8>,
}

/// A change of file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rotate {
    /// Offset of the first event in it.
    pub position: u64,
    /// Name of the file.
    pub file: String,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Connection that ran it.
    pub thread_id: u32,
    /// Error the statement ended with, 0 for none.
    pub error_code: u16,
    /// Default schema; empty if none.
    pub schema: Bytes,
    /// The text in the client's character set.
    pub text: Bytes,
    /// Session settings logged with it.
    pub status: QueryStatus,
}

/// Session settings logged with a statement; `None` where the server did not log them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueryStatus {
    /// Bits of `sql_mode`.
    pub sql_mode: Option<u64>,
    /// Collation id of `character_set_client`.
    pub client_collation: Option<u16>,
    /// Id of `collation_connection`.
    pub connection_collation: Option<u16>,
    /// Id of `collation_server`.
    pub server_collation: Option<u16>,
    /// Id of the default schema's collation.
    pub database_collation: Option<u16>,
    /// `time_zone` of the session.
    pub time_zone: Option<Bytes>,
    /// MariaDB: number of the transaction that a DDL or an XA COMMIT belongs to.
    pub xid: Option<u64>,
}

impl QueryStatus {
    /// Whether `"` quotes names (sql_mode ANSI_QUOTES).
    pub fn ansi_quotes(&self) -> bool {
        const ANSI_QUOTES: u64 = 4;
        self.sql_mode.is_some_and(|mode| mode & ANSI_QUOTES != 0)
    }
}

/// Start of a transaction group of MySQL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MySqlGtid {
    /// `None`: the server has GTIDs off.
    pub id: Option<GroupId>,
    /// Whether the group may hold statement-based changes.
    pub may_have_statements: bool,
    /// Microseconds of unix time at which the group committed on the server that first wrote it; 0: not logged (5.7).
    pub original_commit_us: u64,
    /// The same for the server that we read from; 0: not logged.
    pub immediate_commit_us: u64,
    /// Bytes of the whole group, this event included; 0: not logged.
    pub transaction_bytes: u64,
}

/// Start of a transaction group of MariaDB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MariaDbGtid {
    /// Replication domain.
    pub domain: u32,
    /// Server that first wrote it (from the event header).
    pub server: u32,
    /// Number in the domain.
    pub seq: u64,
    /// Flag bits; the methods name them.
    pub flags: u8,
    /// Number that groups committed together share.
    pub commit_id: Option<u64>,
    /// The XA transaction that the group prepares or completes.
    pub xid: Option<XaId>,
    /// Which part of a two-phase ALTER TABLE the group is.
    pub alter: AlterPhase,
}

/// Parts of an ALTER TABLE of MariaDB under `binlog_alter_two_phase`. All three log the same statement.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum AlterPhase {
    /// The group is no part of one: a statement in it has happened.
    #[default]
    None,
    /// It has begun. Nothing is changed yet.
    Start,
    /// It has happened.
    Commit,
    /// It has failed.
    Rollback,
}

impl MariaDbGtid {
    /// `domain-server-seq`.
    pub fn id(&self) -> GroupId {
        GroupId::MariaDb {
            domain: self.domain,
            server: self.server,
            seq: self.seq,
        }
    }

    /// The group is one event: neither BEGIN nor COMMIT or XID follows.
    pub fn is_standalone(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// Only transactional tables are changed.
    pub fn is_transactional(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// The group is a DDL (with rows behind it when it is not standalone: CREATE TABLE .. SELECT).
    pub fn is_ddl(&self) -> bool {
        self.flags & 0x20 != 0
    }

    /// The group prepares an XA transaction: XA_PREPARE closes it.
    pub fn is_prepared_xa(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// The group commits or rolls back a prepared XA transaction.
    pub fn is_completed_xa(&self) -> bool {
        self.flags & 0x80 != 0
    }
}

/// MariaDB's list of last groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GtidList {
    /// `(domain, server, seq)`, as logged: the last entry of a domain is its newest group.
    pub entries: Vec<(u32, u32, u64)>,
    /// Flag bits (the top four of the count).
    pub flags: u8,
}

/// What the server says about a gap in its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// Number of the incident; 1 is "lost events".
    pub number: u16,
    /// Text for people.
    pub message: String,
}

/// Identity of an XA transaction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct XaId {
    /// Format number; 1 unless given.
    pub format_id: u32,
    /// Global part.
    pub gtrid: Bytes,
    /// Branch qualifier.
    pub bqual: Bytes,
}

impl XaId {
    /// The text the server writes in `XA COMMIT`: `X'7831',X'',1`.
    pub fn sql(&self) -> String {
        format!(
            "X'{}',X'{}',{}",
            hex(&self.gtrid),
            hex(&self.bqual),
            self.format_id
        )
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// Preparation of an XA transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct XaPrepare {
    /// Prepared and committed in one go (XA COMMIT .. ONE PHASE): no second group follows.
    pub one_phase: bool,
    /// Which one.
    pub xid: XaId,
}
