//! A server that asks who comes, with settings of a test's own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tidegate_mariadb::{User, Watchdog};
use tokio::net::TcpStream;

use crate::client::{Answer, send};
use crate::server::{api, command, free_port};

const PATIENCE: Duration = Duration::from_secs(60);

/// What `tidegate secret` prints, line by line.
pub(crate) fn secret(word: &str, input: &str) -> Vec<String> {
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
pub(crate) struct Guarded {
    pub(crate) port: u16,
    pub(crate) dir: TempDir,
    pub(crate) config: PathBuf,
    process: Child,
    _watchdog: Watchdog,
}

impl Guarded {
    pub(crate) async fn start(security: &str, ready: impl AsyncFn(u16) -> bool) -> Guarded {
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

    pub(crate) async fn call(&self, who: &str, method: &str, path: &str, body: &str) -> Answer {
        send(self.port, method, path, &[who], body).await
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn signal(&self, name: &str) {
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
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn logged(&self, text: &str) {
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

pub(crate) async fn launch(
    dir: &Path,
    config: &Path,
    ready: impl AsyncFn(u16) -> bool,
) -> (u16, Child, Watchdog) {
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

pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool, else_say: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "{}", else_say());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn is_healthy(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        && send(port, "GET", "/health", &[], "").await.status == 200
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!(
        "Authorization: Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    )
}

pub(crate) fn user(name: &str, password: &str, role: &str) -> String {
    let hash = &secret("hash-password", &format!("{password}\n"))[0];
    format!("[[security.users]]\nname = '{name}'\npassword-hash = '{hash}'\nrole = '{role}'\n")
}

/// Whether a file below the directory holds these bytes.
pub(crate) fn holds(dir: &Path, text: &str) -> Option<PathBuf> {
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
