//! Bounds-checked reading of little- and big-endian numbers from a byte slice.

use std::fmt;

/// What is wrong with some bytes, without saying where: the caller adds event, column and position.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// They end too early.
    Truncated,
    /// They break a rule of the format.
    Invalid(&'static str),
    /// A length exceeds what is safe to unpack.
    TooLarge(&'static str),
    /// A JSON diff cannot be applied.
    PartialJson(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Truncated => f.write_str("the bytes end too early"),
            Fault::Invalid(what) | Fault::TooLarge(what) | Fault::PartialJson(what) => f.write_str(what),
        }
    }
}

pub(crate) type Parse<T> = Result<T, Fault>;

/// A cursor over bytes; every read checks the bounds.
#[derive(Copy, Clone)]
pub(crate) struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { all: bytes, at: 0 }
    }

    /// Offset from the start.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.all.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.all.len()
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Parse<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or(Fault::Truncated)?;
        let bytes = self.all.get(self.at..end).ok_or(Fault::Truncated)?;
        self.at = end;
        Ok(bytes)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Parse<[u8; N]> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Fault::Truncated)
    }

    /// The range of the next `len` bytes, which are skipped.
    #[inline]
    pub(crate) fn skip(&mut self, len: usize) -> Parse<usize> {
        let start = self.at;
        self.take(len)?;
        Ok(start)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Parse<u8> {
        Ok(self.array::<1>()?[0])
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Parse<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u24(&mut self) -> Parse<u32> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Parse<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Parse<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Little-endian number of `len` bytes, at most 8.
    #[inline]
    pub(crate) fn uint(&mut self, len: usize) -> Parse<u64> {
        let bytes = self.take(len)?;
        let mut wide = [0; 8];
        wide.get_mut(..len)
            .ok_or(Fault::Invalid("a number is wider than 8 bytes"))?
            .copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    /// Big-endian number of `len` bytes, at most 8.
    #[inline]
    pub(crate) fn uint_be(&mut self, len: usize) -> Parse<u64> {
        let bytes = self.take(len)?;
        if len > 8 {
            return Err(Fault::Invalid("a number is wider than 8 bytes"));
        }
        Ok(bytes
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Length-coded number of the client protocol; always 64 bits wide.
    pub(crate) fn lenenc(&mut self) -> Parse<u64> {
        match self.u8()? {
            short @ 0..=250 => Ok(u64::from(short)),
            252 => Ok(u64::from(self.u16()?)),
            253 => Ok(u64::from(self.u24()?)),
            254 => self.u64(),
            _ => Err(Fault::Invalid("a length-coded number has a bad first byte")),
        }
    }

    /// Length-coded number that has to fit what is left, such as a length or a count of things of one byte or more.
    pub(crate) fn lenenc_len(&mut self) -> Parse<usize> {
        let len = self.lenenc()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.rest().len() => Ok(len),
            _ => Err(Fault::Truncated),
        }
    }

    /// Bytes behind a length-coded length.
    pub(crate) fn lenenc_bytes(&mut self) -> Parse<&'a [u8]> {
        let len = self.lenenc_len()?;
        self.take(len)
    }
}

/// Reads `at` (LSB first) of a bitmap; bits past its end are 0.
#[inline]
pub(crate) fn bit(bitmap: &[u8], at: usize) -> bool {
    bitmap.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stop_at_the_end() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16(), Ok(0x0201));
        assert_eq!(reader.u16(), Err(Fault::Truncated));
        assert_eq!(reader.u8(), Ok(3));
        assert_eq!(reader.take(usize::MAX), Err(Fault::Truncated));
        assert_eq!(
            Reader::new(&[0; 9]).uint(9),
            Err(Fault::Invalid("a number is wider than 8 bytes"))
        );
    }

    #[test]
    fn length_coded_numbers() {
        let check = |bytes: &[u8], expect| assert_eq!(Reader::new(bytes).lenenc(), expect, "{bytes:?}");
        check(&[250], Ok(250));
        check(&[252, 1, 2], Ok(0x0201));
        check(&[253, 1, 2, 3], Ok(0x03_0201));
        check(&[254, 1, 0, 0, 0, 0, 0, 0, 0x80], Ok(1 << 63 | 1));
        check(
            &[251],
            Err(Fault::Invalid("a length-coded number has a bad first byte")),
        );
        check(&[254, 1], Err(Fault::Truncated));
    }
}
