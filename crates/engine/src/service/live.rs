//! Figures of all changefeeds, anew every second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_api::{ChangefeedLive, DdlLive, LiveSnapshot, ReplicaConfig, StageLive};
use tidegate_model::{ChangefeedId, DdlEvent};
use tidegate_upstream::TableSummary;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::answer::running_error;
use super::history::Ring;
use super::tables::replicated;
use crate::metrics::{self, Gauges, Sample};
use crate::owner::{Env, FeedInfo, FeedView, Handle, Registry, TICK};
use crate::processor::{RowCount, RunView, Shared};
use crate::reason::{self, Facts};

/// Letters of a statement that are shown.
const QUERY_MAX: usize = 300;
/// Schema changes that are shown.
const DDLS_MAX: usize = 16;

/// What is kept of a changefeed from one second to the next.
struct Track {
    /// Whose it is: a changefeed may be removed and made again between two looks.
    handle: Arc<Handle>,
    gauges: Gauges,
    seen: Option<Seen>,
    lag_ms: Ring<u64>,
    rows_per_second: Ring<f64>,
    tables: TableCount,
    flow: Option<Flow>,
    ddls: Vec<Arc<DdlEvent>>,
    /// The description as it was last, and how often it was another one than before.
    info: Arc<FeedInfo>,
    edits: u64,
}

/// What a run had done at the last look.
struct Flow {
    run: Arc<Shared>,
    at: Instant,
    by_op: RowCount,
    decoded: u64,
    filtered: u64,
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
            flow: None,
            ddls: Vec::new(),
            info: handle.view().info,
            edits: 0,
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
    let flow = track.flow(view, run.as_ref(), facts);
    track.follow(view, run.as_ref());
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
        inserts_per_second: flow.inserts,
        updates_per_second: flow.updates,
        deletes_per_second: flow.deletes,
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
        stages: run
            .as_ref()
            .map_or_else(Vec::new, |run| stages(run, &flow, rows_per_second, facts)),
        ddls: track.ddls.iter().map(|ddl| shown(ddl)).collect(),
        edits: track.edits,
    }
}

/// Rows in a second, by what happened to them and by stage.
#[derive(Copy, Clone, Default)]
struct FlowRates {
    inserts: f64,
    updates: f64,
    deletes: f64,
    decoded: f64,
    filtered: f64,
}

impl Track {
    fn flow(&mut self, view: &FeedView, run: Option<&RunView>, facts: &Facts) -> FlowRates {
        let (Some(shared), Some(run)) = (&view.run, run) else {
            self.flow = None;
            return FlowRates::default();
        };
        let before = self.flow.take();
        let rates = before.as_ref().map_or_else(FlowRates::default, |before| {
            // Another run counts anew.
            let same = Arc::ptr_eq(&before.run, shared);
            let seconds = facts.now.saturating_duration_since(before.at).as_secs_f64();
            let rate = |before: u64, now: u64| match seconds > 0.0 {
                true => now.saturating_sub(if same { before } else { 0 }) as f64 / seconds,
                false => 0.0,
            };
            FlowRates {
                inserts: rate(before.by_op.inserts, run.rows_by_op.inserts),
                updates: rate(before.by_op.updates, run.rows_by_op.updates),
                deletes: rate(before.by_op.deletes, run.rows_by_op.deletes),
                decoded: rate(before.decoded, run.rows_decoded),
                filtered: rate(before.filtered, run.rows_filtered),
            }
        });
        self.flow = Some(Flow {
            run: Arc::clone(shared),
            at: facts.now,
            by_op: run.rows_by_op,
            decoded: run.rows_decoded,
            filtered: run.rows_filtered,
        });
        rates
    }

    /// Notes schema changes and changes of the description.
    fn follow(&mut self, view: &FeedView, run: Option<&RunView>) {
        let newest = self.ddls.last().map(|ddl| ddl.commit_ts);
        let ddls = run.into_iter().flat_map(|run| &run.ddls);
        let new = ddls.filter(|ddl| newest.is_none_or(|newest| ddl.commit_ts > newest));
        self.ddls.extend(new.cloned());
        let old = self.ddls.len().saturating_sub(DDLS_MAX);
        self.ddls.drain(..old);
        if !Arc::ptr_eq(&self.info, &view.info) {
            let (before, now) = (&self.info, &view.info);
            let is_same = before.config == now.config
                && before.sink_uri == now.sink_uri
                && before.target_ts == now.target_ts;
            self.edits += u64::from(!is_same);
            self.info = Arc::clone(&view.info);
        }
    }
}

/// How far each stage is. One that has seen nothing yet is as far as what follows it.
fn stages(run: &RunView, flow: &FlowRates, written: f64, facts: &Facts) -> Vec<StageLive> {
    let sink = run.checkpoint;
    let filter = run.filtered.max(sink);
    let mounter = run.decoded.max(filter);
    let puller = facts.upstream.resolved_ts.max(mounter);
    let stage = |name: &str, ts: tidegate_model::Ts, rows_per_second| StageLive {
        name: name.to_owned(),
        watermark_ts: ts.as_u64(),
        rows_per_second,
    };
    vec![
        stage("puller", puller, None),
        stage("mounter", mounter, Some(flow.decoded)),
        stage("filter", filter, Some(flow.filtered)),
        stage("sink", sink, Some(written)),
    ]
}

fn shown(ddl: &DdlEvent) -> DdlLive {
    DdlLive {
        commit_ts: ddl.commit_ts.as_u64(),
        query: cut(&ddl.query),
    }
}

/// A statement as it may be shown: not too long, and only up to what a password may follow.
fn cut(query: &str) -> String {
    const SECRET: [&str; 3] = ["connection", "password", "identified"];
    // Lower case of ASCII only keeps the places.
    let lower = query.to_ascii_lowercase();
    let secret = SECRET.iter().filter_map(|word| lower.find(word)).min();
    let shown: String = query[..secret.unwrap_or(query.len())]
        .chars()
        .take(QUERY_MAX)
        .collect();
    if shown.len() < query.len() {
        format!("{} ...", shown.trim_end())
    } else {
        shown
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

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_statement_is_shown_up_to_what_a_password_may_follow() {
        assert_eq!(cut("ALTER TABLE t ADD c INT"), "ALTER TABLE t ADD c INT");
        assert_eq!(
            cut("ALTER TABLE t CONNECTION='mysql://u:hunter2@h/'"),
            "ALTER TABLE t ..."
        );
        assert_eq!(cut(&"ä".repeat(500)).chars().count(), 304);
    }
}
