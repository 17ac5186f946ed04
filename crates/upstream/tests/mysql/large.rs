//! Transactions that do not fit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_model::{ErrorCode, Event, Ts};
use tidegate_upstream::{EventTx, PullJob, PulledEvent, Quota, Upstream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::harness::{PATIENCE, Source, Stream, job, options, server, start, store};

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
    // A reader that was stopped ends at its next step.
    let deadline = Instant::now() + PATIENCE;
    let left = || std::fs::read_dir(folder.path().join("spill")).unwrap().count();
    while left() > 0 && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(left(), 0);
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

/// A stream whose rows keep their share until the test gives it back.
struct Held {
    quota: Quota,
    rx: mpsc::Receiver<PulledEvent>,
    _task: JoinSet<()>,
    held: Vec<PulledEvent>,
    rows: usize,
    end: bool,
}

impl Held {
    fn open(source: &Source, job: PullJob, quota_bytes: u64) -> Self {
        let quota = Quota::new(quota_bytes);
        let (tx, rx) = EventTx::channel(4096, quota.clone());
        let upstream = Arc::clone(&source.upstream);
        let mut task = JoinSet::new();
        task.spawn(async move {
            upstream.pull(job, tx, CancellationToken::new()).await.unwrap();
        });
        Held {
            quota,
            rx,
            _task: task,
            held: Vec::new(),
            rows: 0,
            end: false,
        }
    }

    /// Takes parts and keeps them until the quota has no more room.
    async fn fill(&mut self) {
        let is_full = |held: &Self| held.quota.is_short() && held.rx.is_empty();
        while !self.end && !is_full(self) {
            let next = timeout(Duration::from_millis(20), self.rx.recv());
            let Ok(pulled) = next.await else { continue };
            let pulled = pulled.expect("the stream goes on");
            if let Event::Txn(txn) = &pulled.event {
                self.rows += rows(&pulled.event);
                self.end = txn.last;
                self.held.push(pulled);
            }
        }
    }
}

fn rows(event: &Event) -> usize {
    match event {
        Event::Txn(txn) => txn.row_count(),
        Event::Ddl(_) | Event::Resolved(_) => 0,
    }
}

/// Whatever comes out of the log, no more than the quota is kept: with a private reader ahead, and from the ring.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_ten_times_the_quota_never_takes_more_than_the_quota() {
    const QUOTA: u64 = 4 << 20;
    let server = server(&[]).await;
    server.sql(WIDE).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut small = options(&server, folder.path());
    small.txn_memory_bytes = 1 << 20;
    small.ring_bytes = 1 << 20;
    let source = start(small, store(folder.path())).await.unwrap();
    let from = source.now().await;
    let wanted = |start_ts: Ts| PullJob {
        part_bytes_max: 256 << 10,
        ..job(start_ts)
    };
    let mut from_ring = Held::open(&source, wanted(from), QUOTA);
    server
        .sql("USE shop; INSERT INTO wide SELECT seq, REPEAT('x',1000) FROM seq_1_to_40000;")
        .await
        .unwrap();
    let after = source.now().await;
    // The ring lets go of the file.
    server
        .sql("USE shop; DELETE FROM wide WHERE id > 39000; DELETE FROM wide WHERE id > 38000; DELETE FROM wide;")
        .await
        .unwrap();
    let mut behind = Stream::open(&source, after);
    behind.until(|stream| stream.events.len() >= 3).await;
    let mut privately = Held::open(&source, wanted(from), QUOTA);
    for stream in [&mut from_ring, &mut privately] {
        let mut rounds = 0;
        while !stream.end {
            timeout(PATIENCE, stream.fill()).await.expect("it is never stuck");
            let used = stream.quota.used_bytes();
            assert!(used <= QUOTA, "{used} of {QUOTA}");
            stream.held.clear();
            rounds += 1;
        }
        assert_eq!(stream.rows, 40_000);
        assert!(rounds > 10, "{rounds}");
    }
}

/// A row cannot be divided: it waits until nothing else is under way, and passes.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_larger_than_the_quota_passes_alone() {
    let server = server(&["--max-allowed-packet=64M"]).await;
    server
        .sql("CREATE DATABASE shop; CREATE TABLE shop.big (id INT PRIMARY KEY, text LONGTEXT);")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Held::open(&source, job(source.now().await), 1 << 20);
    server
        .sql(
            "USE shop; BEGIN; INSERT INTO big VALUES (1,'small'); INSERT INTO big VALUES (2, REPEAT('x', 4000000));
             INSERT INTO big VALUES (3, 'small'); COMMIT",
        )
        .await
        .unwrap();
    let mut seen = Vec::new();
    while !stream.end {
        timeout(PATIENCE, stream.fill()).await.expect("it is never stuck");
        let under_way: usize = stream.held.drain(..).map(|pulled| rows(&pulled.event)).sum();
        seen.extend((under_way > 0).then_some(under_way));
    }
    assert_eq!(seen, [1, 1, 1], "rows that were under way at the same time");
}
