//! Transactions that do not fit.

use tidegate_model::{ErrorCode, Event};

use crate::harness::{Stream, job, options, server, start, store};

const WIDE: &str = "CREATE DATABASE shop; CREATE TABLE shop.wide (id INT PRIMARY KEY, text VARCHAR(1000));";

/// Through a file, in parts, with rows taken back by a savepoint on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_transaction_goes_through_a_file_and_arrives_in_parts() {
    let server = server(&[]).await;
    server.sql(WIDE).await.unwrap();
    server
        .sql("CREATE TABLE shop.log (id INT PRIMARY KEY) ENGINE=MyISAM")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut small = options(&server, folder.path());
    small.txn_memory_bytes = 100_000;
    small.ring_bytes = 50_000;
    let source = start(small, store(folder.path())).await.unwrap();
    let mut wanted = job(source.now().await);
    wanted.part_bytes_max = 1 << 20;
    let mut stream = Stream::open_job(&source, wanted, 8 << 20);
    server
        .sql(
            "USE shop; BEGIN; INSERT INTO wide SELECT seq, REPEAT('x',1000) FROM seq_1_to_20000;
             SAVEPOINT s; INSERT INTO wide SELECT seq, REPEAT('y',1000) FROM seq_20001_to_25000;
             INSERT INTO log VALUES (1); ROLLBACK TO s;
             INSERT INTO wide VALUES (30000,'end'); COMMIT; INSERT INTO wide VALUES (30001,'next');",
        )
        .await
        .unwrap();
    stream.until_row("30001,next").await;
    let parts: Vec<_> = stream
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Txn(txn) => Some(txn),
            _ => None,
        })
        .filter(|txn| &*txn.blocks[0].table().name.table == "wide")
        .collect();
    // The last one is the transaction behind it.
    let parts = &parts[..parts.len() - 1];
    assert!(parts.len() > 10, "{} parts", parts.len());
    assert!(parts.iter().all(|part| part.memory_bytes() < 3 << 20));
    assert_eq!(parts.iter().map(|part| part.row_count()).sum::<usize>(), 20_001);
    assert!(parts.iter().zip(0..).all(|(part, number)| part.part == number));
    assert!(
        parts
            .iter()
            .all(|part| part.last == (part.part as usize + 1 == parts.len()))
    );
    assert!(parts.iter().all(|part| part.commit_ts == parts[0].commit_ts));
    stream.close().await;
    source.close().await;
    assert_eq!(std::fs::read_dir(folder.path().join("spill")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_beyond_the_limit_stops_the_stream_with_its_name() {
    let server = server(&[]).await;
    server.sql(WIDE).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut small = options(&server, folder.path());
    small.txn_memory_bytes = 10_000;
    small.txn_bytes_max = 100_000;
    let source = start(small, store(folder.path())).await.unwrap();
    let stream = Stream::open(&source, source.now().await);
    server
        .sql("USE shop; INSERT INTO wide SELECT seq, REPEAT('x',1000) FROM seq_1_to_5000")
        .await
        .unwrap();
    let error = stream.error().await;
    assert_eq!(error.code(), ErrorCode::TxnTooLarge);
    let mut after = Stream::open(&source, source.now().await);
    server
        .sql("INSERT INTO shop.wide VALUES (9999,'fine')")
        .await
        .unwrap();
    after.until_row("9999,fine").await;
}
