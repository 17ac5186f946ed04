//! A configuration of the past as a form.

use serde_json::json;
use tidegate_model::ChangefeedId;

use super::text::{from_body, is_secret};
use crate::fns::create::CreateForm;
use crate::fns::history::Past;

/// The form of a changefeed that exists, filled in as a version says.
pub(crate) fn restored(now: &CreateForm, Past(version): &Past) -> CreateForm {
    let body = json!({
        "namespace": now.namespace,
        "changefeed_id": now.id,
        "sink_uri": version.sink_uri,
        "target_ts": version.target_ts,
        "replica_config": version.config,
    });
    let mut form = from_body(&body, now);
    // What the API adds to a config that it shows.
    form.unknown.clear();
    form
}

/// The form that makes a removed changefeed again, from where it had got to.
pub(crate) fn recreated(id: &ChangefeedId, Past(version): &Past) -> CreateForm {
    let start_ts = version.checkpoint_ts.max(version.start_ts);
    let body = json!({
        "namespace": id.namespace.as_ref(),
        "changefeed_id": id.id.as_ref(),
        "sink_uri": version.sink_uri,
        "start_ts": start_ts,
        "target_ts": version.target_ts,
        "replica_config": version.config,
    });
    let mut form = from_body(&body, &CreateForm::default());
    form.unknown.clear();
    form.set.retain(|path, _| !is_secret(path));
    form
}

#[cfg(test)]
mod tests {
    use tidegate_api::ConfigVersion;

    use super::*;

    fn past() -> Past {
        Past(ConfigVersion {
            sink_uri: "mysql://u:xxxxx@h:1/".to_owned(),
            start_ts: 439_749_918_821_711_870,
            checkpoint_ts: 439_749_918_821_711_875,
            config: json!({
                "memory_quota": 77, "filter": {"rules": ["a.*"]},
                "sink": {"kafka_config": {"sasl_password": "******"}},
            }),
            ..ConfigVersion::default()
        })
    }

    #[test]
    fn a_removed_changefeed_starts_where_it_had_got_to_and_asks_for_its_secrets() {
        let form = recreated(&ChangefeedId::new("ns", "orders"), &past());
        assert_eq!((form.namespace.as_str(), form.id.as_str()), ("ns", "orders"));
        assert_eq!(
            (form.start.as_str(), form.start_tso.as_str()),
            ("tso", "439749918821711875")
        );
        assert_eq!(
            (form.rules.as_str(), form.set.len()),
            ("a.*", 1),
            "{:?}",
            form.set
        );
        let refused = super::super::request(&form).unwrap_err();
        assert!(refused.of_field("sink_uri").is_some(), "{refused:?}");
    }

    #[test]
    fn a_version_is_filled_in_over_what_holds() {
        let now = CreateForm {
            edit: "default/orders".to_owned(),
            base: "{}".to_owned(),
            namespace: "default".to_owned(),
            id: "orders".to_owned(),
            set: [("memory_quota".to_owned(), "5".to_owned())].into(),
            ..CreateForm::default()
        };
        let form = restored(&now, &past());
        assert_eq!((form.edit.as_str(), form.base.as_str()), ("default/orders", "{}"));
        assert_eq!(
            (form.set["memory_quota"].as_str(), form.rules.as_str()),
            ("77", "a.*")
        );
    }
}
