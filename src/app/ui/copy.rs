//! A button that copies a text, and code with such a button.

use crate::app::ui::icon::{Glyph, Icon};
use leptos::prelude::*;

/// Copies `text` to the clipboard. Invisible until the page is hydrated: it needs the browser.
#[component]
pub(crate) fn CopyButton(
    #[prop(into)] text: Signal<String>,
    /// What is copied, for the accessible name.
    #[prop(into)]
    what: String,
) -> impl IntoView {
    let done = RwSignal::new(false);
    let glyph = Signal::derive(move || if done.get() { Glyph::Check } else { Glyph::Copy });
    let label = format!("Copy {what}");
    view! {
        <button
            type="button"
            class="scripted grid size-6 flex-none place-items-center rounded-[5px] text-ink-3 hover:bg-surface hover:text-ink"
            aria-label=label.clone()
            title=label
            on:click=move |_| {
                copy(&text.get_untracked());
                done.set(true);
                set_timeout(move || done.set(false), std::time::Duration::from_secs(2));
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
fn copy(text: &str) {
    let _promise = window().navigator().clipboard().write_text(text);
}

#[cfg(not(target_arch = "wasm32"))]
fn copy(_: &str) {}
