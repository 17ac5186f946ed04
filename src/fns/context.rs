//! What the server functions work on: the replication service in the words of the pages.

use std::sync::Arc;

use leptos::prelude::*;
use tidegate_api::{
    ChangefeedDetail, ChangefeedLive, FilterPreview, FilterPreviewRequest, ResumeChangefeed, RunningError,
};
use tidegate_engine::ReplicationService;
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Ts};

use crate::fns::create::{CreateForm, Draft};
use crate::fns::data::{
    CaptureRow, Captures, FeedDetail, FeedList, FeedRow, FeedState, Point, Problem, RulePreview,
    TableVerdict, TaskRow, Vitals,
};
use crate::fns::drafts::Drafts;
use crate::fns::error::{ConsoleError, FieldError};
use crate::fns::live::Snapshot;
use crate::fns::request;
use crate::server::LogControl;

/// Tables shown in a preview; more are only counted.
const PREVIEW_TABLES_MAX: usize = 500;

/// The console's side of the server. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    service: Arc<ReplicationService>,
    log: LogControl,
    drafts: Arc<Drafts>,
}

/// The console of the request.
///
/// # Errors
/// When the server did not provide one.
pub fn console() -> Result<Console, ConsoleError> {
    use_context::<Console>().ok_or_else(|| {
        ConsoleError::from(&CdcError::new(
            ErrorCode::InternalServerError,
            "the console is not connected",
        ))
    })
}

/// Whether the request is a form that a browser sent without JavaScript: it wants a page as the answer.
pub fn is_plain_form() -> bool {
    use_context::<axum::http::request::Parts>().is_some_and(|parts| {
        let accepted = parts.headers.get(axum::http::header::ACCEPT);
        accepted.is_some_and(|accepted| accepted.to_str().is_ok_and(|text| text.contains("text/html")))
    })
}

impl Console {
    /// A console over a service.
    pub fn new(service: Arc<ReplicationService>, log: LogControl) -> Self {
        Console {
            service,
            log,
            drafts: Arc::new(Drafts::default()),
        }
    }

    /// Every changefeed of every namespace.
    pub async fn feed_list(&self) -> Result<FeedList, ConsoleError> {
        let live = self.service.live().borrow().clone();
        let mut feeds = Vec::with_capacity(live.changefeeds.len());
        for feed in &live.changefeeds {
            // One that was removed since the snapshot is simply not shown.
            if let Ok(detail) = self
                .service
                .get_changefeed(&ChangefeedId::new(&feed.namespace, &feed.id))
                .await
            {
                feeds.push(row(feed, &detail, live.unix_ms));
            }
        }
        feeds.sort_by_key(|row| (trouble(row.vitals.state), std::cmp::Reverse(row.vitals.lag_ms)));
        Ok(FeedList {
            now_ms: live.unix_ms,
            feeds,
        })
    }

    /// One changefeed; unknown ones answer 404.
    pub async fn feed_detail(&self, namespace: &str, id: &str) -> Result<FeedDetail, ConsoleError> {
        let id = ChangefeedId::new(namespace, id);
        let detail = self
            .service
            .get_changefeed(&id)
            .await
            .map_err(|error| not_found(&error))?;
        let live = self.service.live().borrow().clone();
        let feed = live
            .changefeeds
            .iter()
            .find(|feed| feed.namespace == *id.namespace && feed.id == *id.id);
        let fresh = ChangefeedLive {
            namespace: id.namespace.to_string(),
            id: id.id.to_string(),
            state: detail.state.clone(),
            checkpoint_ts: detail.checkpoint_ts,
            checkpoint_lag_ms: live
                .unix_ms
                .saturating_sub(Ts::from_u64(detail.checkpoint_ts).physical_ms()),
            ..ChangefeedLive::default()
        };
        let config = detail
            .config
            .as_ref()
            .and_then(|config| serde_json::to_string_pretty(config).ok());
        Ok(FeedDetail {
            now_ms: live.unix_ms,
            row: row(feed.unwrap_or(&fresh), &detail, live.unix_ms),
            start_ts: detail.start_ts,
            target_ts: Some(detail.target_ts).filter(|ts| *ts != 0),
            created: detail.create_time,
            creator_version: detail.creator_version,
            config_json: config.unwrap_or_default(),
            tasks: detail
                .task_status
                .into_iter()
                .map(|task| TaskRow {
                    capture: task.capture_id,
                    tables: task.table_ids.len(),
                })
                .collect(),
        })
    }

    /// Stops a changefeed.
    pub async fn pause(&self, namespace: &str, id: &str) -> Result<(), ConsoleError> {
        Ok(self
            .service
            .pause_changefeed(&ChangefeedId::new(namespace, id))
            .await?)
    }

    /// Lets a changefeed go on from its checkpoint.
    pub async fn resume(&self, namespace: &str, id: &str) -> Result<(), ConsoleError> {
        Ok(self
            .service
            .resume_changefeed(&ChangefeedId::new(namespace, id), ResumeChangefeed::default())
            .await?)
    }

    /// Removes a changefeed whose id was repeated.
    pub async fn remove(&self, namespace: &str, id: &str, confirm: &str) -> Result<(), ConsoleError> {
        if confirm.trim() != id {
            return Err(ConsoleError {
                code: String::new(),
                message: "The id does not match.".to_owned(),
                remedy: format!("Type {id} to remove it."),
                fields: vec![FieldError {
                    field: "confirm".to_owned(),
                    message: format!("Type {id}."),
                }],
            });
        }
        Ok(self
            .service
            .remove_changefeed(&ChangefeedId::new(namespace, id))
            .await?)
    }

    /// Server processes.
    pub async fn captures(&self) -> Result<Captures, ConsoleError> {
        let status = self.service.server_status().await?;
        let captures = self
            .service
            .captures()
            .await?
            .into_iter()
            .map(|capture| CaptureRow {
                id: capture.id,
                address: capture.address,
                is_owner: capture.is_owner,
                cluster_id: capture.cluster_id,
            });
        Ok(Captures {
            captures: captures.collect(),
            version: status.version,
            pid: status.pid.into(),
        })
    }

    /// The log level in force.
    pub fn log_level(&self) -> String {
        self.log.level().to_owned()
    }

    /// Changes the log level.
    pub fn set_log_level(&self, level: &str) -> Result<(), ConsoleError> {
        Ok(self.log.set_level(level)?)
    }

    /// A form that was refused without JavaScript.
    pub fn draft(&self, key: &str) -> Option<Draft> {
        self.drafts.read(key)
    }

    /// Creates the changefeed of a form, or looks at its tables; the answer is the address to go to. A plain form
    /// that is refused leads back to itself.
    pub async fn submit(&self, mut form: CreateForm, plain: bool) -> Result<String, ConsoleError> {
        self.drafts.unmask(&mut form);
        if form.intent == "preview" {
            let (error, preview) = match self.preview(&form.rules, form.case_sensitive).await {
                Ok(preview) => (None, Some(preview)),
                Err(error) => (Some(error), None),
            };
            return Ok(self.keep(form, error, preview));
        }
        match self.create(&form).await {
            Ok(address) => Ok(address),
            Err(error) if plain => Ok(self.keep(form, Some(error), None)),
            Err(error) => Err(error),
        }
    }

    /// What rules, one a line, select among the upstream's tables.
    pub async fn preview(&self, rules: &str, case_sensitive: bool) -> Result<RulePreview, ConsoleError> {
        let rules = request::rules(rules);
        let count = rules.len();
        let preview = self
            .service
            .preview_filter(FilterPreviewRequest {
                rules,
                case_sensitive,
            })
            .await;
        let preview = preview.map_err(|error| request::with_fields(&error))?;
        Ok(verdicts(preview, count))
    }

    async fn create(&self, form: &CreateForm) -> Result<String, ConsoleError> {
        let request = request::from_form(form)?;
        let created = self
            .service
            .create_changefeed(request)
            .await
            .map_err(|error| request::with_fields(&error))?;
        Ok(format!("/ui/changefeeds/{}/{}", created.namespace, created.id))
    }

    fn keep(&self, form: CreateForm, error: Option<ConsoleError>, preview: Option<RulePreview>) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let address = format!("/ui/changefeeds/new?draft={key}");
        self.drafts.keep(key, Draft { form, error, preview });
        address
    }
}

impl Snapshot {
    /// The part of the engine's figures that pages patch.
    pub fn of(live: &tidegate_api::LiveSnapshot) -> Self {
        let feeds = live
            .changefeeds
            .iter()
            .map(|feed| ((feed.namespace.clone(), feed.id.clone()), vitals(feed)));
        Snapshot {
            at_ms: live.unix_ms,
            feeds: feeds.collect(),
        }
    }
}

impl From<&CdcError> for ConsoleError {
    fn from(error: &CdcError) -> Self {
        let tagged = error.wire_message();
        let code = error.code().as_str();
        let message = tagged
            .strip_prefix(&format!("[{code}]"))
            .unwrap_or(&tagged)
            .to_owned();
        ConsoleError {
            code: code.to_owned(),
            message,
            remedy: error.code().remedy().to_owned(),
            fields: Vec::new(),
        }
    }
}

impl From<CdcError> for ConsoleError {
    fn from(error: CdcError) -> Self {
        ConsoleError::from(&error)
    }
}

fn not_found(error: &CdcError) -> ConsoleError {
    if error.code() == ErrorCode::ChangeFeedNotExists
        && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
    {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    ConsoleError::from(error)
}

/// Failed first, then what is being retried, then the rest.
fn trouble(state: FeedState) -> u8 {
    match state {
        FeedState::Failed => 0,
        FeedState::Warning => 1,
        FeedState::Normal => 2,
        FeedState::Stopped => 3,
        FeedState::Finished | FeedState::Removed => 4,
    }
}

fn row(feed: &ChangefeedLive, detail: &ChangefeedDetail, now_ms: u64) -> FeedRow {
    FeedRow {
        namespace: feed.namespace.clone(),
        id: feed.id.clone(),
        sink: detail.sink_uri.clone(),
        vitals: vitals(feed),
        points: points(feed, now_ms),
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "points of a chart"
)]
fn points(feed: &ChangefeedLive, now_ms: u64) -> Vec<Point> {
    let count = feed.lag_history.len().min(feed.rows_history.len());
    (0..count)
        .map(|i| Point {
            at_ms: now_ms.saturating_sub(1000 * (count - 1 - i) as u64),
            lag_ms: feed.lag_history[i] as f32,
            rows_per_s: feed.rows_history[i] as f32,
        })
        .collect()
}

fn vitals(feed: &ChangefeedLive) -> Vitals {
    let state = FeedState::from_wire(&feed.state);
    let troubled = matches!(state, FeedState::Warning | FeedState::Failed);
    Vitals {
        state,
        checkpoint_ts: feed.checkpoint_ts,
        resolved_ts: feed.resolved_ts,
        lag_ms: feed.checkpoint_lag_ms,
        resolved_lag_ms: (feed.resolved_ts != 0).then_some(feed.resolved_lag_ms),
        rows_per_s: feed.rows_per_second,
        bytes_per_s: feed.bytes_per_second,
        problem: feed.error.as_ref().filter(|_| troubled).map(problem),
        blocked: feed.reason.clone(),
    }
}

fn problem(error: &RunningError) -> Problem {
    let known = ErrorCode::ALL.iter().find(|code| code.as_str() == error.code);
    Problem {
        code: error.code.clone(),
        message: error.message.clone(),
        remedy: known.map(|code| code.remedy().to_owned()).unwrap_or_default(),
        time: error.time.clone(),
    }
}

fn verdicts(preview: FilterPreview, rule_count: usize) -> RulePreview {
    let total = preview.tables.len();
    let idle_rules = (0..rule_count)
        .filter(|i| !preview.tables.iter().any(|table| table.rule == Some(*i)))
        .map(|i| i + 1)
        .collect();
    let mut tables: Vec<TableVerdict> = preview
        .tables
        .into_iter()
        .map(|table| TableVerdict {
            accepted: table.accepted,
            rule: table.rule.map(|rule| rule + 1),
            note: match (&table.unsupported, table.accepted && !table.eligible) {
                (Some(why), _) => why.clone(),
                (None, true) => "no primary key or NOT NULL unique key".to_owned(),
                (None, false) => String::new(),
            },
            schema: table.schema,
            table: table.table,
        })
        .collect();
    let accepted = tables.iter().filter(|table| table.accepted).count();
    tables.sort_by_key(|table| !table.accepted);
    tables.truncate(PREVIEW_TABLES_MAX);
    RulePreview {
        total,
        accepted,
        idle_rules,
        tables,
    }
}
