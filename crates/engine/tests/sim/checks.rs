//! What must hold at every moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tidegate_meta::keys;
use tidegate_model::{ChangefeedId, ErrorCode, RetryClass, Ts};
use tidegate_testkit::{Downstream, History, Leftovers, Trace, Watcher};

use crate::scenario::{Feed, SECRET};

/// Simulated time after which a changefeed that fails again and again without getting further is given up.
const STUCK_MS: u64 = 30 * 60_000;
/// Simulated time for which a checkpoint may stand still without a word.
const SILENCE_MS: u64 = 120_000;

/// The destination of a changefeed; another one when the changefeed was removed.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) downstream: Arc<Downstream>,
    pub(crate) leftovers: Arc<Leftovers>,
}

/// A changefeed as it was seen last.
struct Track {
    feed: Feed,
    place: Place,
    checkpoint: Ts,
    /// Every stored status document, oldest first.
    statuses: Vec<Vec<u8>>,
    info: Option<Vec<u8>>,
    /// A checkpoint that somebody may have been given by a resume.
    overwritten: Option<Ts>,
    state: String,
    /// A resume was ordered since the state was seen.
    resumed: bool,
    resolved: u64,
    /// The checkpoint that was shown last, and since when.
    shown: u64,
    moved_at_ms: u64,
    /// When it got further last, or was told to go on.
    advanced_at_ms: u64,
}

/// Watches all changefeeds of a run, over all lives of the process.
pub(crate) struct Checks {
    history: Arc<History>,
    trace: Option<Trace>,
    tracks: Mutex<BTreeMap<ChangefeedId, Track>>,
    /// Complaints about destinations that are no more.
    old: Mutex<Vec<String>>,
}

/// What a changefeed shows at one moment.
pub(crate) struct Shown<'a> {
    pub(crate) state: &'a str,
    pub(crate) checkpoint: u64,
    pub(crate) resolved: u64,
    /// The code of its error; empty when there is none.
    pub(crate) code: &'a str,
    pub(crate) has_reason: bool,
    /// Everything it shows.
    pub(crate) text: &'a str,
}

impl Checks {
    pub(crate) fn new(history: &Arc<History>, feeds: &[Feed], trace: Option<Trace>) -> Arc<Self> {
        let track = |feed: &Feed| (feed.id.clone(), Track::new(feed.clone(), history));
        Arc::new(Checks {
            history: Arc::clone(history),
            trace,
            tracks: Mutex::new(feeds.iter().map(track).collect()),
            old: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChangefeedId, Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, id: &ChangefeedId, act: impl FnOnce(&mut Track) -> T) -> T {
        act(self.lock().get_mut(id).expect("a changefeed of the scenario"))
    }

    pub(crate) fn place(&self, id: &ChangefeedId) -> Place {
        self.with(id, |track| track.place.clone())
    }

    /// Sees every write to the store.
    pub(crate) fn watcher(self: &Arc<Self>) -> Watcher {
        let checks = Arc::clone(self);
        Box::new(move |key, value| {
            for (id, track) in &mut *checks.lock() {
                if key == keys::changefeed_status(keys::DEFAULT_CLUSTER_ID, id) {
                    checks.stored_status(track, value);
                } else if key == keys::changefeed_info(keys::DEFAULT_CLUSTER_ID, id) {
                    track.info = value.map(<[u8]>::to_vec);
                }
            }
        })
    }

    fn stored_status(&self, track: &mut Track, value: Option<&[u8]>) {
        let Some(value) = value else {
            track.checkpoint = Ts::ZERO;
            track.statuses.clear();
            return;
        };
        let status: Value = serde_json::from_slice(value).expect("a JSON document");
        let checkpoint = Ts::from_u64(status["checkpoint-ts"].as_u64().expect("a checkpoint"));
        if let Some(trace) = &self.trace {
            trace.note(format!("{} stores checkpoint {checkpoint}", track.feed.id.id));
        }
        let downstream = &track.place.downstream;
        if checkpoint < track.checkpoint && track.overwritten != Some(checkpoint) {
            downstream.complain(format!("checkpoint {checkpoint} after {}", track.checkpoint));
        }
        track.checkpoint = checkpoint;
        track.statuses.push(value.to_vec());
        downstream.check_values(&self.history, checkpoint, |table| track.feed.wants(table));
    }

    /// A resume is about to be ordered.
    pub(crate) fn resuming(&self, id: &ChangefeedId, overwrite: Option<Ts>) {
        self.with(id, |track| {
            track.resumed = true;
            track.resolved = 0;
            track.overwritten = overwrite.or(track.overwritten);
        });
    }

    /// The changefeed does not exist: its next life begins with an empty destination.
    pub(crate) fn absent(&self, id: &ChangefeedId) {
        let complaints = self.with(id, |track| {
            let complaints = track.place.downstream.complaints();
            *track = Track::new(track.feed.clone(), &self.history);
            complaints
        });
        self.old
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(complaints);
    }

    /// The process was started again: only what is stored is known. An end that the engine found by itself is shown at
    /// once, even when the store cannot take it; then it is found again. What people ordered was stored before the answer.
    pub(crate) fn restarted(&self) {
        for track in self.lock().values_mut() {
            track.resolved = 0;
            if matches!(track.state.as_str(), "finished" | "failed") {
                track.state = track.stored_state().unwrap_or_default();
            }
        }
    }

    /// What the store may be made to forget: a status older than the last one.
    pub(crate) fn older_status(&self, id: &ChangefeedId) -> Option<Vec<u8>> {
        self.with(id, |track| track.statuses.iter().rev().nth(3).cloned())
    }

    /// The stored description with another state, if it is `from` now.
    pub(crate) fn info_in_state(&self, id: &ChangefeedId, from: &str, to: &str) -> Option<Vec<u8>> {
        let info = self.with(id, |track| track.info.clone())?;
        let text = String::from_utf8(info).expect("a JSON document");
        let (from, to) = (format!("\"state\":\"{from}\""), format!("\"state\":\"{to}\""));
        text.contains(&from)
            .then(|| text.replace(&from, &to).into_bytes())
    }

    /// Looks at what a changefeed shows now.
    pub(crate) fn look(&self, id: &ChangefeedId, now_ms: u64, shown: &Shown<'_>) {
        self.with(id, |track| {
            let complain = |text: String| track.place.downstream.complain(text);
            if shown.text.contains(SECRET) {
                complain("a secret is shown".to_owned());
            }
            if !is_legal(&track.state, shown.state, track.resumed) {
                complain(format!("{} became {}", track.state, shown.state));
            }
            if shown.resolved != 0 && shown.resolved < track.resolved {
                complain(format!("resolved-ts {} after {}", shown.resolved, track.resolved));
            }
            if shown.checkpoint > track.checkpoint.as_u64() {
                complain(format!(
                    "shows checkpoint {}, which is not stored: {}",
                    shown.checkpoint, track.checkpoint
                ));
            }
            if shown.checkpoint != track.shown || track.state == "stopped" {
                track.advanced_at_ms = now_ms;
            }
            let given_up = now_ms.saturating_sub(track.advanced_at_ms) >= STUCK_MS && is_passing(shown.code);
            if shown.state == "failed" && track.state != "failed" && !given_up {
                complain(format!("failed although every fault was passing: {}", shown.text));
            }
            let running = matches!(shown.state, "normal" | "warning");
            if !running || shown.checkpoint != track.shown {
                track.moved_at_ms = now_ms;
            }
            let silent = now_ms.saturating_sub(track.moved_at_ms) > SILENCE_MS;
            if silent && shown.state == "normal" && !shown.has_reason {
                complain(format!(
                    "stands still at {} without a reason since {} ms: {}",
                    shown.checkpoint,
                    now_ms - track.moved_at_ms,
                    shown.text
                ));
            }
            track.set_shown(shown);
        });
    }

    /// How far every changefeed is.
    pub(crate) fn checkpoints(&self) -> Vec<Ts> {
        self.lock().values().map(|track| track.checkpoint).collect()
    }

    /// All complaints of the run, and what differs in the end.
    pub(crate) fn verdict(&self) -> Vec<String> {
        let mut faults = self.old.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for track in self.lock().values() {
            let name = &track.feed.id.id;
            let downstream = &track.place.downstream;
            let wanted = |table: &&String| track.feed.wants(table);
            faults.extend(
                downstream
                    .complaints()
                    .iter()
                    .map(|fault| format!("{name}: {fault}")),
            );
            for table in self.history.finally.keys().filter(wanted) {
                if downstream.rows(table) != self.history.finally[table] {
                    faults.push(format!("{name}: {table} differs in the end"));
                }
            }
            for table in downstream.tables().iter().filter(wanted) {
                if !self.history.finally.contains_key(table) {
                    faults.push(format!("{name}: {table} exists in the end"));
                }
            }
        }
        faults.sort();
        faults
    }
}

impl Track {
    fn new(feed: Feed, history: &History) -> Self {
        Track {
            feed,
            place: Place {
                downstream: Downstream::new(history),
                leftovers: Arc::default(),
            },
            checkpoint: Ts::ZERO,
            statuses: Vec::new(),
            info: None,
            overwritten: None,
            state: String::new(),
            resumed: false,
            resolved: 0,
            shown: 0,
            moved_at_ms: 0,
            advanced_at_ms: 0,
        }
    }

    fn stored_state(&self) -> Option<String> {
        let info: Value = serde_json::from_slice(self.info.as_ref()?).expect("a JSON document");
        Some(info["state"].as_str().expect("a state").to_owned())
    }

    fn set_shown(&mut self, shown: &Shown<'_>) {
        if self.state != shown.state || shown.state == "normal" {
            self.resumed = false;
        }
        self.shown = shown.checkpoint;
        self.state = shown.state.to_owned();
        self.resolved = self.resolved.max(shown.resolved);
    }
}

/// Whether an error of this code is one that passes, or says that it did not for too long.
fn is_passing(code: &str) -> bool {
    let mut known = ErrorCode::ALL.iter().filter(|known| known.as_str() == code);
    known.any(|code| *code == ErrorCode::ChangefeedUnretryable || code.retry_class() == RetryClass::Retry)
}

/// Whether a changefeed may be seen in one state and then in another. Between two looks, several things may happen.
fn is_legal(from: &str, to: &str, resumed: bool) -> bool {
    let moves = |state: &str| matches!(state, "" | "normal" | "warning" | "pending");
    match (from, to) {
        (from, to) if from == to => true,
        (from, "normal" | "warning" | "pending" | "stopped" | "failed" | "finished") if moves(from) => true,
        ("stopped", "failed") => true,
        ("stopped" | "failed" | "finished", _) => resumed,
        _ => false,
    }
}
