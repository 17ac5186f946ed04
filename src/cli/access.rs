//! Who may use the server: from flags and file, and again at SIGHUP.

use std::net::SocketAddr;
use std::path::Path;

use tidegate_model::{CdcError, ErrorCode, Result};

use super::file::{self, SecurityFile};
use crate::server::{AccessSettings, Known, Role, RunningServer, ServerConfig, TlsFiles};

/// Requests of one principal in a second where somebody is named, unless set otherwise.
const REQUESTS_PER_SECOND: u32 = 200;

/// The flags that say who may use the server.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessFlags {
    pub(super) mtls: bool,
    pub(super) cert_allowed_cn: Vec<String>,
}

/// Users and tokens are those of the file; the names that are allowed by flag or file are those of admins.
///
/// # Errors
/// `APIInvalidParam` when a name has two roles.
pub(super) fn settings(flags: &AccessFlags, file: &SecurityFile) -> Result<AccessSettings> {
    let users = file.users.iter().map(|user| Known {
        name: user.name.clone(),
        role: user.role,
        hash: user.password_hash.clone(),
    });
    let tokens = file.tokens.iter().map(|token| Known {
        name: token.name.clone(),
        role: token.role,
        hash: token.hash.clone(),
    });
    let allowed = if flags.cert_allowed_cn.is_empty() {
        &file.cert_allowed_cn
    } else {
        &flags.cert_allowed_cn
    };
    let certificate = |name: &String, role| Known {
        name: name.clone(),
        role,
        hash: String::new(),
    };
    let allowed = allowed.iter().map(|name| certificate(name, Role::Admin));
    let listed = file
        .certificates
        .iter()
        .map(|known| certificate(&known.name, known.role));
    let mut access = AccessSettings {
        users: users.collect(),
        tokens: tokens.collect(),
        certificates: allowed.chain(listed).collect(),
        ..AccessSettings::default()
    };
    // Where people are named, a certificate without a name in the settings opens nothing.
    access.trust_ca = (flags.mtls || file.mtls) && access.is_open();
    let usual = if access.is_open() { 0 } else { REQUESTS_PER_SECOND };
    access.requests_per_second = file.requests_per_second.unwrap_or(usual);
    Ok(access)
}

/// Refuses settings that would let everybody in unasked, and those that contradict each other.
///
/// # Errors
/// `APIInvalidParam` saying what to do.
pub(super) fn check(
    access: &AccessSettings,
    addr: SocketAddr,
    tls: Option<&TlsFiles>,
    allow_anonymous: bool,
) -> Result<()> {
    if !access.certificates.is_empty() && tls.is_none_or(|tls| tls.ca.is_none()) {
        return Err(invalid(
            "client certificates need --cert, --key, and --ca that signed them",
        ));
    }
    if allow_anonymous && !access.is_open() {
        return Err(invalid(
            "--allow-anonymous contradicts the users, tokens or certificates that are set: leave one of them out",
        ));
    }
    if !addr.ip().is_loopback() && access.is_open() && !allow_anonymous {
        return Err(invalid(format_args!(
            "refusing to listen on {addr} without authentication: everybody who reaches it could change the \
             replication; use a loopback address, set users, tokens or certificates in [security] of the file, use \
             --mtls, or --allow-anonymous if the network is safe"
        )));
    }
    Ok(())
}

/// Says what is allowed but not wise.
pub(super) fn warn(config: &ServerConfig) {
    let is_far = !config.addr.ip().is_loopback();
    if is_far && config.access.is_open() {
        tracing::warn!(
            "everybody who reaches this server can change the replication: --allow-anonymous is set"
        );
    }
    let has_secrets = !config.access.users.is_empty() || !config.access.tokens.is_empty();
    if is_far && has_secrets && config.tls.is_none() {
        tracing::warn!("passwords and tokens cross the network in clear: set --cert and --key");
    }
}

/// Reads the file again and puts its users, tokens and certificates in force. What is wrong changes nothing, and is
/// told in the log.
pub(super) async fn reload(server: &RunningServer, path: Option<&Path>, flags: &AccessFlags) {
    let file = path.map(file::read).transpose();
    let access = file.and_then(|file| settings(flags, &file.unwrap_or_default().security));
    let result = match access {
        Ok(access) => server.reload(&access).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        tracing::error!(error = %error.wire_message(), "the settings were not reloaded: the old ones stay");
    }
}

fn invalid(message: impl std::fmt::Display) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, message)
}

#[cfg(test)]
mod tests {
    use super::super::file::{CertificateFile, TokenFile};
    use super::*;

    fn far() -> SocketAddr {
        "0.0.0.0:8300".parse().unwrap()
    }

    fn tls(ca: bool) -> TlsFiles {
        TlsFiles {
            cert: "c.pem".into(),
            key: "k.pem".into(),
            ca: ca.then(|| "ca.pem".into()),
            mtls: false,
        }
    }

    fn with_token() -> SecurityFile {
        SecurityFile {
            tokens: vec![TokenFile {
                name: "ci".to_owned(),
                hash: "sha256:x".to_owned(),
                role: Role::Viewer,
            }],
            ..SecurityFile::default()
        }
    }

    #[test]
    fn a_far_address_needs_somebody_to_be_named() {
        let flags = AccessFlags::default();
        let open = settings(&flags, &SecurityFile::default()).unwrap();
        let refused = check(&open, far(), None, false).unwrap_err();
        assert!(refused.message().contains("--allow-anonymous"), "{refused}");
        assert!(check(&open, far(), None, true).is_ok());
        assert!(check(&open, "127.0.0.1:1".parse().unwrap(), None, false).is_ok());
        let named = settings(&flags, &with_token()).unwrap();
        assert!(check(&named, far(), None, false).is_ok());
        let both = check(&named, far(), None, true).unwrap_err();
        assert!(both.message().contains("contradicts"), "{both}");
    }

    #[test]
    fn a_certificate_alone_is_enough_only_where_nobody_is_named() {
        let mtls = AccessFlags {
            mtls: true,
            ..AccessFlags::default()
        };
        assert!(settings(&mtls, &SecurityFile::default()).unwrap().trust_ca);
        assert!(!settings(&mtls, &with_token()).unwrap().trust_ca);
        let file = SecurityFile {
            cert_allowed_cn: vec!["node-1".to_owned()],
            certificates: vec![CertificateFile {
                name: "reader".to_owned(),
                role: Role::Viewer,
            }],
            ..SecurityFile::default()
        };
        let named = settings(&mtls, &file).unwrap();
        let roles: Vec<_> = named
            .certificates
            .iter()
            .map(|known| (known.name.as_str(), known.role))
            .collect();
        assert_eq!(roles, [("node-1", Role::Admin), ("reader", Role::Viewer)]);
        assert!(!named.trust_ca);
        assert!(check(&named, far(), Some(&tls(true)), false).is_ok());
        for missing in [None, Some(tls(false))] {
            assert!(check(&named, far(), missing.as_ref(), false).is_err());
        }
    }
}
