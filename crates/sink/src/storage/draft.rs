//! A data file while it is written.

use std::time::{Duration, Instant};

use tidegate_failpoint::{Point, hit};
use tidegate_model::Result;

use super::files::NewFile;
use super::lease::Lease;

/// Encoded rows go to the disk in pieces of at least this size, so that memory does not grow with the file.
const PIECE_BYTES: usize = 1 << 20;

/// Rows are appended to `unsaved`; [`Draft::save`] moves them to the disk. Dropped unpublished, nothing remains.
pub(crate) struct Draft {
    file: NewFile,
    /// Encoded, not yet on the disk.
    pub(crate) unsaved: Vec<u8>,
    saved_bytes: usize,
    /// Bytes in memory of the rows in it.
    pub(crate) source_bytes: usize,
    busy: Duration,
}

/// A data file that is complete.
pub(crate) struct Published {
    /// Size of the file.
    pub(crate) bytes: usize,
    /// Bytes in memory of the rows in it.
    pub(crate) source_bytes: usize,
    /// Time spent on the disk.
    pub(crate) busy: Duration,
}

impl Draft {
    pub(crate) fn new(file: NewFile) -> Self {
        Draft {
            file,
            unsaved: Vec::new(),
            saved_bytes: 0,
            source_bytes: 0,
            busy: Duration::ZERO,
        }
    }

    /// Bytes encoded so far.
    pub(crate) fn len(&self) -> usize {
        self.saved_bytes + self.unsaved.len()
    }

    /// Moves what was encoded to the disk if it is worth the call.
    ///
    /// # Errors
    /// Those of [`Lease::append`].
    pub(crate) fn save(&mut self, lease: &Lease) -> Result<()> {
        if self.unsaved.len() < PIECE_BYTES {
            return Ok(());
        }
        self.save_now(lease)
    }

    fn save_now(&mut self, lease: &Lease) -> Result<()> {
        let started = Instant::now();
        lease.append(&mut self.file, &self.unsaved)?;
        self.busy += started.elapsed();
        self.saved_bytes += self.unsaved.len();
        self.unsaved.clear();
        Ok(())
    }

    /// Makes the file durable under its name.
    ///
    /// # Errors
    /// Those of [`Lease::create`].
    pub(crate) fn publish(mut self, lease: &Lease) -> Result<Published> {
        self.save_now(lease)?;
        hit(Point::DataUnpublished);
        let started = Instant::now();
        lease.create(self.file)?;
        Ok(Published {
            bytes: self.saved_bytes,
            source_bytes: self.source_bytes,
            busy: self.busy + started.elapsed(),
        })
    }
}
