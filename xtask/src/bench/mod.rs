//! `cargo xtask bench`: the release server between real MariaDB servers, driven over its API.
//!
//! * `decode`: a table of 20 columns into `blackhole://`, beside our own framing of the same stream and MariaDB's own
//!   binlog client that only copies the bytes.
//! * `replicate`: the same load into a MariaDB, beside MariaDB's own replication with one and with four appliers.
//! * `small`: the same comparison for transactions of one row.
//! * `latency`: from commit to visible at 200 and at 2,000 rows/s, beside MariaDB's own replication.
//! * `files`: the load of `decode` into csv and canal-json files.
//! * `memory`: peak resident memory while many rows are caught up.
//! * `giant`: peak resident memory of one transaction of 1 GiB under a quota of 256 MiB, into MariaDB and into files.
//! * `api`: how fast 1,000 changefeeds are listed and read while one of them replicates.
//! * `fleet`: what 1,000 idle changefeeds cost, and how long they take to move again after a restart.
//!
//! Ends with a table of the targets: what was measured, against which figure of the same run, and whether that suffices.

mod api;
mod files;
mod fleet;
mod giant;
mod http;
mod latency;
mod load;
mod native;
mod report;
mod tidegate;

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tidegate_mariadb::{Server, ServerOptions, User};
use tokio::runtime::Runtime;

use crate::process::{cargo, command, output};
use crate::{front, paths, run, setup};
use load::{Load, Shape};
use native::Appliers;
use report::{Bound, Findings, Measure, Target, as_f64};
use tidegate::Tidegate;

const NAMES: [&str; 9] = [
    "decode",
    "replicate",
    "small",
    "latency",
    "files",
    "memory",
    "giant",
    "fleet",
    "api",
];
/// `memory_quota` of a changefeed that names none.
const QUOTA_DEFAULT_BYTES: u64 = 1 << 30;
/// `memory_quota` of the changefeeds whose memory is measured.
const QUOTA_BYTES: u64 = 64 << 20;
/// What the server may take beside the quota.
const MEMORY_BESIDE_QUOTA_BYTES: u64 = 150_000_000;

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
    let mut findings = Findings::default();
    let mut failed = Vec::new();
    for name in &options.names {
        println!("\n==> bench {name}");
        if let Err(error) = measure(name, &runtime, &options, &mut findings) {
            println!("{name} failed: {error:#}");
            failed.push(*name);
        }
    }
    findings.print();
    let file = paths::root().join("target/bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&findings.as_json())?)?;
    println!("\nwritten to {}", file.display());
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

fn measure(name: &str, runtime: &Runtime, options: &Options, findings: &mut Findings) -> Result<()> {
    match name {
        "decode" => decode(runtime, options.rows.unwrap_or(1_000_000), findings)?,
        "replicate" => {
            let rows = options.rows.unwrap_or(500_000);
            replicate(runtime, Shape::Bulk, rows, findings)?;
        }
        "small" => {
            let rows = options.rows.unwrap_or(100_000);
            replicate(runtime, Shape::Small, rows, findings)?;
        }
        "latency" => latency::bench(runtime, findings)?,
        "files" => files::files(runtime, options.rows.unwrap_or(1_000_000), findings)?,
        "giant" => giant::giant(runtime, findings)?,
        "api" => api::api(runtime, options.rows.unwrap_or(1_000))?,
        "fleet" => fleet::fleet(runtime, options.rows.unwrap_or(1_000))?,
        _ => memory(runtime, options.rows.unwrap_or(3_000_000), findings)?,
    }
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

fn decode(runtime: &Runtime, rows: u64, findings: &mut Findings) -> Result<()> {
    let (upstream, tidegate, load) = loaded(runtime, Shape::Bulk, rows)?;
    findings
        .measures
        .push(load.measure("mariadb-binlog, bytes only", copy_binlog(&upstream, &load)?));
    let framing = load.measure("framing and checksums only", frame_binlog(&upstream, &load)?);
    let took = tidegate.catch_up("decode", "blackhole://", QUOTA_DEFAULT_BYTES, &load)?;
    let decoded = load.measure("tidegate to blackhole", took);
    findings.targets.push(Target {
        name: "decode to blackhole",
        unit: "MB/s",
        measured: decoded.megabytes_per_second(),
        against: framing.name.clone(),
        reference: framing.megabytes_per_second(),
        bound: Bound::AtLeast,
        ratio: 0.5,
    });
    findings.measures.extend([framing, decoded]);
    Ok(())
}

fn replicate(runtime: &Runtime, shape: Shape, rows: u64, findings: &mut Findings) -> Result<()> {
    let (target_name, suffix) = match shape {
        Shape::Bulk => ("MariaDB to MariaDB, 5,000 rows", "5,000 rows"),
        Shape::Small => ("MariaDB to MariaDB, one row", "one row"),
    };
    let (upstream, tidegate, load) = loaded(runtime, shape, rows)?;
    let downstream = |server_id| runtime.block_on(Server::start(options(server_id)));
    let mut best: Option<Measure> = None;
    for appliers in Appliers::ALL {
        let replica = downstream(2)?;
        let took = runtime.block_on(native::replicate(&upstream, &replica, appliers))?;
        runtime
            .block_on(equal(&upstream, &replica))
            .context("MariaDB replication")?;
        let measure = load.measure(&format!("{}, {suffix}", appliers.name()), took);
        if best.as_ref().is_none_or(|best| best.took > took) {
            best = Some(measure.clone());
        }
        findings.measures.push(measure);
    }
    let target = downstream(3)?;
    runtime.block_on(target.sql(load::TABLE))?;
    let took = tidegate.catch_up("replicate", &target.uri(User::Root), QUOTA_BYTES, &load)?;
    runtime.block_on(equal(&upstream, &target)).context("tidegate")?;
    let best = best.context("no native replication")?;
    let own = Measure {
        peak_rss_bytes: Some(tidegate.peak_rss_bytes()?),
        ..load.measure(&format!("tidegate, {suffix}"), took)
    };
    findings.targets.push(Target {
        name: target_name,
        unit: "rows/s",
        measured: own.rows_per_second(),
        against: best.name.clone(),
        reference: best.rows_per_second(),
        bound: Bound::AtLeast,
        ratio: 1.5,
    });
    findings.targets.extend(memory_target(
        match shape {
            Shape::Bulk => "peak memory, 5,000 rows",
            Shape::Small => "peak memory, one row",
        },
        &own,
    ));
    findings.measures.push(own);
    Ok(())
}

fn memory(runtime: &Runtime, rows: u64, findings: &mut Findings) -> Result<()> {
    let (_upstream, tidegate, load) = loaded(runtime, Shape::Bulk, rows)?;
    let took = tidegate.catch_up("memory", "blackhole://", QUOTA_BYTES, &load)?;
    let measure = Measure {
        peak_rss_bytes: Some(tidegate.peak_rss_bytes()?),
        ..load.measure("tidegate to blackhole, memory", took)
    };
    findings
        .targets
        .extend(memory_target("peak memory, blackhole", &measure));
    findings.measures.push(measure);
    Ok(())
}

fn memory_target(name: &'static str, measure: &Measure) -> Option<Target> {
    Some(Target {
        name,
        unit: "MB",
        measured: as_f64(measure.peak_rss_bytes?) / 1e6,
        against: format!("quota of {} MiB + 150 MB", QUOTA_BYTES >> 20),
        reference: as_f64(QUOTA_BYTES + MEMORY_BESIDE_QUOTA_BYTES) / 1e6,
        bound: Bound::AtMost,
        ratio: 1.0,
    })
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
    let extra_args = [
        "--binlog-cache-size=16M",
        "--max-binlog-size=1G",
        // With the small log of a test server, bulk loads measure how fast pages are written out.
        "--innodb-log-file-size=512M",
    ]
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

async fn equal(upstream: &Server, downstream: &Server) -> Result<()> {
    same(upstream, downstream, "bench.wide").await
}

async fn same(upstream: &Server, downstream: &Server, table: &str) -> Result<()> {
    let query = format!("CHECKSUM TABLE {table} EXTENDED");
    let (left, right) = (upstream.sql(&query).await?, downstream.sql(&query).await?);
    if left != right {
        bail!("the downstream differs: {left} and {right}");
    }
    Ok(())
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
