//! The level of the log.

use crate::app::facts;
use crate::app::layout::ErrorNote;
use crate::app::ui::copy::{CodeBlock, SHELL_BASE};
use crate::app::ui::guarded::GuardedSubmit;
use crate::fns::log::{LEVELS, LevelNow, SetLogLevel};
use leptos::form::ActionForm;
use leptos::prelude::*;

/// Sets the level. Debug is not for long: it returns to the old level unless that is switched off.
#[component]
pub(crate) fn LevelForm(set: ServerAction<SetLogLevel>, level: LevelNow) -> impl IntoView {
    let LevelNow { level, back } = level;
    let returns = RwSignal::new(level != "debug");
    let choices = choices(&level, returns);
    let now = match back {
        Some((word, at_ms)) => format!(" until {}, then {word}.", facts::moment(at_ms)),
        None => ".".to_owned(),
    };
    let value = set.value();
    let outcome = move || match value.get() {
        Some(Err(error)) => Some(view! { <ErrorNote error/> }.into_any()),
        Some(Ok(())) => Some(view! { <p class="text-sm text-normal">"The level is set."</p> }.into_any()),
        None => None,
    };
    view! {
        <section class="card max-w-2xl p-4">
            <h2 class="mb-1 text-lg">"Log level"</h2>
            <p class="mb-4 text-sm text-ink-2">
                "Now: " <strong class="text-ink">{level.clone()}</strong> {now}
            </p>
            <ActionForm action=set>
                <fieldset class="mb-4 grid gap-3 sm:grid-cols-2">
                    <legend class="sr-only">"Log level"</legend>
                    {choices}
                </fieldset>
                <div class="mb-4 flex gap-2.5">
                    <input
                        class="check"
                        type="checkbox"
                        id="back"
                        name="back"
                        value="true"
                        checked=returns.get_untracked()
                        prop:checked=move || returns.get()
                        on:change=move |ev| returns.set(event_target_checked(&ev))
                    />
                    <label for="back" class="text-sm">
                        "Return to the old level after 10 minutes"
                        <span class="block text-xs text-ink-3">"Otherwise it stays until the server restarts."</span>
                    </label>
                </div>
                <GuardedSubmit class="btn btn-primary" why_not=facts::why_not("operator")>
                    "Set level"
                </GuardedSubmit>
            </ActionForm>
            <div class="mt-3" role="status">
                {outcome}
            </div>
            <FromShell/>
        </section>
    }
    .into_any()
}

/// The same over the API.
#[component]
fn FromShell() -> impl IntoView {
    view! {
        <details class="mt-4 text-sm">
            <summary class="link w-fit cursor-pointer">"From a shell"</summary>
            <div class="mt-2">
                <CodeBlock
                    what="curl command"
                    code=format!(
                        "curl -X POST {SHELL_BASE}/api/v2/log\" \\\n  -H 'Content-Type: application/json' -d '{{\"log_level\":\"debug\"}}'",
                    )
                />
                <p class="mt-2 text-xs text-ink-3">
                    "Set " <code>"TIDEGATE"</code> " to the address of this server if it is another one."
                </p>
            </div>
        </details>
    }
    .into_any()
}

/// A button for each level. `returns`: whether the level returns by itself, which each level says in its way.
fn choices(level: &str, returns: RwSignal<bool>) -> AnyView {
    LEVELS
        .iter()
        .map(|(word, text)| {
            let id = format!("level-{word}");
            view! {
                <div class="flex gap-2.5">
                    <input
                        class="check"
                        type="radio"
                        name="level"
                        id=id.clone()
                        value=*word
                        checked=*word == level
                        on:change=move |_| returns.set(*word == "debug")
                    />
                    <label for=id class="text-sm">
                        <span class="font-medium">{*word}</span>
                        <span class="block text-xs text-ink-3">{*text}</span>
                    </label>
                </div>
            }
        })
        .collect_view()
        .into_any()
}
