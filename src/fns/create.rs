//! The form for a new changefeed.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::data::RulePreview;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, PostUrl};
use serde::{Deserialize, Serialize};

/// Everything a user can type into the form, as text. An empty text means "not set".
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateForm {
    /// Key of the draft the form was made from. Gives back the secrets that the page does not show.
    pub draft: String,
    /// `create`, or `preview` to look at the tables only.
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
    /// Table rules, one a line.
    pub rules: String,
    /// Whether rules tell upper from lower case.
    pub case_sensitive: bool,
    /// Whether tables without a usable key are replicated all the same.
    pub force_replicate: bool,
    /// Whether tables without a usable key are left out.
    pub ignore_ineligible_table: bool,
    /// `csv`, `canal-json` or empty.
    pub protocol: String,
    /// `none`, `year`, `month`, `day` or empty.
    pub date_separator: String,
    /// CSV delimiter.
    pub csv_delimiter: String,
    /// CSV quote.
    pub csv_quote: String,
    /// Text for NULL.
    pub csv_null: String,
    /// `base64`, `hex` or empty.
    pub csv_binary_encoding: String,
    /// Whether each line carries its commit-ts.
    pub csv_include_commit_ts: bool,
    /// Whether files start with the names of the columns.
    pub csv_header: bool,
    /// Whether the old row of an update is written too.
    pub csv_old_value: bool,
    /// Whether messages use exactly the layout of canal.
    pub content_compatible: bool,
    /// Whether deletes carry only the key.
    pub delete_only_key: bool,
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
            rules: text("*.*"),
            case_sensitive: false,
            force_replicate: false,
            ignore_ineligible_table: false,
            protocol: String::new(),
            date_separator: String::new(),
            csv_delimiter: String::new(),
            csv_quote: String::new(),
            csv_null: String::new(),
            csv_binary_encoding: String::new(),
            csv_include_commit_ts: false,
            csv_header: false,
            csv_old_value: false,
            content_compatible: false,
            delete_only_key: false,
        }
    }
}

/// A form that was sent without JavaScript, kept so that nothing typed is lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Draft {
    /// What was typed, the sink URI masked and its password left out.
    pub form: CreateForm,
    /// Why it was refused.
    pub error: Option<ConsoleError>,
    /// What its rules select.
    pub preview: Option<RulePreview>,
}

/// Creates the changefeed, or only looks at what the rules select. With JavaScript a refusal comes back as an error
/// with faults by field; without, the answer leads back to the form with the draft filled in.
#[server(name = SubmitChangefeed, endpoint = "create", input = PostUrl)]
pub async fn submit_changefeed(form: CreateForm) -> Result<(), ConsoleError> {
    let console = context::console()?;
    let address = context::answer(console.submit(form, context::is_plain_form()).await)?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// The draft behind a key; none when it is unknown or too old.
#[server(name = GetDraft, endpoint = "draft", input = GetUrl)]
pub async fn get_draft(key: String) -> Result<Option<Draft>, ConsoleError> {
    Ok(context::console()?.draft(&key))
}

/// What `rules`, one a line, select among the tables of the upstream.
#[server(name = PreviewRules, endpoint = "preview", input = PostUrl)]
pub async fn preview_rules(rules: String, case_sensitive: bool) -> Result<RulePreview, ConsoleError> {
    let console = context::console()?;
    context::answer(console.preview(&rules, case_sensitive).await)
}
