//! How large files get, and what makes rows wait no longer.

use super::*;
use crate::mysql::testing::{inserted, pairs};

const MIB: usize = 1 << 20;

/// Transactions of one row of 64 KiB each, every one a batch of its own.
async fn write_rows(
    sink: &StorageSink,
    heard: &Arc<Heard>,
    table: &Arc<TableInfo>,
    ids: std::ops::Range<u64>,
) {
    let text = "x".repeat(64 << 10);
    for id in ids {
        let row = TxnEvent {
            blocks: vec![inserted(table, i64::try_from(id).unwrap(), &text)],
            ..txn(100 + id, &[])
        };
        sink.write(batch(heard, id, vec![row])).await.unwrap();
    }
}

async fn until(what: &str, reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect(what);
}

fn sizes(root: &Path) -> Vec<usize> {
    data_files(root).into_iter().map(|(_, text)| text.len()).collect()
}

/// With many workers, files used to end after 4 MiB of source rows, whatever the setting said.
#[tokio::test]
async fn a_file_gets_as_large_as_the_setting_says_and_not_much_larger() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(StorageConfig {
        file_size: 8 * MIB,
        worker_count: 16,
        ..config(root.path())
    })
    .await;
    let heard = Arc::new(Heard::default());
    let (large, small) = (pairs("s", "large"), pairs("s", "small"));
    write_rows(&sink, &heard, &small, 1..2).await;
    write_rows(&sink, &heard, &large, 2..400).await;
    let two_files = || sizes(root.path()).len() == 3;
    until("three files of about 8 MiB", two_files).await;
    for size in sizes(root.path()) {
        assert!((7 * MIB..=9 * MIB).contains(&size), "{size}");
    }
    let acknowledged = heard.0.lock().unwrap().len();
    assert!(acknowledged < 398, "the rest waits for company");
    sink.close(Duration::from_secs(60)).await.unwrap();
    assert_eq!(heard.0.lock().unwrap().len(), 399);
    let ids: Vec<u64> = data_files(root.path())
        .iter()
        .filter(|(path, _)| path.contains("large"))
        .flat_map(|(_, text)| text.lines())
        .map(|line| line.split(',').nth(3).unwrap().parse().unwrap())
        .collect();
    assert_eq!(
        ids,
        (2..400).collect::<Vec<u64>>(),
        "nothing is lost or out of order"
    );
}

/// Rows that wait hold their share of the quota: without this, a small quota stopped everything until the interval
/// had passed.
#[tokio::test]
async fn rows_do_not_wait_while_the_quota_is_used_up() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(StorageConfig {
        file_size: 64 * MIB,
        memory_quota: 4 * MIB,
        ..config(root.path())
    })
    .await;
    let heard = Arc::new(Heard::default());
    let (a, b) = (pairs("s", "a"), pairs("s", "b"));
    write_rows(&sink, &heard, &a, 1..3).await;
    write_rows(&sink, &heard, &b, 3..40).await;
    let tables = || {
        let files = data_files(root.path());
        let has = |table: &str| files.iter().any(|(path, _)| path.starts_with(table));
        has("s/a/") && has("s/b/")
    };
    until("both tables are written", tables).await;
    sink.close(Duration::from_secs(60)).await.unwrap();
    assert_eq!(heard.0.lock().unwrap().len(), 39);
}
