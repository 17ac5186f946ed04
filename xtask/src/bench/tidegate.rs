//! The release server as a child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tidegate_mariadb::Watchdog;

use super::http::{request, request_text};
use super::load::Load;
use crate::paths;
use crate::process::{self, command};

const START_LIMIT: Duration = Duration::from_secs(60);
const CATCH_UP_LIMIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(5);

/// A running server. Dropping it kills it and removes its data.
#[derive(Debug)]
pub(super) struct Tidegate {
    watchdog: Option<Watchdog>,
    child: Child,
    pub(super) port: u16,
    dir: PathBuf,
    upstream_uri: String,
}

impl Tidegate {
    pub(super) fn start(upstream_uri: &str) -> Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?
            .local_addr()?
            .port();
        let dir = std::env::temp_dir().join(format!("tidegate-bench-{port}"));
        std::fs::create_dir_all(&dir)?;
        let (child, watchdog) = launch(port, &dir, upstream_uri)?;
        let mut tidegate = Self {
            watchdog: Some(watchdog),
            child,
            port,
            dir,
            upstream_uri: upstream_uri.to_owned(),
        };
        tidegate.answers()?;
        Ok(tidegate)
    }

    /// Stops it in order, and starts it again on the same data; returns once it answers.
    pub(super) fn restart(&mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        process::run(command("kill").args(["-TERM", &pid]))?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("tidegate did not stop in order ({status}): {}", self.log());
        }
        self.watchdog = None;
        let (child, watchdog) = launch(self.port, &self.dir, &self.upstream_uri)?;
        (self.child, self.watchdog) = (child, Some(watchdog));
        self.answers()
    }

    fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while self.get("/api/v2/health").is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("tidegate did not start: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        request(self.port, "GET", path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        request(self.port, "POST", path, Some(body))
    }

    /// The answer as it is.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        request_text(self.port, "GET", path, None)
    }

    /// The upstream's time, as a commit-ts.
    pub(super) fn tso(&self) -> Result<u64> {
        let tso = request(self.port, "POST", "/api/v2/tso", Some(&json!({})))?;
        let number = |name: &str| tso[name].as_u64().with_context(|| format!("{name} in {tso}"));
        Ok((number("timestamp")? << 18) + number("logic_time")?)
    }

    /// Creates a changefeed that starts before the load and ends behind it, and measures until it has finished: then
    /// every row is durable. A checkpoint that is waited for would count in steps of the second in which it is stored,
    /// and the flush interval of files too.
    pub(super) fn catch_up(
        &self,
        id: &str,
        sink_uri: &str,
        quota_bytes: u64,
        load: &Load,
    ) -> Result<Duration> {
        let body = json!({
            "changefeed_id": id,
            "sink_uri": sink_uri,
            "start_ts": load.start_ts,
            "target_ts": load.end_ts,
            "replica_config": {"memory_quota": quota_bytes, "filter": {"rules": ["bench.*"]}},
        });
        let start = Instant::now();
        self.post("/api/v2/changefeeds", &body)?;
        self.finished(id)?;
        let took = start.elapsed();
        request(self.port, "DELETE", &path(id), None).map(|_: Value| took)
    }

    fn finished(&self, id: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let detail = self.get(&path(id))?;
            match detail["state"].as_str() {
                Some("finished") => return Ok(()),
                Some("normal") if start.elapsed() < CATCH_UP_LIMIT => std::thread::sleep(POLL),
                _ => bail!("the changefeed did not catch up: {detail}\n{}", self.log()),
            }
        }
    }

    /// Creates a changefeed of everything in the schema `bench`.
    pub(super) fn create(&self, id: &str, sink_uri: &str, quota_bytes: u64, start_ts: u64) -> Result<()> {
        let body = json!({
            "changefeed_id": id,
            "sink_uri": sink_uri,
            "start_ts": start_ts,
            "replica_config": {"memory_quota": quota_bytes, "filter": {"rules": ["bench.*"]}},
        });
        self.post("/api/v2/changefeeds", &body).map(drop)
    }

    /// Returns when the changefeed's checkpoint has reached `ts`.
    pub(super) fn reached(&self, id: &str, ts: u64) -> Result<()> {
        let start = Instant::now();
        loop {
            let detail = self.get(&path(id))?;
            if detail["checkpoint_ts"].as_u64().context("checkpoint_ts")? >= ts {
                return Ok(());
            }
            if detail["state"] != "normal" || start.elapsed() > CATCH_UP_LIMIT {
                bail!("the changefeed did not catch up: {detail}\n{}", self.log());
            }
            std::thread::sleep(POLL);
        }
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

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

fn path(id: &str) -> String {
    format!("/api/v2/changefeeds/{id}")
}

fn launch(port: u16, dir: &Path, upstream_uri: &str) -> Result<(Child, Watchdog)> {
    let log = File::options().create(true).append(true).open(dir.join("log"))?;
    let mut server = command(&paths::server("release").display().to_string());
    server
        .arg("server")
        .arg(format!("--addr=127.0.0.1:{port}"))
        .arg(format!("--upstream-uri={upstream_uri}"));
    server.arg(format!("--data-dir={}", dir.join("data").display()));
    server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let child = server.spawn().context("cannot start tidegate")?;
    let watchdog = Watchdog::start(child.id(), Some(dir))?;
    Ok((child, watchdog))
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
