//! The drafts on disk: one file for each user, replaced as a whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use tidegate_model::{Clock, ErrorCode, ResultExt, SystemClock};

use crate::app::format;
use crate::app::ui::html::html;
use crate::fns::create::CreateForm;
use crate::fns::error::ConsoleError;
use crate::fns::form;
use crate::server::{App, Principal, replace};

/// Folder in the data directory.
const FOLDER: &str = "drafts";
/// Drafts of one user; the oldest goes first.
const DRAFTS_MAX: usize = 20;
/// Largest draft, as JSON.
const DRAFT_BYTES_MAX: usize = 256 << 10;
/// Longest key of a draft.
const KEY_BYTES_MAX: usize = 64;
/// Users with drafts; further ones get none.
const USERS_MAX: usize = 1000;

/// One writer at a time.
static WRITING: Mutex<()> = Mutex::new(());

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    key: String,
    at_ms: u64,
    form: CreateForm,
}

/// The file of whoever asks.
fn own_file() -> Option<PathBuf> {
    let app = use_context::<App>()?;
    let parts = use_context::<Parts>()?;
    let user = parts.extensions.get::<Principal>()?;
    Some(file_of(&app.config.data_dir.join(FOLDER), &user.name))
}

/// A name may hold anything; its digest is a name of a file.
fn file_of(dir: &Path, user: &str) -> PathBuf {
    let digest = ring::digest::digest(&ring::digest::SHA256, user.as_bytes());
    let name: String = digest
        .as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    dir.join(format!("{name}.json"))
}

/// The drafts of a file, newest first. What cannot be read is no draft.
fn load(file: &Path) -> Vec<Saved> {
    let text = std::fs::read(file).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Puts a draft in front, in the place of an older one of its key.
fn put(file: &Path, draft: Saved) -> io::Result<()> {
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = !file.exists();
    if is_new
        && let Some(Ok(others)) = file.parent().map(std::fs::read_dir)
        && others.count() >= USERS_MAX
    {
        return Err(io::Error::other("too many users have drafts"));
    }
    let mut drafts = load(file);
    drafts.retain(|known| known.key != draft.key);
    drafts.insert(0, draft);
    drafts.truncate(DRAFTS_MAX);
    replace(file, &serde_json::to_vec(&drafts).map_err(io::Error::other)?)
}

fn take(file: &Path, key: &str) -> io::Result<()> {
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut drafts = load(file);
    let count = drafts.len();
    drafts.retain(|known| known.key != key);
    match drafts.len() == count {
        true => Ok(()),
        false => replace(file, &serde_json::to_vec(&drafts).map_err(io::Error::other)?),
    }
}

/// The form without its secrets.
fn without_secrets(mut form: CreateForm) -> CreateForm {
    form.sink_password.clear();
    form.sink_uri = form::hidden(&form.sink_uri);
    form.text = form::hidden_in_text(&form.text);
    form.set.retain(|path, _| !form::is_secret(path));
    form.intent = CreateForm::default().intent;
    form
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Keeps a draft.
///
/// # Errors
/// When it is too large, and what the disk says.
pub(super) async fn save(form: CreateForm) -> Result<(), ConsoleError> {
    let Some(file) = own_file() else {
        return Ok(());
    };
    let draft = Saved {
        key: form.draft.clone(),
        at_ms: SystemClock.unix_ms(),
        form: without_secrets(form),
    };
    let size = serde_json::to_vec(&draft).map_or(usize::MAX, |text| text.len());
    if size > DRAFT_BYTES_MAX || draft.key.is_empty() || draft.key.len() > KEY_BYTES_MAX {
        return Err(ConsoleError {
            code: String::new(),
            message: "The draft is too large to be saved.".to_owned(),
            remedy: String::new(),
            fields: Vec::new(),
        });
    }
    let done = on_disk(move || put(&file, draft)).await;
    let done = done.unwrap_or_else(|| Err(io::Error::other("the write ended unexpectedly")));
    Ok(done.code(ErrorCode::MetaStore, "the draft cannot be saved")?)
}

/// The draft of that key, if it is about that changefeed; empty: a new one.
pub(crate) async fn read(key: &str, edit: &str) -> Option<CreateForm> {
    let file = own_file()?;
    let (key, edit) = (key.to_owned(), edit.to_owned());
    if key.is_empty() {
        return None;
    }
    let drafts = on_disk(move || load(&file)).await?;
    let found = drafts
        .into_iter()
        .find(|draft| draft.key == key && draft.form.edit == edit);
    found.map(|draft| draft.form)
}

/// Forgets a draft. One that stays is listed, so the disk's refusal is only logged.
pub(crate) async fn forget(key: &str) {
    let (Some(file), key) = (own_file(), key.to_owned()) else {
        return;
    };
    if let Some(Err(error)) = on_disk(move || take(&file, &key)).await {
        tracing::warn!(%error, "a draft cannot be forgotten");
    }
}

/// The other drafts of the same page, as HTML; empty without any.
pub(crate) async fn list(key: &str, edit: &str) -> String {
    let Some(file) = own_file() else {
        return String::new();
    };
    let mut drafts = on_disk(move || load(&file)).await.unwrap_or_default();
    drafts.retain(|draft| draft.key != key && draft.form.edit == edit);
    if drafts.is_empty() {
        return String::new();
    }
    html(|| listed(&drafts, edit))
}

fn listed(drafts: &[Saved], edit: &str) -> AnyView {
    let page = if edit.is_empty() {
        "/ui/changefeeds/new".to_owned()
    } else {
        format!("/ui/changefeeds/{edit}/edit")
    };
    let items: Vec<AnyView> = drafts.iter().map(|draft| item(draft, &page)).collect();
    let count = format::count(drafts.len(), "draft", "drafts");
    view! {
        <details class="card mb-4 p-3 text-sm">
            <summary class="w-fit cursor-pointer py-0.5 font-medium">{format!("You have {count} that you did not finish")}</summary>
            <ul class="mt-2 grid gap-2">{items}</ul>
        </details>
    }
    .into_any()
}

fn item(draft: &Saved, page: &str) -> AnyView {
    let form = &draft.form;
    let name = match (form.id.trim(), form.sink_uri.trim()) {
        ("", "") => "without a name".to_owned(),
        ("", sink) => format!("to {sink}"),
        (id, _) => id.to_owned(),
    };
    view! {
        <li class="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span class="min-w-0 wrap-anywhere">{name.clone()}</span>
            <span class="text-xs text-ink-3">{format!("saved {}", crate::app::facts::moment(draft.at_ms))}</span>
            <a class="link py-1" href=format!("{page}?draft={}", draft.key) rel="external">
                "Continue"
                <span class="sr-only">" with the draft " {name.clone()}</span>
            </a>
            <form method="post" action="/ui/fn/drop_draft">
                <input type="hidden" name="key" value=draft.key.clone()/>
                <input type="hidden" name="back" value=page.to_owned()/>
                <button class="link py-1" type="submit">
                    "Discard"
                    <span class="sr-only">" the draft " {name}</span>
                </button>
            </form>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(key: &str, id: &str) -> Saved {
        let form = CreateForm {
            draft: key.to_owned(),
            id: id.to_owned(),
            sink_uri: "mysql://u:hunter2@h:1/".to_owned(),
            sink_password: "hunter2".to_owned(),
            text: "{\"sink_uri\": \"mysql://u:hunter2@h:1/\"}".to_owned(),
            set: [("sink.kafka_config.sasl_password".to_owned(), "hunter2".to_owned())].into(),
            ..CreateForm::default()
        };
        Saved {
            key: key.to_owned(),
            at_ms: 1,
            form: without_secrets(form),
        }
    }

    #[test]
    fn drafts_stay_without_their_secrets_and_the_newest_of_a_key_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = file_of(dir.path(), "alice/../..");
        put(&file, draft("a", "one")).unwrap();
        put(&file, draft("b", "two")).unwrap();
        put(&file, draft("a", "three")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("hunter2") && text.contains("mysql://u:xxxxx@h:1/"),
            "{text}"
        );
        let ids: Vec<String> = load(&file).into_iter().map(|saved| saved.form.id).collect();
        assert_eq!(ids, ["three", "two"]);
        take(&file, "a").unwrap();
        assert_eq!(load(&file).len(), 1);
        assert_ne!(file, file_of(dir.path(), "bob"));
    }

    #[test]
    fn old_drafts_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let file = file_of(dir.path(), "alice");
        for n in 0..=DRAFTS_MAX {
            put(&file, draft(&n.to_string(), "x")).unwrap();
        }
        let kept = load(&file);
        assert_eq!((kept.len(), kept[0].key.as_str()), (DRAFTS_MAX, "20"));
        assert!(kept.iter().all(|saved| saved.key != "0"));
    }

    #[test]
    fn a_list_is_no_markup() {
        let html = html(|| listed(&[draft("k", "<b>")], ""));
        assert!(
            html.contains("&lt;b&gt;") && html.contains("/ui/changefeeds/new?draft=k"),
            "{html}"
        );
        assert!(!html.contains("<b>"), "{html}");
    }
}
