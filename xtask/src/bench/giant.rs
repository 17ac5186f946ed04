//! One transaction that is larger than the memory it may take.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tidegate_mariadb::{Server, User};
use tokio::runtime::Runtime;

use super::options;
use super::report::{Findings, Measure};
use super::tidegate::Tidegate;

const ROWS: u64 = 1 << 20;
const ROW_BYTES: u64 = 1_000;
const QUOTA_BYTES: u64 = 256 << 20;
const LIMIT: Duration = Duration::from_secs(600);
const TABLE: &str =
    "CREATE DATABASE giant; CREATE TABLE giant.t (id INT PRIMARY KEY, text VARCHAR(1000)) CHARSET latin1";

/// Replicates a transaction of 1 GiB into MariaDB, then into files; each time by a server of its own.
pub(super) fn giant(runtime: &Runtime, findings: &mut Findings) -> Result<()> {
    for name in ["1 GiB transaction to MariaDB", "1 GiB transaction to files"] {
        let upstream = runtime.block_on(Server::start(options(1)))?;
        let downstream = runtime.block_on(Server::start(options(2)))?;
        runtime.block_on(upstream.sql(TABLE))?;
        runtime.block_on(downstream.sql(TABLE))?;
        let folder = std::env::temp_dir().join(format!("tidegate-giant-{}", std::process::id()));
        let sink_uri = if name.ends_with("files") {
            format!("file://{}?protocol=csv", folder.display())
        } else {
            downstream.uri(User::Root)
        };
        let tidegate = Tidegate::start(&upstream.uri(User::Replication))?;
        let body = json!({
            "changefeed_id": "giant",
            "sink_uri": sink_uri,
            "replica_config": {"filter": {"rules": ["giant.*"]}, "memory_quota": QUOTA_BYTES},
        });
        tidegate.post("/api/v2/changefeeds", &body)?;
        let insert = format!(
            "USE giant; INSERT INTO t SELECT seq, REPEAT(CHAR(97 + seq % 26), {ROW_BYTES}) FROM seq_1_to_{ROWS}"
        );
        runtime.block_on(upstream.sql(&insert))?;
        let start = std::time::Instant::now();
        let end = tidegate.tso()?;
        loop {
            let detail = tidegate.get("/api/v2/changefeeds/giant")?;
            if detail["checkpoint_ts"].as_u64().context("checkpoint_ts")? >= end {
                break;
            }
            if detail["state"] != "normal" || start.elapsed() > LIMIT {
                bail!("the transaction did not arrive: {detail}\n{}", tidegate.log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        findings.measures.push(Measure {
            name: name.to_owned(),
            rows: ROWS,
            bytes: ROWS * ROW_BYTES,
            took: start.elapsed(),
            peak_rss_bytes: Some(tidegate.peak_rss_bytes()?),
        });
        // It writes as long as it runs.
        drop(tidegate);
        if name.ends_with("files") {
            std::fs::remove_dir_all(&folder)?;
        } else {
            runtime.block_on(super::same(&upstream, &downstream, "giant.t"))?;
        }
    }
    Ok(())
}
