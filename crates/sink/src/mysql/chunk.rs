//! One downstream transaction on its way from a writer's builder to its applier.

use std::ops::Range;
use std::sync::Arc;

use tidegate_model::{Ack, Result, TxnEvent};

use super::script::{Form, Script};

/// Statements to run, and what is needed to build them anew in the safe form.
pub(crate) struct Chunk {
    /// One round trip each.
    pub(crate) texts: Vec<Vec<u8>>,
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

/// Rows of one block.
pub(crate) struct Piece {
    pub(crate) txn: Arc<TxnEvent>,
    pub(crate) block: usize,
    pub(crate) rows: Range<usize>,
}

impl Chunk {
    /// The texts for another try: right whatever part of the chunk was already applied.
    pub(crate) fn rebuild_safe(&mut self, script: &mut Script) -> Result<()> {
        for piece in &self.pieces {
            if let Some(block) = piece.txn.blocks.get(piece.block) {
                script.push(block, piece.rows.clone(), Form::Safe)?;
            }
        }
        self.texts = script.take(self.span.first(), self.span.last());
        Ok(())
    }
}
