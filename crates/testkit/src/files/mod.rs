//! Places for the files of a storage sink, which outlive its process: a disk and a bucket.

mod bucket;
mod disk;
mod watch;

pub use bucket::SimBucket;
pub use disk::SimDisk;
pub use watch::{FileWatch, Files};

/// What a broken place, or a sink that forgets a step, does to the files.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum FileSabotage {
    /// Content is not made durable before a file is named.
    NoFileSync,
    /// Names are not made durable before a file counts as written.
    NoDirSync,
    /// Nobody remembers the numbers of files, and a file takes the place of one that is there.
    WritesOver,
    /// The index is not written before the data file it names.
    NoIndex,
}
