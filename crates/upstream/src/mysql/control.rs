//! Questions to the server on an ordinary connection: settings, clock, positions, files.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tidegate_model::{CdcError, ErrorCode, Result};
use tidegate_mysql::binlog::CollationTable;
use tidegate_mysql::{ConnectOptions, Flavour, GtidSet, Position, ServerFacts, connect, query_error};

use super::catalogue::{opt_text, text};
use super::kept::Kept;

/// Opens a control connection.
///
/// # Errors
/// Those of [`connect`].
pub(crate) async fn open(options: &ConnectOptions) -> Result<Conn> {
    let mut conn = Box::pin(connect(options)).await?;
    // UNIX_TIMESTAMP(NOW()) is ambiguous in a zone with summer time.
    run(&mut conn, "SET SESSION time_zone = '+00:00'").await?;
    Ok(conn)
}

/// What the server says about itself.
pub(crate) async fn load_facts(conn: &mut Conn) -> Result<ServerFacts> {
    let version = rows(conn, "SELECT VERSION()").await?;
    let mut facts = ServerFacts {
        version: version.first().map(|row| text(row, 0)).unwrap_or_default(),
        ..ServerFacts::default()
    };
    facts.variables = rows(conn, &ServerFacts::variables_query())
        .await?
        .iter()
        .map(|row| (text(row, 0).to_ascii_lowercase(), text(row, 1)))
        .collect();
    if let Some(status) = rows(conn, status_statement(&facts))
        .await
        .map_err(needs_status)?
        .first()
    {
        facts.binlog_filters = (text(status, 2), text(status, 3));
    }
    // MariaDB wants one more privilege for this question alone: without it the check for replicas is left out.
    facts.is_replica = match rows(conn, replica_statement(&facts)).await {
        Ok(rows) => !rows.is_empty(),
        Err(error) if error.code() == ErrorCode::UpstreamAccessDenied => false,
        Err(error) => return Err(error),
    };
    Ok(facts)
}

fn needs_status(error: CdcError) -> CdcError {
    if error.code() != ErrorCode::UpstreamAccessDenied {
        return error;
    }
    CdcError::new(
        ErrorCode::UpstreamAccessDenied,
        "the replication user may not ask for the binlog's state. Run: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON \
         *.* TO '<user>'@'<host>';",
    )
    .with_source(error)
}

fn status_statement(facts: &ServerFacts) -> &'static str {
    if facts.flavour() == Flavour::MySql && facts.version_number() >= (8, 2) {
        "SHOW BINARY LOG STATUS"
    } else {
        "SHOW MASTER STATUS"
    }
}

fn replica_statement(facts: &ServerFacts) -> &'static str {
    if facts.flavour() == Flavour::MySql && facts.version_number() >= (8, 0) {
        "SHOW REPLICA STATUS"
    } else {
        "SHOW SLAVE STATUS"
    }
}

/// The server's clock, and a position that holds everything committed before that time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Probe {
    pub(crate) clock_ms: u64,
    pub(crate) end: Position,
}

/// Where a timeline begins: a position, and a time before which nothing behind it was committed.
pub(crate) async fn origin(conn: &mut Conn, facts: &ServerFacts) -> Result<Probe> {
    let end = end_position(conn, facts).await?;
    let clock_ms = clock(conn).await?;
    Ok(Probe { clock_ms, end })
}

/// Reads the clock first and the end of the log after it.
pub(crate) async fn probe(conn: &mut Conn, facts: &ServerFacts) -> Result<Probe> {
    let clock_ms = clock(conn).await?;
    let end = end_position(conn, facts).await?;
    Ok(Probe { clock_ms, end })
}

/// The server's clock in unix milliseconds.
pub(crate) async fn clock(conn: &mut Conn) -> Result<u64> {
    let clock = rows(conn, "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS UNSIGNED)").await?;
    clock
        .first()
        .and_then(|row| text(row, 0).parse().ok())
        .ok_or_else(|| CdcError::new(ErrorCode::UpstreamConnection, "the server did not tell the time"))
}

/// The end of the log now. With GTIDs the set holds everything up to the offset, and perhaps more.
pub(crate) async fn end_position(conn: &mut Conn, facts: &ServerFacts) -> Result<Position> {
    let status = rows(conn, status_statement(facts)).await?;
    let Some(status) = status.first() else {
        return Err(no_binlog());
    };
    let (file, offset) = (text(status, 0), text(status, 1).parse().unwrap_or(4));
    let gtid = match facts.flavour() {
        // The set of exactly this offset would cost the server a scan of the file.
        Flavour::MariaDb => Some(GtidSet::parse_mariadb(
            &value(conn, "SELECT @@global.gtid_binlog_pos").await?,
        )?),
        Flavour::MySql if facts.has_gtids() => Some(GtidSet::parse_mysql(&text(status, 4))?),
        Flavour::MySql => None,
    };
    Ok(Position {
        gtid,
        file: file.into(),
        offset,
    })
}

/// What the server still has of its log.
pub(crate) async fn kept(conn: &mut Conn, facts: &ServerFacts) -> Result<Kept> {
    let listed = rows(conn, "SHOW BINARY LOGS").await.map_err(needs_status)?;
    let files: Vec<(String, u64)> = listed
        .iter()
        .map(|row| (text(row, 0), text(row, 1).parse().unwrap_or(0)))
        .collect();
    let Some((oldest, _)) = files.first() else {
        return Err(no_binlog());
    };
    let purged = match facts.flavour() {
        Flavour::MariaDb => {
            let oldest = oldest.replace('\'', "''");
            let sql = format!("SELECT BINLOG_GTID_POS('{oldest}', 4)");
            // NULL for a file that does not say what is before it.
            let answer = rows(conn, &sql).await?.first().and_then(|row| opt_text(row, 0));
            answer.map(|set| GtidSet::parse_mariadb(&set)).transpose()?
        }
        Flavour::MySql if facts.has_gtids() => Some(GtidSet::parse_mysql(
            &value(conn, "SELECT @@global.gtid_purged").await?,
        )?),
        Flavour::MySql => None,
    };
    Ok(Kept { files, purged })
}

fn no_binlog() -> CdcError {
    CdcError::new(ErrorCode::UpstreamMisconfigured, "the server writes no binlog")
}

/// The one value that a question has for an answer; NULL is none.
async fn value(conn: &mut Conn, sql: &str) -> Result<String> {
    let rows = rows(conn, sql).await?;
    rows.first().and_then(|row| opt_text(row, 0)).ok_or_else(|| {
        CdcError::new(
            ErrorCode::UpstreamConnection,
            format!("the upstream has no answer to {sql}"),
        )
    })
}

/// The built-in collations together with what the server lists.
pub(crate) async fn load_collations(conn: &mut Conn) -> Result<CollationTable> {
    let mut table = CollationTable::builtin();
    let sql = "SELECT ID, COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS \
               WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL";
    for row in rows(conn, sql).await? {
        if let Ok(id) = text(&row, 0).parse() {
            table.insert(id, &text(&row, 1), &text(&row, 2));
        }
    }
    Ok(table)
}

async fn rows(conn: &mut Conn, sql: &str) -> Result<Vec<Row>> {
    conn.query(sql)
        .await
        .map_err(|error| query_error("ask the upstream for its state", error))
}

async fn run(conn: &mut Conn, sql: &str) -> Result<()> {
    conn.query_drop(sql)
        .await
        .map_err(|error| query_error("prepare the control connection", error))
}
