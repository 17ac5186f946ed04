//! The event stream `/ui/live`: one snapshot of everything that moves, once a second.

use crate::fns::data::Vitals;
use serde::{Deserialize, Serialize};

/// Name of the server-sent event that carries a snapshot.
pub const EVENT: &str = "snapshot";

/// Everything that moves, at one moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The server's clock, unix milliseconds.
    pub at_ms: u64,
    /// Namespace and id of each changefeed, and its values.
    pub feeds: Vec<((String, String), Vitals)>,
}

#[cfg(feature = "ssr")]
impl Snapshot {
    /// What viewers need of the engine's figures.
    pub fn of(live: &tidegate_api::LiveSnapshot) -> Self {
        let feeds = live.changefeeds.iter().map(|feed| {
            let id = (feed.namespace.clone(), feed.id.clone());
            (id, crate::fns::view::vitals(feed, live.unix_ms))
        });
        Snapshot {
            at_ms: live.unix_ms,
            feeds: feeds.collect(),
        }
    }
}

/// Reads the data of an event; none when a server of another version sent it.
pub fn parse(text: &str) -> Option<Snapshot> {
    serde_json::from_str(text).ok()
}
