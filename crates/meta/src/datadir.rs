//! The data directory: made if missing, and held by one server at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

const LOCK_FILE: &str = "tidegate.lock";

/// Creates the directory (private to its owner) and locks it for as long as the returned file is open.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    make_private(dir).code(
        ErrorCode::MetaStore,
        format_args!("cannot create the data directory {}", dir.display()),
    )?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join(LOCK_FILE))
        .code(
            ErrorCode::MetaStore,
            format_args!("cannot write to the data directory {}", dir.display()),
        )?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CdcError::new(
            ErrorCode::DataDirLocked,
            format_args!("the data directory {} is in use by another server", dir.display()),
        )),
        Err(TryLockError::Error(error)) => Err(error).code(
            ErrorCode::MetaStore,
            format_args!("cannot lock the data directory {}", dir.display()),
        ),
    }
}

/// Makes a renamed file durable.
pub(crate) fn sync(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).code(
        ErrorCode::MetaStore,
        format_args!("cannot sync the data directory {}", dir.display()),
    )
}

#[cfg(unix)]
fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)
}
