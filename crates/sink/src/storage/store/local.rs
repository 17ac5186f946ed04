//! A local directory, or a mounted one.
//!
//! Every call runs on a thread of its own, which holds the lease until it is done: a write to a slow disk cannot be
//! interrupted and may outlive the run.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_model::{ErrorCode, Result, ResultExt};

use super::disk::{Disk, RealDisk};
use super::files::{self, NewFile, Tree, storage_error};
use super::{Draft, Listing, Store};
use crate::sink::BoxFut;
use crate::storage::lease::Lease;

pub(super) struct LocalStore {
    tree: Arc<Tree>,
    lease: Arc<Lease>,
    place: CallPlace,
}

/// Where calls to the disk run.
#[derive(Clone)]
pub(super) enum CallPlace {
    /// Each on a thread of its own.
    Threads,
    /// Where they are made, after a pause.
    #[cfg(feature = "simulation")]
    Here(super::simulation::Pause),
}

impl CallPlace {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        match self {
            CallPlace::Threads => tokio::task::spawn_blocking(work)
                .await
                .code(ErrorCode::ExternalStorageAPI, "a storage task ended unexpectedly")?,
            #[cfg(feature = "simulation")]
            CallPlace::Here(pause) => {
                pause().await;
                work()
            }
        }
    }
}

/// A disk, and where the calls to it run.
pub(super) struct Calls {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) place: CallPlace,
}

impl Calls {
    /// To the disk of this machine.
    pub(super) fn real() -> Self {
        Calls {
            disk: Arc::new(RealDisk),
            place: CallPlace::Threads,
        }
    }

    /// Makes the root if it is missing, proves that it can be written to, and answers its real path.
    pub(super) async fn probe(&self, root: PathBuf) -> Result<PathBuf> {
        let disk = Arc::clone(&self.disk);
        self.place.run(move || files::probe(&disk, &root)).await
    }
}

impl LocalStore {
    /// `root` is the directory's real path, and was probed.
    pub(super) fn new(root: PathBuf, lease: Arc<Lease>, calls: Calls) -> Self {
        LocalStore {
            tree: Arc::new(Tree::new(calls.disk, root)),
            lease,
            place: calls.place,
        }
    }

    /// Runs `work` with the path of `name` while it holds the lease.
    fn call<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Tree, PathBuf, &Lease) -> Result<T> + Send + 'static,
    ) -> BoxFut<'static, T> {
        let path = self.tree.path(name);
        let (tree, lease, place) = (
            Arc::clone(&self.tree),
            Arc::clone(&self.lease),
            self.place.clone(),
        );
        Box::pin(async move { place.run(move || work(&tree, path, &lease)).await })
    }
}

impl Store for LocalStore {
    fn begin(&self, path: String) -> BoxFut<'_, Box<dyn Draft>> {
        let (lease, place) = (Arc::clone(&self.lease), self.place.clone());
        self.call(&path, |tree, path, held| {
            held.allowed()?;
            let file = NewFile::begin(tree, path)?;
            Ok(Box::new(LocalDraft {
                file: Some(file),
                lease,
                place,
            }) as Box<dyn Draft>)
        })
    }

    fn replace(&self, path: String, content: Vec<u8>) -> BoxFut<'_, ()> {
        self.call(&path, move |tree, path, lease| {
            lease.allowed()?;
            let mut file = NewFile::begin(tree, path)?;
            file.append(&content)?;
            lease.allowed()?;
            file.replace()
        })
    }

    fn read(&self, path: String) -> BoxFut<'_, Option<Vec<u8>>> {
        self.call(&path, |tree, path, _| files::read_if_there(&*tree.disk, &path))
    }

    fn has_content(&self, path: String) -> BoxFut<'_, bool> {
        self.call(&path, |tree, path, lease| {
            lease.allowed()?;
            files::has_content(&*tree.disk, &path)
        })
    }

    fn list(&self, dir: String) -> BoxFut<'_, Listing> {
        self.call(&dir, |tree, dir, _| files::list(&*tree.disk, &dir))
    }

    fn remove(&self, path: String) -> BoxFut<'_, ()> {
        self.call(&path, |tree, path, lease| {
            lease.allowed()?;
            match tree.disk.remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(storage_error("remove", &path, error))
                }
                _ => Ok(()),
            }
        })
    }

    fn remove_empty_dir(&self, dir: String) -> BoxFut<'_, ()> {
        self.call(&dir, |tree, dir, lease| {
            lease.allowed()?;
            // It fails when a file of somebody else is left, which is right.
            drop(tree.disk.remove_dir(&dir));
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
    place: CallPlace,
}

impl Draft for LocalDraft {
    fn append(&mut self, piece: Vec<u8>) -> BoxFut<'_, ()> {
        Box::pin(async move {
            let Some(mut file) = self.file.take() else {
                return Err(given_up());
            };
            let lease = Arc::clone(&self.lease);
            let file = self.place.run(move || {
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
            let LocalDraft { file, lease, place } = *self;
            let file = file.ok_or_else(given_up)?;
            let created = place.run(move || {
                lease.allowed()?;
                file.create()
            });
            created.await
        })
    }
}

fn given_up() -> tidegate_model::CdcError {
    tidegate_model::CdcError::new(
        ErrorCode::ExternalStorageAPI,
        "a file whose write failed cannot go on",
    )
}
