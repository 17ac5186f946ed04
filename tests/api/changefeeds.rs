//! What clients do with changefeeds, step by step.

use serde_json::{Value, json};
use tidegate_mariadb::{Server, ServerOptions, User};

use crate::server::api;

#[tokio::test]
async fn a_changefeed_lives_and_dies() {
    let api = api().await;
    let feed = "/api/v2/changefeeds/life";
    let created = api.create_keyed("life").await;
    let update = api
        .call("PUT", feed, r#"{"target_ts":18446744073709551615}"#)
        .await;
    let message = update.refusal(400, "CDC:ErrChangefeedUpdateRefused");
    assert!(
        message.ends_with("can only update changefeed config when it is stopped or failed"),
        "{message}"
    );
    for _ in 0..2 {
        api.pause("life").await;
    }
    let paused = api.get(feed).await.ok();
    assert_eq!(
        (&paused["state"], &paused["admin_job_type"]),
        (&json!("stopped"), &json!(1))
    );
    assert_eq!(
        (paused.get("task_status"), &paused["resolved_ts"]),
        (None, &json!(0))
    );
    let list = api.get("/api/v2/changefeeds?state=stopped").await.ok();
    assert!(
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["id"] == "life"),
        "{list}"
    );

    let same = api
        .call("PUT", feed, "{}")
        .await
        .refusal(400, "CDC:ErrChangefeedUpdateRefused");
    assert!(same.contains("the same with the old one"), "{same}");
    let early = api
        .call("PUT", feed, r#"{"target_ts":32}"#)
        .await
        .refusal(400, "CDC:ErrChangefeedUpdateRefused");
    assert!(
        early.contains("can not update target_ts:32 less than start_ts"),
        "{early}"
    );
    api.call("PUT", feed, "{")
        .await
        .refusal(400, "CDC:ErrAPIInvalidParam");
    let target = created["start_ts"].as_u64().unwrap() + (1 << 50);
    let body = json!({"target_ts": target, "replica_config": {"memory_quota": 5_000_000, "sink": {"csv": {"null": "-"}}}});
    let updated = api.call("PUT", feed, &body.to_string()).await.ok();
    assert_eq!(
        (&updated["target_ts"], &updated["state"]),
        (&json!(target), &json!("stopped"))
    );
    let mut expected = created["config"].clone();
    expected["memory_quota"] = json!(5_000_000);
    expected["sink"]["csv"]["null"] = json!("-");
    assert_eq!(updated["config"], expected, "what the body leaves out stays");

    for body in ["", "{}", r#"{"overwrite_checkpoint_ts":0}"#] {
        let resumed = api.call("POST", &format!("{feed}/resume"), body).await;
        assert_eq!((resumed.status, resumed.body.as_str()), (200, "{}"), "{body:?}");
    }
    assert_eq!(api.get(&format!("{feed}/status")).await.ok()["state"], "normal");
    let future = json!({"overwrite_checkpoint_ts": u64::MAX}).to_string();
    api.pause("life").await;
    api.call("POST", &format!("{feed}/resume"), &future)
        .await
        .refusal(400, "CDC:ErrAPIInvalidParam");
    for _ in 0..2 {
        assert_eq!(api.call("DELETE", feed, "").await.body, "{}");
    }
    api.get(feed).await.refusal(400, "CDC:ErrChangeFeedNotExists");
}

#[tokio::test]
async fn an_id_is_made_up_when_none_is_given() {
    let api = api().await;
    let body =
        json!({"sink_uri": "blackhole://", "replica_config": {"filter": {"rules": ["keyed.*"]}}}).to_string();
    let id = api.call("POST", "/api/v2/changefeeds", &body).await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
    assert_eq!(
        api.get(&format!("/api/v2/changefeeds/{id}")).await.ok()["id"],
        id.as_str()
    );
}

#[tokio::test]
async fn secrets_never_leave_and_a_mask_that_comes_back_keeps_them() {
    let api = api().await;
    let downstream = Server::start(ServerOptions {
        server_id: 7,
        ..ServerOptions::default()
    })
    .await
    .unwrap();
    let uri = downstream.uri(User::Root);
    let (password, masked) = (User::Root.password(), uri.replace(User::Root.password(), "xxxxx"));
    let body = json!({"changefeed_id": "secret", "sink_uri": uri, "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    let feed = "/api/v2/changefeeds/secret";
    let created = api.call("POST", "/api/v2/changefeeds", &body.to_string()).await;
    assert_eq!(created.ok()["sink_uri"], masked);
    api.pause("secret").await;
    for answer in [
        created,
        api.get(feed).await,
        api.get(&format!("{feed}/meta_info")).await,
    ] {
        assert!(!answer.body.contains(password), "{answer:?}");
    }
    let uri = format!("{masked}?worker-count=2");
    let updated = api
        .call("PUT", feed, &json!({"sink_uri": uri}).to_string())
        .await
        .ok();
    assert_eq!(
        updated["sink_uri"], uri,
        "the password was kept, or the check of the sink had failed"
    );
    let elsewhere = masked.replace("root:", "other:");
    let message = api
        .call("PUT", feed, &json!({"sink_uri": elsewhere}).to_string())
        .await;
    let message = message.refusal(400, "CDC:ErrChangefeedUpdateRefused");
    assert!(
        message.contains("ErrSinkURIInvalid") && !message.contains(password),
        "{message}"
    );
    let shown: Value = api.get(feed).await.ok()["config"].clone();
    let body = json!({"replica_config": shown, "sink_uri": format!("{masked}?worker-count=3")});
    api.call("PUT", feed, &body.to_string()).await.ok();
    api.call("DELETE", feed, "").await.ok();
}
