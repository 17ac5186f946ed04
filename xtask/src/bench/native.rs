//! MariaDB's own replication, the measure of all that writes into a MariaDB.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tidegate_mariadb::{Server, User};

/// How the replica applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appliers {
    One,
    /// Four, which begin transactions before those in front of them are committed and repeat those that collide.
    Optimistic,
    /// Four, for transactions that were committed together upstream.
    Conservative,
}

impl Appliers {
    pub(super) const ALL: [Self; 3] = [Self::One, Self::Optimistic, Self::Conservative];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "native, one applier",
            Self::Optimistic => "native, four appliers, optimistic",
            Self::Conservative => "native, four appliers, conservative",
        }
    }

    fn settings(self) -> &'static str {
        match self {
            Self::One => "SET GLOBAL slave_parallel_threads = 0",
            Self::Optimistic => {
                "SET GLOBAL slave_parallel_threads = 4; SET GLOBAL slave_parallel_mode = 'optimistic'"
            }
            Self::Conservative => {
                "SET GLOBAL slave_parallel_threads = 4; SET GLOBAL slave_parallel_mode = 'conservative'"
            }
        }
    }
}

/// Starts replication of everything in the upstream's log.
pub(super) async fn start(upstream: &Server, replica: &Server, appliers: Appliers) -> Result<()> {
    let set_up = format!(
        "{}; SET GLOBAL gtid_slave_pos = ''; CHANGE MASTER TO master_host = '127.0.0.1', master_port = {}, \
         master_user = '{}', master_password = '{}', master_use_gtid = slave_pos; START SLAVE",
        appliers.settings(),
        upstream.port(),
        User::Root.name(),
        User::Root.password()
    );
    replica.sql(&set_up).await?;
    Ok(())
}

/// Returns when the replica has applied all that is in the upstream's log now.
pub(super) async fn caught_up(upstream: &Server, replica: &Server) -> Result<()> {
    let end = upstream.sql("SELECT @@gtid_binlog_pos").await?;
    let wait = format!("SELECT MASTER_GTID_WAIT('{}', 600)", end.trim());
    if replica.sql(&wait).await?.trim() != "0" {
        bail!("MariaDB's replication did not finish within ten minutes");
    }
    Ok(())
}

/// Replicates everything, from an empty server.
pub(super) async fn replicate(upstream: &Server, replica: &Server, appliers: Appliers) -> Result<Duration> {
    let began = Instant::now();
    start(upstream, replica, appliers).await?;
    caught_up(upstream, replica).await?;
    let took = began.elapsed();
    replica.sql("STOP SLAVE").await?;
    Ok(took)
}
