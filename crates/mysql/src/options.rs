//! How to reach a server: address, credentials, TLS.

use std::fmt;
use std::time::Duration;

use mysql_async::{ClientIdentity, OptsBuilder, SslOpts};
use tidegate_model::{CdcError, ErrorCode, Result, mask_uri};
use url::Url;

/// The port a URI without one means.
const DEFAULT_PORT: u16 = 3306;
/// Default limit for establishing a connection, TLS and login included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest packet the protocol allows; the server's own limit decides.
const PACKET_BYTES_MAX: usize = 1 << 30;
/// Idle time after which a dead peer is probed by the kernel.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Everything needed to log in to a MySQL or MariaDB server. `Debug` and `Display` never show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User; empty for the anonymous one.
    pub user: String,
    /// Password; empty for none.
    pub password: String,
    /// Encryption of the connection.
    pub tls: TlsOptions,
    /// Limit for establishing a connection.
    pub connect_timeout: Duration,
}

/// TLS settings with the meaning of the mysql client's options of the same names.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TlsOptions {
    /// What is demanded of the connection.
    pub mode: TlsMode,
    /// Certificate authority: path of a PEM or DER file, or PEM text.
    pub ca: Option<String>,
    /// Client certificate chain: path or PEM text. Goes with `key`.
    pub cert: Option<String>,
    /// Client private key: path or PEM text.
    pub key: Option<String>,
}

/// How much TLS is demanded.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum TlsMode {
    /// Plain text.
    Disabled,
    /// TLS when the server offers it, whoever it is; else plain text.
    #[default]
    Preferred,
    /// TLS, whoever the server is.
    Required,
    /// TLS with a certificate that the authority signed, for any host name.
    VerifyCa,
    /// TLS with a certificate that the authority signed for this host name.
    VerifyIdentity,
}

impl TlsMode {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disabled" => TlsMode::Disabled,
            "preferred" => TlsMode::Preferred,
            "required" => TlsMode::Required,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-identity" => TlsMode::VerifyIdentity,
            other => {
                return Err(invalid(format!(
                    "ssl-mode is {other:?}, it must be disabled, preferred, required, verify-ca or verify-identity"
                )));
            }
        })
    }
}

impl ConnectOptions {
    /// Options for a server with default TLS ([`TlsMode::Preferred`]) and time limit.
    pub fn new(host: &str, port: u16, user: &str, password: &str) -> Self {
        ConnectOptions {
            host: host.to_owned(),
            port,
            user: user.to_owned(),
            password: password.to_owned(),
            tls: TlsOptions::default(),
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// Parses `mysql://user:password@host:port/?ssl-ca=..&ssl-cert=..&ssl-key=..&ssl-mode=..&connect-timeout=10s`.
    ///
    /// `mariadb://` means the same. User and password may be percent-encoded. Without `ssl-mode` it is
    /// `verify-identity` when `ssl-ca` is given, else `preferred`.
    ///
    /// # Errors
    /// `APIInvalidParam` naming the part that is wrong; unknown parameters are refused. No secret is in the text.
    pub fn from_uri(uri: &str) -> Result<Self> {
        let url = Url::parse(uri)
            .map_err(|error| invalid(format!("upstream URI {} is invalid: {error}", mask_uri(uri))))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(invalid(format!(
                "upstream URI has the scheme {:?}, it must be mysql://user:password@host:port/",
                url.scheme()
            )));
        }
        let host = url
            .host_str()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(invalid("upstream URI names no host"));
        }
        refuse_torn_password(&url)?;
        if !matches!(url.path(), "" | "/") {
            return Err(invalid(
                "upstream URI must not name a database behind the address",
            ));
        }
        let mut options = ConnectOptions::new(
            host,
            url.port().unwrap_or(DEFAULT_PORT),
            &decode(url.username())?,
            &decode(url.password().unwrap_or_default())?,
        );
        let mut mode = None;
        for (name, value) in url.query_pairs() {
            options.set(&name, &value, &mut mode)?;
        }
        options.finish_tls(mode)?;
        Ok(options)
    }

    /// `host:port`, for logs and messages.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The driver's options. TLS as demanded; [`TlsMode::Preferred`] asks for it (see [`crate::connect`] for the
    /// way back to plain text).
    pub fn driver(&self) -> OptsBuilder {
        OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(Some(self.user.clone()))
            .pass(Some(self.password.clone()))
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(TCP_KEEPALIVE))
            .max_allowed_packet(Some(PACKET_BYTES_MAX))
            .wait_timeout(Some(28_800))
            .stmt_cache_size(0)
            .ssl_opts(self.ssl_opts())
    }

    fn set(&mut self, name: &str, value: &str, mode: &mut Option<TlsMode>) -> Result<()> {
        match name {
            "ssl-ca" => self.tls.ca = non_empty(name, value)?,
            "ssl-cert" => self.tls.cert = non_empty(name, value)?,
            "ssl-key" => self.tls.key = non_empty(name, value)?,
            "ssl-mode" => *mode = Some(TlsMode::parse(value)?),
            "connect-timeout" => self.connect_timeout = parse_seconds(name, value)?,
            other => {
                return Err(invalid(format!(
                    "upstream URI has the unknown parameter {other:?}; known are ssl-ca, ssl-cert, ssl-key, \
                     ssl-mode, connect-timeout"
                )));
            }
        }
        Ok(())
    }

    fn finish_tls(&mut self, mode: Option<TlsMode>) -> Result<()> {
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            return Err(invalid("ssl-cert and ssl-key must be given together"));
        }
        self.tls.mode = mode.unwrap_or(if self.tls.ca.is_some() {
            TlsMode::VerifyIdentity
        } else {
            TlsMode::Preferred
        });
        Ok(())
    }

    fn ssl_opts(&self) -> Option<SslOpts> {
        if self.tls.mode == TlsMode::Disabled {
            return None;
        }
        let unverified = matches!(self.tls.mode, TlsMode::Preferred | TlsMode::Required);
        let mut opts = SslOpts::default()
            .with_danger_accept_invalid_certs(unverified)
            .with_danger_skip_domain_validation(unverified || self.tls.mode == TlsMode::VerifyCa);
        if let Some(ca) = &self.tls.ca {
            opts = opts
                .with_root_certs(vec![path_or_pem(ca)])
                .with_disable_built_in_roots(true);
        }
        if let (Some(cert), Some(key)) = (&self.tls.cert, &self.tls.key) {
            opts = opts.with_client_identity(Some(ClientIdentity::new(path_or_pem(cert), path_or_pem(key))));
        }
        Some(opts)
    }
}

impl fmt::Display for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_empty() { "" } else { ":xxxxx" };
        write!(f, "mysql://{}{password}@{}/", self.user, self.address())
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectOptions({self}, {:?})", self.tls.mode)
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsOptions({:?})", self.mode)
    }
}

/// A `/`, `?` or `#` in a password ends what the parser takes for the address, and the rest of the password stands
/// where messages would show it.
fn refuse_torn_password(url: &Url) -> Result<()> {
    let behind = [Some(url.path()), url.query(), url.fragment()];
    if url.fragment().is_some() || behind.into_iter().flatten().any(|part| part.contains('@')) {
        return Err(invalid(
            "upstream URI has an @ or # behind the address: percent-encode the password (/ is %2F, ? is %3F, # is \
             %23, @ is %40), and @ and # in parameters",
        ));
    }
    Ok(())
}

/// Generic because the driver does not export its `PathOrBuf`.
fn path_or_pem<T: From<std::path::PathBuf> + From<Vec<u8>>>(text: &str) -> T {
    if text.contains("-----BEGIN") {
        text.as_bytes().to_vec().into()
    } else {
        std::path::PathBuf::from(text).into()
    }
}

fn parse_seconds(name: &str, value: &str) -> Result<Duration> {
    match value.trim_end_matches('s').parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid(format!(
            "{name} must be a number of seconds from 1s to 3600s"
        ))),
    }
}

fn non_empty(name: &str, value: &str) -> Result<Option<String>> {
    if value.is_empty() {
        return Err(invalid(format!("{name} is empty")));
    }
    Ok(Some(value.to_owned()))
}

/// Undoes percent-encoding. A `%` without two digits after it stands for itself.
fn decode(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_err(|_| invalid("user or password of the upstream URI is not UTF-8"))
}

fn invalid(message: impl fmt::Display) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_uri_is_taken_apart() {
        let options = ConnectOptions::from_uri(
            "mysql://repl:p%40ss%2Fw@[::1]:3307/?ssl-mode=REQUIRED&connect-timeout=5s",
        )
        .unwrap();
        assert_eq!((options.host.as_str(), options.port), ("::1", 3307));
        assert_eq!(
            (options.user.as_str(), options.password.as_str()),
            ("repl", "p@ss/w")
        );
        assert_eq!(options.tls.mode, TlsMode::Required);
        assert_eq!(options.connect_timeout, Duration::from_secs(5));
        assert_eq!(options.address(), "[::1]:3307");
    }

    #[test]
    fn a_certificate_authority_turns_verification_on() {
        let mode = |uri: &str| ConnectOptions::from_uri(uri).unwrap().tls.mode;
        assert_eq!(mode("mysql://h/"), TlsMode::Preferred);
        assert_eq!(mode("mysql://h?ssl-ca=/ca.pem"), TlsMode::VerifyIdentity);
        assert_eq!(
            mode("mysql://h?ssl-ca=/ca.pem&ssl-mode=verify_ca"),
            TlsMode::VerifyCa
        );
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        let check = |uri: &str, expect: &str| {
            let error = ConnectOptions::from_uri(uri).unwrap_err();
            assert_eq!(error.code(), ErrorCode::APIInvalidParam);
            assert!(error.message().contains(expect), "{}", error.message());
            assert!(!error.wire_message().contains("hunter2"));
        };
        check("mysql://u:hunter2@h:99999/", "invalid");
        check("tikv://u:hunter2@h/", "scheme");
        check("mysql://u:hunter2@h/db", "database");
        check("mysql://u:hunter2@h/?safe-mode=true", "safe-mode");
        check("mysql://u:hunter2@h/?ssl-mode=maybe", "ssl-mode");
        check("mysql://u:hunter2@h/?ssl-cert=a", "together");
        check("mysql://u:hunter2@h/?connect-timeout=0", "connect-timeout");
        // The parser takes 12 for the port, and what follows for a path, a parameter, nothing.
        check("mysql://u:12/hunter2@h/", "percent-encode");
        check("mysql://u:12?hunter2@h/", "percent-encode");
        check("mysql://u:12?hunter2=x@h/", "percent-encode");
        check("mysql://u:12#hunter2@h/", "percent-encode");
        check("mysql://a@b:12/hunter2@h/", "percent-encode");
        check("mysql://u:x/hunter2@h/", "invalid");
        check("mysql://u:12/hunter2", "database");
    }

    #[test]
    fn no_text_form_shows_the_password() {
        let options = ConnectOptions::from_uri("mysql://u:hunter2@h/").unwrap();
        assert_eq!(options.to_string(), "mysql://u:xxxxx@h:3306/");
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
