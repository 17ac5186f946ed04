//! Settings of a MySQL or MariaDB upstream.

use std::path::PathBuf;
use std::time::Duration;

use tidegate_mysql::ConnectOptions;

/// Everything [`super::MysqlUpstream::start`] needs to know, with defaults for all but the first two.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// Where the server is and who we are there.
    pub connect: ConnectOptions,
    /// Folder for spilled transactions. It is made if missing; leftovers in it are removed at start.
    pub spill_dir: PathBuf,
    /// Replication server id of the shared reader. `None`: a random one, as private readers have it: an id that merely
    /// followed this one might be that of a real replica, whose connection the server would close.
    pub server_id: Option<u32>,
    /// Bytes of transactions that are kept in memory for changefeeds near the end of the log.
    pub ring_bytes: usize,
    /// Disk of the files of large transactions that the ring keeps, for all changefeeds of the upstream together. A
    /// single larger one passes.
    pub ring_file_bytes: usize,
    /// A transaction larger than this goes through a file.
    pub txn_memory_bytes: usize,
    /// A transaction larger than this stops the changefeeds with `TxnTooLarge`.
    pub txn_bytes_max: u64,
    /// How often the end of the log is probed to move the resolved-ts of an idle server.
    pub probe_interval: Duration,
    /// How often a new connection shows whether the address still leads to the server that is read, and the timeline is
    /// tidied up.
    pub maintenance_interval: Duration,
    /// Period of the server's heartbeats on an idle connection.
    pub heartbeat: Duration,
    /// How long the server may say that it does not have what was already read before that is believed. Until then
    /// it is asked again: a name or a proxy may lead to a replica that is late.
    pub diverged_patience: Duration,
    /// Connections for changefeeds that are behind the ring, at the same time.
    pub private_readers_max: usize,
    /// How long a changefeed may keep such a connection while others wait for one.
    pub private_turn: Duration,
    /// A commit time this far ahead of the server's clock is forged: it is cut down to the clock.
    pub clock_ahead_max: Duration,
}

impl MysqlOptions {
    /// The defaults for a server.
    pub fn new(connect: ConnectOptions, spill_dir: PathBuf) -> Self {
        MysqlOptions {
            connect,
            spill_dir,
            server_id: None,
            ring_bytes: 64 << 20,
            ring_file_bytes: 2 << 30,
            txn_memory_bytes: 8 << 20,
            txn_bytes_max: 20 << 30,
            probe_interval: Duration::from_secs(1),
            maintenance_interval: Duration::from_secs(60),
            heartbeat: Duration::from_secs(2),
            diverged_patience: Duration::from_secs(60),
            private_readers_max: 4,
            private_turn: Duration::from_secs(10),
            clock_ahead_max: Duration::from_secs(600),
        }
    }
}
