//! Disks that are full or damaged.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_mariadb::{Server, ServerOptions, User};
use tokio::process::Command;

use crate::golden::read_files;
use crate::support::{Tidegate, eventually, free_port, refusal};

const ROWS: usize = 4_000;

/// A server that alone sees a small disk, mounted over `at`.
async fn with_small_disk(upstream: &Server, dir: &Path, at: &Path) -> Tidegate {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg("mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\"");
    command.arg(at).arg(Tidegate::PROGRAM);
    let uri = upstream.uri(User::Replication);
    Tidegate::launch(command, &uri, dir, free_port()).healthy().await
}

fn checkpoint(detail: &Value) -> u64 {
    detail["checkpoint_ts"].as_u64().unwrap()
}

#[tokio::test]
async fn a_full_disk_stops_only_who_writes_there_until_there_is_room() {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    upstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, note VARCHAR(1000))")
        .await
        .unwrap();
    let dir = TempDir::new().unwrap();
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let tidegate = with_small_disk(&upstream, dir.path(), &disk).await;
    let seen_from_here = PathBuf::from(format!(
        "/proc/{}/root{}",
        tidegate.child.id().unwrap(),
        disk.display()
    ));
    let ballast = seen_from_here.join("ballast");
    std::fs::write(&ballast, vec![0; 7 << 20]).unwrap();
    let sink = format!("file://{}/out?protocol=csv&flush-interval=2s", disk.display());
    tidegate
        .create("files", &sink, &json!({"sink": {"date_separator": "none"}}))
        .await
        .ok();
    tidegate.create("other", "blackhole://", &json!({})).await.ok();

    upstream
        .sql(&format!(
            "USE shop; INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM seq_1_to_{ROWS}"
        ))
        .await
        .unwrap();
    let detail = tidegate.wait_for_state("files", "warning").await;
    assert!(detail.to_string().contains("No space left"), "{detail}");
    let before = checkpoint(&tidegate.get("/api/v2/changefeeds/other").await.ok());
    eventually("the other changefeed goes on", || async {
        let detail = tidegate.get("/api/v2/changefeeds/other").await.ok();
        if detail["state"] == "normal" && checkpoint(&detail) > before {
            Ok(())
        } else {
            Err(detail.to_string())
        }
    })
    .await;

    std::fs::remove_file(ballast).unwrap();
    eventually("the files are complete", || async {
        let files = read_files(&seen_from_here.join("out"), "csv");
        // A row may come twice after a failure.
        let rows: BTreeSet<&str> = files
            .values()
            .flat_map(|text| text.lines())
            .filter(|line| line.starts_with("\"I\""))
            .collect();
        if rows.len() == ROWS {
            Ok(())
        } else {
            Err(format!("{} rows", rows.len()))
        }
    })
    .await;
    tidegate.wait_for_state("files", "normal").await;
}

/// One write that failed for want of room used to stop every checkpoint until the server was restarted.
#[tokio::test]
async fn a_full_data_directory_is_waited_for() {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    upstream
        .sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("tidegate");
    std::fs::create_dir(&data).unwrap();
    let mut tidegate = with_small_disk(&upstream, dir.path(), &data).await;
    tidegate.create("feed", "blackhole://", &json!({})).await.ok();
    let ballast = PathBuf::from(format!(
        "/proc/{}/root{}/ballast",
        tidegate.child.id().unwrap(),
        data.display()
    ));
    fill(&ballast);
    // More than the room that the store's file has left.
    let large = json!({"sink": {"csv": {"null": "x".repeat(1 << 20)}}});
    let refused = tidegate.create("large", "blackhole://", &large).await;
    assert_eq!(refused.code(), "CDC:ErrMetaStore");

    tidegate.wait_for_state("feed", "warning").await;
    let status = tidegate.get("/api/v2/changefeeds/feed/status").await.ok();
    assert!(
        status["last_warning"].to_string().contains("No space left"),
        "{status}"
    );
    let before = checkpoint(&tidegate.get("/api/v2/changefeeds/feed").await.ok());
    upstream
        .sql("INSERT INTO shop.t VALUES (1); ALTER TABLE shop.t ADD v INT; INSERT INTO shop.t VALUES (2, 2)")
        .await
        .unwrap();

    std::fs::remove_file(&ballast).unwrap();
    let detail = tidegate.wait_for_state("feed", "normal").await;
    assert!(checkpoint(&detail) > before);
    tidegate.create("large", "blackhole://", &large).await.ok();
    tidegate.sigterm().await;
    assert!(tidegate.ended().await.success());
}

/// Takes all the room there is.
fn fill(ballast: &Path) {
    let mut file = std::fs::File::create(ballast).unwrap();
    for len in [1 << 20, 4 << 10] {
        let block = vec![1; len];
        while file.write_all(&block).is_ok() {}
    }
}

#[tokio::test]
async fn a_damaged_store_is_named_and_left_as_it_is() {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    let dir = TempDir::new().unwrap();
    let uri = upstream.uri(User::Replication);
    let mut tidegate = Tidegate::start(&uri, dir.path()).await;
    tidegate.create("feed", "blackhole://", &json!({})).await.ok();
    tidegate.sigterm().await;
    tidegate.ended().await;
    let data = dir.path().join("tidegate");
    let store = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "redb"))
        .expect("a store");
    std::fs::write(&store, "no database").unwrap();
    let message = refusal(Tidegate::spawn(&uri, dir.path(), free_port())).await;
    assert!(message.contains(&data.display().to_string()), "{message}");
    assert_eq!(std::fs::read(&store).unwrap(), b"no database");
}
