//! Builds the statements of the next downstream transaction while the server runs those of the one before.

use std::sync::Arc;

use tidegate_model::{Ack, CdcError, Result, Ts, TxnEvent};
use tokio::sync::mpsc;

use super::chunk::{Chunk, Piece, Span};
use super::config::Atomicity;
use super::dispatcher::Unit;
use super::script::{Form, Script};

/// Limits and rules of one downstream transaction.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Limits {
    /// Rows after which a downstream transaction ends; only a larger upstream transaction exceeds it.
    pub(crate) rows_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) atomicity: Atomicity,
    pub(crate) safe_mode: bool,
    /// Rows up to here may have been written before.
    pub(crate) replicate_ts: Ts,
}

/// The builder's task: from transactions to chunks.
pub(crate) struct Builder {
    limits: Limits,
    script: Script,
    draft: Draft,
    /// The downstream transaction of an upstream transaction in parts is open.
    inside: bool,
    /// The place of the latest transaction that is in a chunk, sent or not, with all its rows.
    seq: u64,
    out: mpsc::Sender<Chunk>,
}

/// The chunk under construction.
#[derive(Default)]
struct Draft {
    pieces: Vec<Piece>,
    acks: Vec<Ack>,
    rows: usize,
}

impl Draft {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.acks.is_empty()
    }

    /// Notes that a block is in the chunk.
    fn note(&mut self, txn: &Arc<TxnEvent>, block: usize, ack: &Ack) {
        let rows = txn.blocks[block].len();
        if rows > 0 {
            self.rows += rows;
            self.hold(ack);
            self.pieces.push(Piece {
                txn: Arc::clone(txn),
                block,
            });
        }
    }

    /// Makes the batch wait for this chunk too.
    fn hold(&mut self, ack: &Ack) {
        if !self.acks.last().is_some_and(|last| last.is_same(ack)) {
            self.acks.push(ack.clone());
        }
    }
}

/// Why the builder stops.
enum Stop {
    /// It has said why.
    ApplierGone,
    Failed(CdcError),
}

impl From<CdcError> for Stop {
    fn from(error: CdcError) -> Self {
        Stop::Failed(error)
    }
}

impl Builder {
    pub(crate) fn new(limits: Limits, script: Script, out: mpsc::Sender<Chunk>) -> Self {
        Builder {
            limits,
            script,
            draft: Draft::default(),
            inside: false,
            seq: 0,
            out,
        }
    }

    /// Runs until the input ends (`Ok`), the applier is gone (`Ok`: its error counts) or a row cannot be written.
    ///
    /// While the applier is busy, rows collect up to the limits; once it is free, what is there goes.
    pub(crate) async fn run(mut self, input: &mut mpsc::Receiver<Unit>) -> Result<()> {
        loop {
            let may_go = !self.draft.is_empty();
            let outcome = tokio::select! {
                biased;
                next = input.recv(), if !self.is_full() => match next {
                    Some(unit) => self.add(unit).await,
                    None => return Ok(()),
                },
                permit = self.out.clone().reserve_owned(), if may_go => match permit {
                    Ok(permit) => {
                        permit.send(self.finish(Span::WHOLE));
                        Ok(())
                    }
                    Err(_closed) => Err(Stop::ApplierGone),
                },
                // With nothing to send, nothing else would tell.
                () = self.out.closed() => Err(Stop::ApplierGone),
            };
            match outcome {
                Ok(()) => {}
                Err(Stop::ApplierGone) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.draft.rows >= self.limits.rows_max || self.script.bytes() >= self.limits.bytes_max
    }

    async fn add(&mut self, unit: Unit) -> Result<(), Stop> {
        let Unit { txn, ack, seq } = unit;
        let form = self.form(&txn);
        let whole = txn.part == 0 && txn.last;
        if self.limits.atomicity == Atomicity::Table && !whole {
            self.seq = seq;
            self.add_part(&txn, form, &ack).await?;
        } else {
            // What arrives at once stays together: a commit costs more than rows do, and parts are limited in size.
            self.make_room(txn.row_count()).await?;
            self.push_all(&txn, form, &ack)?;
        }
        self.seq = seq;
        // Each chunk that got something of it has a clone of its own.
        ack.durable();
        Ok(())
    }

    fn form(&self, txn: &TxnEvent) -> Form {
        if self.limits.safe_mode || txn.commit_ts <= self.limits.replicate_ts {
            Form::Safe
        } else {
            Form::Plain
        }
    }

    /// Sends the draft when `rows` more would make it too large.
    async fn make_room(&mut self, rows: usize) -> Result<(), Stop> {
        let fits =
            self.draft.rows + rows <= self.limits.rows_max && self.script.bytes() < self.limits.bytes_max;
        if !self.draft.is_empty() && !fits {
            self.send(Span::WHOLE).await?;
        }
        Ok(())
    }

    /// One part of a transaction that stays whole although it arrives in parts: a downstream transaction of its own,
    /// open until the last part. Each part goes at once: the next one may need the memory that this one holds.
    async fn add_part(&mut self, txn: &Arc<TxnEvent>, form: Form, ack: &Ack) -> Result<(), Stop> {
        let begins = !self.inside;
        if begins && !self.draft.is_empty() {
            self.send(Span::WHOLE).await?;
        }
        self.push_all(txn, form, ack)?;
        // A part without rows is durable no sooner than what it ends.
        self.draft.hold(ack);
        self.inside = !txn.last;
        self.send(Span {
            begins,
            commits: txn.last,
        })
        .await
    }

    fn push_all(&mut self, txn: &Arc<TxnEvent>, form: Form, ack: &Ack) -> Result<(), Stop> {
        let mut next = 0;
        while let Some(block) = txn.blocks.get(next) {
            let in_bulk = self.script.push_bulk(txn, next, form);
            if in_bulk == 0 {
                self.script.push(block, 0..block.len(), form)?;
            }
            let end = next + in_bulk.max(1);
            (next..end).for_each(|block| self.draft.note(txn, block, ack));
            next = end;
        }
        Ok(())
    }

    async fn send(&mut self, span: Span) -> Result<(), Stop> {
        let chunk = self.finish(span);
        self.out.send(chunk).await.map_err(|_closed| Stop::ApplierGone)
    }

    fn finish(&mut self, span: Span) -> Chunk {
        let draft = std::mem::take(&mut self.draft);
        Chunk {
            steps: self.script.take(span.first(), span.last()),
            span,
            seq: self.seq,
            pieces: draft.pieces,
            acks: draft.acks,
            rows: draft.rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::bulk::BulkSwitch;
    use crate::mysql::testing::{Heard, SCRIPT, batch, inserted, pairs, part};

    fn builder(out: mpsc::Sender<Chunk>) -> Builder {
        let limits = Limits {
            rows_max: 256,
            bytes_max: 1 << 20,
            atomicity: Atomicity::Table,
            safe_mode: false,
            replicate_ts: Ts::ZERO,
        };
        Builder::new(limits, Script::new(SCRIPT, BulkSwitch::new(false)), out)
    }

    fn unit(heard: &Arc<Heard>, seq: u64, txn: TxnEvent) -> Unit {
        let batch = batch(heard, seq, vec![]);
        Unit {
            txn: Arc::new(txn),
            ack: batch.ack,
            seq,
        }
    }

    /// The upstream cuts a part as soon as it is large enough, so a transaction may end with a part without rows. Its
    /// acknowledgement once came before the COMMIT, which could still fail: then the transaction was lost.
    #[tokio::test]
    async fn a_last_part_without_rows_is_durable_only_with_the_commit() {
        let (input, mut units) = mpsc::channel(4);
        let (out, mut chunks) = mpsc::channel(4);
        let heard = Arc::new(Heard::default());
        let t = pairs("s", "t");
        let row = inserted(&t, 1, "a");
        for (seq, part) in [(1, part(12, 0, false, vec![row])), (2, part(12, 1, true, vec![]))] {
            assert!(input.send(unit(&heard, seq, part)).await.is_ok());
        }
        drop(input);
        builder(out).run(&mut units).await.unwrap();
        let (first, last) = (chunks.recv().await.unwrap(), chunks.recv().await.unwrap());
        assert!(first.span.begins && !first.span.commits && last.span.commits);
        assert_eq!((first.seq, last.seq), (1, 2));
        first.acks.into_iter().for_each(Ack::durable);
        assert_eq!(heard.all(), [(1, true)]);
        drop(last);
        assert_eq!(heard.all(), [(1, true), (2, false)]);
    }

    /// The next part may need the memory that this one holds: waiting for it would be for ever.
    #[tokio::test]
    async fn a_part_is_sent_before_the_next_one_is_there() {
        let (input, mut units) = mpsc::channel(4);
        let (out, mut chunks) = mpsc::channel(4);
        let heard = Arc::new(Heard::default());
        let first = part(12, 0, false, vec![inserted(&pairs("s", "t"), 1, "a")]);
        assert!(input.send(unit(&heard, 1, first)).await.is_ok());
        let sent = async {
            let chunk: Chunk = chunks.recv().await.unwrap();
            chunk.acks.into_iter().for_each(Ack::durable);
            assert_eq!(heard.all(), [(1, true)]);
            drop(input);
        };
        let (outcome, ()) = tokio::join!(builder(out).run(&mut units), sent);
        outcome.unwrap();
    }
}
