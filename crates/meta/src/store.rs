//! The seam between typed stores and the engine that keeps bytes.

use std::future::Future;
use std::pin::Pin;

use tidegate_model::Result;

/// A boxed future, for the edges that must be object-safe.
pub type BoxFut<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Grows with every commit of a store. 0 stands for "does not exist".
pub type Revision = u64;

/// A value and the revision of the commit that last wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned {
    /// The value.
    pub value: Vec<u8>,
    /// Revision of the commit that wrote it.
    pub revision: Revision,
}

/// A condition of a transaction: the key's last revision is exactly this; 0: the key does not exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compare {
    /// Key looked at.
    pub key: String,
    /// Revision expected.
    pub revision: Revision,
}

/// One write of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Sets a key.
    Put(String, Vec<u8>),
    /// Removes a key; no error if it is absent.
    Delete(String),
}

/// Compares and writes, all or nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetaTxn {
    /// All must hold, else nothing is written.
    pub compares: Vec<Compare>,
    /// Applied in order.
    pub writes: Vec<Write>,
}

/// A small, durable, ordered key-value store with the semantics of an etcd transaction.
pub trait MetaStore: Send + Sync + 'static {
    /// The value of `key`.
    fn get(&self, key: &str) -> BoxFut<'_, Option<Versioned>>;

    /// All pairs whose key starts with `prefix`, in key order.
    fn list(&self, prefix: &str) -> BoxFut<'_, Vec<(String, Versioned)>>;

    /// Commits durably: after `Ok` a crash of the process or the machine does not lose it. Commits of concurrent
    /// callers may share one disk flush.
    ///
    /// # Errors
    /// `MetaOpFailed` when a comparison does not hold (nothing was written), `MetaStore` when the disk fails.
    fn commit(&self, txn: MetaTxn) -> BoxFut<'_, Revision>;
}
