//! Where changes come from.
//!
//! In: a database. Out: the ordered stream of [`tidegate_model::Event`]s that the engine consumes. Puller, sorter
//! and mounter of a source live behind [`Upstream`]: nothing above this crate knows what a binlog is.

#![warn(missing_docs)]

pub mod mysql;
mod quota;
mod upstream;

pub use quota::{Quota, Room, Share};
pub use upstream::{
    BoxFut, DdlSubject, Decoded, EventTx, PullJob, PulledEvent, TableSelector, TableSummary, Upstream,
    UpstreamInfo, UpstreamWatermark,
};
