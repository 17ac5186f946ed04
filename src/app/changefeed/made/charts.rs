//! The history of a changefeed: three charts over one axis of time, and the same figures as a table.

use std::fmt::Write;

use leptos::prelude::*;
use tidegate_api::{Series, SeriesMark, SeriesPoint};
use tidegate_model::ChangefeedId;

use super::quantity::Quantity;
use crate::app::facts;
use crate::app::format;
use crate::app::ui::feed::feed_address;
use crate::app::ui::html::html;
use crate::server::series::Window;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 96.0;
/// Marks that are listed below the charts, newest first.
const LISTED_MAX: usize = 12;
/// A change of the lag that is worth a sentence: this many times larger or smaller, and by more than two seconds.
const CHANGED: f64 = 2.0;

/// A line: its name, colour and dashes (literal classes and attributes), and where it gets its values from.
struct Line {
    name: &'static str,
    tone: &'static str,
    dash: &'static str,
    value: fn(&SeriesPoint) -> Option<f64>,
}

/// One chart.
struct Chart {
    title: &'static str,
    quantity: Quantity,
    lines: &'static [Line],
}

const CHARTS: [Chart; 3] = [
    Chart {
        title: "Lag",
        quantity: Quantity::Duration,
        lines: &[
            Line {
                name: "checkpoint",
                tone: "text-chart-1",
                dash: "",
                value: |point| Some(point.checkpoint_lag_ms),
            },
            Line {
                name: "resolved",
                tone: "text-chart-2",
                dash: "4 3",
                value: |point| point.resolved_lag_ms,
            },
        ],
    },
    Chart {
        title: "Rows per second",
        quantity: Quantity::RowRate,
        lines: &[
            Line {
                name: "inserted",
                tone: "text-chart-1",
                dash: "",
                value: |point| Some(point.inserts_per_second),
            },
            Line {
                name: "updated",
                tone: "text-chart-3",
                dash: "4 3",
                value: |point| Some(point.updates_per_second),
            },
            Line {
                name: "deleted",
                tone: "text-chart-2",
                dash: "1 3",
                value: |point| Some(point.deletes_per_second),
            },
        ],
    },
    Chart {
        title: "Bytes per second",
        quantity: Quantity::ByteRate,
        lines: &[Line {
            name: "out",
            tone: "text-chart-4",
            dash: "",
            value: |point| Some(point.bytes_per_second),
        }],
    },
];

/// A series laid out on an axis of slots: one for each step of the window.
pub(crate) struct Drawn<'a> {
    series: &'a Series,
    window: Window,
    /// Begin of the first slot.
    start_ms: u64,
    slots: usize,
}

impl<'a> Drawn<'a> {
    pub(crate) fn new(series: &'a Series, window: Window) -> Drawn<'a> {
        let step = window.step_ms();
        let end_ms = series.unix_ms / step * step;
        Drawn {
            series,
            window,
            start_ms: (end_ms + step).saturating_sub(window.length_ms()),
            slots: usize::try_from(window.length_ms() / step).unwrap_or(1),
        }
    }

    /// The slot of a moment; none outside of the window.
    fn slot(&self, unix_ms: u64) -> Option<usize> {
        let after = unix_ms.checked_sub(self.start_ms)?;
        let slot = usize::try_from(after / self.window.step_ms()).ok()?;
        (slot < self.slots).then_some(slot)
    }

    fn x(&self, slot: usize) -> f64 {
        slot as f64 / (self.slots - 1) as f64 * WIDTH
    }

    /// Steps between two points that are joined: a second may fall between two looks.
    fn joined(&self) -> usize {
        match self.window {
            Window::FiveMinutes => 2,
            Window::Hour | Window::Day => 1,
        }
    }

    fn path(&self, line: &Line, top: f64) -> String {
        let mut path = String::new();
        let mut last: Option<usize> = None;
        for point in &self.series.points {
            let (Some(slot), Some(value)) = (self.slot(point.unix_ms), (line.value)(point)) else {
                continue;
            };
            let y = HEIGHT - (value / top).clamp(0.0, 1.0) * HEIGHT;
            let joined = last.is_some_and(|last| slot - last <= self.joined());
            // A point without a neighbour is a dot.
            let (command, dot) = if joined { ('L', "") } else { ('M', "h0") };
            let written = write!(path, "{command}{:.0} {y:.0}{dot}", self.x(slot));
            debug_assert!(written.is_ok(), "a String takes every write");
            last = Some(slot);
        }
        path
    }

    /// What each slot says, empty for a gap.
    pub(crate) fn moments(&self) -> Vec<String> {
        let mut moments = vec![String::new(); self.slots];
        for point in &self.series.points {
            if let Some(slot) = self.slot(point.unix_ms) {
                moments[slot] = moment(point, self.window);
            }
        }
        for mark in &self.series.marks {
            let Some(moment) = self.slot(mark.unix_ms).map(|slot| &mut moments[slot]) else {
                continue;
            };
            let joint = if moment.is_empty() { "" } else { " · " };
            moment.push_str(joint);
            moment.push_str(&mark.text);
        }
        moments
    }

    /// The charts, what happened, and what the lag did in a sentence.
    pub(crate) fn html(&self) -> String {
        html(|| {
            let charts = CHARTS.iter().map(|chart| self.chart(chart)).collect_view();
            let (from, to) = match self.window {
                Window::FiveMinutes => ("5 min ago", "now"),
                Window::Hour => ("1 h ago", "now"),
                Window::Day => ("24 h ago", "now"),
            };
            view! {
                {charts}
                <div class="mt-1 flex justify-between pl-16 text-xs text-ink-3" aria-hidden="true">
                    <span>{from}</span>
                    <span>{to}</span>
                </div>
            }
            .into_any()
        })
    }

    fn chart(&self, chart: &Chart) -> AnyView {
        let values = self.series.points.iter();
        let values = values.flat_map(|point| chart.lines.iter().filter_map(|line| (line.value)(point)));
        let top = chart.quantity.axis_end(values.fold(0.0, f64::max));
        let newest = self.series.points.last();
        let legend = chart.lines.iter().map(|line| {
            let now = newest.and_then(|point| (line.value)(point));
            legend(
                line,
                now.map_or_else(|| "no value".to_owned(), |now| chart.quantity.text(now)),
            )
        });
        let lines = chart.lines.iter().map(|line| {
            view! {
                <path
                    class=line.tone
                    d=self.path(line, top)
                    fill="none"
                    stroke="currentColor"
                    stroke-width="1.5"
                    stroke-dasharray=line.dash
                    stroke-linejoin="round"
                    stroke-linecap="round"
                    vector-effect="non-scaling-stroke"
                ></path>
            }
        });
        let marks = self.series.marks.iter().filter_map(|mark| {
            let x = self.x(self.slot(mark.unix_ms)?);
            Some(drawn_mark(mark, x))
        });
        view! {
            <figure class="mb-4">
                <figcaption class="mb-2 flex flex-wrap items-baseline gap-x-4 gap-y-0.5">
                    <span class="text-sm font-medium">{chart.title}</span>
                    {legend.collect_view()}
                </figcaption>
                <div class="flex gap-2">
                    <div
                        class="num flex h-24 w-14 flex-none flex-col justify-between text-right text-xs text-ink-3"
                        aria-hidden="true"
                    >
                        <span class="-mt-2">{chart.quantity.axis_text(top)}</span>
                        <span class="-mb-2">"0"</span>
                    </div>
                    <svg
                        class="chart h-24 min-w-0 flex-1"
                        viewBox="0 0 600 96"
                        preserveAspectRatio="none"
                        role="img"
                        aria-label=sentence(chart, &self.series.points)
                    >
                        <path
                            class="text-line"
                            d="M0 0H600M0 48H600M0 96H600"
                            stroke="currentColor"
                            stroke-width="1"
                            vector-effect="non-scaling-stroke"
                        ></path>
                        {marks.collect_view()}
                        {lines.collect_view()}
                    </svg>
                </div>
            </figure>
        }
        .into_any()
    }
}

fn legend(line: &Line, now: String) -> AnyView {
    view! {
        <span class="flex items-center gap-1.5 text-xs text-ink-2">
            <svg class=format!("h-2 w-5 {}", line.tone) viewBox="0 0 20 8" aria-hidden="true">
                <path d="M0 4H20" stroke="currentColor" stroke-width="2" stroke-dasharray=line.dash></path>
            </svg>
            {line.name}
            <span class="num font-semibold text-ink">{now}</span>
        </span>
    }
    .into_any()
}

/// A line over the whole height, with a broad one that nobody sees for the pointer.
fn drawn_mark(mark: &SeriesMark, x: f64) -> AnyView {
    let (tone, dash) = match mark.kind.as_str() {
        "error" => ("text-failed", ""),
        "ddl" => ("text-chart-4", "2 2"),
        _ => ("text-ink-3", "5 2"),
    };
    let d = format!("M{x:.0} 0V96");
    view! {
        <g class=tone stroke="currentColor">
            <title>{format!("{}: {}", facts::time_of_day(mark.unix_ms), mark.text)}</title>
            <path d=d.clone() stroke-width="1.5" stroke-dasharray=dash vector-effect="non-scaling-stroke"></path>
            <path d=d stroke-width="9" stroke-opacity="0" vector-effect="non-scaling-stroke"></path>
        </g>
    }
    .into_any()
}

/// What a point says.
fn moment(point: &SeriesPoint, window: Window) -> String {
    let time = match window {
        Window::FiveMinutes | Window::Hour => facts::time_of_day(point.unix_ms),
        Window::Day => facts::date_time(point.unix_ms),
    };
    let resolved = point.resolved_lag_ms.map_or_else(String::new, |lag| {
        format!(", resolved {}", format::duration(lag as u64))
    });
    format!(
        "{time} UTC · lag {}{resolved} · {} inserted, {} updated, {} deleted rows/s · {}/s",
        format::duration(point.checkpoint_lag_ms as u64),
        format::number(point.inserts_per_second),
        format::number(point.updates_per_second),
        format::number(point.deletes_per_second),
        format::bytes(point.bytes_per_second),
    )
}

/// The sentence that stands for a picture.
fn sentence(chart: &Chart, points: &[SeriesPoint]) -> String {
    let title = chart.title;
    let line = &chart.lines[0];
    let values: Vec<f64> = points.iter().filter_map(line.value).collect();
    let Some(last) = values.last() else {
        return format!("{title}: no values yet");
    };
    if title == "Lag" {
        return lag_sentence(points);
    }
    let high = values.iter().copied().fold(0.0, f64::max);
    format!(
        "{title}: {} now {}, at most {}",
        line.name,
        chart.quantity.text(*last),
        chart.quantity.text(high)
    )
}

/// What the lag did in the window.
fn lag_sentence(points: &[SeriesPoint]) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return "No values yet".to_owned();
    };
    let (from, to) = (first.checkpoint_lag_ms, last.checkpoint_lag_ms);
    let text = |lag: f64| format::duration(lag as u64);
    let differs = (from - to).abs() > 2_000.0;
    let high = points
        .iter()
        .map(|point| point.checkpoint_lag_ms)
        .fold(0.0, f64::max);
    match (from, to) {
        _ if differs && from > to * CHANGED => format!("Lag fell from {} to {}", text(from), text(to)),
        _ if differs && to > from * CHANGED => format!("Lag rose from {} to {}", text(from), text(to)),
        _ => format!("Lag is {}, at most {} in this time", text(to), text(high)),
    }
}

/// What the lag did, and what happened, for all to read.
pub(crate) fn story(series: &Series) -> String {
    html(|| {
        let marks = series.marks.iter().rev().take(LISTED_MAX).map(|mark| {
            view! {
                <li class="flex gap-3">
                    <time class="num text-ink-3" datetime=format::rfc3339(mark.unix_ms)>
                        {facts::time_of_day(mark.unix_ms)}
                    </time>
                    <span class="min-w-0 wrap-anywhere">{mark.text.clone()}</span>
                </li>
            }
        });
        let marks = (!series.marks.is_empty()).then(|| {
            view! {
                <h3 class="mt-3 mb-1 text-sm font-medium">"What happened (UTC)"</h3>
                <ul class="grid gap-1 text-xs" aria-label="What happened">
                    {marks.collect_view()}
                </ul>
            }
        });
        view! {
            <p class="text-sm text-ink-2">{lag_sentence(&series.points)} "."</p>
            {marks}
        }
        .into_any()
    })
}

/// Links to the windows and to the other way to show them.
pub(crate) fn links(id: &ChangefeedId, window: Window, is_table: bool) -> String {
    let address = feed_address(&id.namespace, &id.id);
    let to = |window: Window, table: bool| {
        let table = if table { "&table=1" } else { "" };
        format!("{address}?window={}{table}", window.word())
    };
    html(|| {
        let windows = Window::ALL.map(|one| {
            let name = match one {
                Window::FiveMinutes => "5 min",
                Window::Hour => "1 h",
                Window::Day => "24 h",
            };
            view! {
                <li>
                    <a class="chip" href=to(one, is_table) aria-current=(one == window).then_some("true")>
                        {name}
                    </a>
                </li>
            }
        });
        let (other, refresh) = match is_table {
            true => (
                "Show as charts",
                Some(view! { <a class="btn" href=to(window, true) rel="external">"Refresh"</a> }),
            ),
            false => ("Show as table", None),
        };
        view! {
            <div class="mb-3 flex flex-wrap items-center gap-2">
                <h2 class="mr-2 text-sm font-medium">"History"</h2>
                <ul class="flex gap-1.5" aria-label="Time shown">{windows}</ul>
                <span class="flex gap-2 sm:ml-auto">
                    {refresh}
                    <a class="btn" href=to(window, !is_table)>{other}</a>
                </span>
            </div>
        }
        .into_any()
    })
}

/// The figures of the series, as they are, newest first.
pub(crate) fn table(series: &Series) -> String {
    let mut rows = String::new();
    for point in series.points.iter().rev() {
        let resolved = point
            .resolved_lag_ms
            .map_or_else(|| "-".to_owned(), |lag| lag.to_string());
        let written = write!(
            rows,
            r#"<tr><th scope="row" class="num">{}</th><td class="num text-right">{}</td><td class="num text-right">{resolved}</td><td class="num text-right">{}</td><td class="num text-right">{}</td><td class="num text-right">{}</td><td class="num text-right">{}</td></tr>"#,
            format::rfc3339(point.unix_ms),
            point.checkpoint_lag_ms,
            point.inserts_per_second,
            point.updates_per_second,
            point.deletes_per_second,
            point.bytes_per_second,
        );
        debug_assert!(written.is_ok(), "a String takes every write");
    }
    if rows.is_empty() {
        return html(|| view! { <p class="py-6 text-sm text-ink-3">"No values yet."</p> }.into_any());
    }
    format!(
        r#"<div class="overflow-auto max-h-[32rem]" tabindex="0" role="region" aria-label="Figures"><table class="data-table"><caption class="sr-only">History, one row for every {} s</caption><thead><tr><th scope="col">Time (UTC)</th><th scope="col" class="text-right">Checkpoint lag (ms)</th><th scope="col" class="text-right">Resolved lag (ms)</th><th scope="col" class="text-right">Inserted rows/s</th><th scope="col" class="text-right">Updated rows/s</th><th scope="col" class="text-right">Deleted rows/s</th><th scope="col" class="text-right">Bytes/s</th></tr></thead><tbody>{rows}</tbody></table></div>"#,
        series.step_seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 1_000;

    fn series(points: &[(u64, f64)], marks: Vec<SeriesMark>) -> Series {
        Series {
            window: "5m".to_owned(),
            unix_ms: 1_000_000,
            step_seconds: 1,
            points: points
                .iter()
                .map(|(second, lag)| SeriesPoint {
                    unix_ms: second * STEP,
                    checkpoint_lag_ms: *lag,
                    ..SeriesPoint::default()
                })
                .collect(),
            marks,
        }
    }

    #[test]
    fn a_gap_starts_a_new_line_and_what_is_outside_is_left_out() {
        let series = series(
            &[(10, 9.0), (701, 0.0), (702, 1.0), (710, 2.0), (1_000, 2.0)],
            Vec::new(),
        );
        let drawn = Drawn::new(&series, Window::FiveMinutes);
        let path = drawn.path(&CHARTS[0].lines[0], 2.0);
        assert_eq!(path, "M0 96h0L2 48M18 0h0M600 0h0");
        // There is no resolved lag.
        assert_eq!(drawn.path(&CHARTS[0].lines[1], 2.0), "");
    }

    #[test]
    fn every_slot_has_its_moment_and_marks_stand_in_theirs() {
        let mark = SeriesMark {
            unix_ms: 702_500,
            kind: "ddl".to_owned(),
            text: "DROP TABLE <t>".to_owned(),
        };
        let series = series(&[(701, 1_500.0), (1_000, 0.0)], vec![mark]);
        let drawn = Drawn::new(&series, Window::FiveMinutes);
        let moments = drawn.moments();
        assert_eq!(moments.len(), 300);
        assert!(moments[0].contains("lag 1.5 s"), "{}", moments[0]);
        assert_eq!(moments[1], "DROP TABLE <t>");
        assert!(moments[299].contains("lag 0 ms"), "{}", moments[299]);
        let html = drawn.html() + &story(&series);
        assert!(
            html.contains("DROP TABLE &lt;t&gt;") && !html.contains("<t>"),
            "{html}"
        );
        assert_eq!(html.matches("<title>").count(), 3, "one in every chart");
    }

    #[test]
    fn the_lag_has_a_sentence() {
        let check = |points: &[(u64, f64)], expect: &str| {
            assert_eq!(lag_sentence(&series(points, Vec::new()).points), expect);
        };
        check(&[(1, 40_000.0), (2, 2_000.0)], "Lag fell from 40.0 s to 2.0 s");
        check(&[(1, 1_000.0), (2, 90_000.0)], "Lag rose from 1.0 s to 1 m 30 s");
        check(
            &[(1, 900.0), (2, 300.0)],
            "Lag is 300 ms, at most 900 ms in this time",
        );
        check(&[], "No values yet");
    }

    #[test]
    fn the_table_has_the_figures_as_they_are() {
        let html = table(&series(&[(701, 1_500.0)], Vec::new()));
        assert!(html.contains(r#"<td class="num text-right">1500</td>"#), "{html}");
        assert!(table(&series(&[], Vec::new())).contains("No values yet"));
    }
}
