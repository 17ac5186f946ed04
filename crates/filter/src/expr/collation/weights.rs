//! Primary weights of characters.

use std::sync::LazyLock;

/// Code points that the tables cover; the rest follows a rule.
const COVERED: usize = 0x1_0000;
/// The weight of a character that `general_ci` and `unicode_ci` do not know.
const REPLACEMENT: u16 = 0xfffd;

/// A set of weights.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Weights {
    General,
    Uca400,
    Uca520,
    Uca1400,
    Swedish,
}

/// The weights of one character: at most two by the rule, or some of a table.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Found {
    Table(&'static [u16]),
    Rule([u16; 2]),
}

/// Weights by code point: where they begin in `all`, and how many there are.
struct Table {
    index: Vec<(u32, u8)>,
    all: Vec<u16>,
}

/// No entry: the rule gives the weight.
const NO_ENTRY: u8 = u8::MAX;

static GENERAL: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("general.txt")));
static UCA400: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("uca400.txt")));
static UCA520: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("uca520.txt")));
static UCA1400: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("uca1400.txt")));

/// `latin1_swedish_ci` from U+00C0 on.
const SWEDISH: &[u8; 64] = b"AAAA\x5c\x5b\x5cCEEEEIIIIDNOOOO\x5d\xd7\xd8UUUYY\xde\xdf\
AAAA\x5c\x5b\x5cCEEEEIIIIDNOOOO\x5d\xf7\xd8UUUYY\xde\xff";

impl Weights {
    /// The weights of a text, one after another.
    pub(super) fn of(self, text: &str) -> impl Iterator<Item = u16> {
        text.chars().flat_map(move |c| self.find(c).iter())
    }

    pub(super) fn same(self, a: char, b: char) -> bool {
        self.find(a).iter().eq(self.find(b).iter())
    }

    /// The weight of a space.
    pub(super) fn space(self) -> u16 {
        self.find(' ').iter().next().unwrap_or_default()
    }

    fn find(self, c: char) -> Found {
        let table = match self {
            Weights::General => &GENERAL,
            Weights::Uca400 => &UCA400,
            Weights::Uca520 => &UCA520,
            Weights::Uca1400 => &UCA1400,
            Weights::Swedish => return Found::one(swedish(c)),
        };
        table.get(c as u32).unwrap_or_else(|| self.rule(c as u32))
    }

    /// Characters outside the tables.
    #[allow(clippy::cast_possible_truncation, reason = "masked to 15 bits")]
    fn rule(self, code: u32) -> Found {
        match (self, u16::try_from(code)) {
            (Weights::General, Ok(code)) => Found::one(code),
            (Weights::General | Weights::Uca400, Err(_)) => Found::one(REPLACEMENT),
            _ => {
                let base = match code {
                    0x4e00..=0x9fff => 0xfb40,
                    0x3400..=0x4dbf | 0x2_0000..=0x3_ffff => 0xfb80,
                    // Hangul stands before the ideographs.
                    0xac00..=0xd7a3 => 0xfb00,
                    _ => 0xfbc0,
                };
                Found::Rule([base + (code >> 15) as u16, (code & 0x7fff) as u16 | 0x8000])
            }
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "every other character is only itself"
)]
fn swedish(c: char) -> u16 {
    let code = c as u32;
    match code {
        0..0x80 => u16::from((code as u8).to_ascii_uppercase()),
        0xc0..0x100 => u16::from(SWEDISH[code as usize - 0xc0]),
        _ => code as u16,
    }
}

impl Found {
    fn one(weight: u16) -> Self {
        // No character has the weight zero twice, so a zero marks the end.
        Found::Rule([weight, 0])
    }

    fn iter(self) -> impl Iterator<Item = u16> {
        let (table, rule) = match self {
            Found::Table(weights) => (weights, None),
            Found::Rule(rule) => (&[][..], Some(rule)),
        };
        let by_rule = rule
            .into_iter()
            .flat_map(|[first, second]| std::iter::once(first).chain((second != 0).then_some(second)));
        table.iter().copied().chain(by_rule)
    }
}

impl Table {
    /// Lines of 16 characters: the first code point, then for each `.` (by the rule), `-` (nothing) or its weights,
    /// four hexadecimal digits each.
    fn read(text: &str) -> Self {
        let mut table = Table {
            index: vec![(0, NO_ENTRY); COVERED],
            all: Vec::new(),
        };
        for line in text.lines() {
            table.read_line(line);
        }
        table
    }

    fn read_line(&mut self, line: &str) {
        let mut words = line.split(' ');
        let first = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
        for (code, word) in (first.unwrap_or(u32::MAX)..).zip(words) {
            let start = self.all.len();
            match word {
                "." => continue,
                "-" => {}
                digits => self.all.extend(
                    (0..digits.len() / 4)
                        .filter_map(|i| u16::from_str_radix(&digits[4 * i..4 * i + 4], 16).ok()),
                ),
            }
            if let Some(entry) = self.index.get_mut(code as usize) {
                let count = u8::try_from(self.all.len() - start).unwrap_or_default();
                *entry = (u32::try_from(start).unwrap_or_default(), count);
            }
        }
    }

    fn get(&'static self, code: u32) -> Option<Found> {
        let &(start, count) = self.index.get(code as usize)?;
        let start = start as usize;
        (count != NO_ENTRY).then(|| Found::Table(&self.all[start..start + usize::from(count)]))
    }
}
