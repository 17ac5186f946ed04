//! The server that all tests share.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_mariadb::{Server, ServerOptions, User, Watchdog};
use tokio::sync::OnceCell;

use crate::client::{Answer, send};

const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

const TABLES: &str = "
    CREATE DATABASE shop;
    CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, name VARCHAR(20));
    CREATE TABLE shop.log (text VARCHAR(20));
    CREATE DATABASE keyed;
    CREATE TABLE keyed.t (id INT PRIMARY KEY);
";

/// A `tidegate server` over a private MariaDB.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) port: u16,
    pub(crate) database: Server,
    pub(crate) dir: TempDir,
    process: Child,
    _watchdog: Watchdog,
}

/// Held by tests that change the log level of the shared server.
pub(crate) static LOG_LEVEL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

static API: OnceCell<Api> = OnceCell::const_new();

/// The shared server. Guards end it, and its database, when this process is gone.
pub(crate) async fn api() -> &'static Api {
    API.get_or_init(Api::start).await
}

impl Api {
    async fn start() -> Api {
        Api::over(TABLES).await
    }

    /// A server of a test's own, over a database of these tables.
    pub(crate) async fn over(tables: &str) -> Api {
        let database = Server::start(ServerOptions::default()).await.unwrap();
        database.sql(tables).await.unwrap();
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let process = command(port, dir.path())
            .arg(format!("--upstream-uri={}", database.uri(User::Replication)))
            .spawn()
            .unwrap();
        let watchdog = Watchdog::start(process.id(), Some(dir.path())).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err()
            || send(port, "GET", "/api/v2/health", &[], "").await.status != 200
        {
            let log = || std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "not healthy:\n{}", log());
            tokio::time::sleep(POLL).await;
        }
        Api {
            port,
            database,
            dir,
            process,
            _watchdog: watchdog,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.port, "GET", path, &[], "").await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        send(self.port, method, path, &[], body).await
    }

    /// Creates a changefeed into nothing.
    pub(crate) async fn create(&self, id: &str, config: Value) -> Value {
        let body = json!({"changefeed_id": id, "sink_uri": "blackhole://", "replica_config": config});
        self.call("POST", "/api/v2/changefeeds", &body.to_string())
            .await
            .ok()
    }

    /// Creates a changefeed of the tables that have keys.
    pub(crate) async fn create_keyed(&self, id: &str) -> Value {
        self.create(id, json!({"filter": {"rules": ["keyed.*"]}})).await
    }

    /// Pauses a changefeed.
    pub(crate) async fn pause(&self, id: &str) {
        let answer = self
            .call("POST", &format!("/api/v2/changefeeds/{id}/pause"), "")
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The command of a server that logs into `dir`.
pub(crate) fn command(port: u16, dir: &Path) -> Command {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .arg("server")
        .arg(format!("--addr=127.0.0.1:{port}"))
        .arg(format!("--data-dir={}", dir.join("data").display()))
        .env_remove("TIDEGATE_UPSTREAM_URI")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
}

/// A port nobody listens on now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
