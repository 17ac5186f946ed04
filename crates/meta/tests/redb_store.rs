//! The embedded store keeps what it promised: compare-and-commit, order, durability, one server per directory.

use std::fs;
use std::sync::Arc;

use tidegate_meta::{Compare, MetaStore, MetaTxn, RedbStore, Write};
use tidegate_model::{ErrorCode, Result};
use tokio::task::JoinSet;

fn put(key: &str, value: &str) -> MetaTxn {
    MetaTxn {
        compares: Vec::new(),
        writes: vec![Write::Put(key.to_owned(), value.as_bytes().to_vec())],
    }
}

fn put_if(key: &str, value: &str, revision: u64) -> MetaTxn {
    MetaTxn {
        compares: vec![Compare {
            key: key.to_owned(),
            revision,
        }],
        ..put(key, value)
    }
}

async fn text(store: &RedbStore, key: &str) -> Option<String> {
    let found = store.get(key).await.expect("readable")?;
    Some(String::from_utf8(found.value).expect("UTF-8"))
}

fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

#[tokio::test]
async fn values_and_revisions_survive_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(dir.path()).unwrap();
    assert_eq!(store.get("/a").await.unwrap(), None);
    let first = store.commit(put("/a", "1")).await.unwrap();
    let second = store.commit(put("/b", "2")).await.unwrap();
    assert!(second > first);
    drop(store);

    let store = RedbStore::open(dir.path()).unwrap();
    assert_eq!(text(&store, "/a").await.as_deref(), Some("1"));
    assert_eq!(store.get("/a").await.unwrap().unwrap().revision, first);
    assert!(store.commit(put("/c", "3")).await.unwrap() > second);
}

#[tokio::test]
async fn a_failed_comparison_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(dir.path()).unwrap();
    let revision = store.commit(put_if("/a", "1", 0)).await.unwrap();
    let mut txn = put_if("/a", "2", revision + 7);
    txn.writes.push(Write::Put("/b".to_owned(), b"x".to_vec()));
    assert_eq!(code(store.commit(txn).await), Some(ErrorCode::MetaOpFailed));
    assert_eq!(
        code(store.commit(put_if("/a", "2", 0)).await),
        Some(ErrorCode::MetaOpFailed)
    );
    assert_eq!(text(&store, "/a").await.as_deref(), Some("1"));
    assert_eq!(text(&store, "/b").await, None);

    store.commit(put_if("/a", "2", revision)).await.unwrap();
    store
        .commit(MetaTxn {
            compares: Vec::new(),
            writes: vec![Write::Delete("/a".to_owned()), Write::Delete("/none".to_owned())],
        })
        .await
        .unwrap();
    store
        .commit(put_if("/a", "3", 0))
        .await
        .expect("a removed key counts as never written");
}

#[tokio::test]
async fn a_listing_has_the_prefix_in_key_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(dir.path()).unwrap();
    for key in ["/x/b", "/x/a", "/y", "/x", "/w/z"] {
        store.commit(put(key, key)).await.unwrap();
    }
    let keys = |prefix: &'static str| {
        let store = &store;
        async move {
            let pairs = store.list(prefix).await.unwrap();
            pairs.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        }
    };
    assert_eq!(keys("/x/").await, ["/x/a", "/x/b"]);
    assert_eq!(keys("/x").await, ["/x", "/x/a", "/x/b"]);
    assert_eq!(keys("").await.len(), 5);
    assert_eq!(keys("/zz").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_creations_exactly_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(RedbStore::open(dir.path()).unwrap());
    let mut tasks = JoinSet::new();
    for n in 0..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.commit(put_if("/one", &n.to_string(), 0)).await });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(
        results
            .into_iter()
            .filter_map(code)
            .all(|code| code == ErrorCode::MetaOpFailed)
    );
}

#[tokio::test]
async fn a_second_server_on_the_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = RedbStore::open(dir.path()).unwrap();
    assert_eq!(code(RedbStore::open(dir.path())), Some(ErrorCode::DataDirLocked));
    drop(store);
    RedbStore::open(dir.path()).expect("the lock goes with the store");
}

#[tokio::test]
async fn a_damaged_file_is_named_as_such() {
    let garbage: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
    for damage in [Vec::new(), b"not a database".to_vec(), garbage] {
        let dir = tempfile::tempdir().unwrap();
        drop(RedbStore::open(dir.path()).unwrap());
        fs::write(dir.path().join("meta.redb"), damage).unwrap();
        assert_eq!(code(RedbStore::open(dir.path())), Some(ErrorCode::DataDirCorrupt));
    }
}

#[tokio::test]
async fn a_half_made_file_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("meta.redb.new"), "half").unwrap();
    let store = RedbStore::open(dir.path()).unwrap();
    store.commit(put("/a", "1")).await.unwrap();
}
