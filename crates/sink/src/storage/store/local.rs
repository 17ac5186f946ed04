//! A local directory, or a mounted one.
//!
//! Every call runs on a thread of its own, which holds the lease until it is done: a write to a slow disk cannot be
//! interrupted and may outlive the run.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_model::{ErrorCode, Result, ResultExt};

use super::files::{self, NewFile, storage_error};
use super::{Draft, Listing, Store};
use crate::sink::BoxFut;
use crate::storage::lease::Lease;

pub(super) struct LocalStore {
    root: PathBuf,
    lease: Arc<Lease>,
}

/// Makes the root if it is missing, proves that it can be written to, and answers its real path.
pub(super) async fn probe(root: PathBuf) -> Result<PathBuf> {
    blocking(move || files::probe(&root)).await
}

impl LocalStore {
    /// `root` is the directory's real path.
    pub(super) fn new(root: PathBuf, lease: Arc<Lease>) -> Self {
        LocalStore { root, lease }
    }

    /// Runs `work` with the path of `name` while it holds the lease.
    fn call<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(PathBuf, &Lease) -> Result<T> + Send + 'static,
    ) -> BoxFut<'static, T> {
        let path = self.root.join(name);
        let lease = Arc::clone(&self.lease);
        Box::pin(blocking(move || work(path, &lease)))
    }
}

impl Store for LocalStore {
    fn begin(&self, path: String) -> BoxFut<'_, Box<dyn Draft>> {
        let lease = Arc::clone(&self.lease);
        self.call(&path, |path, held| {
            held.allowed()?;
            let file = NewFile::begin(path)?;
            Ok(Box::new(LocalDraft {
                file: Some(file),
                lease,
            }) as Box<dyn Draft>)
        })
    }

    fn replace(&self, path: String, content: Vec<u8>) -> BoxFut<'_, ()> {
        self.call(&path, move |path, lease| {
            lease.allowed()?;
            let mut file = NewFile::begin(path)?;
            file.append(&content)?;
            lease.allowed()?;
            file.replace()
        })
    }

    fn read(&self, path: String) -> BoxFut<'_, Option<Vec<u8>>> {
        self.call(&path, |path, _| files::read_if_there(&path))
    }

    fn has_content(&self, path: String) -> BoxFut<'_, bool> {
        self.call(&path, |path, lease| {
            lease.allowed()?;
            files::has_content(&path)
        })
    }

    fn list(&self, dir: String) -> BoxFut<'_, Listing> {
        self.call(&dir, |dir, _| files::list(&dir))
    }

    fn remove(&self, path: String) -> BoxFut<'_, ()> {
        self.call(&path, |path, lease| {
            lease.allowed()?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(storage_error("remove", &path, error))
                }
                _ => Ok(()),
            }
        })
    }

    fn remove_empty_dir(&self, dir: String) -> BoxFut<'_, ()> {
        self.call(&dir, |dir, lease| {
            lease.allowed()?;
            // It fails when a file of somebody else is left, which is right.
            drop(fs::remove_dir(dir));
            Ok(())
        })
    }

    /// Nothing to do: a directory is not watched by other servers, and no file is ever written over.
    fn guard(&self) -> BoxFut<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn release(&self) -> BoxFut<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

struct LocalDraft {
    /// `None` while a thread has it.
    file: Option<NewFile>,
    lease: Arc<Lease>,
}

impl Draft for LocalDraft {
    fn append(&mut self, piece: Vec<u8>) -> BoxFut<'_, ()> {
        Box::pin(async move {
            let Some(mut file) = self.file.take() else {
                return Err(given_up());
            };
            let lease = Arc::clone(&self.lease);
            let file = blocking(move || {
                lease.allowed()?;
                file.append(&piece)?;
                Ok(file)
            });
            self.file = Some(file.await?);
            Ok(())
        })
    }

    fn create(self: Box<Self>) -> BoxFut<'static, ()> {
        Box::pin(async move {
            let LocalDraft { file, lease } = *self;
            let file = file.ok_or_else(given_up)?;
            blocking(move || {
                lease.allowed()?;
                file.create()
            })
            .await
        })
    }
}

fn given_up() -> tidegate_model::CdcError {
    tidegate_model::CdcError::new(
        ErrorCode::ExternalStorageAPI,
        "a file whose write failed cannot go on",
    )
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .code(ErrorCode::ExternalStorageAPI, "a storage task ended unexpectedly")?
}
