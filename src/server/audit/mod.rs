//! The activity: who changed what, from where, and with which result.
//!
//! A change is written down before it is made and again when it is over, each time synced to the disk. What cannot be
//! written down is not made: the request is refused and says why. What changes nothing (a login, a refusal) goes on
//! when it cannot be written; the log and a metric then say so.

mod diff;
mod engine;
mod file;
mod history;
mod record;
mod select;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use prometheus::IntCounter;
use tidegate_api::{ActivityEntry, ActivityPage, Actor, ConfigVersion};
use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, Result, ResultExt};
use tokio::time::Instant;

use super::access::{Denied, Principal, Proof};
pub(crate) use engine::watch;
use file::ActivityFile;
pub(crate) use history::{History, InForce, in_force, replace, with_found};
pub(crate) use record::{Recorder, note, note_one};
pub(crate) use select::Selection;

/// Folders in the data directory.
const FOLDER: &str = "activity";
const HISTORY_FOLDER: &str = "history";
/// The same refusal is written down once in this time: nobody can push changes out of the activity by being refused.
const REFUSAL_PAUSE: Duration = Duration::from_secs(60);
/// Kinds of refusals that are remembered for that.
const REFUSALS_MAX: usize = 1000;
/// Largest page.
pub(crate) const PAGE_MAX: usize = 200;
/// Entries of a download.
pub(crate) const DOWNLOAD_MAX: usize = 100_000;

static LOST: LazyLock<Option<IntCounter>> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "tidegate_activity_lost_total",
        "Entries of the activity that could not be written to the disk."
    )
    .ok()
});

/// Somebody who was turned away.
pub(crate) struct Refusal {
    entry: ActivityEntry,
}

impl Refusal {
    /// Wrong credentials. The name they claimed is not kept: it may be a password in the wrong place.
    pub(crate) fn login(denied: &Denied, method: &Method, route: &str, address: IpAddr) -> Refusal {
        let actor = Actor {
            kind: word(Proof::None),
            ..Actor::default()
        };
        let mut refusal = Refusal::new("login", actor, method, route, address);
        refusal.entry.status = 401;
        refusal.entry.code = denied.error().code().to_string();
        refusal
    }

    /// A role that is not enough.
    pub(crate) fn role(
        principal: &Principal,
        method: &Method,
        route: &str,
        address: IpAddr,
        error: &CdcError,
    ) -> Refusal {
        let action = record::action(method, route);
        let mut refusal = Refusal::new(&action, actor(principal), method, route, address);
        refusal.entry.status = 403;
        refusal.entry.code = error.code().to_string();
        refusal.entry.message = error.message().to_owned();
        refusal
    }

    fn new(action: &str, actor: Actor, method: &Method, route: &str, address: IpAddr) -> Refusal {
        Refusal {
            entry: ActivityEntry {
                action: action.to_owned(),
                actor,
                address: address.to_string(),
                method: method.to_string(),
                route: route.to_owned(),
                result: "refused".to_owned(),
                ..ActivityEntry::default()
            },
        }
    }
}

/// A login at the console.
pub(crate) struct Login<'a> {
    /// The user, if there is one of that name.
    pub(crate) name: Option<String>,
    pub(crate) address: IpAddr,
    /// Why it failed, if it did.
    pub(crate) denied: Option<&'a Denied>,
}

/// The activity of a server.
pub(crate) struct Audit {
    dir: PathBuf,
    file: Arc<Mutex<ActivityFile>>,
    clock: Arc<dyn Clock>,
    refusals: Mutex<HashMap<String, Instant>>,
    history: Arc<History>,
}

impl Audit {
    /// Opens the activity of a data directory, making it if there is none. Blocks on the disk.
    ///
    /// # Errors
    /// `MetaStore` when the disk refuses.
    pub(crate) fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Audit> {
        let dir = data_dir.join(FOLDER);
        let file = ActivityFile::open(&dir).code(
            ErrorCode::MetaStore,
            format_args!("cannot open the activity in {}", dir.display()),
        )?;
        LazyLock::force(&LOST);
        Ok(Audit {
            dir,
            file: Arc::new(Mutex::new(file)),
            clock,
            refusals: Mutex::new(HashMap::new()),
            history: Arc::new(History::new(data_dir.join(HISTORY_FOLDER))),
        })
    }

    /// Writes an entry; one that has no id yet gets one, and the time. Durable once this returns.
    ///
    /// # Errors
    /// `MetaStore` when the disk refuses.
    pub(crate) async fn write(&self, mut entry: ActivityEntry) -> Result<ActivityEntry> {
        if entry.time.is_empty() {
            let now = i64::try_from(self.clock.unix_ms()).unwrap_or_default();
            entry.time = Timestamp::from_millisecond(now).unwrap_or_default().to_string();
        }
        let file = Arc::clone(&self.file);
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.append(&mut entry).map(|_| entry)
        });
        let written = written
            .await
            .map_err(io::Error::other)
            .and_then(|written| written);
        written.code(ErrorCode::MetaStore, "the activity cannot be written")
    }

    /// Writes an entry about something that happens in any case.
    pub(crate) async fn write_after(&self, entry: ActivityEntry) {
        let (action, result) = (entry.action.clone(), entry.result.clone());
        if let Err(error) = self.write(entry).await {
            if let Some(lost) = &*LOST {
                lost.inc();
            }
            tracing::error!(error = %error.wire_message(), action, result, "an entry of the activity is lost");
        }
    }

    /// Notes that somebody was turned away, once a minute for each kind.
    pub(crate) async fn refused(&self, refusal: Refusal) {
        let entry = refusal.entry;
        let kind = format!(
            "{} {} {} {}",
            entry.actor.name, entry.address, entry.method, entry.route
        );
        if self.is_new(kind) {
            self.write_after(entry).await;
        }
    }

    /// Notes a login, or a failed one.
    pub(crate) async fn login(&self, login: Login<'_>) {
        let actor = Actor {
            name: login.name.unwrap_or_default(),
            kind: word(Proof::Password),
            role: String::new(),
        };
        let mut refusal = Refusal::new("login", actor, &Method::POST, "/ui/login", login.address);
        match login.denied {
            Some(denied) => {
                let error = denied.error();
                refusal.entry.status = error.code().http_status();
                refusal.entry.code = error.code().to_string();
                self.refused(refusal).await;
            }
            None => {
                "done".clone_into(&mut refusal.entry.result);
                refusal.entry.status = 303;
                self.write_after(refusal.entry).await;
            }
        }
    }

    /// A page of the selected entries with ids below `cursor`, newest first.
    ///
    /// # Errors
    /// `MetaStore` when the disk refuses.
    pub(crate) async fn read(&self, cursor: u64, limit: usize, wanted: Selection) -> Result<ActivityPage> {
        let dir = self.dir.clone();
        let limit = limit.clamp(1, DOWNLOAD_MAX);
        let read = move || file::read(&dir, cursor, limit, |entry| wanted.takes(entry));
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.map_err(io::Error::other).and_then(|read| read);
        read.code(ErrorCode::MetaStore, "the activity cannot be read")
    }

    /// The configurations of a changefeed, oldest first; also of one that was removed.
    ///
    /// # Errors
    /// `MetaStore` when the disk refuses.
    pub(crate) async fn versions(&self, id: &ChangefeedId) -> Result<Vec<ConfigVersion>> {
        let (history, id) = (Arc::clone(&self.history), id.clone());
        let read = tokio::task::spawn_blocking(move || history.read(&id)).await;
        let read = read.map_err(io::Error::other).and_then(|read| read);
        read.code(
            ErrorCode::MetaStore,
            "the history of the changefeed cannot be read",
        )
    }

    /// Keeps the configuration that a change has put in force. The change is made already, so a disk that refuses is
    /// told by the log alone; the next change finds what is missing.
    pub(crate) async fn note_version(
        &self,
        id: ChangefeedId,
        in_force: (InForce, InForce),
        entry: ActivityEntry,
        alive: Vec<ChangefeedId>,
    ) {
        let history = Arc::clone(&self.history);
        let noted = tokio::task::spawn_blocking(move || {
            history.note(&id, (&in_force.0, &in_force.1), &entry, &alive)
        });
        if let Err(error) = noted.await.map_err(io::Error::other).and_then(|noted| noted) {
            tracing::error!(%error, "a version of a configuration is lost");
        }
    }

    /// From now on the disk is full.
    #[cfg(test)]
    pub(crate) fn fill_disk(&self) {
        self.file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_disk();
    }

    fn is_new(&self, kind: String) -> bool {
        let now = Instant::now();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|_, at| now.duration_since(*at) < REFUSAL_PAUSE);
        if refusals.contains_key(&kind) || refusals.len() >= REFUSALS_MAX {
            return false;
        }
        refusals.insert(kind, now);
        true
    }
}

/// The actor of an entry.
fn actor(principal: &Principal) -> Actor {
    Actor {
        name: principal.name.clone(),
        kind: word(principal.proof),
        role: principal.role.word().to_owned(),
    }
}

fn word(proof: Proof) -> String {
    match proof {
        Proof::None => "none",
        Proof::Password => "password",
        Proof::Session => "session",
        Proof::Token => "token",
        Proof::Certificate => "certificate",
    }
    .to_owned()
}
