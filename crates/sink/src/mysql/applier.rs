//! Runs the chunks, one after the other, on one session.

use std::sync::Arc;

use tidegate_failpoint::{Point, hit};
use tidegate_model::{Ack, CdcError, Result, Trouble};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::backoff;
use super::bulk::{Bulk, BulkSwitch};
use super::chunk::Chunk;
use super::config::MysqlConfig;
use super::dispatcher::Applied;
use super::downstream::{Downstream, Session};
use super::errors::{DmlError, DmlFault, is_unsuited, server_code};
use super::fence::Slot;
use super::metrics::MysqlMetrics;
use super::mysql_sink::Feed;
use super::script::{Script, Step};
use crate::opener::OnTrouble;

/// Failed tries of a transaction.
#[derive(Default)]
struct Tries {
    failures: u32,
    deadlocks: u32,
    /// The next one is in the safe form.
    safe: bool,
}

/// The applier's task.
pub(crate) struct Applier<D: Downstream> {
    config: MysqlConfig,
    downstream: D,
    conn: Option<D::Session>,
    /// When the session was last in use.
    used: Instant,
    /// Of the session's server.
    max_allowed_packet: usize,
    slot: Slot,
    on_trouble: OnTrouble,
    /// How far this writer has come.
    applied: Arc<Applied>,
    /// Builds transactions anew in the safe form.
    script: Script,
    bulks: BulkSwitch,
    metrics: MysqlMetrics,
    /// The connection is inside a downstream transaction that an earlier chunk opened.
    inside: bool,
}

impl<D: Downstream> Applier<D> {
    /// The session is opened when the first rows are there. `number`: which writer it is, from 0 on.
    pub(crate) fn new(
        config: MysqlConfig,
        downstream: D,
        number: usize,
        applied: Arc<Applied>,
        feed: &Feed,
        (script, bulks): (Script, BulkSwitch),
    ) -> Self {
        Applier {
            config,
            downstream,
            conn: None,
            used: Instant::now(),
            max_allowed_packet: 0,
            slot: Slot::Writer(number),
            on_trouble: feed.on_trouble.clone(),
            applied,
            script,
            bulks,
            metrics: MysqlMetrics::of(&feed.changefeed),
            inside: false,
        }
    }

    /// Runs until the builder is gone or a transaction fails for good; then its acknowledgements count as lost.
    pub(crate) async fn run(mut self, chunks: &mut mpsc::Receiver<Chunk>) -> Result<()> {
        while let Some(chunk) = chunks.recv().await {
            self.apply(chunk).await?;
        }
        if let Some(conn) = self.conn.take() {
            conn.end().await;
        }
        Ok(())
    }

    async fn apply(&mut self, mut chunk: Chunk) -> Result<()> {
        let started = Instant::now();
        let mut tries = Tries::default();
        while let Err(error) = self.attempt(&chunk).await {
            // What an open transaction had written before is lost with it: only the engine can send it again.
            let hopeless = self.inside;
            self.abandon(&error).await;
            if hopeless || !self.may_try_again(&mut tries, &error) {
                return Err(self.give_up(error));
            }
            if error.fault() != DmlFault::Deadlock && !tries.safe {
                // Whether the failed try left something behind is unknown: this form is right either way.
                chunk.rebuild_safe(&mut self.script)?;
                tries.safe = true;
            }
            self.pause(&tries, error).await;
        }
        self.inside = !chunk.span.commits;
        self.metrics.applied(chunk.rows, chunk.bytes(), started.elapsed());
        // A part of a transaction that is still open settles too: the engine counts the transaction only with its last
        // part, and the memory is needed for the next one.
        hit(Point::TxnCommitted);
        chunk.acks.into_iter().for_each(Ack::durable);
        self.applied.set(chunk.seq);
        Ok(())
    }

    /// Counts a failed try.
    fn may_try_again(&self, tries: &mut Tries, error: &DmlError) -> bool {
        match error.fault() {
            DmlFault::Final => false,
            DmlFault::Unsuited => !tries.safe,
            DmlFault::Duplicate => {
                self.metrics.safe_retry();
                !tries.safe
            }
            DmlFault::Deadlock => {
                tries.deadlocks += 1;
                tries.deadlocks < backoff::DEADLOCK_TRIES
            }
            DmlFault::Transient => {
                tries.failures += 1;
                tries.failures < backoff::DML_TRIES
            }
        }
    }

    async fn attempt(&mut self, chunk: &Chunk) -> Result<(), DmlError> {
        if chunk.steps.is_empty() {
            return Ok(());
        }
        let idle = match self.conn.take() {
            // An open transaction ends with its session: its next part must not go to another one.
            Some(conn) if self.inside => Some(conn),
            Some(conn) => conn.if_alive(self.used).await,
            None => None,
        };
        let mut conn = match idle {
            Some(conn) => conn,
            // Most sessions of a quiet changefeed are idle until the server ends them: that is no trouble to report.
            None => self.open().await?,
        };
        let outcome = self.send(&mut conn, chunk).await;
        self.conn = Some(conn);
        self.used = Instant::now();
        outcome
    }

    async fn open(&mut self) -> Result<D::Session, DmlError> {
        let opened = self.downstream.open(self.slot).await;
        let (conn, max_allowed_packet) = opened.map_err(DmlError::Open)?;
        self.max_allowed_packet = max_allowed_packet;
        Ok(conn)
    }

    async fn send(&self, conn: &mut D::Session, chunk: &Chunk) -> Result<(), DmlError> {
        for step in &chunk.steps {
            match step {
                Step::Text(text) => self.send_text(conn, text).await?,
                Step::Bulk(bulk) => self.send_bulk(conn, bulk).await?,
            }
        }
        Ok(())
    }

    async fn send_text(&self, conn: &mut D::Session, text: &[u8]) -> Result<(), DmlError> {
        // A command byte precedes the text. The server would close the connection without a word.
        if text.len() >= self.max_allowed_packet {
            return Err(DmlError::TooLarge {
                bytes: text.len() + 1,
                bytes_max: self.max_allowed_packet,
            });
        }
        conn.run(text, self.config.statement_timeout).await?;
        Ok(())
    }

    async fn send_bulk(&self, conn: &mut D::Session, bulk: &Bulk) -> Result<(), DmlError> {
        for packet in bulk.packets(self.max_allowed_packet / 2) {
            let rows = packet.len() as u64;
            let outcome = conn
                .run_bulk(&bulk.statement, packet, self.config.statement_timeout)
                .await;
            // A proxy may hide that the server takes bulks; the driver then sends row by row, and the answer counts one.
            let one_by_one = outcome.as_ref().is_ok_and(|affected| *affected < rows);
            if (one_by_one || outcome.as_ref().is_err_and(is_unsuited)) && self.bulks.turn_off() {
                tracing::warn!(
                    changefeed = %self.metrics.changefeed(),
                    code = outcome.as_ref().err().and_then(server_code),
                    "the downstream does not take rows in bulk, from now on they go as text"
                );
            }
            outcome.map_err(DmlError::Bulk)?;
            self.metrics.sent_in_bulk(rows);
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
        if conn.roll_back(self.config.statement_timeout).await {
            self.conn = Some(conn);
        }
    }

    async fn pause(&self, tries: &Tries, error: DmlError) {
        let wait = match error.fault() {
            DmlFault::Duplicate | DmlFault::Unsuited | DmlFault::Final => return,
            DmlFault::Deadlock => return sleep(backoff::wait_after_deadlock(tries.deadlocks)).await,
            DmlFault::Transient => backoff::wait(tries.failures),
        };
        self.metrics.execution_error();
        tracing::warn!(
            changefeed = %self.metrics.changefeed(),
            code = error.code(),
            tries = tries.failures,
            wait_ms = wait.as_millis(),
            "a downstream transaction failed and is tried again"
        );
        self.on_trouble.tell(&Trouble {
            error: error.into_cdc(),
            attempt: tries.failures,
            retry_in: Some(wait),
        });
        sleep(wait).await;
    }

    fn give_up(&self, error: DmlError) -> CdcError {
        self.metrics.execution_error();
        error.into_cdc()
    }
}
