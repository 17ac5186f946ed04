//! The end of the form: what a check found, and the form as text.

use super::link_to;
use crate::app::ui::copy::{CodeBlock, SHELL_BASE};
use crate::app::ui::field::{FaultLine, Faults, fault_id, fault_of};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::create::{CheckedForm, FieldChange, FormText};
use crate::fns::error::{ConsoleError, FieldError};
use leptos::prelude::*;

/// What the form would do. Its buttons are answered where the form is.
#[component]
pub(super) fn Review(
    #[prop(into)] checked: Signal<Option<Result<CheckedForm, ConsoleError>>>,
    #[prop(into)] checking: Signal<bool>,
    /// The text that could not be read.
    text: String,
    /// Members that the form does not know.
    unknown: String,
    faults: Faults,
) -> impl IntoView {
    let verdict = move || {
        match checked.get() {
        None => view! { <p class="text-sm text-ink-3">"Looks at every setting, at the tables, and whether the destination answers. Creates nothing."</p> }.into_any(),
        Some(Err(error)) => view! { <p class="text-sm text-failed">{error.message}</p> }.into_any(),
        Some(Ok(checked)) => view! { <Verdict checked/> }.into_any(),
    }
    };
    view! {
        <section id="review" class="card mb-6 min-w-0 scroll-mt-16 p-4 md:p-5" aria-labelledby="review-title">
            <h2 id="review-title" class="mb-3 text-lg font-semibold">
                "Review"
            </h2>
            <div class="mb-4 flex flex-wrap items-start gap-3">
                <button
                    class="btn"
                    type="submit"
                    name="form[intent]"
                    value="check"
                    formnovalidate
                >
                    {move || if checking.get() { "Checking" } else { "Check everything" }}
                </button>
                <div class="min-w-0 flex-1" aria-live="polite">
                    {verdict}
                </div>
            </div>
            {(!unknown.is_empty())
                .then(|| {
                    view! {
                        <p class="mb-3 text-sm wrap-anywhere text-warning">
                            "These members of the text are not known and were left out: " <code>{unknown}</code>
                        </p>
                    }
                })}
            <Texts checked text faults/>
        </section>
    }
    .into_any()
}

#[component]
fn Verdict(checked: CheckedForm) -> impl IntoView {
    let CheckedForm {
        faults,
        warnings,
        changes,
        reached,
        ..
    } = checked;
    let sentence = match (faults.len(), reached) {
        (0, true) => "Everything is in order: the destination answers.".to_owned(),
        (0, false) => "No fault so far. The destination has not been asked.".to_owned(),
        (1, _) => "One fault:".to_owned(),
        (count, _) => format!("{count} faults:"),
    };
    let item = |class: &'static str| {
        move |FieldError { field, message }: FieldError| {
            view! { <li class=class>{link_to(&field)} {message}</li> }
        }
    };
    let glyph = if faults.is_empty() {
        Glyph::Check
    } else {
        Glyph::Cross
    };
    view! {
        <p class="flex items-center gap-2 text-sm font-medium">
            <Icon glyph/>
            {sentence}
        </p>
        <ul class="mt-1 grid gap-1 text-sm wrap-anywhere">
            {faults.into_iter().map(item("text-failed")).collect_view()}
            {warnings.into_iter().map(item("text-warning")).collect_view()}
        </ul>
        {(!changes.is_empty()).then(|| view! { <Changes changes/> })}
    }
    .into_any()
}

/// What would be different.
#[component]
fn Changes(changes: Vec<FieldChange>) -> impl IntoView {
    let shown = |value: String| {
        if value.is_empty() {
            "default".to_owned()
        } else {
            value
        }
    };
    let count = changes.len();
    let rows = changes
        .into_iter()
        .map(|FieldChange { path, from, to }| {
            view! {
                <tr class="border-t border-line align-top">
                    <th scope="row" class="py-1 pr-3 text-left font-mono text-xs font-normal wrap-anywhere">{path}</th>
                    <td class="py-1 pr-3 font-mono text-xs wrap-anywhere"><del>{shown(from)}</del></td>
                    <td class="py-1 font-mono text-xs wrap-anywhere"><ins>{shown(to)}</ins></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="mt-3 w-full text-sm">
            <caption class="mb-1 text-left font-medium">{if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }}</caption>
            <thead>
                <tr class="text-left text-xs text-ink-3">
                    <th scope="col" class="py-1 pr-3 font-normal">"Member"</th>
                    <th scope="col" class="py-1 pr-3 font-normal">"Now"</th>
                    <th scope="col" class="py-1 font-normal">"Then"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

/// The form as JSON, which can be edited, as TOML, and as a command.
#[component]
fn Texts(
    checked: Signal<Option<Result<CheckedForm, ConsoleError>>>,
    text: String,
    faults: Faults,
) -> impl IntoView {
    let shown = Memo::new(move |_| match checked.get() {
        Some(Ok(checked)) => checked.text,
        _ => FormText::default(),
    });
    // What was typed stays until it is taken over or given up.
    let edited = RwSignal::new((!text.is_empty()).then(|| text.clone()));
    let json = move || {
        edited
            .get()
            .unwrap_or_else(|| shown.with(|shown| shown.json.clone()))
    };
    let fault = fault_of(faults, "text".to_owned());
    let is_open = !text.is_empty();
    let first = if is_open {
        text
    } else {
        shown.with_untracked(|shown| shown.json.clone())
    };
    view! {
        <details class="min-w-0" open=is_open>
            <summary class="link w-fit cursor-pointer text-sm">"As text: JSON, TOML, curl"</summary>
            <div class="mt-3 grid gap-4">
                <div class="min-w-0">
                    <label for="text" class="mb-1 block text-sm font-medium">
                        "JSON, the body of the request. Or paste TOML, the config file of the command line."
                    </label>
                    <textarea
                        class="input font-mono"
                        rows="12"
                        id="text"
                        name="form[text]"
                        spellcheck="false"
                        autocapitalize="none"
                        aria-describedby=fault_id("text")
                        aria-invalid=move || fault.with(Option::is_some).then_some("true")
                        prop:value=json
                        on:input=move |ev| edited.set(Some(event_target_value(&ev)))
                    >
                        {first}
                    </textarea>
                    <FaultLine id=fault_id("text") fault/>
                    <div class="mt-2 flex flex-wrap gap-2">
                        <button
                            class="btn"
                            type="submit"
                            name="form[intent]"
                            value="text"
                            formnovalidate
                        >
                            "Take over into the form"
                        </button>
                        <button
                            class="btn scripted"
                            type="button"
                            hidden=move || edited.with(Option::is_none)
                            on:click=move |_| edited.set(None)
                        >
                            "Discard the edits"
                        </button>
                    </div>
                </div>
                {move || {
                    let FormText { json, toml } = shown.get();
                    (!json.is_empty())
                        .then(|| {
                            view! {
                                <div class="min-w-0">
                                    <h3 class="mb-1 text-sm font-medium">"TOML, for " <code>"tidegate cli changefeed create --config"</code></h3>
                                    <CodeBlock code=toml what="TOML"/>
                                </div>
                                <div class="min-w-0">
                                    <h3 class="mb-1 text-sm font-medium">"curl"</h3>
                                    <CodeBlock code=command(&json) what="command"/>
                                </div>
                            }
                        })
                }}
            </div>
        </details>
    }
    .into_any()
}

/// The shell fills in the password, which the text hides.
pub(crate) fn command(json: &str) -> String {
    let body = json
        .replace('\'', "'\\''")
        .replace(":xxxxx@", ":'\"$SINK_PASSWORD\"'@");
    format!(
        "curl -X POST {SHELL_BASE}/api/v2/changefeeds\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn the_shell_fills_in_the_password() {
        let command = command("{\"sink_uri\": \"mysql://it's:xxxxx@h/\"}");
        assert!(
            command.ends_with(r#"-d '{"sink_uri": "mysql://it'\''s:'"$SINK_PASSWORD"'@h/"}'"#),
            "{command}"
        );
    }
}
