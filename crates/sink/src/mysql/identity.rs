//! Which server the downstream is.

use mysql_async::Row;
use mysql_async::prelude::Queryable;
use tidegate_model::Result;
use tidegate_mysql::ServerFacts;

use super::config::MysqlConfig;
use super::errors::query_error;
use super::session::{column, open};

/// The text that names the server, whatever address it was reached at.
///
/// # Errors
/// Those of a login, and `MySQLQueryError` when the server does not show its variables.
pub(crate) async fn read(config: &MysqlConfig) -> Result<String> {
    let (mut conn, facts) = open(config).await?;
    let rows: Vec<Row> = conn
        .query(ServerFacts::variables_query())
        .await
        .map_err(|error| query_error("read the variables of the server", error))?;
    // The answer to a farewell is of no interest.
    drop(conn.disconnect().await);
    let variables = rows.iter().filter_map(|row| {
        let name: String = column(Some(row), 0)?;
        Some((name.to_ascii_lowercase(), column(Some(row), 1)?))
    });
    let facts = ServerFacts {
        version: facts.version,
        variables: variables.collect(),
        ..ServerFacts::default()
    };
    Ok(facts.server_name())
}
