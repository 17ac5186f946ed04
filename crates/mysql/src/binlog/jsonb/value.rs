//! Values of a binary document and the entries of its objects and arrays.

use crate::binlog::read::{Fault, Parse, Reader};

pub(super) const SMALL_OBJECT: u8 = 0;
pub(super) const LARGE_OBJECT: u8 = 1;
pub(super) const SMALL_ARRAY: u8 = 2;
pub(super) const LARGE_ARRAY: u8 = 3;
pub(super) const LITERAL: u8 = 4;
pub(super) const INT16: u8 = 5;
pub(super) const UINT16: u8 = 6;
pub(super) const INT32: u8 = 7;
pub(super) const UINT32: u8 = 8;
pub(super) const INT64: u8 = 9;
pub(super) const UINT64: u8 = 10;
pub(super) const DOUBLE: u8 = 11;
pub(super) const STRING: u8 = 12;
pub(super) const OPAQUE: u8 = 15;

/// A value: its type and the bytes from its start on (to the end of what holds it).
#[derive(Copy, Clone, Debug)]
pub(super) struct Value<'a> {
    pub(super) kind: u8,
    pub(super) data: &'a [u8],
}

impl<'a> Value<'a> {
    /// The document's own value. An empty document is what MySQL stores for a missing default: null.
    pub(super) fn root(document: &'a [u8]) -> Parse<Self> {
        Ok(match document.split_first() {
            Some((&kind, data)) => Value { kind, data },
            None => Value {
                kind: LITERAL,
                data: &[0],
            },
        })
    }

    /// The object or array, if it is one.
    pub(super) fn container(self) -> Parse<Option<Container<'a>>> {
        let (word, is_object) = match self.kind {
            SMALL_OBJECT => (2, true),
            LARGE_OBJECT => (4, true),
            SMALL_ARRAY => (2, false),
            LARGE_ARRAY => (4, false),
            _ => return Ok(None),
        };
        let mut reader = Reader::new(self.data);
        let count = reader.uint(word)? as usize;
        let size = reader.uint(word)? as usize;
        let bytes = self.data.get(..size).ok_or(Fault::Truncated)?;
        Ok(Some(Container {
            bytes,
            word,
            is_object,
            count,
        }))
    }
}

/// An object or array. Offsets inside count from its first byte.
pub(super) struct Container<'a> {
    bytes: &'a [u8],
    /// Bytes of counts and offsets: 2 in small ones, 4 in large ones.
    word: usize,
    pub(super) is_object: bool,
    pub(super) count: usize,
}

impl<'a> Container<'a> {
    /// Key `i` of an object: its entry has offset and length (2 bytes).
    pub(super) fn key(&self, i: usize) -> Parse<&'a [u8]> {
        let mut entry = self.at(2 * self.word + i * (self.word + 2))?;
        let offset = entry.uint(self.word)? as usize;
        let len = usize::from(entry.u16()?);
        self.at(offset)?.take(len)
    }

    /// Value `i`: its entry has the type, then the value itself if it is small enough, or else its offset.
    pub(super) fn value(&self, i: usize) -> Parse<Value<'a>> {
        let keys = if self.is_object {
            self.count * (self.word + 2)
        } else {
            0
        };
        let mut entry = self.at(2 * self.word + keys + i * (self.word + 1))?;
        let kind = entry.u8()?;
        let data = match kind {
            LITERAL | INT16 | UINT16 => entry.take(self.word)?,
            INT32 | UINT32 if self.word == 4 => entry.take(4)?,
            _ => self.at(entry.uint(self.word)? as usize)?.rest(),
        };
        Ok(Value { kind, data })
    }

    fn at(&self, offset: usize) -> Parse<Reader<'a>> {
        self.bytes.get(offset..).map(Reader::new).ok_or(Fault::Truncated)
    }
}

/// Length of a string: seven bits per byte, low ones first, the top bit says that more follow.
pub(super) fn read_len(reader: &mut Reader<'_>) -> Parse<usize> {
    let mut len = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = reader.u8()?;
        len |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(len).map_err(|_| Fault::Truncated);
        }
    }
    Err(Fault::Invalid("a JSON string has no end of its length"))
}
