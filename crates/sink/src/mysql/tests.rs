//! The sink on a real server.

use std::sync::Arc;
use std::time::Duration;

use tidegate_mariadb::{Server, ServerOptions};
use tidegate_model::{ColumnType, Datum, DdlKind, ErrorCode, RowBlock, RowOp, TableInfo, Ts, TxnEvent};
use tokio::time::Instant;

use super::config::{Atomicity, MysqlConfig};
use super::errors::server_code;
use super::metrics::MysqlMetrics;
use super::mysql_sink::MysqlSink;
use super::session;
use super::testing::{
    Heard, batch, block, column, config, deleted, feed, inserted, open, pairs, part, schema, server, table,
    text, txn, updated,
};
use crate::OnTrouble;
use crate::sink::EventSink;

const PAIRS: &str = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(50) UNIQUE)";

async fn rows(server: &Server, schema: &str) -> String {
    server
        .sql(&format!("SELECT id, v FROM {schema}.t ORDER BY id, BINARY v"))
        .await
        .unwrap()
}

/// Writes `txns` as batch 1 and waits for the outcome.
async fn write(sink: &MysqlSink, txns: Vec<TxnEvent>) -> Vec<(u64, bool)> {
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, txns)).await.unwrap();
    sink.flush().await.unwrap();
    heard.all()
}

#[tokio::test]
async fn rows_arrive_and_are_acknowledged_after_the_commit() {
    let server = schema("arrive", PAIRS).await;
    let t = pairs("arrive", "t");
    let sink = open(server, "arrive").await;
    let heard = Arc::new(Heard::default());
    let history = vec![
        txn(10, vec![inserted(&t, 1, "a"), inserted(&t, 2, "b")]),
        txn(
            12,
            vec![
                updated(&t, (1, "a"), (1, "it's")),
                updated(&t, (2, "b"), (3, "b")),
            ],
        ),
        txn(14, vec![inserted(&t, 4, "d"), deleted(&t, 4, "d")]),
    ];
    sink.write(batch(&heard, 7, history)).await.unwrap();
    heard.until(1).await;
    assert_eq!(rows(server, "arrive").await, "1\tit's\n3\tb\n");
    assert_eq!(heard.all(), [(7, true)]);
    sink.close(Duration::from_secs(60)).await.unwrap();
    sink.close(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn a_batch_without_rows_is_acknowledged() {
    let server = schema("empty", PAIRS).await;
    let sink = open(server, "empty").await;
    assert_eq!(write(&sink, vec![txn(10, vec![])]).await, [(1, true)]);
}

/// Rows that are there already, as after a crash between commit and checkpoint.
#[tokio::test]
async fn a_taken_key_is_overwritten_without_a_restart() {
    let server = schema("taken", PAIRS).await;
    server
        .sql("INSERT INTO taken.t VALUES (1,'old'),(9,'b')")
        .await
        .unwrap();
    let t = pairs("taken", "t");
    let sink = open(server, "taken").await;
    let history = vec![
        txn(10, vec![inserted(&t, 1, "a")]),
        txn(12, vec![inserted(&t, 2, "b"), updated(&t, (1, "a"), (5, "a"))]),
    ];
    assert_eq!(write(&sink, history).await, [(1, true)]);
    assert_eq!(rows(server, "taken").await, "2\tb\n5\ta\n");
    assert_eq!(
        MysqlMetrics::of(&feed("taken", Ts::ZERO).changefeed).safe_retries(),
        1
    );
}

/// Every prefix of a history may have been applied when it is sent again from its start.
#[tokio::test]
async fn a_repeated_history_ends_in_the_same_state() {
    let server = schema("again", PAIRS).await;
    let t = pairs("again", "t");
    let history = [
        txn(
            10,
            vec![inserted(&t, 1, "a"), inserted(&t, 2, "b"), inserted(&t, 3, "c")],
        ),
        // The unique values of two rows change places through a third.
        txn(
            12,
            vec![
                updated(&t, (1, "a"), (1, "x")),
                updated(&t, (2, "b"), (2, "a")),
                updated(&t, (1, "x"), (1, "b")),
            ],
        ),
        // The keys move up by one.
        txn(
            14,
            vec![
                updated(&t, (3, "c"), (4, "c")),
                updated(&t, (2, "a"), (3, "a")),
                updated(&t, (1, "b"), (2, "b")),
            ],
        ),
        txn(
            16,
            vec![
                deleted(&t, 4, "c"),
                inserted(&t, 1, "c"),
                updated(&t, (1, "c"), (1, "d")),
            ],
        ),
    ];
    let expect = "1\td\n2\tb\n3\ta\n";
    for applied in 0..=history.len() {
        server.sql("TRUNCATE again.t").await.unwrap();
        let first = open(server, "again").await;
        for txn in &history[..applied] {
            write(&first, vec![txn.clone()]).await;
        }
        let second = MysqlSink::open(config(server), feed("again", Ts::from_u64(16)))
            .await
            .unwrap();
        assert_eq!(write(&second, history.to_vec()).await, [(1, true)]);
        assert_eq!(
            rows(server, "again").await,
            expect,
            "after {applied} transactions"
        );
    }
}

#[tokio::test]
async fn a_session_that_is_killed_is_replaced() {
    let server = schema("killed", PAIRS).await;
    let t = pairs("killed", "t");
    let sink = open(server, "killed").await;
    write(&sink, vec![txn(10, vec![inserted(&t, 1, "a")])]).await;
    // Sessions of other tests must live: this one is known by the lock that keeps it waiting.
    let heard = Arc::new(Heard::default());
    let lock = server.sql("BEGIN; SELECT * FROM killed.t WHERE id = 1 FOR UPDATE; SELECT SLEEP(2); COMMIT");
    let kill = async {
        let find = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE `killed`%'";
        let mut id = String::new();
        while id.is_empty() {
            assert!(heard.all().is_empty(), "the row is locked");
            tokio::time::sleep(Duration::from_millis(5)).await;
            id = server.sql(find).await.unwrap();
        }
        server.sql(&format!("KILL {id}")).await.unwrap();
    };
    let write = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let update = vec![txn(12, vec![updated(&t, (1, "a"), (1, "b"))])];
        sink.write(batch(&heard, 1, update)).await.unwrap();
        sink.flush().await.unwrap();
    };
    let (locked, (), ()) = tokio::join!(lock, kill, write);
    locked.unwrap();
    assert_eq!(heard.all(), [(1, true)]);
    assert_eq!(rows(server, "killed").await, "1\tb\n");
}

/// Sessions of a quiet changefeed are ended by the server one day, which is no reason for a warning.
#[tokio::test]
async fn a_session_that_was_idle_for_long_is_tried_first() {
    let server = server().await;
    let (conn, _) = session::open(&config(server)).await.unwrap();
    let (now, long_ago) = (
        Instant::now(),
        Instant::now().checked_sub(Duration::from_secs(60)).unwrap(),
    );
    let conn = session::if_alive(conn, now).await.unwrap();
    let conn = session::if_alive(conn, long_ago).await.unwrap();
    server.sql(&format!("KILL {}", conn.id())).await.unwrap();
    assert!(session::if_alive(conn, long_ago).await.is_none());
}

#[tokio::test]
async fn a_downstream_that_comes_back_gets_what_it_missed() {
    let mut server = Server::start(ServerOptions::default()).await.unwrap();
    server
        .sql(&format!("CREATE DATABASE back; USE back; {PAIRS}"))
        .await
        .unwrap();
    let t = pairs("back", "t");
    let sink = open(&server, "back").await;
    write(&sink, vec![txn(10, vec![inserted(&t, 1, "a")])]).await;
    server.kill().await.unwrap();
    let heard = Arc::new(Heard::default());
    let missed = vec![txn(
        12,
        vec![inserted(&t, 2, "b"), updated(&t, (1, "a"), (1, "c"))],
    )];
    sink.write(batch(&heard, 1, missed)).await.unwrap();
    server.restart().await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(heard.all(), [(1, true)]);
    assert_eq!(rows(&server, "back").await, "1\tc\n2\tb\n");
}

/// Tries inside the sink once went on for most of an hour while the changefeed looked healthy.
#[tokio::test]
async fn what_is_tried_again_is_told() {
    let mut server = Server::start(ServerOptions::default()).await.unwrap();
    server
        .sql(&format!("CREATE DATABASE told; USE told; {PAIRS}"))
        .await
        .unwrap();
    let t = pairs("told", "t");
    let troubles = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut feed = feed("told", Ts::ZERO);
    feed.on_trouble = OnTrouble::new({
        let troubles = Arc::clone(&troubles);
        move |trouble| troubles.lock().unwrap().push(trouble.error.code())
    });
    let told = async |code: ErrorCode| {
        let heard = async {
            while !troubles.lock().unwrap().contains(&code) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), heard)
            .await
            .unwrap();
    };
    let sink = MysqlSink::open(config(&server), feed).await.unwrap();
    write(&sink, vec![txn(10, vec![inserted(&t, 1, "a")])]).await;
    server.kill().await.unwrap();
    let heard = Arc::new(Heard::default());
    let missed = vec![txn(12, vec![inserted(&t, 2, "b")])];
    sink.write(batch(&heard, 1, missed)).await.unwrap();
    told(ErrorCode::MySQLTxnError).await;
    troubles.lock().unwrap().clear();
    let ddl = super::ddl_tests::ddl(
        14,
        DdlKind::AddColumn,
        "told",
        &["t"],
        "ALTER TABLE t ADD COLUMN n INT",
    );
    let back = async {
        told(ErrorCode::MySQLConnectionError).await;
        server.restart().await.unwrap();
    };
    let (applied, ()) = tokio::join!(sink.write_ddl(ddl), back);
    applied.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(heard.all(), [(1, true)]);
}

#[tokio::test]
async fn a_missing_table_fails_at_once_and_loses_the_batch() {
    let server = schema("missing", "").await;
    let t = pairs("missing", "t");
    let sink = open(server, "missing").await;
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, vec![inserted(&t, 1, "a")])]))
        .await
        .unwrap();
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::MySQLTxnError);
    assert!(
        error.wire_message().contains("missing.t"),
        "{}",
        error.wire_message()
    );
    assert_eq!(heard.all(), [(1, false)]);
    let again = sink
        .write(batch(&heard, 2, vec![txn(12, vec![])]))
        .await
        .unwrap_err();
    assert_eq!(again.code(), ErrorCode::MySQLTxnError);
}

/// Counts the transactions that the server committed on a table, from its binlog's point of view.
async fn commits(server: &Server) -> u64 {
    let status = server
        .sql("SHOW GLOBAL STATUS LIKE 'Binlog_commits'")
        .await
        .unwrap();
    status.trim().rsplit('\t').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_transaction_in_parts_is_cut_or_kept_whole_as_configured() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    server
        .sql(&format!("CREATE DATABASE cut; USE cut; {PAIRS}"))
        .await
        .unwrap();
    let t = pairs("cut", "t");
    let values: Vec<String> = (0..50).map(|id| id.to_string()).collect();
    let all: Vec<[Datum<'_>; 2]> = values
        .iter()
        .enumerate()
        .map(|(id, v)| [Datum::Int(id as i64), text(v)])
        .collect();
    let all: Vec<&[Datum<'_>]> = all.iter().map(|row| &row[..]).collect();
    for (atomicity, expect) in [(Atomicity::None, 2), (Atomicity::Table, 1)] {
        server.sql("TRUNCATE cut.t").await.unwrap();
        let config = MysqlConfig {
            max_txn_row: 10,
            atomicity,
            ..config(&server)
        };
        let sink = MysqlSink::open(config, feed("cut", Ts::ZERO)).await.unwrap();
        let before = commits(&server).await;
        let rows_of = |range: std::ops::Range<usize>| vec![block(&t, RowOp::Insert, &all[range])];
        write(&sink, vec![txn(10, rows_of(0..30))]).await;
        assert_eq!(
            commits(&server).await - before,
            1,
            "what arrives at once stays together"
        );
        let before = commits(&server).await;
        let parts = vec![
            part(12, 0, false, rows_of(30..40)),
            part(12, 1, true, rows_of(40..50)),
        ];
        write(&sink, parts).await;
        assert_eq!(commits(&server).await - before, expect, "{atomicity:?}");
        assert_eq!(rows(&server, "cut").await.lines().count(), 50);
    }
}

#[tokio::test]
async fn parts_of_a_whole_transaction_appear_together() {
    let server = schema("parts", PAIRS).await;
    let t = pairs("parts", "t");
    let config = MysqlConfig {
        atomicity: Atomicity::Table,
        ..config(server)
    };
    let sink = MysqlSink::open(config, feed("parts", Ts::ZERO)).await.unwrap();
    let heard = Arc::new(Heard::default());
    let before = txn(10, vec![inserted(&t, 1, "a")]);
    sink.write(batch(
        &heard,
        1,
        vec![before, part(12, 0, false, vec![inserted(&t, 2, "b")])],
    ))
    .await
    .unwrap();
    sink.write(batch(
        &heard,
        2,
        vec![part(12, 1, false, vec![inserted(&t, 3, "c")])],
    ))
    .await
    .unwrap();
    heard.until(1).await;
    assert_eq!(rows(server, "parts").await, "1\ta\n");
    let rest = vec![
        part(12, 2, true, vec![updated(&t, (2, "b"), (2, "B"))]),
        txn(14, vec![inserted(&t, 5, "e")]),
    ];
    sink.write(batch(&heard, 3, rest)).await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(heard.all(), [(1, true), (2, true), (3, true)]);
    assert_eq!(rows(server, "parts").await, "1\ta\n2\tB\n3\tc\n5\te\n");
}

#[tokio::test]
async fn an_unfinished_whole_transaction_leaves_nothing() {
    let server = schema("unfinished", PAIRS).await;
    let t = pairs("unfinished", "t");
    let config = MysqlConfig {
        atomicity: Atomicity::Table,
        ..config(server)
    };
    let sink = MysqlSink::open(config, feed("unfinished", Ts::ZERO))
        .await
        .unwrap();
    let heard = Arc::new(Heard::default());
    for seq in 0..3 {
        let row = inserted(&t, i64::from(seq), &seq.to_string());
        sink.write(batch(&heard, seq.into(), vec![part(12, seq, false, vec![row])]))
            .await
            .unwrap();
    }
    // The parts are with the server, but the transaction counts only with its last part.
    heard.until(3).await;
    sink.close(Duration::from_secs(1)).await.ok();
    assert_eq!(rows(server, "unfinished").await, "");
}

#[tokio::test]
async fn without_a_key_the_identical_row_is_hit() {
    let server = schema(
        "keyless",
        "CREATE TABLE t (id INT, v VARCHAR(50) CHARACTER SET latin1)",
    )
    .await;
    let columns = vec![
        column("id", ColumnType::Int),
        column("v", ColumnType::VarChar { chars: 50 }),
    ];
    let t = table("keyless", "t", columns, &[]);
    let sink = open(server, "keyless").await;
    let history = vec![
        txn(
            10,
            vec![
                inserted(&t, 1, "é"),
                inserted(&t, 1, "É"),
                inserted(&t, 1, "e"),
                inserted(&t, 1, "e"),
            ],
        ),
        txn(
            12,
            vec![block(
                &t,
                RowOp::Insert,
                &[&[Datum::Null, Datum::Null], &[Datum::Null, Datum::Null]],
            )],
        ),
        txn(14, vec![deleted(&t, 1, "É"), updated(&t, (1, "e"), (2, "e"))]),
        txn(16, vec![block(&t, RowOp::Delete, &[&[Datum::Null, Datum::Null]])]),
    ];
    assert_eq!(write(&sink, history).await, [(1, true)]);
    assert_eq!(rows(server, "keyless").await, "NULL\tNULL\n1\te\n1\té\n2\te\n");
}

#[tokio::test]
async fn statements_of_their_own_round_trips_have_the_same_effect() {
    let server = schema("single", PAIRS).await;
    let t = pairs("single", "t");
    let config = MysqlConfig {
        batch_dml: false,
        multi_stmt: false,
        safe_mode: true,
        ..config(server)
    };
    let sink = MysqlSink::open(config, feed("single", Ts::ZERO)).await.unwrap();
    let blocks: Vec<RowBlock> = vec![
        inserted(&t, 1, "a"),
        inserted(&t, 2, "b"),
        updated(&t, (1, "a"), (3, "c")),
        deleted(&t, 2, "b"),
    ];
    assert_eq!(write(&sink, vec![txn(10, blocks)]).await, [(1, true)]);
    assert_eq!(rows(server, "single").await, "3\tc\n");
}

#[tokio::test]
async fn a_check_names_what_is_wrong() {
    let server = schema(
        "checked",
        "CREATE OR REPLACE USER nobody@'127.0.0.1' IDENTIFIED BY 'pw'",
    )
    .await;
    session::check(&config(server)).await.unwrap();
    let with = |user: &str, password: &str| {
        let mut config = config(server);
        user.clone_into(&mut config.connect.user);
        password.clone_into(&mut config.connect.password);
        config
    };
    let refused = session::check(&with("root", "hunter2")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::MySQLConnectionError);
    assert!(!refused.wire_message().contains("hunter2"));
    // "root-pw" in Base64: the original tries the decoded password too.
    session::check(&with("root", "cm9vdC1wdw==")).await.unwrap();
    let powerless = session::check(&with("nobody", "pw")).await.unwrap_err();
    assert!(powerless.message().contains("GRANT SELECT"), "{powerless}");
    let mut elsewhere = config(server);
    elsewhere.connect.port = 1;
    let unreachable = session::check(&elsewhere).await.unwrap_err();
    assert_eq!(unreachable.code(), ErrorCode::MySQLConnectionError);
}

/// A time limit for a whole text once kept a table without a key, where each row is a statement that reads all of it,
/// from ever getting on.
#[tokio::test]
async fn the_time_limit_is_for_each_statement() {
    let server = server().await;
    let (mut conn, _) = session::open(&config(server)).await.unwrap();
    let limit = Duration::from_secs(2);
    session::run(
        &mut conn,
        b"DO SLEEP(1); SELECT SLEEP(1); DO SLEEP(1); SELECT 1",
        limit,
    )
    .await
    .unwrap();
    session::run(
        &mut conn,
        b"SELECT 1; SELECT 2 FROM DUAL WHERE 1 = 0; DO 1",
        limit,
    )
    .await
    .unwrap();
    let refused = session::run(&mut conn, b"DO 1; nonsense; DO 1", limit)
        .await
        .unwrap_err();
    assert_eq!(server_code(&refused), Some(1064));
    session::run(&mut conn, b"DO 1; DO SLEEP(9)", limit)
        .await
        .unwrap_err();
}

/// Binary values once took twice their size in hexadecimal digits, and what was then too large was tried for ever.
#[tokio::test]
async fn large_binary_values_fit_and_too_large_ones_say_so() {
    let server = schema("blobs", "CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB)").await;
    let columns = vec![column("id", ColumnType::Int), column("v", ColumnType::LongBlob)];
    let t = table("blobs", "t", columns, &[0]);
    let sink = open(server, "blobs").await;
    let packet: usize = server
        .sql("SELECT @@max_allowed_packet")
        .await
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let every_byte: Vec<u8> = (0..=255).collect();
    // Quotes and backslashes stand twice.
    let fits = every_byte.repeat((packet - 1024) / 258);
    let insert = |id, v: &[u8]| {
        vec![txn(
            10,
            vec![block(&t, RowOp::Insert, &[&[Datum::Int(id), Datum::Bytes(v)]])],
        )]
    };
    assert!(fits.len() > packet / 2);
    assert_eq!(write(&sink, insert(1, &fits)).await, [(1, true)]);
    assert_eq!(write(&sink, insert(2, &every_byte)).await, [(1, true)]);
    let found = server.sql("SELECT LENGTH(v), MD5(v) = MD5(REPEAT((SELECT v FROM blobs.t WHERE id = 2), LENGTH(v)/256)) FROM blobs.t WHERE id = 1").await.unwrap();
    assert_eq!(found, format!("{}\t1\n", fits.len()));
    let hex = server
        .sql("SELECT HEX(v) FROM blobs.t WHERE id = 2")
        .await
        .unwrap();
    let expect: String = every_byte.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(hex.trim(), expect);

    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, insert(3, &vec![b'x'; packet])))
        .await
        .unwrap();
    let error = sink.flush().await.unwrap_err();
    assert!(
        error.message().contains("SET GLOBAL max_allowed_packet"),
        "{error}"
    );
}

/// Enough rows that chunks fill while others run.
#[tokio::test]
async fn many_transactions_arrive_in_order() {
    for workers in [1, 4] {
        let server = schema("many", PAIRS).await;
        let t: Arc<TableInfo> = pairs("many", "t");
        let config = MysqlConfig {
            workers,
            ..config(server)
        };
        let sink = MysqlSink::open(config, feed("many", Ts::ZERO)).await.unwrap();
        let heard = Arc::new(Heard::default());
        let mut ts = 10;
        for seq in 0..40 {
            let mut txns = Vec::new();
            for _ in 0..50 {
                let id = i64::try_from(ts / 2 % 97).unwrap();
                let v = format!("v{id}");
                txns.push(txn(
                    ts,
                    vec![
                        inserted(&t, id, &v),
                        updated(&t, (id, &v), (id + 1000, &v)),
                        deleted(&t, id + 1000, &v),
                    ],
                ));
                ts += 2;
            }
            sink.write(batch(&heard, seq, txns)).await.unwrap();
        }
        sink.flush().await.unwrap();
        let mut all = heard.all();
        if workers > 1 {
            // Writers do not wait for each other; the engine counts a batch only behind all before it.
            all.sort_unstable();
        }
        assert_eq!(all, (0..40).map(|seq| (seq, true)).collect::<Vec<_>>());
        assert_eq!(rows(server, "many").await, "");
        let metrics = MysqlMetrics::of(&feed("many", Ts::ZERO).changefeed);
        assert_eq!(metrics.safe_retries(), 0, "nothing was out of order");
        sink.close(Duration::from_secs(60)).await.unwrap();
    }
}
