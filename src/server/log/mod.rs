//! Logging whose level can be changed while the server runs. The newest lines are kept in memory for the console.

mod ring;
mod tail;

use std::fs::File;
use std::future::pending;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_model::{CdcError, Clock, ErrorCode, Result, ResultExt, SystemClock};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::config::LogFormat;
use ring::RingLayer;
pub(crate) use ring::{LogFilter, LogLine, LogRing, Tail};
pub(crate) use tail::{download, filter, stream_lines};

/// How long a level holds that returns by itself.
pub(crate) const DEBUG_TIME: Duration = Duration::from_secs(600);

/// The level in force, and the way to change it. Cheap to clone.
#[derive(Clone)]
pub struct LogControl {
    handle: Option<reload::Handle<LevelFilter, Registry>>,
    chosen: Arc<watch::Sender<Chosen>>,
    ring: Arc<LogRing>,
}

/// The level as it was chosen.
#[derive(Copy, Clone, Debug)]
struct Chosen {
    word: &'static str,
    back: Option<Back>,
}

/// The return to another level.
#[derive(Copy, Clone, Debug)]
struct Back {
    word: &'static str,
    at: Instant,
    at_ms: u64,
}

/// The levels the API knows, and what each lets through here.
const LEVELS: [(&str, LevelFilter); 7] = [
    ("debug", LevelFilter::DEBUG),
    ("info", LevelFilter::INFO),
    ("warn", LevelFilter::WARN),
    ("error", LevelFilter::ERROR),
    ("dpanic", LevelFilter::ERROR),
    ("panic", LevelFilter::ERROR),
    ("fatal", LevelFilter::ERROR),
];

impl LogControl {
    /// Starts logging to stderr. Only the first call of a process takes effect.
    ///
    /// # Errors
    /// `APIInvalidParam` for an unknown level.
    pub fn install(level: &str, format: LogFormat) -> Result<LogControl> {
        LogControl::install_to(level, format, None)
    }

    /// Starts logging to the end of `file`, or to stderr. Only the first call of a process takes effect.
    ///
    /// # Errors
    /// `APIInvalidParam` for an unknown level or a file that cannot be written.
    pub fn install_to(level: &str, format: LogFormat, file: Option<&Path>) -> Result<LogControl> {
        let (word, filter) = parse(level)?;
        let (filter, handle) = reload::Layer::new(filter);
        let writer = match file {
            None => BoxMakeWriter::new(std::io::stderr),
            Some(path) => BoxMakeWriter::new(Mutex::new(open(path)?)),
        };
        let layer = fmt::layer()
            .with_ansi(file.is_none() && std::io::stderr().is_terminal())
            .with_writer(writer);
        let ring = Arc::new(LogRing::of_this_run());
        let registry = tracing_subscriber::registry()
            .with(filter)
            .with(RingLayer(Arc::clone(&ring)));
        let installed = match format {
            LogFormat::Text => registry.with(layer).try_init(),
            LogFormat::Json => registry.with(layer.json()).try_init(),
        };
        Ok(LogControl {
            handle: installed.is_ok().then_some(handle),
            chosen: Arc::new(watch::Sender::new(Chosen { word, back: None })),
            ring,
        })
    }

    /// The level in force, one of the API's words.
    pub fn level(&self) -> &'static str {
        self.chosen.borrow().word
    }

    /// The level to which it returns by itself, and when, in unix milliseconds.
    pub(crate) fn back(&self) -> Option<(&'static str, u64)> {
        self.chosen.borrow().back.map(|back| (back.word, back.at_ms))
    }

    /// The newest lines.
    pub(crate) fn ring(&self) -> &LogRing {
        &self.ring
    }

    /// Changes the level at once; an empty word means `info`.
    ///
    /// # Errors
    /// `APIInvalidParam` for an unknown word: nothing changes.
    pub fn set_level(&self, level: &str) -> Result<()> {
        self.choose(level, |_| None)
    }

    /// Changes the level at once; after `time` it returns to the one from before, as long as
    /// [`LogControl::return_in_time`] runs.
    ///
    /// # Errors
    /// As [`LogControl::set_level`].
    pub(crate) fn set_level_for(&self, level: &str, time: Duration) -> Result<()> {
        let at_ms = SystemClock.unix_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.choose(level, |before| {
            // Once more while it waits to return: to where it came from.
            let word = before.back.map_or(before.word, |back| back.word);
            let at = Instant::now() + time;
            Some(Back { word, at, at_ms })
        })
    }

    fn choose(&self, level: &str, back: impl FnOnce(&Chosen) -> Option<Back>) -> Result<()> {
        let (word, filter) = parse(level)?;
        if let Some(handle) = &self.handle {
            handle.reload(filter).map_err(|error| {
                CdcError::new(ErrorCode::InternalServerError, "the log level cannot be changed")
                    .with_source(error)
            })?;
        }
        self.chosen.send_modify(|chosen| {
            // There is no way back to where one is.
            let back = back(chosen).filter(|back| back.word != word);
            *chosen = Chosen { word, back };
        });
        tracing::info!(level = word, "log level set");
        Ok(())
    }

    /// Returns to the old level whenever it is time, until `stop` is cancelled.
    pub(crate) async fn return_in_time(self, stop: CancellationToken) {
        let mut chosen = self.chosen.subscribe();
        loop {
            let back = chosen.borrow_and_update().back;
            let due = async {
                match back {
                    Some(back) => sleep_until(back.at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = chosen.changed() => if changed.is_err() { return },
                () = due => {
                    let word = back.map_or("info", |back| back.word);
                    if let Err(error) = self.set_level(word) {
                        tracing::error!(%error, "the log level does not return");
                        self.chosen.send_modify(|chosen| chosen.back = None);
                    }
                }
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    file.code(
        ErrorCode::APIInvalidParam,
        format_args!("cannot write the log file {}", path.display()),
    )
}

fn parse(level: &str) -> Result<(&'static str, LevelFilter)> {
    let wanted = if level.is_empty() {
        "info".to_owned()
    } else {
        level.to_lowercase()
    };
    LEVELS
        .into_iter()
        .find(|(word, _)| *word == wanted)
        .ok_or_else(|| {
            CdcError::new(
                ErrorCode::APIInvalidParam,
                format_args!("fail to change log level: {level}"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A level that waited to return was forgotten when it was set once more, or stayed for ever.
    #[tokio::test]
    async fn a_level_for_a_while_returns_to_the_one_from_before() {
        let log = LogControl::install("warn", LogFormat::Text).unwrap();
        let stop = CancellationToken::new();
        let keeper = log.clone().return_in_time(stop.clone());
        let check = async {
            let mut chosen = log.chosen.subscribe();
            log.set_level_for("debug", DEBUG_TIME).unwrap();
            assert_eq!((log.level(), log.back().unwrap().0), ("debug", "warn"));
            log.set_level_for("info", DEBUG_TIME).unwrap();
            assert_eq!(log.back().unwrap().0, "warn", "not to where it was for a while");
            log.set_level_for("debug", Duration::from_millis(20)).unwrap();
            chosen.wait_for(|chosen| chosen.word == "warn").await.unwrap();
            assert_eq!(log.back(), None);
            log.set_level_for("warn", DEBUG_TIME).unwrap();
            assert_eq!(log.back(), None, "it is there already");
            log.set_level_for("debug", DEBUG_TIME).unwrap();
            log.set_level("error").unwrap();
            assert_eq!((log.level(), log.back()), ("error", None));
            stop.cancel();
        };
        tokio::join!(keeper, check);
    }

    #[test]
    fn the_seven_levels_are_read_in_any_case() {
        for word in ["debug", "INFO", "Warn", "error", "dpanic", "panic", "fatal", ""] {
            assert!(parse(word).is_ok(), "{word}");
        }
        assert!(
            parse("xxxx")
                .unwrap_err()
                .message()
                .contains("fail to change log level: xxxx")
        );
    }
}
