//! Starts servers, waits for conditions, compares databases.

use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_mariadb::{Server, ServerOptions, User, Watchdog};
use tokio::process::{Child, Command};

use crate::http::{Answer, request};

/// Limit of every wait. Generous: it is reached only by a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(50);

/// Waits until `condition` answers `Ok`; the last `Err` is what a failure shows.
#[track_caller]
pub(crate) fn eventually<T, F: Future<Output = Result<T, String>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> impl Future<Output = T> {
    let deadline = Instant::now() + PATIENCE;
    async move {
        loop {
            match condition().await {
                Ok(value) => return value,
                Err(state) if Instant::now() >= deadline => panic!("timed out: {what}: {state}"),
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }
}

/// A `tidegate server` process of the build under test. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Tidegate {
    pub(crate) port: u16,
    pub(crate) child: Child,
    log: PathBuf,
    // Kills the process if this one is killed.
    _watchdog: Watchdog,
}

impl Tidegate {
    /// The build under test.
    pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate");

    /// Starts it and waits until it is healthy.
    pub(crate) async fn start(upstream_uri: &str, dir: &Path) -> Self {
        let server = Self::spawn(upstream_uri, dir, free_port());
        server.healthy().await
    }

    /// Starts it again on the same port and data.
    pub(crate) async fn start_on(upstream_uri: &str, dir: &Path, port: u16) -> Self {
        Self::spawn(upstream_uri, dir, port).healthy().await
    }

    /// Starts it; it may well fail to come up.
    pub(crate) fn spawn(upstream_uri: &str, dir: &Path, port: u16) -> Self {
        Self::launch(Command::new(Self::PROGRAM), upstream_uri, dir, port)
    }

    /// Starts it by a command that ends in its program.
    pub(crate) fn launch(mut command: Command, upstream_uri: &str, dir: &Path, port: u16) -> Self {
        let log = dir.join(format!("tidegate-{port}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = command
            .arg("server")
            .arg(format!("--addr=127.0.0.1:{port}"))
            .arg(format!("--data-dir={}", dir.join("tidegate").display()))
            .arg(format!("--upstream-uri={upstream_uri}"))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let watchdog = Watchdog::start(child.id().unwrap(), None).unwrap();
        Self {
            port,
            child,
            log,
            _watchdog: watchdog,
        }
    }

    pub(crate) async fn healthy(mut self) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(Answer { status: 200, .. }) =
                request(self.port, "GET", "/api/v2/health", &Value::Null).await
            {
                return self;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "not healthy ({ended:?}):\n{}",
                self.log()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// What it has printed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("the server did not end")
            .unwrap()
    }

    /// Kills it at once, as a crash would.
    pub(crate) async fn sigkill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop.
    pub(crate) async fn sigterm(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .await
                .unwrap()
                .success()
        );
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        request(self.port, "GET", path, &Value::Null)
            .await
            .unwrap_or_else(|error| self.gone(&error))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        request(self.port, "POST", path, body)
            .await
            .unwrap_or_else(|error| self.gone(&error))
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        request(self.port, "PUT", path, body)
            .await
            .unwrap_or_else(|error| self.gone(&error))
    }

    fn gone(&self, error: &std::io::Error) -> ! {
        panic!("no answer ({error}):\n{}", self.log())
    }

    /// Creates a changefeed with the given `replica_config`.
    pub(crate) async fn create(&self, id: &str, sink_uri: &str, config: &Value) -> Answer {
        let body = json!({"changefeed_id": id, "sink_uri": sink_uri, "replica_config": config});
        self.post("/api/v2/changefeeds", &body).await
    }

    /// Waits until a changefeed is in a state, and answers its detail.
    pub(crate) async fn wait_for_state(&self, id: &str, state: &str) -> Value {
        let path = format!("/api/v2/changefeeds/{id}");
        eventually(&format!("{id} becomes {state}"), || async {
            let detail = self.get(&path).await.ok();
            if detail["state"] == state {
                Ok(detail)
            } else {
                Err(format!("{detail}\n{}", self.log()))
            }
        })
        .await
    }
}

/// Waits for a server that must not come up, and answers what it printed last.
pub(crate) async fn refusal(mut tidegate: Tidegate) -> String {
    let status = tidegate.ended().await;
    assert!(!status.success(), "{status}");
    let log = tidegate.log();
    assert!(!log.contains("panicked"), "{log}");
    log.lines().next_back().unwrap_or_default().to_owned()
}

/// A port nobody listens on now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// An upstream, a downstream and a directory.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) upstream: Server,
    pub(crate) downstream: Server,
    pub(crate) dir: TempDir,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        let upstream = ServerOptions {
            server_id: 1,
            ..ServerOptions::default()
        };
        let downstream = ServerOptions {
            server_id: 2,
            ..ServerOptions::default()
        };
        let (upstream, downstream) = tokio::join!(Server::start(upstream), Server::start(downstream));
        Self {
            upstream: upstream.unwrap(),
            downstream: downstream.unwrap(),
            dir: TempDir::new().unwrap(),
        }
    }

    pub(crate) async fn tidegate(&self) -> Tidegate {
        Tidegate::start(&self.upstream_uri(), self.dir.path()).await
    }

    pub(crate) fn upstream_uri(&self) -> String {
        self.upstream.uri(User::Replication)
    }

    pub(crate) fn sink_uri(&self) -> String {
        self.downstream.uri(User::Root)
    }

    /// Waits until the schema is the same on both sides: tables, definitions and rows.
    pub(crate) async fn converge(&self, schema: &str, tidegate: &Tidegate) {
        converge(&self.upstream, &self.downstream, schema, tidegate).await;
    }
}

/// Waits until the schema downstream is as it is now upstream: tables, definitions and rows.
pub(crate) async fn converge(upstream: &Server, downstream: &Server, schema: &str, tidegate: &Tidegate) {
    let expected = contents(upstream, schema).await.unwrap();
    eventually("both sides are equal", || async {
        let actual = contents(downstream, schema).await?;
        if actual == expected {
            return Ok(());
        }
        let feeds = tidegate.get("/api/v2/changefeeds").await.body;
        Err(format!(
            "{}\nchangefeeds: {feeds}\nlog:\n{}",
            difference(&expected, &actual),
            tidegate.log()
        ))
    })
    .await;
}

/// Tables of a schema with their definition, checksum and number of rows, one per line.
pub(crate) async fn contents(server: &Server, schema: &str) -> Result<String, String> {
    let error = |error: tidegate_mariadb::Error| error.to_string();
    let list = format!(
        "SELECT CONCAT('`', REPLACE(table_name, '`', '``'), '`') FROM information_schema.tables \
         WHERE table_schema = '{schema}' AND table_type = 'BASE TABLE' ORDER BY table_name"
    );
    let tables = server.sql(&list).await.map_err(error)?;
    let mut text = String::new();
    for table in tables.lines() {
        let query = format!(
            "SHOW CREATE TABLE `{schema}`.{table}; CHECKSUM TABLE `{schema}`.{table} EXTENDED; SELECT COUNT(*) FROM `{schema}`.{table}"
        );
        // How far the counter has got is no part of a definition.
        let answer = server.sql(&query).await.map_err(error)?;
        text.push_str(&without_auto_increment(&answer));
    }
    Ok(text)
}

fn without_auto_increment(text: &str) -> String {
    let Some((before, after)) = text.split_once(" AUTO_INCREMENT=") else {
        return text.to_owned();
    };
    format!(
        "{before}{}",
        after.trim_start_matches(|c: char| c.is_ascii_digit())
    )
}

fn difference(expected: &str, actual: &str) -> String {
    let only = |a: &str, b: &str| -> Vec<String> {
        a.lines()
            .filter(|line| !b.lines().any(|other| other == *line))
            .map(str::to_owned)
            .collect()
    };
    format!(
        "only upstream:\n{}\nonly downstream:\n{}",
        only(expected, actual).join("\n"),
        only(actual, expected).join("\n")
    )
}
