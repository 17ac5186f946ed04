//! Where Tidegate keeps what it must not forget: changefeeds, checkpoints, upstream timelines.
//!
//! In: keys and values with compare-and-commit. Out: the same after a crash. Typed stores sit on top of
//! [`MetaStore`] and take their keys from [`keys`]; what a value means is none of this crate's business. Values are
//! encrypted on the disk ([`Keyring`]).

#![warn(missing_docs)]

mod commit;
mod datadir;
mod key_file;
pub mod keys;
mod redb_store;
mod rewrite;
mod seal;
mod store;
mod store_file;

pub use redb_store::RedbStore;
pub use seal::{KeyId, Keyring};
pub use store::{BoxFut, Compare, MetaStore, MetaTxn, Revision, Versioned, Write};
