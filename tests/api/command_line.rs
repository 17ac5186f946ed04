//! `tidegate server`: help, and one clear line for everything that keeps it from starting.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tidegate_mariadb::User;

use crate::server::{api, free_port};

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
    let log = format!("--log-file={}", dir.join("log").display());
    let output = run(&[&["server", &data, &log], arguments].concat());
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
    for part in [
        "Examples:",
        "--upstream-uri",
        "TIDEGATE_UPSTREAM_URI",
        "binlog_format=ROW",
        "/ui",
    ] {
        assert!(help.contains(part), "{part}");
    }
    let unknown = run(&["server", "--no-such-flag"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8(unknown.stderr)
            .unwrap()
            .contains("--no-such-flag")
    );
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
        (
            &[nobody.as_str(), &addr, "--tz=Nowhere/Land"],
            "unknown time zone",
        ),
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
