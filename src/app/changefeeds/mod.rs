//! The list of changefeeds. The address says which and in what order; the server makes everything but the rows.

mod bulk;
#[cfg(feature = "ssr")]
pub(crate) mod made;
#[cfg(feature = "ssr")]
pub(crate) mod made_bulk;
mod panel;
mod row;

use crate::app::changefeeds::row::Row;
use crate::app::layout::{PageError, PageHead, loading};
use crate::app::live::use_live;
use crate::app::ui::badge::glyph;
use crate::app::ui::icon::{Glyph, Icon};
use crate::app::ui::typing::Typing;
use crate::fns::changefeeds::list_changefeeds;
use crate::fns::choice::Sort;
use crate::fns::data::{Chip, FeedPage, FeedRow, StateCounts};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

pub(crate) use bulk::Bulk;

/// What the reader does with the rows on screen. A handle.
#[derive(Copy, Clone)]
pub(crate) struct Desk {
    /// Namespace and id of the ticked rows.
    ticked: RwSignal<Vec<String>>,
    /// The row whose panel is open.
    open: RwSignal<String>,
}

/// `namespace/id`.
fn full_name(row: &FeedRow) -> String {
    format!("{}/{}", row.namespace, row.id)
}

/// Words of columns as the address has them.
#[cfg(feature = "ssr")]
pub(crate) fn columns_of(columns: &[crate::fns::choice::Column]) -> String {
    let words: Vec<&str> = columns.iter().map(|column| column.word()).collect();
    // An empty list is no value of a parameter.
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(",")
    }
}

/// The page.
#[component]
pub(crate) fn Changefeeds() -> impl IntoView {
    let search = use_location().search;
    let typing = Typing::new("/ui/changefeeds");
    let desk = Desk {
        ticked: RwSignal::new(Vec::new()),
        open: RwSignal::new(String::new()),
    };
    let again = RwSignal::new(0_u32);
    let list = Resource::new_blocking(
        move || (again.get(), search.get()),
        |(_, query)| list_changefeeds(query),
    );
    view! {
        <PageHead title="Changefeeds">
            <a class="btn btn-primary ml-auto" href="/ui/changefeeds/new">
                <Icon glyph=Glyph::Plus/>
                "New changefeed"
            </a>
        </PageHead>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                let mut page = match list.await {
                    Ok(page) => page,
                    Err(error) => return view! { <PageError error/> }.into_any(),
                };
                if page.counts.total() == 0 {
                    return view! { <NoFeeds/> }.into_any();
                }
                let fields = std::mem::take(&mut page.parts.fields);
                view! {
                    <form
                        node_ref=typing.form()
                        method="get"
                        action="/ui/changefeeds"
                        role="search"
                        class="mb-3 flex flex-wrap gap-2"
                        on:submit=move |ev| typing.submitted(&ev)
                        on:change=move |ev| typing.chosen(&ev)
                        inner_html=fields
                    ></form>
                    <List page desk again/>
                }
                .into_any()
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn List(page: FeedPage, desk: Desk, again: RwSignal<u32>) -> impl IntoView {
    let FeedPage {
        feeds,
        counts,
        sort,
        columns,
        chips,
        parts,
        ..
    } = page;
    if feeds.is_empty() {
        return view! {
            <Chips counts chips/>
            <NoMatch/>
        }
        .into_any();
    }
    let names: Vec<String> = feeds.iter().map(full_name).collect();
    let kept = names.clone();
    Effect::new(move |_| {
        desk.ticked
            .update(|ticked| ticked.retain(|name| kept.contains(name)));
    });
    let shown = StoredValue::new(feeds.clone());
    let rows = feeds
        .into_iter()
        .map(|row| view! { <Row row desk columns=columns.clone()/> })
        .collect_view();
    let count = move || match desk.ticked.with(Vec::len) {
        0 => "Nothing selected".to_owned(),
        n => format!("{n} selected"),
    };
    view! {
        <Chips counts chips/>
        <div class="mb-2 flex flex-wrap items-center gap-2">
            <button
                type="button"
                class="btn scripted"
                on:click=move |_| {
                    desk.ticked.update(|ticked| *ticked = if ticked.len() == names.len() { Vec::new() } else { names.clone() });
                }
            >
                "Select page"
            </button>
            <span class="scripted w-28 text-xs text-ink-2">{count}</span>
            <form
                id="bulk"
                method="get"
                action="/ui/changefeeds/bulk"
                aria-label="Selected changefeeds"
                class="flex flex-wrap items-center gap-2"
                inner_html=parts.bulk
            ></form>
            <Moved shown sort counts again/>
        </div>
        <div class="card overflow-x-auto">
            <table class="data-table data-cards feed-list" role="table">
                <caption class="sr-only">"Changefeeds"</caption>
                <thead role="rowgroup" inner_html=parts.head></thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
        <div class="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 text-xs text-ink-3" inner_html=parts.foot></div>
        <details class="mt-3">
            <summary class="w-fit text-sm text-ink-2">"Columns"</summary>
            <form method="post" action="/ui/changefeeds/columns" class="mt-2" inner_html=parts.columns></form>
        </details>
    }
    .into_any()
}

/// Offers to put the rows in order again, once they are not. They never move by themselves.
#[component]
fn Moved(
    shown: StoredValue<Vec<FeedRow>>,
    sort: Sort,
    counts: StateCounts,
    again: RwSignal<u32>,
) -> impl IntoView {
    let live = use_live();
    let members = live.membership_untracked();
    let text = Memo::new(move |_| {
        let now: Vec<_> = shown.with_value(|rows| rows.iter().map(|row| live.vitals(row)).collect());
        match sort.moved(&now) {
            // A page that was made just now may be newer than the values.
            0 if live.membership() != members && live.counts(counts).total() != counts.total() => {
                "Refresh (changefeeds came or went)".to_owned()
            }
            0 => String::new(),
            1 => "Re-sort (1 row moved)".to_owned(),
            n => format!("Re-sort ({n} rows moved)"),
        }
    });
    view! {
        <button
            type="button"
            class="btn"
            hidden=move || text.with(String::is_empty)
            on:click=move |_| again.update(|n| *n = n.wrapping_add(1))
        >
            {text}
        </button>
    }
    .into_any()
}

#[component]
fn Chips(counts: StateCounts, chips: Vec<Chip>) -> impl IntoView {
    let live = use_live();
    let counts = Memo::new(move |_| live.counts(counts));
    let chips = chips
        .into_iter()
        .map(|chip| {
            let state = chip.state;
            view! {
                <li>
                    <a class="chip" href=chip.address aria-current=chip.on.then_some("true")>
                        <Icon glyph=glyph(state)/>
                        {state.word()}
                        <span class="num text-ink-3">{move || counts.with(|counts| counts.get(state))}</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <ul aria-label="Filter by state" class="mb-3 flex flex-wrap gap-1.5">
            {chips}
        </ul>
    }
    .into_any()
}

#[component]
fn NoFeeds() -> impl IntoView {
    view! {
        <div class="card p-8 text-center">
            <h2 class="mb-1 text-lg">"No changefeeds yet"</h2>
            <p class="mb-4 text-ink-2">"A changefeed copies the changes of chosen tables to one destination."</p>
            <a class="btn btn-primary" href="/ui/changefeeds/new">
                "Create the first one"
            </a>
        </div>
    }
    .into_any()
}

#[component]
fn NoMatch() -> impl IntoView {
    view! {
        <div class="card p-8 text-center">
            <h2 class="mb-1 text-lg">"No changefeed matches"</h2>
            <p class="mb-4 text-ink-2">"There are changefeeds, but none that all of these filters let through."</p>
            <a class="btn" href="/ui/changefeeds">
                "Clear filters"
            </a>
        </div>
    }
    .into_any()
}
