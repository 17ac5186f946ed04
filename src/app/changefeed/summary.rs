//! How a changefeed is doing: progress, charts, facts.

use crate::app::facts;
use crate::app::format;
use crate::app::live::use_live;
use crate::app::ui::chart::{Chart, Quantity, Sample};
use crate::app::ui::copy::CopyButton;
use crate::app::ui::feed::{SinkName, progress_sentence, tso_ms};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::data::{FeedDetail, Point, Vitals};
use leptos::prelude::*;

/// Body of the summary tab.
#[component]
pub(super) fn Body(detail: StoredValue<FeedDetail>, vitals: Memo<Vitals>) -> impl IntoView {
    let live = use_live();
    let points = Memo::new(move |_| detail.with_value(|detail| live.points(&detail.row)));
    let series = move |value: fn(&Point) -> f64| {
        Signal::derive(move || {
            points.with(|points| {
                points
                    .iter()
                    .map(|p| (p.at_ms, value(p)))
                    .collect::<Vec<Sample>>()
            })
        })
    };
    view! {
        <Progress vitals/>
        <div class="mb-6 grid gap-4 lg:grid-cols-2">
            <Chart
                title="Checkpoint lag"
                quantity=Quantity::Duration
                tone="text-chart-1"
                samples=series(|p| f64::from(p.lag_ms))
            />
            <Chart
                title="Rows per second"
                quantity=Quantity::RowRate
                tone="text-chart-3"
                samples=series(|p| f64::from(p.rows_per_s))
            />
        </div>
        <Facts detail vitals/>
    }
    .into_any()
}

/// The sentence about the checkpoint, with its reason when it does not move.
#[component]
fn Progress(vitals: Memo<Vitals>) -> impl IntoView {
    let sentence = Memo::new(move |_| vitals.with(progress_sentence));
    let glyph = Signal::derive(move || {
        if sentence.with(|s| s.1) {
            Glyph::Retry
        } else {
            Glyph::Check
        }
    });
    let class = move || match sentence.with(|s| s.1) {
        true => "mb-4 flex items-center gap-2 text-sm font-medium text-warning",
        false => "mb-4 flex items-center gap-2 text-sm text-ink-2",
    };
    view! {
        <p class=class>
            <Icon glyph/>
            {move || sentence.get().0}
        </p>
    }
    .into_any()
}

#[component]
fn Facts(detail: StoredValue<FeedDetail>, vitals: Memo<Vitals>) -> impl IntoView {
    let FeedDetail {
        row,
        start_ts,
        target_ts,
        created,
        creator_version,
        ..
    } = detail.get_value();
    view! {
        <section class="grid gap-4 lg:grid-cols-2">
            <div class="card min-w-0 p-4">
                <h2 class="mb-2 text-sm font-medium">"Progress"</h2>
                <dl class="grid grid-cols-[minmax(0,1fr)] gap-x-3 gap-y-1 text-sm sm:grid-cols-[9rem_minmax(0,1fr)] sm:gap-y-2">
                    <Fact name="Checkpoint">
                        <Tso tso=Signal::derive(move || Some(vitals.with(|v| v.checkpoint_ts)))/>
                    </Fact>
                    <Fact name="Resolved">
                        <Tso tso=Signal::derive(move || vitals.with(|v| (v.resolved_ts > 0).then_some(v.resolved_ts)))/>
                    </Fact>
                    <Fact name="Start">
                        <Tso tso=Signal::stored(Some(start_ts))/>
                    </Fact>
                    <Fact name="Target">
                        <Tso tso=Signal::stored(target_ts)/>
                    </Fact>
                    <Fact name="Bytes out">
                        <span class="num">{move || format!("{}/s", format::bytes(vitals.with(|v| v.bytes_per_s)))}</span>
                    </Fact>
                </dl>
            </div>
            <div class="card min-w-0 p-4">
                <h2 class="mb-2 text-sm font-medium">"About"</h2>
                <dl class="grid grid-cols-[minmax(0,1fr)] gap-x-3 gap-y-1 text-sm sm:grid-cols-[9rem_minmax(0,1fr)] sm:gap-y-2">
                    <Fact name="Sink">
                        <SinkName uri=row.sink.clone()/>
                        <span class="flex min-w-0 items-center gap-1">
                            <code class="text-xs wrap-anywhere text-ink-2">{row.sink.clone()}</code>
                            <CopyButton text=row.sink what="sink URI"/>
                        </span>
                    </Fact>
                    <Fact name="Id">
                        <span class="flex min-w-0 items-center gap-1">
                            <code class="text-xs wrap-anywhere">{format!("{}/{}", row.namespace, row.id)}</code>
                            <CopyButton text=row.id what="changefeed id"/>
                        </span>
                    </Fact>
                    <Fact name="Created">{created_text(&created)}</Fact>
                    <Fact name="Created by">{creator_version}</Fact>
                    <Fact name="Tables">
<span class="num">{move || vitals.with(|v| v.tables)}</span></Fact>
                </dl>
            </div>
        </section>
    }
    .into_any()
}

/// RFC 3339 as people read it; the original text when it is something else.
fn created_text(created: &str) -> String {
    format::parse_rfc3339(created).map_or_else(|| created.to_owned(), facts::moment)
}

#[component]
fn Fact(name: &'static str, children: Children) -> impl IntoView {
    view! {
        <dt class="text-ink-2">{name}</dt>
        <dd class="mb-1.5 min-w-0 sm:mb-0">{children()}</dd>
    }
    .into_any()
}

/// A TSO as a time, with the number to copy.
#[component]
fn Tso(tso: Signal<Option<u64>>) -> impl IntoView {
    let text = Signal::derive(move || tso.get().map(|tso| tso.to_string()).unwrap_or_default());
    view! {
        <Show when=move || tso.get().is_some() fallback=|| view! { <span class="text-ink-3">"none"</span> }>
            <time
                class="num"
                datetime=move || format::rfc3339(tso_ms(tso.get().unwrap_or_default()))
                title=move || format::utc(tso_ms(tso.get().unwrap_or_default()))
            >
                {move || facts::moment(tso_ms(tso.get().unwrap_or_default()))}
            </time>
            <span class="flex items-center gap-1">
                <code class="text-xs text-ink-2">{text}</code>
                <CopyButton text what="TSO"/>
            </span>
        </Show>
    }
    .into_any()
}
