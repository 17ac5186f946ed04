//! Table rules: which schemas and tables a changefeed replicates.
//!
//! In: rules as the user wrote them, names. Out: yes or no, and why. Pure and small: no I/O, builds for
//! `wasm32-unknown-unknown`, so that the console can preview a rule while it is typed.

#![warn(missing_docs)]

mod parse;
mod pattern;
mod regexp;
mod table_filter;

pub use parse::RuleError;
pub use table_filter::{Explanation, TableFilter, is_system_schema};
