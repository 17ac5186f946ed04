//! Character sets: from a collation's number to a conversion into UTF-8.

mod collations;
mod convert;
mod tables;

pub use collations::{Collation, CollationTable};
pub use convert::Charset;
