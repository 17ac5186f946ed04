//! Builds the statements of the next downstream transaction while the server runs those of the one before.

use std::ops::Range;
use std::sync::Arc;

use tidegate_model::{Ack, CdcError, ErrorCode, Result, Ts, TxnBatch, TxnEvent};
use tokio::sync::{mpsc, oneshot};

use super::chunk::{Chunk, Piece, Span};
use super::config::Atomicity;
use super::script::{Form, Script};

/// What the sink tells the builder.
pub(crate) enum Input {
    Batch(TxnBatch),
    /// Answer when everything before is applied.
    Flush(oneshot::Sender<()>),
}

/// What the builder hands to the applier, in this order.
pub(crate) enum Work {
    Chunk(Chunk),
    Flush(oneshot::Sender<()>),
}

/// Limits and rules of one downstream transaction.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) rows_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) atomicity: Atomicity,
    pub(crate) safe_mode: bool,
    /// Rows up to here may have been written before.
    pub(crate) replicate_ts: Ts,
}

/// The builder's task: from batches to chunks.
pub(crate) struct Builder {
    limits: Limits,
    script: Script,
    draft: Draft,
    out: mpsc::Sender<Work>,
}

/// The chunk under construction.
#[derive(Default)]
struct Draft {
    pieces: Vec<Piece>,
    acks: Vec<Ack>,
    rows: usize,
    /// An upstream transaction of several parts is under way: its first chunk was or will be sent without COMMIT.
    inside: Option<Inside>,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Inside {
    /// Nothing of it was sent yet.
    Fresh,
    /// The downstream transaction is open.
    Begun,
}

impl Draft {
    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.acks.is_empty()
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
    pub(crate) fn new(limits: Limits, script: Script, out: mpsc::Sender<Work>) -> Self {
        Builder {
            limits,
            script,
            draft: Draft::default(),
            out,
        }
    }

    /// Runs until the input ends (`Ok`), the applier is gone (`Ok`: its error counts) or a row cannot be written.
    ///
    /// While the applier is busy, rows collect up to the limits; once it is free, what is there goes.
    pub(crate) async fn run(mut self, input: &mut mpsc::Receiver<Input>) -> Result<()> {
        loop {
            let may_go = !self.draft.is_empty() && self.draft.inside.is_none();
            let outcome = tokio::select! {
                biased;
                next = input.recv(), if !self.is_full() => match next {
                    Some(Input::Batch(batch)) => self.take(batch).await,
                    Some(Input::Flush(done)) => self.flush(done).await,
                    None => return Ok(()),
                },
                permit = self.out.clone().reserve_owned(), if may_go => match permit {
                    Ok(permit) => {
                        permit.send(Work::Chunk(self.finish(Span::WHOLE)));
                        Ok(())
                    }
                    Err(_closed) => Err(Stop::ApplierGone),
                },
            };
            match outcome {
                Ok(()) => {}
                Err(Stop::ApplierGone) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.draft.inside.is_none()
            && (self.draft.rows >= self.limits.rows_max || self.script.bytes() >= self.limits.bytes_max)
    }

    async fn take(&mut self, batch: TxnBatch) -> Result<(), Stop> {
        let rows: usize = batch.txns.iter().map(TxnEvent::row_count).sum();
        for txn in batch.txns {
            self.add(Arc::new(txn)).await?;
        }
        if rows == 0 && self.draft.is_empty() {
            // Earlier rows may still be under way: the engine counts an acknowledgement only behind theirs.
            batch.ack.durable();
        } else {
            self.draft.acks.push(batch.ack);
        }
        Ok(())
    }

    async fn add(&mut self, txn: Arc<TxnEvent>) -> Result<(), Stop> {
        let form = self.form(&txn);
        let whole = txn.part == 0 && txn.last;
        match (self.limits.atomicity, whole) {
            (Atomicity::Table, false) => self.add_part(&txn, form).await,
            (Atomicity::Table, true) => {
                self.make_room(txn.row_count()).await?;
                self.push_all(&txn, form)
            }
            (Atomicity::None, _) => self.add_cut(&txn, form).await,
        }
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

    /// Cuts a transaction that is larger than the limit; keeps a smaller one whole.
    async fn add_cut(&mut self, txn: &Arc<TxnEvent>, form: Form) -> Result<(), Stop> {
        self.make_room(txn.row_count()).await?;
        for block in 0..txn.blocks.len() {
            let len = txn.blocks[block].len();
            let mut start = 0;
            while start < len {
                self.make_room(1).await?;
                let room = self.limits.rows_max - self.draft.rows;
                let end = len.min(start + room);
                self.push(txn, block, start..end, form)?;
                start = end;
            }
        }
        Ok(())
    }

    /// One part of a transaction that stays whole although it arrives in parts: a downstream transaction of its own,
    /// open until the last part.
    async fn add_part(&mut self, txn: &Arc<TxnEvent>, form: Form) -> Result<(), Stop> {
        if self.draft.inside.is_none() {
            if !self.draft.is_empty() {
                self.send(Span::WHOLE).await?;
            }
            self.draft.inside = Some(Inside::Fresh);
        } else {
            // The part before: sent now that it is known not to be the last, its acknowledgement with it.
            self.send_open(false).await?;
        }
        self.push_all(txn, form)?;
        if txn.last {
            self.send_open(true).await?;
        }
        Ok(())
    }

    async fn send_open(&mut self, commits: bool) -> Result<(), Stop> {
        let begins = self.draft.inside == Some(Inside::Fresh);
        self.send(Span { begins, commits }).await?;
        self.draft.inside = (!commits).then_some(Inside::Begun);
        Ok(())
    }

    fn push_all(&mut self, txn: &Arc<TxnEvent>, form: Form) -> Result<(), Stop> {
        for block in 0..txn.blocks.len() {
            self.push(txn, block, 0..txn.blocks[block].len(), form)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        txn: &Arc<TxnEvent>,
        block: usize,
        rows: Range<usize>,
        form: Form,
    ) -> Result<(), Stop> {
        if rows.is_empty() {
            return Ok(());
        }
        self.script.push(&txn.blocks[block], rows.clone(), form)?;
        self.draft.rows += rows.len();
        self.draft.pieces.push(Piece {
            txn: Arc::clone(txn),
            block,
            rows,
        });
        Ok(())
    }

    async fn flush(&mut self, done: oneshot::Sender<()>) -> Result<(), Stop> {
        if self.draft.inside.is_some() {
            return Err(Stop::Failed(CdcError::new(
                ErrorCode::InternalServerError,
                "asked to flush in the middle of a transaction that must stay whole",
            )));
        }
        if !self.draft.is_empty() {
            self.send(Span::WHOLE).await?;
        }
        self.out
            .send(Work::Flush(done))
            .await
            .map_err(|_closed| Stop::ApplierGone)
    }

    async fn send(&mut self, span: Span) -> Result<(), Stop> {
        let chunk = self.finish(span);
        self.out
            .send(Work::Chunk(chunk))
            .await
            .map_err(|_closed| Stop::ApplierGone)
    }

    fn finish(&mut self, span: Span) -> Chunk {
        let inside = self.draft.inside;
        let draft = std::mem::replace(
            &mut self.draft,
            Draft {
                inside,
                ..Draft::default()
            },
        );
        let nothing_to_do = draft.pieces.is_empty() && span == Span::WHOLE;
        Chunk {
            texts: if nothing_to_do {
                Vec::new()
            } else {
                self.script.take(span.first(), span.last())
            },
            span,
            pieces: draft.pieces,
            acks: draft.acks,
            rows: draft.rows,
        }
    }
}
