//! The same action on several changefeeds: what it would do, and what it did.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use leptos::prelude::use_context;

use crate::app::changefeed::{no_pause, no_resume};
use crate::app::changefeeds::made_bulk;
use crate::fns::context::Console;
use crate::fns::data::{FeedRow, FeedState};
use crate::fns::error::ConsoleError;
use crate::fns::list::full_name;
use crate::fns::query::Query;
use crate::server::{App, Principal, Role};

/// Batches that are remembered, for the page that shows what came of them.
const BATCHES_MAX: usize = 32;

/// What is done.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    Pause,
    Resume,
    Remove,
}

impl Action {
    pub(crate) fn from_word(word: &str) -> Option<Action> {
        let all = [Action::Pause, Action::Resume, Action::Remove];
        all.into_iter().find(|action| action.word() == word)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Action::Pause => "pause",
            Action::Resume => "resume",
            Action::Remove => "remove",
        }
    }

    /// Why it cannot be done to a changefeed in this state.
    pub(crate) fn why_not(self, state: FeedState) -> Option<&'static str> {
        match self {
            Action::Pause => no_pause(state),
            Action::Resume => no_resume(state),
            Action::Remove => None,
        }
    }

    /// The role it needs.
    pub(crate) const fn role(self) -> Role {
        match self {
            Action::Pause | Action::Resume => Role::Operator,
            Action::Remove => Role::Admin,
        }
    }
}

/// What is to be typed before so many are removed.
pub(crate) fn phrase(count: usize) -> String {
    format!("remove {count}")
}

/// What became of one changefeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Done,
    Skipped(String),
    Failed { code: String, message: String },
}

/// What an action did, or why it was not begun.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) action: Action,
    /// `namespace/id` and what became of it; empty when it was not begun.
    pub(crate) fates: Vec<(String, Fate)>,
    /// Those it is about, when it was not begun.
    pub(crate) asked: Vec<String>,
}

/// The newest batches.
#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<VecDeque<(String, Batch)>>);

impl Batches {
    /// Remembers a batch; the answer is its key.
    pub(crate) fn keep(&self, batch: Batch) -> String {
        let key = uuid::Uuid::new_v4().simple().to_string();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((key.clone(), batch));
        while kept.len() > BATCHES_MAX {
            kept.pop_front();
        }
        key
    }

    fn read(&self, key: &str) -> Option<Batch> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(known, _)| known == key);
        found.map(|(_, batch)| batch.clone())
    }
}

/// What an action would do: whom it is done to, and who is left out and why.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) action: Action,
    pub(crate) touched: Vec<FeedRow>,
    pub(crate) skipped: Vec<(String, String)>,
    /// Why it may not be done by whoever asks.
    pub(crate) forbidden: Option<String>,
    /// What was typed was something else.
    pub(crate) refused: bool,
}

impl Plan {
    pub(crate) fn new(action: Action, rows: Vec<FeedRow>) -> Plan {
        let (mut touched, mut skipped) = (Vec::new(), Vec::new());
        for row in rows {
            match action.why_not(row.vitals.state) {
                None => touched.push(row),
                Some(why) => skipped.push((full_name(&row.namespace, &row.id), why.to_owned())),
            }
        }
        Plan {
            action,
            touched,
            skipped,
            forbidden: None,
            refused: false,
        }
    }
}

/// Why whoever asks may not do this.
fn forbidden(action: Action) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let principal = parts.extensions.get::<Principal>()?;
    let need = action.role();
    (principal.role < need).then(|| format!("The role {need} is needed; you are {}.", principal.role))
}

impl Console {
    /// Title and HTML of the page of a batch.
    ///
    /// # Errors
    /// An action that there is not, and a query that is too long.
    pub fn bulk_page(&self, query: &str) -> Result<(String, String), ConsoleError> {
        let query = Query::parse(query)?;
        let kept = use_context::<App>().and_then(|app| app.batches.read(query.get("batch")));
        let plan = match kept {
            Some(batch) if batch.asked.is_empty() => return Ok(made_bulk::result(&batch)),
            Some(batch) => {
                let names = batch
                    .asked
                    .iter()
                    .fold(Query::default(), |query, name| query.and("feed", name));
                Plan {
                    refused: true,
                    ..Plan::new(batch.action, self.picked(&names))
                }
            }
            None => {
                let action = Action::from_word(query.get("action"));
                let action = action.ok_or_else(|| gone(query.get("batch")))?;
                Plan::new(action, self.picked(&query))
            }
        };
        let plan = Plan {
            forbidden: forbidden(plan.action),
            ..plan
        };
        Ok(made_bulk::plan(&plan))
    }
}

fn gone(batch: &str) -> ConsoleError {
    let message = if batch.is_empty() {
        "The address does not say what to do."
    } else {
        "This result is no longer kept."
    };
    ConsoleError {
        code: String::new(),
        message: message.to_owned(),
        remedy: "Select changefeeds in the list; the activity says what was done.".to_owned(),
        fields: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fns::view;
    use tidegate_api::ChangefeedDetail;

    #[test]
    fn a_plan_leaves_out_what_is_so_already() {
        let row = |id: &str, state: &str| {
            let detail = ChangefeedDetail {
                namespace: "default".to_owned(),
                id: id.to_owned(),
                state: state.to_owned(),
                ..ChangefeedDetail::default()
            };
            view::row(&detail, None, 0)
        };
        let rows = vec![row("a", "normal"), row("b", "stopped"), row("c", "failed")];
        let plan = Plan::new(Action::Pause, rows.clone());
        assert_eq!((plan.touched.len(), plan.touched[0].id.as_str()), (1, "a"));
        assert_eq!(
            plan.skipped[0],
            ("default/b".to_owned(), "It is already paused".to_owned())
        );
        assert_eq!(Plan::new(Action::Resume, rows.clone()).touched.len(), 2);
        assert_eq!(Plan::new(Action::Remove, rows).skipped, []);
    }

    #[test]
    fn old_batches_are_forgotten() {
        let batches = Batches::default();
        let batch = Batch {
            action: Action::Pause,
            fates: Vec::new(),
            asked: Vec::new(),
        };
        let first = batches.keep(batch.clone());
        assert!(batches.read(&first).is_some());
        for _ in 0..BATCHES_MAX {
            batches.keep(batch.clone());
        }
        assert!(batches.read(&first).is_none());
    }
}
