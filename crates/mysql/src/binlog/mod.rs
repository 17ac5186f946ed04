//! The binary log, decoded.
//!
//! In: the packets of a dump or of a binlog file. [`Framer`] makes an [`Event`] of each: header, checksum and body,
//! rows left as they are. Out: for the tables that somebody wants, [`TableMap`] reads a TABLE_MAP, [`TablePlan`]
//! compiles it once, and [`TablePlan::decode_rows`] turns each [`RowsEvent`] into a `RowBlock`, strings borrowed
//! from the packet.
//!
//! Pure and synchronous. Bytes are never trusted: damage is an error that names event, column and position, never a
//! panic and never an allocation far above the packet's size.

mod body;
mod charset;
mod decimal;
mod event;
mod fingerprint;
mod framer;
mod header;
mod inflate;
mod jsonb;
mod metadata;
mod payload;
mod plan;
mod read;
mod row;
mod rows;
mod table_map;
mod temporal;
mod wire;

pub use charset::{Charset, Collation, CollationTable};
pub use event::{
    AlterPhase, Event, EventBody, FormatDescription, GtidList, Incident, MariaDbGtid, MySqlGtid, Query,
    QueryStatus, Rotate, XaId, XaPrepare,
};
pub use fingerprint::fingerprint;
pub use framer::Framer;
pub use header::{EventHeader, HEADER_BYTES, event_type};
pub use payload::{PayloadEvents, TransactionPayload};
pub use plan::TablePlan;
pub use rows::RowsEvent;
pub use table_map::{TableMap, TableMapEvent};
