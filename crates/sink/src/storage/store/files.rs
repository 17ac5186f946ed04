//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{PathPersistError, TempPath};
use tidegate_model::{CdcError, ErrorCode, Result};

use super::Listing;

/// Suffix of files that are being written; consumers and restarts ignore them.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// A file under its temporary name in the directory it is made for. Dropped unpublished, it is removed.
///
/// A reader, or a machine that loses power, sees the whole file under its own name or none: it is synced, renamed, and
/// its directory synced. Missing directories are made.
pub(super) struct NewFile {
    path: PathBuf,
    temporary: TempPath,
    file: File,
}

impl NewFile {
    /// Begins the file that will be `path`.
    ///
    /// # Errors
    /// `ExternalStorageAPI` with the path and what the system said; so for all methods.
    pub(super) fn begin(path: PathBuf) -> Result<Self> {
        let begun = make_dirs(parent(&path)).and_then(|()| open_temporary(&path));
        match begun {
            Ok((temporary, file)) => Ok(NewFile {
                path,
                temporary,
                file,
            }),
            Err(error) => Err(storage_error("write", &path, error)),
        }
    }

    pub(super) fn append(&mut self, content: &[u8]) -> Result<()> {
        let written = self.file.write_all(content);
        written.map_err(|error| storage_error("write", &self.path, error))
    }

    /// Publishes it. A file of the same name that is there stays as it is, and is an error.
    pub(super) fn create(self) -> Result<()> {
        self.publish(TempPath::persist_noclobber)
    }

    /// Publishes it in the place of a file of the same name.
    pub(super) fn replace(self) -> Result<()> {
        self.publish(TempPath::persist)
    }

    fn publish(self, persist: impl FnOnce(TempPath, PathBuf) -> Result<(), PathPersistError>) -> Result<()> {
        let (path, temporary) = (self.path, self.temporary);
        let synced = self.file.sync_all();
        let published = synced
            .and_then(|()| persist(temporary, path.clone()).map_err(|failed| failed.error))
            .and_then(|()| sync_dir(parent(&path)));
        published.map_err(|error| storage_error("write", &path, error))
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn open_temporary(path: &Path) -> io::Result<(TempPath, File)> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    let temporary = PathBuf::from(temporary);
    // A crash may have left one. It is not written over: it might share its content with the file itself.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let file = File::create_new(&temporary)?;
    Ok((TempPath::try_from_path(temporary)?, file))
}

/// The content of a small file; `None` when there is none.
///
/// # Errors
/// `ExternalStorageAPI` when it exists but cannot be read.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(storage_error("read", path, error)),
    }
}

/// What is in a directory; nothing when it does not exist.
///
/// # Errors
/// `ExternalStorageAPI` when it cannot be listed.
pub(super) fn list(dir: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    let read = |listing: &mut Listing| -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                listing.dirs.push(name);
            } else {
                listing.files.push(name);
            }
        }
        Ok(())
    };
    match read(&mut listing) {
        Ok(()) => Ok(listing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Listing::default()),
        Err(error) => Err(storage_error("list", dir, error)),
    }
}

/// Whether a file holds anything. An empty one, as a crashed file system may leave it, is removed.
///
/// # Errors
/// `ExternalStorageAPI` when it cannot be looked at or removed.
pub(super) fn has_content(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > 0 => Ok(true),
        Ok(_) => {
            fs::remove_file(path).map_err(|error| storage_error("remove", path, error))?;
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(storage_error("read", path, error)),
    }
}

/// Makes the root if it is missing, proves that it can be written to, and leaves nothing behind. Answers its real
/// path, without symbolic links.
///
/// # Errors
/// `ExternalStorageAPI` naming the path.
pub(super) fn probe(root: &Path) -> Result<PathBuf> {
    let probed = make_dirs(root).and_then(|()| {
        // A name of its own each time: a check may run beside the sink it checks.
        let mut file = tempfile::Builder::new()
            .prefix(".tidegate-probe-")
            .tempfile_in(root)?;
        file.write_all(b"probe")?;
        file.as_file().sync_all()?;
        file.close()?;
        fs::canonicalize(root)
    });
    probed.map_err(|error| storage_error("write", root, error))
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

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub(super) fn storage_error(verb: &str, path: &Path, error: io::Error) -> CdcError {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": the disk is full, free some space",
        io::ErrorKind::PermissionDenied => ": the server's user may not, change the permissions",
        io::ErrorKind::AlreadyExists => ": it is there already, so somebody else writes to this directory",
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

    fn names_in(dir: &Path) -> Result<Vec<String>> {
        list(dir).map(|listing| listing.files)
    }

    fn replace(path: &Path, content: &[u8]) -> Result<()> {
        let mut file = NewFile::begin(path.to_owned())?;
        file.append(content)?;
        file.replace()
    }

    fn create(path: &Path, content: &[u8]) -> Result<()> {
        let mut file = NewFile::begin(path.to_owned())?;
        file.append(content)?;
        file.create()
    }

    #[test]
    fn a_file_appears_whole_and_replaces_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"two");
        assert_eq!(names_in(path.parent().unwrap()).unwrap(), ["file"]);
    }

    #[test]
    fn a_file_that_is_there_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(dir.path().join("file.tmp"), b"left by a crash").unwrap();
        create(&path, b"one").unwrap();
        let error = create(&path, b"two").unwrap_err();
        assert_eq!(error.code(), ErrorCode::ExternalStorageAPI);
        assert!(error.message().contains("somebody else"), "{error}");
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"one");
        assert_eq!(names_in(dir.path()).unwrap(), ["file"]);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = NewFile::begin(dir.path().join("file")).unwrap();
        file.append(b"half").unwrap();
        drop(file);
        assert!(names_in(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn an_empty_file_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(!has_content(&path).unwrap());
        std::fs::write(&path, b"").unwrap();
        assert!(!has_content(&path).unwrap());
        create(&path, b"one").unwrap();
        assert!(has_content(&path).unwrap());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), b"").unwrap();
        let error = replace(&dir.path().join("file/below"), b"x").unwrap_err();
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
