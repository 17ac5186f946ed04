//! The bounds of numbers in the table of settings, at the API.

use serde_json::json;
use tidegate_api::{Rule, Setting, Support, settings};

use crate::server::api;

/// A body that sets one setting of a database or of files and nothing else.
fn body(setting: &Setting, value: i64) -> String {
    let sink_uri = if setting.path.starts_with("sink.mysql_config") {
        // Nobody listens there: the bound must be told first.
        "mysql://root@127.0.0.1:1/"
    } else {
        "file:///nowhere?protocol=csv"
    };
    let mut config = setting
        .path
        .rsplit('.')
        .fold(json!(value), |inner, name| json!({ name: inner }));
    config["filter"] = json!({"rules": ["keyed.*"]});
    let body = json!({
        "namespace": "bounds", "changefeed_id": "one", "sink_uri": sink_uri, "replica_config": config,
    });
    body.to_string()
}

/// What is below its bound is refused, before anybody connects, by a message that says which member and which bound.
#[tokio::test]
async fn a_number_below_its_bound_is_refused_by_name() {
    let api = api().await;
    let mut checked = 0;
    for setting in settings().filter(|setting| setting.support == Support::Built) {
        let (Rule::Cut(min, _) | Rule::Min(min)) = setting.rule else {
            continue;
        };
        let body = body(setting, min - 1);
        let answer = api.call("POST", "/api/v2/changefeeds", &body).await;
        let message = answer.refusal(400, setting.code.as_str());
        let name = setting.path.rsplit('.').next().unwrap();
        let names = [Some(name), setting.parameter];
        assert!(
            names.iter().flatten().any(|name| message.contains(name)),
            "{}: {message}",
            setting.path
        );
        assert!(message.contains(&min.to_string()), "{}: {message}", setting.path);
        checked += 1;
    }
    assert!(checked >= 7, "only {checked}");
}
