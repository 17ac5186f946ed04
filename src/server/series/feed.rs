//! The history of one changefeed: figures at three distances, what happened to it, and how its error has been.

use std::collections::VecDeque;

use tidegate_api::{ChangefeedLive, SeriesMark, SeriesPoint};
use tidegate_model::Ts;

use super::Window;
use super::level::{Figures, Level};

/// Marks that are kept.
const MARKS_MAX: usize = 200;
/// Letters of the text of a mark.
const TEXT_MAX: usize = 400;
/// An error that was gone for this long is another one when it comes again.
const GONE_MS: u64 = 10 * 60_000;

/// An error as it was seen since the server started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ErrorSeen {
    pub(crate) code: String,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    /// How many times it happened.
    pub(crate) times: u64,
}

/// What is compared with the next look.
struct Last {
    state: String,
    /// Code and time of the error.
    error: Option<(String, String)>,
    edits: u64,
    ddl_ts: u64,
}

/// The history of one changefeed.
pub(super) struct FeedHistory {
    levels: [Level; 3],
    marks: VecDeque<SeriesMark>,
    last: Option<Last>,
    error: Option<ErrorSeen>,
}

impl Default for FeedHistory {
    fn default() -> Self {
        FeedHistory {
            levels: Window::ALL.map(|window| Level::new(window.step_ms(), window.points())),
            marks: VecDeque::new(),
            last: None,
            error: None,
        }
    }
}

impl FeedHistory {
    /// Takes in the figures of a second.
    pub(super) fn take(&mut self, unix_ms: u64, live: &ChangefeedLive) {
        let figures = Figures::of(live);
        for level in &mut self.levels {
            level.take(unix_ms, figures);
        }
        self.note_error(unix_ms, live);
        let now = Last {
            state: live.state.clone(),
            error: error_of(live),
            edits: live.edits,
            ddl_ts: live.ddls.last().map_or(0, |ddl| ddl.commit_ts),
        };
        if let Some(last) = self.last.take() {
            for (kind, text) in happened(&last, &now, live) {
                self.mark(unix_ms, kind, text);
            }
            for ddl in live.ddls.iter().filter(|ddl| ddl.commit_ts > last.ddl_ts) {
                // Where the lag shows its work, not where it was committed.
                self.mark(unix_ms, "ddl", ddl.query.clone());
            }
        }
        self.last = Some(now);
    }

    fn mark(&mut self, unix_ms: u64, kind: &str, text: String) {
        if self.marks.len() == MARKS_MAX {
            self.marks.pop_front();
        }
        self.marks.push_back(SeriesMark {
            unix_ms,
            kind: kind.to_owned(),
            text: text.chars().take(TEXT_MAX).collect(),
        });
    }

    fn note_error(&mut self, unix_ms: u64, live: &ChangefeedLive) {
        let Some((code, time)) = error_of(live) else {
            return;
        };
        let is_new = self.last.as_ref().and_then(|last| last.error.as_ref()) != Some(&(code.clone(), time));
        match &mut self.error {
            Some(seen) if seen.code == code && unix_ms.saturating_sub(seen.last_ms) < GONE_MS => {
                seen.last_ms = unix_ms;
                seen.times += u64::from(is_new);
            }
            other => {
                *other = Some(ErrorSeen {
                    code,
                    first_ms: unix_ms,
                    last_ms: unix_ms,
                    times: 1,
                });
            }
        }
    }

    /// The points of a window, oldest first.
    pub(super) fn points(&self, window: Window) -> Vec<SeriesPoint> {
        self.levels[window as usize].points()
    }

    /// The marks since a moment, oldest first.
    pub(super) fn marks(&self, since_ms: u64) -> Vec<SeriesMark> {
        let marks = self.marks.iter().filter(|mark| mark.unix_ms >= since_ms);
        marks.cloned().collect()
    }

    /// What is known about the error that was seen last.
    pub(super) fn error(&self) -> Option<ErrorSeen> {
        self.error.clone()
    }
}

/// Code and time of what is wrong; an old warning of a changefeed that runs well is nothing wrong.
fn error_of(live: &ChangefeedLive) -> Option<(String, String)> {
    let is_wrong = matches!(live.state.as_str(), "warning" | "pending" | "failed");
    let error = live.error.as_ref().filter(|_| is_wrong)?;
    Some((error.code.clone(), error.time.clone()))
}

/// What happened between two looks.
fn happened(last: &Last, now: &Last, live: &ChangefeedLive) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if now.edits > last.edits {
        all.push(("edit", "Settings changed".to_owned()));
    }
    let code_of = |last: &Last| last.error.as_ref().map(|(code, _)| code.clone());
    let is_other_error = now.error.is_some() && (code_of(now) != code_of(last) || now.state != last.state);
    if is_other_error && let Some(error) = &live.error {
        let verb = if now.state == "failed" { "Failed" } else { "Error" };
        all.push(("error", format!("{verb}: {}", error.message)));
    }
    if now.state == last.state {
        return all;
    }
    let running = |state: &str| matches!(state, "normal" | "warning" | "pending");
    match now.state.as_str() {
        "stopped" => all.push(("pause", "Paused".to_owned())),
        "finished" => {
            let at = Ts::from_u64(live.checkpoint_ts).physical_ms();
            let text = format!("Finished at its target, {}", crate::app::format::utc(at));
            all.push(("finish", text));
        }
        "normal" if !running(&last.state) => all.push(("resume", "Resumed".to_owned())),
        "normal" => all.push(("resume", "Went on after an error".to_owned())),
        _ => {}
    }
    all
}

#[cfg(test)]
mod tests {
    use tidegate_api::{DdlLive, RunningError};

    use super::*;

    fn live(state: &str, error: Option<(&str, &str)>) -> ChangefeedLive {
        ChangefeedLive {
            state: state.to_owned(),
            error: error.map(|(code, time)| RunningError {
                code: code.to_owned(),
                time: time.to_owned(),
                addr: String::new(),
                message: "no route".to_owned(),
            }),
            ..ChangefeedLive::default()
        }
    }

    fn marks(history: &FeedHistory) -> Vec<(u64, String, String)> {
        let marks = history.marks(0).into_iter();
        marks.map(|mark| (mark.unix_ms, mark.kind, mark.text)).collect()
    }

    #[test]
    fn what_happens_is_marked_once() {
        let mut history = FeedHistory::default();
        history.take(1_000, &live("normal", None));
        history.take(2_000, &live("warning", Some(("E", "t1"))));
        history.take(3_000, &live("warning", Some(("E", "t2"))));
        history.take(4_000, &live("normal", Some(("E", "t2"))));
        history.take(5_000, &live("stopped", None));
        let edited = ChangefeedLive {
            edits: 1,
            ddls: vec![DdlLive {
                commit_ts: 9,
                query: "DROP TABLE t".to_owned(),
            }],
            ..live("normal", None)
        };
        history.take(6_000, &edited);
        history.take(7_000, &edited);
        let expected = [
            (2_000, "error", "Error: no route"),
            (4_000, "resume", "Went on after an error"),
            (5_000, "pause", "Paused"),
            (6_000, "edit", "Settings changed"),
            (6_000, "resume", "Resumed"),
            (6_000, "ddl", "DROP TABLE t"),
        ];
        let expected = expected.map(|(at, kind, text)| (at, kind.to_owned(), text.to_owned()));
        assert_eq!(marks(&history), expected);
        assert_eq!(history.marks(5_500).len(), 3);
    }

    /// A server that starts sees changefeeds for the first time: nothing has happened to them.
    #[test]
    fn the_first_look_marks_nothing() {
        let mut history = FeedHistory::default();
        history.take(1_000, &live("failed", Some(("E", "t1"))));
        assert_eq!(marks(&history), []);
        assert_eq!(history.error().map(|error| error.times), Some(1));
    }

    #[test]
    fn an_error_is_counted_until_another_one_comes_or_it_was_gone_for_long() {
        let mut history = FeedHistory::default();
        let mut seen = |at_ms: u64, state: &str, error| {
            history.take(at_ms, &live(state, error));
            history.error().unwrap()
        };
        seen(1_000, "warning", Some(("E", "t1")));
        seen(2_000, "warning", Some(("E", "t1")));
        seen(3_000, "normal", Some(("E", "t1")));
        let twice = seen(5_000, "pending", Some(("E", "t2")));
        assert_eq!((twice.first_ms, twice.last_ms, twice.times), (1_000, 5_000, 2));
        let other = seen(6_000, "failed", Some(("F", "t3")));
        assert_eq!(
            (other.code.as_str(), other.first_ms, other.times),
            ("F", 6_000, 1)
        );
        seen(7_000, "normal", None);
        let later = seen(7_000 + GONE_MS, "failed", Some(("F", "t4")));
        assert_eq!(later.times, 1);
    }
}
