//! `changefeed update`.

use clap::Args;
use serde_json::{Value, json};
use tidegate_api::{ChangefeedDetail, ReplicaConfig, SinkUri};
use tidegate_model::{ErrorCode, Result, ResultExt};

use super::api::Api;
use super::create::{Delivery, report};
use super::{config_file, output, prompt};

#[derive(Args)]
pub(super) struct Update {
    /// Changefeed
    #[arg(short, long, value_name = "ID")]
    changefeed_id: String,
    #[command(flatten)]
    delivery: Delivery,
}

/// Reads the stored settings, lays file and flags over them, shows what changes, asks, and sends the whole.
pub(super) fn run(api: &Api, arguments: &Update) -> Result<()> {
    let delivery = &arguments.delivery;
    let query = [("namespace", delivery.namespace.as_str())];
    let path = ["changefeeds", arguments.changefeed_id.as_str()];
    let stored: ChangefeedDetail = api.get(&path, &query)?;
    let before = stored.config.clone().unwrap_or_default();
    let after = delivery.config_over(&before)?;
    let mut body = json!({ "replica_config": after });
    if let Some(uri) = &delivery.sink_uri {
        body["sink_uri"] = json!(uri);
    }
    if delivery.target_ts != 0 {
        body["target_ts"] = json!(delivery.target_ts);
    }
    let changes = changes(&stored, &before, &after, delivery)?;
    if changes.is_empty() {
        output::text("changefeed config is the same with the old one, do nothing");
        return Ok(());
    }
    for change in &changes {
        output::text(change);
    }
    prompt::confirm("Apply these changes?", delivery.no_confirm)?;
    let updated: ChangefeedDetail = api.put(&path, &query, &body)?;
    report("Update changefeed config successfully!", &updated)
}

/// What differs, one line each, without secrets. A sink URI that is given counts as a change: the stored one is only
/// known masked.
fn changes(
    stored: &ChangefeedDetail,
    before: &ReplicaConfig,
    after: &ReplicaConfig,
    delivery: &Delivery,
) -> Result<Vec<String>> {
    let value = |config: &ReplicaConfig| -> Result<Value> {
        serde_json::to_value(config.masked())
            .code(ErrorCode::InternalServerError, "cannot encode the settings")
    };
    let mut changes = config_file::differences(&value(before)?, &value(after)?);
    if let Some(uri) = &delivery.sink_uri {
        changes.push(format!(
            "sink_uri: {} -> {}",
            stored.sink_uri,
            SinkUri::parse(uri)?.masked()
        ));
    }
    if delivery.target_ts != 0 && delivery.target_ts != stored.target_ts {
        changes.push(format!(
            "target_ts: {} -> {}",
            stored.target_ts, delivery.target_ts
        ));
    }
    Ok(changes)
}
