//! Runs the chunks, one after the other, on one session.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use tidegate_model::{Ack, CdcError, ErrorCode, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::builder::Work;
use super::chunk::Chunk;
use super::config::MysqlConfig;
use super::errors::{DmlFault, dml_error, dml_fault, server_code, timed_out};
use super::metrics::MysqlMetrics;
use super::script::Script;
use super::session;

/// Tries of one downstream transaction, as in the original.
const TRIES_MAX: u32 = 8;
/// Wait before the second try; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// The applier's task.
pub(crate) struct Applier {
    config: MysqlConfig,
    conn: Option<Conn>,
    /// A session that was lost and may still be running its last text.
    lost: Option<u32>,
    /// Builds transactions anew in the safe form.
    script: Script,
    metrics: MysqlMetrics,
    /// The connection is inside a downstream transaction that an earlier chunk opened.
    inside: bool,
}

impl Applier {
    pub(crate) fn new(config: MysqlConfig, conn: Conn, script: Script, metrics: MysqlMetrics) -> Self {
        Applier {
            config,
            conn: Some(conn),
            lost: None,
            script,
            metrics,
            inside: false,
        }
    }

    /// Runs until the builder is gone or a transaction fails for good; then its acknowledgements count as lost.
    pub(crate) async fn run(mut self, work: &mut mpsc::Receiver<Work>) -> Result<()> {
        while let Some(item) = work.recv().await {
            match item {
                Work::Chunk(chunk) => self.apply(chunk).await?,
                // The one who asked may have gone.
                Work::Flush(done) => {
                    done.send(()).ok();
                }
            }
        }
        if let Some(conn) = self.conn.take() {
            // The answer to a farewell is of no interest.
            drop(conn.disconnect().await);
        }
        Ok(())
    }

    async fn apply(&mut self, mut chunk: Chunk) -> Result<()> {
        let started = Instant::now();
        let mut tries = 0;
        let mut safe = false;
        while let Err(error) = self.attempt(&chunk).await {
            // What an open transaction had written before is lost with it: only the engine can send it again.
            let hopeless = self.inside || tries + 1 >= TRIES_MAX;
            self.abandon(&error).await;
            match dml_fault(&error) {
                _ if hopeless => return Err(self.give_up(error)),
                DmlFault::Final => return Err(self.give_up(error)),
                DmlFault::Duplicate if safe => return Err(self.give_up(error)),
                DmlFault::Duplicate => self.metrics.safe_retry(),
                DmlFault::Transient => {
                    tries += 1;
                    self.pause(tries, &error).await;
                }
            }
            if !safe {
                // Whether the failed try left something behind is unknown: this form is right either way.
                chunk.rebuild_safe(&mut self.script)?;
                safe = true;
            }
        }
        self.inside = !chunk.span.commits;
        self.metrics.applied(chunk.rows, bytes(&chunk), started.elapsed());
        // A part of a transaction that is still open settles too: the engine counts the transaction only with its last
        // part, and the memory is needed for the next one.
        chunk.acks.into_iter().for_each(Ack::durable);
        Ok(())
    }

    async fn attempt(&mut self, chunk: &Chunk) -> Result<(), Error> {
        if chunk.texts.is_empty() {
            return Ok(());
        }
        if self.conn.is_none() {
            let (mut conn, _) = session::open(&self.config)
                .await
                .map_err(|error| Error::Other(Box::new(error)))?;
            if let Some(lost) = self.lost {
                session::wait_for_end(&mut conn, lost).await?;
                self.lost = None;
            }
            self.conn = Some(conn);
        }
        let Some(conn) = &mut self.conn else {
            return Err(timed_out());
        };
        for text in &chunk.texts {
            timeout(self.config.round_trip_timeout, conn.query_drop(text.as_slice()))
                .await
                .unwrap_or_else(|_elapsed| Err(timed_out()))?;
        }
        Ok(())
    }

    /// Leaves the failed transaction: by ROLLBACK on a session that still answers, else with the session.
    async fn abandon(&mut self, error: &Error) {
        self.inside = false;
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        if server_code(error).is_none() {
            self.lost = Some(conn.id());
            return;
        }
        let rolled_back = timeout(self.config.round_trip_timeout, conn.query_drop("ROLLBACK")).await;
        if matches!(rolled_back, Ok(Ok(()))) {
            self.conn = Some(conn);
        }
    }

    async fn pause(&self, tries: u32, error: &Error) {
        let wait = BACKOFF_MIN
            .saturating_mul(1 << (tries - 1).min(16))
            .min(BACKOFF_MAX);
        self.metrics.execution_error();
        tracing::warn!(
            changefeed = %self.metrics.changefeed(),
            code = server_code(error),
            tries,
            wait_ms = wait.as_millis(),
            "a downstream transaction failed and is tried again"
        );
        sleep(wait).await;
    }

    fn give_up(&self, error: Error) -> CdcError {
        self.metrics.execution_error();
        match error {
            // A failed login carries its own place in the taxonomy.
            Error::Other(inner) => match inner.downcast::<CdcError>() {
                Ok(error) => *error,
                Err(other) => CdcError::new(ErrorCode::MySQLTxnError, other),
            },
            error => dml_error(error),
        }
    }
}

fn bytes(chunk: &Chunk) -> usize {
    chunk.texts.iter().map(Vec::len).sum()
}
