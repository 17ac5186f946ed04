//! What errors of the downstream server mean.

use mysql_async::{DriverError, Error};
use tidegate_model::{CdcError, ErrorCode};

/// What to do about a failed transaction of rows.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum DmlFault {
    /// A unique value is taken: the downstream has seen the row, or holds another one.
    Duplicate,
    /// Table or database are missing, or a row is too large: no use to try again.
    Final,
    /// Rows were sent in a form that the server does not take: as text they may go.
    Unsuited,
    /// The server took the transaction back in favour of another one: the same once more, soon.
    Deadlock,
    /// Lost connections, time-outs, full disks: try again.
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

/// Why a try to write rows failed.
#[derive(Debug)]
pub(crate) enum DmlError {
    /// No session could be opened.
    Open(CdcError),
    /// What the server or the connection said.
    Sql(Error),
    /// The same, of rows in bulk.
    Bulk(Error),
    /// One row makes a statement that the server does not take.
    TooLarge { bytes: usize, bytes_max: usize },
}

impl From<Error> for DmlError {
    fn from(error: Error) -> Self {
        DmlError::Sql(error)
    }
}

impl DmlError {
    /// The server's error number; `None` when it is not the server that refused.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            DmlError::Sql(error) | DmlError::Bulk(error) => server_code(error),
            DmlError::Open(_) | DmlError::TooLarge { .. } => None,
        }
    }

    /// What to do about it (the original's lists).
    pub(crate) fn fault(&self) -> DmlFault {
        match (self, self.code()) {
            (DmlError::Bulk(error), _) if is_unsuited(error) => DmlFault::Unsuited,
            (_, Some(1062)) => DmlFault::Duplicate,
            (_, Some(1213)) => DmlFault::Deadlock,
            // No such table, no such database.
            (DmlError::TooLarge { .. }, _) | (_, Some(1146 | 1049)) => DmlFault::Final,
            _ => DmlFault::Transient,
        }
    }

    /// In the taxonomy.
    pub(crate) fn into_cdc(self) -> CdcError {
        let (error, fault) = match (self.fault(), self) {
            (_, DmlError::Open(error)) => return error,
            (_, DmlError::TooLarge { bytes, bytes_max }) => return too_large(bytes, bytes_max),
            (fault, DmlError::Sql(error) | DmlError::Bulk(error)) => (error, fault),
        };
        let (code, message) = match fault {
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
            DmlFault::Transient | DmlFault::Deadlock | DmlFault::Unsuited => {
                (ErrorCode::MySQLTxnError, "the downstream refused a transaction")
            }
        };
        CdcError::new(code, message).with_source(error)
    }
}

/// Whether it is the form of a bulk that was refused, by server, proxy or driver, and not its rows.
pub(crate) fn is_unsuited(error: &Error) -> bool {
    match error {
        // Unknown command, not preparable, wrong number or kind of parameters, too many prepared statements, statement
        // unknown, prepared anew in vain, not a packet.
        Error::Server(server) => {
            matches!(server.code, 1047 | 1295 | 1210 | 1461 | 1243 | 1615 | 1835)
        }
        Error::Driver(error) => !matches!(
            error,
            DriverError::ConnectionClosed | DriverError::PoolDisconnected
        ),
        _ => false,
    }
}

fn too_large(bytes: usize, bytes_max: usize) -> CdcError {
    // What is asked for is a power of two with room for the row to grow.
    let enough = bytes.saturating_add(bytes / 8).next_power_of_two().min(1 << 30);
    CdcError::new(
        ErrorCode::MySQLTxnError,
        format_args!(
            "one row needs a statement of {bytes} bytes, but the downstream's max_allowed_packet is {bytes_max}: \
             SET GLOBAL max_allowed_packet = {enough}, and write it to the server's configuration"
        ),
    )
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
