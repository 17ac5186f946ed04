//! The entries as HTML, made by the server alone.

use crate::app::facts;
use crate::app::format;
use crate::app::ui::feed::{feed_address, feed_name};
use crate::app::ui::html::{code, html};
use leptos::prelude::*;
use tidegate_api::{ActivityChange, ActivityEntry};
use tidegate_model::{Clock, SystemClock};

/// What can be asked for by its word.
const ACTIONS: [&str; 13] = [
    "create",
    "update",
    "pause",
    "resume",
    "remove",
    "failed",
    "warning",
    "recovered",
    "finished",
    "log_level",
    "resign",
    "drain",
    "login",
];
const RESULTS: [&str; 4] = ["done", "failed", "refused", "begun"];

/// A page of entries and what was asked for.
pub(crate) struct Page {
    /// Address of the page, without a query.
    pub(crate) address: String,
    /// The entries of one changefeed: its column is left out.
    pub(crate) of_feed: bool,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) result: String,
    pub(crate) since: String,
    pub(crate) until: String,
    /// What is wrong with the question.
    pub(crate) fault: Option<String>,
    pub(crate) entries: Vec<ActivityEntry>,
    /// Address of the entries before these.
    pub(crate) older: Option<String>,
    /// Addresses of the same entries by the API, as a file and for the shell.
    pub(crate) download: String,
    pub(crate) curl: String,
    /// Changefeeds, as `namespace/id`, that exist.
    pub(crate) alive: Vec<String>,
}

/// The form of the filters, the entries, and the way to older ones.
pub(crate) fn page(page: Page) -> String {
    html(move || {
        let filters = filters(&page);
        let is_filtered = [&page.actor, &page.action, &page.result, &page.since, &page.until]
            .iter()
            .any(|text| !text.is_empty());
        let Page {
            of_feed,
            fault,
            entries,
            older,
            curl,
            alive,
            ..
        } = page;
        let older = older.map(|address| {
            view! {
                <p class="mt-4">
                    <a class="btn" href=address>
                        "Older"
                    </a>
                </p>
            }
        });
        let fault = fault.map(|text| crate::app::ui::html::trouble("filter-fault", text));
        let entries = match (entries.is_empty(), is_filtered) {
            (true, true) => {
                view! { <p class="py-8 text-sm text-ink-3">"No entry is like that."</p> }.into_any()
            }
            (true, false) => {
                view! { <p class="py-8 text-sm text-ink-3">"Nothing was changed yet."</p> }.into_any()
            }
            (false, _) => table(entries, of_feed, &alive),
        };
        view! {
            {filters}
            {fault}
            {entries}
            {older}
            <details class="mt-4 min-w-0">
                <summary class="link w-fit cursor-pointer text-sm">"As a command"</summary>
                <div class="mt-2">{code("command", curl)}</div>
            </details>
        }
        .into_any()
    })
}

/// The newest entries in short, for the first page.
pub(crate) fn recent(entries: Vec<ActivityEntry>) -> String {
    html(|| {
        if entries.is_empty() {
            return view! { <p class="text-sm text-ink-3">"Nothing was changed yet."</p> }.into_any();
        }
        let lines: Vec<AnyView> = entries.into_iter().map(line).collect();
        view! { <ul class="card divide-y divide-line">{lines}</ul> }.into_any()
    })
}

fn line(entry: ActivityEntry) -> AnyView {
    let feed = entry.changefeed.as_ref().map(|feed| {
        view! {
            <a class="link wrap-anywhere" href=feed_address(&feed.namespace, &feed.id)>
                {feed_name(&feed.namespace, &feed.id)}
            </a>
        }
    });
    view! {
        <li class="flex flex-wrap items-baseline gap-x-2 px-4 py-2 text-sm">
            <span class="num text-xs text-ink-3">{time(&entry.time)}</span>
            <span class="font-medium">{entry.action.clone()}</span>
            {feed}
            <span class="text-ink-2">"by " {who(&entry)}</span>
            {(!matches!(entry.result.as_str(), "done")).then(|| result(&entry))}
        </li>
    }
    .into_any()
}

fn filters(page: &Page) -> AnyView {
    let text = |name: &'static str, label: &'static str, kind: &'static str, value: &String| {
        view! {
            <div class="min-w-0">
                <label for=name class="mb-1 block text-xs font-medium text-ink-2">{label}</label>
                <input class="input" type=kind id=name name=name value=value.clone() autocomplete="off"/>
            </div>
        }
        .into_any()
    };
    view! {
        <form method="get" action=page.address.clone() role="search" aria-label="Filter the activity"
            class="mb-4 grid grid-cols-[minmax(0,1fr)] items-end gap-3 sm:grid-cols-3 xl:grid-cols-[repeat(5,minmax(0,1fr))_auto]">
            {text("actor", "Who", "text", &page.actor)}
            {choice("action", "Action", "any action", &ACTIONS, &page.action)}
            {choice("result", "Result", "any result", &RESULTS, &page.result)}
            {text("since", "From, UTC", "datetime-local", &page.since)}
            {text("until", "Until, UTC", "datetime-local", &page.until)}
            <div class="flex flex-wrap gap-2">
                <button class="btn btn-primary" type="submit">"Filter"</button>
                <a class="btn" href=page.address.clone()>"All"</a>
                <a class="btn" href=page.download.clone() download rel="external">"Download"</a>
            </div>
        </form>
    }
    .into_any()
}

fn choice(
    name: &'static str,
    label: &'static str,
    any: &'static str,
    words: &'static [&'static str],
    chosen: &str,
) -> AnyView {
    let options: Vec<AnyView> = words
        .iter()
        .map(|word| view! { <option value=*word selected=*word == chosen>{*word}</option> }.into_any())
        .collect();
    view! {
        <div class="min-w-0">
            <label for=name class="mb-1 block text-xs font-medium text-ink-2">{label}</label>
            <select class="input" id=name name=name>
                <option value="">{any}</option>
                {options}
            </select>
        </div>
    }
    .into_any()
}

fn table(entries: Vec<ActivityEntry>, of_feed: bool, alive: &[String]) -> AnyView {
    let rows: Vec<AnyView> = entries
        .into_iter()
        .map(|entry| row(entry, of_feed, alive))
        .collect();
    let feed = (!of_feed).then(|| view! { <th scope="col" role="columnheader">"Changefeed"</th> });
    view! {
        <div class="card overflow-x-auto">
            <table class="data-table data-cards" role="table">
                <caption class="sr-only">"Activity"</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        <th scope="col" role="columnheader">"Time"</th>
                        <th scope="col" role="columnheader">"Who"</th>
                        <th scope="col" role="columnheader">"Action"</th>
                        {feed}
                        <th scope="col" role="columnheader">"Result"</th>
                        <th scope="col" role="columnheader">"Changes"</th>
                    </tr>
                </thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(entry: ActivityEntry, of_feed: bool, alive: &[String]) -> AnyView {
    let named = entry.changefeed.as_ref();
    let key = named.map_or_else(String::new, |feed| format!("{}/{}", feed.namespace, feed.id));
    let is_gone = named.is_some() && !alive.contains(&key);
    let name = named.map(|feed| feed_name(&feed.namespace, &feed.id));
    let link = named.map(|feed| feed_address(&feed.namespace, &feed.id));
    let feed = (!of_feed).then(|| {
        let name = match (name, link) {
            (Some(name), Some(link)) if !is_gone => {
                view! { <a class="link wrap-anywhere" href=link>{name}</a> }.into_any()
            }
            (name, _) => view! { <span class="wrap-anywhere">{name}</span> }.into_any(),
        };
        view! { <td role="cell" data-label="Changefeed">{name}</td> }
    });
    let recreate = (is_gone && entry.action == "remove" && entry.result == "done").then(|| {
        view! {
            <a class="link block w-fit py-1" href=format!("/ui/changefeeds/new?recreate={key}")>
                "Recreate"
                <span class="sr-only">" " {key.clone()}</span>
            </a>
        }
    });
    view! {
        <tr role="row">
            <td role="cell" data-label="Time">
                {time(&entry.time)}
                <span class="block text-xs text-ink-3">{format!("#{}", entry.id)}</span>
            </td>
            <th scope="row" role="rowheader" class="!text-sm !text-ink">
                {actor(&entry)}
                <span class="block text-xs font-normal text-ink-3">{entry.address.clone()}</span>
            </th>
            <td role="cell" data-label="Action">
                {entry.action.clone()}
                {recreate}
            </td>
            {feed}
            <td role="cell" data-label="Result">
                {result(&entry)}
                <span class="block font-mono text-xs wrap-anywhere text-ink-3">{entry.code.clone()}</span>
            </td>
            <td role="cell" data-label="Changes">
                {changed(entry.changes, entry.message)}
            </td>
        </tr>
    }
    .into_any()
}

fn result(entry: &ActivityEntry) -> AnyView {
    let class = match entry.result.as_str() {
        "done" => "text-normal",
        "begun" => "text-ink-2",
        _ => "text-failed",
    };
    view! { <span class=class>{entry.result.clone()}</span> }.into_any()
}

fn changed(changes: Vec<ActivityChange>, message: String) -> AnyView {
    let message = (!message.is_empty()).then(
        || view! { <p class="max-w-prose text-xs whitespace-normal wrap-anywhere text-ink-2">{message}</p> },
    );
    if changes.is_empty() {
        return message.into_any();
    }
    let count = crate::app::format::count(changes.len(), "change", "changes");
    let lines: Vec<AnyView> = changes
        .into_iter()
        .map(|change| {
            view! {
                <li class="font-mono text-xs whitespace-normal wrap-anywhere">
                    {change.path} ": " <del>{change.from.to_string()}</del> " → " <ins>{change.to.to_string()}</ins>
                </li>
            }
            .into_any()
        })
        .collect();
    view! {
        {message}
        <details>
            <summary class="w-fit cursor-pointer py-0.5 text-sm">{count}</summary>
            <ul class="mt-1 grid gap-1">{lines}</ul>
        </details>
    }
    .into_any()
}

/// The engine stands out from people.
fn actor(entry: &ActivityEntry) -> AnyView {
    if is_engine(entry) {
        view! { <span class="badge badge-stopped">{who(entry)}</span> }.into_any()
    } else {
        who(entry).into_any()
    }
}

fn is_engine(entry: &ActivityEntry) -> bool {
    entry.actor.kind == "engine"
}

/// The name and, for people, the role.
pub(crate) fn who(entry: &ActivityEntry) -> String {
    match (entry.actor.name.as_str(), entry.actor.role.as_str()) {
        ("", _) => "unknown".to_owned(),
        (name, "") => name.to_owned(),
        (name, role) => format!("{name} ({role})"),
    }
}

/// When it was, in full on hover.
pub(crate) fn time(written: &str) -> AnyView {
    let Some(ms) = format::parse_rfc3339(written) else {
        return written.to_owned().into_any();
    };
    let now_ms = SystemClock.unix_ms();
    view! {
        <time class="num" datetime=written.to_owned() title=facts::moment(ms)>
            {facts::when(ms, now_ms)}
        </time>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_api::{ActivityTarget, Actor};

    fn made(alive: &[&str]) -> String {
        let entry = |action: &str, kind: &str, message: &str| ActivityEntry {
            action: action.to_owned(),
            actor: Actor {
                name: kind.to_owned(),
                kind: kind.to_owned(),
                ..Actor::default()
            },
            changefeed: Some(ActivityTarget {
                namespace: "default".to_owned(),
                id: "orders".to_owned(),
            }),
            result: "done".to_owned(),
            message: message.to_owned(),
            ..ActivityEntry::default()
        };
        page(Page {
            address: "/ui/activity".to_owned(),
            of_feed: false,
            actor: "\"><b>".to_owned(),
            action: "remove".to_owned(),
            result: String::new(),
            since: String::new(),
            until: String::new(),
            fault: None,
            entries: vec![
                entry("remove", "session", ""),
                entry("failed", "engine", "<script>"),
            ],
            older: None,
            download: String::new(),
            curl: String::new(),
            alive: alive.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    #[test]
    fn a_removed_changefeed_can_be_recreated_until_it_is_there_again() {
        let link = "/ui/changefeeds/new?recreate=default/orders";
        assert!(made(&[]).contains(link));
        assert!(!made(&["default/orders"]).contains(link));
    }

    #[test]
    fn what_was_typed_is_no_markup_and_the_engine_stands_out() {
        let html = made(&[]);
        assert!(!html.contains("<script>") && !html.contains("<b>"));
        assert_eq!(html.matches("badge badge-stopped").count(), 1);
        assert!(html.contains("value=\"remove\" selected"));
    }
}
