//! Applies schema changes, each once.

use std::sync::atomic::{AtomicBool, Ordering};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use tidegate_failpoint::{Point, hit};
use tidegate_model::{CdcError, DdlEvent, DdlKind, ErrorCode, Result, Trouble};
use tidegate_mysql::Flavour;
use tidegate_mysql::sql::{push_ident, push_string};
use tokio::time::{Instant, sleep};

use super::backoff;
use super::bookkeeping::{self, Known, Record, TABLE, judge};
use super::config::MysqlConfig;
use super::errors::{DdlFault, ddl_fault, query_error, server_code};
use super::fence::{Fence, Slot};
use super::fingerprint::{exists, fingerprint};
use super::foreign_keys;
use super::metrics::MysqlMetrics;
use super::mysql_sink::Feed;
use super::session::{self, Facts, SQL_MODE};

/// Characters of a statement in messages, as in the original.
const STATEMENT_CHARS_MAX: usize = 1024;
/// Modes that change how a statement is understood. The others only refuse or rewrite values.
const PARSING_MODES: [&str; 7] = [
    "ANSI_QUOTES",
    "PIPES_AS_CONCAT",
    "NO_BACKSLASH_ESCAPES",
    "IGNORE_SPACE",
    "HIGH_NOT_PRECEDENCE",
    "REAL_AS_FLOAT",
    "NO_UNSIGNED_SUBTRACTION",
];

/// Applies the schema changes of one changefeed.
pub(crate) struct DdlRunner {
    config: MysqlConfig,
    facts: Facts,
    feed: Feed,
    fence: Fence,
    metrics: MysqlMetrics,
    warned: AtomicBool,
}

/// Why a try failed.
enum Fault {
    Final(CdcError),
    Transient(CdcError),
}

impl DdlRunner {
    pub(crate) fn new(
        config: MysqlConfig,
        facts: Facts,
        (feed, fence): (Feed, Fence),
        metrics: MysqlMetrics,
    ) -> Self {
        DdlRunner {
            config,
            facts,
            feed,
            fence,
            metrics,
            warned: AtomicBool::new(false),
        }
    }

    /// Returns when the change is in place downstream, whether it was made now or before.
    ///
    /// # Errors
    /// `ExecDDLFailed` when the server refuses it or all tries failed.
    pub(crate) async fn apply(&self, ddl: &DdlEvent) -> Result<()> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            let error = match self.attempt(ddl).await {
                Ok(()) => break,
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Transient(error)) => error,
            };
            self.metrics.execution_error();
            tries += 1;
            if tries >= backoff::DDL_TRIES {
                return Err(error);
            }
            let wait = backoff::wait(tries);
            tracing::warn!(
                changefeed = %self.feed.changefeed, ddl_ts = %ddl.commit_ts, tries, wait_ms = wait.as_millis(), %error,
                "a schema change failed and is tried again"
            );
            self.feed.on_trouble.tell(&Trouble {
                error,
                attempt: tries,
                retry_in: Some(wait),
            });
            sleep(wait).await;
        }
        self.metrics.ddl(started.elapsed());
        Ok(())
    }

    /// One try, after the session of an earlier one has ended.
    async fn attempt(&self, ddl: &DdlEvent) -> Result<(), Fault> {
        let (mut conn, _) = session::open(&self.config).await.map_err(Fault::Transient)?;
        self.fence
            .enter(&mut conn, Slot::Ddl)
            .await
            .map_err(Fault::Transient)?;
        let record = bookkeeping::read(&mut conn, &self.feed)
            .await
            .map_err(transient("read the bookkeeping of schema changes"))?;
        let Some(record) = record else {
            self.warn_without_bookkeeping();
            self.run(&mut conn, ddl, false).await?;
            return Ok(());
        };
        let record = record.filter(|record| record.ddl_ts == ddl.commit_ts);
        match self.known(&mut conn, ddl, record).await? {
            Known::New => {}
            Known::Unsure => return Err(Fault::Final(self.unsure(ddl))),
            Known::Done => {
                tracing::info!(changefeed = %self.feed.changefeed, ddl_ts = %ddl.commit_ts, "a schema change is in place already");
                return self.note(&mut conn, ddl, true).await;
            }
        }
        self.note(&mut conn, ddl, false).await?;
        hit(Point::DdlNoted);
        self.run(&mut conn, ddl, true).await?;
        hit(Point::DdlRun);
        self.note(&mut conn, ddl, true).await?;
        if let Err(error) = foreign_keys::warn(&mut conn, &self.feed.changefeed, ddl).await {
            tracing::warn!(changefeed = %self.feed.changefeed, %error, "cannot look at the foreign keys of a new table");
        }
        Ok(())
    }

    /// What the record of this very change says.
    async fn known(&self, conn: &mut Conn, ddl: &DdlEvent, record: Option<Record>) -> Result<Known, Fault> {
        let Some(record) = record else {
            return Ok(Known::New);
        };
        let now = fingerprint(conn, ddl, record.depth())
            .await
            .map_err(transient("look at the tables of a schema change"))?;
        Ok(judge(&record, ddl.kind, now))
    }

    /// Guessing would swap tables back.
    fn unsure(&self, ddl: &DdlEvent) -> CdcError {
        CdcError::new(
            ErrorCode::ExecDDLFailed,
            format_args!(
                "the connection was lost during the schema change with commit_ts {}, and the downstream does not show \
                 whether it took place: {}. If it did: UPDATE {TABLE} SET finished = 1, fingerprint = '' WHERE {key}; \
                 if it did not: DELETE FROM {TABLE} WHERE {key}",
                ddl.commit_ts,
                shown(ddl),
                key = bookkeeping::key(&self.feed),
            ),
        )
    }

    /// Writes the bookkeeping row with the fingerprint of now.
    async fn note(&self, conn: &mut Conn, ddl: &DdlEvent, finished: bool) -> Result<(), Fault> {
        let noted = async {
            let mut record = Record {
                ddl_ts: ddl.commit_ts,
                finished,
                fingerprint: None,
            };
            record.fingerprint = Some(fingerprint(conn, ddl, record.depth()).await?.hash);
            bookkeeping::write(conn, &self.feed, record).await
        };
        noted.await.map_err(transient("keep the books of schema changes"))
    }

    /// Runs the statement in a session like the one that wrote it, and puts the session back.
    async fn run(&self, conn: &mut Conn, ddl: &DdlEvent, known_new: bool) -> Result<(), Fault> {
        self.imitate(conn, ddl)
            .await
            .map_err(transient("prepare a session for a schema change"))?;
        if let Err(error) = conn.query_drop(&*ddl.query).await {
            let refused = server_code(&error).is_some();
            if let Err(fault) = self.forgive(conn, ddl, error, known_new).await {
                if refused {
                    self.forget(conn).await;
                }
                return Err(fault);
            }
        }
        conn.query_drop(format!("SET sql_mode = '{SQL_MODE}', timestamp = DEFAULT"))
            .await
            .map_err(transient("put the session of a schema change back"))
    }

    /// Settings of the upstream's session that change what the statement means.
    async fn imitate(&self, conn: &mut Conn, ddl: &DdlEvent) -> Result<(), Error> {
        // Without it a TIMESTAMP column may refuse the NULL that the upstream's holds.
        tolerate(conn.query_drop("SET explicit_defaults_for_timestamp = 1").await)?;
        self.set_collation(conn, "connection", ddl.session.collation.as_deref())
            .await?;
        // What a new schema gets, and with it the tables in it.
        self.set_collation(conn, "server", ddl.session.server_collation.as_deref())
            .await?;
        self.set_zone(conn, ddl).await?;
        if ddl.session.timestamp_seconds != 0 {
            conn.query_drop(format!("SET timestamp = {}", ddl.session.timestamp_seconds))
                .await?;
        }
        let names_schema = matches!(ddl.kind, DdlKind::CreateSchema | DdlKind::DropSchema);
        if !ddl.schema.is_empty() && !names_schema {
            let mut statement = b"USE ".to_vec();
            push_ident(&mut statement, &ddl.schema);
            // 1049: the upstream's default schema does not exist here. A statement that needs it fails by itself.
            match conn.query_drop(statement).await {
                Err(error) if server_code(&error) == Some(1049) => {}
                other => other?,
            }
        }
        let modes = session_modes(
            ddl.session.sql_mode.as_deref().unwrap_or_default(),
            self.facts.flavour,
        );
        conn.query_drop(format!("SET sql_mode = '{modes}'")).await
    }

    /// `collation_connection` or `collation_server`. A server that does not know the collation gets the character set of
    /// it, so that no character is lost; one that does not know that either refuses the schema change.
    async fn set_collation(&self, conn: &mut Conn, of: &str, collation: Option<&str>) -> Result<(), Error> {
        let Some(collation) = collation else {
            return Ok(());
        };
        match conn.query_drop(set(&format!("collation_{of}"), collation)).await {
            // 1273: unknown collation.
            Err(error) if server_code(&error) == Some(1273) => {}
            other => return other,
        }
        let charset = collation.split('_').next().unwrap_or(collation);
        tracing::warn!(
            changefeed = %self.feed.changefeed, collation, charset,
            "the downstream does not know a collation of the upstream and uses the default of its character set"
        );
        match conn
            .query_drop(set(&format!("character_set_{of}"), charset))
            .await
        {
            // 1115: unknown character set. Before it got a name of its own, the short form of UTF-8 was called so.
            Err(error) if server_code(&error) == Some(1115) && charset == "utf8mb3" => {
                conn.query_drop(set(&format!("character_set_{of}"), "utf8")).await
            }
            other => other,
        }
    }

    /// The upstream session's zone: literals of TIMESTAMP columns are read in it.
    async fn set_zone(&self, conn: &mut Conn, ddl: &DdlEvent) -> Result<(), Error> {
        let of_session = ddl.session.time_zone.as_deref().filter(|zone| *zone != "SYSTEM");
        let Some(zone) = of_session.or(self.config.ddl_zone.as_deref()) else {
            return conn.query_drop("SET time_zone = DEFAULT").await;
        };
        match conn.query_drop(set("time_zone", zone)).await {
            // 1298: the zone's name is not loaded here. Its offset at the time of the statement is.
            Err(error) if server_code(&error) == Some(1298) => {
                match offset_at(zone, ddl.session.timestamp_seconds) {
                    Some(offset) => conn.query_drop(set("time_zone", &offset)).await,
                    None => Err(error),
                }
            }
            other => other,
        }
    }

    /// A refused statement had no effect. Its record must go: any later change of the table by others would look like
    /// the effect.
    async fn forget(&self, conn: &mut Conn) {
        if let Err(error) = bookkeeping::forget(conn, &self.feed).await {
            tracing::warn!(changefeed = %self.feed.changefeed, %error, "cannot take back the record of a refused schema change");
        }
    }

    /// Decides whether an error means that the change is in place.
    async fn forgive(
        &self,
        conn: &mut Conn,
        ddl: &DdlEvent,
        error: Error,
        known_new: bool,
    ) -> Result<(), Fault> {
        let in_place = match (ddl.kind, ddl_fault(&error)) {
            (DdlKind::RenameTable, _) if server_code(&error).is_some() => self
                .is_renamed(conn, ddl)
                .await
                .map_err(transient("look for a renamed table"))?,
            // One clause was refused, and with it all: the others are in place only if it ran before.
            (DdlKind::MultiSchemaChange, DdlFault::AlreadyDone) => !known_new,
            (_, fault) => fault == DdlFault::AlreadyDone,
        };
        if in_place {
            tracing::warn!(
                changefeed = %self.feed.changefeed, ddl_ts = %ddl.commit_ts, code = server_code(&error),
                "the downstream says that a schema change is in place already"
            );
            return Ok(());
        }
        let transient = ddl_fault(&error) == DdlFault::Transient;
        let failed = CdcError::new(
            ErrorCode::ExecDDLFailed,
            format_args!(
                "the schema change with start_ts {} and commit_ts {} failed downstream: {}",
                ddl.start_ts,
                ddl.commit_ts,
                shown(ddl)
            ),
        )
        .with_source(error);
        Err(if transient {
            Fault::Transient(failed)
        } else {
            Fault::Final(failed)
        })
    }

    /// Whether all old names are gone and all new ones are there. Not decidable for names that swap.
    async fn is_renamed(&self, conn: &mut Conn, ddl: &DdlEvent) -> Result<bool, Error> {
        let mut any = false;
        for table in &ddl.tables {
            if let Some(old) = &table.old_name {
                any = true;
                if exists(conn, old).await? || !exists(conn, &table.name).await? {
                    return Ok(false);
                }
            }
        }
        Ok(any)
    }

    fn warn_without_bookkeeping(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                changefeed = %self.feed.changefeed, user = %self.config.connect.user,
                "the downstream user may not keep the books of schema changes, so a crash during one is recognised by \
                 error numbers only: GRANT CREATE, SELECT, INSERT, DELETE ON `tidb_cdc`.* TO it"
            );
        }
    }
}

/// The statement as messages show it.
fn shown(ddl: &DdlEvent) -> String {
    ddl.query.chars().take(STATEMENT_CHARS_MAX).collect()
}

fn transient(doing: &'static str) -> impl Fn(Error) -> Fault {
    move |error| Fault::Transient(query_error(doing, error))
}

/// Lets a server pass that does not know the setting, or whose account may not set it.
fn tolerate(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if server_code(&error).is_some() => Ok(()),
        other => other,
    }
}

fn set(variable: &str, value: &str) -> Vec<u8> {
    let mut statement = format!("SET {variable} = ").into_bytes();
    push_string(&mut statement, value);
    statement
}

/// Our own mode with those of the upstream's session that change how statements are understood.
fn session_modes(upstream: &str, flavour: Flavour) -> String {
    let mut modes = SQL_MODE.to_owned();
    for mode in upstream.split(',') {
        let oracle = mode == "ORACLE" && flavour == Flavour::MariaDb;
        if oracle || PARSING_MODES.contains(&mode) {
            modes.push(',');
            modes.push_str(mode);
        }
    }
    modes
}

fn offset_at(zone: &str, unix_seconds: u32) -> Option<String> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let at = jiff::Timestamp::from_second(i64::from(unix_seconds)).ok()?;
    let seconds = zone.to_offset(at).seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modes_that_change_the_meaning_are_taken_over() {
        let upstream = "ANSI_QUOTES,STRICT_TRANS_TABLES,NO_ZERO_DATE,ORACLE,NO_AUTO_CREATE_USER";
        assert_eq!(
            session_modes(upstream, Flavour::MariaDb),
            format!("{SQL_MODE},ANSI_QUOTES,ORACLE")
        );
        assert_eq!(
            session_modes(upstream, Flavour::MySql),
            format!("{SQL_MODE},ANSI_QUOTES")
        );
        assert_eq!(session_modes("", Flavour::MySql), SQL_MODE);
    }

    #[test]
    fn a_named_zone_has_an_offset() {
        assert_eq!(
            offset_at("Europe/Berlin", 1_714_566_600).as_deref(),
            Some("+02:00")
        );
        assert_eq!(
            offset_at("America/New_York", 1_704_067_200).as_deref(),
            Some("-05:00")
        );
        assert_eq!(offset_at("Nowhere/Land", 0), None);
    }
}
