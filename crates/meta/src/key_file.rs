//! The key that a data directory has of its own, made when the operator gives none.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::datadir;
use crate::seal::Keyring;

/// Name of the file in the data directory.
const FILE: &str = "encryption.key";
const NEW_FILE: &str = "encryption.key.new";
/// Largest key file that is read.
const FILE_BYTES_MAX: u64 = 64 << 10;

impl Keyring {
    /// Reads a file of keys. The file must not be readable by everybody.
    ///
    /// # Errors
    /// `EncryptionKey` naming the file.
    pub fn read(path: &Path) -> Result<Keyring> {
        let fault = || format!("cannot use the encryption keys of {}", path.display());
        let mut file = File::open(path).code(ErrorCode::EncryptionKey, fault())?;
        let about = file.metadata().code(ErrorCode::EncryptionKey, fault())?;
        if is_open_to_all(&about) {
            return Err(CdcError::new(
                ErrorCode::EncryptionKey,
                format_args!("{}: everybody on this machine can read it (chmod 600)", fault()),
            ));
        }
        let mut text = String::new();
        let limited = (&mut file).take(FILE_BYTES_MAX).read_to_string(&mut text);
        limited.code(ErrorCode::EncryptionKey, fault())?;
        Keyring::parse(&text).map_err(|error| {
            CdcError::new(
                ErrorCode::EncryptionKey,
                format_args!("{}: {}", fault(), error.message()),
            )
        })
    }
}

/// The directory's own key; `None` if it has none.
pub(crate) fn read_own(dir: &Path) -> Result<Option<Keyring>> {
    let path = dir.join(FILE);
    match path.try_exists() {
        Ok(false) => Ok(None),
        _ => Keyring::read(&path).map(Some),
    }
}

/// Makes a key for the directory, durable before anything is sealed with it.
pub(crate) fn make_own(dir: &Path) -> Result<Keyring> {
    let fault = || format!("cannot make an encryption key in {}", dir.display());
    let (path, new) = (dir.join(FILE), dir.join(NEW_FILE));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).code(ErrorCode::EncryptionKey, fault());
        }
        _ => {}
    }
    let text = Keyring::generate()?;
    let written = private_file(&new).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    written.code(ErrorCode::EncryptionKey, fault())?;
    std::fs::rename(&new, &path).code(ErrorCode::EncryptionKey, fault())?;
    datadir::sync(dir)?;
    tracing::info!(file = %path.display(), "made the key that secrets in the data directory are encrypted with");
    Keyring::parse(&text)
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn is_open_to_all(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o007 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_: &std::fs::Metadata) -> bool {
    false
}
