//! The TOML file of `tidegate server --config`: the flags under the same names. A flag on the command line wins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::server::Role;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a file may set. An unknown name is an error.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ServerFile {
    pub(super) upstream_uri: Option<String>,
    pub(super) addr: Option<SocketAddr>,
    pub(super) advertise_addr: Option<String>,
    pub(super) allowed_host: Vec<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) log_level: Option<String>,
    pub(super) log_format: Option<super::server::LogForm>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) tz: Option<String>,
    pub(super) cluster_id: Option<String>,
    pub(super) server_id: Option<u32>,
    pub(super) drain_timeout: Option<u64>,
    pub(super) allow_anonymous: bool,
    pub(super) read_only: bool,
    pub(super) encryption_key_file: Option<PathBuf>,
    pub(super) security: SecurityFile,
}

/// `[security]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SecurityFile {
    pub(super) ca_path: Option<PathBuf>,
    pub(super) cert_path: Option<PathBuf>,
    pub(super) key_path: Option<PathBuf>,
    pub(super) mtls: bool,
    pub(super) cert_allowed_cn: Vec<String>,
    pub(super) users: Vec<UserFile>,
    pub(super) tokens: Vec<TokenFile>,
    pub(super) certificates: Vec<CertificateFile>,
    pub(super) requests_per_second: Option<u32>,
}

/// `[[security.users]]`
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct UserFile {
    pub(super) name: String,
    pub(super) password_hash: String,
    pub(super) role: Role,
}

/// `[[security.tokens]]`
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TokenFile {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) role: Role,
}

/// `[[security.certificates]]`
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CertificateFile {
    pub(super) name: String,
    pub(super) role: Role,
}

/// Reads the file.
///
/// # Errors
/// `APIInvalidParam` with the place and the name that is not known.
pub(super) fn read(path: &Path) -> Result<ServerFile> {
    let unreadable = || format!("cannot read {}", path.display());
    let size = std::fs::metadata(path)
        .code(ErrorCode::APIInvalidParam, unreadable())?
        .len();
    if size > FILE_BYTES_MAX {
        let text = format!("{}: larger than {FILE_BYTES_MAX} bytes", unreadable());
        return Err(CdcError::new(ErrorCode::APIInvalidParam, text));
    }
    let text = std::fs::read_to_string(path).code(ErrorCode::APIInvalidParam, unreadable())?;
    parse(&text).map_err(|why| {
        CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!("{}: {why}", path.display()),
        )
    })
}

/// The error has the line, but not its text: there may be a password in it.
fn parse(text: &str) -> std::result::Result<ServerFile, String> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        format!("line {line}: {}", error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_flags_and_of_the_original() {
        let file = parse(
            "upstream-uri = 'mysql://u:p@h/'\naddr = '127.0.0.1:8301'\nlog-format = 'json'\nserver-id = 7\n\
             allowed-host = ['cdc.example', 'cdc']\n[security]\ncert-path = 'c.pem'\nmtls = true\n",
        )
        .unwrap();
        assert_eq!(file.addr, Some("127.0.0.1:8301".parse().unwrap()));
        assert_eq!((file.server_id, file.security.mtls), (Some(7), true));
        assert_eq!(file.allowed_host, ["cdc.example", "cdc"]);
        assert_eq!(file.security.cert_path.as_deref(), Some(Path::new("c.pem")));
        assert_eq!(parse("").unwrap(), ServerFile::default());
    }

    #[test]
    fn users_tokens_and_certificates_have_a_role_each() {
        let file = parse(
            "[security]\ncert-allowed-cn = ['node-1']\n[[security.users]]\nname = 'alice'\npassword-hash = 'h'\n\
             role = 'operator'\n[[security.tokens]]\nname = 'ci'\nhash = 'h'\nrole = 'metrics'\n\
             [[security.certificates]]\nname = 'node-2'\nrole = 'viewer'\n",
        )
        .unwrap();
        assert_eq!(file.security.users[0].role, Role::Operator);
        assert_eq!(file.security.tokens[0].role, Role::Metrics);
        assert_eq!(file.security.certificates[0].role, Role::Viewer);
        let odd = parse("[[security.users]]\nname = 'a'\npassword-hash = 'plain-secret'\nrole = 'root'\n")
            .unwrap_err();
        assert!(odd.contains("root") && !odd.contains("plain-secret"), "{odd}");
    }

    #[test]
    fn faults_name_the_line_and_the_key_but_no_value() {
        let unknown = parse("tz = 'UTC'\ngc-ttl = 86400\n").unwrap_err();
        assert!(unknown.starts_with("line 2: unknown field `gc-ttl`"), "{unknown}");
        let broken = parse("upstream-uri = 'mysql://u:secret@h/\n").unwrap_err();
        assert!(!broken.contains("secret"), "{broken}");
    }
}
