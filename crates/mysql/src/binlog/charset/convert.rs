//! Conversion into UTF-8. What cannot be decoded becomes U+FFFD.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use encoding_rs::Encoding;

use super::tables::{BIG5_RUNS, EUCJPMS_IBM, UPPER_HALVES};

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
    quirk: Quirk,
}

/// Where the server departs from the encoding that browsers know by the same name.
#[derive(Copy, Clone, PartialEq, Debug)]
enum Quirk {
    None,
    /// Eight symbols as JIS maps them, where Windows chose wide forms.
    JisSymbols,
    /// The rows for users map to the private area of Unicode, and IBM's extensions have three bytes.
    Eucjpms,
    /// User rows, and symbols as JIS maps them.
    Ujis,
    /// Middle dot and dash of the standard, where GBK has others.
    Gb2312,
    /// Kana, Cyrillic and some symbols at other places.
    Big5,
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
    multi_byte("gbk", encoding_rs::GBK, 2, Quirk::None),
    multi_byte("gb2312", encoding_rs::GBK, 2, Quirk::Gb2312),
    multi_byte("gb18030", encoding_rs::GB18030, 4, Quirk::None),
    multi_byte("big5", encoding_rs::BIG5, 2, Quirk::Big5),
    multi_byte("cp932", encoding_rs::SHIFT_JIS, 2, Quirk::None),
    multi_byte("sjis", encoding_rs::SHIFT_JIS, 2, Quirk::JisSymbols),
    multi_byte("eucjpms", encoding_rs::EUC_JP, 3, Quirk::Eucjpms),
    multi_byte("ujis", encoding_rs::EUC_JP, 3, Quirk::Ujis),
    multi_byte("euckr", encoding_rs::EUC_KR, 2, Quirk::None),
];

const fn multi_byte(
    name: &'static str,
    encoding: &'static Encoding,
    max_bytes: u8,
    quirk: Quirk,
) -> MultiByte {
    MultiByte {
        name,
        encoding,
        max_bytes,
        quirk,
    }
}

/// Big5 codes with a meaning of the server's own.
static BIG5: LazyLock<HashMap<u16, char>> = LazyLock::new(|| {
    let run = |&(first, chars): &(u16, &'static str)| big5_codes(first).zip(chars.chars());
    BIG5_RUNS.iter().flat_map(run).collect()
});

/// Codes from `first` on: trail bytes 40 to 7E and A1 to FE.
fn big5_codes(first: u16) -> impl Iterator<Item = u16> {
    (first..).filter(|code| matches!(code & 0xff, 0x40..=0x7e | 0xa1..=0xfe))
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
        let plain = || self.encoding.decode_without_bom_handling(bytes).0;
        match self.quirk {
            Quirk::None => plain(),
            Quirk::JisSymbols => plain().chars().map(jis_symbol).collect(),
            Quirk::Gb2312 => plain().chars().map(gb2312_symbol).collect(),
            Quirk::Big5 => self.decode_one_by_one(bytes, big5).into(),
            Quirk::Eucjpms => self.decode_one_by_one(bytes, eucjpms).into(),
            Quirk::Ujis => self.decode_one_by_one(bytes, ujis).into(),
        }
    }

    /// Decodes each character by `own` or else by the encoding.
    fn decode_one_by_one(&self, bytes: &[u8], own: fn(&[u8]) -> Option<char>) -> String {
        let mut text = String::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(&lead) = rest.first() {
            let len = match lead {
                0..0x80 => 1,
                0x8f if self.max_bytes == 3 => 3,
                _ => 2,
            };
            let (code, behind) = rest.split_at(len.min(rest.len()));
            match own(code) {
                Some(found) => text.push(found),
                None => text.push_str(&self.encoding.decode_without_bom_handling(code).0),
            }
            rest = behind;
        }
        text
    }
}

fn big5(code: &[u8]) -> Option<char> {
    let code = u16::from_be_bytes(code.try_into().ok()?);
    BIG5.get(&code).copied()
}

/// Symbols are left to the encoding, but for those that JIS maps otherwise.
fn ujis(code: &[u8]) -> Option<char> {
    match code {
        [0x8f, 0xa2, 0xb7] => Some('~'),
        _ => euc_user_row(code).or_else(|| {
            let (text, _) = encoding_rs::EUC_JP.decode_without_bom_handling(code);
            text.chars().next().map(jis_symbol)
        }),
    }
}

fn eucjpms(code: &[u8]) -> Option<char> {
    match *code {
        [0x8f, 0xa2, 0xc3] => Some('\u{ffe4}'),
        [0x8f, row @ 0xf3..=0xf4, cell @ 0xa1..=0xfe] => {
            let (first, chars) = EUCJPMS_IBM;
            let [first_row, first_cell] = first.to_be_bytes();
            let place = usize::from(row - first_row) * 94 + usize::from(cell);
            chars.chars().nth(place.checked_sub(first_cell.into())?)
        }
        _ => euc_user_row(code),
    }
}

/// The last ten rows of both planes, 94 codes each.
fn euc_user_row(code: &[u8]) -> Option<char> {
    let (plane, row, cell) = match *code {
        [row, cell] => (0xe000, row, cell),
        [0x8f, row, cell] => (0xe3ac, row, cell),
        _ => return None,
    };
    match (row, cell) {
        (0xf5..=0xfe, 0xa1..=0xfe) => {
            char::from_u32(plane + u32::from(row - 0xf5) * 94 + u32::from(cell - 0xa1))
        }
        _ => None,
    }
}

fn gb2312_symbol(symbol: char) -> char {
    match symbol {
        '\u{b7}' => '\u{30fb}',
        '\u{2014}' => '\u{2015}',
        other => other,
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
        check("ujis", b"\xa1\xc0\xf5\xa1\x8f\xfe\xfe", "\\\u{e000}\u{e757}");
        check("eucjpms", b"\xa4\xa2\xfe\xfe\xff", "あ\u{e3ab}\u{fffd}");
        check("gb2312", b"\xa1\xa4\xa1\xaa", "\u{30fb}\u{2015}");
        check("big5", b"a\xc6\xa1\xc7\xfc\xa1\x45\xa7", "aヾ\u{247d}•\u{fffd}");
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
