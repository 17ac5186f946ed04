//! Keeps sessions of earlier runs from writing behind the back of this one.
//!
//! A session that its client has let go may still run its last text, wait for a lock, or sleep inside an open
//! transaction on a connection that is only half closed. So every session that writes holds a named lock of the server,
//! which lives exactly as long as the session: whoever holds a lock that a new session wants is a leftover.

use std::fmt::Write;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};
use tidegate_model::{CdcError, ErrorCode, Result};
use tokio::time::{Instant, sleep};

use super::config::WORKERS_MAX;
use super::errors::{query_error, server_code};
use super::mysql_sink::Feed;
use super::session::column;
use crate::mysql::fingerprint::Hash;

/// How long a leftover may take to go: it may have to roll back.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// What the server itself waits for a lock before we look who holds it.
const LOCK_WAIT_SECONDS: u32 = 1;

/// Which session of a run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    /// Writes rows; below [`WORKERS_MAX`].
    Writer(usize),
    /// Runs schema changes.
    Ddl,
}

/// The locks of one changefeed. Their names are the same in every run and on every server process.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    feed: String,
    prefix: String,
}

impl Fence {
    pub(crate) fn new(feed: &Feed) -> Self {
        // Names may have 64 characters: too few for those of cluster and changefeed.
        let mut hash = Hash::new();
        hash.add(&feed.cluster_id);
        hash.add(&feed.changefeed.to_string());
        Fence {
            feed: feed.changefeed.to_string(),
            prefix: format!("tidegate/{:016x}/", hash.value()),
        }
    }

    fn name(&self, slot: Slot) -> String {
        match slot {
            Slot::Writer(number) => format!("{}{number}", self.prefix),
            Slot::Ddl => format!("{}ddl", self.prefix),
        }
    }

    /// Ends all sessions of earlier runs and waits until they are gone. To be called before the first session of a run
    /// enters.
    ///
    /// # Errors
    /// `MySQLConnectionError` when one of them does not end: it still runs a schema change, or rolls back.
    pub(crate) async fn clear(&self, conn: &mut Conn) -> Result<()> {
        let mut query = format!("SELECT IS_USED_LOCK('{}')", self.name(Slot::Ddl));
        for number in 0..WORKERS_MAX.into() {
            // Writing to a string cannot fail.
            write!(query, ",IS_USED_LOCK('{}')", self.name(Slot::Writer(number))).ok();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row: Option<Row> = match conn.query_first(query.as_str()).await {
                Err(error) if self.is_unsupported(&error) => return Ok(()),
                row => row.map_err(look)?,
            };
            let mut left = None;
            for index in 0..=WORKERS_MAX.into() {
                if let Some(id) = column::<u64>(row.as_ref(), index) {
                    left = Some(id);
                    let slot = index.checked_sub(1).map_or(Slot::Ddl, Slot::Writer);
                    self.end(conn, slot, id).await.map_err(look)?;
                }
            }
            match left {
                None => return Ok(()),
                Some(id) if Instant::now() >= deadline => return Err(self.still_there(id)),
                Some(_) => sleep(POLL).await,
            }
        }
    }

    /// Makes `conn` the session of a slot, after its predecessor has ended.
    ///
    /// # Errors
    /// As [`Fence::clear`].
    pub(crate) async fn enter(&self, conn: &mut Conn, slot: Slot) -> Result<()> {
        let name = self.name(slot);
        let query = format!("SELECT GET_LOCK('{name}', {LOCK_WAIT_SECONDS}), IS_USED_LOCK('{name}')");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row: Option<Row> = match conn.query_first(query.as_str()).await {
                Err(error) if self.is_unsupported(&error) => return Ok(()),
                row => row.map_err(look)?,
            };
            if column(row.as_ref(), 0) == Some(1) {
                return Ok(());
            }
            // It may have gone in between.
            if let Some(id) = column::<u64>(row.as_ref(), 1) {
                if Instant::now() >= deadline {
                    return Err(self.still_there(id));
                }
                self.end(conn, slot, id).await.map_err(look)?;
            }
        }
    }

    /// Tells a leftover to end. A schema change that is running is left alone: it may have run for hours, and its end is
    /// found in the books.
    async fn end(&self, conn: &mut Conn, slot: Slot, id: u64) -> Result<(), Error> {
        if slot == Slot::Ddl && is_running(conn, id).await? {
            return Ok(());
        }
        match conn.query_drop(format!("KILL {id}")).await {
            Ok(()) => {
                tracing::warn!(changefeed = %self.feed, session = id, "ended a leftover session downstream");
                Ok(())
            }
            // It is gone already, or of another account: then only waiting helps.
            Err(error) if matches!(server_code(&error), Some(1094 | 1095)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn still_there(&self, id: u64) -> CdcError {
        CdcError::new(
            ErrorCode::MySQLConnectionError,
            format_args!(
                "session {id} of an earlier run of changefeed {} is still at work downstream: wait for it, or KILL {id} \
                 there",
                self.feed
            ),
        )
    }

    /// A server without such locks (an old TiDB, some proxies) is written to without them.
    fn is_unsupported(&self, error: &Error) -> bool {
        // No such function; not supported yet; not supported in a cluster; syntax.
        let unsupported = matches!(server_code(error), Some(1305 | 1235 | 1105 | 1064));
        if unsupported {
            tracing::warn!(changefeed = %self.feed, %error, "the downstream has no named locks: leftover sessions are not ended");
        }
        unsupported
    }
}

fn look(error: Error) -> CdcError {
    query_error("look for leftover sessions", error)
}

async fn is_running(conn: &mut Conn, id: u64) -> Result<bool, Error> {
    let query = format!("SELECT COMMAND FROM information_schema.PROCESSLIST WHERE ID = {id}");
    let row: Option<Row> = conn.query_first(query).await?;
    let command: Option<String> = column(row.as_ref(), 0);
    Ok(command.is_some_and(|command| command != "Sleep"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidegate_mariadb::Server;
    use tidegate_model::Ts;

    use super::*;
    use crate::mysql::mysql_sink::MysqlSink;
    use crate::mysql::session;
    use crate::mysql::testing::{Heard, batch, config, feed, pairs, schema, txn, updated};
    use crate::sink::EventSink;

    const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(50)); INSERT INTO t VALUES (1, 'a')";

    /// A session as an earlier run leaves it on a half-closed connection.
    async fn leftover(server: &Server, feed: &Feed, slot: Slot, text: &str) -> Conn {
        let (mut conn, _) = session::open(&config(server)).await.unwrap();
        Fence::new(feed).enter(&mut conn, slot).await.unwrap();
        conn.query_drop(text).await.unwrap();
        conn
    }

    /// It held its row locks as long as its connection lived, and every try of the new run ended in a lock time-out.
    #[tokio::test]
    async fn an_open_transaction_of_an_earlier_run_is_ended() {
        let server = schema("fence_open", TABLE).await;
        let feed = feed("fence-open", Ts::ZERO);
        let text = "BEGIN; UPDATE fence_open.t SET v = 'old'";
        // Of a run with more sessions than this one.
        let mut old = leftover(server, &feed, Slot::Writer(900), text).await;
        let sink = MysqlSink::open(config(server), feed).await.unwrap();
        old.query_drop("COMMIT").await.unwrap_err();
        let heard = Arc::new(Heard::default());
        let t = pairs("fence_open", "t");
        let update = vec![txn(10, vec![updated(&t, (1, "a"), (1, "b"))])];
        sink.write(batch(&heard, 1, update)).await.unwrap();
        sink.flush().await.unwrap();
        assert_eq!(server.sql("SELECT v FROM fence_open.t").await.unwrap(), "b\n");
    }

    #[tokio::test]
    async fn a_successor_takes_over_the_slot() {
        let server = schema("fence_slot", TABLE).await;
        let feed = feed("fence-slot", Ts::ZERO);
        let mut old = leftover(
            server,
            &feed,
            Slot::Writer(0),
            "BEGIN; UPDATE fence_slot.t SET v = 'old'",
        )
        .await;
        let mut other = leftover(server, &feed, Slot::Writer(1), "DO 1").await;
        let mut new = leftover(server, &feed, Slot::Writer(0), "DO 1").await;
        old.query_drop("COMMIT").await.unwrap_err();
        other.query_drop("DO 1").await.unwrap();
        new.query_drop("DO 1").await.unwrap();
    }

    /// It may have run for hours. Nothing is written while it does.
    #[tokio::test]
    async fn a_schema_change_that_runs_is_waited_for() {
        let server = schema("fence_ddl", TABLE).await;
        let feed = feed("fence-ddl", Ts::ZERO);
        let mut old = leftover(server, &feed, Slot::Ddl, "DO 1").await;
        let statement = async {
            old.query_drop("DO SLEEP(2)").await.unwrap();
            Instant::now()
        };
        let opening = async {
            sleep(Duration::from_millis(500)).await;
            MysqlSink::open(config(server), feed).await.unwrap();
            Instant::now()
        };
        let (ended, opened) = tokio::join!(statement, opening);
        assert!(ended <= opened);
        old.query_drop("DO 1").await.unwrap_err();
    }
}
