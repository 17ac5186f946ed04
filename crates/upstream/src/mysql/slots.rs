//! Tables by the numbers under which a log announces them.

use std::collections::HashMap;

use bytes::Bytes;

/// Tables that are kept between groups.
const TABLES_MAX: usize = 10_000;

/// What was made of each announced table. A server gives a table another number whenever it opens it again, so old
/// numbers gather.
pub(crate) struct Slots<T> {
    tables: HashMap<u64, Slot<T>>,
}

struct Slot<T> {
    definition: Bytes,
    made: T,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots {
            tables: HashMap::new(),
        }
    }
}

impl<T> Slots<T> {
    /// Call it before each group: a group announces its tables anew, so this is the time to forget old ones.
    pub(crate) fn begin_group(&mut self) {
        if self.tables.len() > TABLES_MAX {
            self.tables.clear();
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.tables.clear();
    }

    /// Whether the number stands for this definition already.
    pub(crate) fn holds(&self, number: u64, definition: &Bytes) -> bool {
        self.tables
            .get(&number)
            .is_some_and(|slot| slot.definition == *definition)
    }

    /// Notes what was made of a table.
    pub(crate) fn insert(&mut self, number: u64, definition: &Bytes, made: T) {
        // A copy: the packet's allocation is shared with many others.
        let definition = Bytes::copy_from_slice(definition);
        self.tables.insert(number, Slot { definition, made });
    }

    /// What was made of the table with this number.
    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        self.tables.get(&number).map(|slot| &slot.made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that opens many tables again and again made the map grow until the next schema change.
    #[test]
    fn old_numbers_are_forgotten_between_groups() {
        let mut slots = Slots::default();
        let definition = Bytes::from_static(b"d");
        for number in 0..=TABLES_MAX as u64 {
            slots.insert(number, &definition, number);
        }
        assert_eq!(slots.get(0), Some(&0), "not inside a group");
        assert!(slots.holds(0, &definition) && !slots.holds(0, &Bytes::from_static(b"e")));
        slots.begin_group();
        assert_eq!(slots.get(0), None);
        slots.insert(5, &definition, 5);
        slots.begin_group();
        assert_eq!(slots.get(5), Some(&5));
    }
}
