//! Where Tidegate keeps what it must not forget: changefeeds, checkpoints, upstream timelines.
//!
//! In: keys and values with compare-and-commit. Out: the same after a crash. Typed stores sit on top of
//! [`MetaStore`]; nothing else touches keys.

#![warn(missing_docs)]

mod store;

pub use store::{BoxFut, Compare, MetaStore, MetaTxn, Revision, Versioned, Write};
