//! `tidegate server`: help, one clear line for everything that keeps it from starting, TLS, and a clean end.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tidegate_mariadb::User;

use crate::server::{api, command, free_port};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments)
        .env_remove("TIDEGATE_UPSTREAM_URI")
        .output()
        .unwrap()
}

/// Runs a server that cannot start; answers its one line on stderr.
fn refused(dir: &Path, arguments: &[&str]) -> String {
    let data = format!("--data-dir={}", dir.join("data").display());
    let output = run(&[&["server", &data, "--log-level=error"], arguments].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("tidegate: "), "{text}");
    text
}

#[test]
fn help_teaches() {
    let help = String::from_utf8(run(&["server", "--help"]).stdout).unwrap();
    for part in ["Examples:", "--upstream-uri", "TIDEGATE_UPSTREAM_URI", "binlog_format=ROW", "/ui"] {
        assert!(help.contains(part), "{part}");
    }
    let unknown = run(&["server", "--no-such-flag"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("--no-such-flag"));
}

#[test]
fn what_keeps_a_server_from_starting_is_one_line() {
    let dir = TempDir::new().unwrap();
    let nobody = format!("--upstream-uri=mysql://u:secret-word@127.0.0.1:{}/", free_port());
    let addr = format!("--addr=127.0.0.1:{}", free_port());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--addr={}", taken.local_addr().unwrap());
    let config = dir.path().join("config.toml");
    std::fs::write(&config, "addr = '127.0.0.1:0'\ngc-ttl = 5\n").unwrap();
    let config = format!("--config={}", config.display());
    for (arguments, part) in [
        (&[addr.as_str()][..], "no upstream"),
        (&[nobody.as_str(), "--addr=0.0.0.0:0"], "--allow-anonymous"),
        (&[nobody.as_str(), &taken], "cannot listen on"),
        (&[nobody.as_str(), &addr], "127.0.0.1"),
        (&[nobody.as_str(), &addr, "--tz=Nowhere/Land"], "unknown time zone"),
        (&[nobody.as_str(), &addr, "--cert=x.pem"], "--key"),
        (&[nobody.as_str(), &addr, "--cert=x.pem", "--key=y.pem"], "x.pem"),
        (&[nobody.as_str(), &addr, "--log-level=loud"], "loud"),
        (&[nobody.as_str(), &config], "line 2: unknown field `gc-ttl`"),
        (&["--upstream-uri=tikv://h/", &addr], "upstream"),
    ] {
        let text = refused(dir.path(), arguments);
        assert!(text.contains(part), "{arguments:?}: {text}");
        assert!(!text.contains("secret-word"), "{text}");
    }
}

#[tokio::test]
async fn two_servers_do_not_share_a_directory() {
    let api = api().await;
    let upstream = format!("--upstream-uri={}", api.database.uri(User::Replication));
    let addr = format!("--addr=127.0.0.1:{}", free_port());
    let text = refused(api.dir.path(), &[&upstream, &addr]);
    assert!(text.contains("CDC:ErrDataDirLocked"), "{text}");
}

#[tokio::test]
async fn a_certificate_turns_on_https_and_a_signal_ends_it() {
    let dir = TempDir::new().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, include_str!("localhost.cert.pem")).unwrap();
    std::fs::write(&key, include_str!("localhost.key.pem")).unwrap();
    let api = api().await;
    let port = free_port();
    let mut server = command(port, dir.path())
        .arg(format!("--cert={}", cert.display()))
        .arg(format!("--key={}", key.display()))
        .env("TIDEGATE_UPSTREAM_URI", api.database.uri(User::Replication))
        .spawn()
        .unwrap();
    let url = format!("https://localhost:{port}/api/v2/health");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let body = loop {
        let curl = Command::new("curl").args(["--silent", "--cacert"]).arg(&cert).arg(&url).output().unwrap();
        if curl.status.success() && curl.stdout == b"{}" {
            break curl.stdout;
        }
        if std::time::Instant::now() > deadline {
            server.kill().unwrap();
            panic!("no answer: {curl:?}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(body, b"{}");
    let plain = crate::client::exchange(port, b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(!String::from_utf8_lossy(&plain).contains("200 OK"));
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = tokio::task::spawn_blocking(move || server.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}
