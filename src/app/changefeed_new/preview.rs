//! Which tables the rules select, as the server's own filter sees it, while the rules are being typed.

use crate::app::format;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::create::PreviewRules;
use crate::fns::data::{RulePreview, TableVerdict};
use crate::fns::error::ConsoleError;
use leptos::leptos_dom::helpers::debounce;
use leptos::prelude::*;
use std::time::Duration;

/// How long typing has to rest before the server is asked.
const REST: Duration = Duration::from_millis(300);

/// The preview beside the rules. Without JavaScript its button sends the form, and the answer comes with the page.
#[component]
pub(super) fn Preview(
    rules: RwSignal<String>,
    case_sensitive: RwSignal<bool>,
    first: Option<RulePreview>,
) -> impl IntoView {
    let ask = ServerAction::<PreviewRules>::new();
    let send = move || {
        ask.dispatch(PreviewRules {
            rules: rules.get_untracked(),
            case_sensitive: case_sensitive.get_untracked(),
        });
    };
    ask_while_typing(rules, case_sensitive, send);
    let value = ask.value();
    let shown = move || value.get().or_else(|| first.clone().map(Ok));
    let body = move || match shown() {
        None => {
            view! { <p class="text-sm text-ink-3">"Shows which tables of the upstream the rules select."</p> }
                .into_any()
        }
        Some(Ok(preview)) => view! { <Selection preview/> }.into_any(),
        Some(Err(error)) => view! { <Refusal error/> }.into_any(),
    };
    view! {
        <section id="preview" class="min-w-0 scroll-mt-16 rounded-card bg-surface p-3" aria-label="Preview of the tables">
            <div class="mb-2 flex items-center justify-between gap-2">
                <h2 class="text-sm font-medium">"Preview"</h2>
                <button
                    class="btn"
                    type="submit"
                    name="form[intent]"
                    value="preview"
                    formnovalidate
                    on:click=move |ev| {
                        ev.prevent_default();
                        send();
                    }
                >
                    "Preview tables"
                </button>
            </div>
            <div aria-live="polite">{body}</div>
        </section>
    }
    .into_any()
}

/// Asks once after hydration, then whenever typing rests.
fn ask_while_typing(
    rules: RwSignal<String>,
    case_sensitive: RwSignal<bool>,
    send: impl Fn() + Clone + Send + Sync + 'static,
) {
    let now = send.clone();
    // Outside of the effect, which forgets what it made whenever it runs again.
    // Not a local value: the server may drop the page on another thread than the one that made it.
    let later: Box<dyn FnMut(()) + Send + Sync> = Box::new(debounce(REST, move |()| send()));
    let later = StoredValue::new(later);
    Effect::new(move |ran: Option<()>| {
        rules.track();
        case_sensitive.track();
        match ran {
            None => now(),
            Some(()) => later.update_value(|later| later(())),
        }
    });
}

#[component]
fn Refusal(error: ConsoleError) -> impl IntoView {
    view! {
        <p class="flex gap-2 text-sm text-failed">
            <span class="mt-0.5">
                <Icon glyph=Glyph::Cross/>
            </span>
            <span class="min-w-0 wrap-anywhere">{error.message}</span>
        </p>
    }
    .into_any()
}

#[component]
fn Selection(preview: RulePreview) -> impl IntoView {
    let RulePreview {
        total,
        accepted,
        idle_rules,
        tables,
    } = preview;
    let rows = tables
        .into_iter()
        .map(|table| view! { <TableRow table/> })
        .collect_view();
    let idle = idle_rules
        .into_iter()
        .map(|rule| view! { <li>{format!("Rule {rule} decides about no table.")}</li> })
        .collect_view();
    view! {
        <p class="mb-1 text-sm font-medium">
            {format!("{accepted} of {}", format::count(total, "table", "tables"))}
        </p>
        <ul class="mb-2 text-xs text-warning">{idle}</ul>
        <ul class="max-h-80 overflow-y-auto text-sm" tabindex="0" aria-label="Tables">
            {rows}
        </ul>
    }
    .into_any()
}

#[component]
fn TableRow(table: TableVerdict) -> impl IntoView {
    let TableVerdict {
        schema,
        table,
        accepted,
        rule,
        note,
    } = table;
    let (glyph, class, word) = if accepted {
        (
            Glyph::Check,
            "flex items-center gap-2 border-b border-line py-1 last:border-0",
            "selected",
        )
    } else {
        (
            Glyph::Cross,
            "flex items-center gap-2 border-b border-line py-1 text-ink-3 last:border-0",
            "not selected",
        )
    };
    let decided = match rule {
        Some(rule) => format!("rule {rule}"),
        None => "no rule".to_owned(),
    };
    view! {
        <li class=class>
            <Icon glyph/>
            <span class="sr-only">{word}</span>
            <span class="min-w-0 flex-1 font-mono text-xs wrap-anywhere">
                {format!("{schema}.{table}")}
                {(!note.is_empty()).then(|| view! { <span class="block font-sans text-warning">{note}</span> })}
            </span>
            <span class="flex-none text-xs text-ink-3">{decided}</span>
        </li>
    }
    .into_any()
}
