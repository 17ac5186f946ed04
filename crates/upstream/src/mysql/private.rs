//! A reader for one changefeed that is behind the ring.
//!
//! In: an anchor. Out: the groups after it with the timestamps that the shared reader gave them, until the ring takes
//! over. Reading goes ahead of decoding by a few batches.

use std::sync::Arc;

use tidegate_model::{Result, Ts};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::assemble::Assembler;
use super::finish::Finisher;
use super::group::Group;
use super::reader::next;
use super::recovery::random_server_id;
use super::shared::Shared;
use super::timeline::{Anchor, Assigner};
use crate::{Quota, Share};

/// Batches that may wait between reading and decoding; the memory quota bounds their bytes.
pub(crate) const BATCHES_AHEAD: usize = 8;
/// Taken of the quota for the packets that are about to arrive.
const BATCH_BYTES: u64 = 256 << 10;

/// What a private reader yields.
pub(crate) enum Progress {
    /// Groups in order, and what they take of the quota.
    Groups(Vec<Arc<Group>>, Share),
    /// Everything up to here was yielded, and the ring has the rest.
    Joined(Ts),
}

/// Reads from `anchor` until the ring has the rest or the receiver is gone. Groups up to `after` are dropped. What is
/// read and not taken yet is counted in `quota`.
///
/// # Errors
/// Those of the dump.
pub(crate) async fn run(
    shared: Arc<Shared>,
    anchor: Anchor,
    after: Ts,
    quota: Quota,
    out: mpsc::Sender<Result<Progress>>,
) {
    let ahead_max = usize::try_from(quota.reading_limit_bytes()).unwrap_or(usize::MAX);
    let memory_bytes_max = shared.options.txn_memory_bytes.min(ahead_max / 2);
    let mut reader = Private {
        assembler: shared.assembler(anchor.position.clone()),
        assigner: Assigner::new(anchor.floor),
        finisher: Finisher::new(&shared.options, memory_bytes_max, Arc::clone(&shared.spill)),
        ahead: quota.reading(),
        shared,
        after,
    };
    super::metrics::private_readers(1);
    if let Err(error) = reader.run(&out).await {
        // The receiver may be gone, then nobody wants the error.
        out.send(Err(error)).await.unwrap_or_default();
    }
    super::metrics::private_readers(-1);
}

struct Private {
    shared: Arc<Shared>,
    assembler: Assembler,
    assigner: Assigner,
    finisher: Finisher,
    after: Ts,
    /// For what arrives, and for transactions that are not complete.
    ahead: Share,
}

impl Private {
    async fn run(&mut self, out: &mpsc::Sender<Result<Progress>>) -> Result<()> {
        let server_id = random_server_id();
        let mut stream = self
            .shared
            .open_private_dump(self.assembler.position(), server_id)
            .await?;
        tracing::info!(position = %self.assembler.position(), server_id, "reading the binlog privately");
        let mut packets = Vec::new();
        loop {
            // Asked before every batch too: the ring may have come to us while nothing arrives.
            if self.joinable() {
                return self.join(out).await;
            }
            tokio::select! {
                () = out.closed() => return Ok(()),
                // What is open and takes too much goes to a file: no reason to wait.
                _room = self.ahead.grow(BATCH_BYTES) => {}
            }
            tokio::select! {
                () = out.closed() => return Ok(()),
                batch = next(&mut stream, &mut packets, Instant::now() + self.shared.silence_max()) => batch?,
            }
            let mut groups = Vec::new();
            let mut joined = false;
            for packet in packets.drain(..) {
                let Some(closed) = self.assembler.push(packet)? else {
                    continue;
                };
                // Behind this point the shared reader has given no timestamps yet, or the ring has the groups.
                joined = self.joinable();
                if joined {
                    break;
                }
                let group = self.finisher.finish(closed, &mut self.assembler).await?;
                groups.extend(self.place(group));
            }
            self.finisher.relieve(&mut self.assembler).await?;
            let share = self.count(&groups);
            if !groups.is_empty() && out.send(Ok(Progress::Groups(groups, share))).await.is_err() {
                return Ok(());
            }
            if joined {
                return self.join(out).await;
            }
        }
    }

    /// Counts what is in memory; returns the groups' part of it.
    fn count(&mut self, groups: &[Arc<Group>]) -> Share {
        let ready = groups.iter().map(|group| group.memory_bytes() as u64).sum();
        let kept = self.assembler.memory_bytes() as u64;
        self.ahead.settle(kept + ready);
        self.ahead.split(ready)
    }

    fn joinable(&self) -> bool {
        self.shared.ring.joinable(self.assigner.prev())
    }

    async fn join(&self, out: &mpsc::Sender<Result<Progress>>) -> Result<()> {
        let progress = Progress::Joined(self.assigner.prev().max(self.after));
        out.send(Ok(progress)).await.unwrap_or_default();
        Ok(())
    }

    fn place(&mut self, mut group: Group) -> Option<Arc<Group>> {
        let recorded = self.shared.timeline().recorded(&group.id);
        let assigned = self.assigner.assign(group.raw_ms, group.slots(), recorded, None);
        group.commit_ts = assigned.commit_ts;
        (group.end_ts() > self.after).then(|| Arc::new(group))
    }
}
