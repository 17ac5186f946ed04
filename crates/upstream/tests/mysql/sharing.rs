//! Many streams over one upstream: what they share, and what they must not.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tidegate_mariadb::Server;
use tidegate_model::Ts;
use tidegate_upstream::Upstream;

use crate::harness::{PATIENCE, Stream, job, options, server, start, store};

const ITEMS: &str = "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, text VARCHAR(1000));";

async fn number(server: &Server, sql: &str) -> u64 {
    let answer = server.sql(sql).await.unwrap();
    answer.split_whitespace().last().unwrap().parse().unwrap()
}

async fn dumps(server: &Server) -> u64 {
    let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'";
    number(server, sql).await
}

async fn sent_bytes(server: &Server) -> u64 {
    number(server, "SHOW GLOBAL STATUS LIKE 'Bytes_sent'").await
}

async fn until_dumps(server: &Server, expect: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = dumps(server).await;
        if found == expect {
            return;
        }
        assert!(Instant::now() < deadline, "{found} connections to the log");
    }
}

async fn insert(server: &Server, ids: std::ops::RangeInclusive<u32>) {
    let (first, last) = (ids.start(), ids.end());
    let sql = format!(
        "USE shop; INSERT INTO item SELECT seq, IF(seq % 500 = 0, 'x', REPEAT('x', 1000)) FROM seq_{first}_to_{last}"
    );
    server.sql(&sql).await.unwrap();
}

/// The rows, in order; parts are cut where the quota is full.
fn lines(stream: &Stream) -> Vec<String> {
    let texts = stream.texts();
    texts
        .iter()
        .flat_map(|text| text.lines().map(str::to_owned))
        .collect()
}

/// The server sends its log once, whoever wants it; a stream whose rows nobody takes holds up nobody and, once it goes
/// on, catches up on a connection of its own and gives that back.
#[tokio::test(flavor = "multi_thread")]
async fn ten_streams_share_one_connection_and_one_of_them_falls_behind_alone() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut small = options(&server, folder.path());
    small.ring_bytes = 200_000;
    let source = start(small, store(folder.path())).await.unwrap();
    let from = source.now().await;
    let mut streams: Vec<Stream> = (0..9).map(|_| Stream::open(&source, from)).collect();
    // Not read from: its quota is full after a few rows.
    let mut stuck = Stream::open_job(&source, job(from), 64 << 10);
    let before = sent_bytes(&server).await;
    insert(&server, 1..=2000).await;
    join_all(streams.iter_mut().map(|stream| stream.until_row("2000,x"))).await;
    let sent = sent_bytes(&server).await - before;
    assert!(
        (2_000_000..4_000_000).contains(&sent),
        "{sent} bytes for a log of 2 MB"
    );
    assert_eq!(dumps(&server).await, 1);
    // Larger than the ring: the stuck stream's place is gone.
    for n in 1..=5 {
        insert(&server, n * 2000 + 1..=n * 2000 + 500).await;
    }
    join_all(streams.iter_mut().map(|stream| stream.until_row("10500,x"))).await;
    stuck.until_row("10500,x").await;
    let rows = |stream: &Stream| {
        stream
            .texts()
            .iter()
            .map(|text| text.lines().count())
            .sum::<usize>()
    };
    assert_eq!((rows(&stuck), rows(&streams[0])), (4500, 4500));
    stuck.until_resolved(source.now().await).await;
    until_dumps(&server, 1).await;
}

/// Four streams whose destinations hung kept all private connections, and nobody else who was behind could catch up.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_stuck_behind_gives_way_to_one_that_is_not() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut small = options(&server, folder.path());
    small.ring_bytes = 10_000;
    small.private_readers_max = 1;
    small.private_turn = Duration::from_millis(200);
    let source = start(small, store(folder.path())).await.unwrap();
    let from = source.now().await;
    for n in 0..20 {
        insert(&server, n * 100 + 1..=n * 100 + 100).await;
    }
    let now = source.now().await;
    let mut stuck = Stream::open_job(&source, job(from), 64 << 10);
    until_dumps(&server, 2).await;
    let mut other = Stream::open(&source, from);
    other.until_resolved(now).await;
    stuck.until_resolved(now).await;
    assert!(lines(&stuck) == lines(&other), "the same rows in the same order");
}

/// Every start asked the server for its clock: a thousand at once took as long as a thousand questions.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_start_together_ask_together() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let from = source.now().await;
    let before = number(&server, "SHOW GLOBAL STATUS LIKE 'Questions'").await;
    let asked = join_all((0..500).map(|_| source.upstream.now())).await;
    assert!(asked.iter().all(|now| now.as_ref().unwrap() >= &from));
    for check in join_all((0..500).map(|_| source.upstream.check_start(from))).await {
        check.unwrap();
    }
    let questions = number(&server, "SHOW GLOBAL STATUS LIKE 'Questions'").await - before;
    assert!(questions < 100, "{questions} questions for 1000 starts");
    assert_ne!(from, Ts::ZERO);
}
