//! The served OpenAPI document against the server: schemathesis makes requests from it and checks the answers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tidegate_mariadb::{Server, ServerOptions, User, Watchdog};

use crate::process::{command, run};
use crate::report::{Counts, Row};
use crate::{paths, setup};

const START_LIMIT: Duration = Duration::from_secs(60);
/// Requests made for each operation and phase at most. With it the run stays well below a minute and a half.
const EXAMPLES: &str = "10";
/// The same requests in every run: a failure elsewhere is one here too.
const SEED: &str = "1";
/// * `unsupported_method` wants 405 for a wrong method; the original answers 404 with `404 page not found`.
/// * `ignored_auth` wants 401 without credentials; the server of this run asks nobody, so that every answer can be
///   reached. Each route is tried with each role by the tests of the router.
const EXCLUDED: &str = "unsupported_method,ignored_auth";

/// Starts the debug server that the tests were built with over a private MariaDB, and runs all checks against it.
pub(crate) fn conformance(rows: &mut Vec<Row>) -> Result<()> {
    let start = Instant::now();
    let result = check_server();
    let failed = u64::from(result.is_err());
    rows.push(Row {
        name: "schemathesis".to_owned(),
        counts: Counts {
            passed: 1 - failed,
            failed,
            skipped: 0,
        },
        took: start.elapsed(),
    });
    result
}

fn check_server() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let upstream = runtime.block_on(Server::start(ServerOptions::default()))?;
    runtime.block_on(upstream.sql("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY)"))?;
    let server = Tidegate::start(&upstream.uri(User::Replication))?;
    let address = format!("http://127.0.0.1:{}", server.port);
    let mut schemathesis = command(&setup::schemathesis().display().to_string());
    // What it remembers of a run stays with the run.
    schemathesis.current_dir(&server.dir).arg("--config-file");
    schemathesis
        .arg(paths::root().join("xtask/schemathesis.toml"))
        .arg("run");
    schemathesis.arg(format!("{address}/swagger/doc.json"));
    schemathesis.args(["--url", &address, "--checks", "all", "--exclude-checks", EXCLUDED]);
    schemathesis.args([
        "--max-examples",
        EXAMPLES,
        "--seed",
        SEED,
        "--generation-deterministic",
    ]);
    schemathesis.args([
        "--workers",
        "2",
        "--request-timeout",
        "20",
        "--wait-for-schema",
        "20",
    ]);
    run(&mut schemathesis).with_context(|| format!("the server said:\n{}", server.last_words()))
}

/// A running server. Dropping it kills it and removes its data.
struct Tidegate {
    child: Child,
    watchdog: Option<Watchdog>,
    port: u16,
    dir: PathBuf,
}

impl Tidegate {
    fn start(upstream_uri: &str) -> Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        let dir = std::env::temp_dir().join(format!("tidegate-contract-{port}"));
        std::fs::create_dir_all(&dir)?;
        let mut server = Self {
            child: launch(&dir, port, upstream_uri)?,
            watchdog: None,
            port,
            dir,
        };
        server.watchdog = Some(Watchdog::start(server.child.id(), Some(&server.dir))?);
        let deadline = Instant::now() + START_LIMIT;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("the server did not start:\n{}", server.last_words());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn launch(dir: &Path, port: u16, upstream_uri: &str) -> Result<Child> {
    let log = File::create(dir.join("log"))?;
    let mut server = command(&paths::server("debug").display().to_string());
    server
        .arg("server")
        .arg(format!("--addr=127.0.0.1:{port}"))
        .arg(format!("--upstream-uri={upstream_uri}"))
        .arg(format!("--data-dir={}", dir.join("data").display()));
    server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    server.spawn().context("cannot start tidegate")
}

impl Drop for Tidegate {
    fn drop(&mut self) {
        self.watchdog = None;
        // All three fail only when there is nothing left to do.
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.dir).ok();
    }
}
