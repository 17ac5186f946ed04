//! Order and columns of the list of changefeeds.

use crate::fns::data::{FeedState, Vitals};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A column of the list that can be hidden.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Column {
    /// Time of the checkpoint.
    Checkpoint,
    /// Rows in a second.
    Rate,
    /// Destination.
    Sink,
    /// Number of tables.
    Tables,
    /// Code of the last error.
    Error,
}

/// What the list is ordered by.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Sort {
    /// Failed ones, then those that are retried, then by lag, the largest first.
    #[default]
    Trouble,
    /// Id, from A on or to A.
    Id(bool),
    /// Lag, the smallest first or the largest first.
    Lag(bool),
    /// Rows in a second, the least first or the most first.
    Rate(bool),
    /// Tables, the least first or the most first.
    Tables(bool),
}

/// Failed first, then what is being retried, then the rest.
pub(crate) const fn trouble(state: FeedState) -> u8 {
    match state {
        FeedState::Failed => 0,
        FeedState::Warning => 1,
        FeedState::Normal => 2,
        FeedState::Stopped => 3,
        FeedState::Finished | FeedState::Removed => 4,
    }
}

/// A value that differs only when the order is worth a change: noise does not move rows.
const fn band(value: u64, quiet: u64) -> u32 {
    match value / quiet {
        0 => 0,
        times => times.ilog2() + 1,
    }
}

/// Lag below this is as good as none.
const QUIET_LAG_MS: u64 = 10_000;
/// Fewer rows in a second than this are as good as none.
const QUIET_ROWS: u64 = 100;

impl Sort {
    /// Whether `a` stands so far out of order with `b` that the reader should know.
    pub(crate) fn compare_roughly(self, a: &Vitals, b: &Vitals) -> Ordering {
        let lag = |v: &Vitals| band(v.lag_ms, QUIET_LAG_MS);
        let rate = |v: &Vitals| band(v.rows_per_s as u64, QUIET_ROWS);
        let (up, order) = match self {
            Sort::Id(_) => (true, Ordering::Equal),
            Sort::Trouble => {
                let rank = |v: &Vitals| trouble(v.state);
                let same = |v: &Vitals| v.state.is_running();
                let by_lag = if same(a) && same(b) {
                    lag(b).cmp(&lag(a))
                } else {
                    Ordering::Equal
                };
                (true, rank(a).cmp(&rank(b)).then(by_lag))
            }
            Sort::Lag(up) => (up, lag(a).cmp(&lag(b))),
            Sort::Rate(up) => (up, rate(a).cmp(&rate(b))),
            Sort::Tables(up) => (up, a.tables.cmp(&b.tables)),
        };
        if up { order } else { order.reverse() }
    }

    /// How many of the rows on screen would stand elsewhere.
    pub(crate) fn moved(self, rows: &[Vitals]) -> usize {
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_by(|a, b| self.compare_roughly(&rows[*a], &rows[*b]));
        places
            .iter()
            .enumerate()
            .filter(|(now, then)| now != *then)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vitals(state: FeedState, lag_ms: u64) -> Vitals {
        Vitals {
            state,
            checkpoint_ts: 0,
            resolved_ts: 0,
            lag_ms,
            resolved_lag_ms: None,
            rows_per_s: 0.0,
            bytes_per_s: 0.0,
            problem: None,
            blocked: None,
            retry_in_ms: None,
            attempt: None,
            tables: 0,
        }
    }

    #[test]
    fn noise_moves_no_row_and_a_failure_does() {
        let mut rows = vec![
            vitals(FeedState::Normal, 900),
            vitals(FeedState::Normal, 3_000),
            vitals(FeedState::Stopped, 50),
        ];
        assert_eq!(Sort::Trouble.moved(&rows), 0);
        rows[1].state = FeedState::Failed;
        assert_eq!(Sort::Trouble.moved(&rows), 2);
        assert_eq!(Sort::Id(true).moved(&rows), 0);
        rows[2].lag_ms = 100_000;
        assert_eq!(Sort::Lag(true).moved(&rows), 0);
        assert_eq!(Sort::Lag(false).moved(&rows), 3);
    }
}
