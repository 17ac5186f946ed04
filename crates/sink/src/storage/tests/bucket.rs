//! The sink on a real S3 server, with its troubles.

use tidegate_s3server::{S3Server, SECRET_KEY};

use super::*;
use crate::mysql::testing::{inserted, pairs};
use crate::opener::SinkSpec;
use crate::storage;

const MIB: usize = 1 << 20;

struct Bucket {
    server: S3Server,
    _dir: tempfile::TempDir,
}

impl Bucket {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = S3Server::start(dir.path()).await.unwrap();
        Bucket { server, _dir: dir }
    }

    /// Settings for prefix `out`, read from a URI with the server's credentials.
    fn config(&self, parameters: &str) -> StorageConfig {
        self.config_of(&self.server.uri("out", parameters), |_| {})
    }

    fn config_of(
        &self,
        uri: &str,
        change: impl FnOnce(&mut tidegate_api::CloudStorageConfig),
    ) -> StorageConfig {
        let spec = spec(uri, change);
        let address = storage::settings::read(&spec).unwrap().address;
        StorageConfig {
            address,
            ..config(Path::new("/nowhere"))
        }
    }

    fn out(&self) -> std::path::PathBuf {
        self.server.bucket().join("out")
    }
}

fn spec(uri: &str, change: impl FnOnce(&mut tidegate_api::CloudStorageConfig)) -> SinkSpec {
    let mut config = tidegate_api::ReplicaConfig::default();
    config.sink.protocol = Some("csv".to_owned());
    change(config.sink.cloud_storage_config.get_or_insert_default());
    SinkSpec {
        changefeed: changefeed(),
        cluster_id: "default".to_owned(),
        incarnation: "1".to_owned(),
        uri: tidegate_api::SinkUri::parse(uri).unwrap(),
        config,
        replicate_ts: Ts::ZERO,
        time_zone: TimeZone::UTC,
        on_trouble: crate::OnTrouble::default(),
    }
}

async fn check(uri: &str) -> Result<()> {
    storage::check(&spec(uri, |_| {})).await
}

/// One row at `ts` into table `a`.
async fn write_row(sink: &StorageSink, heard: &Arc<Heard>, seq: u64, ts: u64) -> Result<()> {
    sink.write(batch(heard, seq, vec![txn(ts, &[&table("a", &["id"], 5)])]))
        .await?;
    sink.flush().await
}

/// About `mib` MiB into one table, in transactions of 64 KiB.
async fn write_much(sink: &StorageSink, heard: &Arc<Heard>, mib: u64) -> Result<()> {
    let table = pairs("s", "large");
    let text = "x".repeat(64 << 10);
    for id in 1..=mib * 16 {
        let row = TxnEvent {
            blocks: vec![inserted(&table, i64::try_from(id).unwrap(), &text)],
            ..txn(100 + id, &[])
        };
        sink.write(batch(heard, id, vec![row])).await?;
    }
    sink.flush().await
}

/// Ids of all rows in the files of a table, in the order of the files.
fn ids(root: &Path) -> Vec<u64> {
    data_files(root)
        .iter()
        .flat_map(|(_, text)| text.lines())
        .map(|line| line.split(',').nth(3).unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_bucket_holds_what_a_directory_would() {
    let bucket = Bucket::start().await;
    let dir = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    for config in [bucket.config("protocol=csv"), config(dir.path())] {
        let sink = open(config).await;
        write_row(&sink, &heard, 1, 10).await.unwrap();
        write_row(&sink, &heard, 1, 12).await.unwrap();
        sink.write_ddl(Arc::new(ddl(DdlKind::DropTable, "DROP TABLE a")))
            .await
            .unwrap();
        sink.write_checkpoint(Ts::from_u64(20)).await.unwrap();
        sink.close(Duration::from_secs(60)).await.unwrap();
    }
    let mut in_bucket = tree(&bucket.out());
    assert!(in_bucket.remove(".tidegate-lease").is_some());
    assert_eq!(in_bucket, tree(dir.path()));
    assert!(in_bucket.contains_key("shop/a/5/2024-05-01/CDC000002.csv"));
}

#[tokio::test]
async fn a_later_run_goes_on_with_the_next_number() {
    let bucket = Bucket::start().await;
    let heard = Arc::new(Heard::default());
    for ts in [10, 12] {
        let sink = open(bucket.config("protocol=csv")).await;
        write_row(&sink, &heard, ts, ts).await.unwrap();
        // Dropped, not closed: the claim is left as a crash would leave it.
        drop(sink);
    }
    let names: Vec<_> = data_files(&bucket.out())
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

/// Between the index file and the data file, the number is not used up.
#[tokio::test]
async fn a_crash_between_index_and_data_file_reuses_the_number() {
    let bucket = Bucket::start().await;
    let dir = bucket.out().join("shop/a/5/2024-05-01");
    std::fs::create_dir_all(dir.join("meta")).unwrap();
    std::fs::write(dir.join("meta/CDC.index"), "CDC000004.csv\n").unwrap();
    let sink = open(bucket.config("protocol=csv")).await;
    write_row(&sink, &Arc::new(Heard::default()), 1, 10)
        .await
        .unwrap();
    assert_eq!(
        data_files(&bucket.out())[0].0,
        "shop/a/5/2024-05-01/CDC000004.csv"
    );
}

#[tokio::test]
async fn large_files_are_sent_in_parts_side_by_side() {
    let bucket = Bucket::start().await;
    let parallel = bucket.config_of(&bucket.server.uri("out", "protocol=csv"), |storage| {
        storage.flush_concurrency = Some(4);
    });
    let sink = open(StorageConfig {
        file_size: 64 * MIB,
        ..parallel
    })
    .await;
    bucket.server.troubles().delay(Duration::from_millis(30));
    let heard = Arc::new(Heard::default());
    write_much(&sink, &heard, 40).await.unwrap();
    assert_eq!(ids(&bucket.out()), (1..=640).collect::<Vec<_>>());
    assert_eq!(data_files(&bucket.out()).len(), 1);
    let troubles = bucket.server.troubles();
    assert_eq!(troubles.parts(), 6, "40 MiB in parts of 8, and the delimiters");
    assert!(troubles.parts_at_once_max() > 1);
    assert!(troubles.parts_at_once_max() <= 4);
}

#[tokio::test]
async fn no_object_is_written_over_whether_small_or_in_parts() {
    for mib in [0, 10] {
        let bucket = Bucket::start().await;
        let dir = bucket.out().join(if mib == 0 {
            "shop/a/5/2024-05-01"
        } else {
            "s/large/1/2024-05-01"
        });
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("CDC000001.csv"), "rows of somebody else\n").unwrap();
        let sink = open(StorageConfig {
            file_size: 64 * MIB,
            ..bucket.config("protocol=csv")
        })
        .await;
        let heard = Arc::new(Heard::default());
        let written = match mib {
            0 => write_row(&sink, &heard, 1, 10).await,
            mib => write_much(&sink, &heard, mib).await,
        };
        let error = written.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
        assert!(error.message().contains("somebody else"), "{error}");
        assert!(heard.0.lock().unwrap().iter().all(|(_, durable)| !durable));
        assert_eq!(data_files(&bucket.out())[0].1, "rows of somebody else\n");
    }
}

/// A write whose answer is lost has happened: it must neither be taken for a stranger's, nor be written twice.
#[tokio::test]
async fn a_lost_answer_is_no_failure() {
    for mib in [0, 10] {
        let bucket = Bucket::start().await;
        let sink = open(StorageConfig {
            file_size: 64 * MIB,
            ..bucket.config("protocol=csv")
        })
        .await;
        bucket.server.troubles().lose_answers(1);
        let heard = Arc::new(Heard::default());
        match mib {
            0 => write_row(&sink, &heard, 1, 10).await.unwrap(),
            mib => write_much(&sink, &heard, mib).await.unwrap(),
        }
        assert_eq!(data_files(&bucket.out()).len(), 1);
        sink.close(Duration::from_secs(60)).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_comes_back_is_waited_for() {
    let mut bucket = Bucket::start().await;
    let sink = open(bucket.config("protocol=csv")).await;
    let heard = Arc::new(Heard::default());
    write_row(&sink, &heard, 1, 10).await.unwrap();
    bucket.server.stop().await;
    let writing = write_row(&sink, &heard, 2, 12);
    let back = async {
        // The first tries find nobody.
        tokio::time::sleep(Duration::from_millis(300)).await;
        bucket.server.start_again().await.unwrap();
    };
    let (written, ()) = tokio::join!(writing, back);
    written.unwrap();
    assert_eq!(data_files(&bucket.out()).len(), 2);
}

#[tokio::test]
async fn a_store_that_refuses_is_an_error_that_says_so_and_loses_the_batch() {
    for (status, word) in [(403, "AccessDenied"), (507, "XMinioStorageFull")] {
        let bucket = Bucket::start().await;
        let sink = open(bucket.config("protocol=csv")).await;
        bucket.server.troubles().refuse_writes(status);
        let heard = Arc::new(Heard::default());
        let writing = write_row(&sink, &heard, 1, 10);
        let error = tokio::time::timeout(Duration::from_secs(60), writing)
            .await
            .expect("it answers")
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
        assert!(error.message().contains(word), "{error}");
        assert_eq!(*heard.0.lock().unwrap(), [(1, false)]);
        bucket.server.troubles().refuse_writes(0);
        drop(sink);
        let sink = open(bucket.config("protocol=csv")).await;
        write_row(&sink, &heard, 2, 10).await.unwrap();
        assert_eq!(heard.0.lock().unwrap().last(), Some(&(2, true)));
    }
}

#[tokio::test]
async fn a_check_leaves_nothing_and_tells_mistakes_fast_and_without_secrets() {
    let bucket = Bucket::start().await;
    check(&bucket.server.uri("out", "protocol=csv")).await.unwrap();
    assert_eq!(tree(&bucket.server.bucket()).len(), 0);
    let good = bucket.server.uri("out", "protocol=csv");
    let wrong_secret = good.replace("s3cret", "wr0ng");
    let wrong_bucket = good.replace("s3://changes/", "s3://elsewhere/");
    let nobody = good.replace(&bucket.server.endpoint(), "http://127.0.0.1:9");
    for (uri, word) in [
        (wrong_secret, "SignatureDoesNotMatch"),
        (wrong_bucket, "NoSuchBucket"),
        (nobody, "127.0.0.1:9"),
    ] {
        let started = tokio::time::Instant::now();
        let error = check(&uri).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(14), "{error}");
        assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
        let shown = format!("{} {error:?}", error.wire_message());
        assert!(shown.contains(word), "{shown}");
        for secret in [SECRET_KEY, "wr0ng", "k3y", "AKIATIDEGATETEST"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_does_not_hold_up_a_check() {
    let bucket = Bucket::start().await;
    bucket.server.troubles().delay(Duration::from_secs(3600));
    let started = tokio::time::Instant::now();
    let error = check(&bucket.server.uri("out", "protocol=csv"))
        .await
        .unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(15), "{error}");
}
