//! The release server as a child process.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tidegate_mariadb::Watchdog;

use super::http::request;
use super::load::Load;
use crate::paths;
use crate::process::command;

const START_LIMIT: Duration = Duration::from_secs(60);
const CATCH_UP_LIMIT: Duration = Duration::from_secs(3600);

/// A running server. Dropping it kills it and removes its data.
#[derive(Debug)]
pub(super) struct Tidegate {
    watchdog: Option<Watchdog>,
    child: Child,
    pub(super) port: u16,
    dir: PathBuf,
}

impl Tidegate {
    pub(super) fn start(upstream_uri: &str) -> Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        let dir = std::env::temp_dir().join(format!("tidegate-bench-{port}"));
        std::fs::create_dir_all(&dir)?;
        let log = File::create(dir.join("log"))?;
        let mut server = command(&paths::server("release").display().to_string());
        server
            .arg("server")
            .arg(format!("--addr=127.0.0.1:{port}"))
            .arg(format!("--upstream-uri={upstream_uri}"));
        server.arg(format!("--data-dir={}", dir.join("data").display()));
        server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = server.spawn().context("cannot start tidegate")?;
        let watchdog = Some(Watchdog::start(child.id(), Some(&dir))?);
        let mut tidegate = Self {
            watchdog,
            child,
            port,
            dir,
        };
        let deadline = Instant::now() + START_LIMIT;
        while request(port, "GET", "/api/v2/health", None).is_err() {
            if tidegate.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("tidegate did not start: {}", tidegate.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(tidegate)
    }

    /// The upstream's time, as a commit-ts.
    pub(super) fn tso(&self) -> Result<u64> {
        let tso = request(self.port, "POST", "/api/v2/tso", Some(&json!({})))?;
        let number = |name: &str| tso[name].as_u64().with_context(|| format!("{name} in {tso}"));
        Ok((number("timestamp")? << 18) + number("logic_time")?)
    }

    /// Creates a changefeed that starts before the load, and measures until it has passed it.
    pub(super) fn catch_up(&self, id: &str, sink_uri: &str, load: &Load) -> Result<Duration> {
        let body = json!({
            "changefeed_id": id,
            "sink_uri": sink_uri,
            "start_ts": load.start_ts,
            "replica_config": {"filter": {"rules": ["bench.*"]}},
        });
        let start = Instant::now();
        request(self.port, "POST", "/api/v2/changefeeds", Some(&body))?;
        let path = format!("/api/v2/changefeeds/{id}");
        loop {
            let detail = request(self.port, "GET", &path, None)?;
            if detail["checkpoint_ts"].as_u64().context("checkpoint_ts")? >= load.end_ts {
                break;
            }
            if detail["state"] != "normal" || start.elapsed() > CATCH_UP_LIMIT {
                bail!("the changefeed did not catch up: {detail}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let took = start.elapsed();
        request(self.port, "DELETE", &path, None).map(|_: Value| took)
    }

    /// Highest resident memory since the start.
    pub(super) fn peak_rss_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .context("VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib << 10)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
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
