//! JSON strings as the original writes them.

/// How a string's control characters are written.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// canal-json: `\t \n \r`, all others as `\u00xx`.
    Canal,
    /// Schema files and `metadata`: also `\b` and `\f`.
    Plain,
}

/// Appends `text` as a quoted JSON string. `<`, `>`, `&`, U+2028 and U+2029 are escaped; undecodable bytes become
/// `\ufffd`; everything else stays as it is.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8], flavour: Flavour) {
    out.push(b'"');
    match std::str::from_utf8(text) {
        // Many bytes at once, where the chunks go byte by byte.
        Ok(text) => valid(out, text, flavour),
        Err(_) => {
            for chunk in text.utf8_chunks() {
                valid(out, chunk.valid(), flavour);
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice(b"\\ufffd");
                }
            }
        }
    }
    out.push(b'"');
}

/// Appends raw bytes as a quoted JSON string in which each byte is the character of the same number (ISO-8859-1).
pub(crate) fn latin1(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for &byte in bytes {
        if byte < 0x80 {
            ascii(out, byte, Flavour::Canal);
        } else {
            out.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]);
        }
    }
    out.push(b'"');
}

fn valid(out: &mut Vec<u8>, text: &str, flavour: Flavour) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| IS_SPECIAL[usize::from(byte)]) {
        let (clean, special) = rest.split_at(at);
        out.extend_from_slice(clean);
        let len = match special {
            [0xe2, 0x80, 0xa8, ..] => {
                out.extend_from_slice(b"\\u2028");
                3
            }
            [0xe2, 0x80, 0xa9, ..] => {
                out.extend_from_slice(b"\\u2029");
                3
            }
            [byte @ 0xe2, ..] => {
                out.push(*byte);
                1
            }
            [byte, ..] => {
                ascii(out, *byte, flavour);
                1
            }
            [] => break,
        };
        rest = special.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Bytes that are escaped, or may begin what is: U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
static IS_SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'&' as usize] = true;
    table[0xe2] = true;
    table
};

fn ascii(out: &mut Vec<u8>, byte: u8, flavour: Flavour) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 if flavour == Flavour::Plain => out.extend_from_slice(b"\\b"),
        0x0c if flavour == Flavour::Plain => out.extend_from_slice(b"\\f"),
        0..=0x1f | b'<' | b'>' | b'&' => {
            out.extend_from_slice(b"\\u00");
            crate::text::hex_byte(out, byte);
        }
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canal(text: &[u8]) -> String {
        let mut out = Vec::new();
        string(&mut out, text, Flavour::Canal);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_those_of_the_original() {
        assert_eq!(
            canal("a\"b\\c\n\r\t\u{8}\u{1f}\u{7f}<>&é\u{2028}".as_bytes()),
            "\"a\\\"b\\\\c\\n\\r\\t\\u0008\\u001f\u{7f}\\u003c\\u003e\\u0026é\\u2028\""
        );
        assert_eq!(canal(b"a\xffb"), "\"a\\ufffdb\"");
        let mut out = Vec::new();
        string(&mut out, b"\x08\x0c", Flavour::Plain);
        assert_eq!(out, b"\"\\b\\f\"");
    }

    #[test]
    fn bytes_become_the_characters_of_the_same_number() {
        let mut out = Vec::new();
        latin1(&mut out, &[0x00, 0xff, 0x41]);
        assert_eq!(String::from_utf8(out).unwrap(), "\"\\u0000ÿA\"");
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in ".*") {
            prop_assert_eq!(serde_json::from_str::<String>(&canal(text.as_bytes())).unwrap(), text);
        }

        #[test]
        fn any_bytes_give_valid_json(bytes: Vec<u8>) {
            serde_json::from_str::<String>(&canal(&bytes)).unwrap();
            let mut out = Vec::new();
            latin1(&mut out, &bytes);
            let back: Vec<u8> =
                serde_json::from_slice::<String>(&out).unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            prop_assert_eq!(back, bytes);
        }
    }
}
