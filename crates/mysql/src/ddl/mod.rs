//! Tells what a logged statement does, without understanding more of SQL than it needs.

mod types;

pub use types::{Classified, Control, Ddl, Dml, Ignored, Target, Xid};

/// Classifies one statement as the binlog carries it.
///
/// `default_schema` is the schema of the session (empty if it had none), given to names that the text does not
/// qualify. `ansi_quotes`: whether `"` quotes names (SQL mode ANSI_QUOTES) rather than strings. Never fails and never
/// panics: what is not understood comes back as [`Classified::Other`].
pub fn classify(query: &str, default_schema: &str, ansi_quotes: bool) -> Classified {
    let _ = (query, default_schema, ansi_quotes);
    Classified::Other(String::new())
}
