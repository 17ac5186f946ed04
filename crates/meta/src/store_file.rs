//! The file of the embedded store: made, opened, and replaced after a fault of the disk.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, DatabaseError, ReadableDatabase, StorageError};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::commit::{DATA, FORMAT, FORMAT_CLEAR, FORMAT_KEY, HEADER, REVISION_KEY, SEAL_KEY};
use crate::datadir;
use crate::rewrite;
use crate::seal::{KeyId, Keyring};

const FILE: &str = "meta.redb";
const NEW_FILE: &str = "meta.redb.new";
/// The store holds a few KiB per changefeed; the default of the library is a gigabyte.
const CACHE_BYTES: usize = 16 << 20;
/// Unit in which a file is copied.
const COPY_BYTES: usize = 64 << 10;
const WRITE_FAILED: &str = "cannot write the meta store";

/// The open database of a data directory.
///
/// The library refuses all work after the first failed read, write or sync of its file. The database is then opened
/// anew, as after a crash: once the disk works again, the store does.
pub(crate) struct StoreFile {
    dir: PathBuf,
    state: Mutex<State>,
}

struct State {
    db: Arc<Database>,
    /// What the disk said last, while the database refuses all work.
    fault: Option<CdcError>,
}

impl StoreFile {
    /// Opens the file of a data directory whose lock the caller holds, making it if it does not exist, and writing it
    /// anew if it is not sealed under the first of `keys`.
    ///
    /// # Errors
    /// `DataDirLocked`, `DataDirCorrupt`, `EncryptionKey` or `MetaStore`.
    pub(crate) fn open(dir: &Path, keys: &Keyring) -> Result<StoreFile> {
        let path = dir.join(FILE);
        if !path.exists() {
            create(dir, &path, keys)?;
        }
        let mut db = open_file(&path)?;
        if rewrite::is_due(&db, keys)? {
            let new = dir.join(NEW_FILE);
            remove(&new)?;
            rewrite::write_anew(&db, &new, keys)?;
            drop(db);
            fs::rename(&new, &path).code(ErrorCode::MetaStore, WRITE_FAILED)?;
            datadir::sync(dir)?;
            db = open_file(&path)?;
        }
        Ok(StoreFile {
            dir: dir.to_owned(),
            state: Mutex::new(State {
                db: Arc::new(db),
                fault: None,
            }),
        })
    }

    /// Whether the directory has a store whose values are sealed.
    ///
    /// # Errors
    /// Those of opening it.
    pub(crate) fn is_sealed(dir: &Path) -> Result<bool> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(false);
        }
        let unreadable = || "the header of the meta store cannot be read";
        let format =
            read_header(&open_file(&path)?, FORMAT_KEY).code(ErrorCode::DataDirCorrupt, unreadable())?;
        Ok(format != Some(FORMAT_CLEAR))
    }

    /// Runs `work` on the database. After a fault of the disk it is not run any more: the fault is returned until
    /// [`StoreFile::mend`] succeeds.
    ///
    /// # Errors
    /// Those of `work`; `MetaStore` among them counts as a fault of the disk.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let db = {
            let state = self.lock();
            match &state.fault {
                Some(fault) => return Err(fault.clone()),
                None => Arc::clone(&state.db),
            }
        };
        work(&db).inspect_err(|error| self.note(&db, error))
    }

    /// Opens the database anew if there was a fault. Only the thread that commits may call it: a commit under way
    /// would be missing in the new database.
    ///
    /// # Errors
    /// What the disk says now; it is tried again by the next call.
    pub(crate) fn mend(&self) -> Result<()> {
        if self.lock().fault.is_none() {
            return Ok(());
        }
        match replace(&self.dir) {
            Ok(db) => {
                let mut state = self.lock();
                state.db = Arc::new(db);
                state.fault = None;
                tracing::info!("the meta store works again");
                Ok(())
            }
            Err(error) => {
                self.lock().fault = Some(error.clone());
                Err(error)
            }
        }
    }

    fn note(&self, db: &Arc<Database>, error: &CdcError) {
        let mut state = self.lock();
        // A read of a database that was replaced meanwhile says nothing about the present one.
        if error.code() == ErrorCode::MetaStore && Arc::ptr_eq(&state.db, db) && state.fault.is_none() {
            tracing::warn!(%error, "the meta store is out of order until the disk works again");
            state.fault = Some(error.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a copy in the place of the file and opens it.
///
/// After a failed sync the system may hold pages that it will never write again but calls clean. Every page of a copy
/// is written anew, so what is read from it is on the disk.
fn replace(dir: &Path) -> Result<Database> {
    let (path, new) = (dir.join(FILE), dir.join(NEW_FILE));
    let copied = copy(&path, &new).code(ErrorCode::MetaStore, WRITE_FAILED);
    let opened = copied.and_then(|()| open_file(&new));
    let renamed = opened.and_then(|db| {
        fs::rename(&new, &path).code(ErrorCode::MetaStore, WRITE_FAILED)?;
        datadir::sync(dir)?;
        Ok(db)
    });
    renamed.inspect_err(|_| {
        // It takes room that may be short; the next attempt makes it again.
        drop(fs::remove_file(&new));
    })
}

/// Copies a file by writing every byte; stretches of zeros become holes, as they were.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let len = source.metadata()?.len();
    let mut target = File::create(to)?;
    let mut block = vec![0; COPY_BYTES];
    loop {
        let count = source.read(&mut block)?;
        if count == 0 {
            break;
        }
        if block[..count].iter().any(|&byte| byte != 0) {
            target.write_all(&block[..count])?;
        } else {
            target.seek(SeekFrom::Current(i64::try_from(count).map_err(io::Error::other)?))?;
        }
    }
    target.set_len(len)?;
    target.sync_all()
}

/// Builds the file under another name first: a file under the real name is always complete.
fn create(dir: &Path, path: &Path, keys: &Keyring) -> Result<()> {
    let new = dir.join(NEW_FILE);
    remove(&new)?;
    let db = Database::create(&new).code(ErrorCode::MetaStore, WRITE_FAILED)?;
    let txn = db.begin_write().code(ErrorCode::MetaStore, WRITE_FAILED)?;
    txn.open_table(DATA).code(ErrorCode::MetaStore, WRITE_FAILED)?;
    write_header(&txn, 0, keys)?;
    txn.commit().code(ErrorCode::MetaStore, WRITE_FAILED)?;
    drop(db);
    fs::rename(&new, path).code(ErrorCode::MetaStore, WRITE_FAILED)?;
    datadir::sync(dir)
}

/// Says layout, revision and key of a new file.
pub(crate) fn write_header(txn: &redb::WriteTransaction, revision: u64, keys: &Keyring) -> Result<()> {
    let KeyId(key) = keys.writer().ok_or_else(|| {
        CdcError::new(
            ErrorCode::EncryptionKey,
            "there is no encryption key to write with",
        )
    })?;
    let mut header = txn.open_table(HEADER).code(ErrorCode::MetaStore, WRITE_FAILED)?;
    for (name, value) in [(FORMAT_KEY, FORMAT), (REVISION_KEY, revision), (SEAL_KEY, key)] {
        header
            .insert(name, value)
            .code(ErrorCode::MetaStore, WRITE_FAILED)?;
    }
    Ok(())
}

fn remove(new: &Path) -> Result<()> {
    if new.exists() {
        fs::remove_file(new).code(ErrorCode::MetaStore, WRITE_FAILED)?;
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<Database> {
    let corrupt = |text: &str| {
        CdcError::new(
            ErrorCode::DataDirCorrupt,
            format_args!("{} is damaged: {text}", path.display()),
        )
    };
    // The library checks its pages, but a file that is none of its own can still trip an assertion.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Database::builder().set_cache_size(CACHE_BYTES).open(path)
    }));
    let db = match opened {
        Ok(Ok(db)) => db,
        Ok(Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch)) => {
            return Err(CdcError::new(
                ErrorCode::DataDirLocked,
                format_args!("{} is in use by another process", path.display()),
            ));
        }
        Ok(Err(DatabaseError::Storage(StorageError::Io(error)))) if !is_content_fault(&error) => {
            return Err(error).code(
                ErrorCode::MetaStore,
                format_args!("cannot open {}", path.display()),
            );
        }
        Ok(Err(DatabaseError::Storage(error @ StorageError::PreviousIo))) => {
            return Err(error).code(ErrorCode::MetaStore, WRITE_FAILED);
        }
        Ok(Err(error)) => return Err(corrupt(&error.to_string())),
        Err(_panic) => return Err(corrupt("its structure is broken")),
    };
    match read_header(&db, FORMAT_KEY) {
        Ok(Some(FORMAT | FORMAT_CLEAR)) => Ok(db),
        Ok(Some(other)) => Err(corrupt(&format!(
            "layout {other} is unknown to this version, which knows layouts up to {FORMAT}"
        ))),
        Ok(None) => Err(corrupt("its layout version is missing")),
        Err(error) => Err(corrupt("its header cannot be read").with_source(error)),
    }
}

/// Whether the bytes are wrong rather than the disk.
fn is_content_fault(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
    )
}

/// A number of the header; `None` if it is not there.
pub(crate) fn read_header(db: &Database, name: &str) -> Result<Option<u64>, redb::Error> {
    let header = db.begin_read()?.open_table(HEADER)?;
    Ok(header.get(name)?.map(|value| value.value()))
}
