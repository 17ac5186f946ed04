//! MySQL's compressed transactions (`binlog_transaction_compression`).

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tidegate_model::{CdcError, ErrorCode, Result};

use super::event::Event;
use super::framer::Framer;
use super::header::{EventHeader, HEADER_BYTES};
use super::read::{Fault, Parse, Reader};

/// Nothing larger than this is one event of a transaction.
const EVENT_BYTES_MAX: u64 = 1 << 30;
/// Largest zstd window accepted: what the server's own decoder accepts.
const WINDOW_LOG_MAX: u32 = 27;

/// A compressed transaction: BEGIN, table maps, rows, XID in one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionPayload {
    /// Bytes the events take when unpacked, as the server claims.
    pub unpacked_bytes: u64,
    compressed: bool,
    payload: Bytes,
}

impl TransactionPayload {
    pub(crate) fn parse(body: &Bytes) -> Parse<Self> {
        let mut reader = Reader::new(body);
        let (mut size, mut algorithm, mut unpacked_bytes) = (None, 255, 0);
        loop {
            let field = reader.lenenc()?;
            if field == 0 {
                break;
            }
            let mut value = Reader::new(reader.lenenc_bytes()?);
            match field {
                1 => size = Some(value.lenenc()?),
                2 => algorithm = value.lenenc()?,
                3 => unpacked_bytes = value.lenenc()?,
                _ => {}
            }
        }
        let payload = body.slice(reader.position()..);
        if size.is_some_and(|size| size != payload.len() as u64) {
            return Err(Fault::Truncated);
        }
        let compressed = match algorithm {
            0 => true,
            255 => false,
            _ => return Err(Fault::Invalid("the compression of the transaction is unknown")),
        };
        Ok(TransactionPayload {
            unpacked_bytes: if compressed {
                unpacked_bytes
            } else {
                payload.len() as u64
            },
            compressed,
            payload,
        })
    }

    /// The events inside, unpacked one by one. `framer` is the one that framed the outer event.
    ///
    /// They have no checksum and `end_pos` 0. The iterator ends after the first error.
    ///
    /// # Errors
    /// Each item: `BinlogDecode` for damage; `TxnTooLarge` once more than `bytes_max` bytes have come out.
    pub fn events<'a>(&self, framer: &'a Framer, bytes_max: u64) -> PayloadEvents<'a> {
        let source = if self.compressed {
            zstd_reader(self.payload.clone())
        } else {
            Ok(Box::new(self.payload.clone().reader()) as Box<dyn Read + Send>)
        };
        PayloadEvents {
            framer,
            source: source.map(|source| source.take(bytes_max.saturating_add(1))),
            left: bytes_max,
            done: false,
        }
    }
}

fn zstd_reader(payload: Bytes) -> io::Result<Box<dyn Read + Send>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(payload.reader())?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(Box::new(decoder))
}

/// Iterator over the events of a compressed transaction.
pub struct PayloadEvents<'a> {
    framer: &'a Framer,
    source: io::Result<io::Take<Box<dyn Read + Send>>>,
    left: u64,
    done: bool,
}

impl Iterator for PayloadEvents<'_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        if self.done {
            return None;
        }
        let event = self.read_event().transpose();
        self.done = !matches!(event, Some(Ok(_)));
        event
    }
}

impl PayloadEvents<'_> {
    fn read_event(&mut self) -> Result<Option<Event>> {
        let source = match &mut self.source {
            Ok(source) => source,
            Err(error) => return Err(damaged(error)),
        };
        let mut bytes = Vec::new();
        let head = source.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut bytes);
        match head.map_err(|error| damaged(&error))? {
            0 => return Ok(None),
            HEADER_BYTES => {}
            _ => return Err(damaged("it ends inside an event header")),
        }
        let header = EventHeader::parse(&bytes)?;
        let size = u64::from(header.size);
        if size < HEADER_BYTES as u64 || size > EVENT_BYTES_MAX {
            return Err(damaged("an event inside has an impossible size"));
        }
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            CdcError::new(
                ErrorCode::TxnTooLarge,
                "a compressed transaction unpacks to more than the limit",
            )
        })?;
        bytes.clear();
        let body = size - HEADER_BYTES as u64;
        let got = source.by_ref().take(body).read_to_end(&mut bytes);
        if got.map_err(|error| damaged(&error))? as u64 != body {
            return Err(damaged("it ends inside an event"));
        }
        self.framer.frame_inner(header, bytes.into()).map(Some)
    }
}

fn damaged(why: impl std::fmt::Display) -> CdcError {
    CdcError::new(
        ErrorCode::BinlogDecode,
        format_args!("cannot unpack a compressed transaction: {why}"),
    )
}
