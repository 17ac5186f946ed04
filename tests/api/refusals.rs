//! Bad requests: status, code, message and layout of every refusal.

use serde_json::json;

use crate::client::{exchange, parse, send};
use crate::server::{Api, api};

const INVALID: &str = "CDC:ErrAPIInvalidParam";
const UNKNOWN: &str = "CDC:ErrChangeFeedNotExists";
const NOT_BUILT: &str = "CDC:ErrNotSupported";

#[tokio::test]
async fn unknown_paths_and_methods_are_not_found() {
    let api = api().await;
    for (method, path) in [
        ("GET", "/nope"),
        ("GET", "/api/v2/nope"),
        ("PATCH", "/api/v2/changefeeds"),
        ("DELETE", "/api/v2/status"),
        ("POST", "/api/v2/captures"),
        ("GET", "/api/v2/log"),
        ("GET", "/api/v2/changefeeds/a/pause"),
    ] {
        let answer = api.call(method, path, "").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, "404 page not found"),
            "{method} {path}"
        );
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
}

#[tokio::test]
async fn an_unknown_changefeed_is_refused_everywhere_but_at_removal() {
    let api = api().await;
    let feed = "/api/v2/changefeeds/no-such-feed";
    for (method, path, body) in [
        ("GET", feed.to_owned(), ""),
        ("PUT", feed.to_owned(), "{"),
        ("GET", format!("{feed}/status"), ""),
        ("GET", format!("{feed}/meta_info"), ""),
        ("GET", format!("{feed}/synced"), ""),
        ("GET", "/api/v2/changefeed/no-such-feed/synced".to_owned(), ""),
        ("POST", format!("{feed}/pause"), ""),
        ("POST", format!("{feed}/resume"), "{"),
        ("GET", "/api/v2/processors/no-such-feed/c-1".to_owned(), ""),
    ] {
        let message = api.call(method, &path, body).await.refusal(400, UNKNOWN);
        assert_eq!(
            message,
            format!("[{UNKNOWN}]changefeed not exists, default/no-such-feed"),
            "{method} {path}"
        );
    }
    assert_eq!(api.call("DELETE", feed, "").await.body, "{}");
}

#[tokio::test]
async fn ids_that_break_the_rules_are_named() {
    let api = api().await;
    for (method, path) in [
        ("GET", "/api/v2/changefeeds/a_b"),
        ("PUT", "/api/v2/changefeeds/-a"),
        ("DELETE", "/api/v2/changefeeds/a--b"),
        ("POST", "/api/v2/changefeeds/a.b/pause"),
        ("GET", "/api/v2/processors/a_b/c-1"),
        ("GET", "/api/v2/changefeeds/%zz/status"),
    ] {
        let message = api.call(method, path, "").await.refusal(400, INVALID);
        assert!(
            message.contains("invalid changefeed_id: "),
            "{method} {path}: {message}"
        );
    }
    let message = api
        .call("POST", "/api/v2/captures/a_b/drain", "")
        .await
        .refusal(400, INVALID);
    assert!(message.contains("invalid capture_id: a_b"), "{message}");
    for (member, value) in [("changefeed_id", "a_b"), ("namespace", "a/b")] {
        let body = json!({member: value, "sink_uri": "blackhole://"}).to_string();
        let message = api
            .call("POST", "/api/v2/changefeeds", &body)
            .await
            .refusal(400, INVALID);
        assert!(
            message.contains(&format!("invalid {member}: {value}")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_where() {
    let api = api().await;
    for path in [
        "/api/v2/changefeeds",
        "/api/v2/verify_table",
        "/api/v2/tso",
        "/api/v2/log",
    ] {
        for (body, part) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("no json", "expected"),
            ("[]", "invalid"),
            ("3", "invalid"),
        ] {
            let message = api.call("POST", path, body).await.refusal(400, INVALID);
            assert!(message.contains(part), "{path} {body}: {message}");
        }
    }
    for (member, value) in [
        ("start_ts", json!("5")),
        ("start_ts", json!(-5)),
        ("sink_uri", json!(5)),
        ("replica_config", json!({"sink": {"csv": {"delimiter": 5}}})),
        ("replica_config", json!({"filter": {"rules": "a.b"}})),
        ("replica_config", json!({"sync_point_interval": "ten"})),
    ] {
        let body = json!({member: value}).to_string();
        let message = api
            .call("POST", "/api/v2/changefeeds", &body)
            .await
            .refusal(400, INVALID);
        assert!(message.contains(member), "{body}: {message}");
    }
}

#[tokio::test]
async fn requests_that_are_too_large_or_broken_end_cleanly() {
    let api = api().await;
    let large = format!("{{\"changefeed_id\":\"{}\"}}", "x".repeat(5 << 20));
    let message = api
        .call("POST", "/api/v2/changefeeds", &large)
        .await
        .refusal(400, INVALID);
    assert!(message.contains("larger than"), "{message}");
    let deep = "[".repeat(100_000);
    api.call("POST", "/api/v2/changefeeds", &deep)
        .await
        .refusal(400, INVALID);
    let head = format!(
        "GET /api/v2/status HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(200_000)
    );
    let answer = String::from_utf8_lossy(&exchange(api.port, head.as_bytes()).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let answer =
        String::from_utf8_lossy(&exchange(api.port, b"\x16\x03\x01 no http\r\n\r\n").await).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(api.get("/api/v2/health").await.body, "{}");
}

async fn refused(api: &Api, body: serde_json::Value, code: &str) -> String {
    api.call("POST", "/api/v2/changefeeds", &body.to_string())
        .await
        .refusal(400, code)
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_with_the_original_code() {
    let api = api().await;
    let keyed = json!({"rules": ["keyed.*"]});
    let uri = |uri: &str| json!({"sink_uri": uri, "replica_config": {"filter": keyed}});
    let config = |config: serde_json::Value| json!({"sink_uri": "file:///tmp/never?protocol=csv", "replica_config": config});
    let bad_uri = "CDC:ErrSinkURIInvalid";
    for (body, code, part) in [
        (json!({}), bad_uri, "sink_uri is empty"),
        (uri("no uri"), bad_uri, "sink uri invalid"),
        (
            uri("kafka://h:9092/t?protocol=canal-json"),
            bad_uri,
            "the sink scheme (kafka) is not supported",
        ),
        (uri("ftp://h/"), bad_uri, "the sink scheme (ftp) is not supported"),
        (
            uri("mysql://h:1/?protocol=csv"),
            bad_uri,
            "protocol csv is incompatible with mysql scheme",
        ),
        (uri("mysql://u:xxxxx@h:1/"), bad_uri, "mask"),
        (
            uri("blackhole://?transaction-atomicity=global"),
            bad_uri,
            "atomicity",
        ),
        (
            uri("file:///tmp/never"),
            "CDC:ErrSinkUnknownProtocol",
            "unknown ''",
        ),
        (
            uri("mysql://u:secret-word@127.0.0.1:1/"),
            "CDC:ErrMySQLConnectionError",
            "127.0.0.1:1",
        ),
        (
            config(json!({"sink": {"date_separator": "week"}})),
            "CDC:ErrSinkInvalidConfig",
            "week",
        ),
        (
            config(json!({"sink": {"csv": {"quote": "ab"}}})),
            "CDC:ErrSinkInvalidConfig",
            "csv.quote",
        ),
        (
            config(json!({"consistent": {"level": "always"}})),
            "CDC:ErrInvalidReplicaConfig",
            "level",
        ),
        (
            config(json!({"changefeed_error_stuck_duration": "1m"})),
            "CDC:ErrInvalidReplicaConfig",
            "30m",
        ),
        (
            config(json!({"integrity": {"corruption_handle_level": "x"}})),
            "CDC:ErrInvalidReplicaConfig",
            "corruption",
        ),
        (
            config(json!({"enable_sync_point": true, "filter": {"rules": ["keyed.*"]}})),
            bad_uri,
            "sync_point",
        ),
        (
            json!({"sink_uri": "blackhole://", "replica_config": {"filter": {"rules": ["a.b.c["]}}}),
            "CDC:ErrFilterRuleInvalid",
            "filter rule 1, column 4",
        ),
        (
            json!({"sink_uri": "blackhole://", "replica_config": {"filter": {"rules": ["shop.*"]}}}),
            "CDC:ErrTableIneligible",
            "shop.log",
        ),
        (
            json!({"sink_uri": "blackhole://", "start_ts": u64::MAX}),
            INVALID,
            "larger than current tso",
        ),
        (
            json!({"sink_uri": "blackhole://", "start_ts": 5}),
            "CDC:ErrStartTsBeforeGC",
            "5",
        ),
        (
            json!({"sink_uri": "blackhole://", "target_ts": 5}),
            "CDC:ErrTargetTsBeforeStartTs",
            "target-ts 5",
        ),
        (
            json!({"sink_uri": "blackhole://", "pd_addrs": ["http://pd:2379"]}),
            NOT_BUILT,
            "pd_addrs",
        ),
        (
            json!({"sink_uri": "blackhole://", "replica_config": {"filter": {"event_filters": [{"ignore_event": ["INSERT"]}]}}}),
            "CDC:ErrInvalidIgnoreEventType",
            "'INSERT'",
        ),
        (
            json!({"sink_uri": "blackhole://", "replica_config": {"filter": {"event_filters": [{"ignore_sql": ["("]}]}}}),
            "CDC:ErrFilterRuleInvalid",
            "filter.event_filters[0].ignore_sql[0]",
        ),
        (
            json!({"sink_uri": "blackhole://", "replica_config": {"filter": {"event_filters": [{"ignore_insert_value_expr": "id > NOW()"}]}}}),
            "CDC:ErrInvalidFilterExpression",
            "the function NOW is not supported",
        ),
    ] {
        let message = refused(api, body.clone(), code).await;
        assert!(message.contains(part), "{body}: {message}");
        assert!(!message.contains("secret-word"), "{message}");
    }
    let list = api.get("/api/v2/changefeeds?state=all").await;
    assert!(!list.body.contains("never"), "{list:?}");
}

#[tokio::test]
async fn an_id_is_free_once() {
    let api = api().await;
    api.create_keyed("twice").await;
    let body = json!({"changefeed_id": "twice", "sink_uri": "blackhole://"});
    let message = refused(api, body, "CDC:ErrChangeFeedAlreadyExists").await;
    assert!(message.ends_with("changefeed already exists, twice"), "{message}");
}

#[tokio::test]
async fn what_one_server_cannot_do_is_refused() {
    let api = api().await;
    let capture = api.get("/api/v2/status").await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let drain = api
        .call("POST", &format!("/api/v2/captures/{capture}/drain"), "")
        .await;
    assert!(
        drain
            .refusal(400, "CDC:ErrSchedulerRequestFailed")
            .contains("only one capture alive")
    );
    api.call("POST", "/api/v2/tso", r#"{"id":5}"#)
        .await
        .refusal(400, "CDC:ErrUpstreamNotFound");
    api.create_keyed("one-server").await;
    let unknown = "11111111-2222-3333-4444-555555555555";
    let path = format!("/api/v2/processors/one-server/{unknown}");
    api.get(&path).await.refusal(400, "CDC:ErrCaptureNotExist");
    api.pause("one-server").await;
    let message = api.get(&path).await.refusal(400, INVALID);
    assert!(message.contains("changefeed in abnormal state"), "{message}");
    let message = api
        .call("POST", "/api/v2/log", r#"{"log_level":"xxxx"}"#)
        .await
        .refusal(400, INVALID);
    assert!(message.contains("fail to change log level: xxxx"), "{message}");
    let plain = api.call("POST", "/admin/log", "\"xxxx\"").await;
    assert!(
        plain.status == 400 && plain.body.ends_with("fail to change log level: xxxx"),
        "{plain:?}"
    );
    assert!(plain.header("content-type").starts_with("text/plain"));
}

#[tokio::test]
async fn another_web_page_cannot_write() {
    let api = api().await;
    let foreign = ["Origin: https://evil.example", "Content-Type: text/plain"];
    let answer = send(
        api.port,
        "POST",
        "/api/v2/changefeeds",
        &foreign,
        r#"{"sink_uri":"blackhole://"}"#,
    )
    .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let own = format!("Origin: http://127.0.0.1:{}", api.port);
    let answer = send(api.port, "POST", "/api/v2/tso", &[&own], "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A page that gave its own name this server's address was answered as if it were the server's own page.
#[tokio::test]
async fn another_name_for_the_servers_address_is_refused() {
    let api = api().await;
    let own = format!("evil.example:{}", api.port);
    for (method, path) in [
        ("GET", "/api/v2/changefeeds"),
        ("POST", "/api/v2/log"),
        ("GET", "/ui"),
        ("GET", "/ui/live"),
        ("POST", "/ui/fn/pause"),
        ("GET", "/metrics"),
        ("GET", "/ui/"),
    ] {
        for host in [
            own.as_str(),
            "localhost.evil.example",
            "127.0.0.1\r\nHost: evil.example",
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{own}\r\nSec-Fetch-Site: same-origin\r\n\
                 Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"
            );
            let answer = parse(&exchange(api.port, request.as_bytes()).await);
            let message = answer.refusal(403, "CDC:ErrUnauthorized");
            assert!(message.contains("--allowed-host"), "{host} {message}");
        }
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8300"] {
        let request = format!("GET /api/v2/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = parse(&exchange(api.port, request.as_bytes()).await);
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{host}");
    }
}
