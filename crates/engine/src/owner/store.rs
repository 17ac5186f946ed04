//! The typed store of changefeeds: two documents each, written by comparing with what was written last.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_meta::{Compare, MetaStore, MetaTxn, Revision, Versioned, Write, keys};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts};

use super::record::{StoredFeed, decode_info, decode_status, shown_info};

/// Reads changefeeds and hands out what writes them.
#[derive(Clone)]
pub(crate) struct FeedStore {
    meta: Arc<dyn MetaStore>,
    cluster_id: Arc<str>,
}

/// The two documents of one changefeed, and the revisions at which their owner knows them.
pub(crate) struct FeedRecord {
    meta: Arc<dyn MetaStore>,
    info: Slot,
    status: Slot,
}

#[derive(Clone)]
struct Slot {
    key: String,
    revision: Revision,
}

/// What to write; absent documents stay as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) info: Option<Vec<u8>>,
    pub(crate) status: Option<Vec<u8>>,
}

impl FeedStore {
    pub(crate) fn new(meta: Arc<dyn MetaStore>, cluster_id: &str) -> Self {
        FeedStore {
            meta,
            cluster_id: cluster_id.into(),
        }
    }

    /// All changefeeds with their checkpoints.
    ///
    /// # Errors
    /// `DataDirCorrupt` naming the first that cannot be read: running without it would lose its data silently.
    pub(crate) async fn load(&self) -> Result<Vec<(StoredFeed, Ts, FeedRecord)>> {
        let mut feeds = Vec::new();
        // One read for all, whatever their number.
        let all: BTreeMap<_, _> = self
            .meta
            .list(&keys::cluster(&self.cluster_id))
            .await?
            .into_iter()
            .collect();
        for (key, stored) in &all {
            let Some(id) = keys::parse_changefeed_info(&self.cluster_id, key) else {
                continue;
            };
            let feed = decode_info(&id, &stored.value)?;
            let mut record = self.record(&id);
            record.info.revision = stored.revision;
            let checkpoint = match all.get(&record.status.key) {
                Some(status) => {
                    record.status.revision = status.revision;
                    decode_status(&id, &status.value)?
                }
                None => feed.info.start_ts,
            };
            feeds.push((feed, checkpoint, record));
        }
        Ok(feeds)
    }

    /// Every key of the cluster in order, with what may be shown of its value: changefeeds with their secrets masked,
    /// checkpoints as they are, of everything else its size only.
    ///
    /// # Errors
    /// Those of the store; `DataDirCorrupt` for a changefeed that cannot be read.
    pub(crate) async fn entries(&self) -> Result<Vec<(String, String)>> {
        let stored = self.meta.list(&keys::cluster(&self.cluster_id)).await?;
        let entry = |(key, stored): (String, Versioned)| {
            let shown = if let Some(id) = keys::parse_changefeed_info(&self.cluster_id, &key) {
                shown_info(&id, &stored.value)?
            } else if keys::parse_changefeed_status(&self.cluster_id, &key).is_some() {
                String::from_utf8_lossy(&stored.value).into_owned()
            } else {
                format!("<{} bytes>", stored.value.len())
            };
            Ok((key, shown))
        };
        stored.into_iter().map(entry).collect()
    }

    /// The record of a changefeed that does not exist yet.
    pub(crate) fn record(&self, id: &ChangefeedId) -> FeedRecord {
        let slot = |key| Slot { key, revision: 0 };
        FeedRecord {
            meta: Arc::clone(&self.meta),
            info: slot(keys::changefeed_info(&self.cluster_id, id)),
            status: slot(keys::changefeed_status(&self.cluster_id, id)),
        }
    }
}

impl FeedRecord {
    /// Writes documents, provided that nobody else did since.
    ///
    /// An error of the disk leaves open whether the write happened; so it is read back, and counts as done when it
    /// is there. The revisions are learnt on the way, so that a later write can succeed.
    pub(crate) async fn write(&mut self, change: Change) -> Result<()> {
        let pairs = self.pairs(change);
        let txn = MetaTxn {
            compares: pairs.iter().map(|(slot, _)| slot.compare()).collect(),
            writes: pairs
                .iter()
                .map(|(slot, value)| Write::Put(slot.key.clone(), value.clone()))
                .collect(),
        };
        match self.meta.commit(txn).await {
            Ok(revision) => {
                for (slot, _) in pairs {
                    self.slot(&slot.key).revision = revision;
                }
                Ok(())
            }
            Err(error) => self.read_back(pairs, error).await,
        }
    }

    /// Removes both documents. One that is gone already is no error.
    pub(crate) async fn delete(&mut self) -> Result<()> {
        let slots = [self.info.clone(), self.status.clone()];
        let txn = MetaTxn {
            compares: slots.iter().map(Slot::compare).collect(),
            writes: slots.iter().map(|slot| Write::Delete(slot.key.clone())).collect(),
        };
        let Err(error) = self.meta.commit(txn).await else {
            return Ok(());
        };
        let mut gone = true;
        for slot in slots {
            let found = self.meta.get(&slot.key).await?;
            gone &= found.is_none();
            self.slot(&slot.key).revision = found.map_or(0, |found| found.revision);
        }
        if gone { Ok(()) } else { Err(error) }
    }

    fn pairs(&self, change: Change) -> Vec<(Slot, Vec<u8>)> {
        let info = change.info.map(|value| (self.info.clone(), value));
        let status = change.status.map(|value| (self.status.clone(), value));
        info.into_iter().chain(status).collect()
    }

    async fn read_back(&mut self, pairs: Vec<(Slot, Vec<u8>)>, error: CdcError) -> Result<()> {
        let mut written = true;
        for (slot, value) in pairs {
            let found = self.meta.get(&slot.key).await?;
            written &= found.as_ref().is_some_and(|found| found.value == value);
            // A record that should not exist yet must not be taken over from whoever made it.
            if slot.revision != 0 || written {
                self.slot(&slot.key).revision = found.map_or(0, |found| found.revision);
            }
        }
        if written { Ok(()) } else { Err(error) }
    }

    fn slot(&mut self, key: &str) -> &mut Slot {
        if self.info.key == key {
            &mut self.info
        } else {
            &mut self.status
        }
    }
}

impl Slot {
    fn compare(&self) -> Compare {
        Compare {
            key: self.key.clone(),
            revision: self.revision,
        }
    }
}

/// Whether a write failed because the record is somebody else's.
pub(crate) fn is_conflict(error: &CdcError) -> bool {
    error.code() == ErrorCode::MetaOpFailed
}
