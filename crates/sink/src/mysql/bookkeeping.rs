//! Remembers downstream which schema change is under way, so that a crash between the change and the checkpoint is
//! recognised.
//!
//! One row per changefeed: the commit-ts of its latest schema change, whether it finished, and the fingerprint of what
//! it touches: before the change while unfinished, after it when finished.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};
use tidegate_model::Ts;
use tidegate_mysql::sql::push_string;

use super::errors::server_code;
use super::mysql_sink::Feed;
use super::session::column;

/// Beside the tables that TiCDC keeps in the same schema, which filters never replicate.
const TABLE: &str = "`tidb_cdc`.`tidegate_ddl_v1`";

/// The row of a changefeed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) ddl_ts: Ts,
    pub(crate) finished: bool,
    pub(crate) fingerprint: u64,
}

/// What is known about a schema change that is to be applied.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// It has not run.
    New,
    /// It has.
    Done,
}

/// Decides from the record and the fingerprint of now.
///
/// A record of another commit-ts says nothing: the engine stores the checkpoint before and behind every schema change,
/// so a repeated one is always the latest. A finished record does not count when the objects look different now: then
/// somebody has put the downstream back.
pub(crate) fn judge(record: Option<Record>, commit_ts: Ts, now: u64) -> Known {
    match record.filter(|record| record.ddl_ts == commit_ts) {
        Some(record) if record.finished == (record.fingerprint == now) => Known::Done,
        _ => Known::New,
    }
}

/// Reads the row; makes the table where it is missing. `None`: the account may not, so there is no bookkeeping.
pub(crate) async fn read(conn: &mut Conn, feed: &Feed) -> Result<Option<Option<Record>>, Error> {
    let select = format!(
        "SELECT ddl_ts, finished, fingerprint FROM {TABLE} WHERE {}",
        key(feed)
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
    let mut statement = format!(
        "REPLACE INTO {TABLE} (ticdc_cluster_id, changefeed, ddl_ts, finished, fingerprint) VALUES ("
    )
    .into_bytes();
    push_string(&mut statement, &feed.cluster_id);
    statement.push(b',');
    push_string(&mut statement, &feed.changefeed.to_string());
    statement.extend_from_slice(
        format!(
            ",'{}',{},'{:016x}')",
            record.ddl_ts, record.finished, record.fingerprint
        )
        .as_bytes(),
    );
    conn.query_drop(statement).await
}

async fn create(conn: &mut Conn) -> Result<(), Error> {
    conn.query_drop("CREATE DATABASE IF NOT EXISTS `tidb_cdc`")
        .await?;
    conn.query_drop(format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (ticdc_cluster_id VARCHAR(255) NOT NULL, changefeed VARCHAR(255) NOT \
         NULL, ddl_ts VARCHAR(20) NOT NULL, finished BOOL NOT NULL, fingerprint CHAR(16) NOT NULL, created_at \
         TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (ticdc_cluster_id, changefeed)) CHARACTER SET \
         utf8mb4 COLLATE utf8mb4_bin"
    ))
    .await
}

fn key(feed: &Feed) -> String {
    let mut key = b"ticdc_cluster_id = ".to_vec();
    push_string(&mut key, &feed.cluster_id);
    key.extend_from_slice(b" AND changefeed = ");
    push_string(&mut key, &feed.changefeed.to_string());
    String::from_utf8_lossy(&key).into_owned()
}

fn parse(row: Option<&Row>) -> Option<Record> {
    Some(Record {
        ddl_ts: column::<String>(row, 0)?.parse().ok()?,
        finished: column(row, 1)?,
        fingerprint: u64::from_str_radix(&column::<String>(row, 2)?, 16).ok()?,
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
        let ts = Ts::from_u64;
        let record = |ddl_ts, finished, fingerprint| {
            Some(Record {
                ddl_ts: ts(ddl_ts),
                finished,
                fingerprint,
            })
        };
        let check = |record, expect| assert_eq!(judge(record, ts(10), 7), expect, "{record:?}");
        check(None, Known::New);
        check(record(10, false, 7), Known::New);
        check(record(10, false, 6), Known::Done);
        check(record(10, true, 7), Known::Done);
        check(record(10, true, 6), Known::New);
        check(record(9, true, 7), Known::New);
        check(record(11, true, 7), Known::New);
    }
}
