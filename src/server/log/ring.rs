//! The newest lines of the log, in memory: what the console shows, with secrets masked before they get here.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_model::{Clock, SystemClock, mask_uri};
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Most lines, and most bytes of their texts.
const LINES_MAX: usize = 10_000;
const BYTES_MAX: usize = 16 << 20;
/// Longest text of one line, in bytes.
const TEXT_BYTES_MAX: usize = 8 << 10;
/// More lines than a server writes in a millisecond, from its start on.
const LINES_PER_MS: u64 = 1_000;
/// Words in the name of a value that is kept secret.
const SECRET_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "credential",
    "signature",
    "private",
    "authorization",
];

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogLine {
    /// One more than that of the line before. Goes on over a restart: a reader knows what it has not seen.
    pub(crate) seq: u64,
    /// Unix time in milliseconds.
    pub(crate) at_ms: u64,
    pub(crate) level: Level,
    /// Module that wrote it.
    pub(crate) target: &'static str,
    /// Message and fields.
    pub(crate) text: String,
    /// Namespace and id of the changefeed it is about.
    pub(crate) changefeed: Option<(String, String)>,
}

/// What somebody wants to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogFilter {
    /// The least severe level.
    pub(crate) level: Level,
    /// In lower case: part of the target.
    pub(crate) target: String,
    /// In lower case: part of the text.
    pub(crate) text: String,
}

impl LogFilter {
    /// A filter of words as typed; an unknown level lets everything through.
    pub(crate) fn new(level: &str, target: &str, text: &str) -> Self {
        LogFilter {
            level: level.parse().unwrap_or(Level::TRACE),
            target: target.trim().to_lowercase(),
            text: text.trim().to_lowercase(),
        }
    }

    /// Whether the line is wanted.
    pub(crate) fn accepts(&self, line: &LogLine) -> bool {
        line.level <= self.level
            && (self.target.is_empty() || line.target.to_lowercase().contains(&self.target))
            && (self.text.is_empty() || line.text.to_lowercase().contains(&self.text))
    }
}

/// Lines after a place in the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tail {
    /// In their order.
    pub(crate) lines: Vec<LogLine>,
    /// How many were forgotten between the place and the oldest line there is.
    pub(crate) lost: u64,
    /// The place behind everything that was looked at.
    pub(crate) next: u64,
}

/// The newest lines.
#[derive(Debug)]
pub(crate) struct LogRing {
    /// Below the number of the first line.
    start: u64,
    lines: Mutex<Lines>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<LogLine>,
    bytes: usize,
    /// Number of the newest line.
    last: u64,
}

impl LogRing {
    /// A ring whose numbers are larger than those of every earlier run of the server.
    pub(super) fn of_this_run() -> Self {
        LogRing::starting_at(SystemClock.unix_ms() * LINES_PER_MS)
    }

    fn starting_at(start: u64) -> Self {
        LogRing {
            start,
            lines: Mutex::new(Lines {
                last: start,
                ..Lines::default()
            }),
            newest: watch::Sender::new(start),
        }
    }

    /// Takes in a line; the oldest ones make room.
    fn push(&self, mut line: LogLine) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.last += 1;
        line.seq = lines.last;
        lines.bytes += line.text.len();
        lines.kept.push_back(line);
        while lines.kept.len() > LINES_MAX || lines.bytes > BYTES_MAX {
            let Some(oldest) = lines.kept.pop_front() else {
                break;
            };
            lines.bytes -= oldest.text.len();
        }
        let last = lines.last;
        drop(lines);
        self.newest.send_replace(last);
    }

    /// Changes with every line; the value is the number of the newest one.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The first `max` lines behind line `after` that the filter accepts. From the oldest line on for a place in an earlier
    /// run of the server.
    pub(crate) fn after(&self, after: u64, filter: &LogFilter, max: usize) -> Tail {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_this_run = (self.start..=lines.last).contains(&after);
        let after = if is_of_this_run { after } else { self.start };
        let oldest = lines.kept.front().map_or(lines.last + 1, |line| line.seq);
        let mut tail = Tail {
            lost: if after == self.start {
                0
            } else {
                oldest.saturating_sub(after + 1)
            },
            next: lines.last,
            lines: Vec::new(),
        };
        let skipped = usize::try_from((after + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        for line in lines
            .kept
            .iter()
            .skip(skipped)
            .filter(|line| filter.accepts(line))
        {
            if tail.lines.len() == max {
                tail.next = tail.lines.last().map_or(after, |last| last.seq);
                break;
            }
            tail.lines.push(line.clone());
        }
        tail
    }

    /// The newest `max` lines that the filter accepts, oldest first.
    pub(crate) fn last(&self, filter: &LogFilter, max: usize) -> Tail {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = lines.kept.iter().rev().filter(|line| filter.accepts(line));
        let mut found: Vec<LogLine> = newest.take(max).cloned().collect();
        found.reverse();
        Tail {
            lines: found,
            lost: 0,
            next: lines.last,
        }
    }
}

/// Puts every event of the process into a ring.
pub(super) struct RingLayer(pub(super) Arc<LogRing>);

impl<S: Subscriber> Layer<S> for RingLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        self.0.push(LogLine {
            seq: 0,
            at_ms: SystemClock.unix_ms(),
            level: *metadata.level(),
            target: metadata.target(),
            text: cut(masked(&fields.text())),
            changefeed: fields.changefeed,
        });
    }
}

/// Message and fields of an event as the text log writes them.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
    changefeed: Option<(String, String)>,
}

impl Fields {
    fn text(&self) -> String {
        format!("{}{}", self.message, self.others)
    }

    fn add(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name if is_secret(name) => {
                let _cannot_fail = write!(self.others, " {name}=******");
            }
            name => {
                if name == "changefeed" {
                    let named = value.split_once('/');
                    self.changefeed = named.map(|(namespace, id)| (namespace.to_owned(), id.to_owned()));
                }
                let _cannot_fail = write!(self.others, " {name}={value}");
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

/// Cuts a text that is too long, between characters.
fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The text without what looks like a secret: passwords and parameters of URIs, and values behind a name that says so.
/// Whoever logs masks already; this is the second net.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let blank = &word[bare.len()..];
        let start = bare
            .find(|c: char| c.is_ascii_alphanumeric())
            .unwrap_or(bare.len());
        let end = bare
            .rfind(|c| !matches!(c, '"' | '\'' | ')' | ']' | '}' | ',' | ';'))
            .map_or(start, |at| at + 1);
        let core = bare.get(start..end.max(start)).unwrap_or_default();
        if core.contains("://") {
            // `uri=mysql://..`: the name stays.
            let from = core
                .find("://")
                .and_then(|at| core[..at].rfind('='))
                .map_or(0, |at| at + 1);
            out.push_str(&bare[..start + from]);
            out.push_str(&mask_uri(&core[from..]));
            out.push_str(bare.get(end.max(start)..).unwrap_or_default());
        } else if let Some((name, value)) = bare.split_once(['=', ':'])
            && !value.is_empty()
            && is_secret(name)
        {
            out.push_str(&bare[..name.len() + 1]);
            out.push_str("******");
        } else {
            out.push_str(bare);
        }
        out.push_str(blank);
    }
    out
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn all() -> LogFilter {
        LogFilter::new("", "", "")
    }

    fn ring(log: impl FnOnce()) -> Arc<LogRing> {
        let ring = Arc::new(LogRing::starting_at(0));
        let layer = RingLayer(Arc::clone(&ring));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        ring
    }

    fn texts(tail: &Tail) -> Vec<&str> {
        tail.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_have_their_fields_and_their_changefeed() {
        let ring = ring(|| tracing::warn!(changefeed = %"default/orders", tries = 3, "the sink is slow"));
        let tail = ring.last(&all(), 10);
        assert_eq!(
            texts(&tail),
            ["the sink is slow changefeed=default/orders tries=3"]
        );
        let line = &tail.lines[0];
        assert_eq!((line.seq, line.level), (1, Level::WARN));
        assert_eq!(line.changefeed, Some(("default".to_owned(), "orders".to_owned())));
    }

    #[test]
    fn secrets_are_masked_before_they_are_kept() {
        let ring = ring(|| {
            tracing::info!(
                uri = "mysql://root:hunter2@db:3306/?a=1",
                sink_password = "hunter2",
                "cannot open 'mysql://root:hunter2@db/' with password=hunter2, or s3://b?secret-access-key=hunter2."
            );
        });
        let tail = ring.last(&all(), 10);
        assert!(!texts(&tail)[0].contains("hunter2"), "{}", texts(&tail)[0]);
        assert!(
            texts(&tail)[0].contains("mysql://root:xxxxx@db:3306/?a=1"),
            "{}",
            texts(&tail)[0]
        );
    }

    #[test]
    fn lines_are_chosen_by_level_target_and_text() {
        let ring = ring(|| {
            tracing::debug!(target: "tidegate_sink::mysql", "connected");
            tracing::info!(target: "tidegate::server", "server is up");
            tracing::error!(target: "tidegate_sink::mysql", "Gone away");
        });
        let chosen = |level, target, text| {
            let tail = ring.last(&LogFilter::new(level, target, text), 10);
            tail.lines.iter().map(|line| line.seq).collect::<Vec<_>>()
        };
        assert_eq!(chosen("info", "", ""), [2, 3]);
        assert_eq!(chosen("", "SINK::", ""), [1, 3]);
        assert_eq!(chosen("", "", "gone"), [3]);
        assert!(chosen("warn", "server", "").is_empty());
    }

    #[test]
    fn a_reader_goes_on_where_it_was_and_is_told_what_it_missed() {
        let ring = ring(|| (0..LINES_MAX + 5).for_each(|n| tracing::info!("{n}")));
        let first = ring.after(2, &all(), 3);
        assert_eq!(
            (texts(&first), first.lost, first.next),
            (vec!["5", "6", "7"], 3, 8)
        );
        let next = ring.after(first.next, &all(), LINES_MAX);
        assert_eq!((next.lines[0].text.as_str(), next.lost), ("8", 0));
        assert_eq!(next.next, (LINES_MAX + 5) as u64);
        assert!(ring.after(next.next, &all(), 10).lines.is_empty());
        let other_run = ring.after(1_000_000, &all(), 1);
        assert_eq!((texts(&other_run), other_run.lost), (vec!["5"], 0));
        let none = ring.after(0, &LogFilter::new("error", "", ""), 10);
        assert_eq!((none.lines.len(), none.next), (0, (LINES_MAX + 5) as u64));
    }

    #[test]
    fn long_lines_are_cut_and_bytes_are_limited() {
        let ring = ring(|| (0..4_000).for_each(|_| tracing::info!("{}", "ü".repeat(TEXT_BYTES_MAX))));
        let tail = ring.last(&all(), LINES_MAX);
        assert!(tail.lines.len() < 2_100, "{}", tail.lines.len());
        assert!(tail.lines[0].text.len() <= TEXT_BYTES_MAX + 3);
    }
}
