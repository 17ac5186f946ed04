//! Fakes for simulation: an upstream with a generated history, a destination that remembers every row, a meta store
//! in memory, a clock that follows the runtime's paused time, and seeded faults for all of them.
//!
//! In: a seed. Out: the same run, every time. What must survive a crash ([`History`], [`Downstream`], [`MemStore`])
//! is shared by `Arc`; everything else dies with the runtime that is dropped. For tests only.

#![warn(missing_docs)]

mod clock;
mod downstream;
mod faults;
mod history;
mod mem_store;
mod rows;
mod sink;
mod upstream;

pub use clock::SimClock;
pub use downstream::Downstream;
pub use faults::{FaultPlan, Faults};
pub use history::{History, Op, Timed};
pub use mem_store::{MemStore, Watcher};
pub use rows::{Images, Rows, SCHEMA, read_block, table_info};
pub use sink::{ModelSink, SinkBug};
pub use upstream::SimUpstream;
