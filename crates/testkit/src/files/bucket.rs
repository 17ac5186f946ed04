//! A bucket behind a network that fails, forgets answers and delivers late.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::{FileSabotage, FileWatch, Files};
use crate::faults::Faults;

/// A write that arrives late does so after at most so many further requests.
const LATE_REQUESTS_MAX: u64 = 12;

/// A request whose sender has given up.
struct Late {
    after: u64,
    path: Path,
    payload: PutPayload,
    options: PutOptions,
}

/// An [`ObjectStore`] in memory. Handles made by [`SimBucket::reopen`] share the content.
pub struct SimBucket {
    prefix: String,
    store: Arc<InMemory>,
    late: Arc<Mutex<Vec<Late>>>,
    watch: Arc<FileWatch>,
    faults: Arc<Faults>,
    sabotage: Option<FileSabotage>,
}

impl SimBucket {
    /// An empty bucket. What appears below `prefix` is told to `watch`.
    pub fn new(
        prefix: &str,
        watch: Arc<FileWatch>,
        faults: Arc<Faults>,
        sabotage: Option<FileSabotage>,
    ) -> Self {
        SimBucket {
            prefix: format!("{prefix}/"),
            store: Arc::default(),
            late: Arc::default(),
            watch,
            faults,
            sabotage,
        }
    }

    /// The same bucket as a new process sees it. Requests of the one before may still arrive.
    #[must_use]
    pub fn reopen(&self, faults: Arc<Faults>) -> Self {
        SimBucket {
            prefix: self.prefix.clone(),
            store: Arc::clone(&self.store),
            late: Arc::clone(&self.late),
            watch: Arc::clone(&self.watch),
            faults,
            sabotage: self.sabotage,
        }
    }

    /// What is below the prefix.
    pub async fn files(&self) -> Files {
        let mut files = Files::new();
        let objects: Vec<ObjectMeta> = self.store.list(None).try_collect().await.unwrap_or_default();
        for object in objects {
            let Some(name) = object.location.as_ref().strip_prefix(&self.prefix) else {
                continue;
            };
            if let Ok(found) = self.store.get(&object.location).await
                && let Ok(bytes) = found.bytes().await
            {
                files.insert(name.to_owned(), bytes.to_vec().into());
            }
        }
        files
    }

    fn late(&self) -> MutexGuard<'_, Vec<Late>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is on its way. It may fail before it arrives.
    async fn request(&self, what: &str, path: &Path) -> Result<()> {
        self.faults.effect().await;
        self.deliver().await;
        if self.faults.happens(self.faults.plan().sink_error) {
            self.faults.trace(|| format!("{what} {path} fails"));
            return Err(failed("503 slow down"));
        }
        Ok(())
    }

    /// Old requests arrive.
    async fn deliver(&self) {
        let mut due = Vec::new();
        self.late().retain_mut(|late| {
            late.after = late.after.saturating_sub(1);
            let arrives = late.after == 0;
            if arrives {
                due.push((late.path.clone(), late.payload.clone(), late.options.clone()));
            }
            !arrives
        });
        for (path, payload, options) in due {
            let outcome = self.put(&path, payload, options).await;
            self.faults
                .trace(|| format!("late: put {path}: {:?}", outcome.is_ok()));
        }
    }

    async fn put(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.sabotage == Some(FileSabotage::WritesOver) && is_data(path) {
            options.mode = PutMode::Overwrite;
        }
        if self.sabotage == Some(FileSabotage::NoIndex) && path.as_ref().ends_with("meta/CDC.index") {
            return Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            });
        }
        let content: Arc<[u8]> = payload.iter().flat_map(|part| part.iter().copied()).collect();
        let put = self.store.put_opts(path, payload, options).await?;
        if let Some(name) = path.as_ref().strip_prefix(&self.prefix) {
            // Requests may be late, so the index says nothing, and only this file needs the others.
            let all = if name == "metadata" {
                self.files().await
            } else {
                Files::new()
            };
            self.watch.written(name, &content, |_| None, || all);
        }
        Ok(put)
    }
}

fn is_data(path: &Path) -> bool {
    path.filename()
        .is_some_and(|name| name.starts_with("CDC") && name != "CDC.index")
}

fn failed(text: &'static str) -> Error {
    Error::Generic {
        store: "simulation",
        source: text.into(),
    }
}

impl fmt::Display for SimBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimBucket")
    }
}

impl fmt::Debug for SimBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimBucket")
    }
}

#[async_trait]
impl ObjectStore for SimBucket {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.request("put", path).await?;
        if self.faults.happens(self.faults.plan().answer_lost / 2) {
            self.faults.trace(|| format!("put {path} will be late"));
            let after = 1 + self.faults.below(LATE_REQUESTS_MAX);
            self.late().push(Late {
                after,
                path: path.clone(),
                payload,
                options,
            });
            return Err(failed("timed out"));
        }
        let put = self.put(path, payload, options).await;
        self.faults.trace(|| format!("put {path}: {}", put.is_ok()));
        // Between the write and whoever hears of it.
        self.faults.effect_now().await;
        if put.is_ok() && self.faults.happens(self.faults.plan().answer_lost) {
            self.faults.trace(|| format!("the answer to put {path} is lost"));
            return Err(failed("connection reset"));
        }
        put
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // Files of a simulation are smaller than a part.
        Err(Error::NotSupported {
            source: format!("{path} in parts").into(),
        })
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.request("get", path).await?;
        if self.sabotage == Some(FileSabotage::WritesOver) && path.as_ref().ends_with("meta/CDC.index") {
            return Err(Error::NotFound {
                path: path.to_string(),
                source: "no index".into(),
            });
        }
        self.store.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.request("list", prefix.unwrap_or(&Path::default())).await?;
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}
