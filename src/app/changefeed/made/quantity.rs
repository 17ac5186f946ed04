//! What the values of a chart are: how they are written, and where the axis ends.

use crate::app::format;

/// Kind of the values of a chart: how they are written, and where the axis ends.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Milliseconds.
    Duration,
    /// Rows in a second.
    RowRate,
    /// Bytes in a second.
    ByteRate,
}

impl Quantity {
    /// A value with its unit.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Quantity::Duration => format::duration(value as u64),
            Quantity::RowRate => format!("{} rows/s", format::number(value)),
            Quantity::ByteRate => format!("{}/s", format::bytes(value)),
        }
    }

    /// A value on the axis, where the title says the unit.
    pub(super) fn axis_text(self, value: f64) -> String {
        match self {
            Quantity::Duration => format::duration(value as u64),
            Quantity::RowRate => format::number(value),
            Quantity::ByteRate => format::bytes(value),
        }
    }

    /// End of the axis for values up to `high`: round, and not so small that noise looks like trouble.
    pub(super) fn axis_end(self, high: f64) -> f64 {
        match self {
            Quantity::Duration => DURATION_ENDS_MS
                .into_iter()
                .find(|end| *end >= high)
                .unwrap_or_else(|| (high / DAY_MS).ceil() * DAY_MS),
            Quantity::RowRate => nice_ceiling(high.max(10.0)),
            Quantity::ByteRate => nice_ceiling(high.max(1_000.0)),
        }
    }
}

const MINUTE_MS: f64 = 60_000.0;
const HOUR_MS: f64 = 60.0 * MINUTE_MS;
const DAY_MS: f64 = 24.0 * HOUR_MS;
/// Ends of an axis of durations, up to a day.
const DURATION_ENDS_MS: [f64; 17] = [
    1_000.0,
    2_000.0,
    4_000.0,
    10_000.0,
    20_000.0,
    40_000.0,
    MINUTE_MS,
    2.0 * MINUTE_MS,
    4.0 * MINUTE_MS,
    10.0 * MINUTE_MS,
    20.0 * MINUTE_MS,
    40.0 * MINUTE_MS,
    HOUR_MS,
    2.0 * HOUR_MS,
    6.0 * HOUR_MS,
    12.0 * HOUR_MS,
    DAY_MS,
];

/// The smallest of 1, 2, 5 times a power of ten that is not below `value`; 1 for nothing.
fn nice_ceiling(value: f64) -> f64 {
    if !value.is_finite() || value <= 1.0 {
        return 1.0;
    }
    let base = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * base)
        .find(|top| *top >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |v: f64, expect: f64| assert!((nice_ceiling(v) - expect).abs() < 1e-9, "{v}");
        check(0.0, 1.0);
        check(1.2, 2.0);
        check(2.0, 2.0);
        check(41.0, 50.0);
        check(501.0, 1000.0);
        assert!((Quantity::Duration.axis_end(58_000.0) - MINUTE_MS).abs() < 1e-9);
        assert!((Quantity::Duration.axis_end(2.5 * DAY_MS) - 3.0 * DAY_MS).abs() < 1e-9);
        assert!((Quantity::RowRate.axis_end(0.0) - 10.0).abs() < 1e-9);
    }
}
