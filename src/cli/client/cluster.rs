//! Captures, processors, the clock, and the commands for repairs.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tidegate_api::{Capture, ChangefeedDetail, Empty, List, Processor, ProcessorDetail};
use tidegate_model::Result;

use super::api::Api;
use super::{Form, output, prompt};

#[derive(Subcommand)]
pub(super) enum CaptureCommand {
    /// List the servers.
    List,
}

#[derive(Subcommand)]
pub(super) enum ProcessorCommand {
    /// List the pipelines.
    List,
    /// Show the tables of a pipeline and how far it is.
    Query(ProcessorQuery),
}

#[derive(Args)]
pub(super) struct ProcessorQuery {
    /// Changefeed
    #[arg(short, long, value_name = "ID")]
    changefeed_id: String,
    /// Server, as `capture list` shows it
    #[arg(short = 'p', long, value_name = "ID")]
    capture_id: String,
    /// Namespace
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    namespace: String,
}

#[derive(Subcommand)]
pub(super) enum TsoCommand {
    /// Print the upstream's present as a TSO: everything committed later has a greater one.
    Query,
}

#[derive(Subcommand)]
pub(super) enum UnsafeCommand {
    /// Print every key and value of the metadata.
    ShowMetadata(Confirmation),
    /// Remove what keeps the upstream from collecting garbage.
    DeleteServiceGcSafepoint(Confirmation),
    /// Resolve locks of a region.
    ResolveLock(ResolveLock),
}

#[derive(Args)]
pub(super) struct Confirmation {
    /// Do not ask
    #[arg(long)]
    no_confirm: bool,
}

#[derive(Args)]
pub(super) struct ResolveLock {
    /// Region
    #[arg(long, value_name = "ID")]
    region: u64,
    /// Locks up to this TSO [default: a minute ago]
    #[arg(long, value_name = "TSO", default_value_t = 0, hide_default_value = true)]
    ts: u64,
}

pub(super) fn capture(api: &Api, command: &CaptureCommand, form: Form) -> Result<()> {
    let CaptureCommand::List = command;
    let captures: List<Capture> = api.get(&["captures"], &[])?;
    match form {
        Form::Json => {
            let items = captures.items.iter().map(|capture| {
                json!({
                    "id": capture.id,
                    "is-owner": capture.is_owner,
                    "address": capture.address,
                    "cluster-id": capture.cluster_id,
                })
            });
            output::json(&items.collect::<Vec<_>>())
        }
        Form::Table => {
            let rows: Vec<_> = captures
                .items
                .into_iter()
                .map(|capture| {
                    [
                        capture.id,
                        capture.address,
                        capture.is_owner.to_string(),
                        capture.cluster_id,
                    ]
                })
                .collect();
            output::table(["ID", "ADDRESS", "OWNER", "CLUSTER"], &rows);
            Ok(())
        }
    }
}

pub(super) fn processor(api: &Api, command: ProcessorCommand, form: Form) -> Result<()> {
    match command {
        ProcessorCommand::List => processor_list(api, form),
        ProcessorCommand::Query(query) => processor_query(api, &query, form),
    }
}

fn processor_list(api: &Api, form: Form) -> Result<()> {
    let processors: List<Processor> = api.get(&["processors"], &[])?;
    match form {
        Form::Json => output::json(&processors.items),
        Form::Table => {
            let rows: Vec<_> = processors
                .items
                .into_iter()
                .map(|processor| [processor.changefeed_id, processor.namespace, processor.capture_id])
                .collect();
            output::table(["CHANGEFEED", "NAMESPACE", "CAPTURE"], &rows);
            Ok(())
        }
    }
}

fn processor_query(api: &Api, query: &ProcessorQuery, form: Form) -> Result<()> {
    let namespace = [("namespace", query.namespace.as_str())];
    let processor: ProcessorDetail = api.get(
        &["processors", &query.changefeed_id, &query.capture_id],
        &namespace,
    )?;
    let detail: ChangefeedDetail = api.get(&["changefeeds", &query.changefeed_id], &namespace)?;
    let tables = processor.table_ids.unwrap_or_default();
    match form {
        Form::Json => {
            let tables: BTreeMap<String, Value> = tables
                .iter()
                .map(|table| (table.to_string(), json!({ "start-ts": detail.start_ts })))
                .collect();
            output::json(&json!({
                "status": { "tables": tables },
                "position": { "checkpoint-ts": detail.checkpoint_ts, "resolved-ts": detail.resolved_ts },
            }))
        }
        Form::Table => {
            let rows: Vec<_> = tables.iter().map(|table| [table.to_string()]).collect();
            output::table(["TABLE ID"], &rows);
            Ok(())
        }
    }
}

pub(super) fn tso(api: &Api, command: &TsoCommand) -> Result<()> {
    let TsoCommand::Query = command;
    output::text(&api.tso(0)?.to_string());
    Ok(())
}

pub(super) fn unsafe_command(api: &Api, command: UnsafeCommand) -> Result<()> {
    match command {
        UnsafeCommand::ShowMetadata(confirmation) => {
            prompt::confirm("Show the metadata?", confirmation.no_confirm)?;
            output::json(&api.get::<Value>(&["unsafe", "metadata"], &[])?)
        }
        UnsafeCommand::DeleteServiceGcSafepoint(confirmation) => {
            prompt::confirm(
                "Without it the upstream may purge what changefeeds still need. Delete it?",
                confirmation.no_confirm,
            )?;
            let _: Empty = api.delete(&["unsafe", "service_gc_safepoint"], &[], Some(&json!({})))?;
            output::text("CDC service GC safepoint truncated in PD!");
            Ok(())
        }
        UnsafeCommand::ResolveLock(lock) => {
            let ts = match lock.ts {
                0 => api.tso(0)?.as_u64().saturating_sub(60_000 << 18),
                ts => ts,
            };
            let body = json!({ "region_id": lock.region, "ts": ts });
            let _: Empty = api.post(&["unsafe", "resolve_lock"], &[], Some(&body))?;
            output::text("resolve region successfully");
            Ok(())
        }
    }
}
