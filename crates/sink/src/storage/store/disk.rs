//! What a directory of files asks of the file system. A simulation brings one that dies and forgets.

#![cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "simulations are given these")
)]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{PathPersistError, TempPath};

/// A file system. Nothing but synced content, in a directory that was synced since, survives a power cut.
///
/// Errors are those of the system.
pub trait Disk: Send + Sync + 'static {
    /// Whether `path` is a directory.
    fn is_dir(&self, path: &Path) -> bool;
    /// Makes a directory. One that is there is an error.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes a file that must not be there yet.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name in its directory, unless there is one of that name: then the file is removed.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file another name in its directory, in the place of one that bears it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Bytes in a file.
    fn size(&self, path: &Path) -> io::Result<u64>;
    /// Names in a directory, and whether each is one itself.
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, bool)>>;
    /// The path without symbolic links.
    fn real_path(&self, path: &Path) -> io::Result<PathBuf>;
}

/// A file that is being written.
pub trait DiskFile: Send {
    /// Adds bytes at the end.
    fn append(&mut self, content: &[u8]) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// The file system of this machine.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create_new(path)?))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        persist(from, to, TempPath::persist_noclobber)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        persist(from, to, TempPath::persist)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, bool)>> {
        fs::read_dir(dir)?
            .map(|entry| {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                Ok((name, entry.file_type()?.is_dir()))
            })
            .collect()
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }
}

fn persist(
    from: &Path,
    to: &Path,
    publish: impl FnOnce(TempPath, PathBuf) -> Result<(), PathPersistError>,
) -> io::Result<()> {
    let from = TempPath::try_from_path(from)?;
    publish(from, to.to_owned()).map_err(|failed| failed.error)
}

impl DiskFile for File {
    fn append(&mut self, content: &[u8]) -> io::Result<()> {
        self.write_all(content)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
