//! Figures at one distance in time: a ring of steps, each the sum of the samples in it.

use std::collections::VecDeque;

use tidegate_api::{ChangefeedLive, SeriesPoint};

/// Room for so many steps is made at first.
const STEPS_MIN: usize = 16;

/// Figures of a step, in as little memory as a chart needs.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(super) struct Figures {
    checkpoint_lag_ms: f32,
    /// Not a number while there is none.
    resolved_lag_ms: f32,
    inserts: f32,
    updates: f32,
    deletes: f32,
    bytes: f32,
}

impl Figures {
    pub(super) fn of(live: &ChangefeedLive) -> Figures {
        Figures {
            checkpoint_lag_ms: live.checkpoint_lag_ms as f32,
            resolved_lag_ms: match live.resolved_ts {
                0 => f32::NAN,
                _ => live.resolved_lag_ms as f32,
            },
            inserts: live.inserts_per_second as f32,
            updates: live.updates_per_second as f32,
            deletes: live.deletes_per_second as f32,
            bytes: live.bytes_per_second as f32,
        }
    }

    /// Lags: the larger one. Rates: the mean, when `count` samples were there before.
    fn add(&mut self, other: Figures, count: u16) {
        let mean = |sum: &mut f32, value: f32| *sum += (value - *sum) / (f32::from(count) + 1.0);
        self.checkpoint_lag_ms = self.checkpoint_lag_ms.max(other.checkpoint_lag_ms);
        // The maximum of a number and none is the number.
        self.resolved_lag_ms = self.resolved_lag_ms.max(other.resolved_lag_ms);
        mean(&mut self.inserts, other.inserts);
        mean(&mut self.updates, other.updates);
        mean(&mut self.deletes, other.deletes);
        mean(&mut self.bytes, other.bytes);
    }

    fn point(self, unix_ms: u64) -> SeriesPoint {
        // A tenth is more than a line of a chart shows.
        let tenth = |value: f32| (f64::from(value) * 10.0).round() / 10.0;
        SeriesPoint {
            unix_ms,
            checkpoint_lag_ms: f64::from(self.checkpoint_lag_ms).round(),
            resolved_lag_ms: (!self.resolved_lag_ms.is_nan())
                .then(|| f64::from(self.resolved_lag_ms).round()),
            inserts_per_second: tenth(self.inserts),
            updates_per_second: tenth(self.updates),
            deletes_per_second: tenth(self.deletes),
            bytes_per_second: tenth(self.bytes),
        }
    }
}

/// One step: its number since the epoch, and what was seen in it.
#[derive(Copy, Clone, Debug)]
struct Step {
    number: u32,
    count: u16,
    figures: Figures,
}

/// A ring of steps. Those in which nothing was seen are not there.
#[derive(Debug)]
pub(super) struct Level {
    step_ms: u64,
    max: usize,
    steps: VecDeque<Step>,
}

impl Level {
    pub(super) fn new(step_ms: u64, max: usize) -> Level {
        Level {
            step_ms,
            max,
            steps: VecDeque::new(),
        }
    }

    pub(super) fn take(&mut self, unix_ms: u64, figures: Figures) {
        let number = u32::try_from(unix_ms / self.step_ms).unwrap_or(u32::MAX);
        // A clock that was set back: what seemed to come later is forgotten.
        while self.steps.back().is_some_and(|step| step.number > number) {
            self.steps.pop_back();
        }
        let first = u64::from(number).saturating_sub(self.max as u64 - 1);
        while self
            .steps
            .front()
            .is_some_and(|step| u64::from(step.number) < first)
        {
            self.steps.pop_front();
        }
        if let Some(step) = self.steps.back_mut().filter(|step| step.number == number) {
            step.figures.add(figures, step.count);
            step.count = step.count.saturating_add(1);
            return;
        }
        let len = self.steps.len();
        if len == self.steps.capacity() {
            // Not more than will ever be needed: there are thousands of these.
            self.steps
                .reserve_exact(len.max(STEPS_MIN).min(self.max.saturating_sub(len)));
        }
        self.steps.push_back(Step {
            number,
            count: 1,
            figures,
        });
    }

    /// Oldest first.
    pub(super) fn points(&self) -> Vec<SeriesPoint> {
        let steps = self.steps.iter();
        steps
            .map(|step| step.figures.point(u64::from(step.number) * self.step_ms))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(lag_ms: u64, inserts: f64, resolved_ts: u64) -> Figures {
        Figures::of(&ChangefeedLive {
            checkpoint_lag_ms: lag_ms,
            resolved_lag_ms: lag_ms,
            inserts_per_second: inserts,
            resolved_ts,
            ..ChangefeedLive::default()
        })
    }

    fn lags(level: &Level) -> Vec<(u64, u64)> {
        let points = level.points();
        points
            .iter()
            .map(|point| (point.unix_ms, point.checkpoint_lag_ms as u64))
            .collect()
    }

    #[test]
    fn a_step_has_the_largest_lag_and_the_mean_rate() {
        let mut level = Level::new(10_000, 6);
        level.take(10_000, figures(5, 1.0, 0));
        level.take(12_000, figures(9, 2.0, 1));
        level.take(19_999, figures(7, 6.0, 0));
        let points = level.points();
        assert_eq!((points.len(), points[0].unix_ms), (1, 10_000));
        assert_eq!(
            (points[0].checkpoint_lag_ms as u64, points[0].resolved_lag_ms),
            (9, Some(9.0))
        );
        assert!((points[0].inserts_per_second - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_gap_is_a_gap_and_the_ring_is_bounded() {
        let mut level = Level::new(1_000, 4);
        for second in [1, 2, 3, 6] {
            level.take(second * 1_000 + 7, figures(second, 0.0, 0));
        }
        assert_eq!(lags(&level), [(3_000, 3), (6_000, 6)]);
        level.take(100_000, figures(1, 0.0, 0));
        assert_eq!(lags(&level), [(100_000, 1)]);
        assert_eq!(level.points()[0].resolved_lag_ms, None);
    }

    #[test]
    fn a_clock_that_is_set_back_starts_over_from_there() {
        let mut level = Level::new(1_000, 10);
        level.take(5_000, figures(1, 0.0, 0));
        level.take(6_000, figures(2, 0.0, 0));
        level.take(5_500, figures(3, 0.0, 0));
        assert_eq!(lags(&level), [(5_000, 3)]);
    }
}
