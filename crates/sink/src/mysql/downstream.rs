//! The seam between the sink's decisions about rows and the server they are about.
//!
//! Dispatcher, builders and appliers decide; what is behind this seam only does as it is told. So a simulation can put
//! a database of its own there, with deadlocks, lost answers and leftovers at every moment.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Params, Value};
use tidegate_model::{Result, TableName};
use tokio::time::{Instant, timeout};

use super::catalogue;
use super::config::MysqlConfig;
use super::errors::query_error;
use super::fence::{Fence, Slot};
use super::keys::IndexColumn;
use super::session;

/// What writes rows needs of a server.
pub(crate) trait Downstream: Clone + Send + Sync + 'static {
    /// A session on it.
    type Session: Session;

    /// Opens the session of a slot once its predecessor has ended, and tells the server's `max_allowed_packet`.
    fn open(&self, slot: Slot) -> impl Future<Output = Result<(Self::Session, usize)>> + Send;

    /// Opens a session that only looks.
    fn look(&self) -> impl Future<Output = Result<Self::Session>> + Send;
}

/// A session that writes rows.
pub(crate) trait Session: Send + Sync + Sized + 'static {
    /// Runs the statements of one text; each of them may take as long as `limit`.
    fn run(&mut self, text: &[u8], limit: Duration) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs a prepared statement for all rows at once; returns how many rows it touched.
    fn run_bulk(
        &mut self,
        statement: &str,
        rows: Vec<Vec<Value>>,
        limit: Duration,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Leaves the open transaction. `false`: the session is of no further use.
    fn roll_back(&mut self, limit: Duration) -> impl Future<Output = bool> + Send;

    /// The session, if it can be used again; `used` is when it last was.
    fn if_alive(self, used: Instant) -> impl Future<Output = Option<Self>> + Send;

    /// Columns of all unique indexes of a table, each index in one run. Empty for a table without, or that does not
    /// exist.
    fn unique_columns(
        &mut self,
        table: &TableName,
        limit: Duration,
    ) -> impl Future<Output = Result<Vec<IndexColumn>>> + Send;

    /// Says farewell.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// A MySQL-compatible server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: MysqlConfig,
    pub(crate) fence: Fence,
}

impl Downstream for Server {
    type Session = Conn;

    async fn open(&self, slot: Slot) -> Result<(Conn, usize)> {
        let (mut conn, facts) = session::open(&self.config).await?;
        self.fence.enter(&mut conn, slot).await?;
        Ok((conn, facts.max_allowed_packet))
    }

    async fn look(&self) -> Result<Conn> {
        Ok(session::open(&self.config).await?.0)
    }
}

impl Session for Conn {
    async fn run(&mut self, text: &[u8], limit: Duration) -> Result<(), Error> {
        session::run(self, text, limit).await
    }

    async fn run_bulk(
        &mut self,
        statement: &str,
        rows: Vec<Vec<Value>>,
        limit: Duration,
    ) -> Result<u64, Error> {
        // The driver announces the types of the parameters once in each batch: what follows from rows in which a column
        // is NULL throughout must not be read by the next ones.
        // Named as what they are: a plain vector would be copied value by value.
        let rows = rows.into_iter().map(Params::Positional);
        session::within(limit, self.exec_batch(statement, rows)).await?;
        Ok(self.affected_rows())
    }

    async fn roll_back(&mut self, limit: Duration) -> bool {
        matches!(timeout(limit, self.query_drop("ROLLBACK")).await, Ok(Ok(())))
    }

    async fn if_alive(self, used: Instant) -> Option<Self> {
        session::if_alive(self, used).await
    }

    async fn unique_columns(&mut self, table: &TableName, limit: Duration) -> Result<Vec<IndexColumn>> {
        let found = session::within(limit, catalogue::load(self, table)).await;
        found.map_err(|error| query_error("read the unique keys of a table", error))
    }

    async fn end(self) {
        // The answer to a farewell is of no interest.
        drop(self.disconnect().await);
    }
}
