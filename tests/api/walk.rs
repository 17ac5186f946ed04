//! The calls of the original's command line, in its order and with its headers: what it reads must be there.

use serde_json::{Value, json};

use crate::client::{Answer, send};
use crate::server::{Api, api};

/// What the client sends with every request: it always logs in, with empty credentials unless some are configured.
const HEADERS: [&str; 3] = [
    "X-client-version: v8.5.0",
    "Authorization: Basic Og==",
    "Content-Type: application/json",
];

struct Client {
    api: &'static Api,
}

impl Client {
    async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        send(self.api.port, method, path, &HEADERS, body).await
    }

    /// Every command asks for the version first, and refuses what is no version or older than 6.2.0.
    async fn gate(&self) {
        let status = self.call("GET", "/api/v2/status", "").await.ok();
        let version = status["version"].as_str().unwrap().trim_start_matches('v');
        let (numbers, _) = version.split_once('-').unwrap();
        let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().unwrap()).collect();
        assert!(numbers.len() == 3 && numbers >= vec![6, 2, 0], "{version}");
    }

    /// A call whose answer is read: 200 to 206 with a JSON body.
    async fn read(&self, method: &str, path: &str, body: &Value) -> Value {
        self.gate().await;
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.call(method, path, &body).await;
        assert!(
            (200..=206).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error} {answer:?}"))
    }

    async fn now(&self, id: &Value) -> u64 {
        let tso = self.read("POST", "/api/v2/tso", &json!({"id": id})).await;
        (tso["timestamp"].as_u64().unwrap() << 18) + tso["logic_time"].as_u64().unwrap()
    }
}

/// `2006-01-02 15:04:05.000`, the only layout the client can read.
fn is_display_time(value: &Value) -> bool {
    let shape: String = value
        .as_str()
        .unwrap()
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00 00:00:00.000"
}

#[tokio::test]
async fn create_list_query_pause_update_resume_remove() {
    let client = Client { api: api().await };
    // capture list
    let captures = client.read("GET", "/api/v2/captures", &Value::Null).await;
    let capture = &captures["items"][0];
    for (name, is_it) in [
        ("id", capture["id"].is_string()),
        ("is_owner", capture["is_owner"].is_boolean()),
        ("address", capture["address"].is_string()),
        ("cluster_id", capture["cluster_id"].is_string()),
    ] {
        assert!(is_it, "{name} in {capture}");
    }
    // changefeed create: clock, tables, creation with the whole config and an explicit start.
    let start_ts = client.now(&json!(0)).await;
    let mut config = tidegate_api::default_config();
    config["filter"]["rules"] = json!(["keyed.*"]);
    let mut body = json!({"namespace": "default", "changefeed_id": "walk", "sink_uri": "blackhole://", "start_ts": start_ts, "target_ts": 0,
        "replica_config": config, "pd_addrs": null, "ca_path": "", "cert_path": "", "key_path": "", "cert_allowed_cn": null});
    let tables = client.read("POST", "/api/v2/verify_table", &body).await;
    assert_eq!(tables.get("ineligible_tables"), None, "{tables}");
    assert_eq!(tables["eligible_tables"][0]["table_name"], "t");
    body["replica_config"]["ignore_ineligible_table"] = json!(true);
    let created = client.read("POST", "/api/v2/changefeeds", &body).await;
    assert_eq!(
        (&created["id"], &created["start_ts"]),
        (&json!("walk"), &json!(start_ts))
    );
    // changefeed list
    let list = client
        .read(
            "GET",
            "/api/v2/changefeeds?namespace=default&state=all",
            &Value::Null,
        )
        .await;
    let item = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == "walk")
        .unwrap();
    assert!(
        item["checkpoint_tso"].is_u64() && is_display_time(&item["checkpoint_time"]),
        "{item}"
    );
    // changefeed query
    let feed = "/api/v2/changefeeds/walk?namespace=default";
    let detail = client.read("GET", feed, &Value::Null).await;
    assert!(is_display_time(&detail["checkpoint_time"]), "{detail}");
    let created_at: jiff::Timestamp = detail["create_time"].as_str().unwrap().parse().unwrap();
    assert!(created_at > jiff::Timestamp::UNIX_EPOCH);
    // processor list, processor query
    let processors = client.read("GET", "/api/v2/processors", &Value::Null).await;
    let processor = processors["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["changefeed_id"] == "walk")
        .unwrap();
    let path = format!(
        "/api/v2/processors/walk/{}?namespace=default",
        processor["capture_id"].as_str().unwrap()
    );
    assert!(client.read("GET", &path, &Value::Null).await["table_ids"].is_array());
    // changefeed pause, without a body
    assert_eq!(
        client
            .read(
                "POST",
                "/api/v2/changefeeds/walk/pause?namespace=default",
                &Value::Null
            )
            .await,
        json!({})
    );
    // changefeed update: reads the config, changes it, sends all of it back, without the masked URI.
    let stored = client.read("GET", feed, &Value::Null).await;
    let mut config = stored["config"].clone();
    config["memory_quota"] = json!(5_000_000);
    let target_ts = start_ts + (1 << 50);
    let updated = client
        .read(
            "PUT",
            feed,
            &json!({"target_ts": target_ts, "sink_uri": "", "replica_config": config}),
        )
        .await;
    assert_eq!(
        (&updated["config"], &updated["target_ts"]),
        (&config, &json!(target_ts))
    );
    // changefeed resume: reads the changefeed, asks the clock of its upstream.
    let detail = client.read("GET", feed, &Value::Null).await;
    assert!(client.now(&detail["upstream_id"]).await >= detail["checkpoint_ts"].as_u64().unwrap());
    let resume = "/api/v2/changefeeds/walk/resume?namespace=default";
    let body = json!({"overwrite_checkpoint_ts": 0, "pd_addrs": null, "ca_path": "", "cert_path": "", "key_path": "", "cert_allowed_cn": null});
    assert_eq!(client.read("POST", resume, &body).await, json!({}));
    // changefeed statistics
    let detail = client.read("GET", feed, &Value::Null).await;
    assert!(detail["resolved_ts"].is_u64() && detail["checkpoint_ts"].is_u64());
    // unsafe show-metadata, delete-service-gc-safepoint
    assert!(
        client
            .read("GET", "/api/v2/unsafe/metadata", &Value::Null)
            .await
            .is_array()
    );
    assert_eq!(
        client
            .read("DELETE", "/api/v2/unsafe/service_gc_safepoint", &json!({}))
            .await,
        json!({})
    );
    // changefeed remove: reads, deletes, and wants the second reading to say that it is gone.
    client.read("GET", feed, &Value::Null).await;
    assert_eq!(client.read("DELETE", feed, &Value::Null).await, json!({}));
    let gone = client
        .call("GET", feed, "")
        .await
        .refusal(400, "CDC:ErrChangeFeedNotExists");
    assert!(gone.contains("ErrChangeFeedNotExists"), "{gone}");
}
