//! From the answer to a COMMIT upstream until the row is committed downstream.

use anyhow::{Result, bail};
use tidegate_mariadb::{Server, User};
use tokio::runtime::Runtime;

use super::QUOTA_BYTES;
use super::native::{self, Appliers};
use super::options;
use super::report::{Bound, Findings, Latency, Target, as_f64};
use super::tidegate::Tidegate;
use crate::process::{cargo, output};

const TABLE: &str =
    "CREATE DATABASE bench; CREATE TABLE bench.tick (id BIGINT PRIMARY KEY, note VARCHAR(60))";
/// Rows per second, seconds, and the name of the target.
const LOADS: [(u64, u64, &str); 2] = [
    (200, 15, "p99 latency at 200 rows/s"),
    (2_000, 10, "p99 latency at 2,000 rows/s"),
];
/// Our p99 as a multiple of native replication's.
const RATIO_MAX: f64 = 3.0;

pub(super) fn bench(runtime: &Runtime, findings: &mut Findings) -> Result<()> {
    for (rate, seconds, name) in LOADS {
        let native = runtime.block_on(native(rate, seconds))?;
        let own = own(runtime, rate, seconds)?;
        findings.targets.push(Target {
            name,
            unit: "ms",
            measured: own.p99_ms,
            against: native.name.clone(),
            reference: native.p99_ms,
            bound: Bound::AtMost,
            ratio: RATIO_MAX,
        });
        findings.latencies.extend([native, own]);
    }
    Ok(())
}

async fn native(rate: u64, seconds: u64) -> Result<Latency> {
    let (upstream, replica) = (Server::start(options(1)).await?, Server::start(options(2)).await?);
    upstream.sql(TABLE).await?;
    native::start(&upstream, &replica, Appliers::One).await?;
    native::caught_up(&upstream, &replica).await?;
    measure(&upstream, &replica, rate, seconds, Appliers::One.name())
}

fn own(runtime: &Runtime, rate: u64, seconds: u64) -> Result<Latency> {
    let start = |server_id| -> Result<Server> {
        let server = runtime.block_on(Server::start(options(server_id)))?;
        runtime.block_on(server.sql(TABLE))?;
        Ok(server)
    };
    let (upstream, target) = (start(1)?, start(3)?);
    let tidegate = Tidegate::start(&upstream.uri(User::Replication))?;
    let now = tidegate.tso()?;
    tidegate.create("latency", &target.uri(User::Root), QUOTA_BYTES, now)?;
    tidegate.reached("latency", now)?;
    measure(&upstream, &target, rate, seconds, "tidegate")
}

fn measure(upstream: &Server, downstream: &Server, rate: u64, seconds: u64, who: &str) -> Result<Latency> {
    let mut bench = cargo(&[
        "bench",
        "--quiet",
        "-p",
        "tidegate-mysql",
        "--bench",
        "latency",
        "--",
    ]);
    bench
        .arg(upstream.uri(User::Root))
        .arg(downstream.uri(User::Root));
    let text = output(bench.arg(rate.to_string()).arg(seconds.to_string()))?;
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let &[samples, p50, p99, max] = numbers.as_slice() else {
        bail!("no latencies in {text}");
    };
    let ms = |micros| as_f64(micros) / 1e3;
    Ok(Latency {
        name: format!("{who}, {rate} rows/s"),
        samples,
        p50_ms: ms(p50),
        p99_ms: ms(p99),
        max_ms: ms(max),
    })
}
