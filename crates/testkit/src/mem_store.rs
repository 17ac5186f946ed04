//! The meta store in memory, with faults.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_meta::{BoxFut, MetaStore, MetaTxn, Revision, Versioned, Write};
use tidegate_model::{CdcError, ErrorCode};

use crate::faults::Faults;

/// Sees every committed write, in order: key and value, `None` for a removal.
pub type Watcher = Box<dyn Fn(&str, Option<&[u8]>) + Send + Sync>;

/// What the store holds; survives a simulated crash.
#[derive(Default)]
struct Content {
    data: BTreeMap<String, Versioned>,
    revision: Revision,
    full: bool,
    reads: usize,
}

/// A [`MetaStore`] in memory. Clones made by [`MemStore::reopen`] share the content, as a restarted process would.
pub struct MemStore {
    content: Arc<Mutex<Content>>,
    watcher: Option<Arc<Watcher>>,
    faults: Option<Arc<Faults>>,
}

impl MemStore {
    /// An empty store without faults.
    pub fn new() -> Self {
        MemStore {
            content: Arc::default(),
            watcher: None,
            faults: None,
        }
    }

    /// Calls `watcher` for every write from now on.
    #[must_use]
    pub fn watched(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(Arc::new(watcher));
        self
    }

    /// The same content as a new process sees it, with the faults of that process.
    #[must_use]
    pub fn reopen(&self, faults: Arc<Faults>) -> Self {
        MemStore {
            content: Arc::clone(&self.content),
            watcher: self.watcher.clone(),
            faults: Some(faults),
        }
    }

    /// How often it was read.
    pub fn reads(&self) -> usize {
        self.lock().reads
    }

    /// From now on the disk below has no room, or has it again.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Somebody else writes a key again, as another owner would: whoever knows its revision is wrong now.
    pub fn touch(&self, key: &str) {
        let mut content = self.lock();
        content.revision += 1;
        let revision = content.revision;
        if let Some(stored) = content.data.get_mut(key) {
            stored.revision = revision;
        }
    }

    /// Puts `value` under `key` behind everybody's back, as a disk does that forgets a write.
    pub fn forge(&self, key: &str, value: Vec<u8>) {
        if let Some(stored) = self.lock().data.get_mut(key) {
            stored.value = value;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, txn: MetaTxn) -> Result<Revision, CdcError> {
        let mut content = self.lock();
        if content.full {
            return Err(full_disk());
        }
        for compare in &txn.compares {
            let found = content.data.get(&compare.key).map_or(0, |stored| stored.revision);
            if found != compare.revision {
                return Err(CdcError::new(
                    ErrorCode::MetaOpFailed,
                    format_args!("unexpected meta operation failure: {}", compare.key),
                ));
            }
        }
        content.revision += 1;
        let revision = content.revision;
        for write in txn.writes {
            match write {
                Write::Put(key, value) => {
                    self.tell(&key, Some(&value));
                    content.data.insert(key, Versioned { value, revision });
                }
                Write::Delete(key) => {
                    self.tell(&key, None);
                    content.data.remove(&key);
                }
            }
        }
        Ok(revision)
    }

    fn tell(&self, key: &str, value: Option<&[u8]>) {
        if let Some(watcher) = &self.watcher {
            watcher(key, value);
        }
    }
}

fn full_disk() -> CdcError {
    CdcError::new(ErrorCode::MetaStore, "the disk is full")
}

impl Default for MemStore {
    fn default() -> Self {
        MemStore::new()
    }
}

impl fmt::Debug for MemStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemStore({} keys)", self.lock().data.len())
    }
}

impl MetaStore for MemStore {
    fn get(&self, key: &str) -> BoxFut<'_, Option<Versioned>> {
        let mut content = self.lock();
        content.reads += 1;
        let found = if content.full {
            Err(full_disk())
        } else {
            Ok(content.data.get(key).cloned())
        };
        Box::pin(async move { found })
    }

    fn list(&self, prefix: &str) -> BoxFut<'_, Vec<(String, Versioned)>> {
        let mut content = self.lock();
        content.reads += 1;
        let below = content
            .data
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        let found = below.map(|(key, value)| (key.clone(), value.clone())).collect();
        Box::pin(async move { Ok(found) })
    }

    fn commit(&self, txn: MetaTxn) -> BoxFut<'_, Revision> {
        Box::pin(async move {
            let Some(faults) = &self.faults else {
                return self.apply(txn);
            };
            faults.effect().await;
            if faults.happens(faults.plan().meta_error) {
                if faults.happens(500) {
                    self.apply(txn)?;
                }
                return Err(full_disk());
            }
            let revision = self.apply(txn)?;
            // Between the write and whoever hears of it.
            faults.effect_now().await;
            Ok(revision)
        })
    }
}
