//! `cargo xtask bench`: the release server between real MariaDB servers, driven over its API.
//!
//! * `decode`: a table of 20 columns into `blackhole://`, beside our own framing of the same stream and MariaDB's own
//!   binlog client that only copies the bytes.
//! * `replicate`: the same load into a MariaDB, beside MariaDB's own replication with a single applier.
//! * `small`: the same comparison for transactions of one row.
//! * `files`: the load of `decode` into csv and canal-json files.
//! * `memory`: peak resident memory while 5,000,000 rows are caught up.

mod files;
mod http;
mod load;
mod tidegate;

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tidegate_mariadb::{Server, ServerOptions, User};
use tokio::runtime::Runtime;

use crate::process::{cargo, command, output};
use crate::{front, paths, run, setup};
use load::{Load, Shape};
use tidegate::Tidegate;

const NAMES: [&str; 5] = ["decode", "replicate", "small", "files", "memory"];

/// One line of the result.
#[derive(Debug)]
struct Measure {
    name: &'static str,
    rows: u64,
    bytes: u64,
    took: Duration,
    peak_rss_bytes: Option<u64>,
}

/// What the command line asks for.
#[derive(Debug)]
struct Options {
    names: Vec<&'static str>,
    /// Overrides the number of rows of every measurement.
    rows: Option<u64>,
    /// Whether to take the release server as it is.
    built: bool,
}

/// Runs the named measurements, or all, prints a table and writes `target/bench.json`.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    setup::database()?;
    if !options.built {
        setup::console()?;
        front::build()?;
        run::build_server()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut measures = Vec::new();
    for name in &options.names {
        println!("\n==> bench {name}");
        match *name {
            "decode" => decode(&runtime, options.rows.unwrap_or(1_000_000), &mut measures)?,
            "replicate" => {
                let rows = options.rows.unwrap_or(500_000);
                replicate(&runtime, Shape::Bulk, rows, &mut measures)?;
            }
            "small" => {
                let rows = options.rows.unwrap_or(100_000);
                replicate(&runtime, Shape::Small, rows, &mut measures)?;
            }
            "files" => files::files(&runtime, options.rows.unwrap_or(1_000_000), &mut measures)?,
            _ => memory(&runtime, options.rows.unwrap_or(5_000_000), &mut measures)?,
        }
    }
    print(&measures);
    let file = paths::root().join("target/bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&as_json(&measures))?)?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        names: Vec::new(),
        rows: None,
        built: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--no-build" {
            options.built = true;
        } else if argument == "--rows" {
            let value = rest.next().context("--rows needs a number")?;
            options.rows = Some(value.parse().with_context(|| format!("--rows {value}"))?);
        } else if let Some(name) = NAMES.iter().find(|name| *name == argument) {
            options.names.push(name);
        } else {
            bail!("no such measurement: {argument}; there are {}", NAMES.join(", "));
        }
    }
    if options.names.is_empty() {
        options.names = NAMES.to_vec();
    }
    Ok(options)
}

fn decode(runtime: &Runtime, rows: u64, measures: &mut Vec<Measure>) -> Result<()> {
    let (upstream, tidegate, load) = loaded(runtime, Shape::Bulk, rows)?;
    let took = copy_binlog(&upstream, &load)?;
    measures.push(Measure {
        name: "mariadb-binlog, bytes only",
        took,
        ..load.measure()
    });
    let took = frame_binlog(&upstream, &load)?;
    measures.push(Measure {
        name: "framing and checksums only",
        took,
        ..load.measure()
    });
    let took = tidegate.catch_up("decode", "blackhole://", &load)?;
    measures.push(Measure {
        name: "tidegate to blackhole",
        took,
        ..load.measure()
    });
    Ok(())
}

fn replicate(runtime: &Runtime, shape: Shape, rows: u64, measures: &mut Vec<Measure>) -> Result<()> {
    let (native_name, own_name) = match shape {
        Shape::Bulk => ("MariaDB replication, one applier", "tidegate to MariaDB"),
        Shape::Small => ("MariaDB replication, one-row", "tidegate to MariaDB, one-row"),
    };
    let (upstream, tidegate, load) = loaded(runtime, shape, rows)?;
    let downstream = |server_id| runtime.block_on(Server::start(options(server_id)));
    let replica = downstream(2)?;
    let took = runtime.block_on(native_replication(&upstream, &replica))?;
    measures.push(Measure {
        name: native_name,
        took,
        ..load.measure()
    });
    runtime
        .block_on(equal(&upstream, &replica))
        .context("MariaDB replication")?;
    drop(replica);
    let target = downstream(3)?;
    runtime.block_on(target.sql(load::TABLE))?;
    let took = tidegate.catch_up("replicate", &target.uri(User::Root), &load)?;
    measures.push(Measure {
        name: own_name,
        took,
        ..load.measure()
    });
    runtime.block_on(equal(&upstream, &target)).context("tidegate")
}

fn memory(runtime: &Runtime, rows: u64, measures: &mut Vec<Measure>) -> Result<()> {
    let (_upstream, tidegate, load) = loaded(runtime, Shape::Bulk, rows)?;
    let took = tidegate.catch_up("memory", "blackhole://", &load)?;
    let peak_rss_bytes = Some(tidegate.peak_rss_bytes()?);
    measures.push(Measure {
        name: "tidegate, memory",
        took,
        peak_rss_bytes,
        ..load.measure()
    });
    Ok(())
}

/// An upstream whose binlog holds the load, and a server that was started before it was written.
fn loaded(runtime: &Runtime, shape: Shape, rows: u64) -> Result<(Server, Tidegate, Load)> {
    let upstream = runtime.block_on(Server::start(options(1)))?;
    runtime.block_on(upstream.sql(load::TABLE))?;
    let tidegate = Tidegate::start(&upstream.uri(User::Replication))?;
    let load = runtime.block_on(Load::run(&upstream, &tidegate, shape, rows))?;
    Ok((upstream, tidegate, load))
}

fn options(server_id: u32) -> ServerOptions {
    let extra_args = ["--binlog-cache-size=16M", "--max-binlog-size=1G"]
        .map(String::from)
        .to_vec();
    ServerOptions {
        server_id,
        buffer_pool_mib: 1024,
        extra_args,
        ..ServerOptions::default()
    }
}

/// Lets MariaDB's own client fetch the load's binlog over the same protocol and write it to a file unread.
fn copy_binlog(upstream: &Server, load: &Load) -> Result<Duration> {
    let dir = std::env::temp_dir().join(format!("tidegate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let mut client = command("mariadb-binlog");
    client.args([
        "--no-defaults",
        "--read-from-remote-server",
        "--raw",
        "--host=127.0.0.1",
    ]);
    client
        .arg(format!("--port={}", upstream.port()))
        .arg(format!("--user={}", User::Root.name()));
    client.arg(format!("--password={}", User::Root.password()));
    client
        .arg(format!("--result-file={}/", dir.display()))
        .args(load.binlog_files());
    let start = Instant::now();
    let status = client
        .stdout(Stdio::null())
        .status()
        .context("cannot start mariadb-binlog")?;
    let took = start.elapsed();
    std::fs::remove_dir_all(&dir)?;
    if !status.success() {
        bail!("mariadb-binlog failed ({status})");
    }
    Ok(took)
}

/// Receives the load over the replication protocol and cuts it into events without decoding a row.
fn frame_binlog(upstream: &Server, load: &Load) -> Result<Duration> {
    let first = load.binlog_files().first().context("no binlog")?;
    let bench = [
        "bench",
        "--quiet",
        "-p",
        "tidegate-mysql",
        "--bench",
        "framing",
        "--",
    ];
    let mut framing = cargo(&bench);
    let text = output(framing.arg(upstream.uri(User::Replication)).arg(first))?;
    let seconds = text
        .split_whitespace()
        .nth(2)
        .and_then(|seconds| seconds.parse().ok())
        .with_context(|| format!("no seconds in {text}"))?;
    Ok(Duration::from_secs_f64(seconds))
}

/// Replicates everything with MariaDB's own means, from an empty server.
async fn native_replication(upstream: &Server, replica: &Server) -> Result<Duration> {
    let end = upstream.sql("SELECT @@gtid_binlog_pos").await?;
    let set_up = format!(
        "SET GLOBAL gtid_slave_pos = ''; CHANGE MASTER TO master_host = '127.0.0.1', master_port = {}, \
         master_user = '{}', master_password = '{}', master_use_gtid = slave_pos; START SLAVE",
        upstream.port(),
        User::Root.name(),
        User::Root.password()
    );
    let start = Instant::now();
    replica.sql(&set_up).await?;
    let wait = format!("SELECT MASTER_GTID_WAIT('{}', 3600)", end.trim());
    let answer = replica.sql(&wait).await?;
    let took = start.elapsed();
    replica.sql("STOP SLAVE").await?;
    if answer.trim() != "0" {
        bail!("MariaDB's replication did not finish within an hour");
    }
    Ok(took)
}

async fn equal(upstream: &Server, downstream: &Server) -> Result<()> {
    let query = "CHECKSUM TABLE bench.wide EXTENDED";
    let (left, right) = (upstream.sql(query).await?, downstream.sql(query).await?);
    if left != right {
        bail!("the downstream differs: {left} and {right}");
    }
    Ok(())
}

fn print(measures: &[Measure]) {
    println!(
        "\n{:34} {:>10} {:>9} {:>8} {:>10} {:>8} {:>9}",
        "", "rows", "MB", "seconds", "rows/s", "MB/s", "peak MiB"
    );
    for measure in measures {
        let seconds = measure.took.as_secs_f64();
        let peak = measure
            .peak_rss_bytes
            .map_or_else(String::new, |bytes| (bytes >> 20).to_string());
        println!(
            "{:34} {:>10} {:>9.1} {seconds:>8.2} {:>10.0} {:>8.1} {peak:>9}",
            measure.name,
            measure.rows,
            megabytes(measure.bytes),
            per_second(measure.rows, measure.took),
            megabytes(measure.bytes) / seconds,
        );
    }
}

fn as_json(measures: &[Measure]) -> Value {
    let entry = |measure: &Measure| {
        json!({
            "name": measure.name,
            "rows": measure.rows,
            "bytes": measure.bytes,
            "seconds": measure.took.as_secs_f64(),
            "rows_per_second": per_second(measure.rows, measure.took),
            "peak_rss_bytes": measure.peak_rss_bytes,
        })
    };
    json!({ "measures": measures.iter().map(entry).collect::<Vec<_>>() })
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_choose_measurements() {
        assert_eq!(parse(&[]).unwrap().names, NAMES);
        let options = parse(&words("memory --rows 1000")).unwrap();
        assert_eq!((options.names, options.rows), (vec!["memory"], Some(1000)));
        assert!(parse(&words("speed")).is_err());
        assert!(parse(&words("--rows many")).is_err());
    }
}
