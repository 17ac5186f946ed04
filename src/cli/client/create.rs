//! `changefeed create`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tidegate_api::{ChangefeedDetail, ReplicaConfig, VerifyTableResult};
use tidegate_model::{ErrorCode, Result, Ts};

use super::api::{Api, invalid};
use super::changefeed::confirm_age;
use super::{config_file, output, prompt};

/// Tables without a key that are named.
const NAMED_MAX: usize = 20;

/// Where to and how, for create and update alike.
#[derive(Args)]
pub(super) struct Delivery {
    /// Where to deliver: mysql://user:password@host:port/, file:///directory?protocol=csv, ... Prefer the environment
    /// variable for a URI with a password: arguments are visible to other users of the machine
    #[arg(long, env = "TIDEGATE_SINK_URI", hide_env_values = true, value_name = "URI")]
    pub(super) sink_uri: Option<String>,
    /// TOML file with the settings of the changefeed
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Namespace
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    pub(super) namespace: String,
    /// Stop at this TSO
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "TSO")]
    pub(super) target_ts: u64,
    /// Schema registry of the Avro protocol
    #[arg(long, value_name = "URI")]
    pub(super) schema_registry: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(super) no_confirm: bool,
    /// Of the original, without a meaning since its version 6
    #[arg(long, hide = true)]
    sort_engine: Option<String>,
    /// Of the original, without a meaning since its version 6
    #[arg(long, hide = true)]
    sort_dir: Option<String>,
}

impl Delivery {
    /// `base` with what file and flags say.
    ///
    /// # Errors
    /// `APIInvalidParam` that names the flag, or file and member.
    pub(super) fn config_over(&self, base: &ReplicaConfig) -> Result<ReplicaConfig> {
        for (name, value) in [("sort-engine", &self.sort_engine), ("sort-dir", &self.sort_dir)] {
            if value.is_some() {
                return Err(invalid(&format!(
                    "--{name} has no meaning any more: leave it out"
                )));
            }
        }
        let mut config = match &self.config {
            None => base.clone(),
            Some(path) => config_file::read(path)?.apply(base)?,
        };
        if let Some(registry) = &self.schema_registry {
            config.sink.schema_registry = Some(registry.clone());
        }
        Ok(config)
    }
}

#[derive(Args)]
pub(super) struct Create {
    /// Name of the changefeed; without one the server makes one up
    #[arg(short, long, value_name = "ID")]
    changefeed_id: Option<String>,
    /// Replicate what was committed after this TSO; 0: from now on
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "TSO")]
    start_ts: u64,
    /// Do not check the checkpoint against the upstream's retention whenever the changefeed starts
    #[arg(long)]
    disable_gc_check: bool,
    #[command(flatten)]
    delivery: Delivery,
}

/// Asks the clock, has the tables checked, asks about those without a key, creates.
pub(super) fn run(api: &Api, arguments: &Create) -> Result<()> {
    let delivery = &arguments.delivery;
    let sink_uri = delivery
        .sink_uri
        .as_deref()
        .ok_or_else(|| invalid("--sink-uri is required"))?;
    let mut config = delivery.config_over(&ReplicaConfig::default())?;
    if arguments.disable_gc_check {
        config.check_gc_safe_point = false;
    }
    let now = api.tso(0)?;
    let start_ts = match arguments.start_ts {
        0 => now,
        given => Ts::from_u64(given),
    };
    confirm_age(start_ts, now, delivery.no_confirm)?;
    let tables = verify(api, sink_uri, start_ts, &config)?;
    confirm_ineligible(&tables, &mut config, delivery.no_confirm)?;
    let created: ChangefeedDetail = api.post(
        &["changefeeds"],
        &[],
        Some(&json!({
            "namespace": delivery.namespace,
            "changefeed_id": arguments.changefeed_id.as_deref().unwrap_or_default(),
            "sink_uri": sink_uri,
            "start_ts": start_ts.as_u64(),
            "target_ts": delivery.target_ts,
            "replica_config": config,
        })),
    )?;
    report("Create changefeed successfully!", &created)
}

/// Head, id and the whole answer, as the original prints them.
pub(super) fn report(head: &str, detail: &ChangefeedDetail) -> Result<()> {
    output::text(head);
    output::text(&format!("ID: {}", detail.id));
    output::text(&format!("Info: {}", super::api::compact(detail)?));
    Ok(())
}

fn verify(api: &Api, sink_uri: &str, start_ts: Ts, config: &ReplicaConfig) -> Result<VerifyTableResult> {
    let body = json!({
        "sink_uri": sink_uri,
        "start_ts": start_ts.as_u64(),
        "replica_config": config,
    });
    let answer = api.post(&["verify_table"], &[], Some(&body));
    if let Err(error) = &answer
        && error.code() == ErrorCode::InvalidIgnoreEventType
    {
        let names = tidegate_filter::event_names().collect::<Vec<_>>().join(", ");
        prompt::say(&format!("Event types that can be ignored: {names}"));
    }
    answer
}

fn confirm_ineligible(
    tables: &VerifyTableResult,
    config: &mut ReplicaConfig,
    no_confirm: bool,
) -> Result<()> {
    if tables.ineligible_tables.is_empty() {
        config.ignore_ineligible_table |= no_confirm;
        return Ok(());
    }
    let names: Vec<String> = tables
        .ineligible_tables
        .iter()
        .take(NAMED_MAX)
        .map(|table| format!("{}.{}", table.database_name, table.table_name))
        .collect();
    let more = tables.ineligible_tables.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let what = if config.force_replicate {
        "Rows without a key may be written twice after a restart"
    } else {
        "They are left out"
    };
    let question = format!(
        "Tables without a primary or unique key: {}{more}. {what}. Go on?",
        names.join(", ")
    );
    prompt::confirm(&question, no_confirm || config.ignore_ineligible_table)?;
    config.ignore_ineligible_table = true;
    Ok(())
}
