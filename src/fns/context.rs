//! What the server functions work on: the replication service in the words of the pages.

use std::sync::Arc;
use std::time::Instant;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use leptos::prelude::*;
use tidegate_api::{FilterPreviewRequest, FilterPreviewTable, ResumeChangefeed};
use tidegate_engine::ReplicationService;
use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, SystemClock};

use crate::app;
use crate::fns::catalogue::Catalogue;
use crate::fns::create::{CreateForm, Draft};
use crate::fns::data::{CaptureRow, Captures, FeedDetail, FeedPage, FeedState, Overview, RulePreview};
use crate::fns::drafts::Drafts;
use crate::fns::error::{ConsoleError, FieldError};
use crate::fns::list::{Feeds, Wanted};
use crate::fns::log::{LevelNow, LogPage};
use crate::fns::query::Query;
use crate::fns::{form, view};
use crate::server::LogControl;
use crate::server::log::{DEBUG_TIME, filter as log_filter};

/// Lines of the log on its page, before more come.
const LOG_LINES: usize = 300;

/// The console's side of the server. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    service: Arc<ReplicationService>,
    log: LogControl,
    drafts: Arc<Drafts>,
    catalogue: Arc<Catalogue>,
    started: Instant,
}

/// The console of the request, for pages and server functions alike.
///
/// # Errors
/// `ServerIsNotReady` until the changefeeds are loaded: a list without them would look like an empty server. An error
/// too when the server did not provide a console.
pub fn console() -> Result<Console, ConsoleError> {
    let Some(console) = use_context::<Console>() else {
        let error = CdcError::new(ErrorCode::InternalServerError, "the console is not connected");
        return answer(Err(error.into()));
    };
    if console.service.is_ready() {
        return Ok(console);
    }
    let error = CdcError::new(ErrorCode::ServerIsNotReady, "the server is not ready");
    answer(Err(error.into()))
}

/// Whether the request is a form that a browser sent without JavaScript: it wants a page as the answer.
pub fn is_plain_form() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        let accepted = parts.headers.get(header::ACCEPT);
        accepted.is_some_and(|accepted| accepted.to_str().is_ok_and(|text| text.contains("text/html")))
    })
}

/// Gives the answer the status of its error, for pages and for server functions alike. A form without JavaScript is
/// led back to its page instead: a status would hide the redirect.
pub fn answer<T>(result: Result<T, ConsoleError>) -> Result<T, ConsoleError> {
    let is_post = use_context::<Parts>().is_some_and(|parts| parts.method == Method::POST);
    if let Err(error) = &result
        && !(is_post && is_plain_form())
        && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
    {
        response.set_status(status_of(&error.code));
    }
    result
}

/// 404 for what does not exist, the code's own status otherwise; faults of a form have no code.
fn status_of(code: &str) -> StatusCode {
    match ErrorCode::ALL.iter().find(|known| known.as_str() == code) {
        Some(ErrorCode::ChangeFeedNotExists) => StatusCode::NOT_FOUND,
        Some(known) => StatusCode::from_u16(known.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        None => StatusCode::BAD_REQUEST,
    }
}

impl Console {
    /// A console over a service.
    pub fn new(service: Arc<ReplicationService>, log: LogControl) -> Self {
        Console {
            service,
            log,
            drafts: Arc::new(Drafts::default()),
            catalogue: Arc::new(Catalogue::default()),
            started: Instant::now(),
        }
    }

    /// The engine.
    pub(crate) fn service(&self) -> &ReplicationService {
        &self.service
    }

    /// The tables of the upstream, a few seconds old at most.
    ///
    /// # Errors
    /// Those of the upstream.
    pub(crate) async fn tables(&self) -> Result<Arc<[FilterPreviewTable]>, ConsoleError> {
        Ok(self.catalogue.tables(&self.service).await?)
    }

    /// One page of the changefeeds of every namespace.
    pub fn feed_page(&self, states: &str, text: &str, page: usize) -> FeedPage {
        self.feeds(|feeds| feeds.page(&Wanted::new(states, text, page)))
    }

    /// What deserves a look.
    pub fn overview(&self) -> Overview {
        self.feeds(|feeds| feeds.overview(self.service.is_upstream_connected()))
    }

    fn feeds<T>(&self, answer: impl FnOnce(Feeds<'_>) -> T) -> T {
        let snapshot = self.service.live().borrow().clone();
        let briefs = self.service.changefeed_briefs();
        answer(Feeds::new(&briefs, &snapshot, SystemClock.unix_ms()))
    }

    /// One changefeed.
    pub async fn feed_detail(&self, namespace: &str, id: &str) -> Result<FeedDetail, ConsoleError> {
        let id = ChangefeedId::new(namespace, id);
        let detail = self.service.get_changefeed(&id).await?;
        let live = self.service.live().borrow().clone();
        Ok(view::detail(&detail, &live, SystemClock.unix_ms()))
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
                message: "The text typed is not the id: nothing was removed.".to_owned(),
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
        let live = self.service.live().borrow().clone();
        let running = live
            .changefeeds
            .iter()
            .filter(|feed| FeedState::from_wire(&feed.state).is_running());
        let load = running.fold((0, 0, (0, 0)), |(feeds, tables, (used, quota)), feed| {
            let memory = (used + feed.memory_used_bytes, quota + feed.memory_quota_bytes);
            (feeds + 1, tables + feed.tables, memory)
        });
        let uptime_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let row = |capture: tidegate_api::Capture| CaptureRow {
            version: status.version.clone(),
            is_alive: status.liveness == 0,
            uptime: app::format::duration(uptime_ms),
            changefeeds: load.0,
            tables: load.1,
            memory: format!(
                "{} of {}",
                app::format::bytes(load.2.0 as f64),
                app::format::bytes(load.2.1 as f64)
            ),
            id: capture.id,
            address: capture.address,
            is_owner: capture.is_owner,
            cluster_id: capture.cluster_id,
        };
        let captures = self.service.captures().await?;
        let running = self.service.processors().await?;
        Ok(Captures {
            processors: app::processors::table(&captures, &running, &live),
            captures: captures.into_iter().map(row).collect(),
            pid: status.pid,
        })
    }

    /// The log level in force.
    pub fn log_level(&self) -> LevelNow {
        let back = self.log.back();
        LevelNow {
            level: self.log.level().to_owned(),
            back: back.map(|(word, at_ms)| (word.to_owned(), at_ms)),
        }
    }

    /// Changes the log level; `back`: for ten minutes only.
    pub fn set_log_level(&self, level: &str, back: bool) -> Result<(), ConsoleError> {
        match back {
            true => self.log.set_level_for(level, DEBUG_TIME)?,
            false => self.log.set_level(level)?,
        }
        Ok(())
    }

    /// The newest lines of the log, as the query of an address asks for them.
    pub fn log_page(&self, query: &str) -> Result<LogPage, ConsoleError> {
        let query = Query::parse(query)?;
        let filter = log_filter(&query);
        let tail = self.log.ring().last(&filter, LOG_LINES);
        let wraps = query.get("wrap") != "off";
        let wrap_address = query.with("wrap", if wraps { "off" } else { "" });
        let lines = query.with("wrap", "");
        Ok(LogPage {
            fields: app::log::page::fields(&query),
            lines: app::log::lines::lines(&tail, &filter),
            wraps,
            wrap_address: wrap_address.address("/ui/logs"),
            stream: lines.address("/ui/logs/live"),
            next: tail.next,
            download: lines.address("/ui/logs/download"),
        })
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
            return Ok(match self.preview(&form.rules, form.case_sensitive).await {
                Ok(preview) => self.keep(form, None, Some(preview)) + "#preview",
                Err(error) => self.keep(form, Some(error), None),
            });
        }
        match self.create(&form).await {
            Ok(address) => Ok(address),
            Err(error) if plain => Ok(self.keep(form, Some(error), None)),
            Err(error) => Err(error),
        }
    }

    /// What rules, one a line, select among the upstream's tables.
    pub async fn preview(&self, rules: &str, case_sensitive: bool) -> Result<RulePreview, ConsoleError> {
        let rules = form::rules(rules);
        let count = rules.len();
        let request = FilterPreviewRequest {
            rules,
            case_sensitive,
        };
        let refused = |error| form::refusal(error, &CreateForm::default());
        let preview = self.service.preview_filter(request).await.map_err(refused)?;
        Ok(view::preview(preview, count))
    }

    async fn create(&self, form: &CreateForm) -> Result<String, ConsoleError> {
        let created = self.service.create_changefeed(form::request(form)?).await;
        let created = created.map_err(|error| form::refusal(error, form))?;
        Ok(format!("/ui/changefeeds/{}/{}", created.namespace, created.id))
    }

    fn keep(&self, form: CreateForm, error: Option<ConsoleError>, preview: Option<RulePreview>) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let address = format!("/ui/changefeeds/new?draft={key}");
        self.drafts.keep(key, Draft { form, error, preview });
        address
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use tidegate_engine::{Capture, ServiceParts};
    use tidegate_sink::Sinks;
    use tidegate_testkit::{FaultPlan, Faults, History, MemStore, SimClock, SimUpstream};

    use super::*;
    use crate::server::LogFormat;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn service() -> Arc<ReplicationService> {
        let clock = SimClock::starting_at(NOW_MS);
        let faults = Faults::new(1, FaultPlan::default(), None);
        let history = Arc::new(History::generate(1, 1, NOW_MS));
        let upstream = SimUpstream::new(history, clock.clone(), Arc::clone(&faults));
        ReplicationService::new(ServiceParts {
            upstream: Arc::new(upstream),
            store: Arc::new(MemStore::new().reopen(faults)),
            sinks: Arc::new(Sinks),
            clock: Arc::new(clock),
            capture: Capture {
                id: "c1".to_owned(),
                address: "127.0.0.1:8300".to_owned(),
                version: "1".to_owned(),
                git_hash: "none".to_owned(),
                cluster_id: "default".to_owned(),
            },
            zone: TimeZone::UTC,
        })
    }

    /// While changefeeds were being loaded, the console showed an empty server and took orders.
    #[tokio::test]
    async fn nothing_is_shown_before_the_changefeeds_are_loaded() {
        let service = service();
        let log = LogControl::install("info", LogFormat::Text).unwrap();
        let owner = Owner::new();
        let code = || owner.with(|| console().err().map(|error| error.code));
        assert_eq!(code().as_deref(), Some("CDC:ErrInternalServerError"));
        let console = Console::new(Arc::clone(&service), log);
        owner.with(|| provide_context(console));
        assert_eq!(code().as_deref(), Some("CDC:ErrServerIsNotReady"));
        service.start().await.unwrap();
        assert_eq!(code(), None);
    }
}
