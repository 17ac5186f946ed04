//! A full disk stops the store only for as long as it is full.
//!
//! The library below refuses all work after the first failed write, so that one moment without room used to stop
//! every checkpoint until the server was restarted.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_meta::{MetaStore, MetaTxn, RedbStore, Write};
use tidegate_model::{CdcError, ErrorCode};

/// Names the directory of the small disk in the process that sees it.
const DISK: &str = "TIDEGATE_TEST_SMALL_DISK";

/// Runs the test `name` of this binary once more, in a process that alone sees a disk of 8 MiB.
fn on_a_small_disk(name: &str) -> Option<PathBuf> {
    if let Some(disk) = std::env::var_os(DISK) {
        return Some(disk.into());
    }
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\"")
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(DISK, dir.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    None
}

fn put(key: &str, value: Vec<u8>) -> MetaTxn {
    MetaTxn {
        compares: Vec::new(),
        writes: vec![Write::Put(key.to_owned(), value)],
    }
}

/// Takes all the room there is.
fn fill(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    for len in [1 << 20, 4 << 10] {
        let block = vec![1; len];
        while file.write_all(&block).is_ok() {}
    }
}

fn assert_is_full(error: &CdcError) {
    assert_eq!(error.code(), ErrorCode::MetaStore);
    assert!(error.wire_message().contains("No space left"), "{error:?}");
}

#[tokio::test]
async fn commits_succeed_again_once_there_is_room() {
    let Some(disk) = on_a_small_disk("commits_succeed_again_once_there_is_room") else {
        return;
    };
    let data = disk.join("data");
    let store = RedbStore::open(&data).unwrap();
    store.commit(put("/before", vec![7])).await.unwrap();
    let ballast = disk.join("ballast");
    fill(&ballast);

    let mut written = 0;
    let first = loop {
        match store
            .commit(put(&format!("/n/{written}"), vec![9; 64 << 10]))
            .await
        {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_is_full(&first);
    let again = store.commit(put("/again", vec![1; 64 << 10])).await.unwrap_err();
    assert_is_full(&again);
    assert_is_full(&store.get("/before").await.unwrap_err());

    fs::remove_file(&ballast).unwrap();
    store.commit(put("/after", vec![8])).await.unwrap();
    assert_eq!(store.get("/before").await.unwrap().unwrap().value, [7]);
    assert_eq!(store.list("/n/").await.unwrap().len(), written);
    let second = RedbStore::open(&data).err().unwrap();
    assert_eq!(
        second.code(),
        ErrorCode::DataDirLocked,
        "the directory stays locked"
    );

    drop(store);
    let store = RedbStore::open(&data).unwrap();
    assert_eq!(store.get("/after").await.unwrap().unwrap().value, [8]);
    assert_eq!(store.list("/n/").await.unwrap().len(), written);
}
