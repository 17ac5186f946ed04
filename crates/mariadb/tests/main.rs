//! The launcher against the installed MariaDB.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::time::{Duration, Instant};

use tidegate_mariadb::{Error, Server, ServerOptions, User};
use tokio::process::Command;

fn alive(pid: u32) -> bool {
    // A zombie has an empty command line.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn tcp(server: &Server, user: User, statement: &str) -> Result<String, String> {
    let output = Command::new("mariadb")
        .args(["--no-defaults", "-h127.0.0.1", "-N", "-B"])
        .arg(format!("-P{}", server.port()))
        .arg(format!("-u{}", user.name()))
        .arg(format!("-p{}", user.password()))
        .args(["-e", statement])
        .output()
        .await
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

#[tokio::test]
async fn a_server_has_row_binlog_and_two_accounts() {
    let server = Server::start(ServerOptions {
        server_id: 7,
        ..ServerOptions::default()
    })
    .await
    .unwrap();
    let settings =
        "SELECT @@server_id, @@binlog_format, @@binlog_row_image, @@binlog_row_metadata, @@log_bin";
    assert_eq!(
        tcp(&server, User::Root, settings).await.unwrap(),
        "7\tROW\tFULL\tFULL\t1"
    );
    assert_eq!(tcp(&server, User::Replication, "SELECT 1").await.unwrap(), "1");
    let refused = tcp(&server, User::Replication, "CREATE DATABASE x")
        .await
        .unwrap_err();
    assert!(refused.contains("Access denied"), "{refused}");
    // The accounts are not in the log that replicas read.
    assert_eq!(server.sql("SELECT @@gtid_binlog_pos").await.unwrap().trim(), "");
}

#[tokio::test]
async fn data_and_port_survive_a_crash_and_a_restart() {
    let mut server = Server::start(ServerOptions::default()).await.unwrap();
    let port = server.port();
    server
        .sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)")
        .await
        .unwrap();
    server.kill().await.unwrap();
    assert!(server.sql("SELECT 1").await.is_err());
    server.restart().await.unwrap();
    server.sql("INSERT INTO d.t VALUES (2)").await.unwrap();
    server
        .restart_with(vec!["--binlog-row-image=MINIMAL".to_owned()])
        .await
        .unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(
        server
            .sql("SELECT COUNT(*), @@binlog_row_image FROM d.t")
            .await
            .unwrap(),
        "2\tMINIMAL\n"
    );
    server.stop().await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(server.pid(), None);
}

#[tokio::test]
async fn a_given_data_directory_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = || ServerOptions {
        datadir: Some(dir.path().join("data")),
        ..ServerOptions::default()
    };
    let mut server = Server::start(options()).await.unwrap();
    server.sql("CREATE DATABASE kept").await.unwrap();
    server.stop().await.unwrap();
    drop(server);
    let server = Server::start(options()).await.unwrap();
    assert_eq!(server.sql("SHOW DATABASES LIKE 'kept'").await.unwrap(), "kept\n");
}

#[tokio::test]
async fn dropping_ends_the_process_and_removes_the_data() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let (pid, datadir) = (server.pid().unwrap(), server.datadir().to_owned());
    assert!(alive(pid) && datadir.exists());
    drop(server);
    assert!(!alive(pid) && !datadir.exists());
}

#[tokio::test]
async fn a_bad_option_is_reported_with_the_log() {
    let options = ServerOptions {
        extra_args: vec!["--no-such-option".to_owned()],
        ..ServerOptions::default()
    };
    let error = Server::start(options).await.unwrap_err();
    assert!(
        matches!(&error, Error::Start { log, .. } if log.contains("no-such-option")),
        "{error}"
    );
}

#[tokio::test]
async fn a_failing_statement_reports_the_servers_message() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let error = server
        .sql("SELECT * FROM no_such.t")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("1146") || error.contains("1049"), "{error}");
}

/// Runs only as the child of the next test: starts a server, tells where it is and hangs.
#[tokio::test]
async fn child_that_is_killed() {
    let Some(report) = std::env::var_os("TIDEGATE_MARIADB_CHILD_REPORT") else {
        return;
    };
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let text = format!("{}\n{}\n", server.pid().unwrap(), server.datadir().display());
    let report = Path::new(&report);
    std::fs::write(report.with_extension("part"), text).unwrap();
    std::fs::rename(report.with_extension("part"), report).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_server_ends_when_its_owner_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed"])
        .env("TIDEGATE_MARIADB_CHILD_REPORT", &report)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until("the child starts a server", || report.exists()).await;
    let text = std::fs::read_to_string(&report).unwrap();
    let (pid, datadir) = text.trim().split_once('\n').unwrap();
    let (pid, datadir) = (pid.parse().unwrap(), Path::new(datadir));
    assert!(alive(pid));
    child.kill().await.unwrap();
    until("the server ends", || !alive(pid)).await;
    until("its data is removed", || !datadir.exists()).await;
}
