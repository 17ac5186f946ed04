//! Rows become bytes on several threads at once.
//!
//! A table's rows are cut into pieces, which are encoded side by side and used in their order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_codec::Encoder;
use tidegate_model::{Clock, ErrorCode, Result, ResultExt, RowBlock, TableInfo, Ts};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::config::{Format, StorageConfig};
use super::split::KeyChanges;

/// Bytes of rows in memory that make a piece.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces of one table that are encoded, or wait to be written, beside the one being written.
const AHEAD: usize = 8;

/// Encoders for all workers of a sink.
pub(crate) struct Encoders {
    format: Format,
    /// Whether an update that changes a key stays one update.
    raw: bool,
    piece_bytes: usize,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Box<dyn Encoder>>>,
    /// Encoded bytes of the piece before for each KiB of its rows in memory: so buffers are made large enough at once.
    bytes_per_kib: AtomicUsize,
    /// One for each thread that may encode.
    threads: Arc<Semaphore>,
    /// Whether the caller's own thread encodes.
    in_place: bool,
}

/// Rows of one table version in commit order.
pub(crate) struct Piece {
    table: Arc<TableInfo>,
    rows: Vec<(Ts, RowBlock)>,
    /// Whether a file may end before it: its first row begins a transaction.
    starts_transaction: bool,
    source_bytes: usize,
}

/// A piece, encoded.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: usize,
    pub(crate) table: Arc<TableInfo>,
    pub(crate) starts_transaction: bool,
    /// Bytes in memory that its rows had.
    pub(crate) source_bytes: usize,
}

impl Encoders {
    pub(crate) fn new(config: &StorageConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Encoders {
            format: config.format.clone(),
            raw: config.output_raw_change_event,
            // Files end between pieces.
            piece_bytes: PIECE_BYTES.min(config.file_size),
            clock,
            idle: Mutex::default(),
            bytes_per_kib: AtomicUsize::new(2 << 10),
            threads: Arc::new(Semaphore::new(threads)),
            in_place: config.encode_in_place,
        })
    }

    /// What a new file of `table` starts with.
    pub(crate) fn header(&self, table: &TableInfo) -> Vec<u8> {
        let mut header = Vec::new();
        self.with_encoder(|encoder| encoder.start_file(table, &mut header));
        header
    }

    /// Encodes the rows of one table; they come out in the order of `rows`.
    pub(crate) fn start(self: &Arc<Self>, rows: Vec<(Ts, RowBlock)>) -> InOrder {
        InOrder {
            encoders: Arc::clone(self),
            pieces: pieces(rows, self.piece_bytes).into(),
            begun: VecDeque::new(),
        }
    }

    fn with_encoder<T>(&self, work: impl FnOnce(&mut dyn Encoder) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = idle.unwrap_or_else(|| self.format.encoder());
        let result = work(&mut *encoder);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(encoder);
        result
    }

    fn encode(&self, piece: Piece) -> Result<Encoded> {
        let kib = piece.source_bytes / 1024 + 1;
        let expected = kib * self.bytes_per_kib.load(Ordering::Relaxed);
        let mut bytes = Vec::with_capacity(expected + expected / 8);
        let mut rows = 0;
        self.with_encoder(|encoder| {
            piece.rows.iter().try_for_each(|(commit_ts, block)| {
                rows += block.len();
                self.encode_block(encoder, block, *commit_ts, &mut bytes)
            })
        })?;
        self.bytes_per_kib.store(bytes.len() / kib + 1, Ordering::Relaxed);
        Ok(Encoded {
            bytes,
            rows,
            table: piece.table,
            starts_transaction: piece.starts_transaction,
            source_bytes: piece.source_bytes,
        })
    }

    fn encode_block(
        &self,
        encoder: &mut dyn Encoder,
        block: &RowBlock,
        commit_ts: Ts,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let now_ms = self.clock.unix_ms();
        let changes = if self.raw { None } else { KeyChanges::of(block) };
        match changes {
            None => block
                .rows()
                .try_for_each(|row| encoder.row(row, commit_ts, now_ms, out)),
            Some(changes) => changes
                .in_place(block)
                .try_for_each(|row| encoder.row(row, commit_ts, now_ms, out)),
        }
    }
}

/// The pieces of one table on their way through the encoders.
pub(crate) struct InOrder {
    encoders: Arc<Encoders>,
    pieces: VecDeque<Piece>,
    begun: VecDeque<Begun>,
}

/// A piece that is encoded, or is being encoded.
enum Begun {
    Here(Result<Encoded>),
    Thread(JoinHandle<Result<Encoded>>),
}

impl InOrder {
    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// Those of [`Encoder::row`].
    pub(crate) async fn next(&mut self) -> Result<Option<Encoded>> {
        self.begin().await?;
        let Some(first) = self.begun.pop_front() else {
            return Ok(None);
        };
        let encoded = match first {
            Begun::Here(encoded) => encoded?,
            Begun::Thread(thread) => thread.await.code(
                ErrorCode::ExternalStorageAPI,
                "a thread that encodes ended unexpectedly",
            )??,
        };
        // While this one is written.
        self.begin().await?;
        Ok(Some(encoded))
    }

    /// Keeps the threads busy, without waiting for one unless there is nothing else to wait for.
    async fn begin(&mut self) -> Result<()> {
        while self.begun.len() < AHEAD && !self.pieces.is_empty() {
            let Some(thread) = self.thread().await? else {
                break;
            };
            let Some(piece) = self.pieces.pop_front() else {
                break;
            };
            if self.encoders.in_place {
                self.begun.push_back(Begun::Here(self.encoders.encode(piece)));
                continue;
            }
            let encoders = Arc::clone(&self.encoders);
            self.begun
                .push_back(Begun::Thread(tokio::task::spawn_blocking(move || {
                    let _thread = thread;
                    encoders.encode(piece)
                })));
        }
        Ok(())
    }

    async fn thread(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let threads = Arc::clone(&self.encoders.threads);
        if !self.begun.is_empty() {
            return Ok(threads.try_acquire_owned().ok());
        }
        let thread = threads.acquire_owned().await;
        thread
            .map(Some)
            .code(ErrorCode::ExternalStorageAPI, "the encoders are gone")
    }
}

/// Cuts rows into pieces: where the table version changes, and where enough is together. A piece begins with a
/// transaction where it can, so that files can end there.
fn pieces(rows: Vec<(Ts, RowBlock)>, piece_bytes: usize) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut last_ts = Ts::ZERO;
    for (commit_ts, block) in rows {
        let bytes = block.memory_bytes();
        let starts_transaction = commit_ts != last_ts;
        last_ts = commit_ts;
        match pieces.last_mut() {
            Some(piece) if piece.source_bytes < piece_bytes && Arc::ptr_eq(&piece.table, block.table()) => {
                piece.source_bytes += bytes;
                piece.rows.push((commit_ts, block));
            }
            _ => pieces.push(Piece {
                table: Arc::clone(block.table()),
                rows: vec![(commit_ts, block)],
                starts_transaction,
                source_bytes: bytes,
            }),
        }
    }
    pieces
}
