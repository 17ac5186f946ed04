//! Who changed what, as `/api/tidegate/v1/activity` tells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change, or one attempt that was refused.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityEntry {
    /// Grows with every entry.
    pub id: u64,
    /// When it began, RFC 3339 in UTC.
    pub time: String,
    /// `create`, `update`, `pause`, `resume`, `remove`, `log_level`, `resign`, `drain`, `login`, or method and route. Of
    /// the engine: `failed`, `warning`, `recovered` and `finished`.
    pub action: String,
    /// Who did it.
    pub actor: Actor,
    /// IP address it came from.
    pub address: String,
    /// HTTP method.
    pub method: String,
    /// Route as it is documented, with `{parameters}`.
    pub route: String,
    /// The changefeed it was about.
    pub changefeed: Option<ActivityTarget>,
    /// `done`, `failed`, `refused`; `begun` while it is under way, or when the server ended before it was done.
    pub result: String,
    /// HTTP status of the answer; 0 while there is none.
    pub status: u16,
    /// Code of the error, if any.
    pub code: String,
    /// Text of the error, if any.
    pub message: String,
    /// What is different now, secrets masked. An update without differences changed secrets only.
    pub changes: Vec<ActivityChange>,
}

/// Who did something.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// Name of the user, token or certificate; `anonymous` on a server that asks nobody; empty when not known.
    pub name: String,
    /// How they proved it: `password`, `session`, `token`, `certificate` or `none`; `engine` for what the engine did by
    /// itself.
    pub kind: String,
    /// Their role; empty when not known.
    pub role: String,
}

/// A changefeed by name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityTarget {
    /// Namespace.
    pub namespace: String,
    /// Id.
    pub id: String,
}

/// One value that is different.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityChange {
    /// JSON pointer into the description of the changefeed.
    pub path: String,
    /// Before; null: there was none.
    pub from: Value,
    /// After; null: there is none.
    pub to: Value,
}

/// Entries, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityPage {
    /// The entries.
    pub items: Vec<ActivityEntry>,
    /// `cursor` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<u64>,
}

/// A configuration that was in force, secrets masked.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigVersion {
    /// Counts from 1 on; goes on when a changefeed of the same name is created again.
    pub version: u64,
    /// When it was applied, RFC 3339 in UTC; empty when not known.
    pub time: String,
    /// `create`, `update` or `remove`; `found` for one that was in force and whose begin was not noted.
    pub action: String,
    /// Who applied it.
    pub actor: Actor,
    /// Where changes go.
    pub sink_uri: String,
    /// The TSO it starts from.
    pub start_ts: u64,
    /// The TSO it ends at; 0 for none.
    pub target_ts: u64,
    /// Of a removed changefeed: how far it had got, a TSO; 0 otherwise.
    pub checkpoint_ts: u64,
    /// The whole `replica_config`.
    pub config: Value,
}
