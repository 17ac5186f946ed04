//! Figures of all changefeeds, anew every second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_api::{ChangefeedLive, LiveSnapshot, ReplicaConfig};
use tidegate_model::ChangefeedId;
use tidegate_upstream::TableSummary;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::answer::running_error;
use super::history::Ring;
use super::tables::replicated;
use crate::metrics::{self, Gauges, Sample};
use crate::owner::{Env, FeedInfo, FeedView, Handle, Registry, TICK};
use crate::reason::{self, Facts};

/// What is kept of a changefeed from one second to the next.
struct Track {
    /// Whose it is: a changefeed may be removed and made again between two looks.
    handle: Arc<Handle>,
    gauges: Gauges,
    seen: Option<Seen>,
    lag_ms: Ring<u64>,
    rows_per_second: Ring<f64>,
    tables: TableCount,
}

#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    rows: u64,
    bytes: u64,
}

impl Track {
    fn new(handle: &Arc<Handle>) -> Self {
        Track {
            handle: Arc::clone(handle),
            gauges: Gauges::new(&handle.id),
            seen: None,
            lag_ms: Ring::default(),
            rows_per_second: Ring::default(),
            tables: TableCount::default(),
        }
    }
}

/// The number of tables, counted again only when the config or the catalogue changed.
#[derive(Default)]
struct TableCount {
    counted: Option<(Arc<FeedInfo>, Arc<[TableSummary]>)>,
    count: usize,
}

/// Publishes until it is dropped.
pub(super) async fn publish(
    env: Arc<Env>,
    registry: Arc<Registry>,
    tables: Arc<Mutex<Arc<[TableSummary]>>>,
    live: watch::Sender<Arc<LiveSnapshot>>,
) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut tracks: BTreeMap<ChangefeedId, Track> = BTreeMap::new();
    loop {
        tick.tick().await;
        metrics::count_ownership();
        let catalogue = Arc::clone(&tables.lock().unwrap_or_else(PoisonError::into_inner));
        let handles = registry.all();
        // Both are in order.
        tracks.retain(|id, track| {
            let at = handles.binary_search_by(|handle| handle.id.cmp(id));
            at.is_ok_and(|at| Arc::ptr_eq(&handles[at], &track.handle))
        });
        let facts = env.facts();
        let changefeeds = handles.iter().map(|handle| {
            let track = tracks
                .entry(handle.id.clone())
                .or_insert_with(|| Track::new(handle));
            figures(&env, &handle.view(), track, &catalogue, &facts)
        });
        let snapshot = LiveSnapshot {
            unix_ms: env.clock.unix_ms(),
            changefeeds: changefeeds.collect(),
        };
        live.send_replace(Arc::new(snapshot));
    }
}

fn figures(
    env: &Env,
    view: &FeedView,
    track: &mut Track,
    catalogue: &Arc<[TableSummary]>,
    facts: &Facts,
) -> ChangefeedLive {
    let run = view.run_view();
    let rows_total = view.rows_before + run.as_ref().map_or(0, |run| run.rows_total);
    let bytes_total = view.bytes_before + run.as_ref().map_or(0, |run| run.bytes_total);
    let now = Seen {
        at: facts.now,
        rows: rows_total,
        bytes: bytes_total,
    };
    let (rows_per_second, bytes_per_second) = track.seen.map_or((0.0, 0.0), |seen| rates(seen, now));
    let new_rows = track.seen.map_or(0, |seen| rows_total.saturating_sub(seen.rows));
    track.seen = Some(now);
    let lag_ms = facts.unix_ms.saturating_sub(view.checkpoint.physical_ms());
    track.lag_ms.push(lag_ms);
    track.rows_per_second.push(rows_per_second);
    let memory_used_bytes = run.as_ref().map_or(0, |run| run.quota_used_bytes);
    let barrier = run.as_ref().and_then(|run| run.barrier).unwrap_or(view.resolved);
    let reason = reason::of(view, facts);
    let tables = track.tables.of(&view.info, catalogue);
    track.gauges.observe(Sample {
        status: view.state.metric(),
        checkpoint_ms: view.checkpoint.physical_ms(),
        resolved_ms: view.resolved.physical_ms(),
        barrier_ms: barrier.physical_ms(),
        now_ms: facts.unix_ms,
        rows: new_rows,
        tables,
        quota_bytes: view.info.config.memory_quota,
        quota_used_bytes: memory_used_bytes,
        waits: reason.is_some(),
    });
    ChangefeedLive {
        namespace: view.info.id.namespace.to_string(),
        id: view.info.id.id.to_string(),
        state: view.state.as_str().to_owned(),
        checkpoint_ts: view.checkpoint.as_u64(),
        resolved_ts: view.resolved.as_u64(),
        checkpoint_lag_ms: lag_ms,
        resolved_lag_ms: facts.unix_ms.saturating_sub(view.resolved.physical_ms()),
        rows_per_second,
        bytes_per_second,
        rows_total,
        bytes_total,
        error: view
            .error
            .as_ref()
            .or(view.warning.as_ref())
            .map(|error| running_error(env, error)),
        reason,
        attempt: view.attempt,
        retry_at_ms: view.retry_at_ms,
        lag_history: track.lag_ms.to_vec(),
        rows_history: track.rows_per_second.to_vec(),
        tables,
        memory_quota_bytes: view.info.config.memory_quota,
        memory_used_bytes,
    }
}

fn rates(before: Seen, now: Seen) -> (f64, f64) {
    let seconds = now.at.saturating_duration_since(before.at).as_secs_f64();
    if seconds <= 0.0 {
        return (0.0, 0.0);
    }
    let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
    (rate(before.rows, now.rows), rate(before.bytes, now.bytes))
}

impl TableCount {
    fn of(&mut self, info: &Arc<FeedInfo>, catalogue: &Arc<[TableSummary]>) -> usize {
        let is_current = self.counted.as_ref().is_some_and(|(known, tables)| {
            Arc::ptr_eq(tables, catalogue) && same_filter(&known.config, &info.config)
        });
        if !is_current {
            self.count = replicated(catalogue, &info.config).len();
            self.counted = Some((Arc::clone(info), Arc::clone(catalogue)));
        }
        self.count
    }
}

fn same_filter(a: &ReplicaConfig, b: &ReplicaConfig) -> bool {
    a.filter.rules == b.filter.rules
        && a.case_sensitive == b.case_sensitive
        && a.force_replicate == b.force_replicate
}
