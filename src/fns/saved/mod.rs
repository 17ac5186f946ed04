//! Drafts of the form, kept on the server for each user while it is filled in: they survive a crash of the tab and a
//! restart of the server. Without secrets.

#![allow(clippy::unused_async, reason = "server functions are async")]

#[cfg(feature = "ssr")]
mod store;

#[cfg(feature = "ssr")]
use crate::fns::context;
use crate::fns::create::CreateForm;
use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::PostUrl;

#[cfg(feature = "ssr")]
pub(crate) use store::{forget, list, read};

/// Keeps the form as it stands, in the place of an older draft of its key.
#[server(name = SaveDraft, endpoint = "save_draft", input = PostUrl)]
pub async fn save_draft(form: CreateForm) -> Result<(), ConsoleError> {
    context::answer(store::save(form).await)
}

/// Forgets a draft of whoever asks, and leads to the page that it is listed on.
#[server(name = DropDraft, endpoint = "drop_draft", input = PostUrl)]
pub async fn drop_draft(key: String, back: String) -> Result<(), ConsoleError> {
    store::forget(&key).await;
    let is_ours = back.starts_with("/ui/changefeeds/");
    leptos_axum::redirect(if is_ours { &back } else { "/ui/changefeeds/new" });
    Ok(())
}
