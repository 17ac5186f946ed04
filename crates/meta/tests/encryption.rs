//! Secrets at rest: what stands in the file, whose key opens it, and how a store gets from one key to another.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use redb::{Database, TableDefinition};
use tidegate_meta::{Keyring, MetaStore, MetaTxn, RedbStore, Write, keys};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode};

const SECRET: &str = "mysql://root:tr3asure-chest@db/";

fn info(id: &str) -> String {
    keys::changefeed_info("default", &ChangefeedId::new("default", id))
}

fn put(key: &str, value: &str) -> MetaTxn {
    MetaTxn {
        compares: Vec::new(),
        writes: vec![Write::Put(key.to_owned(), value.as_bytes().to_vec())],
    }
}

/// A ring of keys that consist of one digit each.
fn ring(digits: &str) -> Option<Keyring> {
    let keys: Vec<String> = digits
        .chars()
        .map(|digit| String::from(digit).repeat(64))
        .collect();
    Some(Keyring::parse(&keys.join(" ")).unwrap())
}

async fn read(store: &RedbStore, key: &str) -> (String, u64) {
    let found = store.get(key).await.unwrap().unwrap();
    (String::from_utf8(found.value).unwrap(), found.revision)
}

/// Whether a file of the directory holds these bytes.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

async fn filled(dir: &Path, keys: Option<Keyring>) -> u64 {
    let store = RedbStore::open_with(dir, keys).unwrap();
    store.commit(put(&info("a"), SECRET)).await.unwrap()
}

fn refusal(dir: &Path, keys: Option<Keyring>) -> CdcError {
    RedbStore::open_with(dir, keys).err().unwrap()
}

/// A store as the first layout had it: values in clear.
fn old_store(dir: &Path) {
    let data: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("data");
    let header: TableDefinition<'_, &str, u64> = TableDefinition::new("header");
    let db = Database::create(dir.join("meta.redb")).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut header = txn.open_table(header).unwrap();
        header.insert("format", 1).unwrap();
        header.insert("revision", 7).unwrap();
        let mut data = txn.open_table(data).unwrap();
        let stored = [&5_u64.to_le_bytes()[..], SECRET.as_bytes()].concat();
        data.insert(info("a").as_str(), stored.as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

#[tokio::test]
async fn the_file_holds_no_secret_and_the_key_is_private() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), None).await;
    assert!(!holds(dir.path(), "tr3asure-chest"));
    let about = fs::metadata(dir.path().join("encryption.key")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let store = RedbStore::open(dir.path()).unwrap();
    assert_eq!(read(&store, &info("a")).await.0, SECRET);
}

#[tokio::test]
async fn a_store_in_clear_is_encrypted_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    old_store(dir.path());
    assert!(holds(dir.path(), "tr3asure-chest"));
    let store = RedbStore::open(dir.path()).unwrap();
    assert_eq!(read(&store, &info("a")).await, (SECRET.to_owned(), 5));
    assert_eq!(store.commit(put("/b", "x")).await.unwrap(), 8);
    drop(store);
    assert!(!holds(dir.path(), "tr3asure-chest"), "the old pages are gone");
    let store = RedbStore::open(dir.path()).unwrap();
    assert_eq!(read(&store, &info("a")).await, (SECRET.to_owned(), 5));
}

#[tokio::test]
async fn keys_are_rotated_by_putting_the_new_one_first() {
    let dir = tempfile::tempdir().unwrap();
    let revision = filled(dir.path(), ring("a")).await;
    assert!(
        !dir.path().join("encryption.key").exists(),
        "no key of its own is needed"
    );
    let store = RedbStore::open_with(dir.path(), ring("ba")).unwrap();
    assert_eq!(read(&store, &info("a")).await, (SECRET.to_owned(), revision));
    drop(store);
    let store = RedbStore::open_with(dir.path(), ring("b")).unwrap();
    assert_eq!(read(&store, &info("a")).await, (SECRET.to_owned(), revision));
    drop(store);
    assert_eq!(refusal(dir.path(), ring("a")).code(), ErrorCode::EncryptionKey);
}

#[tokio::test]
async fn a_store_moves_from_its_own_key_to_a_given_one() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), None).await;
    drop(RedbStore::open_with(dir.path(), ring("a")).unwrap());
    fs::remove_file(dir.path().join("encryption.key")).unwrap();
    let store = RedbStore::open_with(dir.path(), ring("a")).unwrap();
    assert_eq!(read(&store, &info("a")).await.0, SECRET);
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), ring("a")).await;
    for keys in [None, ring("b")] {
        let error = refusal(dir.path(), keys);
        assert_eq!(error.code(), ErrorCode::EncryptionKey);
        assert!(
            error
                .message()
                .contains("changefeed default/a is encrypted with key "),
            "{error}"
        );
        assert!(
            !dir.path().join("encryption.key").exists(),
            "no key is made over a sealed store"
        );
    }
    for id in ["b", "c", "d", "e"] {
        let store = RedbStore::open_with(dir.path(), ring("a")).unwrap();
        store.commit(put(&info(id), SECRET)).await.unwrap();
    }
    let error = refusal(dir.path(), ring("b"));
    assert!(
        error
            .message()
            .contains("default/a, default/b, default/c and 2 others are"),
        "{error}"
    );
}

#[tokio::test]
async fn a_key_file_that_everybody_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    fs::write(&file, "a".repeat(64)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Keyring::read(&file).unwrap_err();
    assert_eq!(error.code(), ErrorCode::EncryptionKey);
    assert!(
        error.message().contains("chmod 600") && !error.message().contains("aaaa"),
        "{error}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Keyring::read(&file).is_ok());
    assert!(
        Keyring::read(&dir.path().join("none"))
            .unwrap_err()
            .message()
            .contains("none")
    );
}
