//! The page of a batch: first what would be done, then what was done.

use crate::app::format;
use crate::app::ui::badge::StateBadge;
use crate::app::ui::copy::SHELL_BASE;
use crate::app::ui::feed::feed_address;
use crate::app::ui::html::{code, html, trouble};
use crate::fns::bulk::{Action, Batch, Fate, Plan, phrase};
use crate::fns::data::FeedRow;
use crate::fns::list::full_name;
use leptos::prelude::*;

/// Commands that are shown; more look alike.
const COMMANDS_MAX: usize = 20;

const fn verb(action: Action) -> &'static str {
    match action {
        Action::Pause => "Pause",
        Action::Resume => "Resume",
        Action::Remove => "Remove",
    }
}

fn title(action: Action, count: usize) -> String {
    format!(
        "{} {}",
        verb(action),
        format::count(count, "changefeed", "changefeeds")
    )
}

/// Shown without the namespace that everybody has.
fn short(name: &str) -> String {
    name.strip_prefix("default/").unwrap_or(name).to_owned()
}

fn feeds(names: impl Iterator<Item = String>) -> Vec<AnyView> {
    names
        .map(|name| view! { <input type="hidden" name="feed" value=name/> }.into_any())
        .collect()
}

fn back(text: &'static str) -> AnyView {
    view! {
        <a class="btn" href="/ui/changefeeds">
            {text}
        </a>
    }
    .into_any()
}

/// Title and page of what would be done.
pub(crate) fn plan(plan: &Plan) -> (String, String) {
    let title = title(plan.action, plan.touched.len());
    (title.clone(), html(|| plan_view(plan, title)))
}

fn plan_view(plan: &Plan, title: String) -> AnyView {
    if plan.touched.is_empty() {
        let none = plan.skipped.is_empty();
        let text = if none {
            "No changefeed is selected. Tick some in the list, or choose the page or all that match."
        } else {
            "Nothing is left to do: every changefeed that was selected is left out."
        };
        return view! {
            <p class="mb-4 text-ink-2">{text}</p>
            {left_out(&plan.skipped)}
            {back("Back to the list")}
        }
        .into_any();
    }
    let names = || plan.touched.iter().map(|row| full_name(&row.namespace, &row.id));
    view! {
        <p class="mb-4 text-ink-2">{about(plan.action)}</p>
        <div class="mb-4 flex max-w-2xl flex-wrap items-end gap-2">
            {back("Cancel")}
            {match &plan.forbidden {
                Some(why) => trouble("forbidden", why.clone()),
                None => confirm(plan, title, feeds(names())),
            }}
        </div>
        {(plan.action == Action::Remove).then(|| downloads(feeds(names())))}
        {touched(&plan.touched)}
        {left_out(&plan.skipped)}
        {commands(plan)}
    }
    .into_any()
}

const fn about(action: Action) -> &'static str {
    match action {
        Action::Pause => "They stop replicating; each checkpoint stays where it is until it is resumed.",
        Action::Resume => "They go on from their checkpoints.",
        Action::Remove => {
            "This deletes them, their configuration and their checkpoints. It cannot be undone. Data that was already written downstream stays."
        }
    }
}

fn confirm(plan: &Plan, title: String, feeds: Vec<AnyView>) -> AnyView {
    let wanted = phrase(plan.touched.len());
    let field = (plan.action == Action::Remove).then(|| {
        view! {
            <div>
                <label class="mb-1 block text-sm font-medium" for="confirm">
                    "Type " <code>{wanted.clone()}</code> " to confirm"
                </label>
                <input
                    class="input"
                    id="confirm"
                    name="confirm"
                    type="text"
                    required
                    pattern=wanted.clone()
                    title=wanted.clone()
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                />
            </div>
        }
    });
    let class = if plan.action == Action::Remove {
        "btn btn-danger"
    } else {
        "btn btn-primary"
    };
    view! {
        <form method="post" action="/ui/changefeeds/bulk" class="flex flex-wrap items-end gap-2">
            <input type="hidden" name="action" value=plan.action.word()/>
            {feeds}
            {field}
            <button class=class type="submit">
                {title}
            </button>
            {plan.refused.then(|| view! {
                <div role="alert" class="w-full">
                    {trouble("refused", format!("The text typed is not \u{201c}{wanted}\u{201d}: nothing was removed."))}
                </div>
            })}
        </form>
    }
    .into_any()
}

fn downloads(feeds: Vec<AnyView>) -> AnyView {
    view! {
        <form method="post" action="/ui/changefeeds/export" class="mb-4 flex flex-wrap items-center gap-2">
            {feeds}
            <span class="text-sm">"Download configs first:"</span>
            <button class="btn" type="submit" name="format" value="json">
                "JSON"
            </button>
            <button class="btn" type="submit" name="format" value="toml">
                "TOML"
            </button>
        </form>
    }
    .into_any()
}

fn touched(rows: &[FeedRow]) -> AnyView {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let state = row.vitals.state;
            view! {
                <li class="flex min-h-8 flex-wrap items-center gap-2 border-b border-line px-3 py-1 last:border-0">
                    <a class="link wrap-anywhere" href=feed_address(&row.namespace, &row.id)>
                        {short(&full_name(&row.namespace, &row.id))}
                    </a>
                    <StateBadge state/>
                </li>
            }
        })
        .collect();
    view! {
        <h2 class="mb-2 text-lg">"These are touched"</h2>
        <ul aria-label="Touched" class="card mb-4 max-w-2xl text-sm">{rows}</ul>
    }
    .into_any()
}

fn left_out(skipped: &[(String, String)]) -> AnyView {
    if skipped.is_empty() {
        return ().into_any();
    }
    let rows: Vec<_> = skipped
        .iter()
        .map(|(name, why)| {
            view! {
                <li class="border-b border-line px-3 py-1.5 last:border-0">
                    <span class="wrap-anywhere">{short(name)}</span>
                    <span class="text-ink-2">{format!(": {why}")}</span>
                </li>
            }
        })
        .collect();
    view! {
        <h2 class="mb-2 text-lg">{format!("{} left out", skipped.len())}</h2>
        <ul aria-label="Left out" class="card mb-4 max-w-2xl text-sm">{rows}</ul>
    }
    .into_any()
}

fn commands(plan: &Plan) -> AnyView {
    let line = |row: &FeedRow| {
        let (namespace, id) = (&row.namespace, &row.id);
        match plan.action {
            Action::Remove => {
                format!("curl -X DELETE {SHELL_BASE}/api/v2/changefeeds/{id}?namespace={namespace}\"")
            }
            action => format!(
                "curl -X POST {SHELL_BASE}/api/v2/changefeeds/{id}/{}?namespace={namespace}\"",
                action.word()
            ),
        }
    };
    let lines: Vec<String> = plan.touched.iter().take(COMMANDS_MAX).map(line).collect();
    let more = plan.touched.len().saturating_sub(COMMANDS_MAX);
    let rest = if more > 0 {
        format!("\n# and {more} more")
    } else {
        String::new()
    };
    view! {
        <details>
            <summary class="mb-2 w-fit text-sm text-ink-2">"From a shell"</summary>
            {code("curl commands", lines.join("\n") + &rest)}
        </details>
    }
    .into_any()
}

/// Title and page of what was done.
pub(crate) fn result(batch: &Batch) -> (String, String) {
    let of = |wanted: fn(&Fate) -> bool| {
        let found = batch.fates.iter().filter(move |(_, fate)| wanted(fate));
        found.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let done = of(|fate| matches!(fate, Fate::Done));
    let failed = of(|fate| matches!(fate, Fate::Failed { .. }));
    let left_out = batch.fates.len() - done.len() - failed.len();
    let summary = format!("{} done, {left_out} skipped, {} failed", done.len(), failed.len());
    let title = format!("{}: {summary}", verb(batch.action));
    (title, html(|| result_view(batch, summary, done, failed)))
}

fn result_view(batch: &Batch, summary: String, done: Vec<String>, failed: Vec<String>) -> AnyView {
    let rows: Vec<AnyView> = batch
        .fates
        .iter()
        .map(|(name, fate)| fate_row(name, fate))
        .collect();
    let again = |action: Action, names: Vec<String>, text: String| {
        let confirm = (action == Action::Remove).then(|| phrase(names.len()));
        (!names.is_empty()).then(|| {
            view! {
                <form method="post" action="/ui/changefeeds/bulk">
                    <input type="hidden" name="action" value=action.word()/>
                    {confirm.map(|confirm| view! { <input type="hidden" name="confirm" value=confirm/> })}
                    {feeds(names.into_iter())}
                    <button class="btn" type="submit">
                        {text}
                    </button>
                </form>
            }
        })
    };
    let retry = format!("Retry the {} that failed", failed.len());
    let undo = (batch.action == Action::Pause).then(|| {
        let text = format!("Resume the {} that were paused", done.len());
        again(Action::Resume, done, text)
    });
    view! {
        <p role="status" class="mb-4 font-medium">
            {summary}
        </p>
        <div class="mb-4 flex flex-wrap gap-2">
            {back("Back to the list")} {again(batch.action, failed, retry)} {undo}
        </div>
        <div class="card max-w-4xl overflow-x-auto">
            <table class="data-table data-cards" role="table">
                <caption class="sr-only">"Result"</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        <th scope="col" role="columnheader">"Changefeed"</th>
                        <th scope="col" role="columnheader">"Result"</th>
                        <th scope="col" role="columnheader">"Why"</th>
                    </tr>
                </thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn fate_row(name: &str, fate: &Fate) -> AnyView {
    let (class, word, why) = match fate {
        Fate::Done => ("text-normal", "done", String::new()),
        Fate::Skipped(why) => ("text-ink-2", "skipped", why.clone()),
        Fate::Failed { code, message } => ("text-failed", "failed", format!("{message} ({code})")),
    };
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="!text-sm wrap-anywhere !whitespace-normal !text-ink">
                {short(name)}
            </th>
            <td role="cell" data-label="Result" class=class>
                {word}
            </td>
            <td role="cell" data-label="Why" data-empty=why.is_empty().then_some("") class="wrap-anywhere">
                {why.clone()}
            </td>
        </tr>
    }
    .into_any()
}
