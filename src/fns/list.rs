//! Which changefeeds a page shows, and in what order. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::fns::data::{FeedPage, FeedRow, FeedState, Overview, PAGE_ROWS, StateCounts};
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

/// What the list is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// Empty for all.
    states: Vec<FeedState>,
    /// In lower case.
    text: String,
    page: usize,
}

impl Wanted {
    pub(crate) fn new(states: &str, text: &str, page: usize) -> Self {
        Wanted {
            states: FeedState::list(states),
            text: text.trim().to_lowercase(),
            page,
        }
    }

    fn accepts(&self, row: &FeedRow) -> bool {
        let code = row.vitals.problem.as_ref();
        let code = code.map_or("", |problem| problem.code.as_str());
        let holds_text = |field: &str| field.to_lowercase().contains(&self.text);
        (self.states.is_empty() || self.states.contains(&row.vitals.state))
            && [&row.id, &row.namespace, &row.sink, code]
                .iter()
                .any(|field| holds_text(field))
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
        rows.sort_by_key(|(row, _)| (trouble(row.vitals.state), Reverse(row.vitals.lag_ms)));
        Feeds { rows }
    }

    fn counts(&self) -> StateCounts {
        StateCounts::of(self.rows.iter().map(|(row, _)| row.vitals.state))
    }

    /// One page of the list.
    pub(crate) fn page(self, wanted: &Wanted) -> FeedPage {
        let counts = self.counts();
        let mut rows = self.rows;
        rows.retain(|(row, _)| wanted.accepts(row));
        let matching = rows.len();
        let page = wanted.page.clamp(1, matching.div_ceil(PAGE_ROWS).max(1));
        let rows = rows.into_iter().skip((page - 1) * PAGE_ROWS).take(PAGE_ROWS);
        FeedPage {
            feeds: rows
                .map(|(row, figures)| with_history(row, figures, ROW_SECONDS))
                .collect(),
            page,
            matching,
            counts,
        }
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

/// Failed first, then what is being retried, then the rest.
fn trouble(state: FeedState) -> u8 {
    match state {
        FeedState::Failed => 0,
        FeedState::Warning => 1,
        FeedState::Normal => 2,
        FeedState::Stopped => 3,
        FeedState::Finished | FeedState::Removed => 4,
    }
}

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

    fn ids(rows: &[FeedRow]) -> Vec<&str> {
        rows.iter().map(|row| row.id.as_str()).collect()
    }

    /// The whole list once went into every page, with five minutes of each row.
    #[test]
    fn a_page_holds_its_rows_and_no_more() {
        let briefs: Vec<_> = (0..120).map(|n| brief(n, "normal")).collect();
        let snapshot = snapshot(120);
        let page = |number| Feeds::new(&briefs, &snapshot, 0).page(&Wanted::new("", "", number));
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
        let page = |states, text| Feeds::new(&briefs, &snapshot, 0).page(&Wanted::new(states, text, 1));
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
