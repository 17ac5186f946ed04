//! Updates that change a key, written as a delete and an insert.
//!
//! Consumers apply rows by key, so an update that moves a row to another key must remove the old one. The two rows
//! stand where the update stood: a logged transaction may touch a row several times, so nothing is moved.

use bytes::Bytes;
use tidegate_model::{Image, Row, RowBlock, RowBlockBuilder, RowOp};

/// The updates of a block that change a key: one row in both blocks for each of them, in the block's order.
pub(crate) struct KeyChanges {
    deletes: RowBlock,
    inserts: RowBlock,
}

impl KeyChanges {
    /// `None` when no row of the block changes a key.
    pub(crate) fn of(block: &RowBlock) -> Option<KeyChanges> {
        if block.op() != RowOp::Update || !block.rows().any(changes_key) {
            return None;
        }
        let builder = |op| RowBlockBuilder::new(block.table().clone(), op, Bytes::new());
        let (mut deletes, mut inserts) = (builder(RowOp::Delete), builder(RowOp::Insert));
        for row in block.rows().filter(|row| changes_key(*row)) {
            copy(row.before(), &mut deletes);
            copy(row.after(), &mut inserts);
        }
        Some(KeyChanges {
            deletes: deletes.finish(),
            inserts: inserts.finish(),
        })
    }

    /// The rows to write for `block`, which these were made of.
    pub(crate) fn in_place<'a>(&'a self, block: &'a RowBlock) -> impl Iterator<Item = Row<'a>> {
        let mut pairs = self.deletes.rows().zip(self.inserts.rows());
        block.rows().flat_map(move |row| {
            let pair = if changes_key(row) { pairs.next() } else { None };
            match pair {
                Some((delete, insert)) => [Some(delete), Some(insert)],
                None => [Some(row), None],
            }
            .into_iter()
            .flatten()
        })
    }
}

fn copy(image: Option<Image<'_>>, builder: &mut RowBlockBuilder) {
    image
        .into_iter()
        .flat_map(|image| image.iter())
        .for_each(|datum| builder.push(datum));
}

/// Whether a column of any unique index differs between the images, nullable ones included.
fn changes_key(row: Row<'_>) -> bool {
    let (Some(before), Some(after)) = (row.before(), row.after()) else {
        return false;
    };
    let indexes = row.table().indexes.iter();
    indexes
        .flat_map(|index| &index.columns)
        .any(|&index| index < before.len() && before.get(index) != after.get(index))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidegate_model::{Datum, IndexInfo, TableInfo};

    use super::*;
    use crate::mysql::testing::{block, inserted, pairs, text};

    fn updates(table: &Arc<TableInfo>, rows: &[(i64, &str, i64, &str)]) -> RowBlock {
        let rows: Vec<_> = rows
            .iter()
            .map(|(id, v, new_id, new_v)| [Datum::Int(*id), text(v), Datum::Int(*new_id), text(new_v)])
            .collect();
        let rows: Vec<&[Datum<'_>]> = rows.iter().map(|row| &row[..]).collect();
        block(table, RowOp::Update, &rows)
    }

    fn show(block: &RowBlock) -> Vec<String> {
        let value = |image: Image<'_>| match (image.get(0), image.get(1)) {
            (Datum::Int(id), Datum::Text(v)) => format!("{id}{}", String::from_utf8_lossy(v)),
            other => format!("{other:?}"),
        };
        let changes = KeyChanges::of(block).expect("a key changes");
        let show = |row: Row<'_>| {
            let images: Vec<_> = row.before().into_iter().chain(row.after()).map(value).collect();
            format!("{:?} {}", row.op(), images.join(" "))
        };
        changes.in_place(block).map(show).collect()
    }

    #[test]
    fn a_block_that_changes_no_key_is_left_alone() {
        let t = pairs("s", "t");
        assert!(KeyChanges::of(&updates(&t, &[(1, "a", 1, "b")])).is_none());
        assert!(KeyChanges::of(&inserted(&t, 1, "a")).is_none());
    }

    #[test]
    fn a_changed_key_is_a_delete_and_an_insert_where_the_update_stood() {
        let t = pairs("s", "t");
        let moved = updates(&t, &[(1, "a", 2, "a"), (4, "d", 4, "e"), (2, "a", 3, "a")]);
        assert_eq!(
            show(&moved),
            ["Delete 1a", "Insert 2a", "Update 4d 4e", "Delete 2a", "Insert 3a"]
        );
    }

    #[test]
    fn nullable_unique_columns_count() {
        let mut table = (*pairs("s", "t")).clone();
        table.indexes.push(IndexInfo {
            name: "v".into(),
            primary: false,
            columns: vec![1],
        });
        let t = Arc::new(table);
        assert_eq!(
            show(&updates(&t, &[(1, "a", 1, "b")])),
            ["Delete 1a", "Insert 1b"]
        );
    }
}
