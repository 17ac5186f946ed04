//! How fast the API answers while many changefeeds replicate, each a table of its own.

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
/// So many statements go to the upstream at once, each followed by a pause: 2,000 rows/s.
const STATEMENTS: u64 = 20;
const PAUSE_SECONDS: &str = "0.05";

/// Measures and prints. Times count from the moment at which a request was due, so that a slow answer cannot hide the
/// requests that wait behind it.
pub(super) fn api(runtime: &Runtime, count: u64) -> Result<()> {
    let upstream = runtime.block_on(Server::start(options(1)))?;
    let downstream = runtime.block_on(Server::start(options(2)))?;
    let table = |number: u64| {
        format!("CREATE TABLE shop.item_{number} (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40));")
    };
    let tables: String = (0..count).map(table).collect();
    runtime.block_on(upstream.sql(&format!("CREATE DATABASE shop; {tables}")))?;
    runtime.block_on(downstream.sql(&format!("CREATE DATABASE shop; {}", table(0))))?;
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
            "replica_config": {"filter": {"rules": [format!("shop.item_{number}")]}},
        });
        tidegate.post("/api/v2/changefeeds", &body)?;
    }
    let stop = AtomicBool::new(false);
    let (mut lists, mut gets) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&upstream, count, &stop));
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
        println!("{written} rows replicated meanwhile, by {count} changefeeds");
        fault.map_or(Ok(all), Err)
    })?;
    let (list_median, list) = percentiles_ms(&mut lists).context("no list")?;
    let (get_median, get) = percentiles_ms(&mut gets).context("no get")?;
    println!(
        "{count} changefeeds, {REQUESTS_PER_SECOND} requests/s, in ms: list p50 {list_median:.2} p99 {list:.2} of {}, get p50 \
         {get_median:.2} p99 {get:.2} of {}",
        lists.len(),
        gets.len()
    );
    if list > LIST_P99_LIMIT_MS || get > GET_P99_LIMIT_MS {
        bail!("wanted: list p99 below {LIST_P99_LIMIT_MS} ms, get p99 below {GET_P99_LIMIT_MS} ms");
    }
    Ok(())
}

/// Inserts rows into one table after the other until it is told to stop; answers how many.
fn write(upstream: &Server, tables: u64, stop: &AtomicBool) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let values = vec!["('some text of a row')"; ROWS_PER_STATEMENT as usize].join(",");
    let (mut rows, mut table) = (0, 0);
    while !stop.load(Ordering::Acquire) {
        let statement = |at: u64| {
            let table = at % tables;
            format!("INSERT INTO shop.item_{table} (name) VALUES {values}; DO SLEEP({PAUSE_SECONDS});")
        };
        let script: String = (table..table + STATEMENTS).map(statement).collect();
        runtime.block_on(upstream.sql(&script))?;
        rows += STATEMENTS * u64::from(ROWS_PER_STATEMENT);
        table += STATEMENTS;
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

/// The median and the 99th percentile.
fn percentiles_ms(times: &mut [Duration]) -> Option<(f64, f64)> {
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    let at = |percent: usize| times[last * percent / 100].as_secs_f64() * 1e3;
    Some((at(50), at(99)))
}
