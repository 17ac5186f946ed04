//! What users of the service rely on: order of checks, states, races, restarts, and control while data is stuck.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::json;
use tidegate_api::{
    ChangefeedDetail, ConfigPatch, CreateChangefeed, EventFilter, MysqlConfig, ReplicaConfig,
    ResumeChangefeed, UpdateChangefeed, VerifyTable,
};
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts};
use tidegate_sink::{BoxFut, Destination, EventSink, SinkOpener, SinkSpec};
use tidegate_testkit::{Downstream, FaultPlan, Faults, History, MemStore, ModelSink, SimClock, SimUpstream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const START_MS: u64 = 1_700_000_000_000;

struct TestSinks {
    downstream: Arc<Downstream>,
    faults: Arc<Faults>,
    refusal: Mutex<Option<CdcError>>,
    server_name: Mutex<Option<String>>,
}

impl SinkOpener for TestSinks {
    fn open(&self, _spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(async {
            let sink = ModelSink::open(Arc::clone(&self.downstream), Arc::clone(&self.faults), None).await?;
            Ok(Arc::new(sink) as Arc<dyn EventSink>)
        })
    }

    fn check(&self, _spec: SinkSpec) -> BoxFut<'_, Destination> {
        let refusal = self.refusal.lock().unwrap().clone();
        let server_name = self.server_name.lock().unwrap().clone();
        Box::pin(async move { refusal.map_or(Ok(Destination { server_name }), Err) })
    }
}

struct Bench {
    service: Arc<ReplicationService>,
    upstream: Arc<SimUpstream>,
    sinks: Arc<TestSinks>,
    history: Arc<History>,
    store: MemStore,
    clock: SimClock,
}

impl Bench {
    async fn start(plan: FaultPlan) -> Bench {
        let history = Arc::new(History::generate(1, 40, START_MS));
        let downstream = Downstream::new(&history);
        Bench::restart(
            plan,
            history,
            downstream,
            MemStore::new(),
            SimClock::starting_at(START_MS + 1000),
        )
        .await
    }

    async fn restart(
        plan: FaultPlan,
        history: Arc<History>,
        downstream: Arc<Downstream>,
        store: MemStore,
        clock: SimClock,
    ) -> Bench {
        let faults = Faults::new(1, plan, None);
        let upstream = SimUpstream::new(Arc::clone(&history), clock.clone(), Arc::clone(&faults));
        let upstream = Arc::new(upstream.with_ineligible_table("keyless"));
        let sinks = Arc::new(TestSinks {
            downstream,
            faults: Arc::clone(&faults),
            refusal: Mutex::new(None),
            server_name: Mutex::new(None),
        });
        let service = ReplicationService::new(ServiceParts {
            upstream: Arc::clone(&upstream) as _,
            store: Arc::new(store.reopen(faults)),
            sinks: Arc::clone(&sinks) as _,
            clock: Arc::new(clock.clone()),
            capture: Capture {
                id: "c1".to_owned(),
                address: "127.0.0.1:8300".to_owned(),
                version: "v8.5.0-tidegate".to_owned(),
                git_hash: "none".to_owned(),
                cluster_id: "default".to_owned(),
            },
            zone: TimeZone::UTC,
        });
        service.start().await.unwrap();
        Bench {
            service,
            upstream,
            sinks,
            history,
            store,
            clock,
        }
    }

    async fn create(&self, id: &str) -> Result<ChangefeedDetail> {
        self.service.create_changefeed(request(id)).await
    }

    async fn state(&self, id: &str) -> String {
        self.service.get_changefeed(&feed(id)).await.unwrap().state
    }

    async fn until(&self, id: &str, state: &str) {
        let deadline = Instant::now() + Duration::from_secs(3600);
        while self.state(id).await != state {
            assert!(
                Instant::now() < deadline,
                "{id} is {}, not {state}",
                self.state(id).await
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn reason(&self, id: &str) -> String {
        let mut live = self.service.live();
        live.changed().await.unwrap();
        let snapshot = Arc::clone(&live.borrow());
        let figures = snapshot
            .changefeeds
            .iter()
            .find(|figures| figures.id == id)
            .unwrap();
        figures.reason.clone().unwrap_or_default()
    }
}

fn feed(id: &str) -> ChangefeedId {
    ChangefeedId::new("default", id)
}

fn request(id: &str) -> CreateChangefeed {
    let mut config = ReplicaConfig::default();
    config.filter.rules = vec!["shop.*".to_owned(), "!shop.keyless".to_owned()];
    CreateChangefeed {
        changefeed_id: id.to_owned(),
        sink_uri: "blackhole://".to_owned(),
        start_ts: Ts::from_physical_ms(START_MS).as_u64(),
        replica_config: config,
        ..CreateChangefeed::default()
    }
}

fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

#[tokio::test(start_paused = true)]
async fn the_first_fault_of_a_creation_is_the_one_reported() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("taken").await.unwrap();
    bench.upstream.purge_before(Ts::from_physical_ms(START_MS - 5));
    *bench.sinks.refusal.lock().unwrap() = Some(CdcError::new(ErrorCode::MySQLConnectionError, "refused"));

    // Every fault at once; then they are mended one by one, in the order in which they must be reported.
    let mut bad = CreateChangefeed {
        changefeed_id: "a_b".to_owned(),
        namespace: "also bad".to_owned(),
        sink_uri: String::new(),
        start_ts: u64::MAX,
        target_ts: 1,
        ..CreateChangefeed::default()
    };
    bad.replica_config.filter.rules = vec!["not a rule".to_owned()];
    bad.replica_config.memory_quota = 1 << 20;
    bad.replica_config.enable_table_monitor = Some(true);
    bad.replica_config.filter.event_filters = vec![EventFilter {
        matcher: Some(vec!["*.x y".to_owned()]),
        ignore_event: Some(vec!["INSERT".to_owned()]),
        ignore_sql: Some(vec!["(".to_owned()]),
        ignore_delete_value_expr: "nowhere = NOW()".to_owned(),
        ..EventFilter::default()
    }];
    let expect = async |request: &CreateChangefeed, code_expected: ErrorCode, word: &str| {
        let error = bench
            .service
            .create_changefeed(request.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code(), code_expected, "{error:?}");
        assert!(error.wire_message().contains(word), "{error:?}");
    };
    expect(&bad, ErrorCode::SinkURIInvalid, "empty").await;
    bad.sink_uri = "blackhole://".to_owned();
    expect(&bad, ErrorCode::APIInvalidParam, "changefeed_id").await;
    bad.changefeed_id = "taken".to_owned();
    expect(&bad, ErrorCode::APIInvalidParam, "namespace").await;
    bad.namespace = "default".to_owned();
    expect(&bad, ErrorCode::ChangeFeedAlreadyExists, "already exists, taken").await;
    bad.changefeed_id = "fresh".to_owned();
    expect(&bad, ErrorCode::APIInvalidParam, "larger than current tso").await;
    bad.start_ts = Ts::from_physical_ms(START_MS - 10).as_u64();
    expect(&bad, ErrorCode::StartTsBeforeGC, "oldest usable").await;
    bad.start_ts = Ts::from_physical_ms(START_MS).as_u64();
    expect(&bad, ErrorCode::TargetTsBeforeStartTs, "target-ts").await;
    bad.target_ts = 0;
    expect(&bad, ErrorCode::NotSupported, "enable_table_monitor").await;
    bad.replica_config.enable_table_monitor = None;
    expect(&bad, ErrorCode::FilterRuleInvalid, "filter rule 1, column 4").await;
    bad.replica_config.filter.rules = vec!["*.*".to_owned()];
    mend_event_filters(&mut bad, &expect).await;
    expect(&bad, ErrorCode::TableIneligible, "shop.keyless").await;
    bad.replica_config.ignore_ineligible_table = true;
    expect(&bad, ErrorCode::MySQLConnectionError, "refused").await;
    *bench.sinks.refusal.lock().unwrap() = None;
    bench.service.create_changefeed(bad).await.unwrap();
}

/// The faults of the only event filter, in the order in which they must be reported.
async fn mend_event_filters(
    bad: &mut CreateChangefeed,
    expect: &impl AsyncFn(&CreateChangefeed, ErrorCode, &str),
) {
    fn entry(bad: &mut CreateChangefeed) -> &mut EventFilter {
        &mut bad.replica_config.filter.event_filters[0]
    }
    expect(
        bad,
        ErrorCode::FilterRuleInvalid,
        "filter.event_filters[0].matcher",
    )
    .await;
    entry(bad).matcher = Some(vec!["shop.*".to_owned()]);
    expect(
        bad,
        ErrorCode::InvalidFilterExpression,
        "the function NOW is not supported",
    )
    .await;
    entry(bad).ignore_delete_value_expr = "nowhere = 1".to_owned();
    expect(bad, ErrorCode::InvalidIgnoreEventType, "'INSERT'").await;
    entry(bad).ignore_event = None;
    expect(
        bad,
        ErrorCode::FilterRuleInvalid,
        "filter.event_filters[0].ignore_sql[0]",
    )
    .await;
    entry(bad).ignore_sql = None;
    expect(
        bad,
        ErrorCode::ExpressionColumnNotFound,
        "Cannot find column 'nowhere' from table 'shop.",
    )
    .await;
    entry(bad).ignore_delete_value_expr = "ID = 1".to_owned();
}

/// Verification, creation and update know the same rules of event filters.
#[tokio::test(start_paused = true)]
async fn event_filters_are_checked_wherever_a_config_comes_in() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("feed").await.unwrap();
    bench.service.pause_changefeed(&feed("feed")).await.unwrap();
    for (member, value, code) in [
        ("ignore_event", json!(["none"]), ErrorCode::InvalidIgnoreEventType),
        ("ignore_sql", json!(["["]), ErrorCode::FilterRuleInvalid),
        (
            "ignore_insert_value_expr",
            json!("1 +"),
            ErrorCode::InvalidFilterExpression,
        ),
        (
            "ignore_update_old_value_expr",
            json!("q > 1"),
            ErrorCode::ExpressionColumnNotFound,
        ),
    ] {
        let patch = json!({"filter": {"event_filters": [{"matcher": ["*.*"], member: value}]}});
        let patch: ConfigPatch = serde_json::from_value(patch).unwrap();
        let replica_config = patch.apply(&ReplicaConfig::default()).unwrap();
        let verify = VerifyTable {
            replica_config: replica_config.clone(),
            ..VerifyTable::default()
        };
        let error = bench.service.verify_table(verify).await.unwrap_err();
        assert_eq!(error.code(), code, "{member}: {error}");
        let create = CreateChangefeed {
            sink_uri: "blackhole://".to_owned(),
            replica_config,
            ..CreateChangefeed::default()
        };
        let error = bench.service.create_changefeed(create).await.unwrap_err();
        assert_eq!(error.code(), code, "{member}: {error}");
        let update = UpdateChangefeed {
            replica_config: Some(patch),
            ..UpdateChangefeed::default()
        };
        let error = bench
            .service
            .update_changefeed(&feed("feed"), update)
            .await
            .unwrap_err();
        assert_eq!(
            error.code(),
            ErrorCode::ChangefeedUpdateRefused,
            "{member}: {error}"
        );
        assert!(error.wire_message().contains(code.as_str()), "{error:?}");
    }
}

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

/// The upstream was known by its address only: under another name of the same server a changefeed read what it wrote.
#[tokio::test(start_paused = true)]
async fn the_upstream_is_no_destination_under_any_name() {
    let bench = Bench::start(FaultPlan::default()).await;
    let other = |name: &str| *bench.sinks.server_name.lock().unwrap() = Some(name.to_owned());
    for (uri, name) in [("mysql://sim:1/", "another"), ("mysql://alias:5/", "sim")] {
        other(name);
        let mut request = request("a");
        request.sink_uri = uri.to_owned();
        assert_eq!(
            code(bench.service.create_changefeed(request).await),
            Some(ErrorCode::SameUpstreamDownstream),
            "{uri}"
        );
    }
    other("another");
    let mut request = request("a");
    request.sink_uri = "mysql://sim:2/".to_owned();
    bench.service.create_changefeed(request).await.unwrap();
}

/// An update once blamed the request for faults of the upstream.
#[tokio::test(start_paused = true)]
async fn an_update_blames_the_request_for_its_own_faults_only() {
    let bench = Bench::start(FaultPlan::default()).await;
    bench.create("a").await.unwrap();
    bench.service.pause_changefeed(&feed("a")).await.unwrap();
    for (fault, expect) in [
        (ErrorCode::UpstreamConnection, ErrorCode::UpstreamConnection),
        (
            ErrorCode::MySQLConnectionError,
            ErrorCode::ChangefeedUpdateRefused,
        ),
    ] {
        *bench.sinks.refusal.lock().unwrap() = Some(CdcError::new(fault, "no answer"));
        let update = UpdateChangefeed {
            sink_uri: "blackhole://?x=1".to_owned(),
            ..UpdateChangefeed::default()
        };
        let refused = bench.service.update_changefeed(&feed("a"), update).await;
        assert_eq!(code(refused), Some(expect));
    }
}

/// TLS files in the config once could be taken away while the password in the URI stayed.
#[tokio::test(start_paused = true)]
async fn a_stored_secret_keeps_its_tls_settings() {
    let bench = Bench::start(FaultPlan::default()).await;
    let mut created = request("a");
    created.sink_uri = "mysql://u:p@h:1/".to_owned();
    created.replica_config.sink.mysql_config = Some(MysqlConfig {
        ssl_ca: Some("/ca.pem".to_owned()),
        ..MysqlConfig::default()
    });
    bench.service.create_changefeed(created).await.unwrap();
    bench.service.pause_changefeed(&feed("a")).await.unwrap();
    let update = |sink_uri: &str, patch: serde_json::Value| UpdateChangefeed {
        sink_uri: sink_uri.to_owned(),
        replica_config: Some(serde_json::from_value(patch).unwrap()),
        ..UpdateChangefeed::default()
    };
    let without = json!({"sink": {"mysql_config": {"ssl_ca": null}}});
    for uri in ["", "mysql://u:xxxxx@h:1/"] {
        let refused = bench
            .service
            .update_changefeed(&feed("a"), update(uri, without.clone()))
            .await;
        let error = refused.unwrap_err();
        assert!(
            error.wire_message().contains("same TLS settings"),
            "{uri}: {error:?}"
        );
    }
    let other = json!({"sink": {"mysql_config": {"worker_count": 2}}});
    bench
        .service
        .update_changefeed(&feed("a"), update("", other))
        .await
        .unwrap();
    let own = update("mysql://u:p@h:1/?safe-mode=true", without);
    bench.service.update_changefeed(&feed("a"), own).await.unwrap();
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
