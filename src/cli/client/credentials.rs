//! User and password, or a token, and TLS files: flags, then the environment, then `~/.ticdc/credentials`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use super::config_file::read_bounded;
use super::prompt;

const FILE_BYTES_MAX: u64 = 64 << 10;

/// What a client may present.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Credentials {
    #[serde(rename = "ticdc_user", skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    #[serde(rename = "ticdc_password", skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// Instead of a user.
    #[serde(rename = "tidegate_token", skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    #[serde(rename = "ca_path", skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<PathBuf>,
    #[serde(rename = "cert_path", skip_serializing_if = "Option::is_none")]
    pub(super) cert: Option<PathBuf>,
    #[serde(rename = "key_path", skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<PathBuf>,
}

impl Credentials {
    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("Bearer {token}"));
        }
        let user = self.user.as_ref()?;
        let pair = format!("{user}:{}", self.password.as_deref().unwrap_or_default());
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    /// Whether the connection is to be encrypted by its own rules.
    pub(super) fn has_tls_files(&self) -> bool {
        self.ca.is_some() || self.cert.is_some() || self.key.is_some()
    }

    fn names_somebody(&self) -> bool {
        self.user.is_some() || self.password.is_some() || self.token.is_some()
    }

    /// `self`, and from `other` what it lacks. Who asks (a token, or a user with its password), and the TLS files, come
    /// from one place each.
    fn or(self, other: Credentials) -> Credentials {
        let has_tls_files = self.has_tls_files();
        let (user, password, token) = if self.names_somebody() {
            (self.user, self.password, self.token)
        } else {
            (other.user, other.password, other.token)
        };
        let (ca, cert, key) = if has_tls_files {
            (self.ca, self.cert, self.key)
        } else {
            (other.ca, other.cert, other.key)
        };
        Credentials {
            user,
            password,
            token,
            ca,
            cert,
            key,
        }
    }
}

/// Looks for what the flags did not give. Asks for a password if there is a user without one.
///
/// # Errors
/// `CredentialNotFound` for a password without a user, or for a token beside one; `APIInvalidParam` for a file that
/// cannot be read.
pub(super) fn find(flags: Credentials) -> Result<Credentials> {
    let file = match file_path() {
        Some(path) if path.exists() => read(&path)?,
        _ => Credentials::default(),
    };
    let mut found = flags.or(environment()).or(file);
    if found.token.is_some() && (found.user.is_some() || found.password.is_some()) {
        return Err(CdcError::new(
            ErrorCode::CredentialNotFound,
            "both a token and a user or password were given in one place: give one of them",
        ));
    }
    match (&found.user, &found.password) {
        (None, Some(_)) => Err(CdcError::new(
            ErrorCode::CredentialNotFound,
            "a password was given, but no user",
        )),
        (Some(user), None) => {
            found.password = Some(prompt::secret(&format!("Password of {user}: "))?);
            Ok(found)
        }
        _ => Ok(found),
    }
}

/// Asks for what to keep and writes the file, readable by its owner only.
///
/// # Errors
/// `APIInvalidParam` for an answer that is none of the choices or a file that cannot be written.
pub(super) fn configure() -> Result<()> {
    let path = file_path().ok_or_else(|| {
        CdcError::new(
            ErrorCode::APIInvalidParam,
            "HOME is not set: there is no place for the credentials",
        )
    })?;
    let choice = prompt::line("What to keep: 1 TLS files, 2 user and password, 3 token [1/2/3]: ")?;
    let credentials = match choice.as_str() {
        "1" => Credentials {
            ca: optional("CA certificate: ")?.map(PathBuf::from),
            cert: optional("Client certificate: ")?.map(PathBuf::from),
            key: optional("Client key: ")?.map(PathBuf::from),
            ..Credentials::default()
        },
        "2" => Credentials {
            user: optional("User: ")?,
            password: Some(prompt::secret("Password: ")?),
            ..Credentials::default()
        },
        "3" => Credentials {
            token: Some(prompt::secret("Token: ")?),
            ..Credentials::default()
        },
        other => {
            return Err(CdcError::new(
                ErrorCode::APIInvalidParam,
                format_args!("{other:?} is none of 1, 2 and 3"),
            ));
        }
    };
    write(&path, &credentials)?;
    prompt::say(&format!("Written to {}.", path.display()));
    Ok(())
}

fn optional(question: &str) -> Result<Option<String>> {
    Ok(Some(prompt::line(question)?).filter(|answer| !answer.is_empty()))
}

fn environment() -> Credentials {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Credentials {
        user: variable("TICDC_USER"),
        password: variable("TICDC_PASSWORD"),
        token: variable("TIDEGATE_TOKEN"),
        ca: variable("TICDC_CA_PATH").map(PathBuf::from),
        cert: variable("TICDC_CERT_PATH").map(PathBuf::from),
        key: variable("TICDC_KEY_PATH").map(PathBuf::from),
    }
}

fn file_path() -> Option<PathBuf> {
    std::env::var_os("HOME").map(|home| Path::new(&home).join(".ticdc/credentials"))
}

/// The error names the file, but shows nothing of it: there is a password in it.
fn read(path: &Path) -> Result<Credentials> {
    let broken = || {
        CdcError::new(
            ErrorCode::APIInvalidParam,
            format_args!("{} is not the TOML that is expected", path.display()),
        )
    };
    let bytes = read_bounded(path, FILE_BYTES_MAX)?;
    toml::from_str(std::str::from_utf8(&bytes).map_err(|_| broken())?).map_err(|_| broken())
}

fn write(path: &Path, credentials: &Credentials) -> Result<()> {
    let text =
        toml::to_string(credentials).code(ErrorCode::InternalServerError, "cannot encode the credentials")?;
    let unwritable = || format!("cannot write {}", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).code(ErrorCode::APIInvalidParam, unwritable())?;
    }
    let fresh = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .code(ErrorCode::APIInvalidParam, unwritable())?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&fresh, path))
        .code(ErrorCode::APIInvalidParam, unwritable())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn user(name: &str, password: Option<&str>) -> Credentials {
        Credentials {
            user: Some(name.to_owned()),
            password: password.map(str::to_owned),
            ..Credentials::default()
        }
    }

    #[test]
    fn a_user_never_gets_the_password_of_another_place() {
        let found = user("flag", None).or(user("file", Some("of file")));
        assert_eq!((found.user.as_deref(), found.password), (Some("flag"), None));
        let found = Credentials::default().or(user("file", Some("of file")));
        assert_eq!(found.password.as_deref(), Some("of file"));
    }

    #[test]
    fn the_header_is_that_of_basic_authentication() {
        let header = user("Aladdin", Some("open sesame")).authorization();
        assert_eq!(header.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(Credentials::default().authorization(), None);
        let token = Credentials {
            token: Some("tdg_x".to_owned()),
            ..Credentials::default()
        };
        assert_eq!(token.authorization().as_deref(), Some("Bearer tdg_x"));
        let found = token.or(user("file", Some("of file")));
        assert_eq!((found.user, found.token.as_deref()), (None, Some("tdg_x")));
    }

    #[test]
    fn what_is_written_is_read_again_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".ticdc/credentials");
        let credentials = user("ops", Some("p'w\"d\\ü"));
        write(&path, &credentials).unwrap();
        assert!(read(&path).unwrap() == credentials);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::write(&path, "ticdc_password = 'secret").unwrap();
        let error = read(&path).err().unwrap().wire_message();
        assert!(!error.contains("secret"), "{error}");
    }
}
