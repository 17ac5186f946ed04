//! Where changes go.
//!
//! In: transactions and DDL in commit order. Out: rows in a database, files on a storage, or nothing at all
//! (`blackhole`), and an acknowledgement once they are durable.

#![warn(missing_docs)]

mod blackhole;
mod mysql;
mod opener;
mod settings;
mod sink;
mod storage;

#[cfg(feature = "simulation")]
pub use mysql::simulation;
pub use opener::{Destination, OnTrouble, SinkOpener, SinkSpec, Sinks, check, forget, open};
pub use sink::{BoxFut, EventSink};
#[cfg(feature = "simulation")]
pub use storage::simulation as storage_simulation;
