//! `changefeed`: list, query, pause, resume, remove, statistics.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tidegate_api::{ChangefeedDetail, ChangefeedSummary, Empty, List};
use tidegate_model::{CdcError, ErrorCode, Result, Ts};

use super::api::Api;
use super::create::{self, Create};
use super::update::{self, Update};
use super::{Form, output, prompt};

/// A start point this old makes people think twice.
pub(super) const OLD: Duration = Duration::from_secs(24 * 3600);

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a changefeed and start it.
    Create(Box<Create>),
    /// Change a changefeed that is stopped or failed.
    Update(Box<Update>),
    /// List the changefeeds of a namespace.
    List(ListArguments),
    /// Show one changefeed.
    Query(Query),
    /// Stop one. It goes on from its checkpoint when it is resumed.
    Pause(Target),
    /// Start one that is stopped, failed or finished.
    Resume(Resume),
    /// Remove one. What it wrote stays.
    Remove(Target),
    /// Print how far a changefeed is, again and again.
    Statistics(Statistics),
}

/// Which changefeed.
#[derive(Args)]
pub(super) struct Target {
    /// Changefeed
    #[arg(short, long, value_name = "ID")]
    pub(super) changefeed_id: String,
    /// Namespace
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    pub(super) namespace: String,
}

impl Target {
    pub(super) fn query(&self) -> [(&str, &str); 1] {
        [("namespace", &self.namespace)]
    }

    pub(super) fn detail(&self, api: &Api) -> Result<ChangefeedDetail> {
        api.get(&["changefeeds", &self.changefeed_id], &self.query())
    }
}

#[derive(Args)]
pub(super) struct ListArguments {
    /// Namespace
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    namespace: String,
    /// Those that are finished or removed too
    #[arg(short, long)]
    all: bool,
}

#[derive(Args)]
pub(super) struct Query {
    #[command(flatten)]
    target: Target,
    /// State and checkpoint only, as in the list
    #[arg(short, long)]
    simple: bool,
}

#[derive(Args)]
pub(super) struct Resume {
    #[command(flatten)]
    target: Target,
    /// Go on from this TSO, or from `now`, instead of the checkpoint. Rows in between are not replicated, or again
    #[arg(long, value_name = "TSO")]
    overwrite_checkpoint_ts: Option<String>,
    /// Do not ask
    #[arg(long)]
    no_confirm: bool,
}

#[derive(Args)]
pub(super) struct Statistics {
    #[command(flatten)]
    target: Target,
    /// Seconds between two lines
    #[arg(short = 'I', long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    /// End after so many lines; 0: go on
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    count: u64,
}

pub(super) fn run(api: &Api, command: Command, form: Form) -> Result<()> {
    match command {
        Command::Create(arguments) => create::run(api, &arguments),
        Command::Update(arguments) => update::run(api, &arguments),
        Command::List(arguments) => list(api, &arguments, form),
        Command::Query(query) if query.simple => query_simple(api, &query.target, form),
        Command::Query(query) => query_detail(api, &query.target, form),
        Command::Pause(target) => {
            let path = ["changefeeds", &target.changefeed_id, "pause"];
            let _: Empty = api.post(&path, &target.query(), None::<&()>)?;
            Ok(())
        }
        Command::Resume(arguments) => resume(api, &arguments),
        Command::Remove(target) => remove(api, &target),
        Command::Statistics(arguments) => statistics(api, &arguments),
    }
}

fn summaries(api: &Api, namespace: &str) -> Result<Vec<ChangefeedSummary>> {
    let list: List<ChangefeedSummary> =
        api.get(&["changefeeds"], &[("namespace", namespace), ("state", "all")])?;
    Ok(list.items)
}

fn list(api: &Api, arguments: &ListArguments, form: Form) -> Result<()> {
    let mut summaries = summaries(api, &arguments.namespace)?;
    summaries.retain(|item| arguments.all || !matches!(item.state.as_str(), "finished" | "removed"));
    match form {
        Form::Json => output::json(&summaries.iter().map(list_item).collect::<Vec<_>>()),
        Form::Table => {
            print_table(summaries);
            Ok(())
        }
    }
}

fn query_simple(api: &Api, target: &Target, form: Form) -> Result<()> {
    let mut summaries = summaries(api, &target.namespace)?;
    summaries.retain(|item| item.id == target.changefeed_id);
    match (summaries.first(), form) {
        (None, _) => Err(CdcError::new(
            ErrorCode::ChangeFeedNotExists,
            format_args!("changefeed not exists, {}", target.changefeed_id),
        )),
        (Some(item), Form::Json) => output::json(&list_item(item)),
        (Some(_), Form::Table) => {
            print_table(summaries);
            Ok(())
        }
    }
}

fn list_item(item: &ChangefeedSummary) -> Value {
    json!({
        "id": item.id,
        "namespace": item.namespace,
        "summary": {
            "state": item.state,
            "tso": item.checkpoint_tso,
            "checkpoint": item.checkpoint_time,
            "error": if item.state == "normal" { None } else { item.error.as_ref() },
        },
    })
}

fn print_table(summaries: Vec<ChangefeedSummary>) {
    let rows: Vec<_> = summaries
        .into_iter()
        .map(|item| {
            let error = item.error.map(|error| error.message).unwrap_or_default();
            [item.id, item.state, item.checkpoint_time, error]
        })
        .collect();
    output::table(["ID", "STATE", "CHECKPOINT", "ERROR"], &rows);
}

fn query_detail(api: &Api, target: &Target, form: Form) -> Result<()> {
    let detail = target.detail(api)?;
    match form {
        Form::Json => output::json(&json!({
            "upstream_id": detail.upstream_id,
            "namespace": detail.namespace,
            "id": detail.id,
            "sink_uri": detail.sink_uri,
            "config": detail.config,
            "create_time": detail.create_time,
            "start_ts": detail.start_ts,
            "resolved_ts": detail.resolved_ts,
            "target_ts": detail.target_ts,
            "checkpoint_tso": detail.checkpoint_ts,
            "checkpoint_time": detail.checkpoint_time,
            "state": detail.state,
            "error": detail.error,
            "creator_version": detail.creator_version,
            "task_status": detail.task_status,
        })),
        Form::Table => {
            let error = detail.error.map(|error| error.message).unwrap_or_default();
            let rows = [
                ("id", detail.id),
                ("namespace", detail.namespace),
                ("state", detail.state),
                ("sink", detail.sink_uri),
                ("created", detail.create_time),
                ("start-ts", detail.start_ts.to_string()),
                ("target-ts", detail.target_ts.to_string()),
                ("checkpoint-ts", detail.checkpoint_ts.to_string()),
                ("checkpoint", detail.checkpoint_time),
                ("resolved-ts", detail.resolved_ts.to_string()),
                ("error", error),
            ];
            let rows = rows.map(|(name, value)| [name.to_owned(), value]);
            output::table(["MEMBER", "VALUE"], &rows);
            Ok(())
        }
    }
}

fn resume(api: &Api, arguments: &Resume) -> Result<()> {
    let detail = arguments.target.detail(api)?;
    let now = api.tso(detail.upstream_id)?;
    let overwrite = arguments
        .overwrite_checkpoint_ts
        .as_deref()
        .map(|text| overwrite_ts(text, now))
        .transpose()?;
    let from = overwrite.unwrap_or(Ts::from_u64(detail.checkpoint_ts));
    if overwrite.is_some() {
        let question = format!(
            "The checkpoint {} is replaced by {from}: rows in between are skipped or replicated again. Go on?",
            detail.checkpoint_ts
        );
        prompt::confirm(&question, arguments.no_confirm)?;
    }
    confirm_age(from, now, arguments.no_confirm)?;
    let body = json!({ "overwrite_checkpoint_ts": overwrite.map_or(0, Ts::as_u64) });
    let path = ["changefeeds", &arguments.target.changefeed_id, "resume"];
    let _: Empty = api.post(&path, &arguments.target.query(), Some(&body))?;
    Ok(())
}

fn overwrite_ts(text: &str, now: Ts) -> Result<Ts> {
    if text == "now" {
        return Ok(now);
    }
    let ts = text.parse().ok().filter(|ts| *ts != 0).map(Ts::from_u64);
    let ts = ts.ok_or_else(|| {
        CdcError::new(
            ErrorCode::CliInvalidCheckpointTs,
            format_args!("invalid overwrite-checkpoint-ts {text:?}"),
        )
    })?;
    if ts > now {
        return Err(CdcError::new(
            ErrorCode::CliCheckpointTsIsInFuture,
            format_args!("the overwrite-checkpoint-ts {ts} must be smaller than the current TSO {now}"),
        ));
    }
    Ok(ts)
}

/// Asks before a start point that means much to catch up.
pub(super) fn confirm_age(from: Ts, now: Ts, no_confirm: bool) -> Result<()> {
    let age = Duration::from_millis(now.physical_ms().saturating_sub(from.physical_ms()));
    if age <= OLD {
        return Ok(());
    }
    let question = format!(
        "Replication starts {} h in the past: the upstream must have kept its log, and catching up takes a while. Go on?",
        age.as_secs() / 3600
    );
    prompt::confirm(&question, no_confirm)
}

fn remove(api: &Api, target: &Target) -> Result<()> {
    let detail = match target.detail(api) {
        Err(error) if error.code() == ErrorCode::ChangeFeedNotExists => {
            output::text("Changefeed not found.");
            output::text(&format!("ID: {}", target.changefeed_id));
            return Ok(());
        }
        answer => answer?,
    };
    let path = ["changefeeds", &target.changefeed_id];
    let _: Empty = api.delete(&path, &target.query(), None::<&()>)?;
    match target.detail(api) {
        Err(error) if error.code() == ErrorCode::ChangeFeedNotExists => {}
        Err(error) => return Err(error),
        Ok(_) => {
            return Err(CdcError::new(
                ErrorCode::MetaOpFailed,
                "the changefeed is still there: somebody created it again, or the server is busy",
            ));
        }
    }
    output::text("Changefeed remove successfully.");
    output::text(&format!("ID: {}", target.changefeed_id));
    output::text(&format!("CheckpointTs: {}", detail.checkpoint_ts));
    output::text(&format!("SinkURI: {}", detail.sink_uri));
    Ok(())
}

fn statistics(api: &Api, arguments: &Statistics) -> Result<()> {
    let mut printed = 0;
    loop {
        let detail = arguments.target.detail(api)?;
        let now = api.tso(detail.upstream_id)?;
        let checkpoint_ms = Ts::from_u64(detail.checkpoint_ts).physical_ms();
        let resolved_ms = Ts::from_u64(detail.resolved_ts).physical_ms();
        output::json(&json!({
            "sink_gap": format!("{}ms", resolved_ms.saturating_sub(checkpoint_ms)),
            "replication_gap": format!("{}ms", now.physical_ms().saturating_sub(checkpoint_ms)),
        }))?;
        printed += 1;
        if printed == arguments.count {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(arguments.interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_to_overwrite_with_is_now_or_earlier() {
        let now = Ts::from_physical_ms(1_700_000_000_000);
        assert_eq!(overwrite_ts("now", now).unwrap(), now);
        assert_eq!(overwrite_ts("400000", now).unwrap(), Ts::from_u64(400_000));
        let code = |text: &str| overwrite_ts(text, now).unwrap_err().code();
        for bad in ["", "0", "-1", "yesterday", "1.5", "18446744073709551616"] {
            assert_eq!(code(bad), ErrorCode::CliInvalidCheckpointTs, "{bad}");
        }
        assert_eq!(
            code(&(now.as_u64() + 1).to_string()),
            ErrorCode::CliCheckpointTsIsInFuture
        );
    }
}
