//! Logging whose level can be changed while the server runs.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::config::LogFormat;

/// The level in force, and the way to change it. Cheap to clone.
#[derive(Clone)]
pub struct LogControl {
    handle: Option<reload::Handle<LevelFilter, Registry>>,
    word: Arc<Mutex<&'static str>>,
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
        let registry = tracing_subscriber::registry().with(filter);
        let installed = match format {
            LogFormat::Text => registry.with(layer).try_init(),
            LogFormat::Json => registry.with(layer.json()).try_init(),
        };
        Ok(LogControl {
            handle: installed.is_ok().then_some(handle),
            word: Arc::new(Mutex::new(word)),
        })
    }

    /// The level in force, one of the API's words.
    pub fn level(&self) -> &'static str {
        *self.word.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the level at once; an empty word means `info`.
    ///
    /// # Errors
    /// `APIInvalidParam` for an unknown word: nothing changes.
    pub fn set_level(&self, level: &str) -> Result<()> {
        let (word, filter) = parse(level)?;
        if let Some(handle) = &self.handle {
            handle.reload(filter).map_err(|error| {
                CdcError::new(ErrorCode::InternalServerError, "the log level cannot be changed")
                    .with_source(error)
            })?;
        }
        *self.word.lock().unwrap_or_else(PoisonError::into_inner) = word;
        tracing::info!(level = word, "log level set");
        Ok(())
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
    use super::parse;

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
