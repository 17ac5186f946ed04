//! `tidegate demo`: everything needed to see replication happen, on private servers that end with the demo.

mod workload;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tidegate_api::CreateChangefeed;
use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};
use tokio::time::MissedTickBehavior;

use super::server::told_to_stop;
use crate::server::{
    AccessSettings, EncryptionKeys, LogControl, LogFormat, RunningServer, ServerConfig, start,
};

const TICK: Duration = Duration::from_millis(400);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Tells that a directory is ours to empty.
const MARKER: &str = ".tidegate-demo";

/// Arguments of `tidegate demo`.
#[derive(Args)]
pub(super) struct DemoArguments {
    /// Address of API, console and metrics; must be on this machine.
    #[arg(long, default_value = "127.0.0.1:8300", value_name = "HOST:PORT")]
    addr: SocketAddr,
    /// Directory for the demo's databases and files. Emptied at every start.
    #[arg(long, default_value = "tidegate-demo", value_name = "DIR")]
    dir: PathBuf,
    /// debug, info, warn or error.
    #[arg(long, default_value = "warn", value_name = "LEVEL")]
    log_level: String,
}

/// Runs the demo until SIGTERM or SIGINT, then stops what it started, and nothing else.
///
/// # Errors
/// Whatever keeps a server from starting, or a changefeed from being created.
pub(super) async fn run(arguments: DemoArguments) -> Result<()> {
    if !arguments.addr.ip().is_loopback() {
        return Err(CdcError::new(
            ErrorCode::APIInvalidParam,
            "the demo listens on this machine only",
        ));
    }
    let log = LogControl::install(&arguments.log_level, LogFormat::Text)?;
    let dir = prepare(&arguments.dir)?;
    say("starting two private MariaDB servers ...");
    let (upstream, downstream) = tokio::try_join!(
        database(1, dir.join("upstream")),
        database(2, dir.join("downstream"))
    )?;
    let server = start(config(arguments.addr, &dir, &upstream), log).await?;
    let mut demo = Demo {
        upstream,
        downstream,
        server,
        dir,
    };
    demo.create_changefeeds().await?;
    demo.upstream
        .sql(workload::SCHEMA)
        .await
        .map_err(database_error)?;
    say(&demo.welcome());
    tokio::select! {
        stopped = told_to_stop() => stopped?,
        () = live(&demo.upstream) => {}
    }
    say("stopping ...");
    tokio::select! {
        stopped = demo.stop() => stopped,
        again = told_to_stop() => again,
    }
}

struct Demo {
    upstream: Server,
    downstream: Server,
    server: RunningServer,
    dir: PathBuf,
}

impl Demo {
    async fn create_changefeeds(&mut self) -> Result<()> {
        let files = format!(
            "file://{}?protocol=canal-json&flush-interval=5s",
            self.dir.join("files").display()
        );
        for (id, sink_uri) in [
            ("to-mariadb", self.downstream.uri(User::Root)),
            ("to-files", files),
        ] {
            let request: Value = json!({
                "changefeed_id": id,
                "sink_uri": sink_uri,
                "replica_config": {"filter": {"rules": ["shop.*"]}},
            });
            let request: CreateChangefeed = serde_json::from_value(request)
                .code(ErrorCode::InternalServerError, "request of the demo")?;
            self.server.service().create_changefeed(request).await?;
        }
        Ok(())
    }

    fn welcome(&self) -> String {
        let addr = self.server.addr();
        let client = |server: &Server| {
            format!(
                "mariadb --no-defaults -uroot --socket={} shop",
                server.socket().display()
            )
        };
        format!(
            "
Tidegate is replicating a small shop.

  console      http://{addr}/ui
  upstream     {}
  downstream   {}
  files        {}

Try, in another terminal:
  curl http://{addr}/api/v2/changefeeds
  curl http://{addr}/api/v2/changefeeds/to-mariadb
  curl -X POST http://{addr}/api/v2/changefeeds/to-mariadb/pause
  curl -X POST http://{addr}/api/v2/changefeeds/to-mariadb/resume
  curl -X POST http://{addr}/api/v2/changefeeds -d '{{\"changefeed_id\": \"mine\", \"sink_uri\": \"blackhole://\"}}'
or change rows in the upstream and look for them in the downstream.

Ctrl-C stops everything.",
            client(&self.upstream),
            client(&self.downstream),
            self.dir.join("files").display(),
        )
    }

    async fn stop(mut self) -> Result<()> {
        self.server.stop().await;
        let (downstream, upstream) = tokio::join!(self.downstream.stop(), self.upstream.stop());
        downstream.and(upstream).map_err(database_error)
    }
}

/// Lets the shop live. A statement that fails is reported and left behind: the visitor may have changed the schema.
async fn live(upstream: &Server) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1.. {
        interval.tick().await;
        if let Err(error) = upstream.sql(&workload::tick(number)).await {
            tracing::warn!(%error, "a statement of the demo's workload failed");
        }
    }
}

async fn database(server_id: u32, datadir: PathBuf) -> Result<Server> {
    let options = ServerOptions {
        server_id,
        datadir: Some(datadir),
        ..ServerOptions::default()
    };
    Server::start(options).await.map_err(database_error)
}

fn database_error(error: tidegate_mariadb::Error) -> CdcError {
    CdcError::new(
        ErrorCode::InternalServerError,
        format_args!("MariaDB for the demo: {error}"),
    )
}

fn config(addr: SocketAddr, dir: &Path, upstream: &Server) -> ServerConfig {
    ServerConfig {
        addr,
        advertise_addr: None,
        allowed_hosts: Vec::new(),
        data_dir: dir.join("tidegate"),
        upstream_uri: upstream.uri(User::Replication),
        server_id: None,
        cluster_id: "default".to_owned(),
        time_zone: TimeZone::system(),
        drain_timeout: DRAIN_TIMEOUT,
        tls: None,
        access: AccessSettings::default(),
        read_only: false,
        encryption: EncryptionKeys::Own,
        ui_dir: None,
    }
}

/// Makes an empty directory of ours; refuses one that holds anything else.
fn prepare(dir: &Path) -> Result<PathBuf> {
    let fault = || format!("cannot prepare the directory {}", dir.display());
    let dir = std::path::absolute(dir).code(ErrorCode::InternalServerError, fault())?;
    let used = fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    if used && !dir.join(MARKER).exists() {
        return Err(CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!(
                "{} is not empty and not from an earlier demo: choose another --dir",
                dir.display()
            ),
        ));
    }
    if used {
        fs::remove_dir_all(&dir).code(ErrorCode::InternalServerError, fault())?;
    }
    fs::create_dir_all(&dir).code(ErrorCode::InternalServerError, fault())?;
    fs::write(dir.join(MARKER), "").code(ErrorCode::InternalServerError, fault())?;
    Ok(dir)
}

#[expect(clippy::print_stdout, reason = "what the visitor reads")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_earlier_demo_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "").unwrap();
        let error = prepare(dir.path()).unwrap_err();
        assert!(error.message().contains("not empty"), "{error}");
        let demo = dir.path().join("demo");
        let demo = prepare(&demo).unwrap();
        fs::write(demo.join("old"), "").unwrap();
        prepare(&demo).unwrap();
        assert!(demo.join(MARKER).exists() && !demo.join("old").exists());
        assert!(dir.path().join("precious").exists());
    }
}
