//! Which changefeeds a page shows, and in what order. Pure.

use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, HashSet};

use axum::http::header;
use axum::http::request::Parts;
use leptos::prelude::use_context;

use crate::app::changefeeds::made;
use crate::fns::choice::{Column, Sort, trouble};
use crate::fns::context::Console;
use crate::fns::data::{
    Chip, FeedPage, FeedRow, FeedState, ListParts, Overview, PAGE_ROWS, StateCounts, Vitals,
};
use crate::fns::error::ConsoleError;
use crate::fns::query::Query;
use crate::fns::view;
use tidegate_api::{ChangefeedDetail, ChangefeedLive, LiveSnapshot};

/// Seconds of history of a row of the list.
const ROW_SECONDS: usize = 60;
/// Seconds of history in the overview.
const WORST_SECONDS: usize = 300;
/// How many of the slowest changefeeds, and of those in trouble, the overview names.
const NAMED_MAX: usize = 5;

/// Everything there is to choose from.
pub(crate) struct Feeds<'a> {
    rows: Vec<(FeedRow, Option<(&'a ChangefeedLive, u64)>)>,
}

/// What the address of the list asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The query without what says nothing.
    pub(crate) query: Query,
    /// Empty for all.
    pub(crate) states: Vec<FeedState>,
    /// In lower case.
    pub(crate) text: String,
    /// Scheme of the sink; empty for all.
    pub(crate) scheme: String,
    /// Only larger lags, in seconds.
    pub(crate) lag_over_s: Option<u64>,
    pub(crate) sort: Sort,
    pub(crate) columns: Vec<Column>,
    page: usize,
}

/// Parameters that choose rows.
pub(crate) const FILTERS: [&str; 4] = ["state", "q", "scheme", "lag_gt"];
/// Address of the list.
pub(crate) const LIST: &str = "/ui/changefeeds";

impl Wanted {
    /// `remembered`: columns that this browser shows, unless the query says otherwise.
    pub(crate) fn new(query: &Query, remembered: Option<&str>) -> Self {
        let states = FeedState::list(query.get("state"));
        let text = query.get("q").trim().to_lowercase();
        let lag_over_s: Option<u64> = query.get("lag_gt").parse().ok().filter(|s| *s > 0);
        let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
        let cols: Vec<&str> = query.all("cols").collect();
        let cols = cols.join(",");
        let columns = match (cols.as_str(), remembered) {
            ("", None) => Column::ALL.to_vec(),
            ("", Some(words)) => Column::list(words),
            (words, _) => Column::list(words),
        };
        let kept = Query::default()
            .with("state", &words.join(","))
            .with("q", &text)
            .with("scheme", query.get("scheme"))
            .with("lag_gt", &lag_over_s.map(|s| s.to_string()).unwrap_or_default())
            .with("sort", Sort::from_word(query.get("sort")).word())
            .with("cols", &cols);
        Wanted {
            query: kept,
            states,
            text,
            scheme: query.get("scheme").to_owned(),
            lag_over_s,
            sort: Sort::from_word(query.get("sort")),
            columns,
            page: query.get("page").parse().unwrap_or(1),
        }
    }

    /// Whether the query leaves anything out.
    pub(crate) fn is_filtered(&self) -> bool {
        FILTERS.iter().any(|name| !self.query.get(name).is_empty())
    }

    /// The list with another value of one parameter, from its first page on.
    pub(crate) fn address(&self, name: &str, value: &str) -> String {
        self.query.with(name, value).address(LIST)
    }

    fn chips(&self) -> Vec<Chip> {
        let states = FeedState::ALL.into_iter().filter(|s| *s != FeedState::Removed);
        let chip = |state: FeedState| {
            let all = FeedState::ALL.into_iter();
            let others = all.filter(|other| self.states.contains(other) != (*other == state));
            let words: Vec<&str> = others.map(FeedState::word).collect();
            Chip {
                state,
                address: self.address("state", &words.join(",")),
                on: self.states.contains(&state),
            }
        };
        states.map(chip).collect()
    }

    fn accepts(&self, row: &FeedRow) -> bool {
        let code = row.vitals.problem.as_ref();
        let code = code.map_or("", |problem| problem.code.as_str());
        let holds_text = |field: &str| field.to_lowercase().contains(&self.text);
        (self.states.is_empty() || self.states.contains(&row.vitals.state))
            && (self.scheme.is_empty() || scheme(&row.sink) == self.scheme)
            && self
                .lag_over_s
                .is_none_or(|s| row.vitals.lag_ms > s.saturating_mul(1_000))
            && [&row.id, &row.namespace, &row.sink, code]
                .iter()
                .any(|field| holds_text(field))
    }
}

/// Scheme of a sink.
pub(crate) fn scheme(uri: &str) -> &str {
    uri.split_once("://").map_or("", |(scheme, _)| scheme)
}

impl Column {
    /// Each, in the order of the list.
    pub(crate) const ALL: [Column; 5] = [
        Column::Checkpoint,
        Column::Rate,
        Column::Sink,
        Column::Tables,
        Column::Error,
    ];

    /// Its word in the address.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Column::Checkpoint => "checkpoint",
            Column::Rate => "rate",
            Column::Sink => "sink",
            Column::Tables => "tables",
            Column::Error => "error",
        }
    }

    /// Its heading.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Column::Checkpoint => "Checkpoint (UTC)",
            Column::Rate => "Rows/s",
            Column::Sink => "Sink",
            Column::Tables => "Tables",
            Column::Error => "Last error",
        }
    }

    /// The columns that words name.
    pub(crate) fn list(words: &str) -> Vec<Column> {
        let all = Column::ALL.into_iter();
        all.filter(|column| words.split(',').any(|word| word == column.word()))
            .collect()
    }
}

impl Sort {
    fn from_word(word: &str) -> Sort {
        let (name, up) = word.strip_prefix('-').map_or((word, true), |name| (name, false));
        match name {
            "id" => Sort::Id(up),
            "lag" => Sort::Lag(up),
            "rate" => Sort::Rate(up),
            "tables" => Sort::Tables(up),
            _ => Sort::Trouble,
        }
    }

    /// Its word in the address; empty for the order of an address that names none.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Sort::Trouble => "",
            Sort::Id(true) => "id",
            Sort::Id(false) => "-id",
            Sort::Lag(true) => "lag",
            Sort::Lag(false) => "-lag",
            Sort::Rate(true) => "rate",
            Sort::Rate(false) => "-rate",
            Sort::Tables(true) => "tables",
            Sort::Tables(false) => "-tables",
        }
    }

    fn compare(self, a: &FeedRow, b: &FeedRow) -> Ordering {
        let (v, w) = (&a.vitals, &b.vitals);
        let name = |row: &FeedRow| (row.id.clone(), row.namespace.clone());
        let (up, order) = match self {
            Sort::Trouble => {
                let key = |v: &Vitals| (trouble(v.state), Reverse(v.lag_ms));
                (true, key(v).cmp(&key(w)))
            }
            Sort::Id(up) => (up, name(a).cmp(&name(b))),
            Sort::Lag(up) => (up, v.lag_ms.cmp(&w.lag_ms)),
            Sort::Rate(up) => (up, v.rows_per_s.total_cmp(&w.rows_per_s)),
            Sort::Tables(up) => (up, v.tables.cmp(&w.tables)),
        };
        if up { order } else { order.reverse() }
    }
}

impl<'a> Feeds<'a> {
    /// Sorted: trouble first, then by lag.
    pub(crate) fn new(briefs: &[ChangefeedDetail], snapshot: &'a LiveSnapshot, now_ms: u64) -> Self {
        let live: HashMap<_, _> = snapshot
            .changefeeds
            .iter()
            .map(|live| ((live.namespace.as_str(), live.id.as_str()), live))
            .collect();
        let row = |brief: &ChangefeedDetail| {
            let figures = live.get(&(brief.namespace.as_str(), brief.id.as_str()));
            let figures = figures.map(|live| (*live, snapshot.unix_ms));
            (view::row(brief, figures, now_ms), figures)
        };
        let mut rows: Vec<_> = briefs.iter().map(row).collect();
        rows.sort_by(|(a, _), (b, _)| Sort::Trouble.compare(a, b));
        Feeds { rows }
    }

    fn counts(&self) -> StateCounts {
        StateCounts::of(self.rows.iter().map(|(row, _)| row.vitals.state))
    }

    /// Every changefeed that matches, in order.
    pub(crate) fn matching(self, wanted: &Wanted) -> Vec<FeedRow> {
        self.chosen(wanted).into_iter().map(|(row, _)| row).collect()
    }

    fn chosen(self, wanted: &Wanted) -> Vec<(FeedRow, Option<(&'a ChangefeedLive, u64)>)> {
        let mut rows = self.rows;
        rows.retain(|(row, _)| wanted.accepts(row));
        if wanted.sort != Sort::Trouble {
            rows.sort_by(|(a, _), (b, _)| wanted.sort.compare(a, b));
        }
        rows
    }

    /// One page of the list.
    pub(crate) fn page(self, wanted: &Wanted) -> FeedPage {
        let counts = self.counts();
        let mut schemes: Vec<String> = self
            .rows
            .iter()
            .map(|(row, _)| scheme(&row.sink).to_owned())
            .collect();
        schemes.sort_unstable();
        schemes.dedup();
        let rows = self.chosen(wanted);
        let matching = rows.len();
        let page = wanted.page.clamp(1, matching.div_ceil(PAGE_ROWS).max(1));
        let rows = rows.into_iter().skip((page - 1) * PAGE_ROWS).take(PAGE_ROWS);
        let mut shown = FeedPage {
            feeds: rows
                .map(|(row, figures)| with_history(row, figures, ROW_SECONDS))
                .collect(),
            page,
            matching,
            counts,
            sort: wanted.sort,
            columns: wanted.columns.clone(),
            chips: wanted.chips(),
            parts: ListParts::default(),
        };
        shown.parts = made::parts(&shown, wanted, &schemes);
        shown
    }

    /// What the first page shows.
    pub(crate) fn overview(self, upstream_connected: bool) -> Overview {
        let counts = self.counts();
        let in_trouble = |row: &FeedRow| matches!(row.vitals.state, FeedState::Failed | FeedState::Warning);
        let troubles = self.rows.iter().map(|(row, _)| row).filter(|row| in_trouble(row));
        let troubles = troubles.take(NAMED_MAX).cloned().collect();
        let mut running = self.rows;
        running.retain(|(row, _)| row.vitals.state.is_running());
        running.sort_by_key(|(row, _)| Reverse(row.vitals.lag_ms));
        running.truncate(NAMED_MAX);
        let worst = running.into_iter();
        Overview {
            counts,
            troubles,
            worst: worst
                .map(|(row, figures)| with_history(row, figures, WORST_SECONDS))
                .collect(),
            upstream_connected,
            recent: None,
        }
    }
}

fn with_history(row: FeedRow, figures: Option<(&ChangefeedLive, u64)>, seconds: usize) -> FeedRow {
    FeedRow {
        history: view::history(figures, seconds),
        ..row
    }
}

impl Console {
    /// One page of the changefeeds of every namespace.
    ///
    /// # Errors
    /// A query that is too long.
    pub fn feed_page(&self, query: &str) -> Result<FeedPage, ConsoleError> {
        let wanted = Wanted::new(&Query::parse(query)?, remembered().as_deref());
        Ok(self.feeds(|feeds| feeds.page(&wanted)))
    }

    /// The changefeeds that the query of a form of the list means: those that are ticked, those of the page, or all that
    /// match.
    pub(crate) fn picked(&self, query: &Query) -> Vec<FeedRow> {
        let wanted = Wanted::new(query, None);
        match query.get("scope") {
            "matching" => self.feeds(|feeds| feeds.matching(&wanted)),
            "page" => self.feeds(|feeds| feeds.page(&wanted)).feeds,
            _ => {
                let names: HashSet<&str> = query.all("feed").collect();
                let mut rows = self.feeds(|feeds| feeds.matching(&Wanted::default()));
                rows.retain(|row| names.contains(full_name(&row.namespace, &row.id).as_str()));
                rows
            }
        }
    }
}

/// Namespace and id in one, as forms send it.
pub(crate) fn full_name(namespace: &str, id: &str) -> String {
    format!("{namespace}/{id}")
}

/// Columns that the browser of the request shows.
fn remembered() -> Option<String> {
    let parts = use_context::<Parts>()?;
    let cookies = parts.headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    let found = pairs.find_map(|pair| pair.trim().strip_prefix(COLUMNS_COOKIE)?.strip_prefix('='))?;
    Some(found.replace('.', ","))
}

/// Name of the cookie with the columns, their words separated by dots.
pub(crate) const COLUMNS_COOKIE: &str = "tidegate_columns";

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(n: usize, state: &str) -> ChangefeedDetail {
        ChangefeedDetail {
            namespace: "default".to_owned(),
            id: format!("feed-{n}"),
            state: state.to_owned(),
            sink_uri: "blackhole://".to_owned(),
            ..ChangefeedDetail::default()
        }
    }

    /// Figures of as many changefeeds; the later ones lag more.
    fn snapshot(count: usize) -> LiveSnapshot {
        let figures = |n: usize| ChangefeedLive {
            namespace: "default".to_owned(),
            id: format!("feed-{n}"),
            checkpoint_lag_ms: n as u64,
            lag_history: vec![n as u64; 300],
            rows_history: vec![0.0; 300],
            ..ChangefeedLive::default()
        };
        LiveSnapshot {
            unix_ms: 1_000_000,
            changefeeds: (0..count).map(figures).collect(),
        }
    }

    fn wanted(query: &str) -> Wanted {
        Wanted::new(&Query::parse(query).unwrap(), None)
    }

    #[test]
    fn the_address_is_the_choice() {
        let some =
            wanted("state=failed,bogus,warning&q= Ord %26 Co&page=3&sort=-lag&lag_gt=x&cols=rate&cols=sink");
        assert_eq!(some.columns, [Column::Rate, Column::Sink]);
        assert_eq!(some.sort, Sort::Lag(false));
        assert_eq!(
            some.chips()[0].address,
            "/ui/changefeeds?state=warning&q=ord%20%26%20co&sort=-lag&cols=rate%2Csink"
        );
        assert!(some.is_filtered() && !wanted("sort=id&lag_gt=0").is_filtered());
        assert_eq!(
            Wanted::new(&Query::default(), Some("error")).columns,
            [Column::Error]
        );
    }

    #[test]
    fn scheme_lag_and_order_choose() {
        let mut briefs: Vec<_> = (0..4).map(|n| brief(n, "normal")).collect();
        briefs[2].sink_uri = "mysql://u:p@h:3306/".to_owned();
        let mut snapshot = snapshot(4);
        for live in &mut snapshot.changefeeds {
            live.checkpoint_lag_ms *= 1_000;
        }
        let page = |query: &str| {
            let page = Feeds::new(&briefs, &snapshot, 0).page(&wanted(query));
            page.feeds.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(page("scheme=mysql"), ["feed-2"]);
        assert_eq!(page("lag_gt=2"), ["feed-3"]);
        assert_eq!(page("sort=lag&lag_gt=1"), ["feed-2", "feed-3"]);
        assert_eq!(page("sort=-id"), ["feed-3", "feed-2", "feed-1", "feed-0"]);
    }

    fn ids(rows: &[FeedRow]) -> Vec<&str> {
        rows.iter().map(|row| row.id.as_str()).collect()
    }

    /// The whole list once went into every page, with five minutes of each row.
    #[test]
    fn a_page_holds_its_rows_and_no_more() {
        let briefs: Vec<_> = (0..120).map(|n| brief(n, "normal")).collect();
        let snapshot = snapshot(120);
        let page = |number: u32| Feeds::new(&briefs, &snapshot, 0).page(&wanted(&format!("page={number}")));
        let first = page(1);
        assert_eq!((first.feeds.len(), first.matching, first.pages()), (50, 120, 3));
        assert_eq!(first.feeds[0].id, "feed-119", "the largest lag comes first");
        assert!(first.feeds.iter().all(|row| row.history.lag_ms.len() == 60));
        assert_eq!((page(3).feeds.len(), page(9).page, page(0).page), (20, 3, 1));
        let json = serde_json::to_string(&first).unwrap();
        assert!(json.len() < 60_000, "{} bytes", json.len());
    }

    #[test]
    fn states_and_text_choose_but_do_not_count() {
        let briefs = [
            brief(1, "normal"),
            brief(2, "failed"),
            brief(3, "stopped"),
            brief(4, "failed"),
        ];
        let snapshot = snapshot(5);
        let page = |states: &str, text: &str| {
            Feeds::new(&briefs, &snapshot, 0).page(&wanted(&format!("state={states}&q={text}")))
        };
        let failed = page("failed,bogus", "");
        assert_eq!(ids(&failed.feeds), ["feed-4", "feed-2"]);
        assert_eq!(
            (failed.counts.total(), failed.counts.get(FeedState::Stopped)),
            (4, 1)
        );
        assert_eq!(ids(&page("", " FEED-3 ").feeds), ["feed-3"]);
        assert_eq!(page("", "BlackHole").matching, 4);
        assert_eq!(page("stopped", "feed-1").pages(), 1);
    }

    #[test]
    fn the_overview_names_a_few_and_has_a_history_of_the_slowest_only() {
        let mut briefs: Vec<_> = (0..20).map(|n| brief(n, "normal")).collect();
        briefs[3].state = "failed".to_owned();
        briefs[4].state = "warning".to_owned();
        let snapshot = snapshot(20);
        let overview = Feeds::new(&briefs, &snapshot, 0).overview(true);
        assert_eq!(ids(&overview.troubles), ["feed-3", "feed-4"]);
        assert!(overview.troubles.iter().all(|row| row.history.lag_ms.is_empty()));
        assert_eq!(
            ids(&overview.worst),
            ["feed-19", "feed-18", "feed-17", "feed-16", "feed-15"]
        );
        assert!(overview.worst.iter().all(|row| row.history.lag_ms.len() == 300));
        assert_eq!(overview.counts.total(), 20);
    }
}
