//! A button that copies a text, and code with such a button.

use crate::app::ui::icon::{Glyph, Icon};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;

/// How long the check mark stays.
const SHOWN: Duration = Duration::from_secs(2);
/// Start of every command line with a request; the shell fills in the address.
pub(crate) const SHELL_BASE: &str = "\"${TIDEGATE:-http://127.0.0.1:8300}";

/// Copies `text` to the clipboard. Invisible until the page is hydrated, and where the browser offers no clipboard:
/// it does so on HTTPS and on this machine only.
#[component]
pub(crate) fn CopyButton(
    #[prop(into)] text: Signal<String>,
    /// What is copied, for the accessible name.
    #[prop(into)]
    what: String,
) -> impl IntoView {
    let available = RwSignal::new(true);
    Effect::new(move |_| available.set(clipboard::is_available()));
    let done = RwSignal::new(false);
    let glyph = Signal::derive(move || if done.get() { Glyph::Check } else { Glyph::Copy });
    let label = format!("Copy {what}");
    view! {
        <button
            type="button"
            class="scripted grid size-6 flex-none place-items-center rounded-[5px] text-ink-3 hover:bg-surface hover:text-ink"
            hidden=move || !available.get()
            aria-label=label.clone()
            title=label
            on:click=move |_| {
                let text = text.get_untracked();
                spawn_local(async move {
                    if clipboard::copy(&text).await {
                        done.set(true);
                        set_timeout(move || done.set(false), SHOWN);
                    }
                });
            }
        >
            <Icon glyph/>
        </button>
        <span role="status" class="sr-only">
            {move || if done.get() { "Copied" } else { "" }}
        </span>
    }
    .into_any()
}

/// Code with a button that copies it.
#[component]
pub(crate) fn CodeBlock(
    #[prop(into)] code: String,
    /// What the code is, for the accessible name.
    #[prop(into)]
    what: String,
) -> impl IntoView {
    let text = code.clone();
    view! {
        <div class="relative">
            <pre class="code pr-10" tabindex="0" role="region" aria-label=what.clone()>
                <code>{code}</code>
            </pre>
            <div class="absolute top-1.5 right-1.5 rounded-[5px] bg-surface">
                <CopyButton text=text what/>
            </div>
        </div>
    }
    .into_any()
}

#[cfg(target_arch = "wasm32")]
pub(crate) mod clipboard {
    use leptos::prelude::window;
    use wasm_bindgen::JsValue;
    use wasm_bindgen_futures::JsFuture;

    /// Pages from another machine over plain HTTP have none.
    pub(crate) fn is_available() -> bool {
        let clipboard = window().navigator().clipboard();
        let value: &JsValue = clipboard.as_ref();
        !value.is_undefined()
    }

    /// Whether the browser took the text: the user may have forbidden it.
    pub(crate) async fn copy(text: &str) -> bool {
        is_available()
            && JsFuture::from(window().navigator().clipboard().write_text(text))
                .await
                .is_ok()
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod clipboard {
    pub(crate) fn is_available() -> bool {
        false
    }

    pub(crate) fn copy(_: &str) -> std::future::Ready<bool> {
        std::future::ready(false)
    }
}
