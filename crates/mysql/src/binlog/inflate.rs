//! MariaDB's compressed areas: events written under `log_bin_compress`, and COMPRESSED columns.

use std::io::Read as _;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::read::{Fault, Parse, Reader};

/// Nothing larger passes through the client protocol, so a larger claim is damage.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Unpacks the area of a compressed event: `0x80 | algorithm << 4 | n`, the unpacked length in `n` big-endian bytes,
/// then a zlib stream.
pub(crate) fn inflate(area: &[u8]) -> Parse<Vec<u8>> {
    let mut reader = Reader::new(area);
    let head = reader.u8()?;
    if head & 0x80 == 0 {
        return Err(Fault::Invalid("a compressed area has a bad first byte"));
    }
    if head >> 4 & 0x7 != 0 {
        return Err(Fault::Invalid("the compression algorithm is unknown"));
    }
    let len = reader.uint_be(usize::from(head & 0x7))?;
    unpack(ZlibDecoder::new(reader.rest()), len)
}

/// Unpacks the value of a COMPRESSED column: method in the upper half of the first byte (0 stored, 8 zlib), for
/// zlib bit 3 set means a raw deflate stream without the zlib wrapper, and the low 3 bits are the size of the
/// big-endian unpacked length. `None`: the bytes behind the first are the value.
pub(crate) fn inflate_column(value: &[u8]) -> Parse<Option<Vec<u8>>> {
    let mut reader = Reader::new(value);
    let head = reader.u8()?;
    match head >> 4 {
        0 => Ok(None),
        8 => {
            let len = reader.uint_be(usize::from(head & 0x7))?;
            if head & 0x8 != 0 {
                unpack(DeflateDecoder::new(reader.rest()), len).map(Some)
            } else {
                unpack(ZlibDecoder::new(reader.rest()), len).map(Some)
            }
        }
        _ => Err(Fault::Invalid("the compression method of the column is unknown")),
    }
}

/// Reads exactly `len` bytes. Memory grows with what really comes out, so a false length allocates nothing.
fn unpack(decoder: impl std::io::Read, len: u64) -> Parse<Vec<u8>> {
    if len > UNPACKED_BYTES_MAX {
        return Err(Fault::TooLarge("the unpacked length exceeds 1 GiB"));
    }
    let mut out = Vec::new();
    decoder
        .take(len + 1)
        .read_to_end(&mut out)
        .map_err(|_| Fault::Invalid("a compressed area cannot be unpacked"))?;
    if out.len() as u64 != len {
        return Err(Fault::Invalid(
            "a compressed area has another length than it claims",
        ));
    }
    Ok(out)
}
