//! A row of the list: what stays, and the values that change in place.

use crate::app::changefeeds::panel::Panel;
use crate::app::changefeeds::{Desk, full_name};
use crate::app::facts;
use crate::app::format;
use crate::app::live::use_live;
use crate::app::ui::badge::StateBadge;
use crate::app::ui::chart::Sparkline;
use crate::app::ui::feed::{Lag, SinkName, feed_address, feed_name, tso_ms};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::choice::Column;
use crate::fns::data::{FeedRow, FeedState, Vitals};
use leptos::prelude::*;

/// Seconds of history in the sparkline of a row.
const SPARK_POINTS: usize = 60;

/// What stands below the badge of a changefeed that is being retried.
fn retrying(vitals: &Vitals) -> Option<String> {
    if vitals.state != FeedState::Warning {
        return None;
    }
    let wait = vitals
        .retry_in_ms
        .map(|ms| format!("next in {} s", ms.div_ceil(1_000)));
    let attempt = vitals.attempt.map(|n| format!("attempt {n}"));
    let more: Vec<String> = attempt.into_iter().chain(wait).collect();
    Some(match more.is_empty() {
        true => "retrying".to_owned(),
        false => format!("retrying ({})", more.join(", ")),
    })
}

#[component]
pub(super) fn Row(row: FeedRow, desk: Desk, columns: Vec<Column>) -> impl IntoView {
    let live = use_live();
    let (name, address) = (
        feed_name(&row.namespace, &row.id),
        feed_address(&row.namespace, &row.id),
    );
    let full = StoredValue::new(full_name(&row));
    let row = StoredValue::new(row);
    let vitals = Memo::new(move |_| row.with_value(|row| live.vitals(row)));
    let width = columns.len() + 5;
    let cells = columns
        .into_iter()
        .map(|column| cell(column, row, vitals))
        .collect_view();
    // Its own copy: it still listens for a moment after the row with its values is gone.
    let own = row.with_value(full_name);
    let is_ticked = move || desk.ticked.with(|ticked| ticked.contains(&own));
    let is_open = Memo::new(move |_| full.with_value(|full| desk.open.with(|open| open == full)));
    let label = format!("Select {name}");
    let menu = format!("Actions for {name}");
    view! {
        <tr role="row">
            <td role="cell" class="w-8 !pr-0">
                <input
                    class="check tick"
                    type="checkbox"
                    form="bulk"
                    name="feed"
                    value=full.get_value()
                    aria-label=label
                    prop:checked=is_ticked
                    on:change=move |ev| {
                        let on = event_target_checked(&ev);
                        desk.ticked.update(|ticked| {
                            ticked.retain(|name| full.with_value(|full| name != full));
                            if on {
                                ticked.push(full.get_value());
                            }
                        });
                    }
                />
            </td>
            <th scope="row" role="rowheader" class="!text-sm !text-ink md:min-w-36">
                <a class="link wrap-anywhere whitespace-normal" href=address>
                    {name}
                </a>
            </th>
            <td role="cell">
                <StateBadge state=Signal::derive(move || vitals.with(|v| v.state))/>
                {move || vitals.with(retrying).map(|text| view! { <span class="num block text-xs text-ink-2">{text}</span> })}
            </td>
            <td role="cell" data-label="Lag" class="text-right">
                <Lag vitals/>
            </td>
            {cells}
            <td role="cell" class="w-10">
                // Without scripts the page of the changefeed has the same actions.
                <button
                    type="button"
                    class="scripted grid size-7 place-items-center rounded-[5px] text-ink-2 hover:bg-surface hover:text-ink"
                    aria-label=menu
                    aria-expanded=move || if is_open.get() { "true" } else { "false" }
                    on:click=move |_| {
                        desk.open.set(if is_open.get_untracked() { String::new() } else { full.get_value() });
                    }
                >
                    <Icon glyph=Glyph::More/>
                </button>
            </td>
        </tr>
        {move || is_open.get().then(|| view! { <Panel row vitals width/> })}
    }
    .into_any()
}

/// A cell that can be hidden; narrow screens never show it.
fn cell(column: Column, row: StoredValue<FeedRow>, vitals: Memo<Vitals>) -> AnyView {
    let live = use_live();
    match column {
        Column::Checkpoint => {
            let ms = move || tso_ms(vitals.with(|v| v.checkpoint_ts));
            view! {
                <td role="cell" class="max-md:!hidden">
                    <time
                        class="num block w-min text-xs !whitespace-normal text-ink-2"
                        datetime=move || format::rfc3339(ms())
                        title=move || format!("TSO {}", vitals.with(|v| v.checkpoint_ts))
                    >
                        {move || facts::date_time(ms())}
                    </time>
                </td>
            }
            .into_any()
        }
        Column::Rate => {
            let samples = Signal::derive(move || {
                let points = row.with_value(|row| live.points(row));
                let from = points.len().saturating_sub(SPARK_POINTS);
                points[from..]
                    .iter()
                    .map(|p| (p.at_ms, f64::from(p.rows_per_s)))
                    .collect()
            });
            view! {
                <td role="cell" class="text-right max-md:!hidden">
                    <span class="flex items-center justify-end gap-1">
                        <Sparkline samples window_ms=SPARK_POINTS as u64 * 1_000/>
                        <span class="num w-12">{move || format::number(vitals.with(|v| v.rows_per_s))}</span>
                    </span>
                </td>
            }
            .into_any()
        }
        Column::Sink => {
            let uri = row.with_value(|row| row.sink.clone());
            view! {
                <td role="cell" class="max-w-48 max-md:!hidden">
                    <SinkName uri/>
                </td>
            }
            .into_any()
        }
        Column::Tables => view! {
            <td role="cell" class="num text-right max-md:!hidden">
                {move || vitals.with(|v| v.tables)}
            </td>
        }
        .into_any(),
        Column::Error => view! {
            <td role="cell" class="max-md:!hidden">
                {move || vitals.with(|v| v.problem.as_ref().map(|problem| {
                    let code = problem.code.clone();
                    view! { <code class="block max-w-36 text-xs wrap-anywhere text-failed">{code}</code> }
                }))}
            </td>
        }
        .into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_says_which_and_when() {
        let mut vitals = Vitals {
            state: FeedState::Warning,
            checkpoint_ts: 0,
            resolved_ts: 0,
            lag_ms: 0,
            resolved_lag_ms: None,
            rows_per_s: 0.0,
            bytes_per_s: 0.0,
            problem: None,
            blocked: None,
            retry_in_ms: Some(11_200),
            attempt: Some(4),
            tables: 0,
        };
        assert_eq!(retrying(&vitals).unwrap(), "retrying (attempt 4, next in 12 s)");
        (vitals.retry_in_ms, vitals.attempt) = (None, None);
        assert_eq!(retrying(&vitals).unwrap(), "retrying");
        vitals.state = FeedState::Failed;
        assert_eq!(retrying(&vitals), None);
    }
}
