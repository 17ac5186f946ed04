//! One server at a time writes to a bucket.

use tidegate_s3server::S3Server;

use super::*;
use crate::storage::lease::Lease;
use crate::storage::store::{BucketAddress, BucketStore, Store};

struct Place {
    server: S3Server,
    _dir: tempfile::TempDir,
}

async fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        server: S3Server::start(dir.path()).await.unwrap(),
        _dir: dir,
    }
}

impl Place {
    fn address(&self) -> BucketAddress {
        let uri = tidegate_api::SinkUri::parse(&self.server.uri("out", "protocol=csv")).unwrap();
        let settings = crate::settings::Settings {
            uri: &uri,
            code: ErrorCode::StorageSinkInvalidConfig,
        };
        match Address::read(&settings, &["protocol"], 1).unwrap() {
            Address::Bucket(bucket) => bucket,
            Address::Dir(_) => panic!("a bucket"),
        }
    }

    /// As another process opens it: without the lease that the runs of one process share.
    async fn open(&self, identity: &str) -> Result<BucketStore> {
        let lease = Lease::acquire(
            &format!("{}-{identity}-{}", self.server.endpoint(), unique()),
            &changefeed(),
        )
        .await
        .unwrap();
        let holder = Holder {
            changefeed: ChangefeedId::new("default", identity),
            identity: identity.to_owned(),
        };
        BucketStore::open(&self.address(), &holder, lease).await
    }

    fn claim(&self) -> std::path::PathBuf {
        self.server.bucket().join("out/.tidegate-lease")
    }

    /// Lets the claim look as if it had been renewed so long ago.
    fn age(&self, by: Duration) {
        let file = std::fs::File::options().write(true).open(self.claim()).unwrap();
        file.set_modified(std::time::SystemTime::now() - by).unwrap();
    }
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[tokio::test]
async fn another_server_is_kept_out_until_the_claim_is_given_back() {
    let place = place().await;
    let first = place.open("first").await.unwrap();
    let holder = Holder {
        changefeed: ChangefeedId::new("default", "second"),
        identity: "second".to_owned(),
    };
    let error = store::check(&Address::Bucket(place.address()), &holder)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::StorageSinkInvalidConfig);
    assert!(error.message().contains("default/first"), "{error}");

    let mut opening = Box::pin(place.open("second"));
    let opened = tokio::time::timeout(Duration::from_millis(300), &mut opening).await;
    assert!(opened.is_err(), "it waits");
    first.release().await.unwrap();
    opening.await.expect("the place is free");
}

#[tokio::test]
async fn the_claim_of_a_dead_server_runs_out_by_the_clock_of_the_store() {
    let place = place().await;
    drop(place.open("first").await.unwrap());
    place.age(Duration::from_secs(3600));
    place.open("second").await.expect("nobody holds it");
}

#[tokio::test]
async fn the_same_changefeed_takes_its_claim_back_at_once() {
    let place = place().await;
    let before = place.open("first").await.unwrap();
    let after = place.open("first").await.unwrap();
    let lost = before.guard();
    // The holder finds out when it renews, which is a matter of seconds: the clock is moved, not waited for.
    tokio::time::pause();
    let error = tokio::time::timeout(Duration::from_secs(3600), lost)
        .await
        .expect("it notices")
        .unwrap_err();
    assert!(error.message().contains("another server"), "{error}");
    drop(after);
}

#[tokio::test]
async fn who_cannot_renew_stops_writing() {
    let place = place().await;
    let store = place.open("first").await.unwrap();
    store.replace("x".to_owned(), b"1".to_vec()).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    let error = store.replace("x".to_owned(), b"2".to_vec()).await.unwrap_err();
    assert!(error.message().contains("could not be renewed"), "{error}");
    assert_eq!(std::fs::read(place.server.bucket().join("out/x")).unwrap(), b"1");
}

/// Some stores take conditions and pass over them. Then nothing is promised about a second server, but files are still
/// looked for before they are written.
#[tokio::test]
async fn a_store_without_conditions_is_noticed() {
    let place = place().await;
    place.server.troubles().ignore_conditions();
    let store = place.open("first").await.unwrap();
    let write = async |content: &[u8]| {
        let mut draft = store.begin("CDC1".to_owned()).await?;
        draft.append(content.to_vec()).await?;
        draft.create().await
    };
    write(b"one").await.unwrap();
    let error = write(b"two").await.unwrap_err();
    assert!(error.message().contains("somebody else"), "{error}");
    place.open("second").await.expect("there is no claim to wait for");
}
