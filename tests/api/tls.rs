//! HTTPS, client certificates, and a clean end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate_mariadb::User;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{exchange, exchange_over};
use crate::server::{api, command, free_port};

const REQUEST: &[u8] = b"GET /api/v2/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/api/tls")
        .join(name)
}

/// A client that trusts the test CA, and shows a certificate of it if it has one.
fn connector(with_certificate: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(pem("ca.pem")).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        let chain = vec![CertificateDer::from_pem_file(pem("localhost.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pem("localhost-key.pem")).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    TlsConnector::from(Arc::new(config))
}

async fn ask(port: u16, with_certificate: bool) -> Option<String> {
    exchange_tls(port, with_certificate, REQUEST).await
}

/// Asks under another name than the certificate's.
async fn ask_as(port: u16, host: &str) -> Option<String> {
    let request = String::from_utf8_lossy(REQUEST).replace("localhost", host);
    exchange_tls(port, false, request.as_bytes()).await
}

async fn exchange_tls(port: u16, with_certificate: bool, request: &[u8]) -> Option<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector(with_certificate).connect(name, stream).await.ok()?;
    let answer = exchange_over(stream, request).await;
    Some(String::from_utf8_lossy(&answer).into_owned()).filter(|answer| !answer.is_empty())
}

/// Starts a server with these flags, and waits until a client with a certificate gets an answer.
async fn start(dir: &Path, flags: &[&str]) -> (Child, u16) {
    let port = free_port();
    let mut server = command(port, dir)
        .arg(format!("--cert={}", pem("localhost.pem").display()))
        .arg(format!("--key={}", pem("localhost-key.pem").display()))
        .arg(format!("--ca={}", pem("ca.pem").display()))
        .args(flags)
        .env(
            "TIDEGATE_UPSTREAM_URI",
            api().await.database.uri(User::Replication),
        )
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask(port, true)
        .await
        .is_some_and(|answer| answer.ends_with("\r\n\r\n{}"))
    {
        if Instant::now() > deadline || server.try_wait().unwrap().is_some() {
            server.kill().ok();
            panic!(
                "no answer:\n{}",
                std::fs::read_to_string(dir.join("log")).unwrap()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (server, port)
}

/// The command line as a client: asks for the clock, with these TLS files.
async fn cli(port: u16, files: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["cli", "tso", "query"]);
    command.arg(format!("--server=localhost:{port}"));
    for pair in files.chunks(2) {
        command.arg(pair[0]).arg(pem(pair[1]));
    }
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Asks the server to stop and answers its exit code.
async fn stop(mut server: Child) -> Option<i32> {
    let pid = server.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    tokio::task::spawn_blocking(move || server.wait().unwrap())
        .await
        .unwrap()
        .code()
}

#[tokio::test]
async fn a_certificate_turns_on_https() {
    let dir = TempDir::new().unwrap();
    let (server, port) = start(dir.path(), &["--allowed-host=cdc.example"]).await;
    let without = ask(port, false).await.unwrap_or_default();
    let allowed = ask_as(port, "cdc.example").await.unwrap_or_default();
    let foreign = ask_as(port, "other.example").await.unwrap_or_default();
    let plain = exchange(port, REQUEST).await;
    assert_eq!(stop(server).await, Some(0));
    assert!(without.ends_with("\r\n\r\n{}"), "{without}");
    assert!(allowed.ends_with("\r\n\r\n{}"), "{allowed}");
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    assert!(!String::from_utf8_lossy(&plain).contains("200 OK"));
}

#[tokio::test]
async fn mtls_refuses_clients_without_a_certificate() {
    let dir = TempDir::new().unwrap();
    let (server, port) = start(dir.path(), &["--mtls"]).await;
    let without = ask(port, false).await;
    let cli_without = cli(port, &["--ca", "ca.pem"]).await;
    let cli_with = cli(
        port,
        &[
            "--ca",
            "ca.pem",
            "--cert",
            "localhost.pem",
            "--key",
            "localhost-key.pem",
        ],
    )
    .await;
    assert_eq!(stop(server).await, Some(0));
    assert_eq!(without, None);
    assert_eq!(cli_without.status.code(), Some(1), "{cli_without:?}");
    assert_eq!(cli_with.status.code(), Some(0), "{cli_with:?}");
}
