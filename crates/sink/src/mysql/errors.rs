//! What errors of the downstream server mean.

use mysql_async::Error;
use tidegate_model::{CdcError, ErrorCode};

/// What to do about a failed transaction of rows.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum DmlFault {
    /// A unique value is taken: the downstream has seen the row, or holds another one.
    Duplicate,
    /// Table or database are missing: no use to try again.
    Final,
    /// Deadlocks, lost connections, full disks: try again.
    Transient,
}

/// What to do about a failed schema change.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum DdlFault {
    /// The server says that the wanted state is already there.
    AlreadyDone,
    /// It will never work.
    Final,
    /// Try again.
    Transient,
}

/// The server's error number; `None` for trouble with the connection.
pub(crate) fn server_code(error: &Error) -> Option<u16> {
    match error {
        Error::Server(server) => Some(server.code),
        _ => None,
    }
}

/// Sorts an error of a transaction of rows (the original's lists).
pub(crate) fn dml_fault(error: &Error) -> DmlFault {
    match server_code(error) {
        Some(1062) => DmlFault::Duplicate,
        // No such table, no such database.
        Some(1146 | 1049) => DmlFault::Final,
        _ => DmlFault::Transient,
    }
}

/// Sorts an error of a schema change (the original's lists).
pub(crate) fn ddl_fault(error: &Error) -> DdlFault {
    match server_code(error) {
        // Database there / gone, table there / gone, column gone / there, index there, second primary key, nothing to
        // drop, no such key, no such partition, partition there.
        Some(1007 | 1008 | 1050 | 1051 | 1054 | 1060 | 1061 | 1831 | 1068 | 1091 | 1176 | 1507 | 1517) => {
            DdlFault::AlreadyDone
        }
        // Access, database, syntax, table, column names, primary key demanded.
        Some(
            1044 | 1045 | 1142 | 1227 | 1046 | 1049 | 1064 | 1149 | 1066 | 1072 | 1082 | 1146 | 1166 | 1505
            | 3750,
        ) => DdlFault::Final,
        _ => DdlFault::Transient,
    }
}

/// A failed transaction of rows in the taxonomy.
pub(crate) fn dml_error(error: Error) -> CdcError {
    let (code, message) = match dml_fault(&error) {
        DmlFault::Duplicate => (
            ErrorCode::MySQLDuplicateEntry,
            "a unique value is already taken downstream",
        ),
        DmlFault::Final => (
            ErrorCode::MySQLTxnError,
            "the downstream lacks a table of the changefeed; create it or leave it out by a filter rule",
        ),
        DmlFault::Transient if server_code(&error).is_none() => {
            (ErrorCode::MySQLTxnError, "lost the connection to the downstream")
        }
        DmlFault::Transient => (ErrorCode::MySQLTxnError, "the downstream refused a transaction"),
    };
    CdcError::new(code, message).with_source(error)
}

/// A failed query of our own in the taxonomy. `doing` says what failed.
pub(crate) fn query_error(doing: &str, error: Error) -> CdcError {
    CdcError::new(
        ErrorCode::MySQLQueryError,
        format_args!("cannot {doing} downstream"),
    )
    .with_source(error)
}

/// The time limit of a round trip passed.
pub(crate) fn timed_out() -> Error {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
