//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

/// Suffix of files that are being written; consumers and restarts ignore them.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Writes `content` to `path` so that a reader, or a machine that loses power, sees the old state or the whole new
/// file: temporary name in the same directory, fsync, rename, fsync of the directory. Missing directories are made.
///
/// # Errors
/// `ExternalStorageAPI` with the path and what the system said.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    let temporary = PathBuf::from(temporary);
    let written = make_dirs(dir)
        .and_then(|()| write_synced(&temporary, content))
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_dir(dir));
    written.map_err(|error| {
        // The half-written file has no use; that removing it fails too is no news.
        drop(fs::remove_file(&temporary));
        storage_error("write", path, error)
    })
}

/// The content of a small file; `None` when there is none.
///
/// # Errors
/// `ExternalStorageAPI` when it exists but cannot be read.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(storage_error("read", path, error)),
    }
}

/// Names of the files in a directory; none when it does not exist.
///
/// # Errors
/// `ExternalStorageAPI` when it cannot be listed.
pub(crate) fn names_in(dir: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(storage_error("list", dir, error)),
    };
    let names: io::Result<Vec<_>> = entries
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect();
    names.code(
        ErrorCode::ExternalStorageAPI,
        format_args!("cannot list {}", dir.display()),
    )
}

/// Whether a file exists and holds anything.
pub(crate) fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

/// Proves that the root can be written to, and leaves nothing behind.
///
/// # Errors
/// `ExternalStorageAPI` naming the path.
pub(crate) fn probe(root: &Path) -> Result<()> {
    let path = root.join(".tidegate-probe");
    write_whole(&path, b"probe")?;
    fs::remove_file(&path).map_err(|error| storage_error("remove", &path, error))
}

fn make_dirs(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.is_dir()).collect();
    fs::create_dir_all(dir)?;
    // Directories made just now must survive a power cut too: each is an entry of the one above it.
    missing
        .into_iter()
        .filter_map(Path::parent)
        .try_for_each(sync_dir)
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn storage_error(verb: &str, path: &Path, error: io::Error) -> CdcError {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": the disk is full, free some space",
        io::ErrorKind::PermissionDenied => ": the server's user may not, change the permissions",
        io::ErrorKind::ReadOnlyFilesystem => ": the file system is read-only",
        _ => "",
    };
    CdcError::new(
        ErrorCode::ExternalStorageAPI,
        format_args!("cannot {verb} {}{hint}", path.display()),
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_replaces_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"two");
        assert_eq!(names_in(path.parent().unwrap()).unwrap(), ["file"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), b"").unwrap();
        let error = write_whole(&dir.path().join("file/below"), b"x").unwrap_err();
        assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
        assert!(error.message().contains("file/below"), "{error}");
    }

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        probe(&dir.path().join("new")).unwrap();
        assert!(names_in(&dir.path().join("new")).unwrap().is_empty());
    }
}
