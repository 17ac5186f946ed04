//! One run at a time writes below a directory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::*;
use crate::storage::lease::Lease;

/// A disk that does not answer: who reads the index of table `a` waits until it is released.
struct StuckDisk {
    index: PathBuf,
}

impl StuckDisk {
    fn new(root: &Path) -> Self {
        let meta = root.join("shop/a/5/2024-05-01/meta");
        std::fs::create_dir_all(&meta).unwrap();
        let index = meta.join("CDC.index");
        let made = std::process::Command::new("mkfifo").arg(&index).status().unwrap();
        assert!(made.success());
        StuckDisk { index }
    }

    /// The other end, once somebody waits at this one.
    fn asked(&self) -> Option<File> {
        const O_NONBLOCK: i32 = 0o4000;
        let mut options = OpenOptions::new();
        options
            .write(true)
            .custom_flags(O_NONBLOCK)
            .open(&self.index)
            .ok()
    }

    /// Lets the reader find an index that names a file which is not there.
    fn release(self, mut asked: File) {
        std::fs::remove_file(&self.index).unwrap();
        std::io::Write::write_all(&mut asked, b"CDC000001.csv\n").unwrap();
    }

    async fn until_asked(&self) -> File {
        loop {
            match self.asked() {
                Some(other_end) => return other_end,
                None => tokio::task::yield_now().await,
            }
        }
    }
}

/// Opens a sink, lets it take a row at `ts` and start to write it, and closes it while the disk does not answer.
async fn closed_while_it_writes(root: &Path, ts: u64, heard: &Arc<Heard>) -> (StuckDisk, File) {
    let disk = StuckDisk::new(root);
    let sink = open(config(root)).await;
    sink.write(batch(heard, 1, vec![txn(ts, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    let flushing = async {
        sink.flush().await.ok();
    };
    let asked = tokio::select! {
        () = flushing => panic!("the disk does not answer"),
        asked = disk.until_asked() => asked,
    };
    sink.close(Duration::ZERO).await.unwrap();
    (disk, asked)
}

/// The thread that wrote used to go on after the close. It then put its older rows in the place of the file that the
/// next run had written, and acknowledged, under the same number.
#[tokio::test]
async fn a_run_begins_when_the_writes_of_the_one_before_have_ended() {
    let root = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let (disk, asked) = closed_while_it_writes(root.path(), 10, &heard).await;

    let mut opening = Box::pin(open(config(root.path())));
    let opened = tokio::time::timeout(Duration::from_millis(100), &mut opening).await;
    disk.release(asked);
    assert!(opened.is_err(), "the run before still writes");
    let sink = opening.await;
    assert_eq!(
        *heard.0.lock().unwrap(),
        [(1, false)],
        "a closed run acknowledges nothing"
    );
    assert_eq!(data_files(root.path()), [], "a closed run starts no file");

    sink.write(batch(&heard, 2, vec![txn(12, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let expect = (
        "shop/a/5/2024-05-01/CDC000001.csv".to_owned(),
        "\"I\",\"a\",\"shop\",12\n".to_owned(),
    );
    assert_eq!(data_files(root.path()), [expect]);
}

#[tokio::test]
async fn a_close_waits_for_writes_under_way() {
    let root = tempfile::tempdir().unwrap();
    let disk = StuckDisk::new(root.path());
    let sink = open(config(root.path())).await;
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    let release = async {
        let asked = disk.until_asked().await;
        disk.release(asked);
    };
    let (closed, ()) = tokio::join!(sink.close(Duration::from_secs(60)), release);
    closed.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [(1, true)]);
    assert_eq!(data_files(root.path()).len(), 1);
    sink.close(Duration::from_secs(60)).await.unwrap();
    let late = sink.write_checkpoint(Ts::from_u64(99)).await;
    assert_eq!(late.unwrap_err().code(), ErrorCode::ExternalStorageAPI);
}

#[tokio::test]
async fn a_directory_belongs_to_one_changefeed() {
    let root = tempfile::tempdir().unwrap();
    let link = root.path().join("link");
    std::os::unix::fs::symlink(root.path(), &link).unwrap();
    let other = ChangefeedId::new("default", "other");
    let sink = open(config(root.path())).await;
    let check = async |changefeed, root: &Path| {
        store::check(&Address::Dir(root.to_owned()), &holder_of(changefeed)).await
    };
    let error = check(other.clone(), &link).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StorageSinkInvalidConfig);
    assert!(error.message().contains("storage-tests"), "{error}");
    check(changefeed(), root.path())
        .await
        .expect("it may be checked while it runs");
    sink.close(Duration::from_secs(60)).await.unwrap();
    check(other, &link).await.unwrap();
}

#[tokio::test]
async fn a_data_file_of_somebody_else_is_left_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("shop/a/5/2024-05-01");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("CDC000001.csv"), "rows of somebody else\n").unwrap();
    let sink = open(config(root.path())).await;
    let heard = Arc::new(Heard::default());
    sink.write(batch(&heard, 1, vec![txn(10, &[&table("a", &["id"], 5)])]))
        .await
        .unwrap();
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
    assert!(error.message().contains("CDC000001.csv"), "{error}");
    assert_eq!(*heard.0.lock().unwrap(), [(1, false)]);
    assert_eq!(data_files(root.path())[0].1, "rows of somebody else\n");
}

#[tokio::test]
async fn a_run_that_waits_in_vain_says_for_whom() {
    let root = tempfile::tempdir().unwrap();
    let root = &root.path().display().to_string();
    let held = Lease::acquire(root, &changefeed()).await.unwrap();
    tokio::time::pause();
    let other = ChangefeedId::new("default", "other");
    for (who, word) in [
        (changefeed(), "a write of the run before"),
        (other, "storage-tests"),
    ] {
        let error = Lease::acquire(root, &who).await.err().unwrap();
        assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
        assert!(error.message().contains(word), "{error}");
    }
    held.end().await;
    Lease::acquire(root, &changefeed()).await.expect("it is free");
}
