//! Settings of a server process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::access::AccessSettings;
use super::tls::TlsFiles;

/// Everything a server needs to know before it starts. Built by the command line.
#[derive(Clone)]
pub struct ServerConfig {
    /// Address to listen on; port 0 takes a free one.
    pub addr: SocketAddr,
    /// `host:port` under which others reach it; `None`: the address it listens on.
    pub advertise_addr: Option<String>,
    /// Names under which browsers and clients may address it, beside addresses, `localhost` and the advertised one.
    pub allowed_hosts: Vec<String>,
    /// Directory of everything that must survive a restart.
    pub data_dir: PathBuf,
    /// URI of the database to read from, with its password: never show it.
    pub upstream_uri: String,
    /// Fixed replication server id; `None`: derived.
    pub server_id: Option<u32>,
    /// Name of the cluster in answers and keys.
    pub cluster_id: String,
    /// Zone of times without an offset.
    pub time_zone: TimeZone,
    /// How long pipelines may take to drain when the server stops.
    pub drain_timeout: Duration,
    /// TLS of the listening port; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Who may use it.
    pub access: AccessSettings,
    /// Every change is refused; replication goes on.
    pub read_only: bool,
    /// Keys that secrets in the data directory are encrypted with.
    pub encryption: EncryptionKeys,
    /// Directory with the built console, instead of the one inside the binary.
    pub ui_dir: Option<PathBuf>,
}

/// Where the keys come from that secrets in the data directory are encrypted with.
#[derive(Clone, Default)]
pub enum EncryptionKeys {
    /// From the data directory itself, which gets one if it has none.
    #[default]
    Own,
    /// From a file.
    File(PathBuf),
    /// As text, from the environment: never show it.
    Text(String),
}

/// How log lines look.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
