//! What users of the service rely on: order of checks, states, races, restarts, and control while data is stuck.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod fixture;
mod fleet;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_api::{ResumeChangefeed, UpdateChangefeed, VerifyTable};
use tidegate_model::{ErrorCode, Ts};
use tidegate_testkit::{Downstream, FaultPlan, History, MemStore, SimClock};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::fixture::{Bench, START_MS, code, feed, request};

#[tokio::test(start_paused = true)]
async fn of_parallel_creations_one_wins_and_is_visible_at_once() {
    let bench = Arc::new(Bench::start(FaultPlan::default()).await);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let bench = Arc::clone(&bench);
        tasks.spawn(async move {
            let result = bench.create("one").await;
            if result.is_ok() {
                bench
                    .service
                    .get_changefeed(&feed("one"))
                    .await
                    .expect("visible to its creator");
            }
            result
        });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(
        results
            .into_iter()
            .filter_map(code)
            .all(|code| code == ErrorCode::ChangeFeedAlreadyExists)
    );
    // A creation that failed leaves the id free.
    let mut refused = request("two");
    refused.sink_uri = "nowhere".to_owned();
    assert!(bench.service.create_changefeed(refused).await.is_err());
    bench.create("two").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_removed_changefeed_is_gone_and_its_id_free() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("a").await.unwrap();
    bench.service.remove_changefeed(&feed("a")).await.unwrap();
    assert_eq!(
        code(bench.service.get_changefeed(&feed("a")).await),
        Some(ErrorCode::ChangeFeedNotExists)
    );
    bench
        .service
        .remove_changefeed(&feed("a"))
        .await
        .expect("removing twice is no error");
    assert_eq!(
        code(bench.service.pause_changefeed(&feed("a")).await),
        Some(ErrorCode::ChangeFeedNotExists)
    );
    bench.create("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pause_and_resume_change_the_state_at_once_and_twice_is_fine() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("a").await.unwrap();
    for _ in 0..2 {
        bench.service.pause_changefeed(&feed("a")).await.unwrap();
        assert_eq!(bench.state("a").await, "stopped");
    }
    assert_eq!(bench.reason("a").await, "paused");
    for _ in 0..2 {
        bench
            .service
            .resume_changefeed(&feed("a"), ResumeChangefeed::default())
            .await
            .unwrap();
        assert_eq!(bench.state("a").await, "normal");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_sink_leaves_the_control_in_hand_and_says_why_nothing_moves() {
    let plan = FaultPlan {
        sink_hang: 1000,
        ..FaultPlan::default()
    };
    let bench = Bench::start(plan).await;
    bench.create("a").await.unwrap();
    bench.until("a", "warning").await;
    let reason = bench.reason("a").await;
    assert!(reason.starts_with("sink busy: "), "{reason}");

    let asked = Instant::now();
    bench.service.pause_changefeed(&feed("a")).await.unwrap();
    assert_eq!(bench.state("a").await, "stopped");
    bench
        .service
        .resume_changefeed(&feed("a"), ResumeChangefeed::default())
        .await
        .unwrap();
    assert_eq!(bench.state("a").await, "normal");
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "orders must not wait for the sink"
    );

    let asked = Instant::now();
    bench.service.remove_changefeed(&feed("a")).await.unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "a removal waits for the close deadline at most"
    );
}

#[tokio::test(start_paused = true)]
async fn a_purged_log_fails_a_paused_changefeed_until_it_is_moved_on() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("a").await.unwrap();
    bench.service.pause_changefeed(&feed("a")).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    let later = Ts::from_physical_ms(START_MS + 20_000);
    bench.upstream.purge_before(later);
    bench.until("a", "failed").await;
    let detail = bench.service.get_changefeed(&feed("a")).await.unwrap();
    assert_eq!(detail.error.unwrap().code, "CDC:ErrSnapshotLostByGC");
    let resume = |ts| ResumeChangefeed {
        overwrite_checkpoint_ts: ts,
        ..ResumeChangefeed::default()
    };
    let refused = bench.service.resume_changefeed(&feed("a"), resume(0)).await;
    assert_eq!(code(refused), Some(ErrorCode::StartTsBeforeGC));
    let refused = bench
        .service
        .resume_changefeed(&feed("a"), resume(u64::MAX))
        .await;
    assert_eq!(code(refused), Some(ErrorCode::APIInvalidParam));
    bench
        .service
        .resume_changefeed(&feed("a"), resume(later.as_u64()))
        .await
        .unwrap();
    let detail = bench.service.get_changefeed(&feed("a")).await.unwrap();
    assert_eq!(
        (detail.state.as_str(), detail.start_ts),
        ("normal", later.as_u64())
    );
    assert!(detail.checkpoint_ts >= later.as_u64());
    assert!(detail.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_changefeed_finishes_at_its_target() {
    let bench = Bench::start(FaultPlan::default()).await;
    let mut with_target = request("a");
    with_target.target_ts = bench.history.steps[20].commit_ts.as_u64();
    bench
        .service
        .create_changefeed(with_target.clone())
        .await
        .unwrap();
    bench.until("a", "finished").await;
    let detail = bench.service.get_changefeed(&feed("a")).await.unwrap();
    assert_eq!(detail.checkpoint_ts, with_target.target_ts);
    assert!(
        bench
            .service
            .list_changefeeds("default", None)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        bench
            .service
            .list_changefeeds("default", Some("all"))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        bench
            .service
            .list_changefeeds("other", Some("all"))
            .await
            .unwrap()
            .len(),
        0
    );
    assert!(bench.service.processors().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_stopped_changefeed_is_updated_and_the_change_takes_effect() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("a").await.unwrap();
    let update = |target_ts: Ts| UpdateChangefeed {
        target_ts: target_ts.as_u64(),
        ..UpdateChangefeed::default()
    };
    let target = bench.history.steps[10].commit_ts;
    let refused = bench
        .service
        .update_changefeed(&feed("a"), update(target))
        .await
        .unwrap_err();
    assert!(
        refused.wire_message().contains("when it is stopped or failed"),
        "{refused:?}"
    );
    bench.service.pause_changefeed(&feed("a")).await.unwrap();
    let refused = bench
        .service
        .update_changefeed(&feed("a"), update(Ts::from_u64(32)))
        .await
        .unwrap_err();
    assert!(
        refused
            .wire_message()
            .contains("can not update target_ts:32 less than start_ts"),
        "{refused:?}"
    );
    let refused = bench
        .service
        .update_changefeed(&feed("a"), UpdateChangefeed::default())
        .await
        .unwrap_err();
    assert!(
        refused.wire_message().contains("is the same with the old one"),
        "{refused:?}"
    );
    let detail = bench
        .service
        .update_changefeed(&feed("a"), update(target))
        .await
        .unwrap();
    assert_eq!(
        (detail.target_ts, detail.state.as_str()),
        (target.as_u64(), "stopped")
    );
    bench
        .service
        .resume_changefeed(&feed("a"), ResumeChangefeed::default())
        .await
        .unwrap();
    bench.until("a", "finished").await;
}

/// What a request leaves out keeps its stored value, and what it cannot change is refused rather than ignored.
#[tokio::test(start_paused = true)]
async fn an_update_of_the_config_merges_into_the_stored_one() {
    let bench = Bench::start(FaultPlan::default()).await;
    let mut created = request("a");
    created.sink_uri = "blackhole://?transaction-atomicity=none".to_owned();
    bench.service.create_changefeed(created).await.unwrap();
    bench.service.pause_changefeed(&feed("a")).await.unwrap();
    let update = |patch: serde_json::Value| UpdateChangefeed {
        replica_config: Some(serde_json::from_value(patch).unwrap()),
        ..UpdateChangefeed::default()
    };
    let patch = serde_json::json!({"filter": {"rules": ["shop.orders"]}, "memory_quota": 1 << 20});
    let detail = bench
        .service
        .update_changefeed(&feed("a"), update(patch))
        .await
        .unwrap();
    let config = detail.config.unwrap();
    assert_eq!(
        (config.filter.rules, config.memory_quota),
        (vec!["shop.orders".to_owned()], 1 << 20)
    );
    assert!(config.check_gc_safe_point, "absent members keep their value");

    for (patch, word) in [
        (
            serde_json::json!({"sink": {"transaction_atomicity": "table"}}),
            "which wins",
        ),
        (serde_json::json!({"bdr_mode": true}), "ErrSinkURIInvalid"),
        (
            serde_json::json!({"enable_table_monitor": true}),
            "enable_table_monitor",
        ),
        (
            serde_json::json!({"filter": {"rules": ["not a rule"]}}),
            "ErrFilterRuleInvalid",
        ),
    ] {
        let error = bench
            .service
            .update_changefeed(&feed("a"), update(patch))
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::ChangefeedUpdateRefused);
        assert!(error.wire_message().contains(word), "{error:?}");
    }
    let keyless = serde_json::json!({"filter": {"rules": ["*.*"]}});
    let error = bench
        .service
        .update_changefeed(&feed("a"), update(keyless))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TableIneligible);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_every_changefeed_as_it_was() {
    let bench = Bench::start(FaultPlan::default()).await;
    for id in ["runs", "paused", "done"] {
        let mut request = request(id);
        if id == "done" {
            request.target_ts = bench.history.steps[5].commit_ts.as_u64();
        }
        bench.service.create_changefeed(request).await.unwrap();
    }
    bench.service.pause_changefeed(&feed("paused")).await.unwrap();
    bench.until("done", "finished").await;
    sleep(Duration::from_secs(5)).await;
    let before = bench.service.get_changefeed(&feed("runs")).await.unwrap();
    bench.service.shutdown(Duration::from_secs(10)).await;
    assert!(bench.service.health().await.is_err());

    let Bench {
        history,
        sinks,
        store,
        clock,
        ..
    } = bench;
    let bench = Bench::restart(
        FaultPlan::default(),
        history,
        Arc::clone(&sinks.downstream),
        store,
        clock,
    )
    .await;
    for (id, state) in [("runs", "normal"), ("paused", "stopped"), ("done", "finished")] {
        assert_eq!(bench.state(id).await, state);
    }
    let after = bench.service.get_changefeed(&feed("runs")).await.unwrap();
    assert!(after.checkpoint_ts >= before.checkpoint_ts);
    assert_eq!(
        (after.create_time, after.start_ts),
        (before.create_time, before.start_ts)
    );
}

#[tokio::test(start_paused = true)]
async fn tables_are_sorted_by_whether_they_can_be_replicated() {
    let bench = Bench::start(FaultPlan::default()).await;
    let verified = bench.service.verify_table(VerifyTable::default()).await.unwrap();
    let names = |tables: &[tidegate_api::VerifiedTable]| {
        tables
            .iter()
            .map(|table| table.table_name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&verified.eligible_tables),
        ["items", "orders", "skipped", "users"]
    );
    assert_eq!(names(&verified.ineligible_tables), ["keyless"]);
    let mut unbuilt = VerifyTable::default();
    unbuilt.replica_config.bdr_mode = Some(true);
    let refused = bench.service.verify_table(unbuilt).await;
    assert_eq!(code(refused), Some(ErrorCode::NotSupported));
    bench.create("a").await.unwrap();
    let detail = bench.service.get_changefeed(&feed("a")).await.unwrap();
    assert_eq!(detail.task_status[0].table_ids.len(), 4);
    let brief = bench.service.changefeed_briefs().remove(0);
    assert_eq!((brief.config, brief.task_status.len()), (None, 0));
    assert_eq!((brief.id, brief.sink_uri), (detail.id, detail.sink_uri));
    assert!(bench.service.is_upstream_connected());
    let processor = bench.service.processor(&feed("a"), "c1").await.unwrap();
    assert_eq!(processor.table_ids.map(|ids| ids.len()), Some(4));
    assert_eq!(
        code(bench.service.processor(&feed("a"), "c2").await),
        Some(ErrorCode::CaptureNotExist)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_sink_shows_its_error_while_it_is_retried() {
    let plan = FaultPlan {
        open_error: 1000,
        ..FaultPlan::default()
    };
    let bench = Bench::start(plan).await;
    bench.create("a").await.unwrap();
    bench.until("a", "pending").await;
    let listed = bench
        .service
        .list_changefeeds("default", Some("warning"))
        .await
        .unwrap();
    assert_eq!(
        listed[0].state, "warning",
        "lists show a pending changefeed as warning"
    );
    assert_eq!(
        listed[0].error.as_ref().unwrap().code,
        "CDC:ErrMySQLConnectionError"
    );
    let reason = bench.reason("a").await;
    assert!(
        reason.starts_with("retrying in ") && reason.contains("connection refused"),
        "{reason}"
    );
    let status = bench.service.changefeed_status(&feed("a")).await.unwrap();
    assert!(status.last_error.is_some());
    bench.until("a", "failed").await;
}

/// A checkpoint that could not be stored used to leave the state `normal` for a minute.
#[tokio::test(start_paused = true)]
async fn a_store_without_room_is_shown_at_once_and_left_behind() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("a").await.unwrap();
    bench.store.set_full(true);
    let full_at = Instant::now();
    bench.until("a", "warning").await;
    assert!(
        full_at.elapsed() < Duration::from_secs(10),
        "{:?}",
        full_at.elapsed()
    );
    let status = bench.service.changefeed_status(&feed("a")).await.unwrap();
    assert_eq!(status.last_warning.unwrap().code, "CDC:ErrMetaStore");
    let detail = bench.service.get_changefeed(&feed("a")).await.unwrap();
    assert_eq!(
        detail.error.map(|error| error.code).as_deref(),
        Some("CDC:ErrMetaStore"),
        "a changefeed in warning says why in its detail too"
    );
    let reason = bench.reason("a").await;
    assert!(reason.contains("the disk is full"), "{reason}");

    // Longer than errors of the pipeline may be retried.
    sleep(Duration::from_secs(3600)).await;
    assert_ne!(bench.state("a").await, "failed");
    bench.store.set_full(false);
    bench.until("a", "normal").await;
    let stuck_at = status.checkpoint_ts;
    let status = bench.service.changefeed_status(&feed("a")).await.unwrap();
    assert!(status.checkpoint_ts > stuck_at);
}

/// A bug in an owner must not leave a changefeed that looks well and does nothing.
#[tokio::test(start_paused = true)]
async fn a_changefeed_whose_owner_panics_is_shown_as_failed() {
    let armed = Arc::new(AtomicBool::new(false));
    let trap = Arc::clone(&armed);
    let store = MemStore::new().watched(Box::new(move |_key, _value| {
        assert!(!trap.load(Ordering::Relaxed), "a bug");
    }));
    let history = Arc::new(History::generate(1, 40, START_MS));
    let downstream = Downstream::new(&history);
    let clock = SimClock::starting_at(START_MS + 1000);
    let bench = Bench::restart(FaultPlan::default(), history, downstream, store, clock).await;
    bench.create("a").await.unwrap();
    armed.store(true, Ordering::Relaxed);
    bench.until("a", "failed").await;
    let detail = bench.service.get_changefeed(&feed("a")).await.unwrap();
    assert_eq!(detail.error.unwrap().code, "CDC:ErrOwnerUnknown");
    assert_eq!(
        code(bench.service.pause_changefeed(&feed("a")).await),
        Some(ErrorCode::OwnerUnknown)
    );
    armed.store(false, Ordering::Relaxed);
    bench.create("b").await.expect("others go on");
}
