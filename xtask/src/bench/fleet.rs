//! Many changefeeds on one server: what they cost while nothing happens, and how fast they are back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tidegate_mariadb::{Server, User};
use tokio::runtime::Runtime;

use super::options;
use super::tidegate::Tidegate;

/// How long the idle server is watched.
const WATCHED: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(120);
/// Clock ticks of `/proc` in a second, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures and prints; of every ten changefeeds one writes to a database.
pub(super) fn fleet(runtime: &Runtime, count: u64) -> Result<()> {
    let upstream = runtime.block_on(Server::start(options(1)))?;
    let downstream = runtime.block_on(Server::start(options(2)))?;
    runtime.block_on(upstream.sql("CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY)"))?;
    runtime.block_on(downstream.sql("CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY)"))?;
    let mut tidegate = Tidegate::start(&upstream.uri(User::Replication))?;
    std::thread::sleep(Duration::from_secs(2));
    let before = rss_bytes(&tidegate)?;
    let start = Instant::now();
    for number in 0..count {
        let sink_uri = if number % 10 == 0 {
            downstream.uri(User::Root)
        } else {
            "blackhole://".to_owned()
        };
        let body = json!({
            "changefeed_id": format!("feed-{number}"),
            "sink_uri": sink_uri,
            "replica_config": {"filter": {"rules": ["shop.*"]}},
        });
        tidegate.post("/api/v2/changefeeds", &body)?;
    }
    println!(
        "{count} changefeeds created in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    all_moving(&tidegate, count)?;
    idle(&tidegate, count, before)?;
    scrape(&tidegate)?;
    println!("dump connections: {}", runtime.block_on(dumps(&upstream))?);
    restart(&mut tidegate, count)
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn idle(tidegate: &Tidegate, count: u64, before: u64) -> Result<()> {
    std::thread::sleep(Duration::from_secs(3));
    let ticks = cpu_ticks(tidegate)?;
    std::thread::sleep(WATCHED);
    let used = (cpu_ticks(tidegate)? - ticks) as f64 / TICKS_PER_SECOND;
    let share = used / WATCHED.as_secs_f64() * 100.0;
    println!("idle: {share:.1} % of a core");
    let more = rss_bytes(tidegate)?.saturating_sub(before);
    println!("memory: {} KiB for each changefeed", more / count.max(1) / 1024);
    Ok(())
}

fn scrape(tidegate: &Tidegate) -> Result<()> {
    for path in ["/metrics", "/api/v2/changefeeds"] {
        let start = Instant::now();
        let bytes = tidegate.text(path)?.len();
        println!("{path}: {} ms, {} KiB", start.elapsed().as_millis(), bytes / 1024);
    }
    Ok(())
}

/// From the first answer of the API to the moment when every checkpoint is beyond where it was before the stop.
fn restart(tidegate: &mut Tidegate, count: u64) -> Result<()> {
    let start = Instant::now();
    tidegate.restart()?;
    println!("stopped and started in {:.1} s", start.elapsed().as_secs_f64());
    let up = Instant::now();
    all_moving(tidegate, count)?;
    println!(
        "all moving {:.2} s after the first answer",
        up.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Waits until every changefeed has gone on by itself.
fn all_moving(tidegate: &Tidegate, count: u64) -> Result<()> {
    let first = checkpoints(tidegate)?;
    if first.len() as u64 != count {
        bail!("{} changefeeds", first.len());
    }
    let start = Instant::now();
    loop {
        let now = checkpoints(tidegate)?;
        let still = first.iter().zip(&now).filter(|(first, now)| now <= first).count();
        if still == 0 {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            bail!("{still} changefeeds do not move: {}", tidegate.log());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn checkpoints(tidegate: &Tidegate) -> Result<Vec<u64>> {
    let list = tidegate.get("/api/v2/changefeeds")?;
    let items = list["items"].as_array().context("items")?;
    items
        .iter()
        .map(|feed: &Value| feed["checkpoint_tso"].as_u64().with_context(|| feed.to_string()))
        .collect()
}

async fn dumps(upstream: &Server) -> Result<String> {
    let query = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'";
    Ok(upstream.sql(query).await?.trim().to_owned())
}

fn rss_bytes(tidegate: &Tidegate) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", tidegate.pid()))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}

/// Time on a CPU, user and system.
fn cpu_ticks(tidegate: &Tidegate) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", tidegate.pid()))?;
    // The name in parentheses may have spaces in it.
    let rest = stat.rsplit_once(')').context("stat")?.1;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || -> Result<u64> { Ok(fields.next().context("stat")?.parse()?) };
    Ok(next()? + next()?)
}
