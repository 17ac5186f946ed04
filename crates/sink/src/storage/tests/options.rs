//! Every option of the file sink: what it does to the files, or that it is refused by name.

use tidegate_api::{CloudStorageConfig, CsvConfig, ReplicaConfig, SinkUri};

use super::*;
use crate::mysql::testing::{block, column, table as make_table, text};
use crate::opener::SinkSpec;
use crate::storage::settings;

/// What is expected of the files, or of the settings.
enum Expect {
    /// The rows of the data file.
    Rows(&'static str),
    /// Somewhere in the files.
    Has(&'static str),
    /// A file's path below the root.
    Path(&'static str),
    /// The settings are refused with this code; the message has the word.
    Refused(ErrorCode, &'static str),
}

use Expect::{Has, Path as At, Refused, Rows};

const CSV: &str = "protocol=csv";
const CANAL: &str = "protocol=canal-json";
const CSV_ROWS: &str = "\"I\",\"t\",\"s\",1,\"a\",\"AP8=\"\r\n\"U\",\"t\",\"s\",1,\"x,y\",\\N\r\n\
    \"D\",\"t\",\"s\",1,\"x,y\",\\N\r\n\"I\",\"t\",\"s\",2,\"x,y\",\\N\r\n\"D\",\"t\",\"s\",2,\"x,y\",\\N\r\n";

fn spec(root: &Path, params: &str, set: fn(&mut ReplicaConfig)) -> SinkSpec {
    let mut config = ReplicaConfig::default();
    set(&mut config);
    SinkSpec {
        changefeed: changefeed(),
        cluster_id: "default".to_owned(),
        incarnation: "1".to_owned(),
        uri: SinkUri::parse(&format!("file://{}?{params}", root.display())).unwrap(),
        config,
        replicate_ts: Ts::ZERO,
        time_zone: TimeZone::UTC,
        on_trouble: crate::OnTrouble::default(),
    }
}

/// Inserts a row, changes it, moves it to another key, deletes it; path and content of every file.
async fn files(root: &Path, config: StorageConfig) -> BTreeMap<String, String> {
    let columns = vec![
        column("id", ColumnType::Int),
        column("v", ColumnType::VarChar { chars: 50 }),
        column("b", ColumnType::VarBinary { bytes: 8 }),
    ];
    let t = make_table("s", "t", columns, &[0]);
    let (first, second) = (Datum::Int(1), Datum::Int(2));
    let blob = Datum::Bytes(&[0, 0xff]);
    let changes = [
        block(&t, RowOp::Insert, &[&[first, text("a"), blob]]),
        block(
            &t,
            RowOp::Update,
            &[&[first, text("a"), blob, first, text("x,y"), Datum::Null]],
        ),
        block(
            &t,
            RowOp::Update,
            &[&[first, text("x,y"), Datum::Null, second, text("x,y"), Datum::Null]],
        ),
        block(&t, RowOp::Delete, &[&[second, text("x,y"), Datum::Null]]),
    ];
    let txns = changes
        .into_iter()
        .zip([10, 12, 14, 16])
        .map(|(block, ts)| TxnEvent {
            blocks: vec![block],
            ..txn(ts, &[])
        });
    let sink = open(config).await;
    sink.write(batch(&Arc::new(Heard::default()), 1, txns.collect()))
        .await
        .unwrap();
    sink.close(Duration::from_secs(60)).await.unwrap();
    tree(root)
}

async fn check(params: &str, set: fn(&mut ReplicaConfig), expect: Expect) {
    let root = tempfile::tempdir().unwrap();
    let read = settings::read(&spec(root.path(), params, set));
    if let Refused(code, word) = expect {
        let error = read.unwrap_err();
        assert_eq!(error.code(), code, "{params}: {error}");
        assert!(error.message().contains(word), "{params}: {error}");
        return;
    }
    let files = files(root.path(), read.unwrap()).await;
    let data = files
        .iter()
        .find(|(path, _)| path.ends_with(".csv") || path.ends_with(".json") && path.contains("/CDC"))
        .expect("a data file");
    match expect {
        Rows(rows) => assert_eq!(data.1, rows, "{params}"),
        Has(part) => assert!(
            files.values().any(|text| text.contains(part)),
            "{part}: {files:#?}"
        ),
        At(path) => assert!(files.contains_key(path), "{path}: {files:#?}"),
        Refused(..) => {}
    }
}

fn csv(config: &mut ReplicaConfig) -> &mut CsvConfig {
    config.sink.csv.get_or_insert_default()
}

fn storage(config: &mut ReplicaConfig) -> &mut CloudStorageConfig {
    config.sink.cloud_storage_config.get_or_insert_default()
}

const BAD: ErrorCode = ErrorCode::SinkInvalidConfig;
const BAD_STORAGE: ErrorCode = ErrorCode::StorageSinkInvalidConfig;
const NOT_BUILT: ErrorCode = ErrorCode::NotSupported;

#[tokio::test]
async fn options_of_csv() {
    check(CSV, |_| {}, Rows(CSV_ROWS)).await;
    check("protocol=CSV", |_| {}, Rows(CSV_ROWS)).await;
    check("", |c| c.sink.protocol = Some("csv".to_owned()), Rows(CSV_ROWS)).await;
    check(
        CSV,
        |c| csv(c).delimiter = "|".to_owned(),
        Has("\"I\"|\"t\"|\"s\"|1|"),
    )
    .await;
    check(
        CSV,
        |c| csv(c).delimiter = "a|b".to_owned(),
        Has("\"I\"a|b\"t\"a|b"),
    )
    .await;
    check(
        CSV,
        |c| csv(c).delimiter = "four".to_owned(),
        Refused(BAD, "csv.delimiter"),
    )
    .await;
    check(
        CSV,
        |c| csv(c).delimiter = "\n".to_owned(),
        Refused(BAD, "csv.delimiter"),
    )
    .await;
    check(CSV, |c| csv(c).quote = "'".to_owned(), Has("'I','t','s',1,'a',")).await;
    check(
        CSV,
        |c| csv(c).quote = String::new(),
        Has("U,t,s,1,x\\,y,\\N\r\n"),
    )
    .await;
    check(CSV, |c| csv(c).quote = "''".to_owned(), Refused(BAD, "csv.quote")).await;
    check(CSV, |c| csv(c).null = "NULL".to_owned(), Has("\"x,y\",NULL\r\n")).await;
    check(
        CSV,
        |c| csv(c).include_commit_ts = true,
        Has("\"I\",\"t\",\"s\",10,1,"),
    )
    .await;
    check(
        CSV,
        |c| csv(c).binary_encoding_method = "hex".to_owned(),
        Has(",\"00ff\"\r\n"),
    )
    .await;
    let octal = |c: &mut ReplicaConfig| csv(c).binary_encoding_method = "octal".to_owned();
    check(CSV, octal, Refused(BAD, "binary_encoding_method")).await;
    let both = "\"D\",\"t\",\"s\",true,1,\"a\",\"AP8=\"\r\n\"I\",\"t\",\"s\",true,1,\"x,y\",\\N\r\n";
    check(CSV, |c| csv(c).output_old_value = true, Has(both)).await;
    check(
        CSV,
        |c| csv(c).output_handle_key = true,
        Has("\"I\",\"t\",\"s\",\"1\",1,"),
    )
    .await;
    let header = "ticdc-meta$operation,ticdc-meta$table,ticdc-meta$schema,id,v,b\r\n\"I\"";
    check(CSV, |c| csv(c).output_field_header = true, Has(header)).await;
    check(
        CSV,
        |c| c.sink.terminator = Some(";\n".to_owned()),
        Has("\"AP8=\";\n"),
    )
    .await;
}

#[tokio::test]
async fn csv_refuses_the_options_of_canal_json() {
    for (params, set) in [
        (
            "protocol=csv&enable-tidb-extension=true",
            (|_| {}) as fn(&mut ReplicaConfig),
        ),
        ("protocol=csv&content-compatible=true", |_| {}),
        ("protocol=csv&only-output-updated-columns=true", |_| {}),
        (CSV, |c| c.sink.content_compatible = Some(true)),
        (CSV, |c| c.sink.only_output_updated_columns = Some(true)),
    ] {
        check(params, set, Refused(NOT_BUILT, "it is for canal-json")).await;
    }
    let key_only = |c: &mut ReplicaConfig| c.sink.delete_only_output_handle_key_columns = Some(true);
    check(CSV, key_only, Refused(BAD, "cannot be used with csv")).await;
    let off =
        "protocol=csv&enable-tidb-extension=false&content-compatible=false&only-output-updated-columns=0";
    check(off, |_| {}, Rows(CSV_ROWS)).await;
}

#[tokio::test]
async fn options_of_canal_json() {
    check(
        CANAL,
        |_| {},
        Has(r#""mysqlType":{"id":"int","v":"varchar","b":"varbinary"}"#),
    )
    .await;
    check(CANAL, |_| {}, Has(r#""old":[{"id":"1","v":"a","b":"\u0000ÿ"}]"#)).await;
    check(CANAL, |_| {}, Has("}]}\r\n{\"id\":0")).await;
    check(
        CANAL,
        |c| c.sink.terminator = Some("\n\n".to_owned()),
        Has("}]}\n\n{\"id\":0"),
    )
    .await;
    let extension = "protocol=canal-json&enable-tidb-extension=true";
    check(extension, |_| {}, Has(r#""_tidb":{"commitTs":10}"#)).await;
    let compatible = r#""mysqlType":{"id":"int(11)","v":"varchar(50)","b":"varbinary(8)"}"#;
    check(
        "protocol=canal-json&content-compatible=true",
        |_| {},
        Has(compatible),
    )
    .await;
    check(CANAL, |c| c.sink.content_compatible = Some(true), Has(compatible)).await;
    let changed = r#""old":[{"v":"a","b":"\u0000ÿ"}]"#;
    check(CANAL, |c| c.sink.content_compatible = Some(true), Has(changed)).await;
    check(
        "protocol=canal-json&only-output-updated-columns=true",
        |_| {},
        Has(changed),
    )
    .await;
    check(
        CANAL,
        |c| c.sink.only_output_updated_columns = Some(true),
        Has(changed),
    )
    .await;
    let full = r#""old":[{"id":"1","v":"a","b":"\u0000ÿ"}]"#;
    let uri_wins = |c: &mut ReplicaConfig| c.sink.only_output_updated_columns = Some(true);
    check(
        "protocol=canal-json&only-output-updated-columns=false",
        uri_wins,
        Has(full),
    )
    .await;
    let key_only = |c: &mut ReplicaConfig| c.sink.delete_only_output_handle_key_columns = Some(true);
    check(CANAL, key_only, Has(r#""old":null,"data":[{"id":"2"}]}"#)).await;
    let keyless = |c: &mut ReplicaConfig| {
        c.sink.delete_only_output_handle_key_columns = Some(true);
        c.force_replicate = true;
    };
    check(CANAL, keyless, Refused(BAD, "force_replicate")).await;
    let word = "protocol=canal-json&enable-tidb-extension=maybe";
    check(word, |_| {}, Refused(BAD_STORAGE, "enable-tidb-extension")).await;
}

#[tokio::test]
async fn options_of_the_layout() {
    check(CSV, |_| {}, At("s/t/1/2024-05-01/CDC00000000000000000001.csv")).await;
    check(CANAL, |_| {}, At("s/t/1/2024-05-01/CDC00000000000000000001.json")).await;
    check(
        CSV,
        |c| c.sink.date_separator = Some("NONE".to_owned()),
        At("s/t/1/CDC00000000000000000001.csv"),
    )
    .await;
    check(
        CSV,
        |c| c.sink.date_separator = Some("year".to_owned()),
        At("s/t/1/2024/meta/CDC.index"),
    )
    .await;
    check(
        CSV,
        |c| c.sink.date_separator = Some("month".to_owned()),
        At("s/t/1/2024-05/meta/CDC.index"),
    )
    .await;
    check(
        CSV,
        |c| c.sink.date_separator = Some("week".to_owned()),
        Refused(BAD, "date_separator"),
    )
    .await;
    check(
        CSV,
        |c| c.sink.file_index_width = Some(6),
        At("s/t/1/2024-05-01/CDC000001.csv"),
    )
    .await;
    check(
        CSV,
        |c| c.sink.file_index_width = Some(5),
        At("s/t/1/2024-05-01/CDC00000000000000000001.csv"),
    )
    .await;
    check(
        CSV,
        |c| c.sink.enable_partition_separator = Some(false),
        At("s/t/1/2024-05-01/CDC00000000000000000001.csv"),
    )
    .await;
    check(
        CSV,
        |c| storage(c).output_column_id = Some(true),
        Has("\"ColumnId\": \"3\""),
    )
    .await;
}

#[tokio::test]
async fn options_of_the_storage_as_such() {
    let raw = "\"U\",\"t\",\"s\",1,\"x,y\",\\N\r\n\"U\",\"t\",\"s\",2,\"x,y\",\\N\r\n\"D\"";
    check(CSV, |c| storage(c).output_raw_change_event = Some(true), Has(raw)).await;
    check(CSV, |c| storage(c).file_expiration_days = Some(0), Rows(CSV_ROWS)).await;
    check(CSV, |c| storage(c).file_expiration_days = Some(7), Rows(CSV_ROWS)).await;
    check(
        CSV,
        |c| storage(c).file_expiration_days = Some(-1),
        Refused(BAD_STORAGE, "file_expiration_days"),
    )
    .await;
    let at_two = |c: &mut ReplicaConfig| storage(c).file_cleanup_cron_spec = Some("0 0 2 * * *".to_owned());
    check(CSV, at_two, Rows(CSV_ROWS)).await;
    let at_26 = |c: &mut ReplicaConfig| storage(c).file_cleanup_cron_spec = Some("0 0 26 * * *".to_owned());
    check(CSV, at_26, Refused(BAD_STORAGE, "file_cleanup_cron_spec")).await;
    check(CSV, |c| storage(c).flush_concurrency = Some(1), Rows(CSV_ROWS)).await;
    check(
        CSV,
        |c| storage(c).flush_concurrency = Some(4),
        Refused(NOT_BUILT, "flush_concurrency"),
    )
    .await;
    check("protocol=csv&transaction-atomicity=none", |_| {}, Rows(CSV_ROWS)).await;
    check(
        "protocol=csv&transaction-atomicity=table",
        |_| {},
        Refused(NOT_BUILT, "transaction_atomicity"),
    )
    .await;
    let table_wise = |c: &mut ReplicaConfig| c.sink.transaction_atomicity = Some("table".to_owned());
    check(CSV, table_wise, Refused(NOT_BUILT, "transaction_atomicity")).await;
    check(
        "protocol=csv&transaction-atomicity=none",
        table_wise,
        Rows(CSV_ROWS),
    )
    .await;
    check(
        "protocol=csv&access-key=x",
        |_| {},
        Refused(BAD_STORAGE, "access-key"),
    )
    .await;
}

/// `worker-count`, `flush-interval` and `file-size`, as parameter and as member; their effect has tests of its own.
#[test]
fn sizes_and_times() {
    let read =
        |params: &str, set: fn(&mut ReplicaConfig)| settings::read(&spec(Path::new("/d"), params, set));
    let members = |c: &mut ReplicaConfig| {
        storage(c).worker_count = Some(3);
        storage(c).flush_interval = Some("1m".to_owned());
        storage(c).file_size = Some(2 << 20);
    };
    let config = read(CSV, members).unwrap();
    assert_eq!((config.worker_count, config.file_size), (3, 2 << 20));
    assert_eq!(config.flush_interval, Duration::from_secs(60));
    let config = read(
        "protocol=csv&worker-count=5&flush-interval=1h&file-size=9999999999",
        members,
    )
    .unwrap();
    assert_eq!((config.worker_count, config.file_size), (5, 512 << 20));
    assert_eq!(config.flush_interval, Duration::from_secs(600));
    let config = read("protocol=csv&flush-interval=", |_| {}).unwrap();
    assert_eq!(config.flush_interval, Duration::from_secs(5));
    for (params, word) in [
        ("protocol=csv&worker-count=-1", "worker-count"),
        ("protocol=csv&worker-count=many", "worker-count"),
        ("protocol=csv&flush-interval=5", "flush-interval"),
        ("protocol=csv&file-size=1MiB", "file-size"),
    ] {
        let error = read(params, |_| {}).unwrap_err();
        assert_eq!(error.code(), BAD_STORAGE);
        assert!(error.message().contains(word), "{error}");
    }
}
