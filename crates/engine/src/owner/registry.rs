//! Which changefeeds there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result};

use super::view::Handle;

/// All changefeeds of this server, also those that are being created.
#[derive(Default)]
pub(crate) struct Registry {
    feeds: Mutex<BTreeMap<ChangefeedId, Option<Arc<Handle>>>>,
}

/// An id that is taken while its changefeed is being created; given back when dropped.
pub(crate) struct Reservation {
    registry: Arc<Registry>,
    id: ChangefeedId,
    used: bool,
}

impl Registry {
    /// Takes an id.
    ///
    /// # Errors
    /// `ChangeFeedAlreadyExists`.
    pub(crate) fn reserve(self: &Arc<Self>, id: &ChangefeedId) -> Result<Reservation> {
        let mut feeds = self.lock();
        if feeds.contains_key(id) {
            return Err(already_exists(id));
        }
        feeds.insert(id.clone(), None);
        Ok(Reservation {
            registry: Arc::clone(self),
            id: id.clone(),
            used: false,
        })
    }

    /// Whether an id could be taken now.
    ///
    /// # Errors
    /// `ChangeFeedAlreadyExists`.
    pub(crate) fn check_free(&self, id: &ChangefeedId) -> Result<()> {
        if self.lock().contains_key(id) {
            return Err(already_exists(id));
        }
        Ok(())
    }

    /// The changefeed of an id.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`, also while it is being created.
    pub(crate) fn get(&self, id: &ChangefeedId) -> Result<Arc<Handle>> {
        self.lock().get(id).cloned().flatten().ok_or_else(|| {
            CdcError::new(
                ErrorCode::ChangeFeedNotExists,
                format_args!("changefeed not exists, {id}"),
            )
        })
    }

    /// All changefeeds, by namespace and id.
    pub(crate) fn all(&self) -> Vec<Arc<Handle>> {
        self.lock().values().flatten().cloned().collect()
    }

    /// Makes a changefeed visible.
    pub(crate) fn insert(&self, handle: Arc<Handle>) {
        self.lock().insert(handle.id.clone(), Some(handle));
    }

    /// Forgets a changefeed; its id is free again.
    pub(crate) fn remove(&self, id: &ChangefeedId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChangefeedId, Option<Arc<Handle>>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// The changefeed exists now.
    pub(crate) fn activate(mut self, handle: Arc<Handle>) {
        self.used = true;
        self.registry.insert(handle);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut feeds = self.registry.lock();
        // Only what was reserved here is given back, never a changefeed that came to be under the id.
        if !self.used && matches!(feeds.get(&self.id), Some(None)) {
            feeds.remove(&self.id);
        }
    }
}

/// The refusal of an id that is taken, worded as clients know it.
pub(crate) fn already_exists(id: &ChangefeedId) -> CdcError {
    CdcError::new(
        ErrorCode::ChangeFeedAlreadyExists,
        format_args!("changefeed already exists, {}", id.id),
    )
}
