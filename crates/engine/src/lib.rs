//! The engine: owner, changefeed state machine, processor, progress, and the service that the API talks to.
//!
//! In: an upstream, a meta store, something that opens sinks. Out: replicated changes, and [`ReplicationService`]
//! with one method per use case. It knows no HTTP, no binlog and no destination.

#![warn(missing_docs)]

mod feed;
mod metrics;
mod owner;
mod processor;
mod progress;
mod reason;
mod selector;
mod service;
mod synced;

pub use owner::Capture;
pub use service::{Reach, ReplicationService, ServiceParts};
