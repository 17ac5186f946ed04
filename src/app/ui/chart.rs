//! Line charts as own SVG. The geometry is pure, so the server draws the same picture as the browser.

use crate::app::format;
use leptos::prelude::*;
use std::fmt::Write;

/// A moment and its value; gaps are simply missing moments.
pub(crate) type Sample = (u64, f64);

/// Length of the window that charts show.
pub(crate) const WINDOW_MS: u64 = 5 * 60 * 1_000;
/// Moments further apart than this are not joined: the server was not watching in between.
const GAP_MS: u64 = 3_000;
/// Distance between the rows of the table twin of a chart.
const TABLE_STEP_MS: u64 = 30_000;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// Kind of the values of a chart: how they are written, and where the axis ends.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Milliseconds.
    Duration,
    /// Rows in a second.
    RowRate,
}

impl Quantity {
    /// A value with its unit.
    fn text(self, value: f64) -> String {
        match self {
            Quantity::Duration => format::duration(value as u64),
            Quantity::RowRate => format!("{} rows/s", format::number(value)),
        }
    }

    /// A value on the axis, where the title says the unit.
    fn axis_text(self, value: f64) -> String {
        match self {
            Quantity::Duration => format::duration(value as u64),
            Quantity::RowRate => format::number(value),
        }
    }

    /// End of the axis for values up to `high`: round, and not so small that noise looks like trouble.
    fn axis_end(self, high: f64) -> f64 {
        match self {
            Quantity::Duration => DURATION_ENDS_MS
                .into_iter()
                .find(|end| *end >= high)
                .unwrap_or_else(|| (high / DAY_MS).ceil() * DAY_MS),
            Quantity::RowRate => nice_ceiling(high.max(10.0)),
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

/// Where and how large a line is drawn.
#[derive(Copy, Clone)]
struct Frame {
    /// Moment at the right edge.
    end_ms: u64,
    /// Time between the edges.
    window_ms: u64,
    /// Value at the upper edge.
    top: f64,
    width: f64,
    height: f64,
}

/// Path data of a line through `samples`, with whole numbers and a new start after each gap.
fn line(samples: &[Sample], frame: Frame) -> String {
    let Frame {
        end_ms,
        window_ms,
        top,
        width,
        height,
    } = frame;
    let start_ms = end_ms.saturating_sub(window_ms);
    let mut path = String::with_capacity(samples.len() * 8);
    let mut last_ms = None;
    for &(at_ms, value) in samples.iter().filter(|(at_ms, _)| *at_ms >= start_ms) {
        let x = (at_ms - start_ms) as f64 / window_ms as f64 * width;
        let y = height - (value / top).clamp(0.0, 1.0) * height;
        let joined = last_ms.is_some_and(|last: u64| at_ms.saturating_sub(last) <= GAP_MS);
        let command = if joined { 'L' } else { 'M' };
        let written = write!(path, "{command}{x:.0} {y:.0}");
        debug_assert!(written.is_ok(), "a String takes every write");
        last_ms = Some(at_ms);
    }
    path
}

/// Path data of a sparkline, 96 by 22.
fn spark(samples: &[Sample], window_ms: u64) -> String {
    let Some((end_ms, _)) = samples.last() else {
        return String::new();
    };
    let top = samples.iter().map(|(_, v)| *v).fold(1.0, f64::max);
    line(
        samples,
        Frame {
            end_ms: *end_ms,
            window_ms,
            top,
            width: 96.0,
            height: 22.0,
        },
    )
}

/// One value in thirty seconds for the table twin, newest first.
fn table_rows(samples: &[Sample]) -> Vec<Sample> {
    let mut rows: Vec<Sample> = Vec::new();
    for sample in samples.iter().rev() {
        if rows
            .last()
            .is_none_or(|(at_ms, _)| at_ms.saturating_sub(sample.0) >= TABLE_STEP_MS)
        {
            rows.push(*sample);
        }
    }
    rows
}

/// The sentence that stands for the picture.
fn summary(title: &str, samples: &[Sample], quantity: Quantity) -> String {
    let Some((_, now)) = samples.last() else {
        return format!("{title}: no values yet");
    };
    let high = samples.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let low = samples.iter().map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
    format!(
        "{title} in the last five minutes: now {}, between {} and {}",
        quantity.text(*now),
        quantity.text(low),
        quantity.text(high)
    )
}

/// A small line without axes, for a table cell. The cell's text says the current value.
#[component]
pub(crate) fn Sparkline(
    /// Oldest first.
    #[prop(into)]
    samples: Signal<Vec<Sample>>,
    /// Time that the width stands for.
    window_ms: u64,
) -> impl IntoView {
    view! {
        <svg class="chart h-6 w-24 text-chart-1" viewBox="0 -1 96 24" aria-hidden="true" preserveAspectRatio="none">
            <path
                d=move || samples.with(|s| spark(s, window_ms))
                fill="none"
                stroke="currentColor"
                stroke-width="1.5"
                stroke-linejoin="round"
                vector-effect="non-scaling-stroke"
            ></path>
        </svg>
    }
    .into_any()
}

/// A line chart of the last five minutes with its title, current value, axis and table twin.
#[allow(clippy::too_many_lines, reason = "one view")]
#[component]
pub(crate) fn Chart(
    /// What is drawn; also the accessible name.
    title: &'static str,
    /// What the values are.
    quantity: Quantity,
    /// A literal class that sets the colour of the line.
    tone: &'static str,
    /// Oldest first.
    #[prop(into)]
    samples: Signal<Vec<Sample>>,
) -> impl IntoView {
    let end_ms = move || samples.with(|s| s.last().map_or(0, |(at_ms, _)| *at_ms));
    let top = Memo::new(move |_| {
        samples.with(|s| quantity.axis_end(s.iter().map(|(_, v)| *v).fold(0.0, f64::max)))
    });
    let path = Memo::new(move |_| {
        samples.with(|s| {
            line(
                s,
                Frame {
                    end_ms: end_ms(),
                    window_ms: WINDOW_MS,
                    top: top.get(),
                    width: WIDTH,
                    height: HEIGHT,
                },
            )
        })
    });
    let now = move || {
        samples.with(|s| {
            s.last()
                .map_or_else(|| "no data".to_owned(), |(_, v)| quantity.text(*v))
        })
    };
    let label = move || samples.with(|s| summary(title, s, quantity));
    let rows = move || samples.with(|s| table_rows(s));
    view! {
        <figure class="card flex flex-col p-4">
            <figcaption class="mb-3 flex items-baseline justify-between gap-3">
                <span class="text-sm font-medium">{title}</span>
                <span class="num text-lg font-semibold">{now}</span>
            </figcaption>
            <div class="flex gap-2">
                <div class="num flex h-30 w-14 flex-none flex-col justify-between text-right text-xs text-ink-3" aria-hidden="true">
                    <span class="-mt-2">{move || quantity.axis_text(top.get())}</span>
                    <span>{move || quantity.axis_text(top.get() / 2.0)}</span>
                    <span class="-mb-2">"0"</span>
                </div>
                <svg
                    class="chart h-30 min-w-0 flex-1"
                    viewBox="0 0 600 120"
                    preserveAspectRatio="none"
                    role="img"
                    aria-label=label
                >
                    <path
                        class="text-line"
                        d="M0 0H600M0 60H600M0 120H600"
                        stroke="currentColor"
                        stroke-width="1"
                        vector-effect="non-scaling-stroke"
                    ></path>
                    <path
                        class=tone
                        d=move || path.get()
                        fill="none"
                        stroke="currentColor"
                        stroke-width="1.5"
                        stroke-linejoin="round"
                        stroke-linecap="round"
                        vector-effect="non-scaling-stroke"
                    ></path>
                </svg>
            </div>
            <div class="mt-1 flex justify-between pl-16 text-xs text-ink-3" aria-hidden="true">
                <span>"5 min ago"</span>
                <span>"now"</span>
            </div>
            <details class="mt-2 text-xs">
                <summary class="link w-fit cursor-pointer py-1">"Show as table"</summary>
                <table class="data-table mt-1">
                    <caption class="sr-only">{title}</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Time (UTC)"</th>
                            <th scope="col" class="text-right">
                                "Value"
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=rows key=|row| row.0 let((at_ms, value))>
                            <tr>
                                <td class="num">{format::utc_time(at_ms)}</td>
                                <td class="num text-right">{quantity.text(value)}</td>
                            </tr>
                        </For>
                    </tbody>
                </table>
            </details>
        </figure>
    }
    .into_any()
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

    fn frame(end_ms: u64, top: f64, width: f64, height: f64) -> Frame {
        Frame {
            end_ms,
            window_ms: WINDOW_MS,
            top,
            width,
            height,
        }
    }

    #[test]
    fn a_gap_starts_a_new_line() {
        let end = 1_000_000;
        let samples = [
            (end - 60_000, 1.0),
            (end - 59_000, 0.0),
            (end - 1_000, 2.0),
            (end, 1.0),
        ];
        assert_eq!(
            line(&samples, frame(end, 2.0, 300.0, 100.0)),
            "M240 50L241 100M299 0L300 50"
        );
    }

    #[test]
    fn what_is_older_than_the_window_is_left_out() {
        let end = 1_000_000;
        assert_eq!(
            line(&[(end - WINDOW_MS - 1, 1.0)], frame(end, 1.0, 10.0, 10.0)),
            ""
        );
    }

    #[test]
    fn the_table_twin_takes_one_value_in_thirty_seconds() {
        let samples: Vec<Sample> = (0..=90).map(|s| (s * 1_000, s as f64)).collect();
        let rows: Vec<u64> = table_rows(&samples).into_iter().map(|(at_ms, _)| at_ms).collect();
        assert_eq!(rows, [90_000, 60_000, 30_000, 0]);
    }
}
