//! The last minutes of a figure, for sparklines.

use std::collections::VecDeque;

/// Seconds that are kept: five minutes.
pub(super) const SECONDS: usize = 300;

/// A ring of one value a second.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring<T>(VecDeque<T>);

impl<T: Copy> Ring<T> {
    /// Adds the newest value; the oldest goes when the ring is full.
    pub(super) fn push(&mut self, value: T) {
        if self.0.len() == SECONDS {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// Oldest first.
    pub(super) fn to_vec(&self) -> Vec<T> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_values() {
        let mut ring = Ring::default();
        for value in 0..SECONDS + 2 {
            ring.push(value);
        }
        let values = ring.to_vec();
        assert_eq!(
            (values.len(), values[0], values[SECONDS - 1]),
            (SECONDS, 2, SECONDS + 1)
        );
    }
}
