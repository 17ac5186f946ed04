//! Requests to a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tidegate_api::{ApiError, Tso};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt, Ts};
use tokio::runtime::Runtime;
use tokio_rustls::rustls::crypto::ring;
use url::Url;

use super::credentials::{self, Credentials};
use super::progress;

const SERVER: &str = "127.0.0.1:8300";
/// A removal may take a minute.
const TIMEOUT: Duration = Duration::from_secs(90);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read: a list of very many changefeeds.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Largest certificate or key file.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// Which server, and who asks.
#[derive(Args, Default)]
pub(super) struct Connection {
    /// Address of the server [default: 127.0.0.1:8300]
    #[arg(long, global = true, env = "TIDEGATE_SERVER", value_name = "HOST:PORT or URL")]
    server: Option<String>,
    /// Of the original; the server is addressed by --server here.
    #[arg(long, global = true, hide = true)]
    pd: Option<String>,
    /// Certificates that sign the server's, PEM.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate of this client, PEM.
    #[arg(long, global = true, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Private key of this client, PEM.
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
    /// User name. Without a password it is asked for.
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    /// Password. Prefer TICDC_PASSWORD or the credentials file: arguments are visible to other users of the machine.
    #[arg(long, global = true, value_name = "TEXT", hide_env_values = true)]
    password: Option<String>,
    /// Bearer token, instead of a user. Prefer TIDEGATE_TOKEN, for the same reason.
    #[arg(long, global = true, value_name = "TEXT", conflicts_with_all = ["user", "password"])]
    token: Option<String>,
    /// debug: show each request on stderr [default: warn]
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "warn",
        hide_default_value = true
    )]
    log_level: String,
}

/// A server.
pub(super) struct Api {
    client: Client,
    runtime: Runtime,
    base: Url,
    authorization: Option<String>,
    shows_requests: bool,
}

impl Api {
    /// Prepares requests; the first one connects.
    pub(super) fn connect(connection: Connection) -> Result<Api> {
        if connection.pd.is_some() {
            return Err(invalid(
                "--pd does not apply: give the server's address with --server",
            ));
        }
        let given = Credentials {
            user: connection.user,
            password: connection.password,
            token: connection.token,
            ca: connection.ca,
            cert: connection.cert,
            key: connection.key,
        };
        let credentials = credentials::find(given)?;
        let base = base_url(
            connection.server.as_deref().unwrap_or(SERVER),
            credentials.has_tls_files(),
        )?;
        Ok(Api {
            client: client(&credentials)?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .code(ErrorCode::InternalServerError, "cannot start the runtime")?,
            base,
            authorization: credentials.authorization(),
            shows_requests: matches!(connection.log_level.as_str(), "debug" | "trace"),
        })
    }

    /// `GET`; `path` holds the segments below `/api/v2`.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T> {
        self.exchange(&Method::GET, path, query, None)
    }

    /// `POST` of `body`, or of nothing.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let body = body.map(to_json).transpose()?.unwrap_or_default();
        self.exchange(&Method::POST, path, query, Some(body))
    }

    /// `PUT` of `body`.
    pub(super) fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<T> {
        self.exchange(&Method::PUT, path, query, Some(to_json(body)?))
    }

    /// `DELETE`, with a body where the endpoint takes one.
    pub(super) fn delete<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let body = body.map(to_json).transpose()?;
        self.exchange(&Method::DELETE, path, query, body)
    }

    /// The clock of upstream `id`; 0 is the server's own.
    pub(super) fn tso(&self, id: u64) -> Result<Ts> {
        let tso: Tso = self.post(&["tso"], &[], Some(&json!({ "id": id })))?;
        Ok(Ts::from_u64(
            Ts::from_physical_ms(tso.timestamp).as_u64() + tso.logic_time,
        ))
    }

    fn exchange<T: DeserializeOwned>(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<T> {
        let url = self.url(path, query);
        let what = format!("{method} {url}");
        if self.shows_requests {
            eprintln!("{what}");
        }
        let waited_for = format!("waiting for {}", self.base.host_str().unwrap_or_default());
        let answer = progress::show(&waited_for, || {
            self.runtime.block_on(self.send(method.clone(), url, body))
        });
        let (status, text) = answer.code(ErrorCode::CliRequestFailed, format_args!("{what} failed"))?;
        if self.shows_requests {
            eprintln!("{status}");
        }
        if !(200..=206).contains(&status) {
            return Err(refusal(&self.base, status, &text));
        }
        serde_json::from_slice(&text).code(
            ErrorCode::CliRequestFailed,
            format_args!("{what}: the answer is not the expected JSON"),
        )
    }

    /// The status and as much of the body as may be kept.
    async fn send(&self, method: Method, url: Url, body: Option<Vec<u8>>) -> reqwest::Result<(u16, Vec<u8>)> {
        let mut request = self.client.request(method, url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            text.extend_from_slice(&chunk);
            if text.len() > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok((status, text))
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v2"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body).code(ErrorCode::InternalServerError, "cannot encode the request")
}

/// JSON on one line.
pub(super) fn compact(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).code(ErrorCode::InternalServerError, "cannot encode the answer")
}

/// The server's own words. Codes of a newer server are kept in the text.
fn refusal(base: &Url, status: u16, text: &[u8]) -> CdcError {
    let Ok(error) = serde_json::from_slice::<ApiError>(text) else {
        let hint = if status == 404 {
            "no TiCDC API answers there"
        } else {
            "the answer is no error of a TiCDC API"
        };
        return CdcError::new(
            ErrorCode::CliRequestFailed,
            format_args!("{base} answered {status}: {hint}"),
        );
    };
    let known = ErrorCode::ALL
        .iter()
        .find(|code| code.as_str() == error.error_code);
    let prefix = format!("[{}]", error.error_code);
    match known {
        Some(code) => CdcError::new(
            *code,
            error.error_msg.strip_prefix(&prefix).unwrap_or(&error.error_msg),
        ),
        None => CdcError::new(ErrorCode::InternalServerError, error.error_msg),
    }
}

fn base_url(server: &str, tls: bool) -> Result<Url> {
    let scheme = if tls { "https" } else { "http" };
    let text = if server.contains("://") {
        server.to_owned()
    } else {
        format!("{scheme}://{server}")
    };
    let url = Url::parse(&text).code(
        ErrorCode::APIInvalidParam,
        "--server must be HOST:PORT, http://HOST:PORT or https://HOST:PORT",
    )?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid(
            "--server must be HOST:PORT, http://HOST:PORT or https://HOST:PORT",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "give user and password by --user and TICDC_PASSWORD, not in --server",
        ));
    }
    Ok(url)
}

fn client(credentials: &Credentials) -> Result<Client> {
    // The library takes the process's provider. Another one that is there already serves as well.
    drop(ring::default_provider().install_default());
    let builder = Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")));
    with_tls_files(builder, credentials)?
        .build()
        .code(ErrorCode::APIInvalidParam, "certificate and key do not fit")
}

fn with_tls_files(mut builder: ClientBuilder, credentials: &Credentials) -> Result<ClientBuilder> {
    if let Some(path) = &credentials.ca {
        let found = Certificate::from_pem_bundle(&pem(path)?).unwrap_or_default();
        if found.is_empty() {
            return Err(invalid(&format!("{} holds no certificate", path.display())));
        }
        builder = builder.tls_certs_only(found);
    }
    match (&credentials.cert, &credentials.key) {
        (None, None) => Ok(builder),
        (Some(cert), Some(key)) => {
            let pair = [pem(cert)?, b"\n".to_vec(), pem(key)?].concat();
            let identity = Identity::from_pem(&pair).code(
                ErrorCode::APIInvalidParam,
                format_args!(
                    "{} and {} are no certificate and its key",
                    cert.display(),
                    key.display()
                ),
            )?;
            Ok(builder.identity(identity))
        }
        _ => Err(invalid("--cert and --key must be given together")),
    }
}

fn pem(path: &Path) -> Result<Vec<u8>> {
    super::config_file::read_bounded(path, PEM_BYTES_MAX)
}

/// A wrong argument.
pub(super) fn invalid(text: &str) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_address_or_url() {
        let base = |server, tls| base_url(server, tls).map(|url| url.to_string());
        assert_eq!(base("cdc:8300", false).unwrap(), "http://cdc:8300/");
        assert_eq!(base("[::1]:8300", true).unwrap(), "https://[::1]:8300/");
        assert_eq!(base("https://cdc/proxy", false).unwrap(), "https://cdc/proxy");
        for bad in ["ftp://cdc", "http://", "u:p@cdc:8300"] {
            let error = base(bad, false).unwrap_err();
            assert!(!error.wire_message().contains(":p@"), "{error}");
        }
    }

    #[test]
    fn ids_are_part_of_a_path_whatever_is_in_them() {
        let api = Api::connect(Connection {
            server: Some("http://cdc:8300/proxy/".to_owned()),
            ..Connection::default()
        })
        .unwrap();
        assert_eq!(
            api.url(&["changefeeds", "a/b?c"], &[("namespace", "x&y")])
                .as_str(),
            "http://cdc:8300/proxy/api/v2/changefeeds/a%2Fb%3Fc?namespace=x%26y"
        );
    }

    #[test]
    fn a_refusal_keeps_code_and_text() {
        let base = Url::parse("http://cdc/").unwrap();
        let body = br#"{"error_msg":"[CDC:ErrChangeFeedNotExists]changefeed not exists, x","error_code":"CDC:ErrChangeFeedNotExists"}"#;
        let error = refusal(&base, 400, body);
        assert_eq!(error.code(), ErrorCode::ChangeFeedNotExists);
        assert_eq!(error.message(), "changefeed not exists, x");
        let newer = br#"{"error_msg":"[CDC:ErrNewer]text","error_code":"CDC:ErrNewer"}"#;
        assert_eq!(refusal(&base, 500, newer).message(), "[CDC:ErrNewer]text");
        assert!(
            refusal(&base, 404, b"404 page not found")
                .message()
                .contains("no TiCDC API")
        );
    }
}
