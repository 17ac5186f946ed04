//! Runs the chunks, one after the other, on one session.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{Ack, CdcError, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::builder::Work;
use super::chunk::Chunk;
use super::config::MysqlConfig;
use super::errors::{DmlError, DmlFault};
use super::fence::{Fence, Slot};
use super::metrics::MysqlMetrics;
use super::script::Script;
use super::session;
use crate::opener::OnTrouble;

/// Tries of one downstream transaction, as in the original.
const TRIES_MAX: u32 = 8;
/// Wait before the second try; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// The applier's task.
pub(crate) struct Applier {
    config: MysqlConfig,
    conn: Option<Conn>,
    /// Of the session's server.
    max_allowed_packet: usize,
    fence: Fence,
    on_trouble: OnTrouble,
    /// Builds transactions anew in the safe form.
    script: Script,
    metrics: MysqlMetrics,
    /// The connection is inside a downstream transaction that an earlier chunk opened.
    inside: bool,
}

impl Applier {
    /// The session is opened when the first rows are there.
    pub(crate) fn new(
        config: MysqlConfig,
        fence: Fence,
        on_trouble: OnTrouble,
        script: Script,
        metrics: MysqlMetrics,
    ) -> Self {
        Applier {
            config,
            conn: None,
            max_allowed_packet: 0,
            fence,
            on_trouble,
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
            match error.fault() {
                _ if hopeless => return Err(self.give_up(error)),
                DmlFault::Final => return Err(self.give_up(error)),
                DmlFault::Duplicate if safe => return Err(self.give_up(error)),
                DmlFault::Duplicate => self.metrics.safe_retry(),
                DmlFault::Transient => {
                    tries += 1;
                    self.pause(tries, error).await;
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

    async fn attempt(&mut self, chunk: &Chunk) -> Result<(), DmlError> {
        if chunk.texts.is_empty() {
            return Ok(());
        }
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.open().await?,
        };
        let outcome = self.send(&mut conn, chunk).await;
        self.conn = Some(conn);
        outcome
    }

    async fn open(&mut self) -> Result<Conn, DmlError> {
        let (mut conn, facts) = session::open(&self.config).await.map_err(DmlError::Open)?;
        self.max_allowed_packet = facts.max_allowed_packet;
        self.fence
            .enter(&mut conn, Slot::Writer(0))
            .await
            .map_err(DmlError::Open)?;
        Ok(conn)
    }

    async fn send(&self, conn: &mut Conn, chunk: &Chunk) -> Result<(), DmlError> {
        for text in &chunk.texts {
            // A command byte precedes the text. The server would close the connection without a word.
            if text.len() >= self.max_allowed_packet {
                return Err(DmlError::TooLarge {
                    bytes: text.len() + 1,
                    bytes_max: self.max_allowed_packet,
                });
            }
            session::run(conn, text, self.config.statement_timeout).await?;
        }
        Ok(())
    }

    /// Leaves the failed transaction: by ROLLBACK on a session that still answers, else with the session.
    async fn abandon(&mut self, error: &DmlError) {
        self.inside = false;
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        if error.code().is_none() {
            return;
        }
        let rolled_back = timeout(self.config.statement_timeout, conn.query_drop("ROLLBACK")).await;
        if matches!(rolled_back, Ok(Ok(()))) {
            self.conn = Some(conn);
        }
    }

    async fn pause(&self, tries: u32, error: DmlError) {
        let wait = BACKOFF_MIN
            .saturating_mul(1 << (tries - 1).min(16))
            .min(BACKOFF_MAX);
        self.metrics.execution_error();
        tracing::warn!(
            changefeed = %self.metrics.changefeed(),
            code = error.code(),
            tries,
            wait_ms = wait.as_millis(),
            "a downstream transaction failed and is tried again"
        );
        self.on_trouble.tell(&error.into_cdc());
        sleep(wait).await;
    }

    fn give_up(&self, error: DmlError) -> CdcError {
        self.metrics.execution_error();
        error.into_cdc()
    }
}

fn bytes(chunk: &Chunk) -> usize {
    chunk.texts.iter().map(Vec::len).sum()
}
