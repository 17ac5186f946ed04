//! Transactions that are larger than the memory they may take.

use serde_json::json;

use crate::replication::wait_until_synced;
use crate::support::{Pair, eventually};

const TABLE: &str =
    "CREATE DATABASE giant; CREATE TABLE giant.t (id INT PRIMARY KEY, text VARCHAR(4000)) CHARSET latin1";
const ROWS: u64 = 50_000;
const TEXT_BYTES: u64 = 4_000;
const QUOTA_BYTES: u64 = 32 << 20;
/// What the process may take beside the quotas: the same for every number of bytes that pass.
const BESIDE_BYTES: u64 = 90 << 20;

/// 200 MB at once, into a database and into files, with 32 MiB for each.
#[tokio::test]
async fn a_transaction_much_larger_than_the_quota_passes_within_it() {
    let pair = Pair::start().await;
    pair.upstream.sql(TABLE).await.unwrap();
    pair.downstream.sql(TABLE).await.unwrap();
    let tidegate = pair.tidegate().await;
    let folder = pair.dir.path().join("files");
    let config = json!({"filter": {"rules": ["giant.*"]}, "memory_quota": QUOTA_BYTES});
    let files = format!("file://{}?protocol=csv&flush-interval=2s", folder.display());
    tidegate.create("database", &pair.sink_uri(), &config).await.ok();
    tidegate.create("files", &files, &config).await.ok();
    let insert = format!(
        "USE giant; \
         INSERT INTO t SELECT seq, REPEAT(CHAR(97 + seq % 26), {TEXT_BYTES}) FROM seq_1_to_{ROWS}"
    );
    pair.upstream.sql(&insert).await.unwrap();
    for id in ["database", "files"] {
        wait_until_synced(&tidegate, id).await;
    }
    pair.converge("giant", &tidegate).await;
    let written = bytes_below(&folder);
    assert!(written > ROWS * TEXT_BYTES, "{written} bytes in files");
    let peak = peak_bytes(tidegate.child.id().unwrap());
    assert!(
        peak < 2 * QUOTA_BYTES + BESIDE_BYTES,
        "{} MiB at the peak",
        peak >> 20
    );
    eventually("nothing is kept", || async {
        let metrics = tidegate.get("/metrics").await.body;
        let used =
            metrics.as_str().unwrap().lines().filter(|line| {
                line.starts_with("ticdc_sinkmanager_memory_quota") && line.contains("\"used\"")
            });
        let used: Vec<&str> = used.collect();
        assert_eq!(used.len(), 2, "{used:?}");
        if used.iter().all(|line| line.ends_with(" 0")) {
            Ok(())
        } else {
            Err(used.join("\n"))
        }
    })
    .await;
}

fn bytes_below(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            bytes_below(&entry.path())
        } else {
            metadata.len()
        }
    });
    sizes.sum()
}

/// The most that was resident since the process began.
fn peak_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}
