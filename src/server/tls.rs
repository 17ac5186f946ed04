//! TLS of the listening port.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Files of a server that speaks TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Certificate chain of the server, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Certificates that sign those of clients, PEM.
    pub ca: Option<PathBuf>,
    /// Whether a client must show a certificate.
    pub mtls: bool,
}

/// TLS by the newest content of the files. Connections that are open keep what they began with.
pub(crate) struct Tls {
    files: TlsFiles,
    acceptor: RwLock<TlsAcceptor>,
    stamp: Mutex<Stamp>,
}

/// Size and time of each file: other values mean another content.
type Stamp = Vec<Option<(u64, SystemTime)>>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// `APIInvalidParam` naming the file that cannot be used.
    pub(crate) fn new(files: TlsFiles) -> Result<Tls> {
        Ok(Tls {
            stamp: Mutex::new(stamp(&files)),
            acceptor: RwLock::new(acceptor(&files)?),
            files,
        })
    }

    /// For the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the files again if they look different, or if `always`. Files that cannot be used change nothing, and are
    /// named in the log. Blocks on the disk.
    pub(crate) fn reload(&self, always: bool) {
        let now = stamp(&self.files);
        let mut known = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if !always && *known == now {
            return;
        }
        *known = now;
        match acceptor(&self.files) {
            Ok(new) => {
                *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!(cert = %self.files.cert.display(), "TLS certificate reloaded");
            }
            Err(error) => {
                tracing::error!(error = %error.wire_message(), "TLS certificate not reloaded: the old one stays");
            }
        }
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let all = [Some(&files.cert), Some(&files.key), files.ca.as_ref()];
    let about = |path: &PathBuf| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.len(), about.modified().ok()?))
    };
    all.into_iter().flatten().map(about).collect()
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor> {
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).code(
        ErrorCode::APIInvalidParam,
        format_args!("no private key in {}", files.key.display()),
    )?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .code(ErrorCode::InternalServerError, "TLS is not available")?;
    let builder = match &files.ca {
        Some(ca) => builder.with_client_cert_verifier(client_verifier(ca, files.mtls, provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).code(
        ErrorCode::APIInvalidParam,
        format_args!(
            "{} and {} do not fit together",
            files.cert.display(),
            files.key.display()
        ),
    )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn client_verifier(
    ca: &Path,
    mtls: bool,
    provider: Arc<tokio_rustls::rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>> {
    let unusable = || format!("the certificates in {} cannot be used", ca.display());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots
            .add(certificate)
            .code(ErrorCode::APIInvalidParam, unusable())?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = if mtls {
        verifier
    } else {
        verifier.allow_unauthenticated()
    };
    verifier.build().code(ErrorCode::APIInvalidParam, unusable())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let none = || format!("no certificate in {}", file.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .code(ErrorCode::APIInvalidParam, none())?;
    if chain.is_empty() {
        return Err(CdcError::new(ErrorCode::APIInvalidParam, none()));
    }
    Ok(chain)
}
