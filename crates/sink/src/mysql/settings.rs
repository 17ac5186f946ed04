//! From URI and config to [`MysqlConfig`].

use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_api::{MysqlConfig as Members, SinkUri};
use tidegate_model::{ErrorCode, Result};
use tidegate_mysql::{ConnectOptions, TlsMode, TlsOptions};

use super::config::{Atomicity, MysqlConfig, TidbTxnMode};
use crate::opener::SinkSpec;
use crate::settings::{Settings, not_supported};

/// The original's defaults.
const DEFAULT_USER: &str = "root";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
/// What the original adds to the write time-out for a whole statement.
const STATEMENT_EXTRA: Duration = Duration::from_secs(5);
const STATEMENT_TIMEOUT_MIN: Duration = Duration::from_secs(1);
const PARAMETERS: [&str; 18] = [
    "worker-count",
    "max-txn-row",
    "max-multi-update-row",
    "max-multi-update-row-size",
    "tidb-txn-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "safe-mode",
    "time-zone",
    "write-timeout",
    "read-timeout",
    "timeout",
    "batch-dml-enable",
    "multi-stmt-enable",
    "cache-prep-stmts",
    "has-vector-type",
    "transaction-atomicity",
];

/// Reads and checks the settings.
///
/// Accepted without an effect on what is written: `time-zone` for rows (they are sent as instants).
///
/// # Errors
/// `MySQLInvalidConfig` naming the setting; `NotSupported` for `has-vector-type=true`.
pub(crate) fn read(spec: &SinkSpec) -> Result<MysqlConfig> {
    let uri = &spec.uri;
    let settings = Settings {
        uri,
        code: ErrorCode::MySQLInvalidConfig,
    };
    let absent = Members::default();
    let members = spec.config.sink.mysql_config.as_ref().unwrap_or(&absent);
    settings.only(&PARAMETERS)?;
    let cache_statements =
        settings.switch("cache-prep-stmts", members.enable_cache_prepared_statement, true)?;
    if settings.switch("has-vector-type", None, false)? {
        return Err(not_supported(
            "has-vector-type=true is not supported: vector columns are written as they are",
        ));
    }
    let duration =
        |name: &str, member: &Option<String>| settings.duration(name, member.as_deref(), DEFAULT_TIMEOUT);
    let write_timeout = duration("write-timeout", &members.write_timeout)?;
    let read_timeout = duration("read-timeout", &members.read_timeout)?;
    let connect_timeout = duration("timeout", &members.timeout)?;
    Ok(MysqlConfig {
        connect: connect_options(&settings, members, connect_timeout)?,
        workers: settings.number_at("sink.mysql_config.worker_count", members.worker_count)?,
        max_multi_update_row: settings.number_at(
            "sink.mysql_config.max_multi_update_row_count",
            members.max_multi_update_row_count,
        )?,
        max_multi_update_row_size: settings.number_at(
            "sink.mysql_config.max_multi_update_row_size",
            members.max_multi_update_row_size,
        )?,
        safe_mode: settings.switch("safe-mode", spec.config.sink.safe_mode, false)?,
        max_txn_row: settings.number_at("sink.mysql_config.max_txn_row", members.max_txn_row)?,
        batch_dml: settings.switch("batch-dml-enable", members.enable_batch_dml, true)?,
        cache_statements,
        multi_stmt: settings.switch("multi-stmt-enable", members.enable_multi_statement, true)?,
        atomicity: atomicity(settings.text(
            "transaction-atomicity",
            spec.config.sink.transaction_atomicity.as_deref(),
        )),
        statement_timeout: read_timeout
            .min(write_timeout + STATEMENT_EXTRA)
            .max(STATEMENT_TIMEOUT_MIN),
        tidb_txn_mode: match settings.text("tidb-txn-mode", members.tidb_txn_mode.as_deref()) {
            // Any other value means the default, as in the original.
            Some("pessimistic") => TidbTxnMode::Pessimistic,
            _ => TidbTxnMode::Optimistic,
        },
        ddl_zone: ddl_zone(&settings, members, &spec.time_zone)?,
    })
}

fn connect_options(
    settings: &Settings<'_>,
    members: &Members,
    connect_timeout: Duration,
) -> Result<ConnectOptions> {
    let uri: &SinkUri = settings.uri;
    if uri.host().is_empty() {
        return Err(settings.error("the sink URI names no host"));
    }
    let file = |name: &str, member: &Option<String>| {
        settings
            .uri
            .param(name)
            .or(member.as_deref())
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
    };
    let (ca, cert, key) = (
        file("ssl-ca", &members.ssl_ca),
        file("ssl-cert", &members.ssl_cert),
        file("ssl-key", &members.ssl_key),
    );
    if cert.is_some() != key.is_some() {
        return Err(settings.error("ssl-cert and ssl-key must be given together"));
    }
    for (name, path) in [("ssl-ca", &ca), ("ssl-cert", &cert), ("ssl-key", &key)] {
        if let Some(path) = path
            && let Err(error) = std::fs::metadata(path)
        {
            return Err(settings
                .error(format_args!("{name} {path} cannot be read"))
                .with_source(error));
        }
    }
    let mode = if ca.is_some() || uri.scheme().ends_with("+ssl") {
        TlsMode::VerifyIdentity
    } else {
        TlsMode::Preferred
    };
    let mut options = ConnectOptions::new(
        uri.host(),
        uri.database_port(),
        uri.user().filter(|user| !user.is_empty()).unwrap_or(DEFAULT_USER),
        uri.password().unwrap_or_default(),
    );
    options.tls = TlsOptions { mode, ca, cert, key };
    options.connect_timeout = connect_timeout;
    Ok(options)
}

/// Levels were checked before; files and messages know other rules.
fn atomicity(text: Option<&str>) -> Atomicity {
    match text {
        Some("table") => Atomicity::Table,
        _ => Atomicity::None,
    }
}

/// The zone of schema changes: the server's, or none when `time-zone` is given empty.
fn ddl_zone(settings: &Settings<'_>, members: &Members, server: &TimeZone) -> Result<Option<String>> {
    let own = server.iana_name();
    match settings.uri.param("time-zone").or(members.time_zone.as_deref()) {
        Some("") => Ok(None),
        None => Ok(own.map(str::to_owned)),
        Some(text) if is_local(text) || own.is_some_and(|own| own.eq_ignore_ascii_case(text)) => {
            Ok(own.map(str::to_owned))
        }
        Some(text) => Err(settings.error(format_args!(
            "time-zone {text:?} differs from the server's zone {:?}: leave it out",
            own.unwrap_or("unknown")
        ))),
    }
}

fn is_local(text: &str) -> bool {
    ["system", "local"]
        .iter()
        .any(|name| text.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use tidegate_api::ReplicaConfig;
    use tidegate_model::{ChangefeedId, Ts};

    use super::*;

    fn spec(uri: &str) -> SinkSpec {
        SinkSpec {
            changefeed: ChangefeedId::new("default", "settings"),
            cluster_id: "default".to_owned(),
            incarnation: "1".to_owned(),
            uri: SinkUri::parse(uri).unwrap(),
            config: ReplicaConfig::default(),
            replicate_ts: Ts::ZERO,
            time_zone: TimeZone::UTC,
            on_trouble: crate::OnTrouble::default(),
        }
    }

    #[test]
    fn a_plain_uri_means_the_defaults() {
        let config = read(&spec("mysql://h/")).unwrap();
        assert_eq!(
            (config.connect.user.as_str(), config.connect.port),
            ("root", 4000)
        );
        assert_eq!(config.connect.tls.mode, TlsMode::Preferred);
        assert_eq!(config.max_txn_row, 256);
        assert_eq!(config.workers, 16);
        assert_eq!(
            (config.max_multi_update_row, config.max_multi_update_row_size),
            (40, 1024)
        );
        assert!(config.batch_dml && config.multi_stmt && config.cache_statements && !config.safe_mode);
        assert_eq!(config.statement_timeout, Duration::from_secs(120));
        assert_eq!(config.ddl_zone.as_deref(), Some("UTC"));
        assert_eq!(config.atomicity, Atomicity::None);
    }

    #[test]
    fn parameters_win_over_members_and_are_cut() {
        let mut spec = spec(
            "tidb+ssl://u:p%40w@h:3306/?max-txn-row=5000&safe-mode=true&time-zone=&read-timeout=10s&worker-count=4",
        );
        spec.config.sink.mysql_config = Some(Members {
            max_txn_row: Some(10),
            enable_batch_dml: Some(false),
            worker_count: Some(0),
            ..Members::default()
        });
        let config = read(&spec).unwrap();
        assert_eq!(config.max_txn_row, 2048);
        assert_eq!(config.workers, 4);
        assert!(config.safe_mode && !config.batch_dml);
        assert_eq!(config.connect.password, "p@w");
        assert_eq!(config.connect.tls.mode, TlsMode::VerifyIdentity);
        assert_eq!(config.statement_timeout, Duration::from_secs(10));
        assert_eq!(config.ddl_zone, None);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |query: &str, code: ErrorCode, expect: &str| {
            let error = read(&spec(&format!("mysql://u:hunter2@h/?{query}"))).unwrap_err();
            assert_eq!(error.code(), code, "{query}");
            assert!(error.message().contains(expect), "{}", error.message());
            assert!(!error.wire_message().contains("hunter2"));
        };
        let invalid = ErrorCode::MySQLInvalidConfig;
        check("worker-count=0", invalid, "worker-count");
        check("max-txn-row=x", invalid, "max-txn-row");
        check(
            "max-multi-update-row-size=-1",
            invalid,
            "max-multi-update-row-size",
        );
        check("safe-mode=maybe", invalid, "safe-mode");
        check("timeout=soon", invalid, "timeout");
        check("time-zone=Europe/Berlin", invalid, "time-zone");
        check("ssl-cert=/dev/null", invalid, "ssl-key");
        check("ssl-ca=/no/such/file", invalid, "/no/such/file");
        check("safe_mode=true", invalid, "safe_mode");
        check("has-vector-type=true", ErrorCode::NotSupported, "has-vector-type");
    }
}
