//! Which rows may not change places: those that share a unique value downstream.
//!
//! Values become hashes. Equal values must have equal hashes; different ones may (then two transactions wait for each
//! other without need). What is equal is up to the downstream's collations, so text is hashed without its case, and
//! where the rules of a collation are not certain, a value counts as equal to all others of its key.

use std::hash::{DefaultHasher, Hash, Hasher};

use tidegate_model::{Datum, Generated, Image, RowBlock, TableInfo};

/// A column of a unique index as the downstream's catalogue shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IndexColumn {
    pub(crate) index: String,
    /// `None`: an expression.
    pub(crate) column: Option<String>,
    /// Only the first so many characters (bytes of binary columns) count.
    pub(crate) prefix: Option<usize>,
    /// `None`: no text.
    pub(crate) collation: Option<String>,
    pub(crate) data_type: String,
    pub(crate) generated: bool,
}

/// How the rows of a table collide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TableKeys {
    /// Each with each: no key, or one that cannot be followed. The number stands for the table.
    Serial(u64),
    /// By these.
    Unique(Vec<UniqueKey>),
}

/// A unique index, or what identifies a row upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct UniqueKey {
    /// Stands for the index of this table.
    id: u64,
    columns: Vec<KeyColumn>,
    /// Whether some value may be equal to all others.
    uncertain: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct KeyColumn {
    /// Position in the row.
    at: usize,
    prefix: Option<usize>,
    equality: Equality,
}

/// When two texts are equal.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Equality {
    /// Same bytes, up to the padding at the end.
    Bytes,
    /// Same letters in either case, if they are ASCII; other characters may be equal to any.
    AsciiLetters,
    /// Not known.
    Unknown,
}

/// What a transaction touches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Touched {
    /// Hashes of single values.
    pub(crate) values: Vec<u64>,
    /// Keys with uncertain equality of which single values were touched.
    pub(crate) shared: Vec<u64>,
    /// Keys and tables of which every value counts as touched.
    pub(crate) whole: Vec<u64>,
}

impl Touched {
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.shared.clear();
        self.whole.clear();
    }
}

impl TableKeys {
    /// From the downstream's unique indexes and the upstream's definition of the same table.
    pub(crate) fn new(table: &TableInfo, found: &[IndexColumn]) -> Self {
        let serial = TableKeys::Serial(id_of(table, ""));
        let Some(handle) = table.handle() else {
            return serial;
        };
        let mut keys: Vec<UniqueKey> = Vec::new();
        for part in found {
            let Some(column) = key_column(table, part) else {
                return serial;
            };
            let id = id_of(table, &part.index);
            match keys.iter_mut().find(|key| key.id == id) {
                Some(key) => key.columns.push(column),
                None => keys.push(UniqueKey {
                    id,
                    columns: vec![column],
                    uncertain: false,
                }),
            }
        }
        // Statements find their row by what identifies it upstream: downstream that must be a key too.
        let same = |key: &UniqueKey| {
            key.columns.len() == handle.columns.len()
                && key
                    .columns
                    .iter()
                    .all(|column| column.prefix.is_none() && handle.columns.contains(&column.at))
        };
        if !keys.iter().any(same) {
            return serial;
        }
        for key in &mut keys {
            key.uncertain = key
                .columns
                .iter()
                .any(|column| column.equality != Equality::Bytes);
        }
        TableKeys::Unique(keys)
    }

    /// Adds what the rows of a block touch, with their old and new values.
    pub(crate) fn touch(&self, block: &RowBlock, touched: &mut Touched) {
        let keys = match self {
            TableKeys::Serial(table) => return push_new(&mut touched.whole, *table),
            TableKeys::Unique(keys) => keys,
        };
        for row in block.rows() {
            for image in row.before().into_iter().chain(row.after()) {
                for key in keys {
                    key.touch(image, touched);
                }
            }
        }
    }
}

impl UniqueKey {
    fn touch(&self, image: Image<'_>, touched: &mut Touched) {
        let mut hasher = DefaultHasher::new();
        self.id.hash(&mut hasher);
        let mut certain = true;
        for column in &self.columns {
            let value = if column.at < image.len() {
                image.get(column.at)
            } else {
                Datum::Absent
            };
            if value == Datum::Null {
                // It is equal to nothing.
                return;
            }
            certain &= column.hash(value, &mut hasher);
        }
        if !certain {
            return push_new(&mut touched.whole, self.id);
        }
        push_new(&mut touched.values, hasher.finish());
        if self.uncertain {
            push_new(&mut touched.shared, self.id);
        }
    }
}

impl KeyColumn {
    /// Whether equal values have equal hashes for certain.
    fn hash(&self, value: Datum<'_>, hasher: &mut DefaultHasher) -> bool {
        match value {
            Datum::Absent | Datum::Null | Datum::Json(_) | Datum::Geometry(_) | Datum::Vector(_) => {
                return false;
            }
            Datum::Text(text) => return self.hash_text(text, hasher),
            Datum::Bytes(bytes) => padded(self.cut(bytes)).hash(hasher),
            Datum::Int(v) => v.hash(hasher),
            Datum::UInt(v) | Datum::Bit(v) | Datum::Enum(v) | Datum::Set(v) => v.hash(hasher),
            // Both zeros are equal.
            Datum::Float(v) => (f64::from(v) + 0.0).to_bits().hash(hasher),
            Datum::Double(v) => (v + 0.0).to_bits().hash(hasher),
            Datum::Decimal(text) => without_sign_of_zero(text).hash(hasher),
            Datum::Date(v) => (v.year, v.month, v.day).hash(hasher),
            Datum::DateTime(v) => {
                (v.year, v.month, v.day, v.hour, v.minute, v.second, v.micros).hash(hasher);
            }
            Datum::Timestamp(v) => (v.seconds, v.micros).hash(hasher),
            Datum::Time(v) => v.micros.hash(hasher),
            Datum::Year(v) => v.hash(hasher),
        }
        true
    }

    fn hash_text(&self, text: &[u8], hasher: &mut DefaultHasher) -> bool {
        let text = self.cut(text);
        match self.equality {
            Equality::Bytes => padded(text).hash(hasher),
            Equality::AsciiLetters if text.is_ascii() => {
                // Some collations pass over control characters, also behind or between the spaces at the end.
                let counts = |byte: &u8| !byte.is_ascii_control();
                let end = text
                    .iter()
                    .rposition(|byte| *byte != b' ' && counts(byte))
                    .map_or(0, |last| last + 1);
                for byte in text[..end].iter().filter(|byte| counts(byte)) {
                    hasher.write_u8(byte.to_ascii_lowercase());
                }
                hasher.write_u8(0xff);
            }
            Equality::AsciiLetters | Equality::Unknown => return false,
        }
        true
    }

    /// A prefix in characters is at least as many bytes: values that are equal in it are equal here.
    fn cut<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        match self.prefix {
            Some(prefix) => &bytes[..bytes.len().min(prefix)],
            None => bytes,
        }
    }
}

/// Without what servers fill up with: spaces, and zero bytes of BINARY.
fn padded(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | 0))
        .map_or(0, |last| last + 1);
    &bytes[..end]
}

fn without_sign_of_zero(decimal: &str) -> &str {
    match decimal.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits,
        _ => decimal,
    }
}

fn key_column(table: &TableInfo, part: &IndexColumn) -> Option<KeyColumn> {
    let name = part.column.as_deref()?;
    let at = table
        .columns
        .iter()
        .position(|column| column.name.eq_ignore_ascii_case(name))?;
    let column = &table.columns[at];
    let computed = part.generated || column.generated != Generated::No;
    // Of another type, what differs upstream may be equal downstream.
    let same_type = part.data_type.eq_ignore_ascii_case(column.ty.sql_name());
    if computed || !same_type {
        return None;
    }
    Some(KeyColumn {
        at,
        prefix: part.prefix,
        equality: part.collation.as_deref().map_or(Equality::Bytes, equality),
    })
}

/// The rules of a collation, as far as they are certain.
fn equality(collation: &str) -> Equality {
    if collation == "binary" || collation.ends_with("_bin") {
        return Equality::Bytes;
    }
    // Languages have rules of their own even for plain letters (V and W, I and Y): only general collations are certain.
    let (charset, rules) = collation.split_once('_').unwrap_or((collation, ""));
    let rules = rules
        .strip_prefix("nopad_")
        .unwrap_or(rules)
        .replace("_nopad", "");
    match &*rules {
        "general_ci"
        | "general_mysql500_ci"
        | "unicode_ci"
        | "unicode_520_ci"
        | "0900_ai_ci"
        | "0900_as_ci"
        | "0900_as_cs"
        | "uca1400_ai_ci"
        | "uca1400_ai_cs"
        | "uca1400_as_ci"
        | "uca1400_as_cs" => Equality::AsciiLetters,
        "swedish_ci" if charset == "latin1" => Equality::AsciiLetters,
        _ => Equality::Unknown,
    }
}

/// Stands for an index of a table, by names only: definitions of one table replace each other.
fn id_of(table: &TableInfo, index: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&*table.name.schema, &*table.name.table, index).hash(&mut hasher);
    hasher.finish()
}

/// Rows mostly repeat what the one before them touched: the old and the new image have the same key.
fn push_new(list: &mut Vec<u64>, value: u64) {
    const RECENT: usize = 4;
    let recent = list.len().saturating_sub(RECENT);
    if !list[recent..].contains(&value) {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidegate_model::{ColumnType, RowOp};

    use super::*;
    use crate::mysql::testing::{block, column, table, text};

    fn part(index: &str, column: &str, collation: Option<&str>) -> IndexColumn {
        IndexColumn {
            index: index.to_owned(),
            column: Some(column.to_owned()),
            prefix: None,
            collation: collation.map(str::to_owned),
            data_type: if collation.is_some() { "varchar" } else { "int" }.to_owned(),
            generated: false,
        }
    }

    /// `(id INT PRIMARY KEY, v VARCHAR(50))`
    fn pairs() -> Arc<TableInfo> {
        crate::mysql::testing::pairs("s", "t")
    }

    fn touched(keys: &TableKeys, table: &Arc<TableInfo>, op: RowOp, row: &[Datum<'_>]) -> Touched {
        let mut touched = Touched::default();
        keys.touch(&block(table, op, &[row]), &mut touched);
        touched
    }

    /// What one value of a unique text column touches.
    fn of_text(part: &IndexColumn, value: &[u8]) -> Touched {
        let t = pairs();
        let keys = TableKeys::new(&t, &[self::part("PRIMARY", "id", None), part.clone()]);
        let mut touched = touched(&keys, &t, RowOp::Insert, &[Datum::Int(1), Datum::Text(value)]);
        // The primary key's.
        touched.values.remove(0);
        touched
    }

    #[test]
    fn every_unique_value_of_both_images_counts_and_null_does_not() {
        let t = pairs();
        let keys = TableKeys::new(
            &t,
            &[part("PRIMARY", "ID", None), part("u", "v", Some("utf8mb4_bin"))],
        );
        let insert = touched(&keys, &t, RowOp::Insert, &[Datum::Int(1), text("a")]);
        assert_eq!(insert.values.len(), 2);
        let update = [Datum::Int(1), text("a"), Datum::Int(1), text("b")];
        let update = touched(&keys, &t, RowOp::Update, &update);
        assert_eq!(update.values.len(), 3);
        assert_eq!(update.values[..2], insert.values);
        let null = touched(&keys, &t, RowOp::Delete, &[Datum::Int(1), Datum::Null]);
        assert_eq!(null.values, insert.values[..1]);
        assert!(insert.shared.is_empty() && insert.whole.is_empty());
    }

    #[test]
    fn what_cannot_be_followed_makes_the_table_serial() {
        let t = pairs();
        let id = part("PRIMARY", "id", None);
        let is_serial = |found: &[IndexColumn]| matches!(TableKeys::new(&t, found), TableKeys::Serial(_));
        assert!(!is_serial(std::slice::from_ref(&id)));
        let change = |change: &dyn Fn(&mut IndexColumn)| {
            let mut part = part("u", "v", Some("utf8mb4_bin"));
            change(&mut part);
            is_serial(&[id.clone(), part])
        };
        assert!(!change(&|_| ()));
        assert!(change(&|part| part.column = None), "an expression");
        assert!(
            change(&|part| part.column = Some("x".to_owned())),
            "not replicated"
        );
        assert!(change(&|part| part.generated = true), "computed");
        assert!(change(&|part| part.data_type = "char".to_owned()), "another type");
        assert!(is_serial(&[]), "no key downstream");
        assert!(
            is_serial(&[part("u", "v", Some("utf8mb4_bin"))]),
            "not the key of the upstream"
        );
        let keyless = table("s", "t", t.columns.clone(), &[]);
        assert!(matches!(TableKeys::new(&keyless, &[id]), TableKeys::Serial(_)));
        let keys = TableKeys::new(&keyless, &[]);
        let insert = touched(&keys, &keyless, RowOp::Insert, &[Datum::Null, Datum::Null]);
        assert_eq!((insert.values.len(), insert.whole.len()), (0, 1));
    }

    #[test]
    fn texts_that_a_collation_may_hold_equal_collide() {
        let equal = |collation: &str, a: &str, b: &str| {
            let part = part("u", "v", Some(collation));
            let (a, b) = (of_text(&part, a.as_bytes()), of_text(&part, b.as_bytes()));
            let covers = |a: &Touched, b: &Touched| {
                a.whole
                    .iter()
                    .any(|key| b.whole.contains(key) || b.shared.contains(key))
            };
            covers(&a, &b) || covers(&b, &a) || a.values == b.values
        };
        for collation in [
            "utf8mb4_general_ci",
            "utf8mb4_0900_ai_ci",
            "utf8mb3_unicode_ci",
            "utf8mb4_unicode_nopad_ci",
        ] {
            assert!(equal(collation, "abc", "ABC  "), "{collation}");
            assert!(equal(collation, "ab", "a\u{1}b \u{1}"), "{collation}");
            assert!(equal(collation, "strasse", "straße"), "{collation}");
            assert!(
                equal(collation, "é", "e") && equal(collation, "e", "é"),
                "{collation}"
            );
            assert!(!equal(collation, "abc", "abd"), "{collation}");
        }
        // Y is I in Lithuanian, V is U in Latin.
        assert!(equal("utf8mb4_lithuanian_ci", "y", "i") && equal("utf8mb4_roman_ci", "v", "u"));
        assert!(!equal("utf8mb4_bin", "a", "A") && !equal("utf8mb4_bin", "é", "e"));
        assert!(equal("utf8mb4_bin", "é", "é   "));
        assert!(equal("latin1_swedish_ci", "A", "a") && equal("latin1_german2_ci", "a", "b"));
    }

    #[test]
    fn of_a_prefix_only_the_prefix_counts() {
        for collation in ["utf8mb4_bin", "utf8mb4_general_ci"] {
            let mut prefix = part("u", "v", Some(collation));
            prefix.prefix = Some(3);
            assert_eq!(of_text(&prefix, b"abcd"), of_text(&prefix, b"abcx"));
            assert_ne!(of_text(&prefix, b"abcd"), of_text(&prefix, b"abd"));
            assert_eq!(
                of_text(&prefix, "éàüx".as_bytes()),
                of_text(&prefix, "éàüy".as_bytes())
            );
        }
    }

    #[test]
    fn equal_numbers_have_equal_hashes() {
        let columns = vec![column("id", ColumnType::Int), column("n", ColumnType::Double)];
        let t = table("s", "t", columns, &[0]);
        let mut number = part("u", "n", None);
        number.data_type = "double".to_owned();
        let keys = TableKeys::new(&t, &[part("PRIMARY", "id", None), number]);
        let of = |value| touched(&keys, &t, RowOp::Insert, &[Datum::Int(1), value]);
        assert_eq!(of(Datum::Double(0.0)), of(Datum::Double(-0.0)));
        assert_eq!(of(Datum::Decimal("-0.00")), of(Datum::Decimal("0.00")));
        assert_ne!(of(Datum::Decimal("-0.01")), of(Datum::Decimal("0.01")));
        assert_eq!(of(Datum::Bytes(b"a\0\0")), of(Datum::Bytes(b"a")));
    }
}
