//! What is refused, when, and whose fault it is.

use serde_json::json;
use tidegate_api::{
    ConfigPatch, CreateChangefeed, EventFilter, MysqlConfig, ReplicaConfig, UpdateChangefeed, VerifyTable,
};
use tidegate_model::{CdcError, ErrorCode, Ts};
use tidegate_testkit::FaultPlan;

use crate::fixture::{Bench, START_MS, code, feed, request};

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
    expect(&bad, ErrorCode::FilterRuleInvalid, "filter rule 1, column 4").await;
    bad.replica_config.filter.rules = vec!["*.*".to_owned()];
    mend_event_filters(&mut bad, &expect).await;
    expect(&bad, ErrorCode::TableIneligible, "shop.keyless").await;
    bad.replica_config.ignore_ineligible_table = true;
    expect(&bad, ErrorCode::NotSupported, "enable_table_monitor").await;
    bad.replica_config.enable_table_monitor = None;
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
