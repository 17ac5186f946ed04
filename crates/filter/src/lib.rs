//! Filters: which schemas and tables a changefeed replicates, and which of their events it drops.
//!
//! In: rules as the user wrote them, names, schema changes, rows. Out: yes or no, and why. No I/O. The table rules
//! and the names of events build for `wasm32-unknown-unknown`, so that the console can preview a rule while it is
//! typed; what looks at rows is for servers only.

#![warn(missing_docs)]

mod event;
#[cfg(not(target_arch = "wasm32"))]
mod expr;
mod parse;
mod pattern;
mod regexp;
mod table_filter;
mod tokens;

#[cfg(not(target_arch = "wasm32"))]
pub use event::{DdlFacts, EventFilter, EventRule, RowFilter, TableRules};
pub use event::{EventKinds, event_names};
pub use parse::RuleError;
pub use table_filter::{Explanation, TableFilter, is_system_schema};
pub use tokens::{TokenKind, rule_tokens};
