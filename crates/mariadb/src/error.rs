use std::io;
use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong with a private server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A MariaDB program is not installed.
    #[error(
        "{program} is not installed: install the package {package} (Debian, Ubuntu: apt-get install {package})"
    )]
    NotInstalled {
        /// The missing program.
        program: &'static str,
        /// The package that holds it.
        package: &'static str,
    },
    /// The data directory could not be initialised.
    #[error("cannot initialise the data directory {}: {output}", datadir.display())]
    Initialise {
        /// The data directory.
        datadir: PathBuf,
        /// The end of what the installer printed.
        output: String,
    },
    /// The server ended, or did not accept connections in time.
    #[error("mariadbd did not start: {reason}\n{log}")]
    Start {
        /// Ended or timed out.
        reason: String,
        /// The end of its error log.
        log: String,
    },
    /// The server did not stop in time (it has been killed).
    #[error("mariadbd did not stop within {seconds} s and was killed")]
    Stop {
        /// The limit.
        seconds: u64,
    },
    /// The call needs a running server.
    #[error("the server is not running")]
    NotRunning,
    /// A statement failed.
    #[error("{message}")]
    Sql {
        /// The server's message.
        message: String,
    },
    /// A file or a process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
