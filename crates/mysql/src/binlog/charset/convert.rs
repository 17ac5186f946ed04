//! Conversion into UTF-8. What cannot be decoded becomes U+FFFD.

use std::borrow::Cow;
use std::sync::LazyLock;

use encoding_rs::Encoding;

use super::tables::UPPER_HALVES;

/// How the bytes of a character set read.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Charset {
    /// Raw bytes, no text.
    Binary,
    /// utf8mb3 or utf8mb4 by the bytes a character can take, and ascii: already UTF-8.
    Utf8 {
        /// Most bytes of a character.
        max_bytes: u8,
    },
    /// One byte per character, the lower half ASCII (nearly so for swe7).
    OneByte(&'static OneByte),
    /// Chinese, Japanese and Korean sets; ASCII bytes at the start of a character stand for themselves.
    MultiByte(&'static MultiByte),
    /// Two bytes per character, big-endian.
    Ucs2,
    /// UTF-16, big-endian.
    Utf16,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-32, big-endian.
    Utf32,
}

/// A single-byte character set.
#[derive(PartialEq, Debug)]
pub struct OneByte {
    name: &'static str,
    /// Characters of the bytes from 0x80 on.
    upper: Vec<char>,
}

/// A multi-byte character set.
#[derive(PartialEq, Debug)]
pub struct MultiByte {
    name: &'static str,
    encoding: &'static Encoding,
    max_bytes: u8,
    /// sjis and ujis map eight symbols as JIS does, where Windows (and the encoding) chose wide forms.
    jis_symbols: bool,
}

static ONE_BYTE: LazyLock<Vec<OneByte>> = LazyLock::new(|| {
    UPPER_HALVES
        .iter()
        .map(|(name, upper)| OneByte {
            name,
            upper: upper.chars().collect(),
        })
        .collect()
});

static MULTI_BYTE: [MultiByte; 9] = [
    multi_byte("gbk", encoding_rs::GBK, 2, false),
    multi_byte("gb2312", encoding_rs::GBK, 2, false),
    multi_byte("gb18030", encoding_rs::GB18030, 4, false),
    multi_byte("big5", encoding_rs::BIG5, 2, false),
    multi_byte("cp932", encoding_rs::SHIFT_JIS, 2, false),
    multi_byte("sjis", encoding_rs::SHIFT_JIS, 2, true),
    multi_byte("eucjpms", encoding_rs::EUC_JP, 3, false),
    multi_byte("ujis", encoding_rs::EUC_JP, 3, true),
    multi_byte("euckr", encoding_rs::EUC_KR, 2, false),
];

const fn multi_byte(
    name: &'static str,
    encoding: &'static Encoding,
    max_bytes: u8,
    jis_symbols: bool,
) -> MultiByte {
    MultiByte {
        name,
        encoding,
        max_bytes,
        jis_symbols,
    }
}

impl Charset {
    /// The conversion for a character set as the server names it.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "binary" => Charset::Binary,
            "utf8mb4" => Charset::Utf8 { max_bytes: 4 },
            "utf8" | "utf8mb3" => Charset::Utf8 { max_bytes: 3 },
            "ascii" => Charset::Utf8 { max_bytes: 1 },
            "ucs2" => Charset::Ucs2,
            "utf16" => Charset::Utf16,
            "utf16le" => Charset::Utf16Le,
            "utf32" => Charset::Utf32,
            _ => {
                let one_byte = ONE_BYTE.iter().find(|set| set.name == name).map(Charset::OneByte);
                let multi_byte = || {
                    MULTI_BYTE
                        .iter()
                        .find(|set| set.name == name)
                        .map(Charset::MultiByte)
                };
                return one_byte.or_else(multi_byte);
            }
        })
    }

    /// Most bytes of one character: what divides a column's length in bytes into characters.
    pub fn max_bytes(self) -> u32 {
        match self {
            Charset::Binary | Charset::OneByte(_) => 1,
            Charset::Utf8 { max_bytes } => max_bytes.into(),
            Charset::MultiByte(set) => set.max_bytes.into(),
            Charset::Ucs2 => 2,
            Charset::Utf16 | Charset::Utf16Le | Charset::Utf32 => 4,
        }
    }

    /// Whether bytes below 0x80 that stand alone mean themselves, so that a text of only such bytes needs no
    /// conversion.
    pub(crate) fn keeps_ascii(self) -> bool {
        match self {
            Charset::Binary | Charset::Utf8 { .. } | Charset::MultiByte(_) => true,
            Charset::OneByte(set) => set.name != "swe7",
            Charset::Ucs2 | Charset::Utf16 | Charset::Utf16Le | Charset::Utf32 => false,
        }
    }

    /// `bytes` as UTF-8, borrowed where they are that already.
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        if self.keeps_ascii() && bytes.is_ascii() {
            return String::from_utf8_lossy(bytes);
        }
        match self {
            Charset::Binary | Charset::Utf8 { .. } => String::from_utf8_lossy(bytes),
            Charset::OneByte(set) => bytes.iter().map(|&byte| set.char(byte)).collect(),
            Charset::MultiByte(set) => set.decode(bytes),
            Charset::Ucs2 | Charset::Utf16 => utf16(bytes, u16::from_be_bytes),
            Charset::Utf16Le => utf16(bytes, u16::from_le_bytes),
            Charset::Utf32 => utf32(bytes),
        }
    }
}

impl OneByte {
    fn char(&self, byte: u8) -> char {
        match byte.checked_sub(0x80) {
            Some(at) => self
                .upper
                .get(usize::from(at))
                .copied()
                .unwrap_or(char::REPLACEMENT_CHARACTER),
            None if self.name == "swe7" => swe7(byte),
            None => byte.into(),
        }
    }
}

/// The Swedish national variant of ASCII.
fn swe7(byte: u8) -> char {
    match byte {
        b'@' => 'É',
        b'[' => 'Ä',
        b'\\' => 'Ö',
        b']' => 'Å',
        b'^' => 'Ü',
        b'`' => 'é',
        b'{' => 'ä',
        b'|' => 'ö',
        b'}' => 'å',
        b'~' => 'ü',
        other => other.into(),
    }
}

impl MultiByte {
    fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        let (text, _) = self.encoding.decode_without_bom_handling(bytes);
        if self.jis_symbols {
            text.chars().map(jis_symbol).collect()
        } else {
            text
        }
    }
}

fn jis_symbol(symbol: char) -> char {
    match symbol {
        '\u{ff5e}' => '\u{301c}',
        '\u{2225}' => '\u{2016}',
        '\u{ff0d}' => '\u{2212}',
        '\u{ffe0}' => '\u{a2}',
        '\u{ffe1}' => '\u{a3}',
        '\u{ffe2}' => '\u{ac}',
        '\u{ff3c}' => '\\',
        other => other,
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| unit(pair));
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    text.chain((!odd.is_empty()).then_some(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn utf32(bytes: &[u8]) -> Cow<'static, str> {
    let (units, odd) = bytes.as_chunks::<4>();
    let text = units
        .iter()
        .map(|&unit| char::from_u32(u32::from_be_bytes(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
    text.chain((!odd.is_empty()).then_some(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_every_family() {
        let check = |charset: &str, bytes: &[u8], expect: &str| {
            assert_eq!(
                Charset::by_name(charset).unwrap().decode(bytes),
                expect,
                "{charset}"
            );
        };
        check("latin1", b"a\x80\x81\xe9", "a\u{20ac}\u{81}\u{e9}");
        check("latin2", b"\xb1", "ą");
        check("koi8r", b"\xc1", "а");
        check("swe7", b"[a}", "Äaå");
        check("gbk", b"\xc4\xe3", "你");
        check("gb18030", b"\x94\x39\xda\x33", "\u{1f4a9}");
        check("big5", b"\xa7\x41", "你");
        check("sjis", b"\x81\x60\x5c", "\u{301c}\\");
        check("cp932", b"\x81\x60", "\u{ff5e}");
        check("ujis", b"\xa4\xa2", "あ");
        check("euckr", b"\xb0\xa1", "가");
        check("ucs2", b"\0a\x04\x30", "aа");
        check("utf16", b"\xd8\x3d\xdc\xa9\0", "\u{1f4a9}\u{fffd}");
        check("utf16le", b"a\0", "a");
        check("utf32", b"\0\x01\xf4\xa9", "\u{1f4a9}");
        check("utf8mb4", b"\xff", "\u{fffd}");
        check("cp1250", b"\x81", "\u{fffd}");
    }

    #[test]
    fn every_one_byte_table_is_complete() {
        for set in ONE_BYTE.iter() {
            assert_eq!(set.upper.len(), 128, "{}", set.name);
        }
    }

    #[test]
    fn ascii_is_borrowed() {
        for charset in ["utf8mb4", "latin1", "gbk"] {
            let decoded = Charset::by_name(charset).unwrap().decode(b"plain");
            assert!(matches!(decoded, Cow::Borrowed("plain")), "{charset}");
        }
    }
}
