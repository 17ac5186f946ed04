//! Where the rows of a changefeed are: estimate, progress to the target, and the stages of its pipeline.

use leptos::prelude::*;
use tidegate_api::{ChangefeedDetail, ChangefeedLive, SeriesPoint, StageLive};

use crate::app::facts;
use crate::app::format;
use crate::app::ui::feed::tso_ms;
use crate::app::ui::html::html;

/// A lag below this needs no estimate.
const LAG_MIN_MS: f64 = 10_000.0;
/// Points that an estimate is made of: a minute.
const ESTIMATE_POINTS: usize = 60;
/// A stage that is less than this behind the one before it is not slow.
const SLOW_MIN_MS: u64 = 2_000;

/// The part above the charts. `recent` are the last minutes, one point a second.
pub(crate) fn strip(
    detail: &ChangefeedDetail,
    live: Option<&ChangefeedLive>,
    recent: &[SeriesPoint],
    now_ms: u64,
) -> String {
    let is_running = matches!(detail.state.as_str(), "normal" | "warning" | "pending");
    let stages = live.filter(|_| is_running).map_or(&[][..], |live| &live.stages);
    html(|| {
        let estimate = catch_up_ms(recent).filter(|_| is_running).map(|ms| {
            view! {
                <p class="mb-3 text-sm text-ink-2">
                    {format!("At this rate it has caught up in about {}.", roughly(ms))}
                </p>
            }
        });
        let progress = progress(detail).map(|percent| {
            let text = format!("{percent:.1} % of the way to its target, {}", facts::moment(tso_ms(detail.target_ts)));
            view! {
                <div class="mb-4">
                    <p id="target-progress" class="mb-1 text-sm">{text}</p>
                    <progress class="progress" max="100" value=format!("{percent:.1}") aria-labelledby="target-progress"></progress>
                </div>
            }
        });
        let boxes = (!stages.is_empty()).then(|| boxes(stages, now_ms));
        view! {
            {estimate}
            {progress}
            {boxes}
        }
        .into_any()
    })
}

/// Time until the lag is gone, when it falls in every third of the last minute.
fn catch_up_ms(recent: &[SeriesPoint]) -> Option<f64> {
    let recent = &recent[recent.len().saturating_sub(ESTIMATE_POINTS)..];
    let lag = recent.last()?.checkpoint_lag_ms;
    if recent.len() < ESTIMATE_POINTS || lag < LAG_MIN_MS {
        return None;
    }
    let third = recent.len() / 3;
    let mean = |points: &[SeriesPoint]| {
        points.iter().map(|point| point.checkpoint_lag_ms).sum::<f64>() / points.len() as f64
    };
    let [first, second, last] = [
        mean(&recent[..third]),
        mean(&recent[third..2 * third]),
        mean(&recent[2 * third..]),
    ];
    let between_ms = recent[recent.len() - third]
        .unix_ms
        .checked_sub(recent[0].unix_ms)? as f64;
    let falls = first > second && second > last && between_ms > 0.0;
    falls.then(|| lag / ((first - last) / between_ms))
}

/// A time as nobody takes it for exact.
fn roughly(ms: f64) -> String {
    match (ms / 1_000.0).ceil() as u64 {
        seconds @ 0..60 => format!("{} s", seconds.div_ceil(10) * 10),
        seconds @ 60..5_400 => format!("{} min", seconds.div_ceil(60)),
        seconds @ 5_400..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        seconds => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// How much of the way from start to target is done, in percent.
fn progress(detail: &ChangefeedDetail) -> Option<f64> {
    let (start, target) = (tso_ms(detail.start_ts), tso_ms(detail.target_ts));
    let whole = target.checked_sub(start).filter(|_| detail.target_ts > 0)?;
    let done = tso_ms(detail.checkpoint_ts).saturating_sub(start).min(whole);
    Some(if whole == 0 {
        100.0
    } else {
        done as f64 / whole as f64 * 100.0
    })
}

/// The stage where the watermark falls behind most, if any does.
fn slowest(stages: &[StageLive], now_ms: u64) -> Option<usize> {
    let mut before = now_ms;
    let behind = stages.iter().map(|stage| {
        let at = tso_ms(stage.watermark_ts);
        let behind = before.saturating_sub(at);
        before = at;
        behind
    });
    // Of equals the first.
    let found = behind
        .enumerate()
        .fold(None, |best: Option<(usize, u64)>, (at, behind)| match best {
            Some((_, most)) if most >= behind => best,
            _ => Some((at, behind)),
        });
    found
        .filter(|(_, behind)| *behind >= SLOW_MIN_MS)
        .map(|(at, _)| at)
}

fn boxes(stages: &[StageLive], now_ms: u64) -> AnyView {
    let slowest = slowest(stages, now_ms);
    let boxes = stages.iter().enumerate().map(|(at, stage)| {
        let (name, help) = match stage.name.as_str() {
            "puller" => ("Puller", "reads the upstream's log"),
            "mounter" => ("Mounter", "decodes rows"),
            "filter" => ("Filter", "drops what is filtered"),
            _ => ("Sink", "makes rows durable"),
        };
        let age = format::duration(now_ms.saturating_sub(tso_ms(stage.watermark_ts)));
        let rate = stage.rows_per_second.map(|rows| format!("{} rows/s", format::number(rows)));
        let is_slowest = slowest == Some(at);
        let class = match is_slowest {
            true => "min-w-0 rounded-card border border-warning bg-warning-fill p-3",
            false => "card p-3",
        };
        view! {
            <li class=class>
                <p class="flex flex-wrap items-baseline justify-between gap-x-2">
                    <strong class="text-sm font-medium">{name}</strong>
                    {is_slowest.then(|| view! { <span class="text-xs font-medium text-warning">"slowest here"</span> })}
                </p>
                <p class="text-xs text-ink-2">{help}</p>
                <p class="mt-1.5 flex flex-wrap justify-between gap-x-3 text-sm">
                    <span class="num" title="Age of the newest change that is through">{age} " behind"</span>
                    <span class="num text-ink-2">{rate}</span>
                </p>
            </li>
        }
    });
    view! {
        <ol class="mb-5 grid grid-cols-2 gap-3 lg:grid-cols-4" aria-label="Pipeline">
            {boxes.collect_view()}
        </ol>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falling(from_ms: f64, by_ms: f64) -> Vec<SeriesPoint> {
        (0..60_u32)
            .map(|second| SeriesPoint {
                unix_ms: u64::from(second) * 1_000,
                checkpoint_lag_ms: from_ms - f64::from(second) * by_ms,
                ..SeriesPoint::default()
            })
            .collect()
    }

    #[test]
    fn an_estimate_needs_a_lag_that_falls_all_the_time() {
        // It falls by four seconds a second: 364 s are left.
        let estimate = catch_up_ms(&falling(600_000.0, 4_000.0)).unwrap();
        assert!((85_000.0..97_000.0).contains(&estimate), "{estimate}");
        assert_eq!(catch_up_ms(&falling(600_000.0, 0.0)), None);
        assert_eq!(catch_up_ms(&falling(600_000.0, -1.0)), None);
        assert_eq!(catch_up_ms(&falling(5_000.0, 10.0)), None);
        assert_eq!(catch_up_ms(&falling(600_000.0, 4_000.0)[..30]), None);
        let mut saw = falling(600_000.0, 4_000.0);
        for point in &mut saw[20..40] {
            point.checkpoint_lag_ms = 900_000.0;
        }
        assert_eq!(catch_up_ms(&saw), None);
        assert_eq!(
            (roughly(31_000.0), roughly(400_000.0)),
            ("40 s".to_owned(), "7 min".to_owned())
        );
        assert_eq!(
            (roughly(7_100_000.0), roughly(180_000_000.0)),
            ("2 h".to_owned(), "2 days".to_owned())
        );
    }

    #[test]
    fn the_way_to_the_target_has_an_end() {
        let detail = |start: u64, checkpoint: u64, target: u64| ChangefeedDetail {
            start_ts: start << 18,
            checkpoint_ts: checkpoint << 18,
            target_ts: target << 18,
            ..ChangefeedDetail::default()
        };
        assert_eq!(progress(&detail(1_000, 1_500, 0)), None);
        assert_eq!(progress(&detail(1_000, 1_500, 2_000)), Some(50.0));
        assert_eq!(progress(&detail(1_000, 9_000, 2_000)), Some(100.0));
        assert_eq!(progress(&detail(1_000, 1_000, 1_000)), Some(100.0));
    }

    #[test]
    fn the_slowest_stage_is_where_most_is_lost() {
        let stages = |ages: [u64; 4]| {
            ages.map(|age| StageLive {
                watermark_ts: (100_000 - age) << 18,
                ..StageLive::default()
            })
        };
        assert_eq!(slowest(&stages([0, 500, 600, 700]), 100_000), None);
        assert_eq!(slowest(&stages([100, 200, 300, 60_000]), 100_000), Some(3));
        assert_eq!(
            slowest(&stages([50_000, 51_000, 52_000, 60_000]), 100_000),
            Some(0)
        );
        assert_eq!(
            slowest(&stages([1_000, 40_000, 41_000, 42_000]), 100_000),
            Some(1)
        );
    }
}
