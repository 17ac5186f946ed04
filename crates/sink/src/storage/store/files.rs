//! Files that appear whole or not at all.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_model::{CdcError, ErrorCode, Result};
use uuid::Uuid;

use super::Listing;
use super::disk::{Disk, DiskFile};

/// Suffix of files that are being written; consumers and restarts ignore them.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// A directory below which files are written, with all that is above each of them.
pub(super) struct Tree {
    pub(super) disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Directories that would survive a power cut, as far as this run has seen to it. One that is there may be left by a
    /// run that died before it could.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Tree {
    /// `root` is there and durable.
    pub(super) fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Tree {
            disk,
            durable: Mutex::new(HashSet::from([root.clone()])),
            root,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Makes a directory and those above it, if they are missing, and all of them durable.
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        let known = self
            .durable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(dir);
        let there = self.disk.is_dir(dir);
        if known && there {
            return Ok(());
        }
        let above = parent(dir);
        self.make_dir(above)?;
        if !there {
            create_dir(&*self.disk, dir)?;
        }
        self.disk.sync_dir(above)?;
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        durable.insert(dir.to_owned());
        Ok(())
    }
}

/// Another thread may make it too.
fn create_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    match disk.create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && disk.is_dir(dir) => Ok(()),
        made => made,
    }
}

/// A file under its temporary name in the directory it is made for. Dropped unpublished, it is removed.
///
/// A reader, or a machine that loses power, sees the whole file under its own name or none: it is synced, renamed, and
/// its directory synced. Missing directories are made.
pub(super) struct NewFile {
    path: PathBuf,
    temporary: Temporary,
    file: Box<dyn DiskFile>,
}

/// A temporary name, which is removed when it is dropped.
struct Temporary {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After it was published there is nothing to remove. What cannot be removed is removed by the next try.
        drop(self.disk.remove_file(&self.path));
    }
}

impl NewFile {
    /// Begins the file that will be `path`.
    ///
    /// # Errors
    /// `ExternalStorageAPI` with the path and what the system said; so for all methods.
    pub(super) fn begin(tree: &Tree, path: PathBuf) -> Result<Self> {
        let begun = tree
            .make_dir(parent(&path))
            .and_then(|()| open_temporary(&tree.disk, &path));
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
        let written = self.file.append(content);
        written.map_err(|error| storage_error("write", &self.path, error))
    }

    /// Publishes it. A file of the same name that is there stays as it is, and is an error.
    pub(super) fn create(self) -> Result<()> {
        self.publish(|disk, from, to| disk.rename_new(from, to))
    }

    /// Publishes it in the place of a file of the same name.
    pub(super) fn replace(self) -> Result<()> {
        self.publish(|disk, from, to| disk.rename(from, to))
    }

    fn publish(mut self, rename: impl FnOnce(&dyn Disk, &Path, &Path) -> io::Result<()>) -> Result<()> {
        let Temporary {
            disk,
            path: temporary,
        } = &self.temporary;
        let synced = self.file.sync();
        let published = synced
            .and_then(|()| rename(&**disk, temporary, &self.path))
            .and_then(|()| disk.sync_dir(parent(&self.path)));
        published.map_err(|error| storage_error("write", &self.path, error))
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn open_temporary(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<(Temporary, Box<dyn DiskFile>)> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    let path = PathBuf::from(temporary);
    // A crash may have left one. It is not written over: it might share its content with the file itself.
    if let Err(error) = disk.remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let file = disk.create_new(&path)?;
    let disk = Arc::clone(disk);
    Ok((Temporary { disk, path }, file))
}

/// The content of a small file; `None` when there is none.
///
/// # Errors
/// `ExternalStorageAPI` when it exists but cannot be read.
pub(super) fn read_if_there(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>> {
    match disk.read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(storage_error("read", path, error)),
    }
}

/// What is in a directory; nothing when it does not exist.
///
/// # Errors
/// `ExternalStorageAPI` when it cannot be listed.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Listing> {
    let entries = match disk.list(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listing::default()),
        Err(error) => return Err(storage_error("list", dir, error)),
    };
    let mut listing = Listing::default();
    for (name, is_dir) in entries {
        if is_dir {
            listing.dirs.push(name);
        } else {
            listing.files.push(name);
        }
    }
    Ok(listing)
}

/// Whether a file holds anything. An empty one, as a crashed file system may leave it, is removed.
///
/// # Errors
/// `ExternalStorageAPI` when it cannot be looked at or removed.
pub(super) fn has_content(disk: &dyn Disk, path: &Path) -> Result<bool> {
    match disk.size(path) {
        Ok(size) if size > 0 => Ok(true),
        Ok(_) => {
            disk.remove_file(path)
                .map_err(|error| storage_error("remove", path, error))?;
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
pub(super) fn probe(disk: &Arc<dyn Disk>, root: &Path) -> Result<PathBuf> {
    let probed = make_root(&**disk, root).and_then(|()| {
        // A name of its own each time: a check may run beside the sink it checks.
        let path = root.join(format!(".tidegate-probe-{}", Uuid::new_v4().simple()));
        let mut file = disk.create_new(&path)?;
        let temporary = Temporary {
            disk: Arc::clone(disk),
            path,
        };
        file.append(b"probe")?;
        file.sync()?;
        disk.remove_file(&temporary.path)?;
        disk.real_path(root)
    });
    probed.map_err(|error| storage_error("write", root, error))
}

/// Makes the root and what is missing above it, durably, from the top: so only the deepest one that is there may be left
/// by a run that died before it was durable.
fn make_root(disk: &dyn Disk, root: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = root.ancestors().take_while(|path| !disk.is_dir(path)).collect();
    let deepest = root.ancestors().nth(missing.len());
    if let Some(above) = deepest.and_then(Path::parent) {
        match disk.sync_dir(above) {
            // Then it was not made by us.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    for dir in missing.iter().rev() {
        create_dir(disk, dir)?;
        disk.sync_dir(parent(dir))?;
    }
    Ok(())
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
    use super::super::disk::RealDisk;
    use super::*;

    fn real() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    fn tree(root: &Path) -> Tree {
        Tree::new(real(), root.to_owned())
    }

    fn begin(path: &Path) -> Result<NewFile> {
        // Tests use directories of the file's own or the one above.
        NewFile::begin(&tree(root_of(path)), path.to_owned())
    }

    fn root_of(path: &Path) -> &Path {
        path.ancestors().skip(1).find(|above| above.is_dir()).unwrap()
    }

    fn names_in(dir: &Path) -> Result<Vec<String>> {
        list(&RealDisk, dir).map(|listing| listing.files)
    }

    fn replace(path: &Path, content: &[u8]) -> Result<()> {
        let mut file = begin(path)?;
        file.append(content)?;
        file.replace()
    }

    fn create(path: &Path, content: &[u8]) -> Result<()> {
        let mut file = begin(path)?;
        file.append(content)?;
        file.create()
    }

    #[test]
    fn a_file_appears_whole_and_replaces_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read_if_there(&RealDisk, &path).unwrap().unwrap(), b"two");
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
        assert_eq!(read_if_there(&RealDisk, &path).unwrap().unwrap(), b"one");
        assert_eq!(names_in(dir.path()).unwrap(), ["file"]);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = begin(&dir.path().join("file")).unwrap();
        file.append(b"half").unwrap();
        drop(file);
        assert!(names_in(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn an_empty_file_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(!has_content(&RealDisk, &path).unwrap());
        std::fs::write(&path, b"").unwrap();
        assert!(!has_content(&RealDisk, &path).unwrap());
        create(&path, b"one").unwrap();
        assert!(has_content(&RealDisk, &path).unwrap());
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
        probe(&real(), &dir.path().join("new")).unwrap();
        assert!(names_in(&dir.path().join("new")).unwrap().is_empty());
    }
}
