//! The configurations that were in force, for each changefeed a small file, secrets masked. A file is replaced as a
//! whole: a crash leaves the old or the new one. It stays when its changefeed is removed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tidegate_api::{ActivityEntry, Actor, ChangefeedDetail, ConfigVersion};
use tidegate_model::{ChangefeedId, is_valid_id};

use super::file::make_private;

/// Versions kept of one changefeed; the oldest goes first.
const VERSIONS_MAX: usize = 100;
/// Size of one changefeed's file; the newest two versions stay in any case.
const FILE_BYTES_MAX: usize = 4 << 20;
/// Removed changefeeds whose versions are kept; the one that was removed first goes first.
const REMOVED_MAX: usize = 500;
const SUFFIX: &str = ".json";
/// What a version holds of a description.
const MEMBERS: [&str; 4] = ["sink_uri", "start_ts", "target_ts", "config"];

/// What held before or after a change: the description of a changefeed, or nothing where there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct InForce {
    /// `sink_uri`, `start_ts`, `target_ts` and `config`, secrets masked; null: no changefeed.
    pub(crate) described: Value,
    /// How far it had got.
    pub(crate) checkpoint_ts: u64,
}

/// The files of one directory.
#[derive(Debug)]
pub(crate) struct History {
    dir: PathBuf,
    /// One writer at a time.
    writing: Mutex<()>,
}

impl History {
    /// The history in `dir`, which is made with the first version.
    pub(crate) fn new(dir: PathBuf) -> History {
        History {
            dir,
            writing: Mutex::new(()),
        }
    }

    /// The versions of a changefeed, oldest first; none when it was never heard of. Blocks on the disk.
    ///
    /// # Errors
    /// Those of the disk, and a file that is none of ours.
    pub(crate) fn read(&self, id: &ChangefeedId) -> io::Result<Vec<ConfigVersion>> {
        let Some(path) = self.path(id) else {
            return Ok(Vec::new());
        };
        match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Keeps what a change has put in force. `alive` are the changefeeds that exist. Blocks on the disk.
    ///
    /// # Errors
    /// Those of the disk; the file is as it was then.
    pub(crate) fn note(
        &self,
        id: &ChangefeedId,
        (before, after): (&InForce, &InForce),
        entry: &ActivityEntry,
        alive: &[ChangefeedId],
    ) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = self.path(id) else {
            return Ok(());
        };
        // A file that cannot be read is begun anew: one bad file must not end the history for good.
        let known = self.read(id).unwrap_or_else(|error| {
            tracing::error!(%error, changefeed = %id, "the history of a changefeed cannot be read and is begun anew");
            Vec::new()
        });
        let count = known.len();
        let versions = after_change(known, before, after, entry);
        if versions.len() > count {
            replace(&path, &bounded(versions)?)?;
        }
        if after.described.is_null() {
            self.forget_oldest(alive)?;
        }
        Ok(())
    }

    /// Names become parts of a path only when they are names.
    fn path(&self, id: &ChangefeedId) -> Option<PathBuf> {
        let is_named = is_valid_id(&id.namespace) && is_valid_id(&id.id);
        is_named.then(|| {
            self.dir
                .join(id.namespace.as_ref())
                .join(format!("{}{SUFFIX}", id.id))
        })
    }

    fn forget_oldest(&self, alive: &[ChangefeedId]) -> io::Result<()> {
        let alive: HashSet<PathBuf> = alive.iter().filter_map(|id| self.path(id)).collect();
        let mut removed = Vec::new();
        for namespace in fs::read_dir(&self.dir)? {
            for file in fs::read_dir(namespace?.path())? {
                let file = file?;
                if !alive.contains(&file.path()) {
                    removed.push((file.metadata()?.modified()?, file.path()));
                }
            }
        }
        removed.sort();
        removed.truncate(removed.len().saturating_sub(REMOVED_MAX));
        removed.iter().try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// What holds of a changefeed, which comes with its secrets masked.
pub(crate) fn in_force(detail: &ChangefeedDetail) -> InForce {
    let detail_json = serde_json::to_value(detail).unwrap_or_default();
    let mut described = Value::Null;
    for name in MEMBERS {
        described[name] = detail_json[name].clone();
    }
    InForce {
        described,
        checkpoint_ts: detail.checkpoint_ts,
    }
}

/// The versions with the one in force, in case that it is not the last known.
pub(crate) fn with_found(mut versions: Vec<ConfigVersion>, now: &InForce) -> Vec<ConfigVersion> {
    push(&mut versions, now, "found", None);
    versions
}

/// The versions with what a change adds. One that was in force and is not the last known was put there unnoted: the
/// server ended before it could, or the changefeed is older than the history.
fn after_change(
    mut versions: Vec<ConfigVersion>,
    before: &InForce,
    after: &InForce,
    entry: &ActivityEntry,
) -> Vec<ConfigVersion> {
    if !before.described.is_null() {
        push(&mut versions, before, "found", None);
    }
    match after.described.is_null() {
        true if !before.described.is_null() => push(&mut versions, before, "remove", Some(entry)),
        true => {}
        false => push(&mut versions, after, &entry.action, Some(entry)),
    }
    versions
}

/// Adds what is in force, unless it is the last known.
fn push(
    versions: &mut Vec<ConfigVersion>,
    in_force: &InForce,
    action: &str,
    known_by: Option<&ActivityEntry>,
) {
    let next = versions.last().map_or(1, |last| last.version + 1);
    let is_known = versions.last().map(described) == Some(of_version(in_force));
    if action == "remove" || !is_known || removed(versions) {
        versions.push(version(in_force, next, action, known_by));
    }
}

fn removed(versions: &[ConfigVersion]) -> bool {
    versions.last().is_some_and(|last| last.action == "remove")
}

fn version(in_force: &InForce, number: u64, action: &str, known_by: Option<&ActivityEntry>) -> ConfigVersion {
    let described = &in_force.described;
    ConfigVersion {
        version: number,
        time: known_by.map_or_else(String::new, |entry| entry.time.clone()),
        action: action.to_owned(),
        actor: known_by.map_or_else(Actor::default, |entry| entry.actor.clone()),
        sink_uri: described["sink_uri"].as_str().unwrap_or_default().to_owned(),
        start_ts: described["start_ts"].as_u64().unwrap_or_default(),
        target_ts: described["target_ts"].as_u64().unwrap_or_default(),
        checkpoint_ts: if action == "remove" {
            in_force.checkpoint_ts
        } else {
            0
        },
        config: described["config"].clone(),
    }
}

/// What makes two versions the same.
type Described = (String, u64, Value);

fn described(version: &ConfigVersion) -> Described {
    (
        version.sink_uri.clone(),
        version.target_ts,
        version.config.clone(),
    )
}

fn of_version(in_force: &InForce) -> Described {
    described(&version(in_force, 0, "", None))
}

/// The newest versions that fit, as the text of a file.
fn bounded(mut versions: Vec<ConfigVersion>) -> io::Result<Vec<u8>> {
    versions.drain(..versions.len().saturating_sub(VERSIONS_MAX));
    loop {
        let text = serde_json::to_vec(&versions).map_err(io::Error::other)?;
        if text.len() <= FILE_BYTES_MAX || versions.len() <= 2 {
            return Ok(text);
        }
        versions.remove(0);
    }
}

/// Puts `text` in the place of a file, which is whole at every moment.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    make_private(dir)?;
    let mut file = tempfile_in(dir)?;
    file.1.write_all(text)?;
    file.1.sync_all()?;
    fs::rename(&file.0, path)?;
    File::open(dir)?.sync_all()
}

/// A file beside the one to be replaced. What a crash leaves of it is written over.
fn tempfile_in(dir: &Path) -> io::Result<(PathBuf, File)> {
    let path = dir.join("new~");
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn in_force(rule: &str, checkpoint_ts: u64) -> InForce {
        InForce {
            described: json!({"sink_uri": "blackhole://", "start_ts": 1, "target_ts": 0, "config": {"rules": [rule]}}),
            checkpoint_ts,
        }
    }

    fn entry(action: &str) -> ActivityEntry {
        ActivityEntry {
            time: "2026-01-02T03:04:05Z".to_owned(),
            action: action.to_owned(),
            actor: Actor {
                name: "alice".to_owned(),
                ..Actor::default()
            },
            ..ActivityEntry::default()
        }
    }

    fn told(history: &History, id: &ChangefeedId) -> Vec<(u64, String, String)> {
        let versions = history.read(id).unwrap();
        versions
            .into_iter()
            .map(|version| {
                (
                    version.version,
                    version.action,
                    version.config["rules"][0].to_string(),
                )
            })
            .collect()
    }

    fn line(number: u64, action: &str, rule: &str) -> (u64, String, String) {
        (number, action.to_owned(), format!("\"{rule}\""))
    }

    #[test]
    fn versions_are_kept_through_removal_and_a_new_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().join("history"));
        let id = ChangefeedId::new("default", "orders");
        let none = InForce::default();
        let note = |before: &InForce, after: &InForce, action: &str| {
            history
                .note(&id, (before, after), &entry(action), std::slice::from_ref(&id))
                .unwrap();
        };
        let (a, b) = (in_force("a.*", 7), in_force("b.*", 9));
        note(&none, &a, "create");
        note(&a, &a, "pause");
        note(&a, &b, "update");
        note(&b, &none, "remove");
        note(&none, &b, "create");
        let history = History::new(dir.path().join("history"));
        assert_eq!(
            told(&history, &id),
            [
                line(1, "create", "a.*"),
                line(2, "update", "b.*"),
                line(3, "remove", "b.*"),
                line(4, "create", "b.*"),
            ]
        );
        assert_eq!(history.read(&id).unwrap()[2].checkpoint_ts, 9);
    }

    /// A server that ended between a change and its note, or a changefeed older than the history.
    #[test]
    fn what_was_in_force_unnoted_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().to_owned());
        let id = ChangefeedId::new("default", "orders");
        let change = (&in_force("a.*", 0), &in_force("b.*", 0));
        history.note(&id, change, &entry("update"), &[]).unwrap();
        assert_eq!(
            told(&history, &id),
            [line(1, "found", "a.*"), line(2, "update", "b.*")]
        );
        assert_eq!(history.read(&id).unwrap()[0].actor, Actor::default());
    }

    #[test]
    fn a_file_is_bounded_and_numbers_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().to_owned());
        let id = ChangefeedId::new("default", "orders");
        for n in 0..VERSIONS_MAX + 5 {
            let change = (
                &in_force(&format!("t{n}"), 0),
                &in_force(&format!("t{}", n + 1), 0),
            );
            history.note(&id, change, &entry("update"), &[]).unwrap();
        }
        let versions = history.read(&id).unwrap();
        assert_eq!(
            (versions.len(), versions.last().unwrap().version),
            (VERSIONS_MAX, VERSIONS_MAX as u64 + 6)
        );
        let large = |n: usize| in_force(&format!("{n}{}", "x".repeat(1 << 20)), 0);
        for n in 0..6 {
            history
                .note(&id, (&large(n), &large(n + 1)), &entry("update"), &[])
                .unwrap();
        }
        let size = fs::metadata(dir.path().join("default/orders.json"))
            .unwrap()
            .len();
        assert!(size <= FILE_BYTES_MAX as u64, "{size}");
    }

    #[test]
    fn removed_changefeeds_are_forgotten_one_day_and_others_never() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().to_owned());
        let alive = [ChangefeedId::new("default", "alive")];
        let none = InForce::default();
        let a = in_force("a.*", 0);
        history
            .note(&alive[0], (&none, &a), &entry("create"), &alive)
            .unwrap();
        for n in 0..=REMOVED_MAX {
            let id = ChangefeedId::new("default", &format!("gone-{n}"));
            replace(&history.path(&id).unwrap(), b"[]").unwrap();
        }
        let last = ChangefeedId::new("default", "last");
        history
            .note(&last, (&a, &none), &entry("remove"), &alive)
            .unwrap();
        let files = fs::read_dir(dir.path().join("default")).unwrap().count();
        assert_eq!(files, REMOVED_MAX + 1);
        assert_eq!(history.read(&alive[0]).unwrap().len(), 1);
        assert_eq!(history.read(&last).unwrap().len(), 2);
    }

    #[test]
    fn a_name_that_is_none_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().join("history"));
        let id = ChangefeedId::new("..", "a");
        history
            .note(
                &id,
                (&InForce::default(), &in_force("a", 0)),
                &entry("create"),
                &[],
            )
            .unwrap();
        assert!(history.read(&id).unwrap().is_empty() && !dir.path().join("a.json").exists());
    }
}
