//! The sink on a real directory.

mod bucket;
mod claim;
mod lease;
mod options;
mod size;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use tidegate_codec::{CsvOptions, DateSeparator};
use tidegate_model::{
    Ack, AckTarget, ChangefeedId, Clock, ColumnInfo, ColumnType, Datum, DdlEvent, DdlKind, DdlSession,
    DdlTable, ErrorCode, Generated, IndexInfo, Result, RowBlockBuilder, RowOp, TableId, TableInfo, TableName,
    Ts, TxnBatch, TxnEvent,
};

use super::config::{Format, StorageConfig};
use super::lease::Holder;
use super::metrics::StorageMetrics;
use super::storage_sink::StorageSink;
use super::store::{self, Address};
use crate::sink::EventSink;

/// 2024-05-01 12:30:05 UTC
struct Noon(AtomicU64);

impl Clock for Noon {
    fn unix_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn noon() -> Arc<Noon> {
    Arc::new(Noon(AtomicU64::new(1_714_566_605_000)))
}

#[derive(Default)]
struct Heard(Mutex<Vec<(u64, bool)>>);

impl AckTarget for Heard {
    fn durable(&self, seq: u64) {
        self.0.lock().unwrap().push((seq, true));
    }
    fn lost(&self, seq: u64) {
        self.0.lock().unwrap().push((seq, false));
    }
}

fn config(root: &Path) -> StorageConfig {
    StorageConfig {
        address: Address::Dir(root.to_owned()),
        format: Format::Csv(CsvOptions {
            terminator: "\n".to_owned(),
            ..CsvOptions::default()
        }),
        flush_interval: Duration::from_secs(3600),
        file_size: 1 << 20,
        memory_quota: 1 << 30,
        file_index_width: 6,
        date_separator: DateSeparator::Day,
        output_column_id: false,
        output_raw_change_event: false,
        worker_count: 2,
        expiry: None,
        time_zone: TimeZone::UTC,
        encode_in_place: false,
    }
}

fn holder() -> Holder {
    holder_of(changefeed())
}

fn holder_of(changefeed: ChangefeedId) -> Holder {
    Holder {
        identity: changefeed.to_string(),
        changefeed,
    }
}

fn changefeed() -> ChangefeedId {
    ChangefeedId::new("default", "storage-tests")
}

async fn open(config: StorageConfig) -> StorageSink {
    open_at(config, noon()).await.unwrap()
}

async fn open_at(config: StorageConfig, clock: Arc<dyn Clock>) -> Result<StorageSink> {
    StorageSink::open(&holder(), config, clock, StorageMetrics::of(&changefeed())).await
}

fn table(name: &str, columns: &[&str], version: u64) -> Arc<TableInfo> {
    let column = |name: &&str| ColumnInfo {
        name: (*name).into(),
        ty: ColumnType::Int,
        nullable: false,
        unsigned: false,
        zerofill: false,
        charset: "binary".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    };
    Arc::new(TableInfo {
        name: TableName::new("shop", name),
        id: TableId(1),
        version: Ts::from_u64(version),
        columns: columns.iter().map(column).collect(),
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    })
}

fn txn(ts: u64, tables: &[&Arc<TableInfo>]) -> TxnEvent {
    let blocks = tables.iter().map(|table| {
        let mut builder = RowBlockBuilder::new(Arc::clone(table), RowOp::Insert, Bytes::new());
        table.columns.iter().for_each(|_| builder.push(Datum::UInt(ts)));
        builder.finish()
    });
    TxnEvent {
        start_ts: Ts::from_u64(ts - 1),
        commit_ts: Ts::from_u64(ts),
        part: 0,
        last: true,
        origin: "".into(),
        blocks: blocks.collect(),
    }
}

/// A statement in schema `shop` at 20.
fn ddl(kind: DdlKind, query: &str) -> DdlEvent {
    DdlEvent {
        start_ts: Ts::from_u64(19),
        commit_ts: Ts::from_u64(20),
        kind,
        schema: "shop".into(),
        query: query.into(),
        tables: Vec::new(),
        target_schema: None,
        session: DdlSession::default(),
        origin: "".into(),
    }
}

fn batch(heard: &Arc<Heard>, seq: u64, txns: Vec<TxnEvent>) -> TxnBatch {
    TxnBatch {
        txns,
        ack: Ack::new(Arc::clone(heard) as Arc<dyn AckTarget>, seq),
    }
}

/// Path below the root -> content, without the files that are being written.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_none_or(|extension| extension != "tmp") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

fn data_files(root: &Path) -> Vec<(String, String)> {
    tree(root)
        .into_iter()
        .filter(|(name, _)| name.ends_with(".csv"))
        .collect()
}

#[tokio::test]
async fn a_flush_leaves_schema_index_and_data_and_then_acknowledges() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(config(root.path())).await;
    let heard = Arc::new(Heard::default());
    let (a, b) = (table("a", &["id", "x"], 5), table("b", &["id"], 5));
    sink.write(batch(&heard, 1, vec![txn(10, &[&a, &b]), txn(12, &[&a])]))
        .await
        .unwrap();
    assert!(
        heard.0.lock().unwrap().is_empty(),
        "nothing is durable before the flush"
    );
    sink.flush().await.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [(1, true)]);
    let tree = tree(root.path());
    assert_eq!(
        tree["shop/a/5/2024-05-01/CDC000001.csv"],
        "\"I\",\"a\",\"shop\",10,10\n\"I\",\"a\",\"shop\",12,12\n"
    );
    assert_eq!(
        tree["shop/b/5/2024-05-01/CDC000001.csv"],
        "\"I\",\"b\",\"shop\",10\n"
    );
    assert_eq!(tree["shop/a/5/2024-05-01/meta/CDC.index"], "CDC000001.csv\n");
    assert_eq!(
        tree.keys()
            .filter(|name| name.starts_with("shop/a/meta/schema_5_"))
            .count(),
        1
    );
    assert_eq!(tree.len(), 6, "{tree:?}");
}

#[tokio::test]
async fn a_restart_goes_on_with_the_next_number_in_the_same_directory() {
    let root = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    for (seq, version) in [(1, 5), (2, 99)] {
        let sink = open(config(root.path())).await;
        sink.write(batch(
            &heard,
            seq,
            vec![txn(100 + seq, &[&table("a", &["id"], version)])],
        ))
        .await
        .unwrap();
        sink.close(Duration::from_secs(60)).await.unwrap();
    }
    let names: Vec<_> = data_files(root.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "shop/a/5/2024-05-01/CDC000001.csv",
            "shop/a/5/2024-05-01/CDC000002.csv"
        ]
    );
}

#[tokio::test]
async fn an_index_without_its_file_gives_the_number_again() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("shop/a/5/2024-05-01/meta");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("CDC.index"), "CDC000007.csv\n").unwrap();
    let sink = open(config(root.path())).await;
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    assert_eq!(data_files(root.path())[0].0, "shop/a/5/2024-05-01/CDC000007.csv");
}

#[tokio::test]
async fn foreign_content_in_an_index_is_an_error_not_an_overwrite() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("shop/a/5/2024-05-01/meta");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("CDC.index"), "something else").unwrap();
    let sink = open(config(root.path())).await;
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    assert_eq!(
        sink.flush().await.unwrap_err().code(),
        ErrorCode::StorageSinkInvalidFileName
    );
    assert_eq!(
        *heard.0.lock().unwrap(),
        [(1, false)],
        "rows that were not written are reported as lost"
    );
}

#[tokio::test]
async fn a_new_table_version_starts_a_new_directory() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(config(root.path())).await;
    let heard = Arc::new(Heard::default());
    let (old, new) = (table("a", &["id"], 5), table("a", &["id", "y"], 11));
    sink.write(batch(&heard, 1, vec![txn(10, &[&old]), txn(12, &[&new])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let names: Vec<_> = data_files(root.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "shop/a/11/2024-05-01/CDC000001.csv",
            "shop/a/5/2024-05-01/CDC000001.csv"
        ]
    );
}

#[tokio::test]
async fn files_are_cut_between_transactions_only() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(StorageConfig {
        file_size: 1,
        ..config(root.path())
    })
    .await;
    let heard = Arc::new(Heard::default());
    let a = table("a", &["id"], 5);
    sink.write(batch(&heard, 1, vec![txn(10, &[&a, &a]), txn(12, &[&a])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let lines: Vec<_> = data_files(root.path())
        .into_iter()
        .map(|(_, content)| content.lines().count())
        .collect();
    assert_eq!(lines, [2, 1]);
}

#[tokio::test]
async fn rows_do_not_wait_longer_than_the_interval() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(StorageConfig {
        flush_interval: Duration::from_millis(10),
        ..config(root.path())
    })
    .await;
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    let acknowledged = async {
        while heard.0.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), acknowledged)
        .await
        .expect("the interval passes");
    assert_eq!(*heard.0.lock().unwrap(), [(1, true)]);
}

#[tokio::test]
async fn a_ddl_writes_its_schema_file_and_close_writes_the_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(config(root.path())).await;
    let after = table("a", &["id", "y"], 20);
    let ddl = DdlEvent {
        tables: vec![DdlTable {
            name: after.name.clone(),
            old_name: None,
            info: Some(Arc::clone(&after)),
        }],
        ..ddl(DdlKind::AddColumn, "ALTER TABLE a ADD y INT NOT NULL")
    };
    sink.write_ddl(Arc::new(ddl)).await.unwrap();
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(22, &[&after])]))
        .await
        .unwrap();
    sink.write_checkpoint(Ts::from_u64(22)).await.unwrap();
    assert!(
        !tree(root.path()).contains_key("metadata"),
        "not within the first two seconds"
    );
    sink.close(Duration::from_secs(60)).await.unwrap();
    let tree = tree(root.path());
    assert_eq!(tree["metadata"], "{\"checkpoint-ts\":22}");
    let schema_files: Vec<_> = tree.keys().filter(|name| name.contains("/schema_")).collect();
    assert_eq!(
        schema_files.len(),
        1,
        "the rows reuse the file of the DDL: {schema_files:?}"
    );
    assert!(tree[schema_files[0]].contains("\"Query\": \"ALTER TABLE a ADD y INT NOT NULL\""));
}

/// While a changefeed lags, the columns after a statement are not known, so its schema file lists none. The rows after
/// TRUNCATE used to go on in the directory of the rows before it, where a consumer applies them before the statement.
#[tokio::test]
async fn rows_after_a_truncate_are_not_put_among_those_before() {
    let root = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let sink = open(config(root.path())).await;
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let ddl = DdlEvent {
        tables: vec![DdlTable {
            name: TableName::new("shop", "a"),
            old_name: None,
            info: None,
        }],
        ..ddl(DdlKind::TruncateTable, "TRUNCATE a")
    };
    sink.write_ddl(Arc::new(ddl)).await.unwrap();
    let after = table("a", &["id"], 20);
    sink.write(batch(&heard, 2, vec![txn(22, &[&after])]))
        .await
        .unwrap();
    sink.close(Duration::from_secs(60)).await.unwrap();
    let sink = open(config(root.path())).await;
    let restarted = table("a", &["id"], 23);
    sink.write(batch(&heard, 3, vec![txn(24, &[&restarted])]))
        .await
        .unwrap();
    sink.close(Duration::from_secs(60)).await.unwrap();
    let names: Vec<_> = data_files(root.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "shop/a/20/2024-05-01/CDC000001.csv",
            "shop/a/20/2024-05-01/CDC000002.csv",
            "shop/a/5/2024-05-01/CDC000001.csv",
        ]
    );
}

#[tokio::test]
async fn a_root_that_cannot_be_written_is_refused_at_once() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), b"").unwrap();
    let opened = open_at(config(&root.path().join("file/below")), noon()).await;
    assert_eq!(opened.err().unwrap().code(), ErrorCode::ExternalStorageAPI);
}

#[tokio::test]
async fn a_failing_disk_fails_the_sink_and_loses_the_batch() {
    let root = tempfile::tempdir().unwrap();
    let sink = open(config(root.path())).await;
    std::fs::write(root.path().join("shop"), b"a file where a directory should be").unwrap();
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    assert_eq!(
        sink.flush().await.unwrap_err().code(),
        ErrorCode::ExternalStorageAPI
    );
    assert_eq!(*heard.0.lock().unwrap(), [(1, false)]);
    let again = sink
        .write(batch(&heard, 2, vec![txn(12, &[&table("a", &["id"], 5)])]))
        .await;
    assert_eq!(again.unwrap_err().code(), ErrorCode::ExternalStorageAPI);
}

#[tokio::test]
async fn an_update_of_the_key_is_a_delete_and_an_insert_unless_raw_events_are_wanted() {
    use crate::mysql::testing::{pairs, updated};

    for (output_raw_change_event, expect) in [
        (
            false,
            "\"D\",\"t\",\"s\",1,\"a\"\n\"I\",\"t\",\"s\",2,\"a\"\n\"U\",\"t\",\"s\",2,\"b\"\n",
        ),
        (true, "\"U\",\"t\",\"s\",2,\"a\"\n\"U\",\"t\",\"s\",2,\"b\"\n"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let sink = open(StorageConfig {
            output_raw_change_event,
            ..config(root.path())
        })
        .await;
        let t = pairs("s", "t");
        let mut txn = txn(10, &[]);
        txn.blocks = vec![updated(&t, (1, "a"), (2, "a")), updated(&t, (2, "a"), (2, "b"))];
        sink.write(batch(&Arc::new(Heard::default()), 1, vec![txn]))
            .await
            .unwrap();
        sink.flush().await.unwrap();
        assert_eq!(data_files(root.path())[0].1, expect);
    }
}
