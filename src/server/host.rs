//! Which names this server answers to.
//!
//! A web page may give its own name the address of this server (DNS rebinding). To the browser the server's answers
//! are then that page's own, and neither `Origin` nor `Sec-Fetch-Site` tell. The name in the request does: it is the
//! page's. So only names that the operator chose are answered; an address cannot be given to somebody else's page.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidegate_model::{CdcError, ErrorCode};

use super::config::ServerConfig;
use super::respond::Failure;

/// The names, in lower case.
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// `localhost`, the host of the advertised address, and the names that were allowed one by one.
    pub(crate) fn of(config: &ServerConfig) -> Arc<Hosts> {
        let advertised = config.advertise_addr.as_deref().map(without_port);
        let mut names = vec!["localhost".to_owned()];
        names.extend(advertised.map(normal));
        names.extend(config.allowed_hosts.iter().map(|name| normal(name)));
        Arc::new(Hosts(names))
    }

    /// Whether a request that was sent to `authority` (`host` or `host:port`) is meant for this server.
    fn knows(&self, authority: &str) -> bool {
        let host = without_port(authority);
        is_address(host) || self.0.contains(&normal(host))
    }
}

/// Refuses requests to other names, reads too. Browsers always send the name; a request without one is no browser's.
pub(crate) async fn only_known(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let headers = request.headers().get_all(header::HOST).iter();
    let sent = headers.map(|value| value.to_str().unwrap_or("?"));
    let target = request.uri().authority().map(|authority| authority.as_str());
    let foreign = sent.chain(target).find(|name| !hosts.knows(name)).map(refusal);
    match foreign {
        Some(refused) => refused,
        None => next.run(request).await,
    }
}

fn refusal(name: &str) -> Response {
    let error = CdcError::new(
        ErrorCode::Unauthorized,
        format_args!(
            "this server does not answer to the name {:?}: if it is one of its names, start it with --allowed-host",
            without_port(name)
        ),
    );
    let mut response = Failure(error).into_response();
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

fn is_address(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Upper case and the dot of the root make no difference.
fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_chosen_names_are_known() {
        let hosts = Hosts(vec!["localhost".to_owned(), normal("CDC.example.")]);
        for name in [
            "127.0.0.1",
            "127.0.0.1:8300",
            "10.0.0.7:8300",
            "[::1]",
            "[fe80::1]:8300",
            "localhost:8300",
            "LocalHost",
            "cdc.example",
            "CDC.example.:443",
        ] {
            assert!(hosts.knows(name), "{name}");
        }
        for name in [
            "",
            "evil.example",
            "evil.example:8300",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.1",
            "0x7f000001",
            "[::1].evil.example",
            "[evil]",
            "127.0.0.1:evil",
            "cdc.example@evil.example",
        ] {
            assert!(!hosts.knows(name), "{name}");
        }
    }
}
