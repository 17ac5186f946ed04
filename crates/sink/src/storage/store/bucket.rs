//! A bucket of an object store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tidegate_model::{CdcError, ErrorCode, Result};
use tokio::sync::Mutex;
use tokio::time::{sleep, sleep_until, timeout};

use super::address::BucketAddress;
use super::claim::{self, Claim, Root, Validity};
use super::client::{self, Client, Patience};
use super::error::Faults;
use super::upload::{Target, Upload};
use super::{Draft, Listing, Store};
use crate::sink::BoxFut;
use crate::storage::lease::{Holder, Lease};

/// Longest time in which a check answers.
const CHECK_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
/// Between two tries to renew the claim while the store does not answer.
const RENEW_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

pub(crate) struct BucketStore {
    target: Arc<Target>,
    root: Root,
    claim: Mutex<Option<Claim>>,
}

/// Checks a bucket.
///
/// # Errors
/// As [`super::check`].
pub(super) async fn check(address: &BucketAddress, holder: &Holder) -> Result<()> {
    let faults = Faults::new(address);
    let client = client::connect(address, Patience::Short, &faults)?;
    let root = Root::new(&address.prefix);
    let looked = async {
        let now = claim::probe(&*client.store, &root, &faults).await?;
        let found = claim::read(&*client.store, &root.path(claim::NAME)?)
            .await
            .map_err(|error| faults.error("read", claim::NAME, &error))?;
        match found.as_ref().and_then(|found| found.other_holder(holder, now)) {
            Some(other) => Err(claim::in_use(
                ErrorCode::StorageSinkInvalidConfig,
                &address.label,
                other,
            )),
            None => Ok(()),
        }
    };
    timeout(CHECK_LIMIT, looked).await.unwrap_or_else(|_| {
        Err(faults.plain(
            "no answer within 10 s: check the endpoint, and if the URI has no credentials, that the server's \
             environment has some",
        ))
    })
}

impl BucketStore {
    /// Takes the bucket over.
    ///
    /// # Errors
    /// As [`super::open`].
    pub(crate) async fn open(address: &BucketAddress, holder: &Holder, lease: Arc<Lease>) -> Result<Self> {
        let client = client::connect(address, Patience::Long, &Faults::new(address))?;
        BucketStore::take_over(client, address, holder, lease).await
    }

    /// As [`BucketStore::open`] with a client that is there.
    pub(super) async fn take_over(
        client: Client,
        address: &BucketAddress,
        holder: &Holder,
        lease: Arc<Lease>,
    ) -> Result<Self> {
        let faults = Faults::new(address);
        let Client {
            store,
            attributes,
            conditional,
        } = client;
        let root = Root::new(&address.prefix);
        claim::probe(&*store, &root, &faults).await?;
        let claim = Claim::take(&*store, &root, holder, &faults).await?;
        conditional.store(claim.is_some(), Ordering::Relaxed);
        let validity = claim.as_ref().map(|claim| {
            let validity = Validity::new();
            validity.renewed(claim.renewed());
            validity
        });
        if claim.is_none() {
            tracing::warn!(
                place = faults.label(),
                "the store has no conditional writes: nothing keeps a second server from writing there, make sure that \
                 there is none"
            );
        }
        Ok(BucketStore {
            target: Arc::new(Target {
                store,
                attributes,
                conditional,
                faults,
                lease,
                validity,
                flush_concurrency: address.flush_concurrency,
            }),
            root,
            claim: Mutex::new(claim),
        })
    }

    fn fault(&self, verb: &str, path: &Path, error: &Error) -> CdcError {
        self.target.faults.error(verb, path.as_ref(), error)
    }

    async fn replace_now(&self, path: Path, content: Vec<u8>) -> Result<()> {
        self.target.allowed()?;
        let options = PutOptions {
            mode: PutMode::Overwrite,
            attributes: self.target.attributes.clone(),
            ..PutOptions::default()
        };
        let put = self.target.store.put_opts(&path, content.into(), options);
        put.await
            .map(drop)
            .map_err(|error| self.fault("write", &path, &error))
    }

    async fn read_now(&self, path: Path) -> Result<Option<Vec<u8>>> {
        let read = async { self.target.store.get(&path).await?.bytes().await };
        match read.await {
            Ok(content) => Ok(Some(content.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fault("read", &path, &error)),
        }
    }

    async fn has_content_now(&self, path: Path) -> Result<bool> {
        match self.target.store.head(&path).await {
            Ok(meta) if meta.size > 0 => Ok(true),
            Ok(_) => self.remove_now(path).await.map(|()| false),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.fault("read", &path, &error)),
        }
    }

    async fn remove_now(&self, path: Path) -> Result<()> {
        self.target.allowed()?;
        match self.target.store.delete(&path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault("remove", &path, &error)),
        }
    }

    async fn list_now(&self, dir: Path) -> Result<Listing> {
        let listed = self.target.store.list_with_delimiter(Some(&dir)).await;
        let listed = listed.map_err(|error| self.fault("list", &dir, &error))?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        Ok(Listing {
            files: listed
                .objects
                .iter()
                .filter_map(|meta| name(&meta.location))
                .collect(),
            dirs: listed.common_prefixes.iter().filter_map(name).collect(),
        })
    }

    /// Renews the claim until that fails for too long, or somebody else has taken over.
    async fn keep_claim(&self) -> Result<()> {
        let Some(validity) = &self.target.validity else {
            return std::future::pending().await;
        };
        loop {
            let mut held = self.claim.lock().await;
            let Some(claim) = held.as_mut() else {
                drop(held);
                return std::future::pending().await;
            };
            let due = claim.due();
            if tokio::time::Instant::now() < due {
                drop(held);
                sleep_until(due).await;
                continue;
            }
            match claim.renew(&*self.target.store).await {
                Ok(()) => validity.renewed(claim.renewed()),
                Err(Error::Precondition { .. } | Error::AlreadyExists { .. } | Error::NotFound { .. }) => {
                    *held = None;
                    return Err(self
                        .target
                        .faults
                        .plain("another server has taken over: each changefeed needs a place of its own"));
                }
                Err(error) if !validity.holds() => {
                    return Err(self.fault("renew the claim in", &Path::default(), &error));
                }
                Err(error) => {
                    let error = self.fault("renew the claim in", &Path::default(), &error);
                    tracing::warn!(%error, "the storage sink tries again");
                    drop(held);
                    sleep(RENEW_AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn give_back(&self) -> Result<()> {
        match self.claim.lock().await.take() {
            None => Ok(()),
            Some(mut claim) => claim
                .give_back(&*self.target.store)
                .await
                .map_err(|error| self.fault("write", &Path::from(claim::NAME), &error)),
        }
    }
}

impl Store for BucketStore {
    fn begin(&self, path: String) -> BoxFut<'_, Box<dyn Draft>> {
        Box::pin(async move {
            self.target.allowed()?;
            let upload = Upload::new(Arc::clone(&self.target), self.root.path(&path)?);
            Ok(Box::new(upload) as Box<dyn Draft>)
        })
    }

    fn replace(&self, path: String, content: Vec<u8>) -> BoxFut<'_, ()> {
        Box::pin(async move { self.replace_now(self.root.path(&path)?, content).await })
    }

    fn read(&self, path: String) -> BoxFut<'_, Option<Vec<u8>>> {
        Box::pin(async move { self.read_now(self.root.path(&path)?).await })
    }

    fn has_content(&self, path: String) -> BoxFut<'_, bool> {
        Box::pin(async move { self.has_content_now(self.root.path(&path)?).await })
    }

    fn list(&self, dir: String) -> BoxFut<'_, Listing> {
        Box::pin(async move { self.list_now(self.root.path(&dir)?).await })
    }

    fn remove(&self, path: String) -> BoxFut<'_, ()> {
        Box::pin(async move { self.remove_now(self.root.path(&path)?).await })
    }

    /// A bucket has no directories.
    fn remove_empty_dir(&self, _dir: String) -> BoxFut<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn guard(&self) -> BoxFut<'_, ()> {
        Box::pin(self.keep_claim())
    }

    fn release(&self) -> BoxFut<'_, ()> {
        Box::pin(self.give_back())
    }
}
