//! Users, tokens, certificates, secrets at rest and the activity, on the built server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_mariadb::{Server, ServerOptions, User, Watchdog};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{Answer, exchange_over, parse, send};
use crate::server::{api, command, free_port};

const PATIENCE: Duration = Duration::from_secs(60);
const SINK_PASSWORD: &str = "tr3asure-chest";
const ADMIN_PASSWORD: &str = "adm1n-passphrase";
const VIEWER_PASSWORD: &str = "v1ewer-passphrase";

/// What `tidegate secret` prints, line by line.
fn secret(word: &str, input: &str) -> Vec<String> {
    let mut process = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["secret", word])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// A server with settings of its own over the shared upstream.
struct Guarded {
    port: u16,
    dir: TempDir,
    config: PathBuf,
    process: Child,
    _watchdog: Watchdog,
}

impl Guarded {
    async fn start(security: &str, ready: impl AsyncFn(u16) -> bool) -> Guarded {
        let dir = TempDir::new().unwrap();
        let config = dir.path().join("tidegate.toml");
        std::fs::write(&config, security).unwrap();
        let (port, process, watchdog) = launch(dir.path(), &config, ready).await;
        Guarded {
            port,
            dir,
            config,
            process,
            _watchdog: watchdog,
        }
    }

    async fn call(&self, who: &str, method: &str, path: &str, body: &str) -> Answer {
        send(self.port, method, path, &[who], body).await
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ends it as a crash would.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn logged(&self, text: &str) {
        until(
            async || self.log().contains(text),
            || format!("{text:?} is not in:\n{}", self.log()),
        )
        .await;
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

async fn launch(dir: &Path, config: &Path, ready: impl AsyncFn(u16) -> bool) -> (u16, Child, Watchdog) {
    let port = free_port();
    let mut process = command(port, dir)
        .arg(format!("--config={}", config.display()))
        .arg("--log-level=debug")
        .env(
            "TIDEGATE_UPSTREAM_URI",
            api().await.database.uri(User::Replication),
        )
        .spawn()
        .unwrap();
    let watchdog = Watchdog::start(process.id(), None).unwrap();
    let log = || std::fs::read_to_string(dir.join("log")).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !ready(port).await {
        let ended = process.try_wait().unwrap();
        assert!(
            ended.is_none() && Instant::now() < deadline,
            "{ended:?}\n{}",
            log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (port, process, watchdog)
}

async fn until(mut is_so: impl AsyncFnMut() -> bool, else_say: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "{}", else_say());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_healthy(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        && send(port, "GET", "/health", &[], "").await.status == 200
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Authorization: Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    )
}

fn user(name: &str, password: &str, role: &str) -> String {
    let hash = &secret("hash-password", &format!("{password}\n"))[0];
    format!("[[security.users]]\nname = '{name}'\npassword-hash = '{hash}'\nrole = '{role}'\n")
}

/// Whether a file below the directory holds these bytes.
fn holds(dir: &Path, text: &str) -> Option<PathBuf> {
    std::fs::read_dir(dir).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
        found.then_some(path)
    })
}

/// The whole life of a changefeed with a password in its sink URI: the password, and those of the users, are in no
/// answer, no page, no metric, no log line and no file.
#[tokio::test]
async fn secrets_are_nowhere_to_be_read() {
    let downstream = Server::start(ServerOptions::default()).await.unwrap();
    let account =
        format!("CREATE USER sink@'%' IDENTIFIED BY '{SINK_PASSWORD}'; GRANT ALL ON *.* TO sink@'%'");
    downstream.sql(&account).await.unwrap();
    let token = secret("new-token", "");
    let settings = format!(
        "{}{}[[security.tokens]]\nname = 'prometheus'\nhash = '{}'\nrole = 'metrics'\n",
        user("root", ADMIN_PASSWORD, "admin"),
        user("reader", VIEWER_PASSWORD, "viewer"),
        token[1]
    );
    let mut server = Guarded::start(&settings, is_healthy).await;
    let (admin, reader) = (basic("root", ADMIN_PASSWORD), basic("reader", VIEWER_PASSWORD));
    let uri = |password: &str| format!("mysql://sink:{password}@127.0.0.1:{}/", downstream.port());
    let create = json!({"changefeed_id": "masked", "sink_uri": uri(SINK_PASSWORD), "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    let wrong = json!({"changefeed_id": "wrong", "sink_uri": uri("tr3asure-chest-2"), "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    let feed = "/api/v2/changefeeds/masked";
    let login = format!("user=root&password={ADMIN_PASSWORD}");
    let mistaken = format!("user={ADMIN_PASSWORD}&password=x");
    let mut seen = vec![
        server
            .call(&admin, "POST", "/api/v2/changefeeds", &create.to_string())
            .await,
        server
            .call(&admin, "POST", "/api/v2/changefeeds", &wrong.to_string())
            .await,
        server
            .call(&admin, "POST", "/api/v2/verify_table", &create.to_string())
            .await,
        server.call(&reader, "POST", &format!("{feed}/pause"), "").await,
        server.call(&admin, "POST", &format!("{feed}/pause"), "").await,
        server
            .call(
                &admin,
                "PUT",
                feed,
                &json!({"sink_uri": uri("tr3asure-chest-3")}).to_string(),
            )
            .await,
        server
            .call(
                &admin,
                "PUT",
                feed,
                &json!({"replica_config": {"memory_quota": 1 << 28}}).to_string(),
            )
            .await,
        server.call(&admin, "POST", &format!("{feed}/resume"), "").await,
        server
            .call(&basic("root", "tr3asure-guess"), "GET", feed, "")
            .await,
        server
            .call("Authorization: Bearer tdg_tr3asure", "GET", feed, "")
            .await,
        send(server.port, "POST", "/ui/login", &[], &login).await,
        send(server.port, "POST", "/ui/login", &[], &mistaken).await,
    ];
    let statuses: Vec<u16> = seen.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses,
        [200, 400, 200, 403, 200, 400, 200, 200, 401, 401, 303, 401],
        "{seen:#?}"
    );
    assert_eq!(
        seen[3].refusal(403, "CDC:ErrUnauthorized"),
        "[CDC:ErrUnauthorized]user reader unauthorized, error: the role operator is needed, reader is viewer"
    );
    let session = seen[10]
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    assert!(session.starts_with("tidegate_session="), "{:?}", seen[10]);
    // The mistyped name comes back to who typed it, and to nobody else.
    assert!(seen.pop().unwrap().body.contains("Wrong user name or password."));
    for path in [
        feed,
        "/api/v2/changefeeds/masked/status",
        "/api/v2/changefeeds/masked/meta_info",
        "/api/v2/changefeeds?state=all",
        "/api/v2/processors",
        "/api/tidegate/v1/server",
        "/api/tidegate/v1/live",
        "/api/tidegate/v1/activity",
        "/metrics",
        "/debug/info",
        "/config",
        "/status",
        "/swagger/doc.json",
        "/ui",
        "/ui/changefeeds",
        "/ui/changefeeds/default/masked",
        "/ui/changefeeds/default/masked/config",
        "/ui/changefeeds/default/masked/api",
        "/ui/activity",
        "/ui/captures",
        "/ui/logs",
    ] {
        let answer = server.call(&format!("Cookie: {session}"), "GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        seen.push(answer);
    }
    let metrics = format!("Authorization: Bearer {}", token[0]);
    assert_eq!(server.call(&metrics, "GET", "/metrics", "").await.status, 200);
    assert_eq!(server.call(&metrics, "GET", "/status", "").await.status, 403);
    let id = session.split_once('=').unwrap().1;
    let secrets = [
        "tr3asure",
        ADMIN_PASSWORD,
        VIEWER_PASSWORD,
        User::Replication.password(),
        &token[0],
        id,
    ];
    for answer in &seen {
        let head = answer.head.replace(&session, "");
        for secret in secrets {
            assert!(
                !head.contains(secret) && !answer.body.contains(secret),
                "{secret} is in {answer:?}"
            );
        }
    }
    // As after a crash: whatever is on the disk now has to be enough.
    server.kill();
    let data = server.dir.path().join("data");
    for secret in secrets {
        assert!(!server.log().contains(secret), "{secret} is in the log");
        assert_eq!(holds(&data, secret), None, "{secret}");
    }
    survives(&server, &admin).await;
}

/// What a server that was killed knows when it is back, and what it says without its key.
async fn survives(server: &Guarded, admin: &str) {
    let key = server.dir.path().join("data/encryption.key");
    let hidden = server.dir.path().join("hidden.key");
    std::fs::rename(&key, &hidden).unwrap();
    let refused = command(free_port(), server.dir.path())
        .arg(format!("--config={}", server.config.display()))
        .arg(format!("--log-file={}", server.dir.path().join("log2").display()))
        .env(
            "TIDEGATE_UPSTREAM_URI",
            api().await.database.uri(User::Replication),
        )
        .env("TIDEGATE_ENCRYPTION_KEY", &secret("new-key", "")[0])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(
        text.contains("CDC:ErrEncryptionKey")
            && text.contains("changefeed default/masked is encrypted with key"),
        "{text}"
    );
    std::fs::rename(&hidden, &key).unwrap();

    let (port, mut process, _watchdog) = launch(server.dir.path(), &server.config, is_healthy).await;
    let activity = send(port, "GET", "/api/tidegate/v1/activity?limit=200", &[admin], "")
        .await
        .ok();
    let filtered = send(
        port,
        "GET",
        "/api/tidegate/v1/activity?changefeed_id=masked&limit=2",
        &[admin],
        "",
    )
    .await
    .ok();
    let odd = send(port, "GET", "/api/tidegate/v1/activity?limit=0", &[admin], "").await;
    process.kill().unwrap();
    process.wait().unwrap();
    let told: Vec<String> = activity["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            format!(
                "{} {} {}",
                entry["actor"]["name"].as_str().unwrap(),
                entry["action"].as_str().unwrap(),
                entry["result"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "root create done",
            "root create failed",
            "reader pause refused",
            "root pause done",
            "root update failed",
            "root update done",
            "root resume done",
            " login refused",
            "root login done",
            " login refused",
            "prometheus GET /status refused",
        ]
    );
    let update = &activity["items"][5];
    assert_eq!(
        update["changes"],
        json!([{"path": "/config/memory_quota", "from": 1 << 30, "to": 1 << 28}])
    );
    assert_eq!(
        (update["address"].clone(), update["status"].clone()),
        (json!("127.0.0.1"), json!(200))
    );
    let actions: Vec<&Value> = filtered["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["resume", "update"]);
    assert!(filtered["next_cursor"].is_u64());
    odd.refusal(400, "CDC:ErrAPIInvalidParam");
}

/// An authority that signs for one test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Certificate and key of a name, both PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    async fn connect(&self, port: u16, client: Option<&(String, String)>) -> Option<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .ok()
    }

    async fn ask(
        &self,
        port: u16,
        client: Option<&(String, String)>,
        method: &str,
        path: &str,
    ) -> Option<Answer> {
        let stream = self.connect(port, client).await?;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Some(parse(&exchange_over(stream, request.as_bytes()).await))
    }
}

fn write_all(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

fn tls_settings(dir: &Path) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    format!(
        "[security]\ncert-path = '{}'\nkey-path = '{}'\nca-path = '{}'\n",
        path("server.pem"),
        path("server-key.pem"),
        path("ca.pem")
    )
}

#[tokio::test]
async fn names_in_certificates_have_roles() {
    let (files, authority) = (TempDir::new().unwrap(), Authority::new());
    let (certificate, key) = authority.sign("server");
    write_all(
        files.path(),
        &[
            ("server.pem", &certificate),
            ("server-key.pem", &key),
            ("ca.pem", &authority.pem),
        ],
    );
    let settings = format!(
        "{}cert-allowed-cn = ['node-1']\n[[security.certificates]]\nname = 'reader'\nrole = 'viewer'\n",
        tls_settings(files.path())
    );
    let healthy = async |port: u16| {
        authority
            .ask(port, None, "GET", "/health")
            .await
            .is_some_and(|answer| answer.status == 200)
    };
    let server = Guarded::start(&settings, healthy).await;
    let (node, reader, stranger) = (
        authority.sign("node-1"),
        authority.sign("reader"),
        authority.sign("stranger"),
    );
    let ask = async |client: Option<&(String, String)>, method: &str, path: &str| {
        authority.ask(server.port, client, method, path).await.unwrap()
    };
    let pause = "/api/v2/changefeeds/no-such-feed/pause";
    assert_eq!(ask(Some(&node), "GET", "/api/v2/captures").await.status, 200);
    ask(Some(&node), "POST", pause)
        .await
        .refusal(400, "CDC:ErrChangeFeedNotExists");
    assert_eq!(ask(Some(&reader), "GET", "/api/v2/captures").await.status, 200);
    ask(Some(&reader), "POST", pause)
        .await
        .refusal(403, "CDC:ErrUnauthorized");
    let text = ask(Some(&stranger), "GET", "/api/v2/captures")
        .await
        .refusal(401, "CDC:ErrUnauthorized");
    assert_eq!(
        text,
        "[CDC:ErrUnauthorized]user stranger unauthorized, error: The user is not allowed."
    );
    ask(None, "GET", "/api/v2/captures")
        .await
        .refusal(401, "CDC:ErrCredentialNotFound");
}

async fn ask_again(stream: &mut TlsStream<TcpStream>) -> String {
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    while !text.ends_with("{}") {
        let mut block = [0; 1024];
        let count = stream.read(&mut block).await.unwrap();
        assert_ne!(count, 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&block[..count]));
    }
    text
}

#[tokio::test]
async fn a_new_certificate_and_new_users_are_taken_while_connections_stay() {
    let (files, authority) = (TempDir::new().unwrap(), Authority::new());
    let (first, first_key) = authority.sign("first");
    write_all(
        files.path(),
        &[
            ("server.pem", &first),
            ("server-key.pem", &first_key),
            ("ca.pem", &authority.pem),
        ],
    );
    let settings = tls_settings(files.path());
    let healthy = async |port: u16| {
        authority
            .ask(port, None, "GET", "/health")
            .await
            .is_some_and(|answer| answer.status == 200)
    };
    let server = Guarded::start(&settings, healthy).await;
    let shown = async || {
        let stream = authority.connect(server.port, None).await?;
        Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
    };
    let mut open = authority.connect(server.port, None).await.unwrap();
    ask_again(&mut open).await;

    write_all(files.path(), &[("server.pem", "no certificate")]);
    server.signal("-HUP");
    server.logged("TLS certificate not reloaded").await;
    let first_der = CertificateDer::from_pem_slice(first.as_bytes()).unwrap().to_vec();
    assert_eq!(shown().await, Some(first_der), "the old one stays");

    let (second, second_key) = authority.sign("second");
    write_all(
        files.path(),
        &[("server-key.pem", &second_key), ("server.pem", &second)],
    );
    std::fs::write(
        &server.config,
        format!("{settings}{}", user("root", ADMIN_PASSWORD, "admin")),
    )
    .unwrap();
    server.signal("-HUP");
    let second_der = CertificateDer::from_pem_slice(second.as_bytes())
        .unwrap()
        .to_vec();
    until(
        async || shown().await.as_ref() == Some(&second_der),
        || server.log(),
    )
    .await;
    until(
        async || {
            authority
                .ask(server.port, None, "GET", "/api/v2/captures")
                .await
                .is_some_and(|answer| answer.status == 401)
        },
        || server.log(),
    )
    .await;
    assert!(ask_again(&mut open).await.starts_with("HTTP/1.1 200"));
}
