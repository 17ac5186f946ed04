//! What the server functions work on: the replication service in the words of the pages.

use std::sync::Arc;
use std::time::Instant;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use leptos::prelude::*;
use tidegate_api::{
    ChangefeedDetail, FilterPreviewRequest, FilterPreviewTable, Finding, ResumeChangefeed, Severity,
};
use tidegate_engine::{Reach, ReplicationService};
use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, SystemClock};

use crate::app;
use crate::fns::catalogue::Catalogue;
use crate::fns::create::{CheckedForm, CreateForm, Draft, FormView};
use crate::fns::data::{CaptureRow, Captures, FeedDetail, FeedState, Overview, RulePreview};
use crate::fns::drafts::Drafts;
use crate::fns::error::{ConsoleError, FieldError};
use crate::fns::list::Feeds;
use crate::fns::log::{LevelNow, LogPage};
use crate::fns::query::Query;
use crate::fns::{form, saved, view};
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

    /// Forms that were refused without JavaScript.
    pub(crate) fn drafts(&self) -> &Drafts {
        &self.drafts
    }

    /// The tables of the upstream, a few seconds old at most.
    ///
    /// # Errors
    /// Those of the upstream.
    pub(crate) async fn tables(&self) -> Result<Arc<[FilterPreviewTable]>, ConsoleError> {
        Ok(self.catalogue.tables(&self.service).await?)
    }

    /// What deserves a look.
    pub fn overview(&self) -> Overview {
        self.feeds(|feeds| feeds.overview(self.service.is_upstream_connected()))
    }

    pub(crate) fn feeds<T>(&self, answer: impl FnOnce(Feeds<'_>) -> T) -> T {
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
        let processors = app::processors::table(&captures, &running, &live);
        let captures: Vec<CaptureRow> = captures.into_iter().map(row).collect();
        Ok(Captures {
            processors,
            table: app::captures::made::table(&captures, status.pid),
            captures,
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

    /// Creates or changes the changefeed of a form, or does what else its button says; the answer is the address to go
    /// to. A plain form that is not done leads back to itself.
    pub async fn submit(&self, mut form: CreateForm, plain: bool) -> Result<String, ConsoleError> {
        form::name_edited(&mut form);
        self.drafts.unmask(&mut form);
        let writes = matches!(
            form.intent.as_str(),
            "create" | "apply" | "apply_resume" | "apply_resume_at"
        );
        let (draft, place) = if writes {
            match Box::pin(self.write(&form)).await {
                Ok(address) => {
                    saved::forget(&form.draft).await;
                    return Ok(address);
                }
                Err(error) if !plain => return Err(error),
                Err(error) => (refused(form, error), ""),
            }
        } else {
            match Box::pin(self.work(form.clone())).await {
                Ok(done) => done,
                Err(error) => (refused(form, error), ""),
            }
        };
        Ok(self.keep(draft) + place)
    }

    /// Does what a form says short of creating or changing a changefeed; see [`crate::fns::create::ask_form`].
    ///
    /// # Errors
    /// Faults of the text, and those of the upstream.
    pub async fn ask(&self, mut form: CreateForm) -> Result<FormView, ConsoleError> {
        form::name_edited(&mut form);
        let sent = (form.sink_uri.clone(), form.sink_password.clone());
        self.drafts.unmask(&mut form);
        let stored = form.sink_uri.clone();
        let (mut draft, _place) = Box::pin(self.work(form)).await?;
        if draft.checked.is_some() {
            draft.form = CreateForm::default();
            return Ok(FormView {
                draft,
                ..FormView::default()
            });
        }
        // The page gets back what it sent, and nothing that it has not got.
        if draft.form.sink_uri == stored {
            draft.form.sink_uri = sent.0;
        }
        draft.form.sink_password = sent.1;
        Ok(FormView {
            settings: settings_html(&draft),
            draft,
            ..FormView::default()
        })
    }

    /// Does what a button says that neither creates nor changes a changefeed: the form as it is then, and the part of the
    /// page to show.
    async fn work(&self, form: CreateForm) -> Result<(Draft, &'static str), ConsoleError> {
        let mut draft = Draft::default();
        let intent = form.intent.clone();
        let (word, place) = intent.split_once(' ').unwrap_or((&intent, ""));
        draft.form = form;
        let part = match word {
            "preview" => {
                draft.preview = Some(self.preview(&draft.form.rules, draft.form.case_sensitive).await?);
                "#preview"
            }
            "look" | "check" => {
                draft.checked = Some(self.check(&draft.form, word == "check").await?);
                "#review"
            }
            "text" => {
                draft.form = form::read(&draft.form.text, &draft.form)?;
                ""
            }
            "add" => {
                form::add_item(&mut draft.form.set, place);
                "#events"
            }
            "remove" => {
                form::remove_item(&mut draft.form.set, place);
                "#events"
            }
            _ => "",
        };
        draft.form.text.clear();
        Ok((draft, part))
    }

    /// What is to be said about a form. `reach`: the destination is asked too.
    async fn check(&self, form: &CreateForm, reach: bool) -> Result<CheckedForm, ConsoleError> {
        let mut checked = CheckedForm {
            text: form::write(form),
            reached: reach,
            ..CheckedForm::default()
        };
        if !form.edit.is_empty() {
            checked.changes = form::changes(&form.base, &checked.text.json);
        }
        let reach = if reach { Reach::Destination } else { Reach::Nothing };
        match self.findings(form, reach).await {
            Err(error) if error.fields.is_empty() => return Err(error),
            Err(error) => checked.faults = error.fields,
            Ok(findings) => {
                checked.faults = form::found(&findings, Severity::Error, form);
                checked.warnings = form::found(&findings, Severity::Warning, form);
            }
        }
        Ok(checked)
    }

    /// Everything that the engine finds in a form.
    async fn findings(&self, form: &CreateForm, reach: Reach) -> Result<Vec<Finding>, ConsoleError> {
        Ok(match named(&form.edit) {
            Some(id) => {
                self.service
                    .validate_update(&id, form::update(form)?, reach)
                    .await?
            }
            None => {
                self.service
                    .validate_changefeed(form::request(form)?, reach)
                    .await?
            }
        })
    }

    /// What rules, one a line, select among the upstream's tables.
    pub async fn preview(&self, rules: &str, case_sensitive: bool) -> Result<RulePreview, ConsoleError> {
        let rules = form::rules(rules);
        let count = rules.len();
        let request = FilterPreviewRequest {
            rules,
            case_sensitive,
        };
        let refused = |error| form::refusal(error, "rules");
        let preview = self.service.preview_filter(request).await.map_err(refused)?;
        Ok(view::preview(preview, count))
    }

    /// Creates or changes the changefeed of a form; the answer is its address.
    async fn write(&self, form: &CreateForm) -> Result<String, ConsoleError> {
        let written = match named(&form.edit) {
            Some(id) => self.apply(&id, form).await?,
            None => self.service.create_changefeed(form::request(form)?).await,
        };
        let refused = match written {
            Ok(detail) => return Ok(format!("/ui/changefeeds/{}/{}", detail.namespace, detail.id)),
            Err(error) => error,
        };
        // All faults at once, each at its field: the engine tells the first one only.
        let mut error = ConsoleError::from(refused);
        let findings = self.findings(form, Reach::Destination).await?;
        error.fields = form::found(&findings, Severity::Error, form);
        Err(error)
    }

    /// Changes a changefeed, unless somebody else has since the page was opened, and lets it go on if that was asked for.
    async fn apply(
        &self,
        id: &ChangefeedId,
        form: &CreateForm,
    ) -> Result<tidegate_model::Result<ChangefeedDetail>, ConsoleError> {
        let now = form::edit_view(&self.service.get_changefeed(id).await?)
            .draft
            .form
            .base;
        let others = form::changes(&form.base, &now);
        // Whoever was refused after the first of two steps may try again.
        let is_done = form::says_what_holds(form, &now);
        if !others.is_empty() && !is_done {
            return Err(form::overtaken(&others));
        }
        let update = form::update(form)?;
        let resume = form::resume(form)?;
        // The engine refuses an update that changes nothing; it may be that only the second step is wanted.
        let updated = match is_done && resume.is_some() {
            true => self.service.get_changefeed(id).await,
            false => self.service.update_changefeed(id, update).await,
        };
        let updated = match updated {
            Ok(detail) => detail,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(resume) = resume
            && let Err(error) = self.service.resume_changefeed(id, resume).await
        {
            return Err(form::stayed_paused(error.into()));
        }
        Ok(Ok(updated))
    }

    fn keep(&self, draft: Draft) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let page = match named(&draft.form.edit) {
            Some(id) => format!("{}/{}/edit", id.namespace, id.id),
            None => "new".to_owned(),
        };
        let address = format!("/ui/changefeeds/{page}?draft={key}");
        self.drafts.keep(key, draft);
        address
    }
}

/// The changefeed called `namespace/id`.
pub(crate) fn named(name: &str) -> Option<ChangefeedId> {
    let (namespace, id) = name.split_once('/')?;
    Some(ChangefeedId::new(namespace, id))
}

fn refused(form: CreateForm, error: ConsoleError) -> Draft {
    Draft {
        form,
        error: Some(error),
        ..Draft::default()
    }
}

/// The fields of all settings, with what was typed and what is wrong with it.
pub(crate) fn settings_html(draft: &Draft) -> [String; 3] {
    let found = draft.checked.as_ref().map(|checked| &checked.faults);
    let refused = draft.error.as_ref().map(|error| &error.fields);
    let faults = refused.or(found).cloned().unwrap_or_default();
    form::html(&form::groups(), &draft.form, &faults)
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
