//! One server at a time writes below a prefix of a bucket.
//!
//! A small object names the holder. It is written only under the condition that nobody has written it since, and
//! again every few seconds; a holder that could not do so for as long as the claim lasts stops writing. Another server
//! takes over once the claim is that old by the store's own clock, or was given back. The same changefeed of the same
//! server takes it back at once: its data directory lets only one process run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use serde_json::{Value, json};
use tidegate_model::{CdcError, ErrorCode, Result};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::error::Faults;
use crate::storage::lease::Holder;

/// Name of the object. It has no extension of a data file, so consumers pass over it.
pub(super) const NAME: &str = ".tidegate-lease";
/// Name of the object that proves that the bucket can be written to.
const PROBE: &str = ".tidegate-probe";
/// How long a claim holds without being renewed.
pub(super) const LASTS: Duration = Duration::from_secs(30);
const RENEWED_EVERY: Duration = Duration::from_secs(8);
/// The holder stops so much earlier.
const MARGIN: Duration = Duration::from_secs(5);
/// Between two looks at a claim that somebody else holds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A claim of this run.
pub(super) struct Claim {
    path: Path,
    holder: Holder,
    version: UpdateVersion,
    /// Tells this run from another of the same changefeed.
    run: String,
    count: u64,
    renewed: Instant,
}

/// What the object says.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// `None` after it was given back.
    identity: Option<String>,
    run: String,
    changefeed: String,
    written: i64,
    version: UpdateVersion,
}

/// What stands before the name of each file.
#[derive(Clone, Debug)]
pub(super) struct Root(String);

impl Root {
    pub(super) fn new(prefix: &str) -> Self {
        Root(if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        })
    }

    /// The path of a file or directory; the empty name is the root itself.
    ///
    /// # Errors
    /// `ExternalStorageAPI` for a name that no store can hold.
    pub(super) fn path(&self, name: &str) -> Result<Path> {
        Path::parse(format!("{}{name}", self.0)).map_err(|error| {
            CdcError::new(
                ErrorCode::ExternalStorageAPI,
                format_args!("{name:?} is no name for an object: {error}"),
            )
        })
    }
}

/// Proves that the bucket can be written to, leaves nothing behind, and answers the store's time in unix seconds.
///
/// # Errors
/// `ExternalStorageAPI` naming the bucket.
pub(super) async fn probe(store: &dyn ObjectStore, root: &Root, faults: &Faults) -> Result<i64> {
    let path = root.path(PROBE)?;
    let probed = async {
        store.put(&path, PutPayload::from_static(b"probe")).await?;
        store.head(&path).await
    };
    let meta = probed
        .await
        .map_err(|error| faults.error("write to", "", &error))?;
    if let Err(error) = store.delete(&path).await {
        let error = faults.error("remove", PROBE, &error);
        tracing::warn!(%error, "the storage sink could not remove its probe");
    }
    Ok(meta.last_modified.timestamp())
}

/// The claim as it is; `None` when there never was one.
pub(super) async fn read(store: &dyn ObjectStore, path: &Path) -> object_store::Result<Option<Found>> {
    let got = match store.get(path).await {
        Ok(got) => got,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let version = UpdateVersion {
        e_tag: got.meta.e_tag.clone(),
        version: got.meta.version.clone(),
    };
    let written = got.meta.last_modified.timestamp();
    let text = got.bytes().await?;
    // Whatever else is there holds nothing.
    let value: Value = serde_json::from_slice(&text).unwrap_or_default();
    Ok(Some(Found {
        identity: value["holder"].as_str().map(str::to_owned),
        run: value["run"].as_str().unwrap_or_default().to_owned(),
        changefeed: value["changefeed"].as_str().unwrap_or("unknown").to_owned(),
        written,
        version,
    }))
}

impl Found {
    /// The other changefeed that holds it at `now`, in the store's unix seconds.
    pub(super) fn other_holder(&self, holder: &Holder, now: i64) -> Option<&str> {
        let lasts = i64::try_from(LASTS.as_secs()).unwrap_or(i64::MAX);
        let other = self.identity.as_deref().is_some_and(|id| id != holder.identity);
        (other && now - self.written <= lasts).then_some(self.changefeed.as_str())
    }
}

/// The error for a place that somebody else holds.
pub(super) fn in_use(code: ErrorCode, label: &str, changefeed: &str) -> CdcError {
    CdcError::new(
        code,
        format_args!(
            "{label} is being written to by changefeed {changefeed} of another server: each changefeed needs a place of \
             its own. A claim that is left over ends by itself after {} s",
            LASTS.as_secs()
        ),
    )
}

impl Claim {
    /// Takes the claim, waiting for it to run out if need be. `None`: the store does not heed conditions, so that
    /// there can be no claim.
    ///
    /// # Errors
    /// `ExternalStorageAPI` when somebody else keeps it, or the store fails.
    pub(super) async fn take(
        store: &dyn ObjectStore,
        root: &Root,
        holder: &Holder,
        faults: &Faults,
    ) -> Result<Option<Claim>> {
        let deadline = Instant::now() + LASTS + LOOK_EVERY * 2;
        let mut claim = Claim {
            path: root.path(NAME)?,
            holder: holder.clone(),
            version: UpdateVersion {
                e_tag: None,
                version: None,
            },
            run: Uuid::new_v4().to_string(),
            count: 0,
            renewed: Instant::now(),
        };
        loop {
            let found = read(store, &claim.path)
                .await
                .map_err(|error| faults.error("read", NAME, &error))?;
            let mode = match found {
                None => PutMode::Create,
                Some(found) => {
                    let now = probe(store, root, faults).await?;
                    match found.other_holder(holder, now) {
                        Some(other) if Instant::now() >= deadline => {
                            return Err(in_use(ErrorCode::ExternalStorageAPI, faults.label(), other));
                        }
                        Some(_) => {
                            sleep(LOOK_EVERY).await;
                            continue;
                        }
                        None => PutMode::Update(found.version),
                    }
                }
            };
            match claim.put(store, true, mode).await {
                Ok(()) => return Ok(claim.is_heeded(store).await.then_some(claim)),
                // Somebody else was faster: look again.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. })
                    if Instant::now() < deadline =>
                {
                    sleep(LOOK_EVERY).await;
                }
                Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => return Ok(None),
                Err(error) => return Err(faults.error("write", NAME, &error)),
            }
        }
    }

    /// Whether the store refuses to create what is there. Some that speak the same language pass over conditions.
    async fn is_heeded(&self, store: &dyn ObjectStore) -> bool {
        let again = store
            .put_opts(&self.path, self.content(true), PutMode::Create.into())
            .await;
        matches!(again, Err(Error::AlreadyExists { .. }))
    }

    /// Writes it again under the condition that nobody else has.
    pub(super) async fn renew(&mut self, store: &dyn ObjectStore) -> object_store::Result<()> {
        self.count += 1;
        match self.put(store, true, PutMode::Update(self.version.clone())).await {
            Err(error @ Error::Precondition { .. }) => {
                // The answer to an earlier try may have been lost on its way.
                let asked = Instant::now();
                match read(store, &self.path).await? {
                    Some(found) if found.run == self.run => {
                        self.version = found.version;
                        self.renewed = asked;
                        Ok(())
                    }
                    _ => Err(error),
                }
            }
            other => other,
        }
    }

    async fn put(&mut self, store: &dyn ObjectStore, held: bool, mode: PutMode) -> object_store::Result<()> {
        let asked = Instant::now();
        let put = store
            .put_opts(&self.path, self.content(held), mode.into())
            .await?;
        self.version = put.into();
        self.renewed = asked;
        Ok(())
    }

    /// Each content differs from the one before, because some stores tell versions apart by their content.
    fn content(&self, held: bool) -> PutPayload {
        let text = json!({
            "holder": held.then_some(&self.holder.identity),
            "changefeed": self.holder.changefeed.to_string(),
            "run": self.run,
            "renewed": self.count,
        });
        text.to_string().into()
    }

    /// Gives it back.
    pub(super) async fn give_back(&mut self, store: &dyn ObjectStore) -> object_store::Result<()> {
        self.put(store, false, PutMode::Update(self.version.clone()))
            .await
    }

    pub(super) fn renewed(&self) -> Instant {
        self.renewed
    }

    /// When it is time to renew it.
    pub(super) fn due(&self) -> Instant {
        self.renewed + RENEWED_EVERY
    }
}

/// When the claim was renewed last, for those who write under it.
pub(super) struct Validity {
    since: Instant,
    renewed_ms: AtomicU64,
}

impl Validity {
    pub(super) fn new() -> Self {
        Validity {
            since: Instant::now(),
            renewed_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn renewed(&self, at: Instant) {
        let ms = at.saturating_duration_since(self.since).as_millis();
        self.renewed_ms
            .store(u64::try_from(ms).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether nobody else can have taken over before a write begun now is answered.
    pub(super) fn holds(&self) -> bool {
        let renewed = self.since + Duration::from_millis(self.renewed_ms.load(Ordering::Relaxed));
        renewed.elapsed() + MARGIN < LASTS
    }
}
