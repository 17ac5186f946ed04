//! Event filters: which kinds of events of which tables are dropped.

mod kinds;
#[cfg(not(target_arch = "wasm32"))]
mod rows;
#[cfg(not(target_arch = "wasm32"))]
mod rules;

pub use kinds::{EventKinds, event_names};
#[cfg(not(target_arch = "wasm32"))]
pub use rows::{RowFilter, TableRules};
#[cfg(not(target_arch = "wasm32"))]
pub use rules::{DdlFacts, EventFilter, EventRule};
