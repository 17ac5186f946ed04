//! The activity on disk: one JSON object a line, appended and synced, in files of bounded size and number.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tidegate_api::{ActivityEntry, ActivityPage};

/// A file is closed before it grows beyond this.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files that are kept; the oldest goes first.
const FILES_MAX: usize = 8;
const PREFIX: &str = "activity-";
const SUFFIX: &str = ".jsonl";
/// What an entry says that is not over yet.
pub(crate) const BEGUN: &str = "begun";

/// The files of one directory, open for appending.
#[derive(Debug)]
pub(crate) struct ActivityFile {
    dir: PathBuf,
    file: File,
    /// Bytes of whole lines; what is behind them is cut off before the next line.
    len: u64,
    next_id: u64,
}

impl ActivityFile {
    /// Opens the newest file, making the directory and a first file where there are none. What a crash left of a line
    /// is cut off.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn open(dir: &Path) -> io::Result<ActivityFile> {
        make_private(dir)?;
        let Some((first_id, path)) = files(dir)?.pop() else {
            let file = create(dir, 1)?;
            return Ok(ActivityFile {
                dir: dir.to_owned(),
                file,
                len: 0,
                next_id: 1,
            });
        };
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let len = text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        if len < text.len() {
            file.set_len(len as u64)?;
            file.sync_all()?;
        }
        let ids = parse(&text[..len]).map(|entry| entry.id + 1);
        Ok(ActivityFile {
            dir: dir.to_owned(),
            file,
            len: len as u64,
            next_id: ids.max().unwrap_or_default().max(first_id),
        })
    }

    /// Appends an entry, gives it an id if it has none, and syncs. Answers the id.
    ///
    /// # Errors
    /// Those of the disk; nothing was appended then.
    pub(crate) fn append(&mut self, entry: &mut ActivityEntry) -> io::Result<u64> {
        if entry.id == 0 {
            entry.id = self.next_id;
        }
        let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
        line.push(b'\n');
        if self.len > 0 && self.len + line.len() as u64 > FILE_BYTES_MAX {
            self.rotate()?;
        }
        // A line that could be written in part only must not stay before the next one.
        self.file.set_len(self.len)?;
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.len += line.len() as u64;
        self.next_id = self.next_id.max(entry.id + 1);
        Ok(entry.id)
    }

    /// From now on every write finds the disk full.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        self.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = create(&self.dir, self.next_id)?;
        self.len = 0;
        let mut files = files(&self.dir)?;
        files.truncate(files.len().saturating_sub(FILES_MAX));
        for (_, old) in files {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

/// At most `limit` entries that `wanted` selects with ids below `cursor`, newest first.
///
/// # Errors
/// Those of the disk.
pub(crate) fn read(
    dir: &Path,
    cursor: u64,
    limit: usize,
    wanted: impl Fn(&ActivityEntry) -> bool,
) -> io::Result<ActivityPage> {
    let mut found: BTreeMap<u64, ActivityEntry> = BTreeMap::new();
    // Ids above it are all in the files read so far: an entry that ended late may stand far behind its neighbours.
    let mut complete_from = u64::MAX;
    let mut more = false;
    for (first_id, path) in files(dir)?.into_iter().rev() {
        if found.range(complete_from..).count() > limit {
            more = true;
            break;
        }
        for entry in parse(&read_whole(&path)?) {
            // Of two lines with one id the later one counts; the later files come first, and within one the end.
            let known = found.get(&entry.id).is_some_and(|known| known.result != BEGUN);
            if entry.id < cursor && !known && wanted(&entry) {
                found.insert(entry.id, entry);
            }
        }
        complete_from = first_id;
    }
    let mut items: Vec<_> = found
        .into_values()
        .rev()
        .filter(|entry| !more || entry.id >= complete_from)
        .collect();
    more |= items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().map(|last| last.id).filter(|_| more);
    Ok(ActivityPage { items, next_cursor })
}

/// A file that was removed meanwhile is empty.
fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    match File::open(path) {
        Ok(mut file) => {
            let mut text = Vec::new();
            file.seek(SeekFrom::Start(0))?;
            file.take(2 * FILE_BYTES_MAX).read_to_end(&mut text)?;
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The entries of whole lines; a line that is none is left out.
fn parse(text: &[u8]) -> impl Iterator<Item = ActivityEntry> {
    text.split_inclusive(|&byte| byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
        .filter_map(|line| serde_json::from_slice(line).ok())
}

/// The files by the first id they may hold.
fn files(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let id = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok());
        found.extend(id.map(|id| (id, entry.path())));
    }
    found.sort();
    Ok(found)
}

fn create(dir: &Path, first_id: u64) -> io::Result<File> {
    let path = dir.join(format!("{PREFIX}{first_id:020}{SUFFIX}"));
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}

pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &str, result: &str) -> ActivityEntry {
        ActivityEntry {
            action: action.to_owned(),
            result: result.to_owned(),
            ..ActivityEntry::default()
        }
    }

    fn ids(page: &ActivityPage) -> Vec<u64> {
        page.items.iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn pages_go_back_in_time_and_an_end_takes_the_place_of_its_begin() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = ActivityFile::open(dir.path()).unwrap();
        let mut first = entry("create", BEGUN);
        file.append(&mut first).unwrap();
        file.append(&mut entry("pause", BEGUN)).unwrap();
        file.append(&mut entry("login", "done")).unwrap();
        "done".clone_into(&mut first.result);
        file.append(&mut first).unwrap();
        let page = read(dir.path(), u64::MAX, 2, |_| true).unwrap();
        assert_eq!((ids(&page), page.next_cursor), (vec![3, 2], Some(2)));
        let page = read(dir.path(), 2, 2, |_| true).unwrap();
        assert_eq!((ids(&page), page.next_cursor), (vec![1], None));
        assert_eq!(page.items[0].result, "done");
        let one = read(dir.path(), u64::MAX, 9, |entry| entry.action == "pause").unwrap();
        assert_eq!((ids(&one), one.items[0].result.as_str()), (vec![2], BEGUN));
    }

    #[test]
    fn a_torn_line_is_cut_off_and_ids_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = ActivityFile::open(dir.path()).unwrap();
        file.append(&mut entry("create", "done")).unwrap();
        file.append(&mut entry("pause", "done")).unwrap();
        drop(file);
        let (_, path) = files(dir.path()).unwrap().remove(0);
        let mut torn = OpenOptions::new().append(true).open(path).unwrap();
        torn.write_all(b"{\"id\":3,\"action\":\"res").unwrap();
        drop(torn);
        let mut file = ActivityFile::open(dir.path()).unwrap();
        assert_eq!(file.append(&mut entry("remove", "done")).unwrap(), 3);
        let page = read(dir.path(), u64::MAX, 9, |_| true).unwrap();
        assert_eq!(ids(&page), [3, 2, 1]);
        assert_eq!(page.items[0].action, "remove");
    }

    #[test]
    fn files_are_bounded_and_pages_cross_them() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = ActivityFile::open(dir.path()).unwrap();
        let mut slow = entry("slow", BEGUN);
        file.append(&mut slow).unwrap();
        let large = |n: usize| ActivityEntry {
            message: "x".repeat(1 << 20),
            ..entry(&format!("n{n}"), "done")
        };
        for n in 0..10 {
            file.append(&mut large(n)).unwrap();
        }
        "done".clone_into(&mut slow.result);
        file.append(&mut slow).unwrap();
        let mut seen = Vec::new();
        let mut cursor = Some(u64::MAX);
        while let Some(below) = cursor {
            let page = read(dir.path(), below, 4, |_| true).unwrap();
            seen.extend(ids(&page));
            cursor = page.next_cursor;
        }
        assert_eq!(
            seen,
            (1..=11).rev().collect::<Vec<_>>(),
            "each once, also the one that ended late"
        );
        for n in 10..60 {
            file.append(&mut large(n)).unwrap();
        }
        let kept = files(dir.path()).unwrap();
        assert_eq!(kept.len(), FILES_MAX);
        for (_, path) in kept {
            assert!(fs::metadata(path).unwrap().len() <= FILE_BYTES_MAX);
        }
    }
}
