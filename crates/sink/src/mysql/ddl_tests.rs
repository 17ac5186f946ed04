//! Schema changes on a real server.

use std::sync::Arc;

use tidegate_mariadb::Server;
use tidegate_model::{DdlEvent, DdlKind, DdlSession, DdlTable, ErrorCode, TableName, Ts};

use super::fingerprint::{Depth, fingerprint};
use super::mysql_sink::MysqlSink;
use super::session;
use super::testing::{config, feed, open, schema, server};
use crate::sink::EventSink;

/// `tables`: names of the default schema, `old>new` for a rename.
pub(super) fn ddl(
    commit_ts: u64,
    kind: DdlKind,
    schema: &str,
    tables: &[&str],
    query: &str,
) -> Arc<DdlEvent> {
    let tables = tables
        .iter()
        .map(|table| {
            let (old, new) = table
                .split_once('>')
                .map_or((None, *table), |(old, new)| (Some(old), new));
            DdlTable {
                name: TableName::new(schema, new),
                old_name: old.map(|old| TableName::new(schema, old)),
                info: None,
            }
        })
        .collect();
    let is_schema = matches!(kind, DdlKind::CreateSchema | DdlKind::DropSchema);
    Arc::new(DdlEvent {
        start_ts: Ts::from_u64(commit_ts - 1),
        commit_ts: Ts::from_u64(commit_ts),
        kind,
        schema: schema.into(),
        query: query.into(),
        tables,
        target_schema: is_schema.then(|| schema.into()),
        session: DdlSession::default(),
        origin: "".into(),
    })
}

async fn indexes(server: &Server, schema: &str) -> String {
    let query = format!(
        "SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{schema}' ORDER BY 1"
    );
    server.sql(&query).await.unwrap().replace('\n', " ")
}

/// As a crash between the statement and the end of its bookkeeping leaves it.
async fn pretend_unfinished(server: &Server, changefeed: &str) {
    let forget = format!(
        "UPDATE tidb_cdc.tidegate_ddl_v2 SET finished = 0, fingerprint = '0000000000000001' WHERE changefeed = \
         'default/{changefeed}'"
    );
    server.sql(&forget).await.unwrap();
}

#[tokio::test]
async fn schemas_and_tables_come_and_go() {
    let server = schema("ddl_plain", "").await;
    server.sql("DROP DATABASE ddl_plain").await.unwrap();
    let sink = open(server, "ddl-plain").await;
    for (ts, kind, tables, query) in [
        (10, DdlKind::CreateSchema, &[][..], "CREATE DATABASE ddl_plain"),
        (
            12,
            DdlKind::CreateTable,
            &["t"],
            "CREATE TABLE t (id INT PRIMARY KEY)",
        ),
        (
            14,
            DdlKind::AddColumn,
            &["t"],
            "ALTER TABLE t ADD COLUMN v VARCHAR(10) DEFAULT 'x'",
        ),
        (16, DdlKind::RenameTable, &["t>u"], "RENAME TABLE t TO u"),
        (
            18,
            DdlKind::CreateView,
            &["w"],
            "CREATE VIEW w AS SELECT v FROM u",
        ),
    ] {
        sink.write_ddl(ddl(ts, kind, "ddl_plain", tables, query))
            .await
            .unwrap();
    }
    server
        .sql("INSERT INTO ddl_plain.u (id) VALUES (1)")
        .await
        .unwrap();
    assert_eq!(server.sql("SELECT v FROM ddl_plain.w").await.unwrap(), "x\n");
    let drop = ddl(
        20,
        DdlKind::DropSchema,
        "ddl_plain",
        &[],
        "DROP DATABASE ddl_plain",
    );
    sink.write_ddl(drop).await.unwrap();
    assert_eq!(server.sql("SHOW DATABASES LIKE 'ddl_plain'").await.unwrap(), "");
}

/// An unnamed index gets a second one when the statement runs twice: no error tells.
#[tokio::test]
async fn a_change_that_ran_before_a_crash_does_not_run_again() {
    let server = schema("ddl_crash", "CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let add = ddl(
        10,
        DdlKind::CreateIndex,
        "ddl_crash",
        &["t"],
        "ALTER TABLE t ADD INDEX (v)",
    );
    for _ in 0..2 {
        // Finished: the checkpoint was not stored.
        open(server, "ddl-crash")
            .await
            .write_ddl(Arc::clone(&add))
            .await
            .unwrap();
        assert_eq!(indexes(server, "ddl_crash").await, "PRIMARY v ");
    }
    // Unfinished, but in effect.
    pretend_unfinished(server, "ddl-crash").await;
    open(server, "ddl-crash")
        .await
        .write_ddl(Arc::clone(&add))
        .await
        .unwrap();
    assert_eq!(indexes(server, "ddl_crash").await, "PRIMARY v ");
    // The downstream was put back: the record no longer describes it.
    server.sql("ALTER TABLE ddl_crash.t DROP INDEX v").await.unwrap();
    open(server, "ddl-crash").await.write_ddl(add).await.unwrap();
    assert_eq!(indexes(server, "ddl_crash").await, "PRIMARY v ");
}

#[tokio::test]
async fn a_change_that_a_crash_kept_from_running_runs() {
    let server = schema("ddl_cut", "CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let first = ddl(
        10,
        DdlKind::CreateIndex,
        "ddl_cut",
        &["t"],
        "ALTER TABLE t ADD INDEX a (v)",
    );
    open(server, "ddl-cut").await.write_ddl(first).await.unwrap();
    // The books say that 12 was about to run on the table as it is now.
    server
        .sql("UPDATE tidb_cdc.tidegate_ddl_v2 SET finished = 0, ddl_ts = '12' WHERE changefeed = 'default/ddl-cut'")
        .await
        .unwrap();
    let second = ddl(
        12,
        DdlKind::CreateIndex,
        "ddl_cut",
        &["t"],
        "ALTER TABLE t ADD INDEX b (v)",
    );
    open(server, "ddl-cut").await.write_ddl(second).await.unwrap();
    assert_eq!(indexes(server, "ddl_cut").await, "a b PRIMARY ");
}

#[tokio::test]
async fn tables_that_swap_names_swap_once() {
    let tables = "CREATE TABLE a (id INT PRIMARY KEY); INSERT INTO a VALUES (1); \
                  CREATE TABLE b (id INT PRIMARY KEY, v INT); INSERT INTO b VALUES (2, 2)";
    let server = schema("ddl_swap", tables).await;
    let query = "RENAME TABLE a TO c, b TO a, c TO b";
    let swap = ddl(
        10,
        DdlKind::RenameTable,
        "ddl_swap",
        &["a>c", "b>a", "c>b"],
        query,
    );
    let before = print_of(server, &swap).await;
    for _ in 0..2 {
        open(server, "ddl-swap")
            .await
            .write_ddl(Arc::clone(&swap))
            .await
            .unwrap();
        assert_eq!(server.sql("SELECT id FROM ddl_swap.a").await.unwrap(), "2\n");
    }
    pretend_interrupted(server, "ddl-swap", &before).await;
    open(server, "ddl-swap").await.write_ddl(swap).await.unwrap();
    assert_eq!(server.sql("SELECT id FROM ddl_swap.a").await.unwrap(), "2\n");
}

/// As a crash between the first line of the books and the statement, or its answer, leaves it.
async fn pretend_interrupted(server: &Server, changefeed: &str, before: &str) {
    let back = format!(
        "UPDATE tidb_cdc.tidegate_ddl_v2 SET finished = 0, fingerprint = '{before}' WHERE changefeed = \
         'default/{changefeed}'"
    );
    server.sql(&back).await.unwrap();
}

/// The fingerprint that the books would hold before `ddl`.
async fn print_of(server: &Server, ddl: &DdlEvent) -> String {
    let (mut conn, _) = session::open(&config(server)).await.unwrap();
    let print = fingerprint(&mut conn, ddl, Depth::Content).await.unwrap();
    assert!(print.decisive);
    format!("{:016x}", print.hash)
}

/// Both tables look the same before and after: an unfinished exchange was once taken for one that had not run, and was
/// undone by the next try.
#[tokio::test]
async fn a_partition_that_was_exchanged_before_a_crash_is_not_exchanged_back() {
    let tables = "CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (9)); \
                  INSERT INTO t VALUES (1); CREATE TABLE u (id INT PRIMARY KEY); INSERT INTO u VALUES (2)";
    let server = schema("ddl_exchange", tables).await;
    let query = "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u";
    let exchange = ddl(10, DdlKind::ExchangePartition, "ddl_exchange", &["t", "u"], query);
    let before = print_of(server, &exchange).await;
    let sink = open(server, "ddl-exchange").await;
    for _ in 0..2 {
        sink.write_ddl(Arc::clone(&exchange)).await.unwrap();
        assert_eq!(server.sql("SELECT id FROM ddl_exchange.t").await.unwrap(), "2\n");
        // It ran, and the answer was lost.
        pretend_interrupted(server, "ddl-exchange", &before).await;
    }
    // It did not run.
    server.sql(&format!("USE ddl_exchange; {query}")).await.unwrap();
    sink.write_ddl(exchange).await.unwrap();
    assert_eq!(server.sql("SELECT id FROM ddl_exchange.t").await.unwrap(), "2\n");
}

/// As the exchange above: same shape, made in the same second.
#[tokio::test]
async fn twins_that_swap_names_swap_once() {
    let tables = "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b LIKE a; INSERT INTO a VALUES (1); \
                  INSERT INTO b VALUES (2)";
    let server = schema("ddl_twins", tables).await;
    let query = "RENAME TABLE a TO c, b TO a, c TO b";
    let swap = ddl(
        10,
        DdlKind::RenameTable,
        "ddl_twins",
        &["a>c", "b>a", "c>b"],
        query,
    );
    let before = print_of(server, &swap).await;
    let sink = open(server, "ddl-twins").await;
    for _ in 0..2 {
        sink.write_ddl(Arc::clone(&swap)).await.unwrap();
        assert_eq!(server.sql("SELECT id FROM ddl_twins.a").await.unwrap(), "2\n");
        pretend_interrupted(server, "ddl-twins", &before).await;
    }
}

/// A table that is neither where it was nor where the change takes it: taken for the change, its rows would mix.
#[tokio::test]
async fn a_swap_of_tables_that_somebody_touched_is_left_to_a_person() {
    let tables = "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b LIKE a; INSERT INTO a VALUES (1)";
    let server = schema("ddl_touched", tables).await;
    let query = "RENAME TABLE a TO c, b TO a, c TO b";
    let swap = ddl(
        10,
        DdlKind::RenameTable,
        "ddl_touched",
        &["a>c", "b>a", "c>b"],
        query,
    );
    let before = print_of(server, &swap).await;
    let sink = open(server, "ddl-touched").await;
    sink.write_ddl(Arc::clone(&swap)).await.unwrap();
    pretend_interrupted(server, "ddl-touched", &before).await;
    server.sql("ALTER TABLE ddl_touched.a FORCE").await.unwrap();
    let error = sink.write_ddl(swap).await.unwrap_err();
    assert!(
        error.to_string().contains("does not show whether it took place"),
        "{error}"
    );
    assert_eq!(server.sql("SELECT id FROM ddl_touched.b").await.unwrap(), "1\n");
}

/// The record of a refused change was once left unfinished: the first change of the table by somebody else then looked
/// like its effect, and it never ran.
#[tokio::test]
async fn a_refused_change_runs_once_the_reason_is_gone() {
    let server = schema("ddl_retry", "CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let sink = open(server, "ddl-retry").await;
    let query = "ALTER TABLE t ADD INDEX a (w)";
    let add = ddl(10, DdlKind::CreateIndex, "ddl_retry", &["t"], query);
    let refused = sink.write_ddl(Arc::clone(&add)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ExecDDLFailed);
    server
        .sql("ALTER TABLE ddl_retry.t ADD COLUMN w INT")
        .await
        .unwrap();
    sink.write_ddl(add).await.unwrap();
    assert_eq!(indexes(server, "ddl_retry").await, "a PRIMARY ");
}

/// Nothing of a table that was emptied tells that it was: a changefeed that went back once skipped the statement.
#[tokio::test]
async fn a_table_is_emptied_again_when_the_changefeed_goes_back() {
    let server = schema("ddl_empty", "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let truncate = ddl(
        10,
        DdlKind::TruncateTable,
        "ddl_empty",
        &["t"],
        "TRUNCATE TABLE t",
    );
    let sink = open(server, "ddl-empty").await;
    for _ in 0..2 {
        server.sql("INSERT INTO ddl_empty.t VALUES (1)").await.unwrap();
        sink.write_ddl(Arc::clone(&truncate)).await.unwrap();
        assert_eq!(server.sql("SELECT * FROM ddl_empty.t").await.unwrap(), "");
    }
}

/// What an earlier history left in the books says nothing about this one.
#[tokio::test]
async fn a_record_of_an_earlier_history_does_not_count() {
    let server = schema("ddl_history", "CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let query = "ALTER TABLE t ADD INDEX (v)";
    let add = ddl(10, DdlKind::CreateIndex, "ddl_history", &["t"], query);
    for incarnation in ["1", "2", "2"] {
        let mut feed = feed("ddl-history", Ts::ZERO);
        incarnation.clone_into(&mut feed.incarnation);
        let sink = MysqlSink::open(config(server), feed).await.unwrap();
        sink.write_ddl(Arc::clone(&add)).await.unwrap();
    }
    assert_eq!(indexes(server, "ddl_history").await, "PRIMARY v v_2 ");
}

#[tokio::test]
async fn the_session_of_the_upstream_is_imitated() {
    let server = schema("ddl_session", "").await;
    let sink = open(server, "ddl-session").await;
    let query =
        "CREATE TABLE \"t\" (id INT PRIMARY KEY, at TIMESTAMP DEFAULT '2024-07-01 12:00:00', n TIMESTAMP)";
    let mut create = (*ddl(10, DdlKind::CreateTable, "ddl_session", &["t"], query)).clone();
    create.session = DdlSession {
        sql_mode: Some("ANSI_QUOTES,STRICT_ALL_TABLES".into()),
        time_zone: Some("Europe/Berlin".into()),
        timestamp_seconds: 1_719_828_000,
        ..DdlSession::default()
    };
    sink.write_ddl(Arc::new(create)).await.unwrap();
    let mut add = (*ddl(
        12,
        DdlKind::AddColumn,
        "ddl_session",
        &["t"],
        "ALTER TABLE t ADD d DATETIME DEFAULT NOW()",
    ))
    .clone();
    add.session.time_zone = Some("+00:00".into());
    add.session.timestamp_seconds = 1_719_828_000;
    server
        .sql("INSERT INTO ddl_session.t (id) VALUES (1)")
        .await
        .unwrap();
    sink.write_ddl(Arc::new(add)).await.unwrap();
    let row = server
        .sql("SET time_zone = '+00:00'; SELECT at, n, d FROM ddl_session.t")
        .await
        .unwrap();
    assert_eq!(row, "2024-07-01 10:00:00\tNULL\t2024-07-01 10:00:00\n");
}

/// A schema made without a character set once got the downstream's default: characters it lacks became question marks.
#[tokio::test]
async fn a_schema_gets_the_default_of_the_upstream() {
    let server = server().await;
    let sink = open(server, "ddl-collation").await;
    for (ts, collation, expect) in [
        (10, "latin2_czech_cs", "latin2_czech_cs"),
        // Unknown here: the character set counts.
        (12, "utf8mb4_0900_ai_ci", "utf8mb4_general_ci"),
        (14, "utf8mb3_unknown_ci", "utf8mb3_general_ci"),
    ] {
        let query = "CREATE OR REPLACE DATABASE ddl_collation";
        let mut create = (*ddl(ts, DdlKind::CreateSchema, "ddl_collation", &[], query)).clone();
        create.session.server_collation = Some(collation.into());
        sink.write_ddl(Arc::new(create)).await.unwrap();
        let found = server
            .sql("SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'ddl_collation'")
            .await
            .unwrap();
        assert_eq!(found.trim(), expect);
    }
}

#[tokio::test]
async fn what_is_there_already_is_taken_as_done() {
    let server = schema("ddl_there", "CREATE TABLE t (id INT PRIMARY KEY, a INT)").await;
    let sink = open(server, "ddl-there").await;
    let column = "ALTER TABLE t ADD COLUMN a INT";
    sink.write_ddl(ddl(10, DdlKind::AddColumn, "ddl_there", &["t"], column))
        .await
        .unwrap();
    sink.write_ddl(ddl(
        12,
        DdlKind::CreateTable,
        "ddl_there",
        &["t"],
        "CREATE TABLE t (id INT)",
    ))
    .await
    .unwrap();
    // Of several clauses the others are not in place.
    let both = "ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT";
    let refused = sink
        .write_ddl(ddl(14, DdlKind::MultiSchemaChange, "ddl_there", &["t"], both))
        .await;
    assert_eq!(refused.unwrap_err().code(), ErrorCode::ExecDDLFailed);
    // A name that is taken is not the renamed table.
    server.sql("CREATE TABLE ddl_there.u (id INT)").await.unwrap();
    let rename = ddl(
        16,
        DdlKind::RenameTable,
        "ddl_there",
        &["t>u"],
        "RENAME TABLE t TO u",
    );
    let refused = sink.write_ddl(rename).await;
    assert_eq!(refused.unwrap_err().code(), ErrorCode::ExecDDLFailed);
}

#[tokio::test]
async fn a_refused_change_names_itself() {
    let server = schema("ddl_refused", "").await;
    let sink = open(server, "ddl-refused").await;
    let nonsense = ddl(
        10,
        DdlKind::AddColumn,
        "ddl_refused",
        &["t"],
        "ALTER TABLE t ADD COLUMN",
    );
    let error = sink.write_ddl(nonsense).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ExecDDLFailed);
    assert!(
        error.message().contains("start_ts 9") && error.message().contains("ALTER TABLE t"),
        "{error}"
    );
}

/// Without the bookkeeping, error numbers and a look at the names have to do.
#[tokio::test]
async fn an_account_without_a_right_to_the_books_goes_without() {
    let server = schema("ddl_poor", "CREATE TABLE t (id INT PRIMARY KEY)").await;
    server
        .sql("CREATE OR REPLACE USER poor@'127.0.0.1' IDENTIFIED BY 'pw'; GRANT ALL ON ddl_poor.* TO poor@'127.0.0.1'")
        .await
        .unwrap();
    let mut config = config(server);
    "poor".clone_into(&mut config.connect.user);
    "pw".clone_into(&mut config.connect.password);
    let add = ddl(
        10,
        DdlKind::AddColumn,
        "ddl_poor",
        &["t"],
        "ALTER TABLE t ADD COLUMN v INT",
    );
    let rename = ddl(
        12,
        DdlKind::RenameTable,
        "ddl_poor",
        &["t>u"],
        "RENAME TABLE t TO u",
    );
    for change in [&add, &add, &rename, &rename] {
        let sink = MysqlSink::open(config.clone(), feed("ddl-poor", Ts::ZERO))
            .await
            .unwrap();
        sink.write_ddl(Arc::clone(change)).await.unwrap();
    }
    assert_eq!(server.sql("SHOW TABLES FROM ddl_poor").await.unwrap(), "u\n");
}
