//! Rows that go in bulk: the same effect as rows that go as text.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use tidegate_mariadb::{Server, ServerOptions};
use tidegate_model::{
    ColumnType, Date, DateTime, Datum, Generated, RowBlock, RowOp, TableInfo, Time, Timestamp, Ts, TxnEvent,
};

use super::config::MysqlConfig;
use super::metrics::MysqlMetrics;
use super::mysql_sink::MysqlSink;
use super::testing::{
    Heard, batch, block, column, config, deleted, feed, inserted, pairs, part, schema, table, text, txn,
    updated,
};
use crate::sink::EventSink;

const PAIRS: &str = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(50) UNIQUE)";
/// More than a run needs to go in bulk.
const RUN: i64 = 600;

/// Opens the sink with settings that `adjust` changes.
async fn open(server: &Server, name: &str, adjust: impl FnOnce(&mut MysqlConfig)) -> MysqlSink {
    let mut config = config(server);
    adjust(&mut config);
    MysqlSink::open(config, feed(name, Ts::ZERO)).await.unwrap()
}

/// Writes `txns` as batch 1 and waits for the outcome.
async fn write(sink: &MysqlSink, txns: Vec<TxnEvent>) {
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, txns)).await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(heard.all(), [(1, true)]);
}

fn bulk_rows(name: &str) -> u64 {
    MysqlMetrics::of(&feed(name, Ts::ZERO).changefeed).bulk_rows()
}

/// Inserts of the ids from `first` on, in blocks as a source yields them.
fn run(t: &Arc<TableInfo>, first: i64, rows: i64) -> Vec<RowBlock> {
    let ids: Vec<i64> = (first..first + rows).collect();
    let blocks = ids.chunks(36).map(|ids| {
        let names: Vec<String> = ids.iter().map(|id| format!("v{id}")).collect();
        let rows: Vec<[Datum<'_>; 2]> = ids
            .iter()
            .zip(&names)
            .map(|(id, name)| [Datum::Int(*id), text(name)])
            .collect();
        let rows: Vec<&[Datum<'_>]> = rows.iter().map(|row| &row[..]).collect();
        block(t, RowOp::Insert, &rows)
    });
    blocks.collect()
}

async fn summary(server: &Server, schema: &str) -> String {
    let query = format!("SELECT COUNT(*), MIN(id), MAX(id), SUM(v = CONCAT('v', id)) FROM {schema}.t");
    server.sql(&query).await.unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_long_run_goes_in_bulk_and_keeps_its_place_among_other_changes() {
    let server = schema("bulk_order", PAIRS).await;
    let t = pairs("bulk_order", "t");
    let sink = open(server, "bulk-order", |_| {}).await;
    let mut blocks = vec![inserted(&t, 5, "v700"), deleted(&t, 5, "v700")];
    blocks.extend(run(&t, 1, RUN));
    blocks.push(updated(&t, (600, "v600"), (600, "x")));
    blocks.push(deleted(&t, 1, "v1"));
    blocks.extend(run(&t, 601, RUN));
    blocks.push(updated(&t, (600, "x"), (600, "v600")));
    let history = vec![
        txn(10, blocks),
        txn(12, vec![updated(&t, (1200, "v1200"), (1, "v1"))]),
        txn(14, run(&t, 1200, 1)),
    ];
    write(&sink, history).await;
    assert_eq!(summary(server, "bulk_order").await, "1200\t1\t1200\t1200");
    assert_eq!(bulk_rows("bulk-order"), 1200);
}

#[tokio::test]
async fn short_runs_and_settings_against_it_keep_rows_out_of_bulks() {
    let server = schema("bulk_off", PAIRS).await;
    let t = pairs("bulk_off", "t");
    type Adjust = fn(&mut MysqlConfig);
    let adjust: [(&str, Adjust); 3] = [
        ("bulk-off-short", |_| {}),
        ("bulk-off-prepare", |config| config.cache_statements = false),
        ("bulk-off-batch", |config| config.batch_dml = false),
    ];
    for (number, (name, adjust)) in (0..).zip(adjust) {
        let rows = if number == 0 { 499 } else { RUN };
        let sink = open(server, name, adjust).await;
        write(&sink, vec![txn(10, run(&t, number * 1000, rows))]).await;
        assert_eq!(bulk_rows(name), 0, "{name}");
    }
    assert_eq!(summary(server, "bulk_off").await, "1699\t0\t2599\t1699");
}

/// A statement's log has no place for what a bulk inserts.
#[tokio::test]
async fn a_downstream_that_logs_statements_gets_text() {
    let options = ServerOptions {
        extra_args: vec!["--binlog-format=MIXED".to_owned()],
        ..ServerOptions::default()
    };
    let server = Server::start(options).await.unwrap();
    let create = format!("CREATE DATABASE bulk_mixed; USE bulk_mixed; {PAIRS}");
    server.sql(&create).await.unwrap();
    let t = pairs("bulk_mixed", "t");
    let sink = open(&server, "bulk-mixed", |_| {}).await;
    write(&sink, vec![txn(10, run(&t, 1, RUN))]).await;
    assert_eq!(summary(&server, "bulk_mixed").await, "600\t1\t600\t600");
    assert_eq!(bulk_rows("bulk-mixed"), 0);
}

/// Rows of a bulk that the downstream has already, as after a crash between commit and checkpoint.
#[tokio::test]
async fn a_taken_key_inside_a_bulk_is_overwritten_without_a_restart() {
    let server = schema("bulk_taken", PAIRS).await;
    let taken = "INSERT INTO bulk_taken.t VALUES (300,'old'),(9000,'v301')";
    server.sql(taken).await.unwrap();
    let t = pairs("bulk_taken", "t");
    let sink = open(server, "bulk-taken", |_| {}).await;
    write(&sink, vec![txn(10, run(&t, 1, RUN))]).await;
    assert_eq!(summary(server, "bulk_taken").await, "600\t1\t600\t600");
    let metrics = MysqlMetrics::of(&feed("bulk-taken", Ts::ZERO).changefeed);
    assert_eq!(metrics.safe_retries(), 1);
}

#[tokio::test]
async fn in_safe_mode_a_bulk_overwrites() {
    let server = schema("bulk_safe", PAIRS).await;
    let taken = "INSERT INTO bulk_safe.t VALUES (300,'old'),(9000,'v301')";
    server.sql(taken).await.unwrap();
    let t = pairs("bulk_safe", "t");
    let sink = open(server, "bulk-safe", |config| config.safe_mode = true).await;
    write(&sink, vec![txn(10, run(&t, 1, RUN)), txn(12, run(&t, 1, RUN))]).await;
    assert_eq!(summary(server, "bulk_safe").await, "600\t1\t600\t600");
    assert_eq!(bulk_rows("bulk-safe"), 1200);
}

/// The first packet holds a column that is NULL throughout, the next one has values: each says its own types.
#[tokio::test]
async fn packets_do_not_inherit_the_types_of_those_before() {
    const LONG: i64 = 3000;
    let create = "CREATE TABLE t (id INT PRIMARY KEY, n INT, v VARCHAR(2000))";
    let server = schema("bulk_types", create).await;
    let columns = vec![
        column("id", ColumnType::Int),
        column("n", ColumnType::Int),
        column("v", ColumnType::VarChar { chars: 2000 }),
    ];
    let t = table("bulk_types", "t", columns, &[0]);
    let filling = "x".repeat(1000);
    let row = |id: i64| {
        let number = if id < LONG / 2 {
            Datum::Null
        } else {
            Datum::Int(id)
        };
        block(&t, RowOp::Insert, &[&[Datum::Int(id), number, text(&filling)]])
    };
    let sink = open(server, "bulk-types", |_| {}).await;
    write(&sink, vec![txn(10, (0..LONG).map(row).collect())]).await;
    let query = "SELECT COUNT(*), COUNT(n), SUM(n = id), SUM(LENGTH(v)) FROM bulk_types.t";
    let found = server.sql(query).await.unwrap();
    assert_eq!(found.trim(), "3000\t1500\t1500\t3000000");
    assert_eq!(bulk_rows("bulk-types"), LONG as u64);
}

#[tokio::test]
async fn a_session_that_is_killed_inside_a_bulk_is_replaced() {
    let server = schema("bulk_killed", PAIRS).await;
    let t = pairs("bulk_killed", "t");
    let sink = open(server, "bulk-killed", |_| {}).await;
    let mut session = server_session(server).await;
    // The bulk waits at this row, in its middle.
    let lock = "BEGIN; INSERT INTO bulk_killed.t VALUES (300, 'in the way')";
    session.query_drop(lock).await.unwrap();
    let heard = Arc::new(Heard::default());
    let history = vec![txn(10, run(&t, 1, RUN))];
    sink.write(batch(&heard, 1, history)).await.unwrap();
    let find = "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX JOIN information_schema.INNODB_LOCKS \
                ON lock_trx_id = trx_id WHERE trx_state = 'LOCK WAIT' AND lock_table LIKE '%bulk_killed%'";
    let waiting = async {
        loop {
            let id: Option<u64> = session.query_first(find).await.unwrap();
            match id {
                Some(id) => break id,
                // The server renews these tables only after 100 ms in which nobody has read them.
                None => tokio::time::sleep(Duration::from_millis(150)).await,
            }
        }
    };
    let id = tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
    session.query_drop(format!("KILL {id}")).await.unwrap();
    session.query_drop("ROLLBACK").await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(heard.all(), [(1, true)]);
    assert_eq!(summary(server, "bulk_killed").await, "600\t1\t600\t600");
}

async fn server_session(server: &Server) -> mysql_async::Conn {
    super::session::open(&config(server)).await.unwrap().0
}

/// A transaction in parts that stays whole: bulks of all parts are undone together, or stay together.
#[tokio::test]
async fn bulks_of_a_whole_transaction_appear_together() {
    let server = schema("bulk_whole", PAIRS).await;
    let t = pairs("bulk_whole", "t");
    let whole = |config: &mut MysqlConfig| config.atomicity = super::config::Atomicity::Table;
    let sink = open(server, "bulk-whole", whole).await;
    let heard = Arc::new(Heard::default());
    let first = part(10, 0, false, run(&t, 1, RUN));
    sink.write(batch(&heard, 1, vec![first])).await.unwrap();
    heard.until(1).await;
    assert!(summary(server, "bulk_whole").await.starts_with("0\t"));
    let last = part(10, 1, true, run(&t, 601, RUN));
    sink.write(batch(&heard, 2, vec![last])).await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(summary(server, "bulk_whole").await, "1200\t1\t1200\t1200");
    assert_eq!(bulk_rows("bulk-whole"), 1200);
}

/// A statement that is prepared outlives the table that it was prepared for.
#[tokio::test]
async fn a_statement_follows_the_table_when_it_changes() {
    let server = schema("bulk_alter", PAIRS).await;
    let t = pairs("bulk_alter", "t");
    let one_session = |config: &mut MysqlConfig| config.workers = 1;
    let sink = open(server, "bulk-alter", one_session).await;
    write(&sink, vec![txn(10, run(&t, 1, RUN))]).await;
    let changes = [
        "ALTER TABLE bulk_alter.t ADD COLUMN more INT DEFAULT 7 FIRST",
        "ALTER TABLE bulk_alter.t MODIFY v TEXT CHARACTER SET latin1",
        "RENAME TABLE bulk_alter.t TO bulk_alter.old; CREATE TABLE bulk_alter.t LIKE bulk_alter.old; \
         INSERT INTO bulk_alter.t SELECT * FROM bulk_alter.old",
    ];
    for (number, change) in (1..).zip(changes) {
        server.sql(change).await.unwrap();
        write(
            &sink,
            vec![txn(10 + 2 * number as u64, run(&t, 1 + 1000 * number, RUN))],
        )
        .await;
    }
    assert_eq!(summary(server, "bulk_alter").await, "2400\t1\t3600\t2400");
    assert_eq!(bulk_rows("bulk-alter"), 2400);
}

/// What a parameter might not carry goes as text, whatever the run.
#[tokio::test]
async fn rows_with_values_or_names_that_do_not_fit_go_as_text() {
    let create = "CREATE TABLE bad (id INT PRIMARY KEY, v VARCHAR(50) CHARACTER SET latin1); \
                  CREATE TABLE `a?b` (id INT PRIMARY KEY, `c:d` INT); \
                  CREATE TABLE place (id INT PRIMARY KEY, g GEOMETRY)";
    let server = schema("bulk_unfit", create).await;
    let sink = open(server, "bulk-unfit", |_| {}).await;
    let bad = pairs("bulk_unfit", "bad");
    let odd = {
        let columns = vec![column("id", ColumnType::Int), column("c:d", ColumnType::Int)];
        table("bulk_unfit", "a?b", columns, &[0])
    };
    let place = {
        let columns = vec![column("id", ColumnType::Int), column("g", ColumnType::Geometry)];
        table("bulk_unfit", "place", columns, &[0])
    };
    let mut point = vec![0, 0, 0, 0, 1, 1, 0, 0, 0];
    point.extend_from_slice(&1.5f64.to_le_bytes());
    point.extend_from_slice(&(-2f64).to_le_bytes());
    let mut blocks = Vec::new();
    for (table, value) in [
        (&bad, Datum::Text(b"a\xffb")),
        (&odd, Datum::Int(7)),
        (&place, Datum::Geometry(&point)),
    ] {
        blocks.extend((0..RUN).map(|id| block(table, RowOp::Insert, &[&[Datum::Int(id), value]])));
    }
    write(&sink, vec![txn(10, blocks)]).await;
    let query = "USE bulk_unfit; SELECT (SELECT COUNT(*) FROM bad), (SELECT SUM(`c:d`) FROM `a?b`), \
                 (SELECT SUM(ST_X(g)) FROM place)";
    assert_eq!(server.sql(query).await.unwrap().trim(), "600\t4200\t900");
    assert_eq!(bulk_rows("bulk-unfit"), 0);
}

const TYPES: &str = "CREATE TABLE t (id INT PRIMARY KEY,
    n1 TINYINT, n2 TINYINT UNSIGNED, n3 SMALLINT, n4 SMALLINT UNSIGNED, n5 MEDIUMINT, n6 MEDIUMINT UNSIGNED,
    n7 INT, n8 INT UNSIGNED ZEROFILL, n9 BIGINT, n10 BIGINT UNSIGNED,
    d1 DECIMAL(10,2), d2 DECIMAL(65,30), d3 DECIMAL(20,0) UNSIGNED, f1 FLOAT, f2 DOUBLE, f3 FLOAT(7,3), f4 DOUBLE(10,4),
    b1 BIT(1), b2 BIT(64), y YEAR,
    da DATE, t0 TIME, t6 TIME(6), dt0 DATETIME, dt3 DATETIME(3), ts0 TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL,
    c1 CHAR(10), c2 VARCHAR(100), c3 VARCHAR(40) CHARACTER SET latin1, c4 VARCHAR(40) CHARACTER SET utf16,
    c5 VARCHAR(40) CHARACTER SET gbk, c6 VARCHAR(40) CHARACTER SET utf8mb3, c7 CHAR(10) CHARACTER SET ascii,
    x1 TINYTEXT, x2 TEXT, x3 MEDIUMTEXT, x4 LONGTEXT CHARACTER SET ucs2,
    v1 BINARY(4), v2 VARBINARY(300), v3 TINYBLOB, v4 BLOB, v5 MEDIUMBLOB, v6 LONGBLOB,
    e ENUM('small','1','it''s large'), s SET('a','b','c','d'), j JSON,
    doubled INT AS (n3 * 2) PERSISTENT, halved INT AS (n3 / 2) VIRTUAL)";

/// The columns of [`TYPES`], as far as the sink looks at them.
fn types(schema: &str) -> Arc<TableInfo> {
    let names = TYPES.split(['(', '\n', ',']).filter_map(|piece| {
        let mut words = piece.split_whitespace();
        let (name, ty) = (words.next()?, words.next()?);
        let is_column = name.len() <= 7 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        (is_column && ty.chars().all(|c| c.is_ascii_uppercase())).then(|| name.to_owned())
    });
    let mut columns: Vec<_> = names.map(|name| column(&name, ColumnType::LongBlob)).collect();
    for computed in columns.iter_mut().rev().take(2) {
        computed.generated = Generated::Virtual;
    }
    table(schema, "t", columns, &[0])
}

/// A row of values that lie at the edges of their types, or in the middle.
#[expect(clippy::too_many_lines, reason = "a list")]
fn values<'a>(n: i64, bytes: &'a [u8], word: &'a str, wide: &'a str) -> Vec<Datum<'a>> {
    let edge = |low: i64, high: i64| Datum::Int([low, high, n % 100, -1, 0][n as usize % 5].clamp(low, high));
    let top = |high: u64| Datum::UInt([high, 0, n as u64 % 100, high / 2 + 1][n as usize % 4]);
    let pick = |list: &[&'static str]| Datum::Decimal(list[n as usize % list.len()]);
    let date = [
        Date {
            year: 2024,
            month: 2,
            day: 29,
        },
        Date {
            year: 0,
            month: 0,
            day: 0,
        },
        Date {
            year: 2023,
            month: 2,
            day: 31,
        },
        Date {
            year: 2020,
            month: 0,
            day: 0,
        },
        Date {
            year: 9999,
            month: 12,
            day: 31,
        },
        Date {
            year: 1,
            month: 1,
            day: 1,
        },
    ][n as usize % 6];
    let moment = |micros| DateTime {
        year: date.year,
        month: date.month,
        day: date.day,
        hour: if date.day == 0 { 0 } else { 23 },
        minute: if date.day == 0 { 0 } else { 59 },
        second: if date.day == 0 { 0 } else { 58 },
        micros: if date.day == 0 { 0 } else { micros },
    };
    let instant = |micros| {
        Datum::Timestamp(match n % 4 {
            0 => Timestamp::default(),
            1 => Timestamp {
                seconds: 2_147_483_647,
                micros,
            },
            2 => Timestamp {
                seconds: 1,
                micros: 0,
            },
            _ => Timestamp {
                seconds: 1_700_000_000,
                micros,
            },
        })
    };
    let time = |fraction: i64| {
        let whole: i64 = [
            0,
            3_020_399_000_000,
            -3_020_399_000_000,
            86_399_000_000,
            -1_000_000,
        ][n as usize % 5];
        Datum::Time(Time {
            micros: whole
                + if i64::abs(whole) < 3_020_399_000_000 {
                    fraction
                } else {
                    0
                },
        })
    };
    let (ascii, raw) = (text("plain"), Datum::Bytes(bytes));
    vec![
        edge(-128, 127),
        top(255),
        edge(-32_768, 32_767),
        top(65_535),
        edge(-8_388_608, 8_388_607),
        top(16_777_215),
        edge(-2_147_483_648, 2_147_483_647),
        top(4_294_967_295),
        edge(i64::MIN, i64::MAX),
        top(u64::MAX),
        pick(&["-99999999.99", "0.00", "99999999.99", "-0.01"]),
        pick(&[
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "0",
            "-1.5",
        ]),
        pick(&["99999999999999999999", "0"]),
        Datum::Float([f32::MAX, -0.0, 0.1, f32::MIN_POSITIVE, 1.0e-45][n as usize % 5]),
        Datum::Double([f64::MAX, -0.0, 0.1, f64::MIN_POSITIVE, 5e-324][n as usize % 5]),
        Datum::Float(1.125),
        Datum::Double(-1234.5678),
        Datum::Bit(n as u64 & 1),
        Datum::Bit([u64::MAX, 0, 1 << 63, 77][n as usize % 4]),
        Datum::Year([0, 1901, 2155, 2024][n as usize % 4]),
        Datum::Date(date),
        time(0),
        time(123_456),
        Datum::DateTime(moment(0)),
        Datum::DateTime(moment(987_000)),
        instant(0),
        instant(999_999),
        text(["", "trail  ", "tab\t"][n as usize % 3]),
        text(wide),
        text(["Grüße", "ÿ'\\"][n as usize % 2]),
        text(wide),
        text("中文"),
        text("žluť"),
        ascii,
        text(word),
        text(wide),
        text(word),
        text(["日本", ""][n as usize % 2]),
        Datum::Bytes(&[0, 0xff, b'\'', 0]),
        raw,
        raw,
        raw,
        raw,
        raw,
        Datum::Enum(n as u64 % 4),
        Datum::Set(n as u64 % 16),
        Datum::Json([r#"{"a": "it's \\ \u00e9"}"#, "null", "[1, 2.50]"][n as usize % 3]),
        Datum::Int(0),
        Datum::Int(0),
    ]
}

/// Every type, with the values at its edges and with NULL: the same rows as text and in bulk end as the same bytes.
#[tokio::test]
async fn every_type_is_stored_as_by_text() {
    let all_bytes: Vec<u8> = (0..=254).collect();
    let wide = "ß€😀'\"\\\0\n%_".repeat(3);
    for (schema_name, in_bulk) in [("bulk_as_text", false), ("bulk_as_bulk", true)] {
        let server = schema(schema_name, TYPES).await;
        let t = types(schema_name);
        assert_eq!(t.columns.len(), 50);
        let row = |id: i64| {
            let mut row = vec![Datum::Int(id)];
            // From 0 to 254 bytes, among them all that mean something to SQL.
            let bytes = &all_bytes[..id as usize % 255];
            row.extend(values(id, bytes, "O'Neil \\ \"x\"", &wide));
            // Each column is NULL in some rows.
            let null = id as usize % 60;
            if (1..row.len()).contains(&null) {
                row[null] = Datum::Null;
            }
            block(&t, RowOp::Insert, &[&row])
        };
        let sink = open(server, schema_name, |config| config.cache_statements = in_bulk).await;
        write(&sink, vec![txn(10, (0..RUN).map(row).collect())]).await;
        assert_eq!(bulk_rows(schema_name), if in_bulk { RUN as u64 } else { 0 });
    }
    let server = super::testing::server().await;
    for column in &types("bulk_as_text").columns {
        // As they are stored: no collation, no rounding.
        let query = format!(
            "SELECT COUNT(*), MIN(a.id) FROM bulk_as_text.t a JOIN bulk_as_bulk.t b USING (id) \
             WHERE NOT (CAST(a.{name} AS BINARY) <=> CAST(b.{name} AS BINARY))",
            name = column.name
        );
        assert_eq!(
            server.sql(&query).await.unwrap().trim(),
            "0\tNULL",
            "column {}",
            column.name
        );
    }
    let checksum = "CHECKSUM TABLE bulk_as_text.t, bulk_as_bulk.t EXTENDED";
    let sums = server.sql(checksum).await.unwrap();
    let sums: Vec<&str> = sums.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(sums[0], sums[1]);
    let count = server.sql("SELECT COUNT(*) FROM bulk_as_bulk.t").await.unwrap();
    assert_eq!(count.trim(), "600");
}
