//! The changefeeds of a page and their newest values.

use crate::app::ui::chart::WINDOW_MS;
use crate::fns::data::{FeedState, Point, Vitals};
use crate::fns::live::{FeedName, Heard};
use std::collections::{HashMap, VecDeque};

/// Points kept of each changefeed: one a second for the window of the charts.
const POINTS_MAX: usize = (WINDOW_MS / 1_000) as usize;

/// Newest values of a changefeed, and those of the last minutes.
pub(super) struct LiveFeed {
    pub(super) vitals: Vitals,
    pub(super) points: VecDeque<Point>,
}

impl LiveFeed {
    fn new(at_ms: u64, vitals: Vitals) -> Self {
        let points = VecDeque::from([vitals.point(at_ms)]);
        LiveFeed { vitals, points }
    }

    fn record(&mut self, at_ms: u64, vitals: Vitals) {
        self.points.push_back(vitals.point(at_ms));
        if self.points.len() > POINTS_MAX {
            self.points.pop_front();
        }
        self.vitals = vitals;
    }
}

/// All changefeeds, in the order in which the server tells their values.
#[derive(Default)]
pub(super) struct Known {
    feeds: Vec<(FeedName, LiveFeed)>,
    places: HashMap<FeedName, usize>,
}

impl Known {
    /// Takes in what was heard, and tells each change of state. Whether a changefeed came or went.
    pub(super) fn take(&mut self, heard: Heard, mut changed: impl FnMut(&FeedName, FeedState)) -> bool {
        let Heard { at_ms, names, values } = heard;
        let Some(names) = names else {
            for ((name, feed), vitals) in self.feeds.iter_mut().zip(values) {
                if feed.vitals.state != vitals.state {
                    changed(name, vitals.state);
                }
                feed.record(at_ms, vitals);
            }
            return false;
        };
        let mut before: HashMap<_, _> = std::mem::take(&mut self.feeds).into_iter().collect();
        let count = before.len();
        let mut news = false;
        for (name, vitals) in names.into_iter().zip(values) {
            let feed = match before.remove(&name) {
                Some(mut feed) => {
                    if feed.vitals.state != vitals.state {
                        changed(&name, vitals.state);
                    }
                    feed.record(at_ms, vitals);
                    feed
                }
                None => {
                    news = true;
                    LiveFeed::new(at_ms, vitals)
                }
            };
            self.feeds.push((name, feed));
        }
        let names = self.feeds.iter().map(|(name, _)| name.clone());
        self.places = names.enumerate().map(|(place, name)| (name, place)).collect();
        news || count != self.feeds.len()
    }

    /// The changefeed of that name.
    pub(super) fn get(&self, name: &FeedName) -> Option<&LiveFeed> {
        Some(&self.feeds[*self.places.get(name)?].1)
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(FeedName, LiveFeed)> {
        self.feeds.iter()
    }

    /// Values alone.
    pub(super) fn values(&self) -> impl Iterator<Item = &LiveFeed> {
        self.feeds.iter().map(|(_, feed)| feed)
    }
}
