//! Fakes for simulation: an upstream with a generated history, a destination that remembers every row, a meta store
//! in memory, a clock that follows the runtime's paused time, and seeded faults for all of them.
//!
//! In: a seed. Out: the same run, every time. What must survive a crash ([`History`], [`Downstream`], [`MemStore`])
//! is shared by `Arc`; everything else dies with the runtime that is dropped. For tests only.

#![warn(missing_docs)]

mod clock;
mod database;
mod downstream;
mod faults;
mod files;
mod history;
mod mem_store;
mod observed;
mod rows;
mod sabotage;
mod sink;
mod sql;
mod upstream;

pub use clock::SimClock;
pub use database::{Database, Leftovers};
pub use downstream::Downstream;
pub use faults::{FaultPlan, Faults, Trace};
pub use files::{FileSabotage, FileWatch, Files, SimBucket, SimDisk};
pub use history::{History, Op, State, TableState, Timed};
pub use mem_store::{MemStore, Watcher};
pub use observed::Observed;
pub use rows::{Images, Rows, SCHEMA, read_block, table_info, unique_table_info};
pub use sabotage::Sabotage;
pub use sink::{ModelSink, SinkBug};
pub use upstream::SimUpstream;
