//! What comes out of the stream, and with which timestamps.

use tidegate_model::Event;
use tidegate_upstream::Upstream;

use crate::harness::{Stream, options, server, start, store};

const ITEMS: &str = "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(20));";

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_schema_changes_arrive_in_order() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE shop; INSERT INTO item VALUES (1,'a'),(2,'b');
             BEGIN; UPDATE item SET name='c' WHERE id=1; DELETE FROM item WHERE id=2; COMMIT;
             CREATE TABLE tmp_x (id INT PRIMARY KEY); INSERT INTO tmp_x VALUES (1);
             ALTER TABLE item ADD COLUMN n INT;
             CREATE TABLE copy (PRIMARY KEY (id)) SELECT * FROM item;
             INSERT INTO item VALUES (3,'end',7);",
        )
        .await
        .unwrap();
    stream.until_row("3,end,7").await;
    assert_eq!(
        stream.texts(),
        [
            "+shop.item 1,a\n+shop.item 2,b",
            "~shop.item 1,a > 1,c\n-shop.item 2,b",
            "add column | ALTER TABLE item ADD COLUMN n INT",
            "create table | CREATE TABLE `copy` (\n  `id` int(11) NOT NULL,\n  `name` varchar(20) DEFAULT NULL,\n  `n` int(11) DEFAULT NULL,\n  PRIMARY KEY (`id`)\n)",
            "+shop.copy 1,c,NULL",
            "+shop.item 3,end,7",
        ]
    );
    let stamps: Vec<u64> = stream.stamped().iter().map(|(ts, _)| ts.as_u64()).collect();
    assert!(stamps.windows(2).all(|w| w[1] >= w[0] + 2), "{stamps:?}");
    let Event::Ddl(ddl) = &stream.events[2] else {
        panic!("not a schema change");
    };
    let info = ddl.tables[0]
        .info
        .as_ref()
        .expect("the catalogue still has this version");
    assert_eq!(info.columns.len(), 3);
    assert_eq!(info.version, ddl.commit_ts);
    assert_eq!(ddl.schema.as_ref(), "shop");
}

/// Every reader gives a transaction the timestamp that the first one gave it: a later start, a start from the past on
/// a private connection, a restart of the process, idle times and a forged clock in between.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_history_has_the_same_timestamps() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let mut small = options(&server, folder.path());
    small.ring_bytes = 4096;
    let source = start(small.clone(), meta.clone()).await.unwrap();
    let begin = source.now().await;
    let mut first = Stream::open(&source, begin);
    for round in 0..6 {
        for n in 0..20 {
            let id = round * 100 + n;
            let forge = if n == 7 {
                "SET timestamp=UNIX_TIMESTAMP()+86400;"
            } else {
                ""
            };
            server
                .sql(&format!(
                    "{forge} INSERT INTO shop.item VALUES ({id},'{round}-{n}')"
                ))
                .await
                .unwrap();
        }
        // A resolved-ts on the idle server: the floors must not shift anything on a second reading.
        first.until_resolved(source.now().await).await;
    }
    first.until_row("5-19").await;
    let stamped = first.stamped();
    assert_eq!(stamped.len(), 120);

    let mut again = Stream::open(&source, begin);
    again.until_row("5-19").await;
    assert_eq!(again.stamped(), stamped, "read again from the start");

    let middle = stamped[66].0;
    let mut half = Stream::open(&source, middle);
    half.until_row("5-19").await;
    assert_eq!(half.stamped(), stamped[67..], "read from the middle");
    for stream in [first, again, half] {
        stream.close().await;
    }
    source.close().await;

    let source = start(small, meta).await.unwrap();
    server
        .sql("INSERT INTO shop.item VALUES (1000,'after')")
        .await
        .unwrap();
    let mut restarted = Stream::open(&source, begin);
    restarted.until_row("after").await;
    assert_eq!(restarted.stamped()[..120], stamped, "read by another process");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_goes_on_while_nothing_happens() {
    let server = server(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let begin = source.now().await;
    let mut stream = Stream::open(&source, begin);
    let later = tidegate_model::Ts::from_physical_ms(begin.physical_ms() + 3_000);
    stream.until_resolved(later).await;
    assert!(stream.events.is_empty());
    let seen = source.upstream.watermark().borrow().clone();
    assert!(seen.connected && seen.resolved_ts >= later, "{seen:?}");
}

/// A stream that is slower than the ring goes on by a connection of its own and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_stream_falls_off_the_ring_and_comes_back() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut small = options(&server, folder.path());
    small.ring_bytes = 2048;
    let source = start(small, store(folder.path())).await.unwrap();
    let begin = source.now().await;
    // Nobody takes events: the stream stalls as soon as its channel is full.
    let mut slow = Stream::open(&source, begin);
    let inserts: String = (0..500)
        .map(|n| format!("INSERT INTO shop.item VALUES ({n},'{n}');"))
        .collect();
    server.sql(&inserts).await.unwrap();
    source.now().await;
    slow.until_row("499,499").await;
    let ids: Vec<String> = (0..500).map(|n| format!("+shop.item {n},{n}")).collect();
    assert_eq!(slow.texts(), ids);
    server
        .sql("INSERT INTO shop.item VALUES (1000,'back')")
        .await
        .unwrap();
    slow.until_row("back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_rows_and_other_engines() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    server
        .sql("CREATE TABLE shop.log (id INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE shop.aria (id INT PRIMARY KEY) ENGINE=Aria")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE shop; BEGIN; INSERT INTO item VALUES (1,'kept'); SAVEPOINT s; INSERT INTO item VALUES (2,'gone');
             INSERT INTO log VALUES (1); ROLLBACK TO s; INSERT INTO item VALUES (3,'kept'); COMMIT;
             BEGIN; INSERT INTO item VALUES (4,'gone'); ROLLBACK;
             XA START 'x1'; INSERT INTO item VALUES (5,'xa'); XA END 'x1'; XA PREPARE 'x1';
             INSERT INTO aria VALUES (7);",
        )
        .await
        .unwrap_err();
    server
        .sql("INSERT INTO shop.aria VALUES (8); XA COMMIT 'x1'; INSERT INTO shop.item VALUES (9,'end')")
        .await
        .unwrap();
    stream.until_row("9,end").await;
    assert_eq!(
        stream.texts(),
        [
            "+shop.log 1",
            "+shop.item 1,kept\n+shop.item 3,kept",
            "+shop.aria 8",
            "+shop.item 5,xa",
            "+shop.item 9,end"
        ]
    );
}

/// A restart while an XA transaction is prepared must not lose its rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_transaction_survives_restarts() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let mut quick = options(&server, folder.path());
    quick.ring_bytes = 1;
    let source = start(quick.clone(), meta.clone()).await.unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql("XA START 'x'; INSERT INTO shop.item VALUES (1,'xa'); XA END 'x'; XA PREPARE 'x'")
        .await
        .unwrap();
    let mut resolved = stream.resolved;
    for n in 10..13 {
        server
            .sql(&format!(
                "INSERT INTO shop.item VALUES ({n},'x{n}'); FLUSH BINARY LOGS"
            ))
            .await
            .unwrap();
        resolved = source.now().await;
        stream.until_resolved(resolved).await;
    }
    stream.close().await;
    source.close().await;
    let source = start(quick, meta).await.unwrap();
    let mut stream = Stream::open(&source, resolved);
    server
        .sql("XA COMMIT 'x'; INSERT INTO shop.item VALUES (2,'end')")
        .await
        .unwrap();
    stream.until_row("2,end").await;
    assert_eq!(stream.texts(), ["+shop.item 1,xa", "+shop.item 2,end"]);
}

/// A two-phase ALTER TABLE is logged three times over: when it begins, and when it has happened or failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_two_phase_alter_arrives_once_and_a_failed_one_never() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE shop; SET SESSION binlog_alter_two_phase=1; INSERT INTO item VALUES (1,'a'),(2,'a');
             ALTER TABLE item ADD COLUMN n INT, ALGORITHM=COPY;",
        )
        .await
        .unwrap();
    server
        .sql("USE shop; SET SESSION binlog_alter_two_phase=1; ALTER TABLE item ADD UNIQUE KEY (name), ALGORITHM=COPY")
        .await
        .unwrap_err();
    server
        .sql("INSERT INTO shop.item VALUES (3,'a',7)")
        .await
        .unwrap();
    stream.until_row("3,a,7").await;
    assert_eq!(
        stream.texts(),
        [
            "+shop.item 1,a\n+shop.item 2,a",
            "add column | ALTER TABLE item ADD COLUMN n INT, ALGORITHM=COPY",
            "+shop.item 3,a,7",
        ]
    );
}
