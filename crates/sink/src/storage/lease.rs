//! Who may write below a root: one run of one changefeed of this process at a time.
//!
//! A write to a slow disk cannot be interrupted, so a thread may outlive the run it belongs to. It holds the lease
//! until it is done; the next run waits for that. Without it, the thread would put its older rows in the place of a
//! file that the next run has written and acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a run waits for the threads of the run before it.
const WAIT: Duration = Duration::from_secs(10);

/// Roots that are leased, or waited for, in this process.
static PLACES: LazyLock<Mutex<BTreeMap<String, Place>>> = LazyLock::new(Mutex::default);

struct Place {
    lock: Arc<AsyncMutex<()>>,
    holder: ChangefeedId,
}

/// Whose files they are.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) changefeed: ChangefeedId,
    /// Tells the changefeed of one server, in one of its lives, from all others: see `SinkSpec::incarnation`.
    pub(crate) identity: String,
}

/// The right to write below one root. It ends when the last clone of the `Arc` is dropped: everything that
/// writes holds one while it does.
pub(crate) struct Lease {
    stop: CancellationToken,
    /// Released before `ended`, so that whoever hears of the end finds the root free.
    _guard: OwnedMutexGuard<()>,
    ended: watch::Sender<()>,
}

impl Lease {
    /// Waits for its turn. `root` is the directory's real path, or names the bucket and what is before each file.
    ///
    /// # Errors
    /// `ExternalStorageAPI` when the holder does not let go in time.
    pub(crate) async fn acquire(root: &str, changefeed: &ChangefeedId) -> Result<Arc<Lease>> {
        let lock = {
            let mut places = places();
            // Only the map knows the lock of a place that nobody holds or waits for.
            places.retain(|_, place| Arc::strong_count(&place.lock) > 1);
            let place = places.entry(root.to_owned()).or_insert_with(|| Place {
                lock: Arc::default(),
                holder: changefeed.clone(),
            });
            Arc::clone(&place.lock)
        };
        let Ok(guard) = timeout(WAIT, lock.lock_owned()).await else {
            let text = match holder(root) {
                Some(holder) if holder != *changefeed => in_use(root, &holder),
                _ => format!(
                    "a write of the run before to {} has not ended: check whether the storage answers",
                    root
                ),
            };
            return Err(CdcError::new(ErrorCode::ExternalStorageAPI, text));
        };
        if let Some(place) = places().get_mut(root) {
            place.holder = changefeed.clone();
        }
        Ok(Arc::new(Lease {
            stop: CancellationToken::new(),
            _guard: guard,
            ended: watch::Sender::new(()),
        }))
    }

    /// Refuses a directory that another changefeed writes to now: each would overwrite the other's `metadata`.
    ///
    /// # Errors
    /// `StorageSinkInvalidConfig` naming the other one.
    pub(crate) fn check(root: &str, changefeed: &ChangefeedId) -> Result<()> {
        match holder(root) {
            Some(holder) if holder != *changefeed => Err(CdcError::new(
                ErrorCode::StorageSinkInvalidConfig,
                in_use(root, &holder),
            )),
            _ => Ok(()),
        }
    }

    /// From now on no file appears; what is half written is removed again. Cancelled by whoever ends the run.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Stops it and returns once everybody has let go.
    pub(crate) async fn end(self: Arc<Self>) {
        self.stop.cancel();
        let mut ended = self.ended.subscribe();
        drop(self);
        // Nothing is ever sent: the wait ends with the sender.
        ended.changed().await.ok();
    }

    /// # Errors
    /// `ExternalStorageAPI` once it was stopped.
    pub(crate) fn allowed(&self) -> Result<()> {
        if self.stop.is_cancelled() {
            return Err(CdcError::new(
                ErrorCode::ExternalStorageAPI,
                "the storage sink is closed",
            ));
        }
        Ok(())
    }
}

/// Who holds the lease of a directory now.
fn holder(root: &str) -> Option<ChangefeedId> {
    let places = places();
    let place = places.get(root)?;
    place.lock.try_lock().is_err().then(|| place.holder.clone())
}

fn in_use(root: &str, holder: &ChangefeedId) -> String {
    format!(
        "{} is being written to by changefeed {holder}: each changefeed needs a place of its own",
        root
    )
}

fn places() -> MutexGuard<'static, BTreeMap<String, Place>> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}
