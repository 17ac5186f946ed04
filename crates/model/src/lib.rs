//! The words every other crate speaks: timestamps, tables, rows, transactions, DDL, acknowledgements
//! and the error taxonomy.
//!
//! In: nothing. Out: plain data. This crate does no I/O, knows no runtime, no serialisation format and no
//! particular upstream or sink; it builds for `wasm32-unknown-unknown`.

#![warn(missing_docs)]

mod ack;
mod clock;
mod datum;
mod ddl;
mod error;
mod event;
mod id;
mod row;
mod table;
mod trouble;
mod ts;

pub use ack::{Ack, AckTarget};
pub use clock::{Clock, SystemClock};
pub use datum::{Date, DateTime, Datum, Time, Timestamp};
pub use ddl::{DdlEvent, DdlKind, DdlSession, DdlTable};
pub use error::{
    CdcError, ErrorCode, Result, ResultExt, RetryClass, is_secret_name, mask_uri, mask_uri_strict,
};
pub use event::{Event, TxnBatch, TxnEvent};
pub use id::{CaptureId, ChangefeedId, DEFAULT_NAMESPACE, is_valid_id};
pub use row::{Image, Row, RowBlock, RowBlockBuilder, RowOp};
pub use table::{ColumnInfo, ColumnType, Generated, IndexInfo, TableId, TableInfo, TableName};
pub use trouble::Trouble;
pub use ts::Ts;
