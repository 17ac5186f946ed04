//! Servers that are badly set up, restart, forget, or log what nobody can read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_mariadb::{Server, User};
use tidegate_model::{ChangefeedId, ErrorCode, Ts};
use tidegate_mysql::ConnectOptions;
use tidegate_upstream::Upstream;
use tidegate_upstream::mysql::MysqlOptions;

use crate::harness::{PATIENCE, Stream, options, server, start, store};

const ITEMS: &str = "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(20));";

#[tokio::test(flavor = "multi_thread")]
async fn all_unmet_requirements_are_in_one_error_with_their_sql() {
    let server = server(&[
        "--binlog-format=MIXED",
        "--binlog-row-metadata=NO_LOG",
        "--binlog-row-image=MINIMAL",
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = start(options(&server, folder.path()), store(folder.path())).await else {
        panic!("the server is unfit");
    };
    assert_eq!(error.code(), ErrorCode::UpstreamMisconfigured);
    for part in [
        "SET GLOBAL binlog_format = 'ROW'",
        "SET GLOBAL binlog_row_metadata = 'FULL'",
        "SET GLOBAL binlog_row_image = 'FULL'",
    ] {
        assert!(error.message().contains(part), "{part}: {}", error.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_and_missing_grants_are_told_apart() {
    let server = server(&[]).await;
    server
        .sql("CREATE USER poor@'127.0.0.1' IDENTIFIED BY 'hunter2'; GRANT REPLICATION CLIENT ON *.* TO poor@'127.0.0.1'")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let attempt = async |user: &str, password: &str, port: u16| {
        let connect = ConnectOptions::new("127.0.0.1", port, user, password);
        let options = MysqlOptions::new(connect, folder.path().join("spill"));
        match start(options, meta.clone()).await {
            Err(error) => error,
            Ok(_) => panic!("{user} must not get in"),
        }
    };
    let wrong = attempt(User::Replication.name(), "hunter2", server.port()).await;
    assert_eq!(wrong.code(), ErrorCode::UpstreamAccessDenied);
    assert!(!wrong.wire_message().contains("hunter2"));
    let poor = attempt("poor", "hunter2", server.port()).await;
    assert_eq!(poor.code(), ErrorCode::UpstreamAccessDenied);
    assert!(
        poor.message().contains("GRANT REPLICATION SLAVE"),
        "{}",
        poor.message()
    );
    let nobody = attempt("poor", "hunter2", 1).await;
    assert_eq!(nobody.code(), ErrorCode::UpstreamConnection);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_survived() {
    let mut server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql("INSERT INTO shop.item VALUES (1,'before')")
        .await
        .unwrap();
    stream.until_row("1,before").await;
    server.kill().await.unwrap();
    stream
        .until(|stream| !stream.troubles.lock().unwrap().is_empty())
        .await;
    server.restart().await.unwrap();
    server
        .sql("INSERT INTO shop.item VALUES (2,'after')")
        .await
        .unwrap();
    stream.until_row("2,after").await;
    assert_eq!(stream.texts(), ["+shop.item 1,before", "+shop.item 2,after"]);
    assert_eq!(
        stream.troubles.lock().unwrap()[0].code(),
        ErrorCode::UpstreamConnection
    );
}

/// A file stays as long as a dump thread is in it, and one whose reader is gone notices at its next heartbeat.
async fn purge_all_but_the_newest(server: &Server) {
    let newest = server.sql("SHOW MASTER STATUS").await.unwrap();
    let newest = newest.split('\t').next().unwrap().to_owned();
    let deadline = Instant::now() + PATIENCE;
    loop {
        server
            .sql(&format!("PURGE BINARY LOGS TO '{newest}'"))
            .await
            .unwrap();
        if server.sql("SHOW BINARY LOGS").await.unwrap().starts_with(&newest) {
            return;
        }
        assert!(Instant::now() < deadline, "the files are not purged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_log_is_named_with_the_oldest_usable_ts() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let source = start(options(&server, folder.path()), meta.clone())
        .await
        .unwrap();
    let begin = source.now().await;
    let too_old = Ts::from_physical_ms(begin.physical_ms() - 3_600_000);
    let refused = source.upstream.check_start(too_old).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StartTsBeforeGC);
    let oldest = source.upstream.oldest().await.unwrap();
    assert!(
        refused.message().contains(&oldest.to_string()),
        "{}",
        refused.message()
    );
    let future = Ts::from_physical_ms(begin.physical_ms() + 3_600_000);
    assert_eq!(
        source.upstream.check_start(future).await.unwrap_err().code(),
        ErrorCode::APIInvalidParam
    );
    source.close().await;

    server
        .sql("INSERT INTO shop.item VALUES (1,'lost'); FLUSH BINARY LOGS")
        .await
        .unwrap();
    purge_all_but_the_newest(&server).await;
    let source = start(options(&server, folder.path()), meta).await.unwrap();
    let error = Stream::open(&source, begin).error().await;
    assert_eq!(error.code(), ErrorCode::SnapshotLostByGC);
    let mut stream = Stream::open(&source, source.now_at_last().await);
    let oldest = source.upstream.oldest().await.unwrap();
    assert!(oldest > begin);
    let error = Stream::open(&source, begin).error().await;
    assert_eq!(error.code(), ErrorCode::SnapshotLostByGC);
    assert!(
        error.message().contains(&oldest.to_string()),
        "{}",
        error.message()
    );
    server
        .sql("INSERT INTO shop.item VALUES (2,'new')")
        .await
        .unwrap();
    stream.until_row("2,new").await;
}

/// The server keeps its log for some seconds only: whoever stands still is warned before it is purged.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_will_soon_be_purged_is_warned_of() {
    let server = server(&["--binlog-expire-logs-seconds=8"]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let paused = source.now().await;
    let owner = || ChangefeedId::new("default", "paused");
    let deadline = Instant::now() + PATIENCE;
    let mut id = 0;
    let warning = loop {
        // The file that is written to is never purged: the end of the log has to move on.
        id += 1;
        let insert = format!("INSERT INTO shop.item VALUES ({id},'x')");
        server.sql(&insert).await.unwrap();
        source.now().await;
        match source.upstream.hold_gc(owner(), paused).await {
            Err(warning) => break warning,
            Ok(()) => assert!(Instant::now() < deadline, "no warning"),
        }
    };
    assert_eq!(warning.code(), ErrorCode::UpstreamLogExpiring);
    assert!(warning.message().contains("for 8 s"), "{}", warning.message());
    assert!(
        warning.message().contains("binlog.000001"),
        "{}",
        warning.message()
    );
    // Who keeps up is not in danger.
    source
        .upstream
        .hold_gc(owner(), source.now().await)
        .await
        .unwrap();
}

/// A statement in the log stops the streams that want its tables, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn statements_and_partial_images_stop_who_wants_the_table() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    server
        .sql("CREATE DATABASE other; CREATE TABLE other.t (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql("SET SESSION binlog_format=STATEMENT; INSERT INTO other.t VALUES (1); SET SESSION binlog_format=ROW;
              INSERT INTO shop.item VALUES (1,'fine')")
        .await
        .unwrap();
    stream.until_row("1,fine").await;
    let file = folder.path().join("rows");
    std::fs::write(&file, "7\tx\n").unwrap();
    let load = |table: &str| {
        format!(
            "SET SESSION binlog_format=STATEMENT; LOAD DATA LOCAL INFILE '{}' INTO TABLE {table}",
            file.display()
        )
    };
    server.sql(&load("other.t (id)")).await.unwrap();
    server
        .sql("INSERT INTO shop.item VALUES (2,'fine too')")
        .await
        .unwrap();
    stream.until_row("2,fine too").await;
    let loading = Stream::open(&source, source.now().await);
    server.sql(&load("shop.item")).await.unwrap();
    let error = loading.error().await;
    assert_eq!(error.code(), ErrorCode::StatementBinlog);
    assert!(error.message().contains("LOAD DATA"), "{}", error.message());
    assert_eq!(stream.error().await.code(), ErrorCode::StatementBinlog);

    let stream = Stream::open(&source, source.now().await);
    server
        .sql("SET SESSION binlog_format=STATEMENT; UPDATE shop.item SET name='?' WHERE id=1")
        .await
        .unwrap();
    let error = stream.error().await;
    assert_eq!(error.code(), ErrorCode::StatementBinlog);
    assert!(
        error.message().contains("UPDATE shop.item SET name"),
        "{}",
        error.message()
    );

    let stream = Stream::open(&source, source.now().await);
    server
        .sql("SET SESSION binlog_row_image=MINIMAL; UPDATE shop.item SET name='!' WHERE id=1")
        .await
        .unwrap();
    let error = stream.error().await;
    assert_eq!(error.code(), ErrorCode::PartialRowImage);
    assert!(error.message().contains("shop.item"), "{}", error.message());
}

/// A server that forgot its log: changefeeds lose their start, new ones work.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_server_gets_a_new_timeline() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    server
        .sql("INSERT INTO shop.item VALUES (1,'old'); INSERT INTO shop.item VALUES (2,'old')")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let source = start(options(&server, folder.path()), meta.clone())
        .await
        .unwrap();
    let begin = source.now().await;
    source.close().await;
    server
        .sql("RESET MASTER; INSERT INTO shop.item VALUES (3,'new')")
        .await
        .unwrap();
    let mut quick = options(&server, folder.path());
    quick.diverged_patience = Duration::from_secs(2);
    let source = start(quick, meta).await.unwrap();
    let stream = Stream::open(&source, begin);
    let troubles = Arc::clone(&stream.troubles);
    let error = stream.error().await;
    assert!(
        matches!(
            error.code(),
            ErrorCode::UpstreamDiverged | ErrorCode::SnapshotLostByGC
        ),
        "{error:?}"
    );
    // It was asked more than once.
    assert!(!troubles.lock().unwrap().is_empty());
    let mut stream = Stream::open(&source, source.now_at_last().await);
    server
        .sql("INSERT INTO shop.item VALUES (4,'fine')")
        .await
        .unwrap();
    stream.until_row("4,fine").await;
}

/// Another reader with our server id: we take another one, and both go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_with_the_same_server_id_does_not_stop_us() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let with_id = |folder: &std::path::Path| {
        let mut options = options(&server, folder);
        options.server_id = Some(0x5000_0000);
        options
    };
    let first = start(with_id(folder.path()), store(folder.path())).await.unwrap();
    let mut stream = Stream::open(&first, first.now().await);
    let second = start(with_id(other.path()), store(other.path())).await.unwrap();
    let mut rival = Stream::open(&second, second.now().await);
    server
        .sql("INSERT INTO shop.item VALUES (1,'both')")
        .await
        .unwrap();
    stream.until_row("1,both").await;
    rival.until_row("1,both").await;
}

/// Somebody forgot a prepared XA transaction until the log of that time was purged. Reading went on from there after
/// a restart, so that the whole timeline was given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_xa_transaction_outlives_its_log() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let source = start(options(&server, folder.path()), meta.clone())
        .await
        .unwrap();
    source.now().await;
    server
        .sql("XA START 'x'; INSERT INTO shop.item VALUES (1,'xa'); XA END 'x'; XA PREPARE 'x'")
        .await
        .unwrap();
    server
        .sql("FLUSH BINARY LOGS; INSERT INTO shop.item VALUES (2,'before')")
        .await
        .unwrap();
    let resolved = source.now().await;
    source.close().await;
    server.sql("FLUSH BINARY LOGS").await.unwrap();
    purge_all_but_the_newest(&server).await;
    let source = start(options(&server, folder.path()), meta).await.unwrap();
    let mut stream = Stream::open(&source, resolved);
    server
        .sql("INSERT INTO shop.item VALUES (3,'after')")
        .await
        .unwrap();
    stream.until_row("3,after").await;
    server.sql("XA COMMIT 'x'").await.unwrap();
    assert_eq!(stream.error().await.code(), ErrorCode::XAPrepareNotFound);
}
