//! A disk with a process on it that dies, and a machine that loses power.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_sink::storage_simulation::{Disk, DiskFile};

use super::{FileSabotage, FileWatch, Files};
use crate::faults::Faults;

/// Writes that fail once a disk is full.
const FULL_WRITES: u64 = 4;

/// The content of a file.
#[derive(Clone, Debug, Default)]
struct Inode {
    content: Vec<u8>,
    /// Bytes that survive a power cut.
    synced: usize,
}

impl Inode {
    fn durable(&self) -> Arc<[u8]> {
        self.content[..self.synced].into()
    }
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Node {
    Dir,
    File(usize),
}

/// What was done to the names of a directory. One that is not synced may be lost, together with all after it.
#[derive(Clone, Debug)]
enum Change {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

#[derive(Default)]
struct Content {
    inodes: Vec<Inode>,
    /// As programs see them.
    names: BTreeMap<PathBuf, Node>,
    /// As they are after a power cut.
    durable: BTreeMap<PathBuf, Node>,
    /// By directory, oldest first.
    pending: BTreeMap<PathBuf, Vec<Change>>,
    /// So many writes fail.
    full_writes: u64,
}

/// A [`Disk`] in memory. Handles made by [`SimDisk::reopen`] share the content, as a restarted process would.
pub struct SimDisk {
    root: PathBuf,
    content: Arc<Mutex<Content>>,
    watch: Arc<FileWatch>,
    faults: Arc<Faults>,
    sabotage: Option<FileSabotage>,
}

struct SimFile {
    inode: usize,
    content: Arc<Mutex<Content>>,
    faults: Arc<Faults>,
    sabotage: Option<FileSabotage>,
}

impl SimDisk {
    /// An empty disk. What appears below `root` is told to `watch`.
    pub fn new(
        root: &Path,
        watch: Arc<FileWatch>,
        faults: Arc<Faults>,
        sabotage: Option<FileSabotage>,
    ) -> Self {
        SimDisk {
            root: root.to_owned(),
            content: Arc::default(),
            watch,
            faults,
            sabotage,
        }
    }

    /// The same disk as a new process sees it.
    #[must_use]
    pub fn reopen(&self, faults: Arc<Faults>) -> Self {
        SimDisk {
            root: self.root.clone(),
            content: Arc::clone(&self.content),
            watch: Arc::clone(&self.watch),
            faults,
            sabotage: self.sabotage,
        }
    }

    /// What is below the root after a power cut.
    pub fn durable(&self) -> Files {
        lock(&self.content).durable_files(&self.root)
    }

    /// The machine loses power: of what was not synced, some is there and some is not.
    pub fn cut_power(&self, dice: &Faults) {
        let mut content = lock(&self.content);
        let pending = std::mem::take(&mut content.pending);
        for changes in pending.into_values() {
            let kept = dice.below(changes.len() as u64 + 1);
            for change in changes
                .into_iter()
                .take(usize::try_from(kept).unwrap_or(usize::MAX))
            {
                change.apply(&mut content.durable);
            }
        }
        content.names = content.reachable();
        content.durable = content.names.clone();
        for inode in &mut content.inodes {
            let unsynced = inode.content.len() - inode.synced;
            let kept = dice.below(unsynced as u64 + 1);
            inode
                .content
                .truncate(inode.synced + usize::try_from(kept).unwrap_or(0));
            inode.synced = inode.content.len();
        }
    }

    /// Counts an effect. `Err`: the process is dead, or the disk fails.
    fn effect(&self) -> io::Result<()> {
        self.faults.effect_in_place(dead)?;
        if self.faults.happens(self.faults.plan().sink_error / 12) {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn change(&self, dir: &Path, change: Change) {
        let mut content = lock(&self.content);
        change.clone().apply(&mut content.names);
        content.pending.entry(dir.to_owned()).or_default().push(change);
    }

    /// Reads `path` of the root as the watch knows it.
    fn name(&self, path: &Path) -> Option<String> {
        let path = path.strip_prefix(&self.root).ok()?;
        Some(path.to_string_lossy().into_owned())
    }

    /// What a file holds after a power cut.
    fn durable_file(&self, path: &Path) -> Option<Arc<[u8]>> {
        let content = lock(&self.content);
        match content.durable.get(path) {
            Some(Node::File(inode)) if content.is_reachable(path) => Some(content.inodes[*inode].durable()),
            _ => None,
        }
    }

    /// Tells of the files that `dir` has had durably since now.
    fn tell(&self, appeared: &BTreeSet<PathBuf>) {
        for path in appeared {
            let Some(name) = self.name(path) else { continue };
            if let Some(content) = self.durable_file(path) {
                let index = |name: &str| self.durable_file(&self.root.join(name));
                self.watch.written(&name, &content, index, || self.durable());
            }
        }
    }
}

impl Change {
    fn apply(self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Change::Put(path, node) => drop(names.insert(path, node)),
            Change::Remove(path) => drop(names.remove(&path)),
            Change::Rename(from, to) => {
                if let Some(node) = names.remove(&from) {
                    names.insert(to, node);
                }
            }
        }
    }

    /// The file that has a name by it.
    fn named(&self) -> Option<&PathBuf> {
        match self {
            Change::Put(path, Node::File(_)) | Change::Rename(_, path) => Some(path),
            _ => None,
        }
    }
}

impl Content {
    /// What is named durably, in directories that are.
    fn reachable(&self) -> BTreeMap<PathBuf, Node> {
        let durable = self.durable.iter().filter(|(path, _)| self.is_reachable(path));
        durable.map(|(path, node)| (path.clone(), *node)).collect()
    }

    fn is_reachable(&self, path: &Path) -> bool {
        let mut above = path.ancestors().skip(1);
        above.all(|above| above.parent().is_none() || self.durable.get(above) == Some(&Node::Dir))
    }

    fn durable_files(&self, root: &Path) -> Files {
        let file = |(path, node): (PathBuf, Node)| {
            let Node::File(inode) = node else { return None };
            let name = path.strip_prefix(root).ok()?.to_string_lossy().into_owned();
            Some((name, self.inodes[inode].durable()))
        };
        self.reachable().into_iter().filter_map(file).collect()
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        if path.parent().is_none() {
            return Ok(Node::Dir);
        }
        self.names.get(path).copied().ok_or_else(not_found)
    }

    fn file(&self, path: &Path) -> io::Result<&Inode> {
        match self.node(path)? {
            Node::File(inode) => Ok(&self.inodes[inode]),
            Node::Dir => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}

fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

impl Disk for SimDisk {
    fn is_dir(&self, path: &Path) -> bool {
        lock(&self.content).node(path).is_ok_and(|node| node == Node::Dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.effect()?;
        if !self.is_dir(parent(dir)) {
            return Err(not_found());
        }
        if lock(&self.content).node(dir).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(parent(dir), Change::Put(dir.to_owned(), Node::Dir));
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.effect()?;
        if !self.is_dir(parent(path)) {
            return Err(not_found());
        }
        let inode = {
            let mut content = lock(&self.content);
            if content.node(path).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            content.inodes.push(Inode::default());
            content.inodes.len() - 1
        };
        self.change(parent(path), Change::Put(path.to_owned(), Node::File(inode)));
        Ok(Box::new(SimFile {
            inode,
            content: Arc::clone(&self.content),
            faults: Arc::clone(&self.faults),
            sabotage: self.sabotage,
        }))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let is_there = lock(&self.content).node(to).is_ok();
        if is_there && self.sabotage != Some(FileSabotage::WritesOver) {
            self.remove_file(from)?;
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.effect()?;
        lock(&self.content).node(from)?;
        if self.sabotage == Some(FileSabotage::NoIndex) && to.ends_with("meta/CDC.index") {
            self.change(parent(to), Change::Remove(from.to_owned()));
            return Ok(());
        }
        self.change(parent(to), Change::Rename(from.to_owned(), to.to_owned()));
        if self.faults.happens(self.faults.plan().answer_lost / 4) {
            return Err(io::Error::other("input/output error, after the fact"));
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.effect()?;
        lock(&self.content).file(path)?;
        self.change(parent(path), Change::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.effect()?;
        if lock(&self.content)
            .names
            .keys()
            .any(|path| path.parent() == Some(dir))
        {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(parent(dir), Change::Remove(dir.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.effect()?;
        if self.sabotage == Some(FileSabotage::NoDirSync) {
            return Ok(());
        }
        let mut appeared = BTreeSet::new();
        {
            let mut content = lock(&self.content);
            for change in content.pending.remove(dir).unwrap_or_default() {
                appeared.extend(change.named().cloned());
                change.apply(&mut content.durable);
            }
        }
        self.tell(&appeared);
        Ok(())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.effect()?;
        if self.sabotage == Some(FileSabotage::WritesOver) && path.ends_with("meta/CDC.index") {
            return Err(not_found());
        }
        Ok(lock(&self.content).file(path)?.content.clone())
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        self.effect()?;
        Ok(lock(&self.content).file(path)?.content.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, bool)>> {
        self.effect()?;
        let content = lock(&self.content);
        if content.node(dir)? != Node::Dir {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let below = content
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir));
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(below
            .filter_map(|(path, node)| Some((name(path)?, *node == Node::Dir)))
            .collect())
    }

    fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
}

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let part = usize::try_from(self.faults.below(bytes.len() as u64 + 1)).unwrap_or(0);
        let alive = self.faults.effect_in_place(dead);
        let mut content = lock(&self.content);
        if alive.is_ok() && content.full_writes == 0 && self.faults.happens(self.faults.plan().sink_error / 8)
        {
            self.faults.trace(|| "the disk of the files is full".to_owned());
            content.full_writes = 1 + self.faults.below(FULL_WRITES);
        }
        let full = content.full_writes > 0;
        content.full_writes = content.full_writes.saturating_sub(1);
        let inode = &mut content.inodes[self.inode];
        if full || alive.is_err() {
            // Torn: what fits, or what was on its way.
            inode.content.extend_from_slice(&bytes[..part]);
            return alive.and(Err(io::ErrorKind::StorageFull.into()));
        }
        inode.content.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.effect_in_place(dead)?;
        if self.sabotage != Some(FileSabotage::NoFileSync) {
            let mut content = lock(&self.content);
            let inode = &mut content.inodes[self.inode];
            inode.synced = inode.content.len();
        }
        Ok(())
    }
}
