//! Why a checkpoint does not move, in one sentence. Pure.

use std::time::Duration;

use tidegate_upstream::UpstreamWatermark;
use tokio::time::Instant;

use crate::feed::State;
use crate::owner::FeedView;
use crate::processor::{RunView, Stage};

/// Shorter waits are part of normal work.
const PATIENCE: Duration = Duration::from_secs(2);
/// A smaller distance to the upstream is no lag.
const LAG_MS_MAX: u64 = 5_000;

/// The present, as far as a reason depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) unix_ms: u64,
    pub(crate) now: Instant,
    pub(crate) upstream: UpstreamWatermark,
}

/// The reason; `None` while the checkpoint moves as it should.
pub(crate) fn of(view: &FeedView, facts: &Facts) -> Option<String> {
    let error = view.error.as_ref().map_or("", |error| error.message.as_str());
    match view.state {
        State::Stopped => Some("paused".to_owned()),
        State::Finished => Some("finished: the target was reached".to_owned()),
        State::Removed => Some("removed".to_owned()),
        State::Failed => Some(format!("failed: {error}")),
        State::Pending => Some(format!("{}: {error}", retry(view, facts).unwrap_or_default())),
        State::Normal | State::Warning => {
            let reason = match (&view.store_trouble, view.run_view()) {
                (Some(trouble), _) => Some(format!("the checkpoint cannot be stored: {trouble}")),
                (None, None) => Some("starting: waits for the end of the previous run".to_owned()),
                (None, Some(run)) => running(view, &run, facts),
            };
            with_retry(reason, view, facts)
        }
    }
}

/// When the next try is made, and how many failed.
fn retry(view: &FeedView, facts: &Facts) -> Option<String> {
    let left_ms = view.retry_at_ms?.saturating_sub(facts.unix_ms);
    let attempt = view.attempt.unwrap_or_default();
    Some(format!(
        "retrying in {} s after {attempt} failed {}",
        left_ms.div_ceil(1000),
        if attempt == 1 { "try" } else { "tries" }
    ))
}

/// Adds what a part of the pipeline retries by itself.
fn with_retry(reason: Option<String>, view: &FeedView, facts: &Facts) -> Option<String> {
    let to_come = view.retry_at_ms.is_some_and(|at| at > facts.unix_ms);
    let Some(retry) = retry(view, facts).filter(|_| to_come) else {
        return reason;
    };
    let warning = view
        .warning
        .as_ref()
        .map_or("", |warning| warning.message.as_str());
    match reason {
        Some(reason) if reason.contains(warning) => Some(format!("{reason}; {retry}")),
        Some(reason) => Some(format!("{reason}; {retry}: {warning}")),
        None => Some(format!("{retry}: {warning}")),
    }
}

fn running(view: &FeedView, run: &RunView, facts: &Facts) -> Option<String> {
    if let (Stage::Checking, Some(trouble)) = (&run.stage, &run.upstream_trouble) {
        return Some(format!("waiting for upstream: {trouble}"));
    }
    let in_stage = facts.now.saturating_duration_since(run.stage_since);
    match &run.stage {
        Stage::Checking if in_stage >= PATIENCE => {
            return Some(format!(
                "waiting for upstream: checking the start point for {} s",
                in_stage.as_secs()
            ));
        }
        Stage::OpeningSink if in_stage >= PATIENCE => {
            return Some(format!("opening the sink for {} s", in_stage.as_secs()));
        }
        Stage::Ddl(what) => return Some(format!("DDL running for {} s: {what}", in_stage.as_secs())),
        Stage::Closing => return Some("closing the sink".to_owned()),
        Stage::Checking | Stage::OpeningSink | Stage::Reading | Stage::Writing | Stage::Draining => {}
    }
    let waiting = run
        .waiting_since
        .map(|since| facts.now.saturating_duration_since(since));
    if let Some(waited) = waiting.filter(|waited| *waited >= PATIENCE) {
        return Some(format!(
            "sink busy: {} rows, {} bytes not acknowledged, the oldest for {} s, in {}",
            run.waiting_rows,
            run.waiting_bytes,
            waited.as_secs(),
            run.waiting_tables
        ));
    }
    if let Some(trouble) = &run.upstream_trouble {
        return Some(format!("waiting for upstream: {trouble}"));
    }
    if !facts.upstream.connected {
        return Some("waiting for upstream: disconnected".to_owned());
    }
    // The upstream's clock may be ahead of ours: what it has shown is the least that time has gone on.
    let now_ms = facts.unix_ms.max(facts.upstream.resolved_ts.physical_ms());
    let lag_ms = now_ms.saturating_sub(view.checkpoint.physical_ms());
    (lag_ms > LAG_MS_MAX).then(|| format!("catching up: {} s behind", lag_ms / 1000))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidegate_api::ReplicaConfig;
    use tidegate_model::{ChangefeedId, TableName, Ts};

    use super::*;
    use crate::feed::{FeedState, Now, RunningError};
    use crate::owner::FeedInfo;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn view(state: State, lag_ms: u64) -> FeedView {
        let checkpoint = Ts::from_physical_ms(NOW_MS - lag_ms);
        let info = Arc::new(FeedInfo {
            upstream_id: 1,
            id: ChangefeedId::new("default", "a"),
            sink_uri: String::new(),
            create_ms: 0,
            start_ts: checkpoint,
            target_ts: Ts::ZERO,
            config: ReplicaConfig::default(),
            creator_version: String::new(),
            epoch: 1,
        });
        let feed = FeedState::load(state, checkpoint, Duration::from_secs(1800), 1, Now::default());
        FeedView {
            state,
            error: Some(RunningError {
                time_ms: 0,
                code: "C".to_owned(),
                message: "no route".to_owned(),
            }),
            attempt: Some(3),
            retry_at_ms: Some(NOW_MS + 1500),
            ..FeedView::first(&info, &feed)
        }
    }

    fn facts(connected: bool) -> Facts {
        Facts {
            unix_ms: NOW_MS,
            now: Instant::now(),
            upstream: UpstreamWatermark {
                connected,
                ..UpstreamWatermark::default()
            },
        }
    }

    fn run(stage: Stage, since_s: u64, waiting_s: Option<u64>) -> RunView {
        let ago = |seconds| {
            Instant::now()
                .checked_sub(Duration::from_secs(seconds))
                .expect("later than boot")
        };
        RunView {
            checkpoint: Ts::ZERO,
            resolved: Ts::ZERO,
            last_synced: Ts::ZERO,
            rows_total: 0,
            rows_by_op: Default::default(),
            decoded: Ts::ZERO,
            rows_decoded: 0,
            filtered: Ts::ZERO,
            rows_filtered: 0,
            ddls: Vec::new(),
            bytes_total: 0,
            waiting_rows: 7,
            waiting_bytes: 99,
            quota_used_bytes: 0,
            barrier: None,
            waiting_since: waiting_s.map(ago),
            waiting_tables: Default::default(),
            stage,
            stage_since: ago(since_s),
            upstream_trouble: None,
        }
    }

    #[test]
    fn what_a_part_retries_by_itself_is_added_while_the_try_is_to_come() {
        let mut view = view(State::Warning, 0);
        view.warning = Some(RunningError {
            time_ms: 0,
            code: "C".to_owned(),
            message: "no route".to_owned(),
        });
        let said =
            |reason: Option<&str>, view: &FeedView| with_retry(reason.map(str::to_owned), view, &facts(true));
        assert_eq!(
            said(Some("sink busy"), &view).as_deref(),
            Some("sink busy; retrying in 2 s after 3 failed tries: no route")
        );
        assert_eq!(
            said(Some("waiting for upstream: no route"), &view).as_deref(),
            Some("waiting for upstream: no route; retrying in 2 s after 3 failed tries")
        );
        view.attempt = Some(1);
        assert_eq!(
            said(None, &view).as_deref(),
            Some("retrying in 2 s after 1 failed try: no route")
        );
        view.retry_at_ms = Some(NOW_MS);
        assert_eq!(said(None, &view), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_behind_the_upstreams_hides_no_lag() {
        tokio::time::advance(Duration::from_secs(100)).await;
        let mut facts = facts(true);
        facts.unix_ms -= 120_000;
        facts.upstream.resolved_ts = Ts::from_physical_ms(NOW_MS);
        assert_eq!(
            running(
                &view(State::Normal, 60_000),
                &run(Stage::Reading, 3, None),
                &facts
            )
            .as_deref(),
            Some("catching up: 60 s behind")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_changefeed_that_does_not_run_says_so() {
        tokio::time::advance(Duration::from_secs(100)).await;
        for (state, expect) in [
            (State::Stopped, "paused"),
            (State::Failed, "failed: no route"),
            (State::Pending, "retrying in 2 s after 3 failed tries: no route"),
            (State::Finished, "finished: the target was reached"),
        ] {
            assert_eq!(of(&view(state, 0), &facts(true)).as_deref(), Some(expect));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_changefeed_names_what_it_waits_for() {
        tokio::time::advance(Duration::from_secs(100)).await;
        let reason =
            |lag_ms, run: &RunView, connected| running(&view(State::Normal, lag_ms), run, &facts(connected));
        let check = |run: &RunView, expect: &str| assert_eq!(reason(0, run, true).as_deref(), Some(expect));
        check(
            &run(Stage::Ddl("add column shop.a".into()), 61, None),
            "DDL running for 61 s: add column shop.a",
        );
        check(
            &run(Stage::Checking, 3, None),
            "waiting for upstream: checking the start point for 3 s",
        );
        check(&run(Stage::OpeningSink, 3, None), "opening the sink for 3 s");
        let mut busy = run(Stage::Writing, 3, Some(9));
        for table in ["a", "b", "a"] {
            busy.waiting_tables.add(&TableName::new("shop", table));
        }
        check(
            &busy,
            "sink busy: 7 rows, 99 bytes not acknowledged, the oldest for 9 s, in shop.a, shop.b",
        );
        let mut troubled = run(Stage::Reading, 3, None);
        troubled.upstream_trouble = Some("connection reset".into());
        check(&troubled, "waiting for upstream: connection reset");
        let idle = run(Stage::Reading, 3, None);
        assert_eq!(
            reason(0, &idle, false).as_deref(),
            Some("waiting for upstream: disconnected")
        );
        assert_eq!(
            reason(60_000, &idle, true).as_deref(),
            Some("catching up: 60 s behind")
        );
        assert_eq!(reason(800, &run(Stage::Writing, 0, Some(1)), true), None);
    }
}
