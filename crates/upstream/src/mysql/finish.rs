//! Turns a closed group into one that can be kept: its packets in memory, or whole in a file.

use std::sync::Arc;

use tidegate_model::Result;

use super::assemble::{Assembler, Closed};
use super::group::{Events, Group};
use super::options::MysqlOptions;
use super::spill::SpillDir;

/// Spills what is too large for memory.
pub(crate) struct Finisher {
    memory_bytes_max: usize,
    prepared_memory_bytes_max: usize,
    bytes_max: u64,
    dir: Arc<SpillDir>,
}

impl Finisher {
    /// `memory_bytes_max`: what an open transaction, and all prepared XA transactions together, may keep in memory.
    pub(crate) fn new(options: &MysqlOptions, memory_bytes_max: usize, dir: Arc<SpillDir>) -> Self {
        Finisher {
            memory_bytes_max,
            prepared_memory_bytes_max: memory_bytes_max,
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
            if memory + content.bytes > self.prepared_memory_bytes_max && content.spill.is_none() {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_mysql::binlog::CollationTable;
    use tidegate_mysql::{ConnectOptions, Flavour, GtidSet, Position};

    use super::*;
    use crate::mysql::assemble::testing::Log;
    use crate::mysql::group::Obstacle;

    fn assembler() -> Assembler {
        let position = Position {
            gtid: Some(GtidSet::parse_mariadb("").unwrap()),
            file: "b.000001".into(),
            offset: 4,
        };
        Assembler::new(Flavour::MariaDb, position, Arc::new(CollationTable::builtin()))
    }

    fn finisher(folder: &std::path::Path, memory: usize, max: u64) -> Finisher {
        let connect = ConnectOptions::new("localhost", 3306, "u", "");
        let mut options = MysqlOptions::new(connect, folder.to_owned());
        options.txn_bytes_max = max;
        let mut finisher = Finisher::new(&options, memory, SpillDir::open(folder).unwrap());
        finisher.prepared_memory_bytes_max = 100;
        finisher
    }

    async fn groups(finisher: &Finisher, assembler: &mut Assembler, packets: Vec<Bytes>) -> Vec<Group> {
        let mut groups = Vec::new();
        for packet in packets {
            if let Some(closed) = assembler.push(packet).unwrap() {
                groups.push(finisher.finish(closed, assembler).await.unwrap());
            }
            finisher.relieve(assembler).await.unwrap();
        }
        groups
    }

    /// Prepared transactions of more than a fixed size used to stop the reader for good.
    #[tokio::test]
    async fn prepared_transactions_beyond_the_memory_wait_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let (finisher, mut assembler) = (finisher(folder.path(), 1 << 20, 1 << 20), assembler());
        let mut log = Log::new();
        for (seq, xid) in (1..).zip("abc".bytes()) {
            log.mariadb_xa_gtid(seq, 0x4c, xid)
                .rows(xid)
                .rows(xid)
                .xa_prepare(xid);
        }
        let prepared = groups(&finisher, &mut assembler, log.take()).await;
        assert!(
            prepared
                .iter()
                .all(|group| group.prepared_open && group.events.is_empty())
        );
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files(), 2, "the first fits the memory");
        for (seq, xid) in (4..).zip("cab".bytes()) {
            log.mariadb_xa_gtid(seq, 0x8d, xid)
                .query(&format!("XA COMMIT X'{xid:02x}',X'',1"));
        }
        let committed = groups(&finisher, &mut assembler, log.take()).await;
        let sizes: Vec<usize> = committed.iter().map(|group| group.bytes).collect();
        assert_eq!(sizes, [62, 62, 62]);
        assert!(committed.iter().all(|group| group.obstacle.is_none()));
        drop(committed);
        assert_eq!(files(), 0);
    }

    /// Only who wants to read past the commit of a transaction that was too large is stopped, and by its name.
    #[tokio::test]
    async fn a_prepared_transaction_beyond_the_limit_is_an_obstacle_at_its_commit() {
        let folder = tempfile::tempdir().unwrap();
        for (memory, max) in [(10, 100), (1 << 20, 50)] {
            let (finisher, mut assembler) = (finisher(folder.path(), memory, max), assembler());
            let mut log = Log::new();
            log.mariadb_xa_gtid(1, 0x4c, b'x');
            for mark in 0..5 {
                log.rows(mark);
            }
            log.xa_prepare(b'x')
                .mariadb_xa_gtid(2, 0x8d, b'x')
                .query("XA COMMIT X'78',X'',1");
            let groups = groups(&finisher, &mut assembler, log.take()).await;
            assert_eq!(groups[0].obstacle, None);
            assert_eq!(groups[1].obstacle, Some(Obstacle::TooLarge), "{memory} {max}");
        }
    }
}
