//! One downstream transaction on its way from a writer's builder to its applier.

use std::sync::Arc;

use tidegate_model::{Ack, Result, TxnEvent};

use super::script::{Form, Script, Step};

/// Statements to run, and what is needed to build them anew in the safe form.
pub(crate) struct Chunk {
    pub(crate) steps: Vec<Step>,
    pub(crate) span: Span,
    pub(crate) pieces: Vec<Piece>,
    /// Settled once the chunk is applied.
    pub(crate) acks: Vec<Ack>,
    pub(crate) rows: usize,
    /// Everything up to this place in the writer's queue is applied with it.
    pub(crate) seq: u64,
}

/// Which part of a downstream transaction a chunk is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) begins: bool,
    pub(crate) commits: bool,
}

impl Span {
    pub(crate) const WHOLE: Span = Span {
        begins: true,
        commits: true,
    };

    pub(crate) fn first(self) -> &'static str {
        if self.begins { "BEGIN" } else { "" }
    }

    pub(crate) fn last(self) -> &'static str {
        if self.commits { "COMMIT" } else { "" }
    }
}

/// One block.
pub(crate) struct Piece {
    pub(crate) txn: Arc<TxnEvent>,
    pub(crate) block: usize,
}

impl Chunk {
    /// The steps for another try, nothing in bulk: right whatever part of the chunk was already applied.
    pub(crate) fn rebuild_safe(&mut self, script: &mut Script) -> Result<()> {
        for piece in &self.pieces {
            if let Some(block) = piece.txn.blocks.get(piece.block) {
                script.push(block, 0..block.len(), Form::Safe)?;
            }
        }
        self.steps = script.take(self.span.first(), self.span.last());
        Ok(())
    }

    /// Bytes that are sent, about.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = self.steps.iter().map(|step| match step {
            Step::Text(text) => text.len(),
            Step::Bulk(bulk) => bulk.bytes(),
        });
        bytes.sum()
    }
}
