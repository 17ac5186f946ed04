//! What a screen reader is told while values move: state words, never numbers, and not too often.

use crate::app::format;
use crate::app::live::FeedName;
use crate::app::ui::feed::feed_name;
use crate::fns::data::FeedState;
use leptos::prelude::*;
use std::collections::BTreeMap;

/// Shortest time between two announcements: listeners are not to be talked down.
const EVERY_MS: u64 = 5_000;
/// How many changefeeds one announcement names.
const NAMED_MAX: usize = 3;

/// Collects changes of state and makes sentences of them. A handle: copies mean the same sentence.
#[derive(Copy, Clone)]
pub(crate) struct Announcer {
    sentence: RwSignal<String>,
    waiting: StoredValue<Waiting>,
}

#[derive(Default)]
struct Waiting {
    changes: BTreeMap<FeedName, FeedState>,
    /// When something was announced last, by the server's clock.
    last_ms: u64,
}

impl Announcer {
    /// Nothing to say yet.
    pub(crate) fn new() -> Self {
        Announcer {
            sentence: RwSignal::new(String::new()),
            waiting: StoredValue::new(Waiting::default()),
        }
    }

    /// The newest sentence.
    pub(crate) fn sentence(self) -> RwSignal<String> {
        self.sentence
    }

    /// Notes that a changefeed came into a state.
    pub(crate) fn note(self, name: FeedName, state: FeedState) {
        self.waiting.update_value(|waiting| {
            waiting.changes.insert(name, state);
        });
    }

    /// Says what was noted, if it is time. `now_ms`: the server's clock.
    pub(crate) fn speak(self, now_ms: u64) {
        let sentence = self.waiting.try_update_value(|waiting| {
            let is_due = now_ms.saturating_sub(waiting.last_ms) >= EVERY_MS;
            (is_due && !waiting.changes.is_empty()).then(|| {
                waiting.last_ms = now_ms;
                in_words(&std::mem::take(&mut waiting.changes))
            })
        });
        if let Some(sentence) = sentence.flatten() {
            self.sentence.set(sentence);
        }
    }
}

/// `orders is failed, users is normal, and 3 other changefeeds changed`.
fn in_words(changes: &BTreeMap<FeedName, FeedState>) -> String {
    let named = changes.iter().take(NAMED_MAX);
    let mut parts: Vec<_> = named
        .map(|((namespace, id), state)| format!("{} is {}", feed_name(namespace, id), state.word()))
        .collect();
    if let Some(others) = changes.len().checked_sub(NAMED_MAX + 1) {
        let others = format::count(others + 1, "other changefeed", "other changefeeds");
        parts.push(format!("and {others} changed"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_come_every_five_seconds_at_most() {
        let owner = Owner::new();
        owner.set();
        let announcer = Announcer::new();
        let at = |ms: u64, state: Option<FeedState>| {
            if let Some(state) = state {
                announcer.note(("default".to_owned(), "a".to_owned()), state);
            }
            announcer.speak(ms);
            announcer.sentence().get_untracked()
        };
        assert_eq!(at(100_000, None), "");
        assert_eq!(at(101_000, Some(FeedState::Failed)), "a is failed");
        assert_eq!(at(102_000, Some(FeedState::Stopped)), "a is failed", "too soon");
        assert_eq!(at(103_000, Some(FeedState::Normal)), "a is failed");
        assert_eq!(at(106_000, None), "a is normal");
    }

    #[test]
    fn an_announcement_names_a_few() {
        let changes = |count: usize| {
            let names = (0..count).map(|n| (("ns".to_owned(), n.to_string()), FeedState::Failed));
            in_words(&names.collect())
        };
        assert_eq!(changes(1), "ns/0 is failed");
        assert_eq!(
            changes(4),
            "ns/0 is failed, ns/1 is failed, ns/2 is failed, and 1 other changefeed changed"
        );
    }
}
