//! The charts of a changefeed. The server draws them; the browser asks again, and moves one line over all of them.

use crate::app::live::use_live;
use crate::app::ui::made::Made;
use crate::fns::watch::{Watch, get_watch};
use leptos::ev::PointerEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlDivElement;
use leptos::web_sys::js_sys::{Function, Reflect};

/// Stages of the pipeline, charts, and what happened.
#[component]
pub(super) fn History(first: Watch, namespace: String, id: String, query: String) -> impl IntoView {
    let Watch {
        links,
        strip,
        charts,
        story,
        moments,
        period_s,
    } = first;
    let is_table = moments.is_empty();
    let (strip, charts, story) = (RwSignal::new(strip), RwSignal::new(charts), RwSignal::new(story));
    let moments = RwSignal::new(moments);
    if period_s > 0 {
        let again = move || get_watch(namespace.clone(), id.clone(), query.clone());
        use_live().every(period_s, again, move |watch: Watch| {
            let _gone = strip.try_set(watch.strip);
            let _gone = charts.try_set(watch.charts);
            let _gone = story.try_set(watch.story);
            let _gone = moments.try_set(watch.moments);
        });
    }
    let body = match is_table {
        true => view! { <Made html=charts/> }.into_any(),
        false => view! { <Crosshair charts moments/> }.into_any(),
    };
    view! {
        <Made html=strip/>
        <section class="card mb-5 p-4" aria-label="History">
            <div inner_html=links></div>
            {body}
            <Made html=story/>
        </section>
    }
    .into_any()
}

/// The charts with one line over all of them, at the moment whose values are told. It follows the pointer, and the arrow
/// keys on the slider below.
#[component]
fn Crosshair(charts: RwSignal<String>, moments: RwSignal<Vec<String>>) -> impl IntoView {
    let plot = NodeRef::<html::Div>::new();
    let at = RwSignal::new(None::<usize>);
    let last = move || moments.with(|moments| moments.len().saturating_sub(1));
    let told = move || {
        let Some(at) = at.get() else {
            return "Point at a chart, or walk with the arrow keys.".to_owned();
        };
        let told = moments.with(|moments| moments.get(at).cloned().unwrap_or_default());
        if told.is_empty() {
            "No values".to_owned()
        } else {
            told
        }
    };
    let follow = move |ev: PointerEvent| {
        let share = plot.get_untracked().and_then(|plot| share(&plot, &ev));
        if let Some(share) = share {
            at.set(Some((share * untrack(last) as f64).round() as usize));
        }
    };
    let left = move || {
        format!(
            "{:.2}%",
            at.get().unwrap_or(0) as f64 / last().max(1) as f64 * 100.0
        )
    };
    view! {
        <div class="relative" on:pointermove=follow>
            <Made html=charts/>
            <div class="pointer-events-none absolute inset-y-0 right-0 left-16" node_ref=plot>
                <div
                    class="absolute inset-y-0 w-px bg-accent"
                    hidden=move || at.with(Option::is_none)
                    style:left=left
                ></div>
            </div>
        </div>
        <div class="scripted pl-16">
            <input
                type="range"
                class="block h-6 w-full"
                min="0"
                max=last
                prop:value=move || at.get().unwrap_or_else(last).to_string()
                aria-label="Moment of the charts"
                aria-valuetext=told
                on:input=move |ev| at.set(event_target_value(&ev).parse().ok())
            />
        </div>
        <p class="num mb-3 min-h-10 text-xs whitespace-normal text-ink-2" id="moment">
            {told}
        </p>
    }
    .into_any()
}

/// Where the pointer is between the left and the right edge of the plot, from 0 to 1; none beside it. Asked by name:
/// the type of the answer is a part of web-sys that nothing else needs.
fn share(plot: &HtmlDivElement, ev: &PointerEvent) -> Option<f64> {
    let ask = Reflect::get(plot, &"getBoundingClientRect".into()).ok()?;
    let edges = ask.dyn_into::<Function>().ok()?.call0(plot).ok()?;
    let number = |name: &str| Reflect::get(&edges, &name.into()).ok()?.as_f64();
    let share = (f64::from(ev.client_x()) - number("left")?) / number("width")?;
    (0.0..=1.0).contains(&share).then_some(share)
}
