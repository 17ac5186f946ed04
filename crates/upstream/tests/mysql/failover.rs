//! Another server takes the upstream's place, or the connection to it dies in silence.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_mariadb::{Gateway, Server, ServerOptions, User};
use tidegate_model::{Clock, ErrorCode, SystemClock, Ts};
use tidegate_mysql::ConnectOptions;
use tidegate_upstream::Upstream;
use tidegate_upstream::mysql::MysqlOptions;

use crate::harness::{PATIENCE, Source, Stream, server, start, store};

const ITEMS: &str = "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(20));";

/// A primary, a replica of it, and an address that leads to the primary.
struct Cluster {
    primary: Server,
    replica: Server,
    address: Gateway,
}

impl Cluster {
    async fn start() -> Self {
        let second = ServerOptions {
            server_id: 2,
            ..ServerOptions::default()
        };
        let (primary, replica) = tokio::join!(server(&[]), Server::start(second));
        let replica = replica.unwrap();
        replica.replicate_from(&primary).await.unwrap();
        let address = Gateway::start(primary.port()).await.unwrap();
        Cluster {
            primary,
            replica,
            address,
        }
    }

    fn options(&self, folder: &Path) -> MysqlOptions {
        let connect = ConnectOptions::from_uri(&self.address.uri(User::Replication)).unwrap();
        let mut options = MysqlOptions::new(connect, folder.join("spill"));
        options.diverged_patience = Duration::from_secs(1);
        options
    }

    async fn replicated(&self) {
        let position = self.primary.sql("SELECT @@global.gtid_binlog_pos").await.unwrap();
        let wait = format!("SELECT MASTER_GTID_WAIT('{}', 60)", position.trim());
        assert_eq!(self.replica.sql(&wait).await.unwrap(), "0\n");
    }

    fn fail_over(&self) {
        self.address.lead_to(self.replica.port());
        self.address.cut();
    }
}

async fn insert(server: &Server, id: u32, name: &str) {
    let insert = format!("INSERT INTO shop.item VALUES ({id},'{name}')");
    server.sql(&insert).await.unwrap();
}

/// File names, offsets and ids differ on the new server; transactions, their order and their timestamps do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_goes_on_where_the_primary_ended() {
    let mut cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let mut small = cluster.options(folder.path());
    small.ring_bytes = 1;
    small.ring_file_bytes = 0;
    let source = start(small.clone(), meta.clone()).await.unwrap();
    let id = source.upstream.probe().await.unwrap().id;
    let begin = source.now().await;
    let mut stream = Stream::open(&source, begin);
    for n in 0..20 {
        insert(&cluster.primary, n, "primary").await;
        cluster.primary.sql("FLUSH BINARY LOGS").await.unwrap();
    }
    stream.until_row("19,primary").await;
    cluster.replicated().await;
    cluster.primary.kill().await.unwrap();
    cluster.replica.promote().await.unwrap();
    cluster.fail_over();
    for n in 20..40 {
        insert(&cluster.replica, n, "replica").await;
    }
    stream.until_row("39,replica").await;
    let stamped = stream.stamped();
    let row = |n: usize| format!("+shop.item {n},{}", if n < 20 { "primary" } else { "replica" });
    assert_eq!(stream.texts(), (0..40).map(row).collect::<Vec<_>>());

    // Who begins in the past reads the new server's log, and so does another process.
    let mut again = Stream::open(&source, begin);
    again.until_row("39,replica").await;
    assert_eq!(again.stamped(), stamped);
    stream.close().await;
    again.close().await;
    source.close().await;
    let source = start(small, meta).await.unwrap();
    assert_eq!(source.upstream.probe().await.unwrap().id, id);
    let mut restarted = Stream::open(&source, stamped[9].0);
    insert(&cluster.replica, 40, "end").await;
    restarted.until_row("40,end").await;
    assert_eq!(restarted.stamped()[..30], stamped[10..]);
}

/// Whoever tidies up before the new server's first word must not take it for a second failover: nothing is written
/// there, so that word is a heartbeat.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_replica_is_not_left_again() {
    let mut cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = cluster.options(folder.path());
    options.maintenance_interval = Duration::from_millis(100);
    let source = start(options, store(folder.path())).await.unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    insert(&cluster.primary, 1, "primary").await;
    stream.until_row("1,primary").await;
    cluster.replicated().await;
    cluster.primary.kill().await.unwrap();
    cluster.replica.promote().await.unwrap();
    cluster.fail_over();
    let after = Ts::from_physical_ms(SystemClock.unix_ms());
    stream.until_resolved(after).await;
    let troubles = stream.troubles.lock().unwrap();
    let left_again = troubles
        .iter()
        .any(|trouble| trouble.message().contains("leads to another server"));
    assert!(!left_again, "{troubles:?}");
}

/// Fails over to a replica that has only the first of two transactions, and `writes` of its own. Answers how that is
/// refused.
async fn refusal(cluster: &mut Cluster, source: &Source, writes: u32) -> String {
    let mut stream = Stream::open(source, source.now().await);
    insert(&cluster.primary, 1, "both").await;
    cluster.replicated().await;
    cluster.replica.promote().await.unwrap();
    insert(&cluster.primary, 2, "primary").await;
    stream.until_row("2,primary").await;
    for id in 2..2 + writes {
        insert(&cluster.replica, id, "replica").await;
    }
    cluster.primary.kill().await.unwrap();
    cluster.fail_over();
    let troubles = Arc::clone(&stream.troubles);
    let error = stream.error().await;
    assert_eq!(error.code(), ErrorCode::UpstreamDiverged, "{error:?}");
    // It was asked again for a while: the replica might have been late only.
    assert!(!troubles.lock().unwrap().is_empty());
    assert!(!source.upstream.watermark().borrow().connected);
    error.wire_message()
}

/// Whoever went on there would lose what the primary alone had.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_the_last_transactions_is_refused() {
    let mut cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(cluster.options(folder.path()), store(folder.path()))
        .await
        .unwrap();
    let begin = source.now().await;
    let message = refusal(&mut cluster, &source, 0).await;
    for part in ["0-1-4", "0-1-3", "resume the changefeeds"] {
        assert!(message.contains(part), "{part}: {message}");
    }

    // Nothing was given up for it.
    cluster.primary.restart().await.unwrap();
    cluster.address.lead_to(cluster.primary.port());
    cluster.address.cut();
    insert(&cluster.primary, 3, "primary").await;
    let deadline = Instant::now() + PATIENCE;
    while !source.upstream.watermark().borrow().connected {
        assert!(Instant::now() < deadline, "the first server is not read again");
        tokio::task::yield_now().await;
    }
    let mut stream = Stream::open(&source, begin);
    stream.until_row("3,primary").await;
    assert_eq!(
        stream.texts(),
        [
            "+shop.item 1,both",
            "+shop.item 2,primary",
            "+shop.item 3,primary"
        ]
    );
}

/// The new primary has as many transactions as were read, and they are others.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_with_other_transactions_is_refused() {
    let mut cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(cluster.options(folder.path()), store(folder.path()))
        .await
        .unwrap();
    let message = refusal(&mut cluster, &source, 2).await;
    for part in ["0-1-4", "0-2-5", "resume the changefeeds"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// A name has moved, and the connection to the old server is as alive as before.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_moves_away_from_a_living_server_is_followed() {
    let cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = cluster.options(folder.path());
    options.maintenance_interval = Duration::from_millis(300);
    let source = start(options, store(folder.path())).await.unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    insert(&cluster.primary, 1, "primary").await;
    stream.until_row("1,primary").await;
    cluster.replicated().await;
    cluster.replica.promote().await.unwrap();
    cluster.address.lead_to(cluster.replica.port());
    insert(&cluster.replica, 2, "replica").await;
    stream.until_row("2,replica").await;
}

/// Nothing tells that the other end is gone: no answer, no end of the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_given_up() {
    let cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = cluster.options(folder.path());
    options.heartbeat = Duration::from_millis(200);
    let source = start(options, store(folder.path())).await.unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    insert(&cluster.primary, 1, "before").await;
    stream.until_row("1,before").await;
    cluster.address.freeze();
    insert(&cluster.primary, 2, "meanwhile").await;
    let silent = Instant::now();
    stream
        .until(|stream| !stream.troubles.lock().unwrap().is_empty())
        .await;
    // Three heartbeats and 10 s, and some more on a busy machine.
    assert!(
        silent.elapsed() < Duration::from_secs(30),
        "{:?}",
        silent.elapsed()
    );
    let trouble = stream.troubles.lock().unwrap()[0].clone();
    assert!(trouble.message().contains("heartbeats"), "{trouble:?}");
    cluster.address.thaw();
    cluster.address.cut();
    stream.until_row("2,meanwhile").await;
    assert_eq!(stream.texts(), ["+shop.item 1,before", "+shop.item 2,meanwhile"]);
}

/// The server's clock is set back by an hour: time stands still meanwhile, and nothing is lost or reordered.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_holds_time_and_loses_nothing() {
    let cluster = Cluster::start().await;
    cluster.primary.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(cluster.options(folder.path()), store(folder.path()))
        .await
        .unwrap();
    let begin = source.now().await;
    let mut stream = Stream::open(&source, begin);
    insert(&cluster.primary, 1, "before").await;
    stream.until_row("1,before").await;
    let back = "SET timestamp = UNIX_TIMESTAMP() - 3600";
    // What every new session of a user without SUPER begins with: ours, which asks for the time.
    cluster
        .primary
        .sql(&format!("SET GLOBAL init_connect = '{back}'"))
        .await
        .unwrap();
    cluster.address.cut();
    for id in 2..5 {
        let insert = format!("{back}; INSERT INTO shop.item VALUES ({id},'hour-{id}')");
        cluster.primary.sql(&insert).await.unwrap();
    }
    stream.until_row("4,hour-4").await;
    let stamped = stream.stamped();
    assert!(
        stamped.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "{stamped:?}"
    );
    assert!(source.now().await >= stamped[3].0);
    cluster.primary.sql("SET GLOBAL init_connect = ''").await.unwrap();
    cluster.address.cut();
    insert(&cluster.primary, 5, "forward").await;
    stream.until_row("5,forward").await;
    let mut again = Stream::open(&source, begin);
    again.until_row("5,forward").await;
    assert_eq!(again.stamped(), stream.stamped());
}
