//! Remembers downstream which schema change is under way, so that a crash between the change and the checkpoint is
//! recognised.
//!
//! One row per changefeed: the commit-ts of its latest schema change, whether it finished, and the fingerprint of what
//! it touches: before the change while unfinished, after it when finished. A change that the server refused leaves no
//! row. A row of an earlier history of the changefeed (see [`Feed`]) does not count.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};
use tidegate_model::{DdlKind, Ts};
use tidegate_mysql::sql::push_string;

use super::errors::server_code;
use super::fingerprint::{Depth, Print};
use super::mysql_sink::Feed;
use super::session::column;

/// Beside the tables that TiCDC keeps in the same schema, which filters never replicate.
pub(crate) const TABLE: &str = "`tidb_cdc`.`tidegate_ddl_v2`";

/// The row of a changefeed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) ddl_ts: Ts,
    pub(crate) finished: bool,
    /// `None`: a person has decided, and emptied it.
    pub(crate) fingerprint: Option<u64>,
}

impl Record {
    /// How deep one has to look to compare with it.
    pub(crate) fn depth(&self) -> Depth {
        if self.finished {
            Depth::Shape
        } else {
            Depth::Content
        }
    }
}

/// What is known about a schema change that is to be applied.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// It has not run.
    New,
    /// It has.
    Done,
    /// It was about to run, and whether it did does not show.
    Unsure,
}

/// Decides from the record of the very change, if there is one, and the fingerprint of now at the record's depth.
///
/// A record of another commit-ts says nothing: the engine stores the checkpoint before and behind every schema change,
/// so a repeated one is always the latest. A finished record does not count when the objects look different now: then
/// somebody has put the downstream back.
pub(crate) fn judge(record: &Record, kind: DdlKind, now: Print) -> Known {
    // It leaves no trace in what a fingerprint sees, and no row is written behind it before it is finished.
    if matches!(kind, DdlKind::TruncateTable | DdlKind::TruncatePartition) {
        return Known::New;
    }
    let same = record.fingerprint.is_none_or(|then| then == now.hash);
    match (record.finished, same) {
        (false, false)
            if now
                .undone
                .is_some_and(|undone| record.fingerprint != Some(undone)) =>
        {
            Known::Unsure
        }
        (true, true) | (false, false) => Known::Done,
        (true, false) => Known::New,
        (false, true) if now.decisive => Known::New,
        (false, true) => Known::Unsure,
    }
}

/// Reads the row; makes the table where it is missing. `None`: the account may not, so there is no bookkeeping.
pub(crate) async fn read(conn: &mut Conn, feed: &Feed) -> Result<Option<Option<Record>>, Error> {
    let select = format!(
        "SELECT ddl_ts, finished, fingerprint FROM {TABLE} WHERE {} AND incarnation = {}",
        key(feed),
        quoted(&feed.incarnation)
    );
    match conn.query_first::<Row, _>(select.as_str()).await {
        Ok(row) => Ok(Some(parse(row.as_ref()))),
        Err(error) if is_denied(&error) => Ok(None),
        // No such table, no such database.
        Err(error) if matches!(server_code(&error), Some(1146 | 1049)) => match create(conn).await {
            Ok(()) => Ok(Some(None)),
            Err(error) if is_denied(&error) => Ok(None),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Replaces the row.
pub(crate) async fn write(conn: &mut Conn, feed: &Feed, record: Record) -> Result<(), Error> {
    let fingerprint = record
        .fingerprint
        .map_or_else(String::new, |hash| format!("{hash:016x}"));
    conn.query_drop(format!(
        "REPLACE INTO {TABLE} (ticdc_cluster_id, changefeed, incarnation, ddl_ts, finished, fingerprint) VALUES \
         ({},{},{},'{}',{},'{fingerprint}')",
        quoted(&feed.cluster_id),
        quoted(&feed.changefeed.to_string()),
        quoted(&feed.incarnation),
        record.ddl_ts,
        record.finished,
    ))
    .await
}

/// Removes the row: the change has had no effect.
pub(crate) async fn forget(conn: &mut Conn, feed: &Feed) -> Result<(), Error> {
    conn.query_drop(format!("DELETE FROM {TABLE} WHERE {}", key(feed)))
        .await
}

async fn create(conn: &mut Conn) -> Result<(), Error> {
    conn.query_drop("CREATE DATABASE IF NOT EXISTS `tidb_cdc`")
        .await?;
    conn.query_drop(format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (ticdc_cluster_id VARCHAR(255) NOT NULL, changefeed VARCHAR(255) NOT \
         NULL, incarnation VARCHAR(64) NOT NULL, ddl_ts VARCHAR(20) NOT NULL, finished BOOL NOT NULL, fingerprint CHAR(16) NOT NULL, created_at \
         TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (ticdc_cluster_id, changefeed)) CHARACTER SET \
         utf8mb4 COLLATE utf8mb4_bin"
    ))
    .await
}

/// The condition that finds the row.
pub(crate) fn key(feed: &Feed) -> String {
    format!(
        "ticdc_cluster_id = {} AND changefeed = {}",
        quoted(&feed.cluster_id),
        quoted(&feed.changefeed.to_string())
    )
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    push_string(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

fn parse(row: Option<&Row>) -> Option<Record> {
    Some(Record {
        ddl_ts: column::<String>(row, 0)?.parse().ok()?,
        finished: column(row, 1)?,
        fingerprint: u64::from_str_radix(&column::<String>(row, 2)?, 16).ok(),
    })
}

fn is_denied(error: &Error) -> bool {
    matches!(server_code(error), Some(1044 | 1045 | 1142 | 1143 | 1227))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_change_is_recognised() {
        let check_undone = |finished, fingerprint, (undone, decisive), expect| {
            let record = Record {
                ddl_ts: Ts::from_u64(10),
                finished,
                fingerprint,
            };
            let now = Print {
                hash: 7,
                undone,
                decisive,
            };
            assert_eq!(
                judge(&record, DdlKind::CreateIndex, now),
                expect,
                "{record:?} {now:?}"
            );
            assert_eq!(judge(&record, DdlKind::TruncateTable, now), Known::New);
        };
        let check = |finished, fingerprint, decisive, expect| {
            check_undone(finished, fingerprint, (None, decisive), expect);
        };
        check(false, Some(7), true, Known::New);
        check(false, Some(7), false, Known::Unsure);
        check(false, Some(6), true, Known::Done);
        check(false, Some(6), false, Known::Done);
        check(true, Some(7), true, Known::Done);
        check(true, Some(6), true, Known::New);
        check(true, None, false, Known::Done);
        check_undone(false, Some(6), (Some(6), true), Known::Done);
        check_undone(false, Some(7), (Some(6), true), Known::New);
        // Neither as before nor as after.
        check_undone(false, Some(5), (Some(6), true), Known::Unsure);
    }
}
