//! A place between two transaction groups of a binlog.

use std::fmt;
use std::sync::Arc;

use crate::gtid::GtidSet;

/// Where to go on reading. Taken only after a complete group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// Everything read so far; `None` when the server has GTIDs off.
    pub gtid: Option<GtidSet>,
    /// Binlog file on the server it was taken from.
    pub file: Arc<str>,
    /// Offset in the file, 64 bits wide although event headers carry only 32.
    pub offset: u64,
}

impl Position {
    /// Whether a reader here has seen everything up to `other`: by GTID where both have it, else by file and
    /// offset on the same server.
    pub fn reached(&self, other: &Position) -> bool {
        match (&self.gtid, &other.gtid) {
            (Some(have), Some(want)) => have.is_superset(want),
            _ => (file_number(&self.file), self.offset) >= (file_number(&other.file), other.offset),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gtid) = &self.gtid {
            write!(f, "{gtid} ")?;
        }
        write!(f, "{}:{}", self.file, self.offset)
    }
}

/// The number at the end of a binlog file's name (`binlog.000042` is 42); 0 without one.
pub fn file_number(file: &str) -> u64 {
    file.rsplit_once('.')
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_compare_by_number() {
        let at = |file: &str, offset| Position {
            gtid: None,
            file: file.into(),
            offset,
        };
        assert!(at("b.1000000", 4).reached(&at("b.999999", 900)));
        assert!(!at("b.000002", 4).reached(&at("b.000002", 5)));
        assert!(at("b.000002", 5).reached(&at("b.000002", 5)));
    }
}
