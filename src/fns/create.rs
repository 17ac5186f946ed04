//! The form for a new changefeed.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::data::{FeedState, RulePreview};
use crate::fns::error::{ConsoleError, FieldError};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, PostUrl};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a user can type into the form, as text. An empty text means "not set".
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateForm {
    /// Key of the draft the form was made from. Gives back the secrets that the page does not show.
    pub draft: String,
    /// `create`, `apply`, `apply_resume` or `apply_resume_at`; `preview` to look at the tables only, `look` and `check` to check
    /// without and with the destination; `text` to take over the text; `add` and `remove`, with a place behind them, for
    /// items of lists.
    pub intent: String,
    /// Namespace.
    pub namespace: String,
    /// Id.
    pub id: String,
    /// Sink URI.
    pub sink_uri: String,
    /// Password for the sink URI, so that it need not stand in clear there.
    pub sink_password: String,
    /// `now`, `time` or `tso`.
    pub start: String,
    /// UTC time for `start=time`.
    pub start_time: String,
    /// TSO for `start=tso`.
    pub start_tso: String,
    /// `none`, `time` or `tso`.
    pub target: String,
    /// UTC time for `target=time`.
    pub target_time: String,
    /// TSO for `target=tso`.
    pub target_tso: String,
    /// UTC time to go on from, for `apply_resume_at`.
    pub resume_time: String,
    /// TSO to go on from, when no time is given.
    pub resume_tso: String,
    /// Table rules, one a line.
    pub rules: String,
    /// Whether rules tell upper from lower case.
    pub case_sensitive: bool,
    /// Whether tables without a usable key are replicated all the same.
    pub force_replicate: bool,
    /// Whether tables without a usable key are left out.
    pub ignore_ineligible_table: bool,
    /// All other settings that were touched, by path.
    pub set: BTreeMap<String, String>,
    /// Members of a text that the form does not know, for showing.
    pub unknown: String,
    /// Text to take over into the form.
    pub text: String,
    /// The changefeed that is changed, `namespace/id`; empty for a new one.
    pub edit: String,
    /// What the form said when its page was opened, as JSON: tells whether somebody else has changed the changefeed since.
    pub base: String,
}

impl Default for CreateForm {
    /// What an untouched form says.
    fn default() -> Self {
        let text = str::to_owned;
        CreateForm {
            draft: String::new(),
            intent: text("create"),
            namespace: String::new(),
            id: String::new(),
            sink_uri: String::new(),
            sink_password: String::new(),
            start: text("now"),
            start_time: String::new(),
            start_tso: String::new(),
            target: text("none"),
            target_time: String::new(),
            target_tso: String::new(),
            resume_time: String::new(),
            resume_tso: String::new(),
            rules: text("*.*"),
            case_sensitive: false,
            force_replicate: false,
            ignore_ineligible_table: false,
            set: BTreeMap::new(),
            unknown: String::new(),
            text: String::new(),
            edit: String::new(),
            base: String::new(),
        }
    }
}

/// A form that was sent without JavaScript, kept so that nothing typed is lost.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Draft {
    /// What was typed, the sink URI masked and its password left out.
    pub form: CreateForm,
    /// Why it was refused.
    pub error: Option<ConsoleError>,
    /// What its rules select.
    pub preview: Option<RulePreview>,
    /// What a check found.
    pub checked: Option<CheckedForm>,
}

/// The form as text, without its secrets.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FormText {
    /// Body of the API's request.
    pub json: String,
    /// Config file of the command line.
    pub toml: String,
}

/// One value that is different.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldChange {
    /// Place in the body of the request, with dots.
    pub path: String,
    /// Before, as JSON; empty when there was none: the default held.
    pub from: String,
    /// After.
    pub to: String,
}

/// What a page with the form shows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FormView {
    /// The form and what is to be said about it.
    pub draft: Draft,
    /// The fields of all settings as HTML: which events are left out, how changes are written, everything else. Made by
    /// the server alone, so that a hundred fields cost the browser nothing. Empty: they are as they were.
    pub settings: [String; 3],
    /// Where the form comes from, if it is neither new nor what holds; for the reader.
    pub note: String,
    /// Other drafts of the same page: HTML of the server's own making.
    pub drafts: String,
    /// State of the changefeed that is changed: only a stopped or failed one takes changes.
    pub state: Option<FeedState>,
    /// Where it would go on.
    pub checkpoint: String,
}

/// What is to be said about a form.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CheckedForm {
    /// What keeps the changefeed from being created.
    pub faults: Vec<FieldError>,
    /// What is probably not as intended.
    pub warnings: Vec<FieldError>,
    /// What a changefeed that exists would have instead.
    pub changes: Vec<FieldChange>,
    /// The form as text.
    pub text: FormText,
    /// Whether the destination was asked too.
    pub reached: bool,
}

/// Creates the changefeed, or only looks at what the rules select. With JavaScript a refusal comes back as an error
/// with faults by field; without, the answer leads back to the form with the draft filled in.
#[server(name = SubmitChangefeed, endpoint = "create", input = PostUrl)]
pub async fn submit_changefeed(form: CreateForm) -> Result<(), ConsoleError> {
    let console = context::console()?;
    let submitted = Box::pin(console.submit(form, context::is_plain_form())).await;
    let address = context::answer(submitted)?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// What a form begins with: the first of these that is given.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Begin {
    /// Key of a draft.
    pub draft: String,
    /// `namespace/id` of a changefeed to be like.
    pub from: String,
    /// Table rules, one a line.
    pub rules: String,
    /// How they take upper and lower case.
    pub case_sensitive: bool,
    /// `namespace/id` of the changefeed that is changed; a draft then says how.
    pub edit: String,
    /// Number of the version of its configuration to begin with.
    pub version: String,
    /// `namespace/id` of a removed changefeed to be made again.
    pub recreate: String,
}

/// The form of a page.
#[server(name = GetForm, endpoint = "form", input = GetUrl)]
pub async fn get_form(begin: Begin) -> Result<FormView, ConsoleError> {
    context::answer(context::console()?.form(begin).await)
}

/// Does what the button or the typing says without creating or changing anything: checks, takes over a text, adds or
/// removes an item of a list.
#[server(name = AskForm, endpoint = "ask", input = PostUrl)]
pub async fn ask_form(form: CreateForm) -> Result<FormView, ConsoleError> {
    context::answer(Box::pin(context::console()?.ask(form)).await)
}

/// What `rules`, one a line, select among the tables of the upstream.
#[server(name = PreviewRules, endpoint = "preview", input = PostUrl)]
pub async fn preview_rules(rules: String, case_sensitive: bool) -> Result<RulePreview, ConsoleError> {
    let console = context::console()?;
    context::answer(console.preview(&rules, case_sensitive).await)
}
