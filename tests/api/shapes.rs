//! Successful answers: keys, their order, layout and headers.

use serde_json::{Value, json};

use crate::client::send;
use crate::server::{LOG_LEVEL, api};

/// Names of an object's members in the order in which they came.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn status_health_and_captures() {
    let api = api().await;
    let status = api.get("/api/v2/status").await;
    assert!(
        status
            .body
            .starts_with("{\n    \"version\": \"v8.5.0-tidegate\",\n    \"git_hash\": "),
        "{status:?}"
    );
    assert_eq!(
        keys(&status.ok()),
        [
            "version",
            "git_hash",
            "id",
            "cluster_id",
            "pid",
            "is_owner",
            "liveness"
        ]
    );
    assert_eq!(status.header("content-type"), "application/json; charset=utf-8");
    let top = api.get("/status").await;
    assert!(top.body.contains("\n \"is_owner\": true\n}"), "{top:?}");
    assert_eq!(top.header("content-type"), "application/json");
    assert_eq!(keys(&top.ok()), ["version", "git_hash", "id", "pid", "is_owner"]);
    for path in ["/api/v2/health", "/health"] {
        assert_eq!(api.get(path).await.body, "{}");
    }
    let captures = api.get("/api/v2/captures").await;
    let id = status.ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        captures.body,
        format!(
            r#"{{"total":1,"items":[{{"id":"{id}","is_owner":true,"address":"127.0.0.1:{}","cluster_id":"default"}}]}}"#,
            api.port
        )
    );
    assert_eq!(api.call("POST", "/api/v2/owner/resign", "").await.body, "{}");
    assert_eq!(api.get("/api/v2/status").await.ok()["id"], id.as_str());
}

#[tokio::test]
async fn a_created_changefeed_shows_the_whole_default_config() {
    let api = api().await;
    let mut created = api
        .create("shape-create", json!({"ignore_ineligible_table": true}))
        .await;
    assert_eq!(
        keys(&created),
        [
            "upstream_id",
            "namespace",
            "id",
            "sink_uri",
            "create_time",
            "start_ts",
            "config",
            "state",
            "creator_version",
            "resolved_ts",
            "checkpoint_ts",
            "checkpoint_time"
        ]
    );
    assert_eq!(created["state"], "normal");
    assert_eq!(
        (&created["checkpoint_ts"], &created["resolved_ts"]),
        (&created["start_ts"], &created["start_ts"])
    );
    let time = created["checkpoint_time"].as_str().unwrap();
    assert_eq!(
        (time.len(), &time[10..11], &time[19..20]),
        (23, " ", "."),
        "{time}"
    );
    let config = created["config"].take();
    assert_eq!(
        keys(&config)[..4],
        [
            "memory_quota",
            "case_sensitive",
            "force_replicate",
            "ignore_ineligible_table"
        ]
    );
    assert_eq!(config["sink"]["encoder_concurrency"], 32);
    assert_eq!(config["sync_point_interval"], 600_000_000_000_u64);
    let later = api.get("/api/v2/changefeeds/shape-create").await.ok();
    assert_eq!(later["config"], config, "nothing is pruned for blackhole");
    assert!(
        api.get("/api/v2/changefeeds/shape-create/meta_info")
            .await
            .body
            .contains(r#""case_sensitive":false"#)
    );
}

#[tokio::test]
async fn a_file_sink_is_shown_without_what_it_cannot_use() {
    let api = api().await;
    let uri = format!("file://{}/out?protocol=csv", api.dir.path().display());
    let body = json!({"changefeed_id": "shape-file", "sink_uri": uri,
        "replica_config": {"filter": {"rules": ["keyed.*"]}, "sink": {"csv": {"delimiter": "|"}}}});
    let created = api
        .call("POST", "/api/v2/changefeeds", &body.to_string())
        .await
        .ok();
    assert_eq!(created["config"]["sink"]["protocol"], "csv");
    assert_eq!(created["config"]["sink"]["file_index_width"], 20);
    assert_eq!(created["config"]["sink"]["encoder_concurrency"], 32);
    let later = api.get("/api/v2/changefeeds/shape-file").await.ok();
    assert_eq!(later["config"].get("consistent"), None);
    assert_eq!(later["config"].get("bdr_mode"), None);
    let sink = &later["config"]["sink"];
    assert_eq!(sink.get("encoder_concurrency"), None);
    assert_eq!(sink["content_compatible"], Value::Null);
    assert_eq!(
        (&sink["csv"]["delimiter"], &sink["csv"]["quote"]),
        (&json!("|"), &json!("\""))
    );
}

#[tokio::test]
async fn lists_and_processors() {
    let api = api().await;
    let body = json!({"namespace": "shape", "changefeed_id": "a", "sink_uri": "blackhole://",
        "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    api.call("POST", "/api/v2/changefeeds", &body.to_string())
        .await
        .ok();
    let list = api
        .get("/api/v2/changefeeds?namespace=shape&state=all&namespace=default&x=y")
        .await
        .ok();
    assert_eq!((&list["total"], keys(&list)), (&json!(1), vec!["total", "items"]));
    assert_eq!(
        keys(&list["items"][0]),
        [
            "upstream_id",
            "namespace",
            "id",
            "state",
            "checkpoint_tso",
            "checkpoint_time",
            "error"
        ]
    );
    assert_eq!(list["items"][0]["error"], Value::Null);
    assert_eq!(
        api.get("/api/v2/changefeeds?keyspace=shape").await.ok()["total"],
        1
    );
    for path in [
        "/api/v2/changefeeds?namespace=none",
        "/api/v2/changefeeds?namespace=shape&state=unheard-of",
    ] {
        assert_eq!(api.get(path).await.body, r#"{"total":0,"items":[]}"#);
    }
    let capture = api.get("/api/v2/status").await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let processors = api.get("/api/v2/processors").await.ok();
    let mine = json!({"namespace": "shape", "changefeed_id": "a", "capture_id": capture});
    assert!(
        processors["items"].as_array().unwrap().contains(&mine),
        "{processors}"
    );
    let path = format!("/api/v2/processors/a/{capture}?namespace=shape");
    assert!(api.get(&path).await.ok()["table_ids"].is_array());
    let status = api.get("/api/v2/changefeeds/a/status?namespace=shape").await.ok();
    assert_eq!(keys(&status), ["state", "resolved_ts", "checkpoint_ts"]);
    assert_eq!(
        api.call("DELETE", "/api/v2/changefeeds/a?namespace=shape", "")
            .await
            .body,
        "{}"
    );
}

#[tokio::test]
async fn synced_under_both_spellings() {
    let api = api().await;
    api.create_keyed("shape-synced").await;
    for path in [
        "/api/v2/changefeed/shape-synced/synced",
        "/api/v2/changefeeds/shape-synced/synced",
    ] {
        let body =
            r#"{"replica_config":{"synced_status":{"synced_check_interval":1000,"checkpoint_interval":20}}}"#;
        for body in ["", body] {
            let synced = api.call("GET", path, body).await.ok();
            assert_eq!(
                keys(&synced),
                [
                    "synced",
                    "sink_checkpoint_ts",
                    "puller_resolved_ts",
                    "last_synced_ts",
                    "now_ts",
                    "info"
                ]
            );
            assert_eq!(synced["now_ts"].as_str().unwrap().len(), 23);
        }
    }
}

#[tokio::test]
async fn tso_and_verify_table() {
    let api = api().await;
    let tso = api.call("POST", "/api/v2/tso", "{}").await;
    assert!(tso.body.starts_with("{\n    \"timestamp\": "), "{tso:?}");
    assert_eq!(keys(&tso.ok()), ["timestamp", "logic_time"]);
    let upstream = api.create_keyed("shape-tso").await["upstream_id"].clone();
    api.call("POST", "/api/v2/tso", &json!({"id": upstream}).to_string())
        .await
        .ok();
    let body = r#"{"replica_config":{"filter":{"rules":["shop.*"]}}}"#;
    let tables = api.call("POST", "/api/v2/verify_table", body).await.ok();
    assert_eq!(keys(&tables), ["ineligible_tables", "eligible_tables"]);
    assert_eq!(
        keys(&tables["eligible_tables"][0]),
        ["database_name", "table_name", "table_id", "is_partition"]
    );
    assert_eq!(tables["eligible_tables"][0]["table_name"], "orders");
    assert_eq!(tables["ineligible_tables"][0]["table_name"], "log");
    let none = api
        .call(
            "POST",
            "/api/v2/verify_table",
            r#"{"replica_config":{"filter":{"rules":["no.*"]}}}"#,
        )
        .await;
    assert_eq!(none.body, "{}");
}

#[tokio::test]
async fn the_log_level_can_be_changed() {
    let api = api().await;
    let _level = LOG_LEVEL.lock().await;
    let check = async |path: &str, body: &str, level: &str| {
        assert_eq!(api.call("POST", path, body).await.body, "{}", "{path} {body}");
        assert_eq!(api.get("/config").await.ok()["log-level"], level, "{path} {body}");
    };
    for level in ["debug", "info", "WARN", "error", "dpanic", "panic", "fatal"] {
        let body = json!({"log_level": level}).to_string();
        check("/api/v2/log", &body, &level.to_lowercase()).await;
    }
    check("/admin/log", "\"debug\"", "debug").await;
    check("/api/v2/log", "{}", "info").await;
}

#[tokio::test]
async fn what_monitors_and_people_read() {
    let api = api().await;
    let metrics = api.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    assert!(metrics.body.contains("\n# TYPE ticdc_"), "{}", metrics.body);
    let info = api.get("/debug/info").await.body;
    assert!(
        info.contains("etcd info") && !info.contains("failed to get info:"),
        "{info}"
    );
    let config = api.get("/config").await;
    assert!(
        config.body.contains(":xxxxx@") && !config.body.contains("tidegate-pw"),
        "{config:?}"
    );
    let server = api.get("/api/tidegate/v1/server").await.ok();
    assert_eq!(server["upstream"]["flavour"], "MariaDB");
    assert_eq!(server["api_version"], "v8.5.0-tidegate");
    let live = api.get("/api/tidegate/v1/live").await.ok();
    assert!(
        live["changefeeds"].is_array() && live["unix_ms"].is_u64(),
        "{live}"
    );
    let body = r#"{"rules":["shop.*","!shop.log"]}"#;
    let preview = api
        .call("POST", "/api/tidegate/v1/filter/preview", body)
        .await
        .ok();
    let log = preview["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["table"] == "log")
        .unwrap();
    assert_eq!(
        (&log["accepted"], &log["rule"], &log["eligible"]),
        (&json!(false), &json!(1), &json!(false))
    );
    for code in ["CDC:ErrTableIneligible", "ErrTableIneligible"] {
        let help = api.get(&format!("/api/tidegate/v1/errors/{code}")).await.ok();
        assert!(help["remedy"].as_str().unwrap().contains("primary key"), "{help}");
    }
    let root = api.get("/").await;
    assert_eq!((root.status, root.header("location")), (307, "/ui"));
    let page = api.get("/ui").await;
    assert!(
        page.status == 200 && page.header("content-type").starts_with("text/html"),
        "{page:?}"
    );
    assert!(api.get("/swagger").await.body.contains("/api/v2/changefeeds"));
}

/// Any inline script was let run, and the page of the document could be put into a frame.
#[tokio::test]
async fn pages_run_their_own_scripts_only_and_stand_in_no_frame() {
    let api = api().await;
    let mut nonces = Vec::new();
    for path in ["/ui", "/ui/changefeeds/default/nobody", "/ui/nowhere"] {
        let page = api.get(path).await;
        let policy = page.header("content-security-policy").to_owned();
        let scripts = policy
            .split(';')
            .find(|part| part.trim().starts_with("script-src"));
        let scripts = scripts.unwrap_or_else(|| panic!("{path}: {policy}"));
        assert!(!scripts.contains("unsafe-inline"), "{path}: {scripts}");
        let nonce = scripts
            .split("'nonce-")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap();
        assert!(page.body.contains("<script"), "{path}");
        for script in page.body.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{path}: {tag}");
        }
        nonces.push(nonce.to_owned());
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "a nonce is used once");
    for path in ["/ui", "/swagger"] {
        let page = api.get(path).await;
        assert!(
            page.header("content-security-policy")
                .contains("frame-ancestors 'none'"),
            "{page:?}"
        );
        assert_eq!(page.header("x-frame-options"), "DENY");
    }
    let policy = api.get("/swagger").await;
    assert!(
        policy
            .header("content-security-policy")
            .contains("script-src 'none'")
    );
}

#[tokio::test]
async fn every_documented_endpoint_exists() {
    let api = api().await;
    let document = api.get("/swagger/doc.json").await.ok();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path
                .replace("{changefeed_id}", "nobody")
                .replace("{capture_id}", "x")
                .replace("{code}", "ErrNotOwner");
            let method = method.to_uppercase();
            let answer = api
                .call(&method, &path, if method == "GET" { "" } else { "{}" })
                .await;
            assert_ne!(answer.status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_live_stream_sends_snapshots() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let api = api().await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", api.port))
        .await
        .unwrap();
    stream
        .write_all(b"GET /ui/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let read = async {
        let mut text = String::new();
        while text.matches("event: snapshot\ndata: {\"at_ms\":").count() < 2 {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            assert_ne!(read, 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        text
    };
    let text = tokio::time::timeout(std::time::Duration::from_secs(30), read)
        .await
        .unwrap();
    assert!(text.contains("text/event-stream"), "{text}");
}

#[tokio::test]
async fn paths_with_a_slash_too_much_lead_to_the_right_place() {
    let api = api().await;
    let get = api.get("/api/v2/changefeeds/?state=all").await;
    assert_eq!(
        (get.status, get.header("location")),
        (301, "/api/v2/changefeeds?state=all")
    );
    let post = send(api.port, "POST", "/api/v2/changefeeds/", &[], "{}").await;
    assert_eq!(
        (post.status, post.header("location")),
        (307, "/api/v2/changefeeds")
    );
    let open_redirect = api.get("//example.com/").await;
    assert_ne!(
        open_redirect.header("location").get(..2),
        Some("//"),
        "{open_redirect:?}"
    );
}
