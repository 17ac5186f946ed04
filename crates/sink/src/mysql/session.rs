//! Sessions on the downstream server.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mysql_async::prelude::{FromValue, Queryable};
use mysql_async::{Conn, Error, Row};
use tidegate_model::{CdcError, ErrorCode, Result};
use tidegate_mysql::{ConnectOptions, Flavour, connect};
use tokio::time::{Instant, timeout};

use super::config::{MysqlConfig, TidbTxnMode};
use super::errors::{query_error, server_code, timed_out};

/// The sql_mode of all sessions: values arrive as the upstream holds them, whatever its mode was. So nothing that
/// refuses or rewrites values is on, and nothing that changes how our statements are parsed.
pub(crate) const SQL_MODE: &str =
    "IGNORE_SPACE,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";
/// A session that was idle for longer may have been ended by the server or by something on the way.
const IDLE_MAX: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Time allowed for the statements that prepare a session.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// What the sink needs to know about the downstream server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub(crate) flavour: Flavour,
    pub(crate) version: String,
    pub(crate) is_tidb: bool,
    pub(crate) max_allowed_packet: usize,
    /// Whether one prepared statement may be run for many rows at once.
    pub(crate) takes_bulks: bool,
}

/// Logs in and prepares a session for writing.
///
/// # Errors
/// `MySQLConnectionError`, `MySQLInvalidConfig` when the server demands or lacks TLS.
pub(crate) async fn open(config: &MysqlConfig) -> Result<(Conn, Facts)> {
    let mut conn = log_in(&config.connect).await?;
    let facts = within(SETUP_TIMEOUT, prepare(&mut conn, config))
        .await
        .map_err(|error| {
            let message = format!("cannot prepare a session on {}", config.connect.address());
            CdcError::new(ErrorCode::MySQLConnectionError, message).with_source(error)
        })?;
    Ok((conn, facts))
}

/// Logs in; when that is denied and the password is Base64, once more with the decoded one, as the original does.
async fn log_in(options: &ConnectOptions) -> Result<Conn> {
    let outcome = match connect(options).await {
        Err(error) if error.code() == ErrorCode::UpstreamAccessDenied => {
            match decoded_password(&options.password) {
                Some(password) => {
                    let decoded = ConnectOptions {
                        password,
                        ..options.clone()
                    };
                    connect(&decoded).await.map_err(|_also_denied| error)
                }
                None => Err(error),
            }
        }
        other => other,
    };
    outcome.map_err(|error| {
        let code = match error.code() {
            ErrorCode::UpstreamMisconfigured => ErrorCode::MySQLInvalidConfig,
            _ => ErrorCode::MySQLConnectionError,
        };
        let downstream = CdcError::new(code, format_args!("downstream: {}", error.message()));
        match std::error::Error::source(&error) {
            Some(cause) => downstream.with_source(Cause(cause.to_string())),
            None => downstream,
        }
    })
}

/// The text of a cause whose type cannot be kept.
#[derive(Debug)]
struct Cause(String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

fn decoded_password(password: &str) -> Option<String> {
    let decoded = STANDARD.decode(password).ok()?;
    String::from_utf8(decoded).ok().filter(|text| !text.is_empty())
}

async fn prepare(conn: &mut Conn, config: &MysqlConfig) -> Result<Facts, Error> {
    let row: Option<Row> = conn
        .query_first("SELECT VERSION(), @@max_allowed_packet, @@version_comment")
        .await?;
    let version: String = column(row.as_ref(), 0).unwrap_or_default();
    let max_allowed_packet = column(row.as_ref(), 1).unwrap_or_default();
    let comment: String = column(row.as_ref(), 2).unwrap_or_default();
    let is_tidb = version.contains("TiDB");
    let mut facts = Facts {
        takes_bulks: false,
        flavour: if version.contains("MariaDB") || comment.contains("MariaDB") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        },
        version,
        is_tidb,
        max_allowed_packet,
    };
    conn.query_drop(format!(
        "SET NAMES utf8mb4; SET time_zone = '+00:00', sql_mode = '{SQL_MODE}', foreign_key_checks = 0, \
         autocommit = 1; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    ))
    .await?;
    facts.takes_bulks = facts.flavour == Flavour::MariaDb && logs_rows(conn).await?;
    if is_tidb {
        prepare_tidb(conn, config.tidb_txn_mode).await?;
    }
    Ok(facts)
}

/// Whether the server's own log, if it keeps one, gets rows: a bulk is no statement that could be logged.
async fn logs_rows(conn: &mut Conn) -> Result<bool, Error> {
    let row: Option<Row> = conn.query_first("SELECT @@log_bin, @@binlog_format").await?;
    let logs: Option<u8> = column(row.as_ref(), 0);
    let format: Option<String> = column(row.as_ref(), 1);
    Ok(logs == Some(0) || format.is_some_and(|format| format.eq_ignore_ascii_case("ROW")))
}

/// A session that was last in use at `used`, if it can be used again; it is asked only after a while.
pub(crate) async fn if_alive(mut conn: Conn, used: Instant) -> Option<Conn> {
    let alive = used.elapsed() < IDLE_MAX || within(PING_TIMEOUT, conn.ping()).await.is_ok();
    alive.then_some(conn)
}

/// Runs the statements of one text. Each of them may take as long as `limit`.
///
/// # Errors
/// What the server says, or a time-out: then the session is of no further use.
pub(crate) async fn run(conn: &mut Conn, text: &[u8], limit: Duration) -> Result<(), Error> {
    let mut results = within(limit, conn.query_iter(text)).await?;
    while !results.is_empty() {
        within(limit, results.for_each(drop)).await?;
    }
    // An error of a later statement waits here.
    within(limit, results.drop_result()).await
}

/// Gives a step of a conversation so much time.
pub(crate) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, step)
        .await
        .unwrap_or_else(|_elapsed| Err(timed_out()))
}

/// One column of an answer; `None` when it is missing, NULL or of another type.
pub(crate) fn column<T: FromValue>(row: Option<&Row>, index: usize) -> Option<T> {
    row?.get_opt(index)?.ok()
}

/// TiDB's own settings, as far as its version knows them.
async fn prepare_tidb(conn: &mut Conn, mode: TidbTxnMode) -> Result<(), Error> {
    let settings = [
        format!("SET tidb_txn_mode = '{}'", mode.as_str()),
        "SET allow_auto_random_explicit_insert = 1".to_owned(),
        "SET tidb_placement_mode = 'ignore'".to_owned(),
        "SET tidb_enable_external_ts_read = OFF".to_owned(),
    ];
    for setting in settings {
        match conn.query_drop(setting).await {
            // 1193: unknown system variable.
            Err(error) if server_code(&error) == Some(1193) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Connects and tries what does no harm.
///
/// # Errors
/// `MySQLConnectionError` for a server that cannot be reached or an account that may not write,
/// `MySQLInvalidConfig` for a read-only server.
pub(crate) async fn check(config: &MysqlConfig) -> Result<()> {
    let (mut conn, facts) = open(config).await?;
    let address = config.connect.address();
    conn.query_drop("START TRANSACTION READ WRITE; ROLLBACK")
        .await
        .map_err(|error| {
            let message = format!(
                "the downstream {address} is read-only for user {:?}",
                config.connect.user
            );
            CdcError::new(ErrorCode::MySQLInvalidConfig, message).with_source(error)
        })?;
    let grants: Vec<Row> = conn
        .query("SHOW GRANTS")
        .await
        .map_err(|error| query_error("read the grants of the user", error))?;
    let means_nothing =
        |row: &Row| column::<String>(Some(row), 0).is_some_and(|grant| grant.starts_with("GRANT USAGE "));
    if grants.iter().all(means_nothing) {
        return Err(CdcError::new(
            ErrorCode::MySQLConnectionError,
            format_args!(
                "user {:?} has no privileges on {address}: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, \
                 ALTER, INDEX, CREATE VIEW ON *.* TO it",
                config.connect.user
            ),
        ));
    }
    tracing::debug!(%address, version = %facts.version, "downstream accepted");
    // The answer to a farewell is of no interest.
    drop(conn.disconnect().await);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base64_text_is_a_second_password() {
        assert_eq!(decoded_password("c2VjcmV0").as_deref(), Some("secret"));
        assert_eq!(decoded_password("not base64!"), None);
        assert_eq!(decoded_password(""), None);
        assert_eq!(decoded_password("/w=="), None);
    }
}
