//! Which server answers at the upstream's address, and whether it may go on where reading has stopped.
//!
//! A name, a virtual address or a proxy leads to another server after a failover. By GTID that server continues the
//! same log; by file and offset nothing of it means the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_meta::{MetaStore, MetaTxn, Write};
use tidegate_model::{CdcError, ErrorCode, Result};
use tidegate_mysql::{Position, ServerFacts};

/// Where the server that was read last is noted: one process serves one upstream.
const KEY: &str = "/tidegate/upstream/server";

/// The upstream's id, and the server that was read last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    /// The upstream's id. A failover does not change it.
    pub(crate) id: u64,
    /// [`ServerFacts::identity`] of the server.
    pub(crate) server: String,
}

/// What was noted when this data directory was used last.
///
/// # Errors
/// The store's, and `DataDirCorrupt`.
pub(crate) async fn load(store: &dyn MetaStore) -> Result<Option<Known>> {
    let Some(stored) = store.get(KEY).await? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&stored.value).unwrap_or_default();
    let known = text.split_once('\n').and_then(|(id, server)| {
        Some(Known {
            id: u64::from_str_radix(id, 16).ok()?,
            server: server.to_owned(),
        })
    });
    let corrupt = || {
        CdcError::new(
            ErrorCode::DataDirCorrupt,
            format!("the value of {KEY} cannot be read"),
        )
    };
    known.map(Some).ok_or_else(corrupt)
}

/// The server at the other end, followed over reconnects.
pub(crate) struct Servers {
    store: Arc<dyn MetaStore>,
    state: Mutex<State>,
}

struct State {
    known: Known,
    /// Whether `known` is noted in the store.
    noted: bool,
    /// The server that the shared reader has before it, and the end of its log when it was asked.
    found: Option<(String, Position)>,
}

impl Servers {
    /// Begins with the server that `known` names.
    pub(crate) fn new(store: Arc<dyn MetaStore>, known: Known, noted: bool) -> Self {
        let state = State {
            known,
            noted,
            found: None,
        };
        Servers {
            store,
            state: Mutex::new(state),
        }
    }

    /// Checks that the server with these settings, whose log ends at `end`, can go on after `read`.
    ///
    /// # Errors
    /// As [`judge`].
    pub(crate) fn check(
        &self,
        facts: &ServerFacts,
        end: &Position,
        read: &Position,
        address: &str,
    ) -> Result<()> {
        judge(&self.lock().known.server, facts, end, read, address)
    }

    /// Notes which server the shared reader has before it, and the end of its log.
    pub(crate) fn found(&self, server: String, end: Position) {
        self.lock().found = Some((server, end));
    }

    /// Whether that server is another one than that which was read.
    pub(crate) fn is_other(&self) -> bool {
        let state = self.lock();
        let found = state.found.as_ref();
        found.is_some_and(|(server, _)| *server != state.known.server)
    }

    /// The server found last goes on where reading has stopped: it is the known one from now on.
    ///
    /// # Errors
    /// The store's; the next call tries again.
    pub(crate) async fn adopt(&self) -> Result<()> {
        let known = {
            let mut state = self.lock();
            if let Some((server, _)) = state.found.clone()
                && server != state.known.server
            {
                tracing::warn!(
                    from = state.known.server,
                    to = server,
                    "another server goes on with the upstream's log"
                );
                state.known.server = server;
                state.noted = false;
            }
            if state.noted {
                return Ok(());
            }
            state.known.clone()
        };
        let value = format!("{:016x}\n{}", known.id, known.server).into_bytes();
        let txn = MetaTxn {
            compares: Vec::new(),
            writes: vec![Write::Put(KEY.to_owned(), value)],
        };
        self.store.commit(txn).await?;
        self.lock().noted = true;
        Ok(())
    }

    /// Names both ends when a server has refused to go on after `read`.
    pub(crate) fn explain(&self, error: CdcError, read: &Position) -> CdcError {
        if error.code() != ErrorCode::UpstreamDiverged || error.message().contains(NEXT_STEP) {
            return error;
        }
        let state = self.lock();
        let Some((_, end)) = &state.found else {
            return error;
        };
        let text = format!(
            "{}: read is {read}, the server has {end}. {NEXT_STEP}",
            error.message()
        );
        CdcError::new(error.code(), text).with_source(error)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NEXT_STEP: &str = "Let the address lead to a server that has everything read so far, and resume the changefeeds; \
                         if those transactions are lost, make the destinations equal to the upstream again and create the changefeeds anew";

/// Whether a server can go on after `read`. `known`: identity of the server that was read. `end`: of its log.
///
/// # Errors
/// `UpstreamDiverged` when it lacks what was read, or is another server and there are no GTIDs to go by;
/// `UpstreamMisconfigured` when its GTIDs are off although reading went by them, or when it is another server whose
/// binlog cannot be read.
pub(crate) fn judge(
    known: &str,
    facts: &ServerFacts,
    end: &Position,
    read: &Position,
    address: &str,
) -> Result<()> {
    let diverged = |text: String| Err(CdcError::new(ErrorCode::UpstreamDiverged, text));
    let server = facts.identity();
    match (&read.gtid, &end.gtid) {
        (Some(have), Some(offered)) if !offered.is_superset(have) => diverged(format!(
            "the server at {address} lacks transactions that were already read: read is {have}, the server has {offered}. {NEXT_STEP}"
        )),
        (Some(_), None) => Err(CdcError::new(
            ErrorCode::UpstreamMisconfigured,
            format!(
                "the server at {address} has GTIDs off, but was read by GTID up to {read}. Run: SET GLOBAL gtid_mode = ON, step by step \
                 over OFF_PERMISSIVE and ON_PERMISSIVE"
            ),
        )),
        (None, _) if server != known => diverged(format!(
            "another server answers at {address} ({server} instead of {known}), and without GTIDs the place up to which the first was \
             read, {read}, means nothing there: the server's log ends at {end}. Let the address lead to the first server again; or set \
             gtid_mode=ON on all servers before the next failover, and begin with an empty data directory"
        )),
        _ if server != known => facts.check(None).into_result().map(|_warnings| ()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_mysql::GtidSet;

    use super::*;

    const A: &str = "11111111-2222-3333-4444-555555555555";
    const B: &str = "99999999-2222-3333-4444-555555555555";

    fn server(uuid: &str, fit: bool) -> ServerFacts {
        let format = if fit { "ROW" } else { "MIXED" };
        let variables = [
            ("server_uuid", uuid),
            ("binlog_format", format),
            ("log_bin", "ON"),
            ("binlog_row_image", "FULL"),
            ("binlog_row_metadata", "FULL"),
            ("server_id", "5"),
            ("gtid_mode", "ON"),
        ];
        ServerFacts {
            version: "8.4.2".to_owned(),
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..ServerFacts::default()
        }
    }

    fn at(set: Option<&str>) -> Position {
        Position {
            gtid: set.map(|set| GtidSet::parse_mysql(set).unwrap()),
            file: "binlog.000007".into(),
            offset: 1234,
        }
    }

    fn check(found: &ServerFacts, end: Option<&str>, read: Option<&str>) -> Option<CdcError> {
        judge(A, found, &at(end), &at(read), "db:3306").err()
    }

    #[test]
    fn a_replica_that_has_everything_goes_on() {
        let (read, more) = (format!("{A}:1-7"), format!("{A}:1-7,{B}:1-3"));
        assert!(check(&server(A, true), Some(&read), Some(&read)).is_none());
        assert!(check(&server(B, true), Some(&more), Some(&read)).is_none());
    }

    #[test]
    fn a_replica_that_is_behind_is_refused_with_both_sets() {
        let (read, less) = (format!("{A}:1-7"), format!("{A}:1-5,{B}:1-900"));
        let error = check(&server(B, true), Some(&less), Some(&read)).unwrap();
        assert_eq!(error.code(), ErrorCode::UpstreamDiverged);
        for part in [read.as_str(), less.as_str(), "db:3306", "resume the changefeeds"] {
            assert!(error.message().contains(part), "{part}: {}", error.message());
        }
    }

    #[test]
    fn without_gtids_no_server_takes_the_place_of_another() {
        assert!(check(&server(A, true), None, None).is_none());
        let error = check(&server(B, true), None, None).unwrap();
        assert_eq!(error.code(), ErrorCode::UpstreamDiverged);
        assert!(error.message().contains(B) && error.message().contains("binlog.000007:1234"));
        let off = check(&server(A, true), None, Some(&format!("{A}:1-7"))).unwrap();
        assert_eq!(off.code(), ErrorCode::UpstreamMisconfigured);
    }

    #[test]
    fn a_successor_that_logs_no_rows_is_refused() {
        let read = format!("{A}:1-7");
        let error = check(&server(B, false), Some(&read), Some(&read)).unwrap();
        assert_eq!(error.code(), ErrorCode::UpstreamMisconfigured);
        assert!(error.message().contains("binlog_format"), "{}", error.message());
        assert!(check(&server(A, false), Some(&read), Some(&read)).is_none());
    }
}
