//! Logs of other settings: compressed, with and without checksums, cut into many files, cut off.

use crate::harness::{Stream, options, server, start, store};

const ITEMS: &str = "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, name LONGTEXT);";

/// Compressed events, one of them far larger than a packet of the network, while checksums go and come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_log_is_read_whatever_its_checksums() {
    let server = server(&["--log-bin-compress=ON", "--log-bin-compress-min-len=10"]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let begin = source.now().await;
    let mut stream = Stream::open(&source, begin);
    let mut expected = Vec::new();
    for (id, checksum) in ["CRC32", "NONE", "CRC32"].iter().enumerate() {
        let sql = format!(
            "SET GLOBAL binlog_checksum={checksum}; INSERT INTO shop.item VALUES ({id}, REPEAT('ab', 2000000));
             UPDATE shop.item SET name = 'small' WHERE id = {id}"
        );
        server.sql(&sql).await.unwrap();
        let large = "ab".repeat(2_000_000);
        expected.push(format!("+shop.item {id},{large}"));
        expected.push(format!("~shop.item {id},{large} > {id},small"));
        stream.until_row(&format!("> {id},small")).await;
    }
    assert!(stream.texts() == expected, "the live stream");
    // Over a connection of its own, from the first file.
    let again = source.now().await;
    let mut second = Stream::open(&source, begin);
    second.until_resolved(again).await;
    assert!(second.texts() == expected, "a stream from the beginning");
    assert!(stream.troubles.lock().unwrap().is_empty());
}

/// A file for every few transactions, while they go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_rotated_under_load_loses_nothing() {
    let server = server(&["--max-binlog-size=4096"]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    let load = async {
        for id in 0..300 {
            let flush = if id % 50 == 7 { "FLUSH BINARY LOGS;" } else { "" };
            let sql = format!("{flush} INSERT INTO shop.item VALUES ({id}, REPEAT('x', 100))");
            server.sql(&sql).await.unwrap();
        }
    };
    let ((), ()) = tokio::join!(load, stream.until(|stream| stream.events.len() == 300));
    let expected: Vec<String> = (0..300)
        .map(|id| format!("+shop.item {id},{}", "x".repeat(100)))
        .collect();
    assert_eq!(stream.texts(), expected);
    let files = server.sql("SHOW BINARY LOGS").await.unwrap().lines().count();
    assert!(files > 10, "{files} files");
    assert!(stream.troubles.lock().unwrap().is_empty());
}
