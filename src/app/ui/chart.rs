//! Line charts as own SVG. The geometry is pure, so the server draws the same picture as the browser.

use leptos::prelude::*;
use std::fmt::Write;

/// A moment and its value; gaps are simply missing moments.
pub(crate) type Sample = (u64, f64);

/// Length of the window that charts show.
pub(crate) const WINDOW_MS: u64 = 5 * 60 * 1_000;
/// Moments further apart than this are not joined: the server was not watching in between.
const GAP_MS: u64 = 3_000;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
