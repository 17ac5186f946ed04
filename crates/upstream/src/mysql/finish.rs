//! Turns a closed group into one that can be kept: its packets in memory, or whole in a file.

use std::sync::Arc;

use tidegate_model::{Result, Ts};

use super::assemble::{Assembler, Closed};
use super::group::{Events, Group};
use super::options::MysqlOptions;
use super::spill::SpillDir;

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

    /// Completes a group.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) async fn finish(&self, closed: Closed) -> Result<Group> {
        let mut content = closed.content;
        let (events, bytes) = match content.spill.take() {
            None => (Events::Memory(content.packets), content.bytes),
            Some(mut spill) => {
                spill.append(&mut content.packets).await?;
                let file = spill.finish().await?;
                let bytes = usize::try_from(file.bytes()).unwrap_or(usize::MAX);
                (Events::File(file, content.taken_back), bytes)
            }
        };
        Ok(Group {
            id: closed.id,
            commit_ts: Ts::ZERO,
            raw_ms: closed.raw_ms,
            file: closed.file,
            offset: closed.offset,
            ddl: closed.ddl,
            obstacle: closed.obstacle,
            events,
            bytes,
            framer: closed.framer,
            prepared_open: closed.prepared_open,
        })
    }
}
