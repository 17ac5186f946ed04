//! The embedded store: one redb file in the data directory, written by one thread.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use redb::{Database, ReadableDatabase, ReadableTable};
use tidegate_failpoint::{Point, hit};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};
use tokio::sync::{mpsc, oneshot};

use crate::commit::{DATA, HEADER, REVISION_KEY, apply, decode};
use crate::datadir;
use crate::key_file;
use crate::seal::Keyring;
use crate::store::{BoxFut, MetaStore, MetaTxn, Revision, Versioned};
use crate::store_file::StoreFile;

/// Commits that may wait for the writer; further callers wait for a place.
const QUEUE: usize = 1024;
/// Commits that may share one disk flush.
const GROUP_MAX: usize = 1024;

/// A [`MetaStore`] in a file of its own.
///
/// One thread writes; commits that arrive while it is flushing share the next flush. Reads run beside it on the
/// runtime's blocking threads and see whole commits only. After a fault of the disk, a full one included, every commit
/// tries to open the file anew; reads fail until one has succeeded. Dropping the store waits for the commits under
/// way and releases the directory.
pub struct RedbStore {
    file: Arc<StoreFile>,
    keys: Arc<Keyring>,
    queue: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// Held, not read: the lock goes with the file.
    _lock: File,
}

struct Request {
    txn: MetaTxn,
    reply: oneshot::Sender<Result<Revision>>,
}

impl RedbStore {
    /// As [`RedbStore::open_with`] and the key of the data directory itself, which is made if there is none.
    ///
    /// # Errors
    /// Those of [`RedbStore::open_with`].
    pub fn open(dir: impl AsRef<Path>) -> Result<RedbStore> {
        RedbStore::open_with(dir, None)
    }

    /// Opens the store of a data directory, making both if they do not exist. Blocks on the disk.
    ///
    /// The first of `keys` writes, all of them and the key of the directory itself read. A store in clear, or one
    /// that another key wrote, is written anew under the first key before this returns.
    ///
    /// # Errors
    /// `DataDirLocked` when another server uses the directory, `EncryptionKey` when the key of the store is missing,
    /// `DataDirCorrupt` when the file is damaged or of an unknown layout, `MetaStore` when the disk refuses.
    pub fn open_with(dir: impl AsRef<Path>, keys: Option<Keyring>) -> Result<RedbStore> {
        let dir = dir.as_ref();
        let lock = datadir::lock(dir)?;
        let keys = Arc::new(all_keys(dir, keys)?);
        let file = Arc::new(StoreFile::open(dir, &keys)?);
        let (queue, requests) = mpsc::channel(QUEUE);
        let writer = thread::Builder::new()
            .name("meta-writer".to_owned())
            .spawn({
                let (file, keys) = (Arc::clone(&file), Arc::clone(&keys));
                move || write_loop(&file, &keys, requests)
            })
            .code(ErrorCode::MetaStore, "cannot start the writer of the meta store")?;
        Ok(RedbStore {
            file,
            keys,
            queue: Some(queue),
            writer: Some(writer),
            _lock: lock,
        })
    }

    /// Runs a read on a blocking thread.
    async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Database) -> Result<T> + Send + 'static,
    {
        let file = Arc::clone(&self.file);
        tokio::task::spawn_blocking(move || file.run(read))
            .await
            .code(ErrorCode::MetaStore, "reading the meta store was interrupted")?
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was reported to whoever waited for it.
            drop(writer.join());
        }
    }
}

impl MetaStore for RedbStore {
    fn get(&self, key: &str) -> BoxFut<'_, Option<Versioned>> {
        let (key, keys) = (key.to_owned(), Arc::clone(&self.keys));
        Box::pin(self.read(move |db| {
            let table = db
                .begin_read()
                .code(ErrorCode::MetaStore, READ_FAILED)?
                .open_table(DATA)
                .code(ErrorCode::MetaStore, READ_FAILED)?;
            let stored = table.get(key.as_str()).code(ErrorCode::MetaStore, READ_FAILED)?;
            stored
                .map(|stored| decode(&keys, &key, stored.value()))
                .transpose()
        }))
    }

    fn list(&self, prefix: &str) -> BoxFut<'_, Vec<(String, Versioned)>> {
        let (prefix, keys) = (prefix.to_owned(), Arc::clone(&self.keys));
        Box::pin(self.read(move |db| {
            let table = db
                .begin_read()
                .code(ErrorCode::MetaStore, READ_FAILED)?
                .open_table(DATA)
                .code(ErrorCode::MetaStore, READ_FAILED)?;
            let mut found = Vec::new();
            for pair in table
                .range(prefix.as_str()..)
                .code(ErrorCode::MetaStore, READ_FAILED)?
            {
                let (key, stored) = pair.code(ErrorCode::MetaStore, READ_FAILED)?;
                if !key.value().starts_with(&prefix) {
                    break;
                }
                let value = decode(&keys, key.value(), stored.value())?;
                found.push((key.value().to_owned(), value));
            }
            Ok(found)
        }))
    }

    fn commit(&self, txn: MetaTxn) -> BoxFut<'_, Revision> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let stopped = || CdcError::new(ErrorCode::MetaStore, "the meta store has stopped");
            let queue = self.queue.as_ref().ok_or_else(stopped)?;
            queue
                .send(Request { txn, reply })
                .await
                .map_err(|_closed| stopped())?;
            answer.await.map_err(|_dropped| stopped())?
        })
    }
}

/// The keys that were given, then the directory's own; one is made where there is neither key nor sealed store.
fn all_keys(dir: &Path, given: Option<Keyring>) -> Result<Keyring> {
    let own = key_file::read_own(dir)?;
    let own = match own {
        None if given.is_none() && !StoreFile::is_sealed(dir)? => Some(key_file::make_own(dir)?),
        own => own,
    };
    let mut keys = given.unwrap_or_else(Keyring::empty);
    if let Some(own) = own {
        keys.extend(own);
    }
    Ok(keys)
}

const READ_FAILED: &str = "cannot read the meta store";
const WRITE_FAILED: &str = "cannot write the meta store";

fn write_loop(file: &StoreFile, keys: &Keyring, mut requests: mpsc::Receiver<Request>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while requests.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        let results = file.mend().and_then(|()| run_group(file, keys, &group));
        for (index, request) in group.drain(..).enumerate() {
            let result = match &results {
                Ok(results) => results[index].clone(),
                Err(error) => Err(error.clone()),
            };
            // The caller may have gone away; its commit stands.
            drop(request.reply.send(result));
        }
    }
}

fn run_group(file: &StoreFile, keys: &Keyring, group: &[Request]) -> Result<Vec<Result<Revision>>> {
    file.run(|db| commit_group(db, keys, group)).inspect_err(|_| {
        // Before the answer: whoever is told of a fault reads back whether the commit happened. If it does not work
        // now, the next commit is told why.
        drop(file.mend());
    })
}

/// One disk flush for all; each transaction succeeds or fails its comparisons on its own.
fn commit_group(db: &Database, keys: &Keyring, group: &[Request]) -> Result<Vec<Result<Revision>>> {
    let write = db.begin_write().code(ErrorCode::MetaStore, WRITE_FAILED)?;
    let mut results = Vec::with_capacity(group.len());
    {
        let mut header = write
            .open_table(HEADER)
            .code(ErrorCode::MetaStore, WRITE_FAILED)?;
        let mut data = write.open_table(DATA).code(ErrorCode::MetaStore, WRITE_FAILED)?;
        let mut revision = header
            .get(REVISION_KEY)
            .code(ErrorCode::MetaStore, READ_FAILED)?
            .map_or(0, |stored| stored.value());
        for request in group {
            match apply(keys, &mut data, &request.txn, revision + 1) {
                Ok(()) => {
                    revision += 1;
                    results.push(Ok(revision));
                }
                Err(error) if error.code() == ErrorCode::MetaOpFailed => results.push(Err(error)),
                // Half of its writes may be in the table: none of the group may be committed.
                Err(error) => return Err(error),
            }
        }
        hit(Point::MetaHalf);
        header
            .insert(REVISION_KEY, revision)
            .code(ErrorCode::MetaStore, WRITE_FAILED)?;
    }
    hit(Point::MetaBeforeFlush);
    write.commit().code(ErrorCode::MetaStore, WRITE_FAILED)?;
    hit(Point::MetaFlushed);
    Ok(results)
}
