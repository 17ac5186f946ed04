//! How a changefeed is doing: progress, history, facts. All but the first line is HTML of the server's making, asked for
//! again while the page is open.

use crate::app::changefeed::history::History;
use crate::app::layout::{ErrorNote, loading};
use crate::app::live::use_live;
use crate::app::ui::feed::progress_sentence;
use crate::app::ui::icon::{Glyph, Icon};
use crate::app::ui::made::Made;
use crate::fns::data::{FeedDetail, Vitals};
use crate::fns::watch::{get_facts, get_watch};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Seconds between two looks at the facts.
const FACTS_PERIOD_S: u32 = 5;

/// Body of the summary tab.
#[component]
pub(super) fn Body(detail: StoredValue<FeedDetail>, vitals: Memo<Vitals>) -> impl IntoView {
    let search = use_location().search;
    let name = detail.with_value(|detail| (detail.row.namespace.clone(), detail.row.id.clone()));
    let asked = move || (name.clone(), search.get());
    let watch = Resource::new_blocking(asked.clone(), |((namespace, id), query)| {
        get_watch(namespace, id, query)
    });
    let facts = Resource::new_blocking(asked.clone(), |((namespace, id), query)| {
        get_facts(namespace, id, query)
    });
    let (of_watch, of_facts) = (StoredValue::new(asked.clone()), StoredValue::new(asked));
    view! {
        <Progress vitals/>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                let ((namespace, id), query) = of_watch.with_value(|asked| untrack(asked));
                match watch.await {
                    Ok(first) => view! { <History first namespace id query/> }.into_any(),
                    Err(error) => view! { <ErrorNote error/> }.into_any(),
                }
            })}
        </Transition>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                let ((namespace, id), query) = of_facts.with_value(|asked| untrack(asked));
                match facts.await {
                    Ok(first) => {
                        let again = move || get_facts(namespace.clone(), id.clone(), query.clone());
                        view! { <Refreshed first again/> }.into_any()
                    }
                    Err(error) => view! { <ErrorNote error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

/// HTML that is asked for again every few seconds.
#[component]
fn Refreshed<F, A>(first: String, again: F) -> impl IntoView
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = Result<String, crate::fns::error::ConsoleError>> + 'static,
{
    let html = RwSignal::new(first);
    use_live().every(FACTS_PERIOD_S, again, move |answer| {
        let _gone = html.try_set(answer);
    });
    view! { <Made html/> }.into_any()
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
