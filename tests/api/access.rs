//! Certificates with roles, and settings that change while the server runs.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{Answer, exchange_over, parse};
use crate::guarded::{Guarded, until, user};

const ADMIN_PASSWORD: &str = "adm1n-passphrase";

/// An authority that signs for one test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Certificate and key of a name, both PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    async fn connect(&self, port: u16, client: Option<&(String, String)>) -> Option<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .ok()
    }

    async fn ask(
        &self,
        port: u16,
        client: Option<&(String, String)>,
        method: &str,
        path: &str,
    ) -> Option<Answer> {
        let stream = self.connect(port, client).await?;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Some(parse(&exchange_over(stream, request.as_bytes()).await))
    }
}

fn write_all(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

fn tls_settings(dir: &Path) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    format!(
        "[security]\ncert-path = '{}'\nkey-path = '{}'\nca-path = '{}'\n",
        path("server.pem"),
        path("server-key.pem"),
        path("ca.pem")
    )
}

#[tokio::test]
async fn names_in_certificates_have_roles() {
    let (files, authority) = (TempDir::new().unwrap(), Authority::new());
    let (certificate, key) = authority.sign("server");
    write_all(
        files.path(),
        &[
            ("server.pem", &certificate),
            ("server-key.pem", &key),
            ("ca.pem", &authority.pem),
        ],
    );
    let settings = format!(
        "{}cert-allowed-cn = ['node-1']\n[[security.certificates]]\nname = 'reader'\nrole = 'viewer'\n",
        tls_settings(files.path())
    );
    let healthy = async |port: u16| {
        authority
            .ask(port, None, "GET", "/health")
            .await
            .is_some_and(|answer| answer.status == 200)
    };
    let server = Guarded::start(&settings, healthy).await;
    let (node, reader, stranger) = (
        authority.sign("node-1"),
        authority.sign("reader"),
        authority.sign("stranger"),
    );
    let ask = async |client: Option<&(String, String)>, method: &str, path: &str| {
        authority.ask(server.port, client, method, path).await.unwrap()
    };
    let pause = "/api/v2/changefeeds/no-such-feed/pause";
    assert_eq!(ask(Some(&node), "GET", "/api/v2/captures").await.status, 200);
    ask(Some(&node), "POST", pause)
        .await
        .refusal(400, "CDC:ErrChangeFeedNotExists");
    assert_eq!(ask(Some(&reader), "GET", "/api/v2/captures").await.status, 200);
    ask(Some(&reader), "POST", pause)
        .await
        .refusal(403, "CDC:ErrUnauthorized");
    let text = ask(Some(&stranger), "GET", "/api/v2/captures")
        .await
        .refusal(401, "CDC:ErrUnauthorized");
    assert_eq!(
        text,
        "[CDC:ErrUnauthorized]user stranger unauthorized, error: The user is not allowed."
    );
    ask(None, "GET", "/api/v2/captures")
        .await
        .refusal(401, "CDC:ErrCredentialNotFound");
}

async fn ask_again(stream: &mut TlsStream<TcpStream>) -> String {
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    while !text.ends_with("{}") {
        let mut block = [0; 1024];
        let count = stream.read(&mut block).await.unwrap();
        assert_ne!(count, 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&block[..count]));
    }
    text
}

#[tokio::test]
async fn a_new_certificate_and_new_users_are_taken_while_connections_stay() {
    let (files, authority) = (TempDir::new().unwrap(), Authority::new());
    let (first, first_key) = authority.sign("first");
    write_all(
        files.path(),
        &[
            ("server.pem", &first),
            ("server-key.pem", &first_key),
            ("ca.pem", &authority.pem),
        ],
    );
    let settings = tls_settings(files.path());
    let healthy = async |port: u16| {
        authority
            .ask(port, None, "GET", "/health")
            .await
            .is_some_and(|answer| answer.status == 200)
    };
    let server = Guarded::start(&settings, healthy).await;
    let shown = async || {
        let stream = authority.connect(server.port, None).await?;
        Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
    };
    let mut open = authority.connect(server.port, None).await.unwrap();
    ask_again(&mut open).await;

    write_all(files.path(), &[("server.pem", "no certificate")]);
    server.signal("-HUP");
    server.logged("TLS certificate not reloaded").await;
    let first_der = CertificateDer::from_pem_slice(first.as_bytes()).unwrap().to_vec();
    assert_eq!(shown().await, Some(first_der), "the old one stays");

    let (second, second_key) = authority.sign("second");
    write_all(
        files.path(),
        &[("server-key.pem", &second_key), ("server.pem", &second)],
    );
    std::fs::write(
        &server.config,
        format!("{settings}{}", user("root", ADMIN_PASSWORD, "admin")),
    )
    .unwrap();
    server.signal("-HUP");
    let second_der = CertificateDer::from_pem_slice(second.as_bytes())
        .unwrap()
        .to_vec();
    until(
        async || shown().await.as_ref() == Some(&second_der),
        || server.log(),
    )
    .await;
    until(
        async || {
            authority
                .ask(server.port, None, "GET", "/api/v2/captures")
                .await
                .is_some_and(|answer| answer.status == 401)
        },
        || server.log(),
    )
    .await;
    assert!(ask_again(&mut open).await.starts_with("HTTP/1.1 200"));
}
