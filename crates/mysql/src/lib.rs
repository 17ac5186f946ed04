//! Speaking to MySQL and MariaDB: connections and TLS, the binlog dump, event decoding, DDL classification, SQL text.
//!
//! In: options and bytes. Out: connections, events, rows, statements. This crate knows nothing of changefeeds.

#![warn(missing_docs)]

pub mod binlog;
mod checks;
mod conn;
pub mod ddl;
mod dump;
mod gtid;
mod name_case;
mod options;
mod position;
pub mod sql;

pub use checks::{Findings, ServerFacts, Unmet};
pub use conn::{Flavour, connect, connect_with, query_error};
pub use dump::{DumpRequest, DumpStart, DumpStream, EVENT_SHARED_BYTES_MAX};
pub use gtid::{GroupId, GtidSet, Intervals, SourceId};
pub use name_case::NameCase;
pub use options::{ConnectOptions, TlsMode, TlsOptions};
pub use position::{Position, file_number};
