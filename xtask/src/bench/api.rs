//! How fast the API answers with many changefeeds while one of them replicates.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tidegate_mariadb::{Server, User};
use tokio::runtime::Runtime;

use super::options;
use super::tidegate::Tidegate;

const REQUESTS_PER_SECOND: u32 = 200;
/// Of so many requests one is a list, the others read one changefeed.
const LIST_EVERY: u32 = 10;
const WATCHED: Duration = Duration::from_secs(15);
/// Clients side by side; each opens a connection for each request.
const CLIENTS: u32 = 8;
const LIST_P99_LIMIT_MS: f64 = 20.0;
const GET_P99_LIMIT_MS: f64 = 5.0;
const ROWS_PER_STATEMENT: u32 = 100;

/// Measures and prints. Times count from the moment at which a request was due, so that a slow answer cannot hide the
/// requests that wait behind it.
pub(super) fn api(runtime: &Runtime, count: u64) -> Result<()> {
    let upstream = runtime.block_on(Server::start(options(1)))?;
    let downstream = runtime.block_on(Server::start(options(2)))?;
    let table =
        "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40))";
    runtime.block_on(upstream.sql(table))?;
    runtime.block_on(downstream.sql(table))?;
    let tidegate = Tidegate::start(&upstream.uri(User::Replication))?;
    for number in 0..count {
        let sink_uri = if number == 0 {
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
    let stop = AtomicBool::new(false);
    let (mut lists, mut gets) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&upstream, &stop));
        let start = Instant::now();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let tidegate = &tidegate;
                scope.spawn(move || ask(tidegate, client, count, start))
            })
            .collect();
        let mut all = (Vec::new(), Vec::new());
        let mut fault = None;
        for client in clients {
            match client.join().map_err(|_| anyhow::anyhow!("a client panicked")) {
                Ok(Ok((lists, gets))) => {
                    all.0.extend(lists);
                    all.1.extend(gets);
                }
                Ok(Err(error)) | Err(error) => fault = Some(error),
            }
        }
        stop.store(true, Ordering::Release);
        let written = writer
            .join()
            .map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        println!("{written} rows replicated meanwhile by each of {count} changefeeds");
        fault.map_or(Ok(all), Err)
    })?;
    let list = percentile_ms(&mut lists).context("no list")?;
    let get = percentile_ms(&mut gets).context("no get")?;
    println!(
        "{count} changefeeds, {REQUESTS_PER_SECOND} requests/s: list p99 {list:.2} ms of {}, get p99 {get:.2} ms of {}",
        lists.len(),
        gets.len()
    );
    if list > LIST_P99_LIMIT_MS || get > GET_P99_LIMIT_MS {
        bail!("wanted: list p99 below {LIST_P99_LIMIT_MS} ms, get p99 below {GET_P99_LIMIT_MS} ms");
    }
    Ok(())
}

/// Inserts rows until it is told to stop; answers how many.
fn write(upstream: &Server, stop: &AtomicBool) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let values = vec!["('some text of a row')"; ROWS_PER_STATEMENT as usize].join(",");
    let statement = format!("INSERT INTO shop.item (name) VALUES {values}");
    let mut rows = 0;
    while !stop.load(Ordering::Acquire) {
        runtime.block_on(upstream.sql(&statement))?;
        rows += u64::from(ROWS_PER_STATEMENT);
    }
    Ok(rows)
}

/// One client's share of the requests; answers how long lists and single reads took.
fn ask(
    tidegate: &Tidegate,
    client: u32,
    count: u64,
    start: Instant,
) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut lists, mut gets) = (Vec::new(), Vec::new());
    let pause = Duration::from_secs(1) / REQUESTS_PER_SECOND;
    let mut number = client;
    loop {
        let due = start + pause * number;
        if due.duration_since(start) > WATCHED {
            return Ok((lists, gets));
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if number.is_multiple_of(LIST_EVERY) {
            let body = tidegate.text("/api/v2/changefeeds")?;
            if !body.starts_with(&format!("{{\"total\":{count},")) {
                bail!("a list without all changefeeds");
            }
            lists.push(due.elapsed());
        } else {
            tidegate.text(&format!("/api/v2/changefeeds/feed-{}", u64::from(number) % count))?;
            gets.push(due.elapsed());
        }
        number += CLIENTS;
    }
}

/// The 99th percentile.
fn percentile_ms(times: &mut [Duration]) -> Option<f64> {
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    Some(times[last * 99 / 100].as_secs_f64() * 1e3)
}
