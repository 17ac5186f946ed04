//! Owners of changefeeds: each keeps one changefeed's record, state and pipeline.

mod changefeed;
mod env;
mod openings;
mod record;
mod registry;
mod run;
mod store;
mod view;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tidegate_api::ReplicaConfig;

pub(crate) use changefeed::{Creation, Owner, Start, TICK, update_refused};
pub use env::Capture;
pub(crate) use env::Env;
pub(crate) use record::{FeedInfo, display_time, rfc3339_local};
pub(crate) use registry::{Registry, Reservation};
pub(crate) use store::{FeedRecord, FeedStore};
pub(crate) use view::{Command, FeedView, Handle};

/// How long retries may go on without progress, as in the original.
const STUCK_DEFAULT: Duration = Duration::from_secs(30 * 60);

/// `changefeed_error_stuck_duration` of a config.
pub(crate) fn stuck_duration(config: &ReplicaConfig) -> Duration {
    config
        .changefeed_error_stuck_duration
        .map_or(STUCK_DEFAULT, Duration::from)
}
