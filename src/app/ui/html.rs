//! Parts of pages that only the server makes: plain HTML, nothing of it lives in the browser.

use crate::app::ui::icon::{Glyph, Icon};
use leptos::prelude::*;

/// The HTML of a view.
pub(crate) fn html(view: impl FnOnce() -> AnyView) -> String {
    // What the view creates goes with it.
    let owner = Owner::new();
    let html = owner.with(|| view().to_html());
    owner.cleanup();
    // Marks for who finds the nodes again: nobody does here.
    html.replace("<!>", "")
}

/// What is wrong.
pub(crate) fn trouble(id: &'static str, text: String) -> AnyView {
    view! {
        <p id=id class="flex gap-2 text-sm text-failed">
            <span class="mt-0.5">
                <Icon glyph=Glyph::Cross/>
            </span>
            <span class="min-w-0 wrap-anywhere">{text}</span>
        </p>
    }
    .into_any()
}

/// A switch with its help.
pub(crate) fn check(name: &'static str, label: &'static str, help: &'static str, checked: bool) -> AnyView {
    let help_id = format!("{name}-help");
    view! {
        <div class="flex gap-2.5">
            <input class="check" type="checkbox" id=name name=name value="true" checked=checked aria-describedby=help_id.clone()/>
            <div class="min-w-0">
                <label for=name class="text-sm">
                    {label}
                </label>
                <p id=help_id class="text-xs text-ink-3">
                    {help}
                </p>
            </div>
        </div>
    }
    .into_any()
}

/// A one-line field with its help.
pub(crate) fn text(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    placeholder: &'static str,
    value: String,
) -> AnyView {
    let help_id = format!("{name}-help");
    view! {
        <div class="min-w-0">
            <label for=name class="mb-1 block text-sm font-medium">
                {label}
            </label>
            <input
                class="input"
                type="text"
                id=name
                name=name
                value=value
                placeholder=placeholder
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=help_id.clone()
            />
            <p id=help_id class="mt-1 text-xs text-ink-3">
                {help}
            </p>
        </div>
    }
    .into_any()
}

/// A field for many lines, with its help below.
pub(crate) fn lines(
    name: &'static str,
    label: &'static str,
    key: &'static str,
    rows: u8,
    value: String,
    help: AnyView,
) -> AnyView {
    let help_id = format!("{name}-help");
    view! {
        <div class="min-w-0">
            <label for=name class="mb-1 flex flex-wrap items-baseline gap-x-2 text-sm font-medium">
                {label} " " <code class="text-xs font-normal text-ink-3">{key}</code>
            </label>
            <textarea
                class="input font-mono"
                id=name
                name=name
                rows=rows.to_string()
                spellcheck="false"
                autocapitalize="none"
                aria-describedby=format!("{help_id} {name}-fault")
            >
                {format!("\n{value}")}
            </textarea>
            <p id=help_id class="mt-1 text-xs text-ink-3">
                {help}
            </p>
        </div>
    }
    .into_any()
}

/// A text to take along.
pub(crate) fn code(what: &'static str, text: String) -> AnyView {
    view! {
        <pre class="code" tabindex="0" role="region" aria-label=what>
            <code>{text}</code>
        </pre>
    }
    .into_any()
}
