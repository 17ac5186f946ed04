//! Opens connections and puts driver errors into the taxonomy.

use mysql_async::{Conn, DriverError, Error, Opts, SslOpts};
use tidegate_model::{CdcError, ErrorCode, Result};

use crate::options::{ConnectOptions, TlsMode};

/// Which family a server belongs to.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Flavour {
    /// MySQL and its derivatives.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl Flavour {
    /// `MySQL` or `MariaDB`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
        }
    }
}

/// Logs in.
///
/// # Errors
/// `UpstreamAccessDenied` when the server refuses user or password, `UpstreamMisconfigured` when it demands or
/// lacks TLS, `UpstreamConnection` for everything that may mend itself.
pub async fn connect(options: &ConnectOptions) -> Result<Conn> {
    connect_with(options, |builder| builder).await
}

/// As [`connect`], after `adjust` had its way with the driver's options.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    options: &ConnectOptions,
    adjust: impl Fn(mysql_async::OptsBuilder) -> mysql_async::OptsBuilder,
) -> Result<Conn> {
    let encrypted = adjust(options.driver());
    match open(options, encrypted).await {
        Err(Error::Driver(DriverError::NoClientSslFlagFromServer))
            if options.tls.mode == TlsMode::Preferred =>
        {
            let plain = adjust(options.driver()).ssl_opts(None::<SslOpts>);
            open(options, plain).await
        }
        other => other,
    }
    .map_err(|error| login_error(options, error))
}

async fn open(
    options: &ConnectOptions,
    builder: mysql_async::OptsBuilder,
) -> std::result::Result<Conn, Error> {
    let opening = Box::pin(Conn::new(Opts::from(builder)));
    match tokio::time::timeout(options.connect_timeout, opening).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

fn login_error(options: &ConnectOptions, error: Error) -> CdcError {
    let address = options.address();
    let (code, message) = match &error {
        // 1045 access denied, 1044 to the database, 1698 by plugin, 4151 account locked.
        Error::Server(server) if matches!(server.code, 1044 | 1045 | 1698 | 4151 | 3118) => (
            ErrorCode::UpstreamAccessDenied,
            format!("{address} refused the login of user {:?}", options.user),
        ),
        // 3159: require_secure_transport is on.
        Error::Server(server) if server.code == 3159 => (
            ErrorCode::UpstreamMisconfigured,
            format!("{address} demands TLS: set ssl-mode=required"),
        ),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => (
            ErrorCode::UpstreamMisconfigured,
            format!("{address} does not offer TLS, which ssl-mode demands"),
        ),
        _ => (
            ErrorCode::UpstreamConnection,
            format!("cannot connect to {address}"),
        ),
    };
    CdcError::new(code, message).with_source(error)
}

/// Puts an error of a statement on an open connection into the taxonomy. `doing` says what failed.
pub fn query_error(doing: &str, error: Error) -> CdcError {
    let code = match &error {
        // 1142 and 1143: no privilege on a table or column; 1227: a global privilege is missing.
        Error::Server(server) if matches!(server.code, 1044 | 1045 | 1142 | 1143 | 1227) => {
            ErrorCode::UpstreamAccessDenied
        }
        _ => ErrorCode::UpstreamConnection,
    };
    CdcError::new(code, format!("cannot {doing}")).with_source(error)
}
