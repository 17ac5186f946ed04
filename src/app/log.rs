//! The level of the server's log.

use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::ui::copy::{CodeBlock, SHELL_BASE};
use crate::fns::log::{LEVELS, SetLogLevel, get_log_level};
use leptos::form::ActionForm;
use leptos::prelude::*;

/// The page.
#[component]
pub(crate) fn Log() -> impl IntoView {
    let set = ServerAction::<SetLogLevel>::new();
    let level = Resource::new_blocking(move || set.version().get(), |_| get_log_level());
    view! {
        <PageHead title="Logs"/>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match level.await {
                    Ok(level) => view! { <LevelForm set level/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn LevelForm(set: ServerAction<SetLogLevel>, level: String) -> impl IntoView {
    let now = level.clone();
    let choices = LEVELS
        .iter()
        .map(|(word, text)| {
            let id = format!("level-{word}");
            view! {
                <div class="flex gap-2.5">
                    <input class="check" type="radio" name="level" id=id.clone() value=*word checked=*word == level/>
                    <label for=id class="text-sm">
                        <span class="font-medium">{*word}</span>
                        <span class="block text-xs text-ink-3">{*text}</span>
                    </label>
                </div>
            }
        })
        .collect_view();
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
                "Now: " <strong class="text-ink">{now}</strong> ". A new level holds until the server restarts."
            </p>
            <ActionForm action=set>
                <fieldset class="mb-4 grid gap-3">
                    <legend class="sr-only">"Log level"</legend>
                    {choices}
                </fieldset>
                <button class="btn btn-primary" type="submit">
                    "Set level"
                </button>
            </ActionForm>
            <div class="mt-3" role="status">
                {outcome}
            </div>
        </section>
        <section class="mt-6 max-w-2xl">
            <h2 class="mb-2 text-sm font-medium">"From a shell"</h2>
            <CodeBlock
                what="curl command"
                code=format!(
                    "curl -X POST {SHELL_BASE}/api/v2/log\" \\\n  -H 'Content-Type: application/json' -d '{{\"log_level\":\"debug\"}}'",
                )
            />
            <p class="mt-2 text-xs text-ink-3">
                "Set " <code>"TIDEGATE"</code> " to the address of this server if it is another one."
            </p>
        </section>
    }
    .into_any()
}
