use std::path::PathBuf;
use std::time::Duration;

/// How to start a server. The default suits an upstream and a downstream alike.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// `server_id`, which must differ between servers that replicate from each other.
    pub server_id: u32,
    /// Data directory; kept when the server ends. `None`: a temporary one that is removed. It must not be in use.
    pub datadir: Option<PathBuf>,
    /// TCP port on 127.0.0.1. `None`: a free one.
    pub port: Option<u16>,
    /// `innodb_buffer_pool_size`, in MiB.
    pub buffer_pool_mib: u32,
    /// `innodb_flush_log_at_trx_commit`: 2 survives a killed server, 1 also a power failure.
    pub flush_log_at_commit: u8,
    /// More options for `mariadbd`, such as `--binlog-row-image=MINIMAL`; the last one of a name wins.
    pub extra_args: Vec<String>,
    /// How long the server may take until it accepts connections.
    pub start_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            server_id: 1,
            datadir: None,
            port: None,
            buffer_pool_mib: 32,
            flush_log_at_commit: 2,
            extra_args: Vec::new(),
            start_timeout: Duration::from_secs(60),
        }
    }
}

/// The accounts of a private server. Both connect over TCP from 127.0.0.1 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// May do everything: for the workload of a test, and for a downstream.
    Root,
    /// What an upstream connection needs and no more: SELECT, RELOAD, LOCK TABLES, SHOW VIEW, REPLICATION SLAVE and
    /// REPLICATION CLIENT.
    Replication,
}

impl User {
    /// Account name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Replication => "tidegate",
        }
    }

    /// Password. Not a secret: the server listens on loopback and holds test data.
    #[must_use]
    pub fn password(self) -> &'static str {
        match self {
            Self::Root => "root-pw",
            Self::Replication => "tidegate-pw",
        }
    }
}
