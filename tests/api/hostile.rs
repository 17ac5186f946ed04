//! Input that nobody sends in good faith: always an error in JSON, never a hang, a panic or a changed state.

use serde_json::json;

use crate::client::{Answer, exchange, parse};
use crate::server::{Api, api};

const INVALID: &str = "CDC:ErrAPIInvalidParam";

/// Sends bytes that need not be text as the body.
async fn post(api: &Api, path: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: text/csv; charset=\"\r\nContent-Length: {}\r\n\r\n",
        api.port,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    parse(&exchange(api.port, &request).await)
}

async fn feeds(api: &Api, namespace: &str) -> String {
    api.get(&format!("/api/v2/changefeeds?state=all&namespace={namespace}"))
        .await
        .body
}

#[tokio::test]
async fn ids_of_every_kind() {
    let api = api().await;
    let long = "a".repeat(129);
    let routes = [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "/status"),
        ("GET", "/meta_info"),
        ("GET", "/synced"),
        ("POST", "/pause"),
        ("POST", "/resume"),
    ];
    let ids = [
        "a%2Fb", "%2e%2e", "a.b", "%C3%A9", "%00", "%FF", "a%20b", "-a", "a-", "a--b", "a_b", &long,
    ];
    for id in ids {
        for (method, tail) in routes {
            let path = format!("/api/v2/changefeeds/{id}{tail}");
            let message = api.call(method, &path, "").await.refusal(400, INVALID);
            assert!(
                message.contains("invalid changefeed_id: "),
                "{method} {path}: {message}"
            );
        }
    }
    let longest = "a".repeat(128);
    api.get(&format!("/api/v2/changefeeds/{longest}"))
        .await
        .refusal(400, "CDC:ErrChangeFeedNotExists");
    for (member, id) in [
        ("changefeed_id", "a/b"),
        ("changefeed_id", "../a"),
        ("changefeed_id", "é"),
        ("changefeed_id", long.as_str()),
        ("namespace", "a/b"),
        ("namespace", "a.b"),
        ("namespace", long.as_str()),
    ] {
        let body = json!({member: id, "sink_uri": "blackhole://"}).to_string();
        let message = api
            .call("POST", "/api/v2/changefeeds", &body)
            .await
            .refusal(400, INVALID);
        assert!(message.contains(&format!("invalid {member}: {id}")), "{message}");
    }
}

#[tokio::test]
async fn bodies_cut_anywhere_and_bytes_that_are_no_text() {
    let api = api().await;
    let whole = r#"{"namespace":"hostile","changefeed_id":"cut","sink_uri":"blackhole://","start_ts":0,"replica_config":{"filter":{"rules":["keyed.*"]}}}"#;
    for end in 0..whole.len() {
        post(api, "/api/v2/changefeeds", &whole.as_bytes()[..end])
            .await
            .refusal(400, INVALID);
    }
    for at in [1, 15, 40, whole.len() - 3] {
        let mut bytes = whole.as_bytes().to_vec();
        bytes.insert(at, 0xff);
        post(api, "/api/v2/changefeeds", &bytes)
            .await
            .refusal(400, INVALID);
    }
    for bytes in [
        &b"\xef\xbb\xbf{}"[..],
        b"\0",
        b"{\"a\":\"\\ud800\"}",
        b"\"text\"",
        b"true",
    ] {
        post(api, "/api/v2/changefeeds", bytes)
            .await
            .refusal(400, INVALID);
    }
    assert_eq!(feeds(api, "hostile").await, r#"{"total":0,"items":[]}"#);
}

#[tokio::test]
async fn numbers_beyond_their_type_and_depth_beyond_reason() {
    let api = api().await;
    for member in [
        r#""start_ts":18446744073709551616"#,
        r#""start_ts":-1"#,
        r#""start_ts":1e3"#,
        r#""start_ts":1.0"#,
        r#""target_ts":"5""#,
        r#""target_ts":[5]"#,
        r#""replica_config":{"memory_quota":-1}"#,
        r#""replica_config":{"mounter":{"worker_num":9223372036854775808}}"#,
        r#""replica_config":{"sync_point_interval":"9999999999h"}"#,
        r#""replica_config":{"filter":{"ignore_txn_start_ts":[-1]}}"#,
        r#""replica_config":{"filter":{"event_filters":{}}}"#,
        r#""replica_config":[]"#,
    ] {
        let body = format!(r#"{{"namespace":"hostile-numbers","sink_uri":"blackhole://",{member}}}"#);
        for path in ["/api/v2/changefeeds", "/api/tidegate/v1/changefeeds/validate"] {
            let message = post(api, path, body.as_bytes()).await.refusal(400, INVALID);
            let name = member.split('"').nth(1).unwrap();
            assert!(message.contains(name), "{body}: {message}");
        }
    }
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
    for body in [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!(r#"{{"replica_config":{}}}"#, deep("{\"sink\":", "}")),
        format!(r#"{{"unknown":{}}}"#, deep("[", "]")),
    ] {
        for path in [
            "/api/v2/changefeeds",
            "/api/v2/tso",
            "/api/v2/verify_table",
            "/api/v2/log",
        ] {
            post(api, path, body.as_bytes()).await.refusal(400, INVALID);
        }
    }
    assert_eq!(feeds(api, "hostile-numbers").await, r#"{"total":0,"items":[]}"#);
    assert_eq!(api.get("/api/v2/health").await.body, "{}");
}

/// A check once took the id for as long as it ran, and whoever created the changefeed meanwhile was told that it exists.
#[tokio::test]
async fn checks_do_not_stand_in_the_way_of_a_creation() {
    let api = api().await;
    for round in 0..5 {
        let body = format!(
            r#"{{"namespace":"hostile-check","changefeed_id":"checked-{round}","sink_uri":"blackhole://","replica_config":{{"ignore_ineligible_table":true}}}}"#
        );
        let check = || api.call("POST", "/api/tidegate/v1/changefeeds/validate", &body);
        let checks = futures::future::join_all((0..8).map(|_| check()));
        let (_, created) = futures::join!(checks, api.call("POST", "/api/v2/changefeeds", &body));
        assert_eq!(created.status, 200, "{created:?}");
    }
}

#[tokio::test]
async fn of_fifty_creations_of_one_id_one_wins() {
    let api = api().await;
    let body = json!({"namespace": "hostile-race", "changefeed_id": "one", "sink_uri": "blackhole://",
        "replica_config": {"filter": {"rules": ["keyed.*"]}}})
    .to_string();
    let calls = (0..50).map(|_| api.call("POST", "/api/v2/changefeeds", &body));
    let answers = futures::future::join_all(calls).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 49));
    for answer in lost {
        let message = answer.refusal(400, "CDC:ErrChangeFeedAlreadyExists");
        assert!(message.ends_with("changefeed already exists, one"), "{message}");
    }
    let list: serde_json::Value = serde_json::from_str(&feeds(api, "hostile-race").await).unwrap();
    assert_eq!(
        (&list["total"], &list["items"][0]["state"]),
        (&json!(1), &json!("normal"))
    );
}

/// Clients that begin and do not go on keep nobody else waiting.
#[tokio::test]
async fn connections_that_never_finish_their_request_keep_nobody_waiting() {
    use tokio::io::AsyncWriteExt;
    let api = api().await;
    let beginnings = [
        "G",
        "POST /api/v2/changefeeds HTTP/1.1\r\nHost: local",
        "POST /api/v2/changefeeds HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"changefeed_id\":\"slow\",",
        "POST /api/v2/changefeeds HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"",
    ];
    let mut held = Vec::new();
    for beginning in beginnings.iter().cycle().take(80) {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", api.port))
            .await
            .unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let created = json!({"namespace": "hostile-slow", "changefeed_id": "other", "sink_uri": "blackhole://",
        "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    api.call("POST", "/api/v2/changefeeds", &created.to_string())
        .await
        .ok();
    // One of them gives up in the middle of its body: nothing came of it.
    drop(held);
    let list: serde_json::Value = serde_json::from_str(&feeds(api, "hostile-slow").await).unwrap();
    assert_eq!(list["total"], 1);
    assert_eq!(api.get("/api/v2/changefeeds/slow").await.status, 400);
}
