//! One connection for all questions to the server, opened when needed and again when it broke.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tidegate_model::{CdcError, ErrorCode, Result, TableName};
use tidegate_mysql::{ConnectOptions, Flavour, Position, ServerFacts};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout};

use super::catalogue::{self, CatalogueTable, ListedTable};
use super::control::{self, Probe};
use super::foreign_keys::{self, Cascade};
use super::kept::Kept;

/// Longest that one question may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that was idle for longer is tried before it is used.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// See the module's page. Every method fails with the errors of its question and of connecting.
pub(crate) struct Questions {
    connect: ConnectOptions,
    conn: Mutex<Option<(Conn, Instant)>>,
    /// The next question wants a new connection.
    renew: AtomicBool,
    /// The clock as it was told last, and when that was asked.
    clock: Mutex<Option<(Instant, u64)>>,
}

impl Questions {
    pub(crate) fn new(connect: ConnectOptions, conn: Option<Conn>) -> Self {
        Questions {
            connect,
            conn: Mutex::new(conn.map(|conn| (conn, Instant::now()))),
            renew: AtomicBool::new(false),
            clock: Mutex::default(),
        }
    }

    pub(crate) async fn facts(&self) -> Result<ServerFacts> {
        let mut lease = self.lease().await?;
        let answer = within(control::load_facts(&mut lease.conn)).await;
        lease.settle(answer)
    }

    pub(crate) async fn probe(&self, facts: &ServerFacts) -> Result<Probe> {
        let mut lease = self.lease().await?;
        let answer = within(control::probe(&mut lease.conn, facts)).await;
        lease.settle(answer)
    }

    pub(crate) async fn origin(&self, facts: &ServerFacts) -> Result<Probe> {
        let mut lease = self.lease().await?;
        let answer = within(control::origin(&mut lease.conn, facts)).await;
        lease.settle(answer)
    }

    /// The server's clock at some moment after the call, in unix milliseconds. Whoever asks while somebody else waits
    /// for the connection shares the next answer: a thousand changefeeds that start together ask twice.
    pub(crate) async fn clock(&self) -> Result<u64> {
        let called = Instant::now();
        let mut last = self.clock.lock().await;
        if let Some((asked, ms)) = *last
            && asked >= called
        {
            return Ok(ms);
        }
        let asked = Instant::now();
        let mut lease = self.lease().await?;
        let answer = within(control::clock(&mut lease.conn)).await;
        let ms = lease.settle(answer)?;
        *last = Some((asked, ms));
        Ok(ms)
    }

    pub(crate) async fn end_position(&self, facts: &ServerFacts) -> Result<Position> {
        let mut lease = self.lease().await?;
        let answer = within(control::end_position(&mut lease.conn, facts)).await;
        lease.settle(answer)
    }

    pub(crate) async fn kept(&self, facts: &ServerFacts) -> Result<Kept> {
        let mut lease = self.lease().await?;
        let answer = within(control::kept(&mut lease.conn, facts)).await;
        lease.settle(answer)
    }

    pub(crate) async fn table(&self, flavour: Flavour, name: &TableName) -> Result<Option<CatalogueTable>> {
        let mut lease = self.lease().await?;
        let answer = within(catalogue::load_table(&mut lease.conn, flavour, name)).await;
        lease.settle(answer)
    }

    pub(crate) async fn cascades(&self) -> Result<Vec<Cascade>> {
        let mut lease = self.lease().await?;
        let answer = within(foreign_keys::cascades(&mut lease.conn)).await;
        lease.settle(answer)
    }

    pub(crate) async fn tables(&self) -> Result<Vec<ListedTable>> {
        let mut lease = self.lease().await?;
        let answer = within(catalogue::list_tables(&mut lease.conn)).await;
        lease.settle(answer)
    }

    /// What the server says about itself, and the end of its log.
    pub(crate) async fn server(&self) -> Result<(ServerFacts, Position)> {
        let mut lease = self.lease().await?;
        let answer = within(async {
            let facts = control::load_facts(&mut lease.conn).await?;
            let end = control::end_position(&mut lease.conn, &facts).await?;
            Ok((facts, end))
        })
        .await;
        lease.settle(answer)
    }

    /// Makes the next question open a new connection: the address may lead to another server now.
    pub(crate) fn renew(&self) {
        self.renew.store(true, Ordering::Relaxed);
    }

    async fn lease(&self) -> Result<Lease<'_>> {
        let mut slot = self.conn.lock().await;
        if self.renew.swap(false, Ordering::Relaxed) {
            *slot = None;
        }
        if let Some((mut conn, used)) = slot.take()
            && (used.elapsed() < IDLE_MAX || matches!(timeout(IDLE_MAX, conn.ping()).await, Ok(Ok(()))))
        {
            return Ok(Lease { conn, slot });
        }
        let conn = within(control::open(&self.connect)).await?;
        Ok(Lease { conn, slot })
    }
}

/// The connection while somebody uses it. Dropped, it is closed: nobody knows its state.
struct Lease<'a> {
    conn: Conn,
    slot: MutexGuard<'a, Option<(Conn, Instant)>>,
}

impl Lease<'_> {
    fn settle<T>(mut self, answer: Result<T>) -> Result<T> {
        let usable = answer
            .as_ref()
            .map_or_else(|error| error.code() != ErrorCode::UpstreamConnection, |_| true);
        if usable {
            *self.slot = Some((self.conn, Instant::now()));
        }
        answer
    }
}

async fn within<T>(question: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(QUESTION_TIMEOUT, question)
        .await
        .unwrap_or_else(|_elapsed| {
            Err(CdcError::new(
                ErrorCode::UpstreamConnection,
                "the upstream does not answer",
            ))
        })
}
