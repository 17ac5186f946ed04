//! What the engine does by itself: a changefeed that fails, tries again, recovers or reaches its end is told beside what
//! people do.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tidegate_api::{ActivityChange, ActivityEntry, ActivityTarget, Actor, ChangefeedLive};
use tokio::time::Instant;

use crate::server::state::App;

/// Troubles of one changefeed that come and go are told once in this time: nothing can push the changes that people
/// make out of the activity.
const TROUBLE_PAUSE: Duration = Duration::from_secs(600);
/// The name and the proof of the engine.
const ENGINE: &str = "engine";

/// Tells what happens until the server stops. To be begun when the changefeeds are loaded: the states of then are known.
pub(crate) async fn watch(app: App) {
    let mut states = States::default();
    for brief in app.service.changefeed_briefs() {
        states.begin(&brief.namespace, &brief.id, &brief.state);
    }
    let mut live = app.service.live();
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            changed = live.changed() => if changed.is_err() { return },
        }
        let entries = {
            let snapshot = live.borrow_and_update();
            states.follow(&snapshot.changefeeds, Instant::now())
        };
        for entry in entries {
            app.audit.write_after(entry).await;
        }
    }
}

/// The states that were seen last.
#[derive(Default)]
struct States(HashMap<(String, String), State>);

struct State {
    word: String,
    /// When a trouble was told last.
    told: Option<Instant>,
    /// The trouble of now was told, so its end will be.
    is_open: bool,
}

impl State {
    fn new(word: &str) -> State {
        State {
            word: word.to_owned(),
            told: None,
            is_open: false,
        }
    }
}

impl States {
    fn begin(&mut self, namespace: &str, id: &str, word: &str) {
        let name = (namespace.to_owned(), id.to_owned());
        self.0.insert(name, State::new(users_word(word)));
    }

    /// What is to be told about a snapshot.
    fn follow(&mut self, feeds: &[ChangefeedLive], now: Instant) -> Vec<ActivityEntry> {
        let mut entries = Vec::new();
        let mut states = HashMap::with_capacity(feeds.len());
        for feed in feeds {
            let name = (feed.namespace.clone(), feed.id.clone());
            // One that is new has begun well.
            let mut state = self.0.remove(&name).unwrap_or_else(|| State::new("normal"));
            let word = users_word(&feed.state);
            if word != state.word {
                if let Some(action) = state.tell(word, now) {
                    entries.push(entry(feed, action, &state.word));
                }
                word.clone_into(&mut state.word);
            }
            states.insert(name, state);
        }
        self.0 = states;
        entries
    }
}

impl State {
    /// The word for a step that the engine has made by itself, if it is to be told.
    fn tell(&mut self, to: &str, now: Instant) -> Option<&'static str> {
        match to {
            "failed" => Some("failed"),
            "finished" => Some("finished"),
            "warning" => {
                let is_new = self
                    .told
                    .is_none_or(|told| now.duration_since(told) >= TROUBLE_PAUSE);
                self.is_open = is_new;
                is_new.then(|| {
                    self.told = Some(now);
                    "warning"
                })
            }
            "normal" if self.word == "warning" => std::mem::take(&mut self.is_open).then_some("recovered"),
            // A person paused or resumed it.
            _ => None,
        }
    }
}

/// `pending` is a warning to users.
fn users_word(word: &str) -> &str {
    if word == "pending" { "warning" } else { word }
}

fn entry(feed: &ChangefeedLive, action: &'static str, from: &str) -> ActivityEntry {
    let is_trouble = matches!(action, "failed" | "warning");
    let error = feed.error.as_ref().filter(|_| is_trouble);
    ActivityEntry {
        action: action.to_owned(),
        actor: Actor {
            name: ENGINE.to_owned(),
            kind: ENGINE.to_owned(),
            role: String::new(),
        },
        changefeed: Some(ActivityTarget {
            namespace: feed.namespace.clone(),
            id: feed.id.clone(),
        }),
        result: if is_trouble { "failed" } else { "done" }.to_owned(),
        code: error.map_or_else(String::new, |error| error.code.clone()),
        message: error.map_or_else(String::new, |error| error.message.clone()),
        changes: vec![ActivityChange {
            path: "/state".to_owned(),
            from: json!(from),
            to: json!(users_word(&feed.state)),
        }],
        ..ActivityEntry::default()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_api::RunningError;

    use super::*;

    fn feed(state: &str) -> ChangefeedLive {
        ChangefeedLive {
            namespace: "default".to_owned(),
            id: "a".to_owned(),
            state: state.to_owned(),
            error: Some(RunningError {
                time: String::new(),
                addr: String::new(),
                code: "CDC:ErrX".to_owned(),
                message: "no".to_owned(),
            }),
            ..ChangefeedLive::default()
        }
    }

    fn told(states: &mut States, words: &[&str], at: Instant) -> Vec<(String, String)> {
        let mut told = Vec::new();
        for word in words {
            let entries = states.follow(&[feed(word)], at);
            told.extend(entries.into_iter().map(|entry| (entry.action, entry.code)));
        }
        told
    }

    fn line(action: &str, code: &str) -> (String, String) {
        (action.to_owned(), code.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn steps_of_the_engine_are_told_and_those_of_people_are_not() {
        let now = Instant::now();
        let mut states = States::default();
        states.begin("default", "a", "failed");
        assert_eq!(told(&mut states, &["failed"], now), [], "it had failed before");
        assert_eq!(
            told(&mut states, &["normal", "stopped", "normal"], now),
            [],
            "a person did that"
        );
        let steps = [
            "normal", "pending", "warning", "normal", "failed", "failed", "finished",
        ];
        assert_eq!(
            told(&mut states, &steps, now),
            [
                line("warning", "CDC:ErrX"),
                line("recovered", ""),
                line("failed", "CDC:ErrX"),
                line("finished", "")
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_trouble_that_comes_and_goes_is_told_now_and_then() {
        let now = Instant::now();
        let mut states = States::default();
        let flapping = ["pending", "normal"].repeat(50);
        assert_eq!(told(&mut states, &flapping, now).len(), 2);
        assert_eq!(told(&mut states, &flapping, now + TROUBLE_PAUSE / 2).len(), 0);
        assert_eq!(told(&mut states, &flapping, now + TROUBLE_PAUSE).len(), 2);
    }
}
