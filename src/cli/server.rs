//! `tidegate server`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde::Deserialize;
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};
use tokio::signal::unix::{SignalKind, signal};

use super::access::{self, AccessFlags};
use super::file::{self, ServerFile};
use crate::server::{EncryptionKeys, LogControl, LogFormat, ServerConfig, TlsFiles, start};

const ADDR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8300);
const DRAIN_TIMEOUT_SECONDS: u64 = 30;
/// Variable with encryption keys.
const ENCRYPTION_KEY: &str = "TIDEGATE_ENCRYPTION_KEY";
/// Bytes of the longest name in the DNS.
const HOST_NAME_MAX: usize = 253;

/// Shown below `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  tidegate server --upstream-uri 'mysql://cdc:secret@db1:3306/'
  TIDEGATE_UPSTREAM_URI='mysql://cdc:secret@db1:3306/?ssl-ca=/etc/ca.pem' tidegate server --data-dir /var/lib/tidegate
  tidegate server --config /etc/tidegate.toml

Then open http://127.0.0.1:8300/ui, or create a changefeed over the API:
  curl -X POST http://127.0.0.1:8300/api/v2/changefeeds -d '{\"changefeed_id\":\"first\",\"sink_uri\":\"blackhole://\"}'

The upstream needs binlog_format=ROW, binlog_row_image=FULL, binlog_row_metadata=FULL, and a user with
REPLICATION SLAVE, BINLOG MONITOR (MySQL: REPLICATION CLIENT) and SELECT. The server says what is missing.";

/// Arguments of `tidegate server`.
#[derive(Args, Default)]
pub(super) struct ServerArguments {
    /// Database to read from: mysql://user:password@host:port/?ssl-ca=... Prefer the environment variable or the
    /// file: arguments are visible to other users of the machine.
    #[arg(
        long,
        env = "TIDEGATE_UPSTREAM_URI",
        hide_env_values = true,
        value_name = "URI"
    )]
    upstream_uri: Option<String>,
    /// TOML file with these settings under the same names; TLS files stand in [security] as ca-path, cert-path,
    /// key-path, mtls; users, tokens and certificates with their roles stand there too. Flags win. SIGHUP reads users,
    /// tokens, certificates and TLS files again.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of API, console and metrics [default: 127.0.0.1:8300]
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<SocketAddr>,
    /// Address under which others reach this server, if it differs.
    #[arg(long, value_name = "HOST:PORT")]
    advertise_addr: Option<String>,
    /// Another name under which browsers and clients address this server, such as cdc.example.com; can be given
    /// several times. Addresses, localhost and the host of --advertise-addr need not be named.
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
    /// Directory of everything that must survive a restart: changefeeds, checkpoints, the upstream's timeline
    /// [default: tidegate-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// File with the keys that secrets in the data directory are encrypted with, 64 hexadecimal digits a line: the
    /// first writes, all read. TIDEGATE_ENCRYPTION_KEY takes the same text [default: a key in the data directory]
    #[arg(long, value_name = "FILE")]
    encryption_key_file: Option<PathBuf>,
    /// Listen beyond this machine although there is no authentication.
    #[arg(long)]
    allow_anonymous: bool,
    /// Refuse every change, by whomever: console and API only show. Changefeeds that run go on.
    #[arg(long)]
    read_only: bool,
    /// debug, info, warn or error. Can be changed while the server runs [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Form of log lines [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<LogForm>,
    /// Append log lines to this file instead of writing them to stderr.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Time zone of times without an offset, such as Europe/Berlin; System: this machine's [default: System]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Name of the cluster in answers of the API [default: default]
    #[arg(long, value_name = "NAME")]
    cluster_id: Option<String>,
    /// Replication server id towards the upstream; must be unique among its replicas [default: derived]
    #[arg(long, value_name = "NUMBER")]
    server_id: Option<u32>,
    /// Longest time to drain when the server is told to stop, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS")]
    drain_timeout: Option<u64>,
    /// Certificate chain of this server, PEM. With --key it turns on HTTPS.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Private key of this server, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Certificates that sign those of clients, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Refuse clients without a certificate signed by --ca.
    #[arg(long)]
    mtls: bool,
    /// Names (common name, DNS, URI or mail) of the client certificates that are let in, as admins, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    cert_allowed_cn: Vec<String>,
    /// Serve the console's files from this directory instead of the ones inside the binary.
    #[arg(long, value_name = "DIR")]
    ui_dir: Option<PathBuf>,
}

/// Form of log lines.
#[derive(Copy, Clone, PartialEq, Eq, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogForm {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Serves until SIGTERM or SIGINT, then drains. A second signal ends the process at once.
///
/// # Errors
/// Whatever keeps the server from starting.
pub(super) async fn run(arguments: ServerArguments) -> Result<()> {
    let file = arguments
        .config
        .as_deref()
        .map(file::read)
        .transpose()?
        .unwrap_or_default();
    let format = match arguments.log_format.or(file.log_format) {
        Some(LogForm::Json) => LogFormat::Json,
        Some(LogForm::Text) | None => LogFormat::Text,
    };
    let level = arguments
        .log_level
        .clone()
        .or_else(|| file.log_level.clone())
        .unwrap_or_default();
    let log_file = arguments.log_file.clone().or_else(|| file.log_file.clone());
    let path = arguments.config.clone();
    let access_flags = arguments.access_flags();
    let config = settings(arguments, file)?;
    let log = LogControl::install_to(&level, format, log_file.as_deref())?;
    access::warn(&config);
    let mut hangup = signal(SignalKind::hangup()).code(ErrorCode::InternalServerError, NO_SIGNALS)?;
    let server = start(config, log).await?;
    let stop = told_to_stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            told = &mut stop => break told?,
            _ = hangup.recv() => access::reload(&server, path.as_deref(), &access_flags).await,
        }
    }
    tokio::select! {
        () = server.stop() => Ok(()),
        again = told_to_stop() => {
            again?;
            tracing::warn!("second signal: ending without draining");
            Ok(())
        }
    }
}

const NO_SIGNALS: &str = "cannot listen for signals";

impl ServerArguments {
    fn access_flags(&self) -> AccessFlags {
        AccessFlags {
            mtls: self.mtls,
            cert_allowed_cn: self.cert_allowed_cn.clone(),
        }
    }
}

/// Flag, else file, else default.
fn settings(flags: ServerArguments, file: ServerFile) -> Result<ServerConfig> {
    let access_flags = flags.access_flags();
    let addr = flags.addr.or(file.addr).unwrap_or(ADDR);
    let upstream_uri = flags.upstream_uri.or(file.upstream_uri).ok_or_else(|| {
        invalid("no upstream: give --upstream-uri mysql://user:password@host:port/ or TIDEGATE_UPSTREAM_URI")
    })?;
    let security = file.security;
    let tls = tls_files(
        flags.cert.or(security.cert_path.clone()),
        flags.key.or(security.key_path.clone()),
        flags.ca.or(security.ca_path.clone()),
        flags.mtls || security.mtls,
    )?;
    let access = access::settings(&access_flags, &security)?;
    access::check(
        &access,
        addr,
        tls.as_ref(),
        flags.allow_anonymous || file.allow_anonymous,
    )?;
    let cluster_id = flags
        .cluster_id
        .or(file.cluster_id)
        .unwrap_or_else(|| "default".to_owned());
    if !tidegate_model::is_valid_id(&cluster_id) {
        return Err(invalid(format_args!("invalid cluster id: {cluster_id}")));
    }
    let allowed_hosts = if flags.allowed_host.is_empty() {
        file.allowed_host
    } else {
        flags.allowed_host
    };
    if let Some(bad) = allowed_hosts.iter().find(|name| !is_host_name(name)) {
        return Err(invalid(format_args!(
            "invalid allowed host: {bad:?} is no host name such as cdc.example.com"
        )));
    }
    let server_id = flags.server_id.or(file.server_id);
    if server_id == Some(0) {
        return Err(invalid("invalid server id: it must not be 0"));
    }
    let drain_timeout = flags
        .drain_timeout
        .or(file.drain_timeout)
        .unwrap_or(DRAIN_TIMEOUT_SECONDS);
    Ok(ServerConfig {
        addr,
        advertise_addr: flags.advertise_addr.or(file.advertise_addr),
        allowed_hosts,
        data_dir: flags
            .data_dir
            .or(file.data_dir)
            .unwrap_or_else(|| PathBuf::from("tidegate-data")),
        upstream_uri,
        server_id,
        cluster_id,
        time_zone: time_zone(&flags.tz.or(file.tz).unwrap_or_else(|| "System".to_owned()))?,
        drain_timeout: Duration::from_secs(drain_timeout),
        tls,
        access,
        read_only: flags.read_only || file.read_only,
        encryption: encryption_keys(flags.encryption_key_file.or(file.encryption_key_file)),
        ui_dir: flags.ui_dir,
    })
}

/// The flag or the file, else the environment, else the data directory's own.
fn encryption_keys(file: Option<PathBuf>) -> EncryptionKeys {
    match (file, std::env::var(ENCRYPTION_KEY)) {
        (Some(file), _) => EncryptionKeys::File(file),
        (None, Ok(text)) => EncryptionKeys::Text(text),
        (None, Err(std::env::VarError::NotUnicode(_))) => EncryptionKeys::Text(String::new()),
        (None, Err(std::env::VarError::NotPresent)) => EncryptionKeys::Own,
    }
}

/// A name alone: no scheme, no port, no wildcard.
fn is_host_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= HOST_NAME_MAX && name.chars().all(is_part)
}

fn tls_files(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    ca: Option<PathBuf>,
    mtls: bool,
) -> Result<Option<TlsFiles>> {
    match (cert, key) {
        (Some(_), Some(_)) if mtls && ca.is_none() => Err(invalid("--mtls needs --ca")),
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key, ca, mtls })),
        (None, None) if ca.is_none() && !mtls => Ok(None),
        _ => Err(invalid("TLS needs both --cert and --key")),
    }
}

fn time_zone(name: &str) -> Result<TimeZone> {
    if name.eq_ignore_ascii_case("system") {
        return Ok(TimeZone::system());
    }
    TimeZone::get(name).code(
        ErrorCode::APIInvalidParam,
        format_args!("unknown time zone {name}"),
    )
}

fn invalid(message: impl std::fmt::Display) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, message)
}

/// Returns at SIGTERM or SIGINT.
///
/// # Errors
/// When the signals cannot be listened for.
pub(super) async fn told_to_stop() -> Result<()> {
    let listen = |kind| signal(kind).code(ErrorCode::InternalServerError, NO_SIGNALS);
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> ServerArguments {
        ServerArguments {
            upstream_uri: Some("mysql://u@h/".to_owned()),
            ..ServerArguments::default()
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = ServerFile {
            addr: Some("127.0.0.1:1".parse().unwrap()),
            cluster_id: Some("file".to_owned()),
            allowed_host: vec!["cdc.example".to_owned()],
            ..ServerFile::default()
        };
        let config = settings(
            ServerArguments {
                cluster_id: Some("flag".to_owned()),
                ..flags()
            },
            file,
        )
        .unwrap();
        assert_eq!((config.addr.port(), config.cluster_id.as_str()), (1, "flag"));
        assert_eq!(config.drain_timeout, Duration::from_secs(30));
        assert_eq!(config.allowed_hosts, ["cdc.example"]);
        assert_eq!(settings(flags(), ServerFile::default()).unwrap().addr, ADDR);
    }

    #[test]
    fn everybody_may_listen_in_only_when_told_so() {
        let open = || ServerArguments {
            addr: Some("0.0.0.0:8300".parse().unwrap()),
            ..flags()
        };
        let refused = settings(open(), ServerFile::default()).err().unwrap();
        assert!(refused.message().contains("--allow-anonymous"), "{refused}");
        let allowed = ServerArguments {
            allow_anonymous: true,
            ..open()
        };
        assert!(settings(allowed, ServerFile::default()).is_ok());
        let file = || Some(PathBuf::from("x.pem"));
        let mtls = ServerArguments {
            cert: file(),
            key: file(),
            ca: file(),
            mtls: true,
            ..open()
        };
        assert!(settings(mtls, ServerFile::default()).is_ok());
        let https = ServerArguments {
            cert: file(),
            key: file(),
            ..open()
        };
        assert!(settings(https, ServerFile::default()).is_err());
    }

    #[test]
    fn half_given_settings_are_refused() {
        let file = || Some(PathBuf::from("x.pem"));
        for bad in [
            ServerArguments::default(),
            ServerArguments {
                cert: file(),
                ..flags()
            },
            ServerArguments {
                mtls: true,
                ..flags()
            },
            ServerArguments {
                cert: file(),
                key: file(),
                mtls: true,
                ..flags()
            },
            ServerArguments {
                tz: Some("Mars/Olympus".to_owned()),
                ..flags()
            },
            ServerArguments {
                cluster_id: Some("a_b".to_owned()),
                ..flags()
            },
            ServerArguments {
                server_id: Some(0),
                ..flags()
            },
            ServerArguments {
                allowed_host: vec!["http://cdc.example:8300".to_owned()],
                ..flags()
            },
        ] {
            let error = settings(bad, ServerFile::default()).err().unwrap();
            assert_eq!(error.code(), ErrorCode::APIInvalidParam);
        }
    }
}
