//! Turns a closed group into one that can be kept: its packets in memory, or whole in a file.

use std::sync::Arc;

use tidegate_model::Result;

use super::assemble::{Assembler, Closed};
use super::group::{Events, Group};
use super::options::MysqlOptions;
use super::spill::SpillDir;

/// Bytes of prepared XA transactions that wait in memory for their end; the others wait in files.
const PREPARED_BYTES_MAX: usize = 64 << 20;

/// Spills what is too large for memory.
pub(crate) struct Finisher {
    memory_bytes_max: usize,
    bytes_max: u64,
    dir: Arc<SpillDir>,
}

impl Finisher {
    pub(crate) fn new(options: &MysqlOptions, dir: Arc<SpillDir>) -> Self {
        Finisher {
            memory_bytes_max: options.txn_memory_bytes,
            bytes_max: options.txn_bytes_max,
            dir,
        }
    }

    /// Moves the open group to a file when it has outgrown the memory, and gives it up when it has outgrown the
    /// limit. Call it after every batch of packets.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) async fn relieve(&self, assembler: &mut Assembler) -> Result<()> {
        let Some(content) = assembler.open_content() else {
            return Ok(());
        };
        if content.bytes <= self.memory_bytes_max {
            return Ok(());
        }
        let mut spill = match content.spill.take() {
            Some(spill) => spill,
            None => self.dir.writer().await?,
        };
        let count = content.packets.len();
        spill.append(&mut content.packets).await?;
        content.spilled(count);
        if spill.bytes() > self.bytes_max {
            assembler.overflow();
            return Ok(());
        }
        content.spill = Some(spill);
        Ok(())
    }

    /// Completes a group. Only then the assembler's position is behind it.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses: the group then counts as not read.
    pub(crate) async fn finish(&self, mut closed: Closed, assembler: &mut Assembler) -> Result<Group> {
        let mut content = std::mem::take(&mut closed.content);
        if closed.parks() {
            let (memory, files) = assembler.prepared_bytes();
            if files + content.total_bytes() > self.bytes_max {
                return Ok(assembler.settle(closed, None, 0));
            }
            if memory + content.bytes > PREPARED_BYTES_MAX && content.spill.is_none() {
                content.spill = Some(self.dir.writer().await?);
            }
        }
        let (events, bytes) = match content.spill.take() {
            None => (Events::Memory(content.packets), content.bytes),
            Some(mut spill) => {
                spill.append(&mut content.packets).await?;
                let file = spill.finish().await?;
                let bytes = usize::try_from(file.bytes()).unwrap_or(usize::MAX);
                (Events::File(file, content.taken_back), bytes)
            }
        };
        Ok(assembler.settle(closed, Some(events), bytes))
    }
}
