//! Looks at every file that appears.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Content of files by their path below the root.
pub type Files = BTreeMap<String, Arc<[u8]>>;

/// Sees `metadata` each time it is written, with everything that would survive a power cut now.
type OnMetadata = Box<dyn Fn(&[u8], Files) + Send + Sync>;

/// Complains about files that change, and about data files whose index does not name them.
#[derive(Default)]
pub struct FileWatch {
    written: Mutex<BTreeMap<String, Arc<[u8]>>>,
    complaints: Mutex<Vec<String>>,
    on_metadata: Option<OnMetadata>,
    /// Old requests may arrive late, so that the index may be an older one for a while.
    may_be_late: bool,
}

impl FileWatch {
    /// Calls `on_metadata` each time that file is written. `may_be_late`: a write may be overtaken by a later one.
    pub fn new(on_metadata: impl Fn(&[u8], Files) + Send + Sync + 'static, may_be_late: bool) -> Arc<Self> {
        Arc::new(FileWatch {
            on_metadata: Some(Box::new(on_metadata)),
            may_be_late,
            ..FileWatch::default()
        })
    }

    /// Everything that must not have happened.
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.complaints).clone()
    }

    /// Notes something that must not happen.
    pub fn complain(&self, text: String) {
        let mut complaints = lock(&self.complaints);
        if complaints.len() < 20 {
            complaints.push(text);
        }
    }

    /// A file is there now, durable. `read` reads another one, `all` all there are.
    pub(super) fn written(
        &self,
        path: &str,
        content: &Arc<[u8]>,
        read: impl FnOnce(&str) -> Option<Arc<[u8]>>,
        all: impl FnOnce() -> Files,
    ) {
        if path == "metadata" {
            if let Some(on_metadata) = &self.on_metadata {
                on_metadata(content, all());
            }
            return;
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.ends_with(".tmp") {
            return;
        }
        let is_data = name.starts_with("CDC") && name != "CDC.index";
        if !is_data && !name.starts_with("schema_") {
            return;
        }
        let before = lock(&self.written).insert(path.to_owned(), Arc::clone(content));
        if before.is_some_and(|before| before != *content) {
            self.complain(format!("{path} is written over"));
        }
        if is_data && !self.may_be_late {
            let (dir, _) = path.rsplit_once('/').unwrap_or(("", path));
            let index = read(&format!("{dir}/meta/CDC.index"));
            // Of a later one, when it took a second try to make this one durable.
            if index.is_none_or(|index| index.trim_ascii_end() < name.as_bytes()) {
                self.complain(format!("{path} is there, and its index does not name it"));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
