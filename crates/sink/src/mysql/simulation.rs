//! The sink's decisions over a database that a simulation brings.
//!
//! Settings, dispatcher, conflicts, builders, statements, appliers and their retries are those of the real sink. Schema
//! changes are the database's own affair: it must apply each once, as the real one does by its bookkeeping.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Error, ServerError, Value};
use tidegate_model::{CdcError, DdlEvent, ErrorCode, Result, TableName, Ts, TxnBatch};
use tidegate_mysql::Flavour;
use tokio::time::Instant;

use super::downstream::{Downstream, Session};
use super::fence::Slot;
use super::keys::IndexColumn;
use super::mysql_sink::Feed;
use super::session::Facts;
use super::settings;
use super::writers::Writers;
use crate::opener::SinkSpec;
use crate::sink::{BoxFut, EventSink};

/// `max_allowed_packet` of a simulated server.
const PACKET_BYTES_MAX: usize = 16 << 20;

/// Why a text did not run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SimError {
    /// The server refused it under this number; what the transaction wrote before is still there.
    Refused(u16),
    /// The connection is gone; whether the text ran is unknown.
    Lost,
}

/// A database as the sink's sessions see it.
pub trait SimDatabase: Send + Sync + 'static {
    /// Opens a session. One that writes names its slot: earlier sessions of the slot must have ended.
    fn open(&self, slot: Option<usize>) -> BoxFut<'_, Box<dyn SimSession>>;

    /// Index and column of every unique key of a table, each index in one run.
    fn unique_columns(&self, table: &TableName) -> Vec<(String, String)>;

    /// Ends every session of earlier runs: called before the first session of a run.
    fn clear(&self) -> BoxFut<'_, ()>;

    /// Applies a schema change, or finds it applied.
    fn apply_ddl<'a>(&'a self, ddl: &'a DdlEvent) -> BoxFut<'a, ()>;
}

/// A session on a [`SimDatabase`]. Dropped, it lets go of its connection, as a crash does.
pub trait SimSession: Send + Sync + 'static {
    /// Runs the statements of one text.
    fn run<'a>(&'a mut self, text: &'a [u8]) -> futures::future::BoxFuture<'a, Result<(), SimError>>;

    /// ROLLBACK. `false`: the session is gone.
    fn roll_back(&mut self) -> futures::future::BoxFuture<'_, bool>;
}

/// Opens the sink of `spec` over `database`.
///
/// # Errors
/// Those of the settings and of the database.
pub async fn open(spec: &SinkSpec, database: Arc<dyn SimDatabase>) -> Result<Arc<dyn EventSink>> {
    let config = settings::read(spec)?;
    let feed = Feed {
        changefeed: spec.changefeed.clone(),
        cluster_id: spec.cluster_id.clone(),
        incarnation: spec.incarnation.clone(),
        replicate_ts: spec.replicate_ts,
        on_trouble: spec.on_trouble.clone(),
    };
    let facts = Facts {
        flavour: Flavour::MariaDb,
        version: "simulation".to_owned(),
        is_tidb: false,
        max_allowed_packet: PACKET_BYTES_MAX,
        takes_bulks: true,
    };
    database.clear().await?;
    let writers = Writers::start(&config, &facts, &feed, &Simulated(Arc::clone(&database)));
    Ok(Arc::new(SimSink { writers, database }))
}

struct SimSink {
    writers: Writers,
    database: Arc<dyn SimDatabase>,
}

impl EventSink for SimSink {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        Box::pin(self.writers.write(batch))
    }

    fn flush(&self) -> BoxFut<'_, ()> {
        Box::pin(self.writers.flush())
    }

    fn write_ddl(&self, ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        Box::pin(async move {
            self.writers.failure()?;
            self.database.apply_ddl(&ddl).await?;
            self.writers.changed(ddl).await
        })
    }

    fn write_checkpoint(&self, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { self.writers.failure() })
    }

    fn close(&self, deadline: Duration) -> BoxFut<'_, ()> {
        Box::pin(self.writers.close(deadline))
    }
}

#[derive(Clone)]
struct Simulated(Arc<dyn SimDatabase>);

struct Simulation {
    session: Box<dyn SimSession>,
    database: Arc<dyn SimDatabase>,
}

impl Simulated {
    async fn session(&self, slot: Option<usize>) -> Result<Simulation> {
        Ok(Simulation {
            session: self.0.open(slot).await?,
            database: Arc::clone(&self.0),
        })
    }
}

impl Downstream for Simulated {
    type Session = Simulation;

    async fn open(&self, slot: Slot) -> Result<(Simulation, usize)> {
        let Slot::Writer(number) = slot else {
            return Err(CdcError::new(
                ErrorCode::InternalServerError,
                "schema changes have no session here",
            ));
        };
        Ok((self.session(Some(number)).await?, PACKET_BYTES_MAX))
    }

    async fn look(&self) -> Result<Simulation> {
        self.session(None).await
    }
}

impl Session for Simulation {
    async fn run(&mut self, text: &[u8], _limit: Duration) -> Result<(), Error> {
        self.session.run(text).await.map_err(|error| match error {
            SimError::Refused(code) => Error::Server(ServerError {
                code,
                message: "refused".to_owned(),
                state: "HY000".to_owned(),
            }),
            SimError::Lost => std::io::Error::from(std::io::ErrorKind::ConnectionReset).into(),
        })
    }

    /// As one text with all rows: what the server does with a bulk is the same.
    async fn run_bulk(
        &mut self,
        statement: &str,
        rows: Vec<Vec<Value>>,
        limit: Duration,
    ) -> Result<u64, Error> {
        let head = statement
            .rfind(" VALUES ")
            .map_or(statement, |at| &statement[..at]);
        let lists = rows.iter().map(|row| {
            let values: Vec<String> = row.iter().map(|value| value.as_sql(true)).collect();
            format!("({})", values.join(","))
        });
        let lists: Vec<String> = lists.collect();
        let text = format!("{head} VALUES {}", lists.join(","));
        self.run(text.as_bytes(), limit).await?;
        Ok(rows.len() as u64)
    }

    async fn roll_back(&mut self, _limit: Duration) -> bool {
        self.session.roll_back().await
    }

    async fn if_alive(self, _used: Instant) -> Option<Self> {
        Some(self)
    }

    async fn unique_columns(&mut self, table: &TableName, _limit: Duration) -> Result<Vec<IndexColumn>> {
        let columns = self.database.unique_columns(table).into_iter();
        Ok(columns
            .map(|(index, column)| IndexColumn {
                index,
                column: Some(column),
                prefix: None,
                collation: None,
                data_type: "bigint".to_owned(),
                generated: false,
            })
            .collect())
    }

    async fn end(self) {}
}
