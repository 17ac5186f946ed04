//! Two texts side by side, with the words that differ.

use similar::{ChangeTag, DiffOp, TextDiff};

/// Lines around a difference that are shown.
const CONTEXT: usize = 3;

/// A piece of a line, and whether it is what differs.
pub(super) type Piece = (bool, String);

/// A line of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// From 1 on.
    pub(super) number: usize,
    pub(super) pieces: Vec<Piece>,
}

/// What stands beside one another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// Lines that are left out between here and there.
    Gap,
    /// The same line, and its number in the other text.
    Same(Line, usize),
    /// Other lines, or lines that one text has alone.
    Changed(Option<Line>, Option<Line>),
}

/// The differences with some lines around them; nothing when there are none.
pub(super) fn rows(before: &str, after: &str) -> Vec<Row> {
    let diff = TextDiff::from_lines(before, after);
    let mut rows = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        if !rows.is_empty() {
            rows.push(Row::Gap);
        }
        for op in &group {
            side_by_side(&diff, op, &mut rows);
        }
    }
    rows
}

fn side_by_side<'a>(diff: &'a TextDiff<'a, 'a, 'a, str>, op: &DiffOp, rows: &mut Vec<Row>) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for change in diff.iter_inline_changes(op) {
        let pieces: Vec<Piece> = change
            .iter_strings_lossy()
            .map(|(differs, text)| (differs, text.trim_end_matches('\n').to_owned()))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let line = |index: Option<usize>| Line {
            number: index.map_or(0, |index| index + 1),
            pieces: pieces.clone(),
        };
        match change.tag() {
            ChangeTag::Equal => {
                let other = change.new_index().map_or(0, |index| index + 1);
                rows.push(Row::Same(line(change.old_index()), other));
            }
            ChangeTag::Delete => old.push(line(change.old_index())),
            ChangeTag::Insert => new.push(line(change.new_index())),
        }
    }
    let count = old.len().max(new.len());
    let (mut old, mut new) = (old.into_iter(), new.into_iter());
    rows.extend((0..count).map(|_| Row::Changed(old.next(), new.next())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pieces: &[Piece]) -> String {
        let marked = pieces.iter().map(|(differs, text)| {
            if *differs {
                format!("[{text}]")
            } else {
                text.clone()
            }
        });
        marked.collect()
    }

    #[test]
    fn changed_lines_stand_side_by_side_with_their_words_marked() {
        let lines: Vec<String> = (1..=20).map(|n| format!("  \"line\": {n},")).collect();
        let before = lines.join("\n") + "\n";
        let after = before.replace("\"line\": 5,", "\"line\": 55,") + "more\n";
        let rows = rows(&before, &after);
        let changed: Vec<_> = rows
            .iter()
            .filter_map(|row| match row {
                Row::Changed(old, new) => Some((old.clone(), new.clone())),
                _ => None,
            })
            .collect();
        let [(Some(old), Some(new)), (None, Some(added))] = &changed[..] else {
            panic!("{changed:?}");
        };
        assert_eq!((old.number, new.number, added.number), (5, 5, 21));
        assert_eq!(plain(&old.pieces), "  \"line\": [5,]");
        assert_eq!(plain(&new.pieces), "  \"line\": [55,]");
        assert_eq!(rows.iter().filter(|row| **row == Row::Gap).count(), 1);
        let same = rows.iter().filter(|row| matches!(row, Row::Same(..))).count();
        assert_eq!(same, 9, "three before and after the first, three before the last");
    }

    #[test]
    fn texts_that_are_the_same_have_no_rows() {
        assert_eq!(rows("a\nb\n", "a\nb\n"), []);
    }
}
