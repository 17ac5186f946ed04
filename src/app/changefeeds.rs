//! The list of changefeeds, filtered by state and text in the address.

use crate::app::facts;
use crate::app::format;
use crate::app::layout::{PageError, PageHead, loading};
use crate::app::live::use_live;
use crate::app::ui::badge::{StateBadge, glyph};
use crate::app::ui::chart::Sparkline;
use crate::app::ui::feed::{CheckpointTime, Lag, SinkName, feed_address, feed_name};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::changefeeds::list_changefeeds;
use crate::fns::data::{FeedPage, FeedRow, FeedState, StateCounts};
use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

/// What the address asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Filter {
    /// States to show; empty for all.
    states: Vec<FeedState>,
    /// Lower-case text that id, namespace, sink or error code must hold.
    text: String,
    /// From 1 on; 0 means 1.
    page: usize,
}

impl Filter {
    fn new(states: Option<&str>, text: Option<&str>, page: Option<&str>) -> Self {
        Filter {
            states: FeedState::list(states.unwrap_or_default()),
            text: text.unwrap_or_default().trim().to_lowercase(),
            page: page.and_then(|page| page.parse().ok()).unwrap_or(1),
        }
    }

    /// The address with `state` switched on or off.
    fn toggled(&self, state: FeedState) -> String {
        let words: Vec<&str> = FeedState::ALL
            .into_iter()
            .filter(|s| self.states.contains(s) != (*s == state))
            .map(FeedState::word)
            .collect();
        self.address(&words.join(","))
    }

    fn state_words(&self) -> String {
        let words: Vec<&str> = self.states.iter().map(|state| state.word()).collect();
        words.join(",")
    }

    fn with_text(self, text: &str) -> Self {
        Filter {
            text: text.trim().to_lowercase(),
            ..self
        }
    }

    /// The address of another page of the same choice.
    fn page_address(&self, page: usize) -> String {
        let address = self.address(&self.state_words());
        let joint = if address.contains('?') { '&' } else { '?' };
        match page {
            0 | 1 => address,
            page => format!("{address}{joint}page={page}"),
        }
    }

    /// The first page of another choice.
    fn address(&self, states: &str) -> String {
        let mut parameters = Vec::new();
        if !states.is_empty() {
            parameters.push(format!("state={states}"));
        }
        if !self.text.is_empty() {
            parameters.push(format!("q={}", format::query_escape(&self.text)));
        }
        match parameters.is_empty() {
            true => "/ui/changefeeds".to_owned(),
            false => format!("/ui/changefeeds?{}", parameters.join("&")),
        }
    }
}

/// The page.
#[component]
pub(crate) fn Changefeeds() -> impl IntoView {
    let live = use_live();
    let query = use_query_map();
    let filter = Memo::new(move |_| {
        query.with(|query| Filter::new(query.get_str("state"), query.get_str("q"), query.get_str("page")))
    });
    let list = Resource::new_blocking(
        move || (live.membership(), filter.get()),
        |(_, filter)| list_changefeeds(filter.state_words(), filter.text, filter.page),
    );
    view! {
        <PageHead title="Changefeeds">
            <a class="btn btn-primary ml-auto" href="/ui/changefeeds/new">
                <Icon glyph=Glyph::Plus/>
                "New changefeed"
            </a>
        </PageHead>
        <SearchBox filter/>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match list.await {
                    Ok(page) => view! { <List page filter/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn List(page: FeedPage, filter: Memo<Filter>) -> impl IntoView {
    let total = page.counts.total();
    if total == 0 {
        return view! { <NoFeeds/> }.into_any();
    }
    let counts = page.counts;
    if page.feeds.is_empty() {
        return view! {
            <FilterBar counts filter/>
            <NoMatch/>
        }
        .into_any();
    }
    let (number, pages, matching) = (page.page, page.pages(), page.matching);
    let rows = page
        .feeds
        .into_iter()
        .map(|row| view! { <Row row/> })
        .collect_view();
    view! {
        <FilterBar counts filter/>
        <div class="card overflow-x-auto">
            <table class="data-table data-cards" role="table">
                <caption class="sr-only">"Changefeeds"</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        <th scope="col" role="columnheader">"Changefeed"</th>
                        <th scope="col" role="columnheader">"State"</th>
                        <th scope="col" role="columnheader" class="text-right">
                            "Lag"
                        </th>
                        <th scope="col" role="columnheader">{format!("Checkpoint ({})", facts::zone_name())}</th>
                        <th scope="col" role="columnheader" class="text-right">
                            "Rows/s"
                        </th>
                        <th scope="col" role="columnheader">"Sink"</th>
                    </tr>
                </thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
        <div class="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 text-xs text-ink-3">
            <p>{format!("{matching} of {}", format::count(total, "changefeed", "changefeeds"))}</p>
            {(pages > 1).then(|| view! { <Pager filter number pages/> })}
        </div>
    }
    .into_any()
}

/// Links to the pages before and after.
#[component]
fn Pager(filter: Memo<Filter>, number: usize, pages: usize) -> impl IntoView {
    let link = move |name: &'static str, page: usize| {
        let there = (1..=pages).contains(&page);
        there.then(|| {
            view! {
                <a class="btn" href=move || filter.with(|f| f.page_address(page))>
                    {name}
                </a>
            }
        })
    };
    view! {
        <nav aria-label="Pages" class="flex items-center gap-3">
            {link("Previous", number.saturating_sub(1))}
            <span aria-current="page">{format!("Page {number} of {pages}")}</span>
            {link("Next", number + 1)}
        </nav>
    }
    .into_any()
}

/// The search field. It stands outside of what is loaded again, so that nothing typed into it is lost.
#[component]
fn SearchBox(filter: Memo<Filter>) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let navigate = use_navigate();
    let search = move |ev: SubmitEvent| {
        ev.prevent_default();
        let text = input
            .get_untracked()
            .map(|input| input.value())
            .unwrap_or_default();
        let address = filter.with_untracked(|f| f.clone().with_text(&text).address(&f.state_words()));
        navigate(&address, NavigateOptions::default());
    };
    let states = move || filter.with(Filter::state_words);
    view! {
        <form
            method="get"
            action="/ui/changefeeds"
            role="search"
            class="mb-3 flex min-w-0 gap-2 md:max-w-md"
            on:submit=search
        >
            <input type="hidden" name="state" value=states disabled=move || states().is_empty()/>
            <label class="sr-only" for="q">
                "Search id, sink or error code"
            </label>
            <input
                class="input"
                node_ref=input
                id="q"
                name="q"
                type="search"
                placeholder="Search id, sink or error code"
                prop:value=move || filter.with(|f| f.text.clone())
                value=filter.with_untracked(|f| f.text.clone())
            />
            <button class="btn" type="submit">
                <Icon glyph=Glyph::Search/>
                "Search"
            </button>
        </form>
    }
    .into_any()
}

#[component]
fn FilterBar(counts: StateCounts, filter: Memo<Filter>) -> impl IntoView {
    let live = use_live();
    let counts = Memo::new(move |_| live.counts(counts));
    let count = move |state| counts.with(|counts| counts.get(state));
    let chips = FeedState::ALL
        .into_iter()
        .filter(|state| *state != FeedState::Removed)
        .map(|state| {
            let on = move || filter.with(|f| f.states.contains(&state));
            view! {
                <li>
                    <a
                        class="chip"
                        href=move || filter.with(|f| f.toggled(state))
                        aria-current=move || on().then_some("true")
                    >
                        <Icon glyph=glyph(state)/>
                        {state.word()}
                        <span class="num text-ink-3">{move || count(state)}</span>
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
fn Row(row: FeedRow) -> impl IntoView {
    let live = use_live();
    let row = StoredValue::new(row);
    let vitals = Memo::new(move |_| row.with_value(|row| live.vitals(row)));
    let samples = Signal::derive(move || {
        let points = row.with_value(|row| live.points(row));
        let from = points.len().saturating_sub(SPARK_POINTS);
        points[from..]
            .iter()
            .map(|p| (p.at_ms, f64::from(p.rows_per_s)))
            .collect()
    });
    let code = move || vitals.with(|v| v.problem.as_ref().map(|problem| problem.code.clone()));
    let (name, address, sink) = row.with_value(|row| {
        (
            feed_name(&row.namespace, &row.id),
            feed_address(&row.namespace, &row.id),
            row.sink.clone(),
        )
    });
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="flex-wrap !text-sm !text-ink md:min-w-44">
                <a class="link wrap-anywhere whitespace-normal" href=address>
                    {name}
                </a>
                {move || {
                    code().map(|code| view! { <code class="block text-xs font-normal wrap-anywhere text-failed">{code}</code> })
                }}
            </th>
            <td role="cell" data-label="State">
                <StateBadge state=Signal::derive(move || vitals.with(|v| v.state))/>
            </td>
            <td role="cell" data-label="Lag" class="text-right">
                <Lag vitals/>
            </td>
            <td role="cell" data-label="Checkpoint">
                <CheckpointTime vitals/>
            </td>
            <td role="cell" data-label="Rows/s" class="text-right">
                <span class="flex items-center justify-end gap-2">
                    <Sparkline samples window_ms=SPARK_POINTS as u64 * 1_000/>
                    <span class="num w-14">{move || format::number(vitals.with(|v| v.rows_per_s))}</span>
                </span>
            </td>
            <td role="cell" data-label="Sink">
                <SinkName uri=sink/>
            </td>
        </tr>
    }
    .into_any()
}

/// Seconds of history in the sparkline of a row.
const SPARK_POINTS: usize = 60;

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
            <p class="mb-4 text-ink-2">"There are changefeeds, but none with these states and this text."</p>
            <a class="btn" href="/ui/changefeeds">
                "Clear filters"
            </a>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_filter() {
        let filter = Filter::new(Some("failed,bogus,warning"), Some(" Ord & Co "), Some("x"));
        assert_eq!(filter.states, [FeedState::Failed, FeedState::Warning]);
        assert_eq!(
            filter.toggled(FeedState::Failed),
            "/ui/changefeeds?state=warning&q=ord%20%26%20co"
        );
        assert_eq!(
            Filter::default().toggled(FeedState::Normal),
            "/ui/changefeeds?state=normal"
        );
        assert_eq!(
            Filter::new(Some("normal"), None, Some("3")).toggled(FeedState::Normal),
            "/ui/changefeeds"
        );
        assert_eq!(filter.page, 1);
        assert_eq!(Filter::default().page_address(2), "/ui/changefeeds?page=2");
        assert_eq!(
            Filter::new(Some("normal"), Some("a"), Some("3")).page_address(2),
            "/ui/changefeeds?state=normal&q=a&page=2"
        );
    }
}
