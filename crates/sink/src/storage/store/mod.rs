//! The seam between the layout of the files and where they are kept: a directory or a bucket.
//!
//! Paths are relative to the root of the changefeed, with `/` between their parts. What an answer calls written is
//! durable. A write ends with an error once the run's [`Lease`](super::lease::Lease) was stopped.

mod address;
mod bucket;
mod claim;
mod client;
pub(super) mod disk;
mod error;
mod files;
mod local;
#[cfg(feature = "simulation")]
pub(crate) mod simulation;
mod upload;

use std::sync::Arc;

use tidegate_model::Result;

pub(crate) use self::address::Address;
#[cfg(test)]
pub(crate) use self::{address::BucketAddress, bucket::BucketStore};
use super::lease::{Holder, Lease};
use crate::sink::BoxFut;

/// Where one run of a changefeed keeps its files.
pub(crate) trait Store: Send + Sync + 'static {
    /// Begins a file that must not be there yet.
    fn begin(&self, path: String) -> BoxFut<'_, Box<dyn Draft>>;

    /// Writes a whole small file, in the place of one that is there.
    fn replace(&self, path: String, content: Vec<u8>) -> BoxFut<'_, ()>;

    /// The content of a small file; `None` when there is none.
    fn read(&self, path: String) -> BoxFut<'_, Option<Vec<u8>>>;

    /// Whether a file holds anything. An empty one, as a crashed file system may leave it, is removed.
    fn has_content(&self, path: String) -> BoxFut<'_, bool>;

    /// What is directly in a directory; nothing when it does not exist. The root is the empty path.
    fn list(&self, dir: String) -> BoxFut<'_, Listing>;

    /// Removes a file, if it is there.
    fn remove(&self, path: String) -> BoxFut<'_, ()>;

    /// Removes a directory if nothing is left in it.
    fn remove_empty_dir(&self, dir: String) -> BoxFut<'_, ()>;

    /// Keeps what is written safe from other servers. Runs as long as the store does; ends only with an error, after
    /// which nothing more is written.
    fn guard(&self) -> BoxFut<'_, ()>;

    /// Lets the next run begin at once. Called when nothing is written any more.
    fn release(&self) -> BoxFut<'_, ()>;
}

/// A file while it is written. Dropped unpublished, its name stays free.
pub(crate) trait Draft: Send {
    /// Adds the next bytes.
    fn append(&mut self, piece: Vec<u8>) -> BoxFut<'_, ()>;

    /// Makes the file appear, whole and durable. A file of the same name that is there stays as it is, and is an
    /// error.
    fn create(self: Box<Self>) -> BoxFut<'static, ()>;
}

/// What is directly in a directory.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Names of the files.
    pub(crate) files: Vec<String>,
    /// Names of the directories.
    pub(crate) dirs: Vec<String>,
}

/// A store that is ready, and the right to write to it.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lease: Arc<Lease>,
}

/// Proves that the place can be written to, waits until no earlier run and no other server writes there, and takes it
/// over.
///
/// # Errors
/// `ExternalStorageAPI` when it cannot be reached or written to, or is being written to for too long;
/// `StorageSinkInvalidConfig` for an address that cannot be right.
pub(crate) async fn open(address: &Address, holder: &Holder) -> Result<Opened> {
    match address {
        Address::Dir(root) => open_dir(local::Calls::real(), root.clone(), holder).await,
        Address::Bucket(bucket) => {
            let lease = Lease::acquire(&bucket.label, &holder.changefeed).await?;
            let store = bucket::BucketStore::open(bucket, holder, Arc::clone(&lease)).await?;
            Ok(Opened {
                store: Arc::new(store),
                lease,
            })
        }
    }
}

async fn open_dir(calls: local::Calls, root: std::path::PathBuf, holder: &Holder) -> Result<Opened> {
    let root = calls.probe(root).await?;
    let lease = Lease::acquire(&root.display().to_string(), &holder.changefeed).await?;
    let store = local::LocalStore::new(root, Arc::clone(&lease), calls);
    Ok(Opened {
        store: Arc::new(store),
        lease,
    })
}

/// Proves that the place can be written to, and that no other changefeed does so now. Leaves nothing behind.
///
/// # Errors
/// As [`open`], but within seconds.
pub(crate) async fn check(address: &Address, holder: &Holder) -> Result<()> {
    match address {
        Address::Dir(root) => {
            let root = local::Calls::real().probe(root.clone()).await?;
            Lease::check(&root.display().to_string(), &holder.changefeed)
        }
        Address::Bucket(bucket) => {
            Lease::check(&bucket.label, &holder.changefeed)?;
            bucket::check(bucket, holder).await
        }
    }
}
