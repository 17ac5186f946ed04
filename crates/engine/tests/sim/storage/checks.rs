//! What must hold at every moment.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tidegate_meta::keys;
use tidegate_model::Ts;
use tidegate_testkit::{Downstream, FileWatch, Files, History, Trace, Watcher};

use super::replay::{self, Again, Known, Tables};
use super::scenario::Scenario;

/// Watches the changefeed of a run, over all lives of the process.
pub(crate) struct Checks {
    history: Arc<History>,
    trace: Option<Trace>,
    may_be_late: bool,
    /// Hears what the engine does wrong before it comes to files.
    pub(crate) handed: Arc<Downstream>,
    state: Mutex<State>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct State {
    stored: Ts,
    told: Ts,
    complaints: Vec<String>,
}

impl Checks {
    pub(crate) fn new(history: &Arc<History>, may_be_late: bool, trace: Option<Trace>) -> Arc<Self> {
        Arc::new(Checks {
            handed: Downstream::new(history),
            history: Arc::clone(history),
            trace,
            may_be_late,
            state: Mutex::default(),
            known: Mutex::default(),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn complain(&self, text: String) {
        self.with(|state| {
            if state.complaints.len() < 20 {
                state.complaints.push(text);
            }
        });
    }

    /// The process was started again. Its first `metadata` may be older than the last one of the life before, which had
    /// come further than the checkpoint that it could store.
    pub(crate) fn restarted(&self) {
        self.with(|state| state.told = Ts::ZERO);
    }

    /// Sees the files that appear.
    pub(crate) fn files(self: &Arc<Self>) -> Arc<FileWatch> {
        let checks = Arc::clone(self);
        FileWatch::new(
            move |content, files| checks.metadata(content, &files),
            self.may_be_late,
        )
    }

    fn metadata(&self, content: &[u8], files: &Files) {
        let value: Value = serde_json::from_slice(content).unwrap_or_default();
        let Some(checkpoint) = value["checkpoint-ts"].as_u64().map(Ts::from_u64) else {
            return self.complain(format!("metadata holds {value}"));
        };
        let told = self.with(|state| {
            let told = state.told;
            state.told = told.max(checkpoint);
            told
        });
        if checkpoint < told && !self.may_be_late {
            self.complain(format!("metadata {checkpoint} after {told}"));
        }
        self.promised("metadata", files, checkpoint);
    }

    /// Sees every write to the meta store; `files` are those that would survive a power cut.
    pub(crate) fn store(self: &Arc<Self>, files: impl Fn() -> Files + Send + Sync + 'static) -> Watcher {
        let checks = Arc::clone(self);
        Box::new(move |key, value| {
            let is_status = key == keys::changefeed_status(keys::DEFAULT_CLUSTER_ID, &Scenario::feed());
            let Some(value) = value.filter(|_| is_status) else {
                return;
            };
            let status: Value = serde_json::from_slice(value).unwrap_or_default();
            let Some(checkpoint) = status["checkpoint-ts"].as_u64().map(Ts::from_u64) else {
                return checks.complain("a status without a checkpoint".to_owned());
            };
            if let Some(trace) = &checks.trace {
                trace.note(format!("stores checkpoint {checkpoint}"));
            }
            let stored = checks.with(|state| std::mem::replace(&mut state.stored, checkpoint));
            if checkpoint < stored {
                checks.complain(format!("checkpoint {checkpoint} after {stored}"));
            }
            if checkpoint > stored {
                checks.promised("checkpoint", &files(), checkpoint);
            }
        })
    }

    fn replay(&self, files: &Files, until: Ts, again: Again) -> Result<Tables, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        replay::tables(files, &mut known, &self.history, until, again)
    }

    /// Everything up to `ts` is in the files.
    fn promised(&self, what: &str, files: &Files, ts: Ts) {
        let found = self.replay(files, ts, Again::Skip);
        if let Some(fault) = difference(found, &replay::upstream(&self.history, ts)) {
            self.complain(format!("{what} {ts}: {fault}"));
        }
    }

    /// All complaints of the run, and what differs in the end.
    pub(crate) fn verdict(&self, watch: &FileWatch, files: &Files) -> Vec<String> {
        let mut faults = self.with(|state| state.complaints.clone());
        faults.extend(watch.complaints());
        faults.extend(self.handed.complaints());
        let last = self.history.last_ts();
        for again in [Again::Skip, Again::Apply] {
            let found = self.replay(files, last, again);
            if let Some(fault) = difference(found, &replay::upstream(&self.history, last)) {
                faults.push(format!("in the end ({again:?}): {fault}"));
            }
        }
        faults
    }
}

fn difference(found: Result<Tables, String>, expected: &Tables) -> Option<String> {
    let found = match found {
        Ok(found) if found == *expected => return None,
        Ok(found) => found,
        Err(why) => return Some(why),
    };
    let differs = |name: &&String| found.get(*name) != expected.get(*name);
    let name = expected.keys().chain(found.keys()).find(differs)?;
    Some(format!(
        "{name} is {:?} in the files, not {:?}",
        found.get(name),
        expected.get(name)
    ))
}
