//! HTML of the server's making that changes while the page is open.

use crate::app::ui::copy::clipboard;
use leptos::ev::MouseEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;

/// What the reader is busy with: it is not taken away.
const BUSY: &str = "details[open], :focus";

/// HTML, and its buttons that copy a text (`data-copy`). While something in it is opened or has the focus it stays as it
/// is, unless there is nothing to show any more.
#[component]
pub(crate) fn Made(#[prop(into)] html: Signal<String>) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    let said = RwSignal::new("");
    let shown = Memo::new(move |before: Option<&String>| {
        let new = html.get();
        let node = node.get_untracked();
        let is_busy = node.is_some_and(|node| matches!(node.query_selector(BUSY), Ok(Some(_))));
        match before.filter(|_| is_busy && !new.is_empty()) {
            Some(before) => before.clone(),
            None => new,
        }
    });
    let clicked = move |ev: MouseEvent| {
        let target = ev.target().and_then(|target| target.dyn_into::<Element>().ok());
        let button = target.and_then(|target| target.closest("[data-copy]").ok().flatten());
        let Some(text) = button.and_then(|button| button.get_attribute("data-copy")) else {
            return;
        };
        said.set("");
        spawn_local(async move {
            let _gone = said.try_set(match clipboard::copy(&text).await {
                true => "Copied",
                false => "The browser does not let this page copy",
            });
        });
    };
    view! {
        <div node_ref=node inner_html=move || shown.get() on:click=clicked></div>
        <span role="status" class="sr-only">
            {said}
        </span>
    }
    .into_any()
}
