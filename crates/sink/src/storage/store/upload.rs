//! A data file on its way to a bucket.
//!
//! A small file is one request. A larger one is sent in parts while it is made, so that memory does not grow with the
//! file; it appears when the parts are put together. Both under the condition that no such object is there. Every
//! object bears a mark of its own, so that an answer that was lost on its way can be asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, WriteMultipart,
};
use tidegate_model::{CdcError, Result};
use uuid::Uuid;

use super::Draft;
use super::claim::Validity;
use super::error::Faults;
use crate::sink::BoxFut;
use crate::storage::lease::Lease;

/// Size of each part but the last, which some stores want to be the same. At most 10,000 make a file of 512 MiB with
/// room to spare.
const PART_BYTES: usize = 8 << 20;
/// Tries to write a small file whose answers were lost.
const TRIES_MAX: usize = 2;
/// The mark, as user-defined metadata.
const MARK: &str = "tidegate";

/// What all files of a run are written with.
pub(super) struct Target {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) attributes: Attributes,
    pub(super) conditional: Arc<AtomicBool>,
    pub(super) faults: Faults,
    pub(super) lease: Arc<Lease>,
    /// `None` without conditional writes.
    pub(super) validity: Option<Validity>,
    pub(super) flush_concurrency: usize,
}

impl Target {
    /// Whether this run may still write.
    ///
    /// # Errors
    /// `ExternalStorageAPI` once it was stopped, or the claim may have gone to another server.
    pub(super) fn allowed(&self) -> Result<()> {
        self.lease.allowed()?;
        match &self.validity {
            Some(validity) if !validity.holds() => Err(self
                .faults
                .plain("the claim could not be renewed, so another server may have taken over")),
            _ => Ok(()),
        }
    }
}

/// The object that a file becomes.
struct Object {
    target: Arc<Target>,
    path: Path,
    mark: String,
}

pub(super) struct Upload {
    object: Object,
    /// Not sent yet.
    pieces: Vec<Bytes>,
    bytes: usize,
    parts: Option<WriteMultipart>,
}

impl Upload {
    pub(super) fn new(target: Arc<Target>, path: Path) -> Self {
        Upload {
            object: Object {
                target,
                path,
                mark: Uuid::new_v4().simple().to_string(),
            },
            pieces: Vec::new(),
            bytes: 0,
            parts: None,
        }
    }

    /// Hands what there is to the upload, which sends each part as soon as it is whole.
    async fn send_parts(&mut self) -> Result<()> {
        self.object.target.allowed()?;
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.object.begin_parts().await?,
        };
        for piece in self.pieces.drain(..) {
            if let Err(error) = parts
                .wait_for_capacity(self.object.target.flush_concurrency)
                .await
            {
                // What is left of it costs only room, and a rule of the bucket can remove it.
                drop(parts.abort().await);
                return Err(self.object.fault(&error));
            }
            parts.put(piece);
        }
        self.bytes = 0;
        self.parts = Some(parts);
        Ok(())
    }

    async fn publish(mut self) -> Result<()> {
        self.object.target.allowed()?;
        if self.parts.is_none() {
            return self.object.put_whole(self.pieces.into_iter().collect()).await;
        }
        self.send_parts().await?;
        if !self.object.target.conditional.load(Ordering::Relaxed) {
            self.object.must_be_absent().await?;
        }
        let Some(parts) = self.parts.take() else {
            return Ok(());
        };
        match parts.finish().await {
            Ok(_) => Ok(()),
            Err(error) => match self.object.owner().await? {
                Owner::Us => Ok(()),
                Owner::Other => Err(self.object.taken(error)),
                Owner::Nobody => Err(self.object.fault(&error)),
            },
        }
    }
}

impl Object {
    fn attributes(&self) -> Attributes {
        let mut attributes = self.target.attributes.clone();
        attributes.insert(Attribute::Metadata(MARK.into()), self.mark.clone().into());
        attributes
    }

    fn fault(&self, error: &Error) -> CdcError {
        self.target.faults.error("write", self.path.as_ref(), error)
    }

    async fn begin_parts(&self) -> Result<WriteMultipart> {
        let options = PutMultipartOptions {
            attributes: self.attributes(),
            ..PutMultipartOptions::default()
        };
        let begun = self.target.store.put_multipart_opts(&self.path, options).await;
        let upload = begun.map_err(|error| self.fault(&error))?;
        Ok(WriteMultipart::new_with_chunk_size(upload, PART_BYTES))
    }

    /// Sends the whole file in one request.
    async fn put_whole(&self, payload: PutPayload) -> Result<()> {
        let conditional = self.target.conditional.load(Ordering::Relaxed);
        if !conditional {
            self.must_be_absent().await?;
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let options = PutOptions {
                mode: if conditional {
                    PutMode::Create
                } else {
                    PutMode::Overwrite
                },
                attributes: self.attributes(),
                ..PutOptions::default()
            };
            let put = self.target.store.put_opts(&self.path, payload.clone(), options);
            let Err(error) = put.await else { return Ok(()) };
            if matches!(
                error,
                Error::NotFound { .. } | Error::PermissionDenied { .. } | Error::Unauthenticated { .. }
            ) {
                return Err(self.fault(&error));
            }
            match self.owner().await? {
                Owner::Us => return Ok(()),
                Owner::Other => return Err(self.taken(error)),
                Owner::Nobody if tries == TRIES_MAX => return Err(self.fault(&error)),
                Owner::Nobody => self.target.allowed()?,
            }
        }
    }

    async fn must_be_absent(&self) -> Result<()> {
        match self.target.store.head(&self.path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            Ok(_) => Err(self.taken("it was there before")),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Whose object is there now.
    async fn owner(&self) -> Result<Owner> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.target.store.get_opts(&self.path, options).await {
            Ok(found) => {
                let mark = found.attributes.get(&Attribute::Metadata(MARK.into()));
                let ours = mark.is_some_and(|mark| mark.as_ref() == self.mark);
                Ok(if ours { Owner::Us } else { Owner::Other })
            }
            Err(Error::NotFound { .. }) => Ok(Owner::Nobody),
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn taken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CdcError {
        self.fault(&Error::AlreadyExists {
            path: self.path.to_string(),
            source: source.into(),
        })
    }
}

enum Owner {
    Us,
    Other,
    Nobody,
}

impl Draft for Upload {
    fn append(&mut self, piece: Vec<u8>) -> BoxFut<'_, ()> {
        Box::pin(async move {
            self.bytes += piece.len();
            self.pieces.push(piece.into());
            if self.bytes < PART_BYTES {
                return Ok(());
            }
            self.send_parts().await
        })
    }

    fn create(self: Box<Self>) -> BoxFut<'static, ()> {
        Box::pin(self.publish())
    }
}
