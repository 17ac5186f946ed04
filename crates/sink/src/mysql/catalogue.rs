//! What the downstream's catalogue says about unique indexes.
//!
//! The downstream is asked, not the upstream: its indexes are those that rows must not violate, and as schema changes are
//! barriers they are the ones of the rows at hand, however far the upstream has gone on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};
use tidegate_model::{DdlEvent, Result, TableInfo, TableName, Trouble};
use tidegate_mysql::sql::{push_string, push_table};
use tokio::time::{Instant, sleep};

use super::backoff;
use super::downstream::{Downstream, Session};
use super::errors::server_code;
use super::keys::{IndexColumn, TableKeys};
use super::session::column;
use crate::opener::OnTrouble;

/// Tables that are remembered; beyond that all are forgotten and asked for again.
const TABLES_MAX: usize = 20_000;

/// Unique keys by table, asked for when rows of the table first arrive.
pub(crate) struct Catalogue<D: Downstream> {
    downstream: D,
    statement_timeout: Duration,
    on_trouble: OnTrouble,
    /// With the time of its latest use.
    conn: Option<(D::Session, Instant)>,
    tables: HashMap<TableName, Known>,
}

struct Known {
    found: Arc<[IndexColumn]>,
    table: Arc<TableInfo>,
    keys: Arc<TableKeys>,
}

impl<D: Downstream> Catalogue<D> {
    pub(crate) fn new(downstream: D, statement_timeout: Duration, on_trouble: OnTrouble) -> Self {
        Catalogue {
            downstream,
            statement_timeout,
            on_trouble,
            conn: None,
            tables: HashMap::new(),
        }
    }

    /// The unique keys of a table, as they are since its latest schema change.
    ///
    /// # Errors
    /// When the downstream does not answer in all tries.
    pub(crate) async fn keys(&mut self, table: &Arc<TableInfo>) -> Result<Arc<TableKeys>> {
        let found = match self.tables.get(&table.name) {
            Some(known) if Arc::ptr_eq(&known.table, table) || *known.table == **table => {
                return Ok(Arc::clone(&known.keys));
            }
            Some(known) => Arc::clone(&known.found),
            None => self.ask(&table.name).await?.into(),
        };
        let keys = Arc::new(TableKeys::new(table, &found));
        if let TableKeys::Serial(_) = *keys {
            tracing::info!(table = %table.name, "transactions on this table are applied one after the other");
        }
        if self.tables.len() >= TABLES_MAX {
            self.tables.clear();
        }
        let known = Known {
            found,
            table: Arc::clone(table),
            keys: Arc::clone(&keys),
        };
        self.tables.insert(table.name.clone(), known);
        Ok(keys)
    }

    /// Forgets what a schema change may have changed.
    pub(crate) fn changed(&mut self, ddl: &DdlEvent) {
        if ddl.tables.is_empty() {
            self.tables.clear();
        }
        for table in &ddl.tables {
            for name in table.old_name.iter().chain([&table.name]) {
                self.tables.remove(name);
            }
        }
    }

    async fn ask(&mut self, name: &TableName) -> Result<Vec<IndexColumn>> {
        let mut tries = 0;
        loop {
            let error = match self.attempt(name).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            self.conn = None;
            tries += 1;
            if tries >= backoff::DML_TRIES {
                return Err(error);
            }
            let retry_in = backoff::wait(tries);
            self.on_trouble.tell(&Trouble {
                error,
                attempt: tries,
                retry_in: Some(retry_in),
            });
            sleep(retry_in).await;
        }
    }

    async fn attempt(&mut self, name: &TableName) -> Result<Vec<IndexColumn>> {
        let idle = match self.conn.take() {
            Some((conn, used)) => conn.if_alive(used).await,
            None => None,
        };
        let mut conn = match idle {
            Some(conn) => conn,
            None => self.downstream.look().await?,
        };
        let found = conn.unique_columns(name, self.statement_timeout).await?;
        self.conn = Some((conn, Instant::now()));
        Ok(found)
    }
}

/// Columns of all unique indexes, each index in one run. Empty for a table without, or that does not exist.
pub(crate) async fn load(conn: &mut Conn, name: &TableName) -> Result<Vec<IndexColumn>, Error> {
    if overlaps(conn, name).await? {
        return Ok(vec![IndexColumn {
            index: "WITHOUT OVERLAPS".to_owned(),
            column: None,
            prefix: None,
            collation: None,
            data_type: String::new(),
            generated: true,
        }]);
    }
    let mut schema = Vec::new();
    push_string(&mut schema, &name.schema);
    let mut table = Vec::new();
    push_string(&mut table, &name.table);
    let (schema, table) = (String::from_utf8_lossy(&schema), String::from_utf8_lossy(&table));
    let rows: Vec<Row> = conn
        .query(format!(
            "SELECT s.INDEX_NAME, s.COLUMN_NAME, s.SUB_PART, c.COLLATION_NAME, c.DATA_TYPE, c.EXTRA FROM \
             information_schema.STATISTICS s LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = {schema} AND \
             c.TABLE_NAME = {table} AND c.COLUMN_NAME = s.COLUMN_NAME WHERE s.TABLE_SCHEMA = {schema} AND \
             s.TABLE_NAME = {table} AND s.NON_UNIQUE = 0 ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX"
        ))
        .await?;
    let part = |row: &Row| {
        let text = |index| column::<String>(Some(row), index);
        let extra = text(5).unwrap_or_default().to_ascii_uppercase();
        IndexColumn {
            index: text(0).unwrap_or_default(),
            column: text(1),
            prefix: column(Some(row), 2),
            collation: text(3),
            data_type: text(4).unwrap_or_default(),
            generated: ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"]
                .iter()
                .any(|kind| extra.contains(kind)),
        }
    };
    Ok(rows.iter().map(part).collect())
}

/// Whether MariaDB keeps periods of rows apart: then different values collide.
async fn overlaps(conn: &mut Conn, name: &TableName) -> Result<bool, Error> {
    let mut query = b"SHOW CREATE TABLE ".to_vec();
    push_table(&mut query, name);
    match conn.query_first::<Row, _>(query).await {
        Ok(row) => {
            Ok(column::<String>(row.as_ref(), 1).is_some_and(|text| text.contains("WITHOUT OVERLAPS")))
        }
        // No such table, no such database: writing the rows will say so.
        Err(error) if matches!(server_code(&error), Some(1146 | 1049)) => Ok(false),
        Err(error) => Err(error),
    }
}
