//! A data file while it is written.

use std::time::{Duration, Instant};

use tidegate_failpoint::{Point, hit};
use tidegate_model::Result;

use super::store;

/// Encoded rows on their way into a file. Dropped unpublished, the file's name stays free.
pub(crate) struct Draft {
    file: Box<dyn store::Draft>,
    /// Size so far.
    pub(crate) bytes: usize,
    /// Bytes in memory of the rows in it.
    source_bytes: usize,
    busy: Duration,
}

/// A data file that is complete.
pub(crate) struct Published {
    /// Size of the file.
    pub(crate) bytes: usize,
    /// Bytes in memory of the rows in it.
    pub(crate) source_bytes: usize,
    /// Time spent waiting for the store.
    pub(crate) busy: Duration,
}

impl Draft {
    /// `header` is what the file starts with.
    ///
    /// # Errors
    /// Those of the store; so for the others.
    pub(crate) async fn begin(file: Box<dyn store::Draft>, header: Vec<u8>) -> Result<Self> {
        let mut draft = Draft {
            file,
            bytes: 0,
            source_bytes: 0,
            busy: Duration::ZERO,
        };
        if !header.is_empty() {
            draft.append(header, 0).await?;
        }
        Ok(draft)
    }

    /// Adds encoded rows, which had `source_bytes` in memory.
    pub(crate) async fn append(&mut self, encoded: Vec<u8>, source_bytes: usize) -> Result<()> {
        let started = Instant::now();
        self.bytes += encoded.len();
        self.source_bytes += source_bytes;
        self.file.append(encoded).await?;
        self.busy += started.elapsed();
        Ok(())
    }

    /// Makes the file durable under its name.
    pub(crate) async fn publish(self) -> Result<Published> {
        hit(Point::DataUnpublished);
        let started = Instant::now();
        self.file.create().await?;
        Ok(Published {
            bytes: self.bytes,
            source_bytes: self.source_bytes,
            busy: self.busy + started.elapsed(),
        })
    }
}
